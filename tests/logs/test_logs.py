"""Reading: real logs against what is known of them and against TensorBoard, damaged ones against their sound selves."""

from __future__ import annotations

import hashlib
import math
import re
import struct
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

from stepbridge.logs import FORMATS, Logs, Problem, read_logs
from stepbridge.timeline import Timeline

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Fact


def known(fact: Fact, pattern: str) -> tuple[str, ...] | None:
    """Find something in what is known of a file."""
    match = re.search(pattern, fact.known)
    return match.groups() if match else None


def whole(path: Path, fact: Fact) -> Logs:
    """Read one file, which must be the one that is known."""
    assert hashlib.sha256(path.read_bytes()).hexdigest() == fact.sha256
    return read_logs(path)


@pytest.mark.of_format("tfevents", "tfevents")
def test_event_files_hold_what_is_known_of_them(fact: Fact) -> None:
    if "NOT an event file" in fact.known:
        with pytest.raises(ValueError, match="it is a Git LFS pointer"):
            read_logs(fact.path)
        return
    logs = whole(fact.path, fact)
    seen = known(fact, r"(\d+) events, (\d+) tags, steps (-?\d+)\.\.(-?\d+), longest tag '([^']+)' n=(\d+)")
    assert seen is not None
    events, tags, first, last, longest, count = seen
    (file,) = logs.files
    assert file.format == "tfevents"
    assert file.records_ok == int(events)
    frame = logs.to_polars()
    if file.non_numeric == 0:
        assert len(logs.tags) == int(tags)
        assert (frame["step"].min(), frame["step"].max()) == (int(first), int(last))
    if longest in logs.tags:
        assert frame.filter(pl.col("tag") == longest).height == int(count)


@pytest.mark.of_format("tfevents", "tfevents")
def test_event_files_agree_with_event_accumulator(fact: Fact) -> None:
    if "NOT an event file" in fact.known:
        pytest.skip("a Git LFS pointer")
    frame = read_logs(fact.path).to_polars()
    ours = {
        str(tag): group.select("wall_time", "step", "value").rows()
        for (tag,), group in frame.group_by("tag", maintain_order=True)
    }
    assert ours == by_event_accumulator(fact.path)


def by_event_accumulator(path: Path) -> dict[str, list[tuple[float, int, float]]]:
    """Read every scalar, old and new form, as TensorBoard does; nothing sampled, nothing purged."""
    events = EventAccumulator(str(path), size_guidance={"scalars": 0, "tensors": 0}, purge_orphaned_data=False)
    events.Reload()
    found = {
        tag: [(event.wall_time, event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }
    for tag in events.Tags()["tensors"]:
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            found[tag] = [
                (event.wall_time, event.step, tensor_util.make_ndarray(event.tensor_proto).item())
                for event in events.Tensors(tag)
            ]
    return found


@pytest.mark.of_format("lightning", "metrics.csv")
def test_lightning_files_hold_what_is_known_of_them(fact: Fact) -> None:
    logs = whole(fact.path, fact)
    frame = logs.to_polars()
    rows, first, last = known(fact, r"(\d+) rows; step (\d+)\.\.(\d+)") or pytest.fail("rows and steps are known")
    epochs = known(fact, r"epoch (\d+)\.\.(\d+)") or pytest.fail("the epochs are known")
    odd = known(fact, r"(\d+) nan/inf cells") or ("0",)
    (file,) = logs.files
    assert (file.format, file.records_ok, logs.problems) == ("lightning_csv", int(rows), ())
    assert (frame["step"].min(), frame["step"].max()) == (int(first), int(last))
    assert (frame["epoch_logged"].min(), frame["epoch_logged"].max()) == (float(epochs[0]), float(epochs[1]))
    assert frame.filter(~pl.col("value").is_finite()).height == int(odd[0])


@pytest.mark.of_format("lightning", "metrics.csv")
def test_lightning_cells_agree_with_polars(fact: Fact) -> None:
    tags = [name for name in pl.read_csv(fact.path, n_rows=0).columns if name not in {"step", "epoch"}]
    table = pl.read_csv(fact.path, schema_overrides=dict.fromkeys(tags, pl.Float64))
    long = table.unpivot(tags, index=["step"], variable_name="tag").drop_nulls("value")
    ours = read_logs(fact.path).to_polars().select("step", pl.col("tag").cast(pl.String), "value")
    assert sorted(map(repr, long.select("step", "tag", "value").rows())) == sorted(map(repr, ours.rows()))


@pytest.mark.of_format("trainer_state", "trainer_state.json")
def test_trainer_states_hold_what_is_known_of_them(fact: Fact) -> None:
    logs = whole(fact.path, fact)
    rows, nans = known(fact, r"(\d+) log rows, .*?NaN=(\d+)") or pytest.fail("the rows are known")
    step, epoch = known(fact, r"global_step (\d+) of max \d+, epoch ([\d.]+)") or pytest.fail("the end is known")
    (file,) = logs.files
    assert (file.format, file.records_ok, logs.problems) == ("trainer_state", int(rows), ())
    frame = logs.to_polars()
    # NaN cells of the file, whatever their tag.
    assert frame.filter(pl.col("value").is_nan()).height == int(nans)
    # Nothing is logged past where the state was saved, and a whole log reaches it but for one logging interval.
    last = frame.filter(pl.col("step") == pl.col("step").max())
    assert int(step) * 0.95 <= last["step"][0] <= int(step)
    assert last["epoch_logged"][0] <= float(epoch) + 0.005


def test_a_tree_of_runs_is_named_by_its_folders(data: Path) -> None:
    logs = read_logs(data / "trainer_state")
    assert "paulohenriquecrs__RoBERTa_SEQ_CLS_LoRA_Portuguese/results" in logs.runs
    repeated = [problem.file for problem in logs.problems if problem.kind == "repeated"]
    assert len(repeated) == 5
    assert all("checkpoint" in file for file in repeated)
    # A checkpoint that is asked for by name is read.
    alone = read_logs(data / "trainer_state" / repeated[1])
    assert (alone.runs, alone.problems) == (["."], ())


# --- made by hand, and damaged ------------------------------------------------------------------------------------


@pytest.fixture
def event_file(demo: Path) -> Path:
    return min((demo / "mnist_cnn" / "tensorboard").rglob("*tfevents*"))


def frames(content: bytes) -> list[tuple[int, int]]:
    """List where each frame of an event file begins and ends."""
    begin, found = 0, []
    while begin < len(content):
        end = begin + struct.unpack_from("<Q", content, begin)[0] + 16
        found.append((begin, end))
        begin = end
    return found


def records(logs: Logs) -> list[tuple[Any, ...]]:
    columns = logs.to_polars().select(pl.col("tag").cast(pl.String), "step", "wall_time", "value")
    # NaN is not itself.
    return [
        tuple(None if isinstance(cell, float) and math.isnan(cell) else cell for cell in row) for row in columns.rows()
    ]


def test_a_flipped_bit_costs_its_record_alone(event_file: Path, tmp_path: Path) -> None:
    sound = event_file.read_bytes()
    all_frames = frames(sound)
    victim, (begin, end) = next((i, f) for i, f in enumerate(all_frames) if b"train_loss" in sound[f[0] : f[1]])
    expected = records(read_logs(event_file))
    damaged = tmp_path / event_file.name
    for at in range(begin, end):
        damaged.write_bytes(sound[:at] + bytes([sound[at] ^ 0x10]) + sound[at + 1 :])
        logs = read_logs(damaged)
        (problem,) = logs.problems
        assert problem[:4] == (damaged.name, begin, victim, "corrupt")
        assert problem.length == end - begin
        left = records(logs)
        lost = [record for record in expected if record not in left]
        assert lost, at
        assert {record[1] for record in lost} == {lost[0][1]}, "one event's values"


def test_a_cut_is_a_torn_tail(event_file: Path, tmp_path: Path) -> None:
    sound = event_file.read_bytes()
    expected = records(read_logs(event_file))
    ends = [0, *(end for _, end in frames(sound))]
    cut = tmp_path / event_file.name
    for size in range(1, len(sound)):
        cut.write_bytes(sound[:size])
        logs = read_logs(cut)
        assert records(logs) == expected[: len(logs)]
        if size in ends:
            assert logs.problems == ()
        else:
            (problem,) = logs.problems
            assert (problem.kind, problem.offset) == ("truncated", max(end for end in ends if end < size))


def test_a_csv_without_a_column_names_it_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss\n0,0.5\n1,0.25\n")
    logs = read_logs(path)
    assert records(logs) == [("loss", 0, None, 0.5), ("loss", 1, None, 0.25)]
    assert logs.problems == (
        Problem(
            "metrics.csv",
            None,
            None,
            "missing_column",
            "the table has no column 'epoch': its records state no epoch",
            None,
        ),
    )
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="neither a column 'step' nor a column 'epoch'"):
        read_logs(path)


def test_json_that_is_cut_keeps_the_entries_before(demo: Path, tmp_path: Path) -> None:
    sound = next((demo / "roberta_lora").rglob("trainer_state.json"))
    content = sound.read_bytes()
    path = tmp_path / "trainer_state.json"
    path.write_bytes(content[: len(content) // 2])
    logs = read_logs(path)
    (problem,) = logs.problems
    assert problem.kind == "truncated"
    assert "log_history" in problem.reason
    assert 0 < logs.files[0].records_ok < read_logs(sound).files[0].records_ok
    assert records(logs) == records(read_logs(sound))[: len(logs)]


def test_one_bad_file_does_not_cost_the_folder(event_file: Path, tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / event_file.name).write_bytes(event_file.read_bytes())
    (tmp_path / "events.out.tfevents.0.empty").write_bytes(b"")
    (tmp_path / "events.out.tfevents.1.noise").write_bytes(bytes(range(256)) * 8)
    (tmp_path / "metrics.csv").write_bytes(b"\x00\x01\x02")
    (tmp_path / "trainer_state.json").write_text("[]")
    (tmp_path / "notes.txt").write_text("no log, and nothing to report")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "latest").symlink_to(tmp_path / "good")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    logs = read_logs(tmp_path)
    assert logs.runs == ["good"]
    assert records(logs) == records(read_logs(event_file))
    assert {(problem.file, problem.kind) for problem in logs.problems} == {
        ("events.out.tfevents.0.empty", "empty"),
        ("events.out.tfevents.1.noise", "not_a_log"),
        ("metrics.csv", "not_a_log"),
        ("trainer_state.json", "not_a_log"),
        ("loop", "symlink_loop"),
        ("nowhere", "unreadable"),
    }


def test_nothing_to_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no file or folder .*; give a log file"):
        read_logs(tmp_path / "absent")
    with pytest.raises(ValueError, match="holds no file; give one that holds a log of TensorBoard, W&B, "):
        read_logs(tmp_path)
    other = tmp_path / "notes.txt"
    other.write_text("step 1")
    with pytest.raises(ValueError, match="none of its 1 files is a log of TensorBoard, W&B, "):
        read_logs(tmp_path)
    with pytest.raises(ValueError, match="is not a log of a known format"):
        read_logs(other)
    (tmp_path / "metrics.csv").write_bytes(b"")
    with pytest.raises(ValueError, match=r"no log could be read at .*: metrics.csv: the file has no bytes"):
        read_logs(tmp_path)


def test_large_files_read_in_parts_are_as_their_small_selves(event_file: Path, tmp_path: Path) -> None:
    # No frame depends on another, so a file repeated is a file.
    once = read_logs(event_file)
    times = (9 << 20) // event_file.stat().st_size
    large = tmp_path / event_file.name
    large.write_bytes(event_file.read_bytes() * times)
    logs = read_logs(large)
    assert logs.problems == ()
    assert logs.files[0].records_ok == once.files[0].records_ok * times
    assert records(logs) == records(once) * times


# --- the ways out -------------------------------------------------------------------------------------------------


def test_a_table_leaves_as_it_is(demo: Path) -> None:
    table = read_logs(demo).reindex()
    columns = ["run", "tag", "step", "epoch", "iter", "epoch_float", "epoch_logged", "wall_time", "value", "source"]
    assert table.column_names == columns
    assert (
        len(table) == table.num_rows == table.to_polars().height == table.to_arrow().num_rows == len(table.to_pandas())
    )
    assert pl.DataFrame(table).columns == columns
    frame = table.to_polars().filter(pl.col("run") == "mnist_cnn/csv/version_0")
    assert frame.filter(pl.col("epoch").is_not_null() & (pl.col("epoch") != pl.col("epoch_logged"))).height == 0
    assert frame.filter(pl.col("epoch").is_not_null()).height > 150


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl", ".arrow"])
def test_a_written_table_reads_back(demo: Path, tmp_path: Path, ending: str) -> None:
    readers: dict[str, Any] = {
        ".parquet": pl.read_parquet,
        ".csv": pl.read_csv,
        ".jsonl": pl.read_ndjson,
        ".arrow": pl.read_ipc,
    }
    table = read_logs(demo).reindex()
    path = tmp_path / f"table{ending}"
    path.write_text("what was there before")
    table.write(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    options = {"infer_schema_length": None} if ending in {".csv", ".jsonl"} else {}
    names = [pl.col(name).cast(pl.String) for name in ("run", "tag", "source")]
    wanted = table.to_polars().with_columns(names)
    assert readers[ending](path, **options).with_columns(names).cast(wanted.schema).equals(wanted)


def test_an_output_is_written_whole_or_not_at_all(demo: Path, tmp_path: Path) -> None:
    logs = read_logs(demo)
    with pytest.raises(ValueError, match=r"must end in \.parquet, \.csv, \.jsonl or \.arrow"):
        logs.write(tmp_path / "table.xlsx")
    (tmp_path / "taken.csv").mkdir()
    with pytest.raises(OSError, match=r"cannot be written .*; nothing was written"):
        logs.write(tmp_path / "taken.csv")
    with pytest.raises(OSError, match="nothing was written"):
        logs.write(tmp_path / "absent" / "table.csv")
    assert [file.name for file in tmp_path.iterdir()] == ["taken.csv"]


def test_reindexing_takes_a_plan_a_plan_a_run_or_nothing(event_file: Path) -> None:
    logs = read_logs(event_file)
    plan = Timeline.plan(batches_per_epoch=1719, epochs=5)
    frames = [
        logs.reindex(given, unit="step", base=0).to_polars().drop("run", "tag", "source")
        for given in (plan, {".": plan}, None)
    ]
    assert frames[0].equals(frames[1])
    assert frames[0].filter(pl.col("step") == 1719)["epoch"].unique().to_list() in ([1], [])
    assert logs.reindex(plan, convention="lightning").to_polars().drop("run", "tag", "source").equals(frames[0])
    assert "batch" in logs.reindex(plan, batch=True).column_names
    with pytest.raises(ValueError, match="convention= sets unit= and base= too"):
        logs.reindex(plan, convention="lightning", base=0)
    with pytest.raises(ValueError, match="base must be 0 or 1, not 2"):
        logs.reindex(plan, base=2)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a Timeline, timelines by run or None is expected, not int"):
        logs.reindex(1719)  # type: ignore[arg-type]


def test_inference_gives_the_timeline_and_its_evidence(demo: Path) -> None:
    found = read_logs(demo / "mnist_cnn" / "csv").infer()
    (inferred,) = found.values()
    assert inferred.timeline == Timeline.plan(batches_per_epoch=1719)
    assert (inferred.unit, inferred.base) == ("st", 0)
    assert "1719 steps an epoch" in inferred.evidence


def test_the_error_for_an_unknown_format_names_all_of_them() -> None:
    with pytest.raises(ValueError, match="there is no format") as refused:
        read_logs(".", format="nothing")
    assert str(refused.value).split("expected one of ")[1].split(", ") == list(FORMATS)
