"""Small logs of one tag in every format, written by hand as their writers do."""

from __future__ import annotations

import json
import sqlite3
import struct
import tempfile
import zlib
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from tensorboard.summary.writer.record_writer import RecordWriter

from stepbridge.logs import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepbridge.logs import Format

#: What a file of each format is called.
NAMES: dict[Format, str] = {
    "tfevents": "events.out.tfevents.1.host",
    "lightning_csv": "metrics.csv",
    "keras_csv": "log.csv",
    "trainer_state": "trainer_state.json",
    "mmengine": "scalars.json",
    "mmcv": "20200101_000000.log.json",
    "detectron2": "metrics.json",
    "ultralytics": "results.csv",
    "sb3": "progress.csv",
    "mlflow": "loss",
    "mlflow_db": "mlflow.db",
    "wandb": "run-1.wandb",
    "wandb_history": "wandb-history.jsonl",
    "csv": "table.csv",
    "jsonl": "log.jsonl",
    "text": "train.log",
    "llama_factory": "trainer_log.jsonl",
    "rllib": "result.json",
    "stylegan": "stats.jsonl",
    "dvclive": "x.tsv",
    "trackio": "project.db",
}

#: The formats that a small log can be made of. In others, a step follows from the values.
FORMS: tuple[Format, ...] = tuple(form for form in FORMATS if form in NAMES)

Row = tuple[int, float]

TABLES: dict[Format, tuple[str, str]] = {
    "lightning_csv": ("step,epoch,{tag}\n", "{step},0,{value}\n"),
    "keras_csv": ("epoch,loss,{tag}\n", "{step},,{value}\n"),
    "ultralytics": ("epoch,train/loss,x/lr0,{tag}\n", "{step},,,{value}\n"),
    "sb3": ("time/total_timesteps,{tag}\n", "{step},{value}\n"),
    "csv": ("step,loss,{tag}\n", "{step},0.5,{value}\n"),
    "dvclive": ("step\t{tag}\n", "{step}\t{value}\n"),
}
OBJECTS: dict[Format, str] = {
    "mmengine": '{{"step": {step}, {tag}: {value}}}\n',
    "mmcv": '{{"mode": "train", "epoch": 1, "iter": {step}, {tag}: {value}}}\n',
    "detectron2": '{{"iteration": {step}, {tag}: {value}, "total_loss": 0.5}}\n',
    "wandb_history": '{{"_step": {step}, {tag}: {value}}}\n',
    "jsonl": '{{"step": {step}, {tag}: {value}}}\n',
    "llama_factory": '{{"current_steps": {step}, "total_steps": 0.5, {tag}: {value}}}\n',
    "rllib": '{{"timesteps_total": {step}, "training_iteration": 0.5, {tag}: {value}}}\n',
    "stylegan": '{{{tag}: {value}, "Progress/kimg": {{"num": 0.5, "mean": {step}e-3, "std": 0.5}}}}\n',
}


def small_log(form: Format, rows: Iterable[Row], tag: str = "x") -> bytes:
    """Make the bytes of a log that has these steps (epochs, where the format has no steps) and values of one tag."""
    rows = list(rows)
    if form in TABLES:
        head, line = TABLES[form]
        return encoded("".join([head.format(tag=tag), *(line.format(step=s, value=v) for s, v in rows)]))
    if form in OBJECTS:
        key = json.dumps(tag, ensure_ascii=False)
        return encoded("".join(OBJECTS[form].format(step=s, tag=key, value=json.dumps(v)) for s, v in rows))
    if form == "trainer_state":
        entries = [{tag: value, "step": step} for step, value in rows]
        return encoded(json.dumps({"log_history": entries}, indent=1, ensure_ascii=False))
    if form == "mlflow":
        return encoded("".join(f"1664364007310 {value} {step}\n" for step, value in rows))
    if form == "text":
        return encoded("".join(f"Epoch 1, Iter 1, Step {step}: {tag} {value}\n" for step, value in rows))
    return {"tfevents": events, "wandb": data_store, "mlflow_db": database, "trackio": trackio}[form](rows, tag)


def events(rows: list[Row], tag: str) -> bytes:
    """Make an event file: events by hand, as their own class takes only tags that are text, framed by TensorBoard."""
    file = BytesIO()
    writer = RecordWriter(file)
    time = b"\x09" + struct.pack("<d", 2.0)
    writer.write(time + field(3, b"brain.Event:2"))
    for step, value in rows:
        summary = field(1, field(1, encoded(tag)) + b"\x15" + struct.pack("<f", value))
        writer.write(time + b"\x10" + varint(step % 2**64) + field(5, summary))
    return file.getvalue()


def encoded(tag: str) -> bytes:
    """Give the bytes of a tag; half a surrogate is a byte that is not text."""
    return tag.encode(errors="surrogateescape")


def data_store(rows: list[Row], tag: str) -> bytes:
    """Make a `.wandb` file; its blocks are those of LevelDB's log."""
    file = bytearray(struct.pack("<4sHB", b":W&B", 0xBEE1, 0))
    for step, value in rows:
        items = [(encoded(tag), json.dumps(value).encode()), (b"_step", str(step).encode())]
        history = b"".join(field(1, field(1, key) + field(16, text)) for key, text in items)
        record, first = field(2, history), True
        while record or first:
            room = 32768 - len(file) % 32768
            if room < 7:
                file += bytes(room)
                room = 32768
            part, record = record[: room - 7], record[room - 7 :]
            kind = {(True, True): 1, (True, False): 2, (False, False): 3, (False, True): 4}[first, not record]
            file += struct.pack("<IHB", zlib.crc32(bytes([kind]) + part), len(part), kind) + part
            first = False
    return bytes(file)


def field(number: int, content: bytes) -> bytes:
    """Make a field of bytes in the protobuf encoding."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(number: int) -> bytes:
    """Make a number of the protobuf encoding."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def database(rows: list[Row], tag: str) -> bytes:
    """Make a store of MLflow's, as far as it holds metrics."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mlflow.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript("""
                CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name VARCHAR(256) NOT NULL);
                CREATE TABLE runs (run_uuid VARCHAR(32) PRIMARY KEY, name VARCHAR(250), experiment_id INTEGER);
                CREATE TABLE tags (key VARCHAR(250) NOT NULL, value VARCHAR(5000), run_uuid VARCHAR(32) NOT NULL);
                CREATE TABLE metrics (key VARCHAR(250) NOT NULL, value FLOAT NOT NULL, timestamp BIGINT NOT NULL,
                    run_uuid VARCHAR(32) NOT NULL, step BIGINT NOT NULL, is_nan BOOLEAN NOT NULL);
                INSERT INTO experiments VALUES (0, 'Default');
                INSERT INTO runs VALUES ('aaaaaaaa1111', 'bald-cow', 0);
            """)
            largest = 1.7976931348623157e308
            for step, value in rows:
                # As MLflow stores what SQL has no number for.
                stored = 0.0 if value != value else max(-largest, min(largest, value))
                cells = (encoded(tag), stored, 1_700_000_000_000, "aaaaaaaa1111", step, value != value)
                connection.execute("INSERT INTO metrics VALUES (CAST(? AS TEXT), ?, ?, ?, ?, ?)", cells)
            connection.commit()
        return path.read_bytes()


def trackio(rows: list[Row], tag: str) -> bytes:
    """Make a store of Trackio's, of one run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "project.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("""
                CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL,
                    run_name TEXT NOT NULL, step INTEGER NOT NULL, metrics TEXT NOT NULL)
            """)
            for step, value in rows:
                # As Trackio writes what JSON has no number for.
                special = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(str(value), value)
                values = encoded(json.dumps({tag: special}, ensure_ascii=False))
                cells = ("2025-08-01T12:00:00+00:00", "brave-sky", step, values)
                connection.execute(
                    "INSERT INTO metrics (timestamp, run_name, step, metrics) VALUES (?, ?, ?, CAST(? AS TEXT))", cells
                )
            connection.commit()
        return path.read_bytes()
