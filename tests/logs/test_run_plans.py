"""What a caller states about single runs, in Python and in a file: plans, units, bases, conventions, series."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import stepbridge as sb
from commands import run as run_command
from small_logs import small_log

if TYPE_CHECKING:
    from pathlib import Path

    from stepbridge.logs._run_plans import Plans

FILE = """
[runs."bs64*"]
batches_per_epoch = 20
convention = "lightning"

[runs."bs*"]
samples = 320
batch_size = 32
unit = "step"
base = 1
"""


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three runs whose logs do not say what their steps are."""
    for name in ("bs64_a", "bs32", "other"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "events.out.tfevents.1.host").write_bytes(small_log("tfevents", [(20, 0.5)]))
    return tmp_path / "runs"


def placed(table: sb.Table) -> dict[str, tuple[int | None, int | None]]:
    return {run: (epoch, at) for run, epoch, at in table.to_polars().select("run", "epoch", "iter").rows()}


EXPECTED = {"bs64_a": (1, 0), "bs32": (1, 9), "other": (None, None)}


def test_plans_by_name(runs: Path) -> None:
    plans: Plans = {
        "bs64*": sb.Timeline.plan(batches_per_epoch=20),
        "bs*": {"samples": 320, "batch_size": 32, "unit": "step", "base": 1},
    }
    found = sb.read_logs(runs).reindex(plans=plans)
    assert placed(found) == EXPECTED
    assert {source.run: source.origin for source in found.origins} == {
        "bs64_a": "given",
        "bs32": "given",
        "other": "none",
    }


def test_a_file_says_the_same(runs: Path, tmp_path: Path) -> None:
    file = tmp_path / "plans.toml"
    file.write_text(FILE)
    assert placed(sb.read_logs(runs).reindex(plans=file)) == EXPECTED
    (runs / "stepbridge.toml").write_text(FILE)
    assert placed(sb.read_logs(runs).reindex()) == EXPECTED
    assert placed(sb.read_logs(runs).reindex(plans={})) == dict.fromkeys(EXPECTED, (None, None))
    written = sb.reindex(runs, tmp_path / "out.csv")
    assert {source.origin for source in written.origins} == {"given", "none"}


def test_strict_is_an_error_for_the_run_without_a_place(runs: Path, tmp_path: Path) -> None:
    file = tmp_path / "plans.toml"
    file.write_text(FILE)
    with pytest.raises(sb.TimelineError, match="run other has no timeline"):
        sb.read_logs(runs).reindex(plans=file, strict=True)
    output = tmp_path / "out.csv"
    with pytest.raises(sb.TimelineError, match="run other has no timeline"):
        sb.reindex(runs, output, plans=file, strict=True)
    assert not output.exists()
    refused = run_command("reindex", runs, "-o", output, "--plan", file, "--strict")
    assert refused.returncode == 2
    assert "run other has no timeline" in refused.stderr
    done = run_command("reindex", runs, "-o", output, "--plan", file)
    assert done.returncode == 0
    assert "run other has no timeline" in done.stderr
    assert len(output.read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("[runs.a]\nbatches_per_epoch = 0\n", "batches_per_epoch"),
        ("[runs.a]\nbatchsize = 3\n", "batchsize"),
        ("[runs.a]\nbase = 2\n", "base must be 0 or 1"),
        ("[runs.a]\nunit = 'parsec'\n", r"\[runs.\"a\"\]: unknown unit"),
        ("[run.a]\nbase = 1\n", "'run' is not known"),
        ("[runs\n", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_named(runs: Path, tmp_path: Path, text: str, stated: str) -> None:
    file = tmp_path / "plans.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=stated):
        sb.read_logs(runs).reindex(plans=file)


def test_a_plan_that_the_epochs_of_a_run_contradict_is_not_its_own(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,step,loss\n" + "".join(f"{step // 10},{step},0.5\n" for step in range(40)))
    found = sb.read_logs(path).reindex(sb.Timeline.plan(batches_per_epoch=4))
    assert [problem.kind for problem in found.problems] == ["contradicted"]
    assert set(placed(found).values()) == {(None, None)}
    with pytest.raises(sb.TimelineError, match="is not its own"):
        sb.read_logs(path).reindex(sb.Timeline.plan(batches_per_epoch=4), strict=True)


def test_a_pattern_that_fits_no_run_is_named(runs: Path, tmp_path: Path) -> None:
    plans: Plans = {"bs*": {"batches_per_epoch": 20, "unit": "step", "base": 0}, "sb64": {"batches_per_epoch": 20}}
    found = sb.read_logs(runs).reindex(plans=plans)
    (problem,) = [each for each in found.problems if each.file == "sb64"]
    assert "no run has a name that fits this pattern of plans=; the runs are bs32, bs64_a, other" in problem.reason
    written = sb.reindex(runs, tmp_path / "out.csv", plans=plans)
    assert problem in written.problems
    with pytest.raises(sb.TimelineError):
        sb.read_logs(runs).reindex(plans=plans, strict=True)


def test_many_runs_are_named_on_one_screen(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"run{number}").mkdir()
        (tmp_path / f"run{number}" / "events.out.tfevents.1.host").write_bytes(small_log("tfevents", [(20, 0.5)]))
    plans = tmp_path / "plans.toml"
    plans.write_text('[runs."run1"]\nbatches_per_epoch = 4\n')
    done = run_command("reindex", tmp_path, "-o", tmp_path / "out.parquet", "--plan", plans)
    assert len(done.stderr.splitlines()) < 10
    assert "196 more of this kind" in done.stderr
    everything = run_command("reindex", tmp_path, "-o", tmp_path / "out.parquet", "--plan", plans, "--verbose")
    assert len(everything.stderr.splitlines()) > 199


def test_what_is_said_of_a_run_holds_for_its_attempts(tmp_path: Path) -> None:
    """A second start from the beginning in one file is a run of its own, `bs64#2`."""
    (tmp_path / "bs64").mkdir()
    start = "".join(f'{{"iteration": {step}, "lr": 0.1, "total_loss": 0.5}}\n' for step in (9, 19, 29))
    (tmp_path / "bs64" / "metrics.json").write_text(start + start)
    logs = sb.read_logs(tmp_path)
    assert logs.runs == ["bs64", "bs64#2"]
    plan = sb.Timeline.plan(batches_per_epoch=10)
    for table in (logs.reindex(plans={"bs64": plan}), logs.reindex({"bs64": plan})):
        assert table.to_polars()["epoch"].unique().sort().to_list() == [0, 1, 2]
        assert table.left_out == ()
    other = sb.Timeline.plan(batches_per_epoch=30)
    rows = logs.reindex(plans={"bs64#2": other, "bs64": plan}).to_polars()
    assert rows.filter(rows["run"] == "bs64#2")["epoch"].unique().to_list() == [0]
