"""Logs on a common axis, as event files: what TensorBoard shows of them, and every summary next to a slow oracle."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api as hparams
from tensorboard.summary.writer.record_writer import RecordWriter

import stepbridge as sb
from conftest import DATA
from shown import by_accumulator, by_server

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepbridge.logs import Axis

#: 7 batches an epoch: 6 of 4 samples and one of 2.
BATCHES, SIZE, SAMPLES = 7, 4, 26
PLAN = sb.Timeline.plan(samples=SAMPLES, batch_size=SIZE, tokens_per_sample=10)
DEMO = Path(__file__).parents[2] / "demo" / "logs"


def axis_of(step: int, axis: Axis) -> int:
    """Count batch by batch how much is done after the batch with this index."""
    samples = batches = epochs = 0
    inside = 0
    for _ in range(step + 1):
        left = SAMPLES - inside
        inside += min(SIZE, left)
        samples += min(SIZE, left)
        batches += 1
        if inside == SAMPLES:
            epochs, inside = epochs + 1, 0
    micro = round((epochs + inside / SAMPLES) * 1_000_000)
    return {"epoch": micro, "sample": samples, "token": 10 * samples, "batch": batches, "step": batches}[axis]


class Value(NamedTuple):
    """A summary as it is in a file."""

    step: int
    wall_time: float
    content: bytes


def events(folder: Path) -> dict[str, list[Event]]:
    """Read every event below a folder as TensorBoard does, by the folder of its file."""
    found: dict[str, list[Event]] = defaultdict(list)
    for file in sorted(folder.rglob("*tfevents*")):
        found[file.parent.relative_to(folder).as_posix()] += LegacyEventFileLoader(str(file)).Load()
    return found


def values(folder: Path) -> dict[tuple[str, str], list[Value]]:
    """List every summary below a folder by run and tag."""
    found: dict[tuple[str, str], list[Value]] = defaultdict(list)
    for run, all_events in events(folder).items():
        for event in all_events:
            for value in event.summary.value:
                content = value.SerializeToString(deterministic=True)
                found[run, value.tag].append(Value(event.step, event.wall_time, content))
    return found


def write(file: Path, logged: Iterable[Event]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        writer = RecordWriter(out)
        for event in (Event(wall_time=1.0, file_version="brain.Event:2"), *logged):
            writer.write(event.SerializeToString())
    return file


def scalar(tag: str, value: float) -> Summary.Value:
    return Summary.Value(tag=tag, simple_value=value)


def histogram(tag: str) -> Summary.Value:
    return Summary.Value(tag=tag, histo={"min": 0, "max": 1, "num": 2, "bucket_limit": [1], "bucket": [2]})


def event(step: int, *logged: Summary.Value, at: float | None = None) -> Event:
    return Event(step=step, wall_time=100.0 + step if at is None else at, summary=Summary(value=logged))


def rich(steps: Iterable[int], at: float = 0.0) -> list[Event]:
    """List events of every kind, some of several values."""
    found = []
    for step in steps:
        image = Summary.Image(height=1, width=1, colorspace=1, encoded_image_string=b"png" * 100)
        time = at + step
        found += [
            event(step, scalar("loss", step / 8), at=time),
            event(step, scalar("lr", 0.5), histogram("weights"), scalar("accuracy", step / 16), at=time),
            event(step, Summary.Value(tag="sample", image=image), at=time),
        ]
    return found


AXES: tuple[Axis, ...] = ("epoch", "sample", "token", "batch", "step")


@pytest.mark.parametrize("axis", AXES)
def test_every_summary_is_kept_with_another_step(tmp_path: Path, axis: Axis) -> None:
    session = [Event(step=0, session_log=SessionLog(status=SessionLog.START))]
    graph = Event(wall_time=2.0, graph_def=b"graph")
    params = [
        Event(summary=summary) for summary in (hparams.hparams_pb({"lr": 0.5}, trial_id="1"),) if summary is not None
    ]
    logged = [graph, *session, *params, *rich(range(20))]
    write(tmp_path / "in" / "a" / "b" / "events.out.tfevents.1.x", logged)
    found = sb.rewrite(tmp_path / "in", tmp_path / "out", PLAN, axis=axis, unit="step", base=0)
    expected = values(tmp_path / "in")
    for key, series in expected.items():
        expected[key] = [value._replace(step=axis_of(value.step, axis)) for value in series]
    assert values(tmp_path / "out") == expected
    assert (found.records, found.files, found.left_out) == (sum(map(len, expected.values())), 1, ())
    kept = events(tmp_path / "out")["a/b"]
    assert [event.WhichOneof("what") for event in kept[:3]] == ["file_version", "graph_def", "summary"]
    # Nothing tells TensorBoard to forget what comes before an old step.
    assert not any(event.HasField("session_log") for event in kept)
    assert by_server(tmp_path / "out") == by_accumulator(tmp_path / "out")


def test_values_of_one_event_go_to_several_steps(tmp_path: Path) -> None:
    logged = [event(epoch, scalar("loss", 0.5), scalar("val/loss", 0.25)) for epoch in range(3)]
    write(tmp_path / "in" / "events.out.tfevents.1.x", logged)
    plans = {"*": {"unit": "step", "base": 0, "series": {"val/*": ("epoch", 0)}}}
    sb.rewrite(tmp_path / "in", tmp_path / "out", PLAN, axis="sample", plans=plans)
    shown = by_accumulator(tmp_path / "out")
    assert shown[".", "loss"] == [(4, 0.5), (8, 0.5), (12, 0.5)]
    assert shown[".", "val/loss"] == [(26, 0.25), (52, 0.25), (78, 0.25)]


def test_a_resume_leaves_no_zigzag(tmp_path: Path) -> None:
    # Each session logs its parameters at step 0, which begins no other attempt.
    def session(steps: range, at: float) -> list[Event]:
        return [event(0, histogram("parameters"), at=at), *rich(steps, at)]

    write(tmp_path / "in" / "events.out.tfevents.1.x", session(range(12), 100.0))
    write(tmp_path / "in" / "events.out.tfevents.2.x", session(range(8, 20), 200.0))
    found = sb.rewrite(tmp_path / "in", tmp_path / "out", PLAN, axis="sample", unit="step", base=0)
    written = values(tmp_path / "out")
    steps = [axis_of(step, "sample") for step in range(20)]
    for tag in ("loss", "lr", "weights", "accuracy", "sample"):
        assert [value.step for value in written[".", tag]] == steps, tag
    assert [value.step for value in written[".", "parameters"]] == [4]
    assert found.left_out == (sb.LeftOut(".", "superseded", 5 * 4 + 1),)
    assert by_server(tmp_path / "out") == by_accumulator(tmp_path / "out")


def test_histograms_of_keras_are_logged_by_epoch(tmp_path: Path) -> None:
    logged = [event(epoch, scalar("epoch_loss", 0.5), histogram("dense/kernel/histogram")) for epoch in range(3)]
    write(tmp_path / "in" / "train" / "events.out.tfevents.1.x.v2", logged)
    sb.rewrite(tmp_path / "in", tmp_path / "out", PLAN, axis="epoch")
    found = {tag: [value.step for value in series] for (_, tag), series in values(tmp_path / "out").items()}
    ends = [1_000_000, 2_000_000, 3_000_000]
    assert found == {"epoch_loss": ends, "dense/kernel/histogram": ends}


def test_images_logged_by_epoch_among_numbers_by_step(tmp_path: Path) -> None:
    logged: list[Event] = []
    for epoch in range(5):
        logged += [event(step, scalar("loss", 0.5)) for step in range(epoch * BATCHES, (epoch + 1) * BATCHES)]
        logged.append(event(epoch, histogram("weights")))
    write(tmp_path / "in" / "events.out.tfevents.1.x", logged)
    found = sb.rewrite(tmp_path / "in", tmp_path / "out", PLAN, axis="sample", unit="step", base=0)
    steps = [value.step for value in values(tmp_path / "out").get((".", "weights"), [])]
    # They are at the ends of epochs, or nowhere: never at the first five steps.
    assert steps in ([], [SAMPLES * (epoch + 1) for epoch in range(5)])
    assert steps or found.left_out == (sb.LeftOut(".", "no_place", 5, "weights"),)


def test_what_has_no_place_is_named(tmp_path: Path) -> None:
    write(tmp_path / "in" / "known" / "events.out.tfevents.1.x", rich(range(5)))
    write(tmp_path / "in" / "unknown" / "events.out.tfevents.1.x", rich(range(5)))
    found = sb.rewrite(tmp_path / "in", tmp_path / "out", {"known": PLAN}, axis="epoch", unit="step", base=0)
    assert found.left_out == (sb.LeftOut("unknown", "no_place", 25),)
    assert any(problem.kind == "no_timeline" for problem in found.problems)
    assert {run for run, _ in values(tmp_path / "out")} == {"known"}
    with pytest.raises(sb.TimelineError, match="unknown"):
        sb.rewrite(tmp_path / "in", tmp_path / "other", {"known": PLAN}, axis="epoch", unit="step", base=0, strict=True)
    assert not (tmp_path / "other").exists()


def test_an_axis_that_no_run_knows(tmp_path: Path) -> None:
    write(tmp_path / "in" / "events.out.tfevents.1.x", rich(range(5)))
    plan = sb.Timeline.plan(batches_per_epoch=7)
    with pytest.raises(sb.TimelineError, match=r"axis 'token'.*give tokens_per_sample="):
        sb.rewrite(tmp_path / "in", tmp_path / "out", plan, axis="token", unit="step", base=0)
    with pytest.raises(ValueError, match="there is no axis 'hour'; expected one of epoch, sample"):
        sb.rewrite(tmp_path / "in", tmp_path / "out", plan, axis="hour")  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_also_the_logged_steps(tmp_path: Path) -> None:
    write(tmp_path / "in" / "run" / "events.out.tfevents.1.x", rich(range(5)))
    found = sb.rewrite(tmp_path / "in", tmp_path / "out", PLAN, axis="sample", also=True, unit="step", base=0)
    written = values(tmp_path / "out")
    assert found.files == 2
    assert [value.step for value in written["run", "loss"]] == [4, 8, 12, 16, 20]
    assert [value.step for value in written["run.original", "weights"]] == [0, 1, 2, 3, 4]


def test_only_a_folder_of_its_own_is_written(tmp_path: Path) -> None:
    write(tmp_path / "in" / "run" / "events.out.tfevents.1.x", rich(range(5)))

    def rewrite(output: Path) -> None:
        sb.rewrite(tmp_path / "in", output, PLAN, axis="sample", unit="step", base=0)

    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    for inside in (tmp_path / "in", tmp_path / "in" / "run", tmp_path / "in" / "new", tmp_path / "in" / ".." / "in"):
        with pytest.raises(ValueError, match="lies in what is read"):
            rewrite(inside)
    with pytest.raises(OSError, match="holds other files, such as 'in/run/events"):
        rewrite(tmp_path)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    output = tmp_path / "out"
    rewrite(output)
    (file,) = output.rglob("*tfevents*")
    first = (file.read_bytes(), file.stat().st_ino)
    rewrite(output)
    assert (file.read_bytes(), file.stat().st_ino) == first
    # While the run goes on, the file is appended to: TensorBoard keeps it open.
    write(tmp_path / "in" / "run" / "events.out.tfevents.1.x", rich(range(9)))
    rewrite(output)
    assert file.read_bytes().startswith(first[0])
    assert file.stat().st_ino == first[1]
    assert [value.step for value in values(output)["run", "loss"]] == [axis_of(step, "sample") for step in range(9)]
    (output / "mine.txt").touch()
    with pytest.raises(OSError, match=r"holds other files, such as 'mine\.txt'"):
        rewrite(output)


def test_a_damaged_file_is_rewritten_as_far_as_it_is_read(tmp_path: Path) -> None:
    file = write(tmp_path / "in" / "events.out.tfevents.1.x", rich(range(6)))
    whole = file.read_bytes()

    def rewritten() -> tuple[int, set[str]]:
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        found = sb.rewrite(tmp_path / "in", tmp_path / "out", PLAN, axis="sample", unit="step", base=0)
        written = sum(map(len, values(tmp_path / "out").values()))
        assert written == found.records
        return written, {problem.kind for problem in found.problems}

    assert rewritten() == (30, set())
    # The version is in the first frame.
    first = 16 + int.from_bytes(whole[:8], "little")
    for at in range(first, len(whole), 211):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        written, kinds = rewritten()
        assert 24 <= written < 30, at
        assert kinds & {"corrupt", "truncated"}, at
        file.write_bytes(whole[:at])
        if b"loss" in whole[: at - 20]:
            written, kinds = rewritten()
            assert written < 30, at
            assert kinds <= {"truncated"}, at


@pytest.mark.parametrize("name", ["roberta_lora", "mnist_cnn"])
def test_the_demo(tmp_path: Path, name: str) -> None:
    found = sb.rewrite(DEMO / name, tmp_path / "out", axis="epoch", share_timeline=True)
    table = sb.read_logs(DEMO / name).reindex(share_timeline=True).to_pandas()
    assert compared(tmp_path / "out", table) == len(table)
    assert sum(map(len, values(tmp_path / "out").values())) == found.records


def compared(output: Path, table: object) -> int:
    """Compare what TensorBoard shows by epoch with the table of the same logs, and count it."""
    expected: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    for row in table.dropna(subset=["epoch_float"]).itertuples():  # type: ignore[attr-defined]
        expected[row.run, row.tag].append((round(row.epoch_float * 1_000_000), row.value))
    shown = by_accumulator(output)
    assert shown.keys() == expected.keys()
    for key, series in expected.items():
        assert [step for step, _ in shown[key]] == [step for step, _ in series], key
        assert [value for _, value in shown[key]] == pytest.approx(
            [value for _, value in series], nan_ok=True, rel=1e-6
        )
    return sum(map(len, shown.values()))


REAL = sorted((DATA / "tfevents").glob("*")) + sorted((DATA / "trainer_state").glob("*"))[:3]


@pytest.mark.skipif(not REAL, reason="no real logs: set STEPBRIDGE_DATA to the folder that holds MANIFEST.tsv")
@pytest.mark.parametrize("folder", REAL, ids=lambda folder: folder.name)
def test_real_logs(tmp_path: Path, folder: Path) -> None:
    try:
        logs = sb.read_logs(folder)
    except sb.NoLogsError as error:
        pytest.skip(str(error))
    # Their own epochs, or a plan for those that state none.
    table, plan = logs.reindex(likely=True), None
    if table.to_pandas()["epoch_float"].isna().all():
        plan = sb.Timeline.plan(batches_per_epoch=100)
        table = logs.reindex(plan, likely=True)
    sb.rewrite(folder, tmp_path / "out", plan, axis="epoch", likely=True)
    compared(tmp_path / "out", table.to_pandas())
    kept = {content for series in values(tmp_path / "out").values() for _, _, content in series}
    if folder.parent.name == "tfevents":
        assert kept <= {content for series in values(folder).values() for _, _, content in series}


def test_other_formats_and_names(tmp_path: Path) -> None:
    (tmp_path / "in" / "run").mkdir(parents=True)
    rows = [{"step": step, "loss": 0.1 * step, "<script>\n": 1.0} for step in range(1, 21)]
    (tmp_path / "in" / "run" / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = sb.rewrite(tmp_path / "in", tmp_path / "out", PLAN, axis="sample", unit="step", base=1)
    assert found.records == 40
    shown = by_accumulator(tmp_path / "out")
    assert shown.keys() == {("run", "loss"), ("run", "<script>\n")}
    assert [step for step, _ in shown["run", "loss"]] == [axis_of(step, "sample") for step in range(20)]
    assert [value for _, value in shown["run", "loss"]] == pytest.approx([row["loss"] for row in rows])
    assert by_server(tmp_path / "out") == shown


COLUMNS: Any = {"batch": True, "sample": True, "token": True}


@pytest.mark.parametrize("axis", AXES)
def test_a_table_as_event_files(tmp_path: Path, axis: Axis) -> None:
    write(tmp_path / "in" / "run" / "events.out.tfevents.1.x", rich(range(20)))
    table = sb.read_logs(tmp_path / "in").reindex(PLAN, unit="step", base=0, **COLUMNS)
    table.write(tmp_path / "out", axis=axis)
    shown = by_accumulator(tmp_path / "out")
    assert shown["run", "loss"] == [(axis_of(step, axis), step / 8) for step in range(20)]
    assert sum(map(len, shown.values())) == len(table)
    # It is what `rewrite` writes of the numbers.
    sb.rewrite(tmp_path / "in", tmp_path / "rewritten", PLAN, axis=axis, unit="step", base=0)
    assert by_accumulator(tmp_path / "rewritten") == shown
    assert by_server(tmp_path / "out") == shown


def test_a_table_by_epochs_needs_no_axis(tmp_path: Path) -> None:
    write(tmp_path / "in" / "run" / "events.out.tfevents.1.x", rich(range(20)))
    table = sb.read_logs(tmp_path / "in").reindex(PLAN, unit="step", base=0)
    table.write(f"{tmp_path}/by_epoch/")
    assert compared(tmp_path / "by_epoch", table.to_pandas()) == len(table)
    table.head(7).write(f"{tmp_path}/some/")
    assert sum(map(len, by_accumulator(tmp_path / "some").values())) == 7


@pytest.mark.parametrize("keep", [False, True])
def test_a_table_of_a_resumed_run_has_what_is_in_force(tmp_path: Path, keep: bool) -> None:
    write(tmp_path / "in" / "events.out.tfevents.1.x", rich(range(12), 100.0))
    write(tmp_path / "in" / "events.out.tfevents.2.x", rich(range(8, 20), 200.0))
    options = {**COLUMNS, "keep_superseded": keep}
    table = sb.read_logs(tmp_path / "in").reindex(PLAN, unit="step", base=0, **options)
    table.write(tmp_path / "out", axis="sample")
    expected = [(axis_of(step, "sample"), step / 8) for step in range(20)]
    assert by_accumulator(tmp_path / "out")[".", "loss"] == expected


def test_a_row_that_ends_an_epoch_is_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "metrics.csv").write_text("step,val\n1,0.5\n2,0.25\n", encoding="utf-8")
    table = sb.read_logs(tmp_path / "in").reindex(PLAN, unit="epoch", base=1, **COLUMNS)
    for axis, each in {"epoch": 1_000_000, "sample": SAMPLES, "token": 10 * SAMPLES, "batch": BATCHES}.items():
        table.write(tmp_path / axis, axis=axis)  # type: ignore[arg-type]
        assert [step for step, _ in by_accumulator(tmp_path / axis)[".", "val"]] == [each, 2 * each], axis


def test_what_a_table_has_no_column_for(tmp_path: Path) -> None:
    write(tmp_path / "in" / "run" / "events.out.tfevents.1.x", rich(range(5)))
    logs = sb.read_logs(tmp_path / "in")
    table = logs.reindex(PLAN, unit="step", base=0)
    for axis in ("batch", "sample", "token"):
        with pytest.raises(ValueError, match=rf"no column '{axis}'.*make it with reindex\({axis}=True\)"):
            table.write(tmp_path / "x", axis=axis)
    with pytest.raises(ValueError, match=r"no column 'epoch_float'.*reindex\(\)"):
        logs.table().write(f"{tmp_path}/x/")
    with pytest.raises(ValueError, match=r"no column 'value'.*do not pivot it"):
        table.pivot().write(f"{tmp_path}/x/")
    with pytest.raises(ValueError, match="there is no axis 'hour'; expected one of epoch, sample"):
        table.write(tmp_path / "x", axis="hour")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="lies in what is read"):
        table.write(tmp_path / "in", axis="epoch")
    unknown = sb.read_logs(DEMO / "roberta_lora").reindex(sample=True)
    with pytest.raises(sb.TimelineError, match=r"axis 'sample'.*give batch_size="):
        unknown.write(tmp_path / "x", axis="sample")
    assert not (tmp_path / "x").exists()


def test_steps_that_count_the_axis_need_no_plan(tmp_path: Path) -> None:
    state = {"log_history": [{"step": step, "loss": 0.5} for step in (10, 20, 30)], "global_step": 30}
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "trainer_state.json").write_text(json.dumps(state))
    sb.rewrite(tmp_path / "in", tmp_path / "out", axis="step")
    assert by_accumulator(tmp_path / "out")[".", "loss"] == [(10, 0.5), (20, 0.5), (30, 0.5)]
