"""Sessions: what a table leaves out is what TensorBoard hides, where its two readers agree; and its report."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

import stepbridge as sb
from conftest import DATA
from moments import later
from shown import Shown, by_accumulator, by_server

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def ours(folder: Path) -> Shown:
    """What a table of ours holds of the event files, by run and tag; of several attempts the last, as TensorBoard."""
    frame = sb.read_logs(folder).to_polars()
    frame = frame.filter(pl.col("source").cast(pl.String).str.contains("tfevents"))
    groups = frame.group_by("run", "tag", maintain_order=True)
    found = {(str(run), str(tag)): group.select("step", "value").rows() for (run, tag), group in groups}
    attempts = sorted(found, key=lambda key: attempt(key[0]))
    return {(base(run), tag): found[run, tag] for run, tag in attempts}


def left_by_attempts(folder: Path) -> set[tuple[str, str]]:
    """Find the series that the last attempt of their run does not have. TensorBoard hides or shows them, by START."""
    frame = sb.read_logs(folder).to_polars()
    series = {(str(run), str(tag)) for run, tag in frame.select("run", "tag").unique().rows()}
    last: dict[str, int] = {}
    for run, _ in series:
        last[base(run)] = max(last.get(base(run), 1), attempt(run))
    of_last = {(base(run), tag) for run, tag in series if attempt(run) == last[base(run)]}
    return {(base(run), tag) for run, tag in series} - of_last


def base(run: str) -> str:
    """Give the name of a run without the number of its attempt."""
    return run.partition("#")[0]


def attempt(run: str) -> int:
    return int(run.partition("#")[2] or 1)


def same(one: list[tuple[int, float]], other: list[tuple[int, float]]) -> bool:
    """Tell whether two lists hold the same; the server has 32-bit floats."""
    return len(one) == len(other) and all(
        mine[0] == its[0] and (math.isclose(mine[1], its[1], rel_tol=1e-6) or (mine[1] != mine[1] and its[1] != its[1]))
        for mine, its in zip(one, other, strict=True)
    )


def agreed(folder: Path) -> Shown:
    """What both of TensorBoard's readers show."""
    accumulator, server = by_accumulator(folder), by_server(folder)
    return {key: records for key, records in server.items() if same(records, accumulator.get(key, []))}


def check(folder: Path) -> Shown:
    """Demand what both show; give what we show."""
    found = ours(folder)
    given_up = left_by_attempts(folder)
    for key, records in agreed(folder).items():
        if key in given_up:
            continue
        assert same(found.get(key, []), records), key
    return found


# --- against TensorBoard, on real folders ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", sorted(path.name for path in (DATA / "tfevents").iterdir()) if (DATA / "tfevents").is_dir() else ["none"]
)
def test_real_folders_are_as_tensorboard_shows_them(data: Path, name: str) -> None:
    folder = data / "tfevents" / name
    if "whisper" in name:
        pytest.skip("only Git LFS pointers")
    check(folder)


# --- against TensorBoard, on files of real writers ---------------------------------------------------------------


def test_torch_with_a_purge_step(tmp_path: Path) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    for first, purge in ((0, None), (60, 60), (40, 40)):
        with tensorboard.SummaryWriter(str(tmp_path), purge_step=purge) as writer:
            for step in range(first, first + 50):
                writer.add_scalar("loss", first + step / 100, step)
                if step % 10 == 0:
                    writer.add_scalar("accuracy", step / 100, step)
        later()
    found = check(tmp_path)
    both = agreed(tmp_path)
    assert {tag for _, tag in both} == {"loss", "accuracy"}
    assert [step for step, _ in found[".", "loss"]] == list(range(90))
    logs = sb.read_logs(tmp_path)
    assert logs.sessions == ((".", 3, 10 + 50 + 1 + 5),)
    assert len(logs.table(keep_superseded=True)) == len(logs) == 165


def test_torch_without_a_purge_step_is_as_the_server_shows_it(tmp_path: Path) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    for first in (0, 30):
        with tensorboard.SummaryWriter(str(tmp_path)) as writer:
            for step in range(first, first + 50):
                writer.add_scalar("loss", first + step / 100, step)
            writer.add_scalar(f"end/{first}", 1.0, first + 50)
        later()
    found = check(tmp_path)
    # EventAccumulator keeps both.
    assert len(by_accumulator(tmp_path)[".", "loss"]) == 100
    server = by_server(tmp_path)
    assert found.keys() == server.keys()
    assert all(same(found[key], server[key]) for key in server)
    assert found[".", "end/0"] == [(50, 1.0)], "it was not logged again"


def test_tensorflows_writers(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    for first in (0, 20):
        writer = tf.summary.create_file_writer(str(tmp_path))
        with writer.as_default():
            for step in range(first, first + 30):
                tf.summary.scalar("loss", first + step / 100, step=step)
        writer.close()
        later()
    found = check(tmp_path)
    assert same(found[".", "loss"], by_server(tmp_path)[".", "loss"])
    assert [step for step, _ in found[".", "loss"]] == list(range(50))


def test_the_first_tensorflows_session_logs(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow").compat.v1
    for first in (0, 20):
        with tf.Graph().as_default():
            # Its names hold seconds alone.
            writer = tf.summary.FileWriter(str(tmp_path), filename_suffix=f".{first}")
            writer.add_session_log(tf.SessionLog(status=tf.SessionLog.START), first)
            for step in range(first, first + 30):
                value = tf.Summary.Value(tag="loss", simple_value=step)
                writer.add_summary(tf.Summary(value=[value]), step)
            writer.close()
        later()
    found = check(tmp_path)
    assert [step for step, _ in found[".", "loss"]] == list(range(50))
    assert len(agreed(tmp_path)) == 1


# --- against TensorBoard, on files by hand -----------------------------------------------------------------------


def write(folder: Path, name: str, events: Iterable[tuple[float, int, str | None]], value: float = 0.0) -> None:
    """Write an event file: (time, step, tag) of scalars, tag None for a START."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"events.out.tfevents.{name}").open("wb") as file:
        writer = RecordWriter(file)
        writer.write(Event(wall_time=0.0, file_version="brain.Event:2").SerializeToString())
        for moment, step, tag in events:
            event = Event(wall_time=moment, step=step)
            if tag is None:
                event.session_log.CopyFrom(SessionLog(status=SessionLog.START))
            else:
                event.summary.CopyFrom(Summary(value=[Summary.Value(tag=tag, simple_value=value + step)]))
            writer.write(event.SerializeToString())


@pytest.mark.parametrize("seed", range(12))
def test_folders_at_random_are_as_tensorboard_shows_them(tmp_path: Path, seed: int) -> None:
    """Several runs of several sessions: with START and without, of several series, some of which come late or stop."""
    chance = random.Random(seed)
    for run in range(6):
        moment, step = 100.0, 0
        for session in range(chance.randint(1, 5)):
            events: list[tuple[float, int, str | None]] = []
            step = chance.randint(0, step + 3)
            if chance.random() < 0.5:
                events.append((moment, step, None))
            series = {tag: chance.randint(1, 4) for tag in chance.sample(["a", "b", "c"], chance.randint(1, 3))}
            for _ in range(chance.randint(1, 25)):
                for tag, every in series.items():
                    if step % every == 0:
                        events.append((moment, step, tag))
                moment += 1
                step += 1
            if chance.random() < 0.1:
                events.append((moment, chance.randint(0, step), None))
            write(tmp_path / str(run), f"{session}", events, session / 8)
            moment += 1
    check(tmp_path)
    assert len(agreed(tmp_path)) > 2


def test_equal_steps_are_data_as_event_accumulator_has_it(tmp_path: Path) -> None:
    write(tmp_path, "1", [(1.0, 5, "loss"), (2.0, 5, "loss"), (3.0, 3, "loss")])
    assert ours(tmp_path)[".", "loss"] == by_accumulator(tmp_path)[".", "loss"] == [(5, 5.0), (5, 5.0), (3, 3.0)]
    assert by_server(tmp_path)[".", "loss"] == [(3, 3.0)]


def test_two_writers_at_once_are_two_runs(tmp_path: Path) -> None:
    write(tmp_path / "run", "1", [(1.0 + step, step, "loss") for step in range(10)])
    write(tmp_path / "run", "2", [(1.5 + step, step, "loss") for step in range(10)])
    logs = sb.read_logs(tmp_path)
    assert logs.runs == ["run/events.out.tfevents.1", "run/events.out.tfevents.2"]
    assert [file.run for file in logs.files] == logs.runs
    assert len(logs.to_polars()) == 20


def test_writers_of_other_series_at_once_are_one_run(tmp_path: Path) -> None:
    for session in range(2):
        begin = 100.0 * session
        write(tmp_path, f"{session}a", [(begin + step, step, "train") for step in range(10)])
        write(tmp_path, f"{session}b", [(begin + step + 0.5, step, "val") for step in range(0, 10, 3)])
    logs = sb.read_logs(tmp_path)
    # The second pair of files is another start from the beginning.
    assert logs.runs == [".", ".#2"]
    assert logs.sessions == ((".", 1, 0), (".#2", 1, 0))
    check(tmp_path)


def test_a_file_that_goes_on_is_no_session(tmp_path: Path) -> None:
    write(tmp_path, "1", [(1.0 + step, step, "loss") for step in range(10)])
    write(tmp_path, "2", [(21.0 + step, step, "loss") for step in range(10, 20)])
    logs = sb.read_logs(tmp_path)
    assert logs.sessions == ((".", 1, 0),)
    assert len(check(tmp_path)[".", "loss"]) == 20


# --- the table ---------------------------------------------------------------------------------------------------


@pytest.fixture
def resumed(tmp_path: Path) -> sb.Logs:
    path = tmp_path / "training.log"
    path.write_text("epoch,loss,val_loss\n0,9,8\n1,7,6\n2,5,4\n1,3,2\n2,1,0\n")
    return sb.read_logs(path)


def test_superseded_records_are_left_out_unless_they_are_asked_for(resumed: sb.Logs) -> None:
    assert resumed.sessions == ((".", 2, 4),)
    assert resumed.to_polars()["value"].to_list() == [9, 8, 3, 2, 1, 0]
    table = resumed.reindex()
    assert "session" not in table.column_names
    assert table.to_polars()["epoch"].to_list() == [0, 0, 1, 1, 2, 2]
    for kept in (resumed.table(keep_superseded=True), resumed.reindex(keep_superseded=True)):
        frame = kept.to_polars()
        assert frame.schema["session"] == pl.Int64
        assert frame.schema["superseded"] == pl.Boolean
        rows = frame.filter(pl.col("tag").cast(pl.String) == "loss").select("session", "superseded", "value").rows()
        assert rows == [(0, False, 9.0), (0, True, 7.0), (0, True, 5.0), (1, False, 3.0), (1, False, 1.0)]


def test_epochs_alone_need_no_timeline(resumed: sb.Logs) -> None:
    table = resumed.reindex()
    frame = table.to_polars()
    assert frame["iter"].null_count() == len(frame)
    assert frame["epoch_float"].to_list() == [1, 1, 2, 2, 3, 3]
    assert table.problems == ()
    (steps,) = table.steps
    assert (steps.format, steps.unit, steps.base, steps.source) == ("keras_csv", "ep", 0, "format")
    assert resumed.reindex(base=1).to_polars()["epoch"].to_list() == [None, None, 0, 0, 1, 1]
    past = resumed.reindex(sb.Timeline.plan(batches_per_epoch=4, epochs=2))
    assert past.to_polars()["epoch"].to_list() == [0, 0, 1, 1, None, None]
    assert [problem.kind for problem in past.problems] == ["past_end"]


def test_keras_own_logger_that_appends(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    path = tmp_path / "log.csv"
    for initial, epochs in ((0, 4), (2, 5), (2, 3)):
        logger = keras.callbacks.CSVLogger(str(path), append=True)
        model: Any = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
        model.compile(optimizer="sgd", loss="mse")
        keras.utils.set_random_seed(0)
        inputs = keras.ops.ones((4, 1))
        model.fit(inputs, inputs, initial_epoch=initial, epochs=epochs, callbacks=[logger], verbose=0)
    frame = sb.read_logs(path).table(keep_superseded=True).to_polars()
    losses = frame.filter(pl.col("tag").cast(pl.String) == "loss")
    assert losses.select("epoch_logged", "session", "superseded").rows() == [
        *((epoch, 0, epoch >= 2) for epoch in (0, 1, 2, 3)),
        *((epoch, 1, True) for epoch in (2, 3, 4)),
        (2, 2, False),
    ]


def lightning(*epochs: int) -> str:
    """Rows of two logged values an epoch of 20 updates, and of a validation, as Lightning's logger has them."""
    rows = [
        row
        for epoch in epochs
        for row in (
            f",{epoch},{20 * epoch + 9},0.5,",
            f"0.1,,{20 * epoch + 9},,",
            f",{epoch},{20 * epoch + 19},0.25,",
            f",{epoch},{20 * epoch + 19},,0.75",
        )
    ]
    return "\n".join(rows) + "\n"


def test_lightnings_table_with_another_fit_appended(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("lr-SGD,epoch,step,train_loss,val_loss\n" + lightning(0, 1, 2) + lightning(0, 1))
    plan = sb.Timeline.plan(batches_per_epoch=20)
    frame = sb.read_logs(path).reindex(plan).to_polars().with_columns(pl.col("run", "tag").cast(pl.String))
    losses = frame.filter(pl.col("tag") == "train_loss")
    assert losses.select("run", "epoch", "iter").rows() == [
        *((".", epoch, iteration) for epoch in (0, 1, 2) for iteration in (9, 19)),
        *((".#2", epoch, iteration) for epoch in (0, 1) for iteration in (9, 19)),
    ]
    assert len(frame) == 5 * 4, "nothing is left out"
    sb.reindex(path, tmp_path / "table.parquet", plan)
    assert pl.read_parquet(tmp_path / "table.parquet").with_columns(pl.col("run", "tag").cast(pl.String)).equals(frame)


def test_lightnings_table_that_a_resume_goes_on_in(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("lr-SGD,epoch,step,train_loss,val_loss\n" + lightning(0, 1, 2, 3) + lightning(2, 3, 4))
    logs = sb.read_logs(path)
    assert logs.sessions == ((".", 2, 2 * 4),)
    frame = logs.reindex(sb.Timeline.plan(batches_per_epoch=20)).to_polars()
    frame = frame.with_columns(pl.col("run", "tag").cast(pl.String))
    for tag, each in (("train_loss", (9, 19)), ("lr-SGD", (9,)), ("val_loss", (19,))):
        places = frame.filter(pl.col("tag") == tag).select("epoch", "iter").rows()
        assert places == [(epoch, iteration) for epoch in range(5) for iteration in each]


def test_steps_that_begin_again_with_each_epoch_are_no_resume(tmp_path: Path) -> None:
    """The first epoch is longer than what shows whose table it is."""
    rows = "".join(f"{epoch},{step},0.5\n" for epoch in range(3) for step in range(8000))
    (tmp_path / "metrics.csv").write_text("epoch,step,loss\n" + rows)
    logs = sb.read_logs(tmp_path)
    assert logs.runs == ["."]
    assert all(sessions == 1 for _, sessions, _ in logs.sessions)
    frame = logs.reindex().to_polars()
    assert frame.select("epoch", "iter").rows() == [(epoch, step) for epoch in range(3) for step in range(8000)]


# --- what the steps are ------------------------------------------------------------------------------------------


def test_what_steps_are_and_from_where(tmp_path: Path) -> None:
    write(tmp_path / "a", "1", [(1.0, 5, "loss")])
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "metrics.csv").write_text("epoch,step,loss\n0,9,0.5\n")
    logs = sb.read_logs(tmp_path)
    found = {(steps.run, steps.unit, steps.base, steps.source) for steps in logs.steps}
    assert found == {("a", "st", 0, "nothing"), ("b", "st", 0, "format")}
    table = logs.reindex(sb.Timeline.plan(batches_per_epoch=3), unit="batch", base=1)
    assert {steps.source for steps in table.steps} == {"caller"}
