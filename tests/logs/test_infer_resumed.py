"""What follows from a log whose epochs changed their length on every resume."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import stepbridge as sb

#: Of each session: batches an epoch, how many epochs were kept of it, and how many steps more were done and lost.
Session = tuple[int, int, int]


def log(folder: Path, sessions: list[Session], every: int) -> tuple[sb.Logs, sb.Timeline]:
    """Write what a loop would have logged each `every` steps, with the epoch; give the log, and the truth."""
    lines: list[dict[str, float]] = []
    lengths: list[int] = []
    step = 0
    for length, kept, lost in sessions:
        begun, epochs = step, len(lengths)
        end = begun + kept * length
        logged = [index for index in range(begun, end + lost) if (index + 1) % every == 0]
        lines += [{"step": index, "epoch": epochs + (index - begun) // length, "loss": 0.5} for index in logged]
        lengths += [length] * kept
        step = end
    folder.mkdir(exist_ok=True)
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return sb.read_logs(folder), sb.Timeline.from_epochs(lengths)


def test_lengths_of_three_sessions(tmp_path: Path) -> None:
    logs, truth = log(tmp_path, [(50, 2, 24), (25, 2, 20), (40, 6, 0)], every=3)
    (found,) = logs.infer().values()
    assert found.timeline is not None
    assert [(part.epochs, part.batches) for part in found.timeline.segments] == [(2, 50), (2, 25), (None, 40)]
    assert "25 from epoch 2 (step 100) on, where session 1 began" in found.evidence
    table = logs.reindex()
    assert table.problems == ()
    for step, epoch, iteration in table.to_polars().select("step", "epoch", "iter").rows():
        assert (epoch, iteration) == truth.locate(step)


def test_a_boundary_that_nothing_shows_is_not_guessed(tmp_path: Path) -> None:
    """Each tenth step is logged: whether the first epochs of 25 began at step 100 cannot be known."""
    logs, _ = log(tmp_path, [(50, 2, 24), (25, 6, 0)], every=10)
    (found,) = logs.infer().values()
    assert found.timeline is None
    assert "has more than one explanation" in found.evidence
    (problem,) = logs.reindex().problems
    assert (problem.kind, found.evidence in problem.reason) == ("no_timeline", True)


sessions = st.tuples(st.integers(5, 60), st.integers(1, 4), st.integers(0, 60))


@given(st.lists(sessions, min_size=2, max_size=4), st.integers(1, 9))
def test_every_record_is_in_the_epoch_that_it_states(drawn: list[Session], every: int) -> None:
    """And where each step is logged, at the iteration at which it was."""
    *before, (length, kept, _) = drawn
    with tempfile.TemporaryDirectory() as folder:
        try:
            logs, truth = log(Path(folder), [*before, (length, kept, 0)], every)
        except ValueError:
            return  # too few lines to be distinguished from other files
        if any(name.endswith("#2") for name in logs.infer()):
            # A session whose first record has the step of the run's first one looks like a new start.
            begins = [sum(kept * length for length, kept, _ in drawn[:count]) for count in range(len(drawn))]
            assert any(begun < every for begun in begins[1:])
            return
        (found,) = logs.infer().values() or (None,)
        assert every > 1 or (found is not None and found.timeline is not None)
        if found is None or found.timeline is None:
            return
        table = logs.reindex()
        # What was lost may contradict the epochs that came in its place; it is not in the table.
        assert {problem.kind for problem in table.problems} <= {"disagrees", "past_end"}
        columns = table.to_polars().select("step", "epoch", "iter", "epoch_logged")
        # A sparse log that never shows epoch 0 may be taken for one that counts from 1.
        assert len({logged - epoch for _, epoch, _, logged in columns.rows()}) == 1
        for step, epoch, iteration, _ in columns.rows():
            assert every > 1 or (epoch, iteration) == truth.locate(step)
