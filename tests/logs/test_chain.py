"""Runs in several folders that the caller chains into one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import stepbridge as sb
from commands import run as run_command
from small_logs import small_log

if TYPE_CHECKING:
    from pathlib import Path

    from stepbridge.logs._chain import Chain


def write(folder: Path, steps: range, *, scale: float = 1.0) -> None:
    folder.mkdir(parents=True)
    rows = [(step, step * scale) for step in steps]
    (folder / "progress.csv").write_bytes(small_log("sb3", rows))


def rows(table: sb.Table) -> list[tuple[str, int, float]]:
    return table.to_polars().sort("session", "step").select("run", "step", "value").rows()


def test_a_run_that_goes_on_is_a_session(tmp_path: Path) -> None:
    # The numbers in the names count, not their letters.
    write(tmp_path / "PPO_2", range(100, 301, 100))
    write(tmp_path / "PPO_10", range(200, 501, 100), scale=2.0)
    write(tmp_path / "A2C_1", range(100, 201, 100))
    logs = sb.read_logs(tmp_path, chain="PPO_*")
    assert logs.runs == ["A2C_1", "PPO_2"]
    assert logs.chains == (sb.ChainedRun("PPO_2", (("PPO_2", 0), ("PPO_10", 0))),)
    assert [found for found in logs.sessions if found.run == "PPO_2"] == [sb.RunSessions("PPO_2", 2, 2)]
    kept = logs.table().to_polars().filter(run="PPO_2").sort("step").select("step", "value").rows()
    assert kept == [(100, 100.0), (200, 400.0), (300, 600.0), (400, 800.0), (500, 1000.0)]
    everything = logs.table(keep_superseded=True)
    assert everything.to_polars().filter(run="PPO_2", superseded=True)["step"].to_list() == [200, 300]
    shown = run_command("info", str(tmp_path), "--chain", "PPO_*").stdout
    assert "run PPO_2: chained of PPO_2, PPO_10" in shown


def test_a_run_that_begins_anew_needs_the_offset(tmp_path: Path) -> None:
    for name in ("PPO_1", "PPO_2", "PPO_3"):
        write(tmp_path / name, range(64, 257, 64))
    with pytest.raises(ValueError, match=r"PPO_2 begins anew, at step 64 \(the last logged step of PPO_1 is 256\)"):
        sb.read_logs(tmp_path, chain="PPO_*")
    logs = sb.read_logs(tmp_path, chain={"PPO_*": [300, 600]})
    steps = logs.table().to_polars()["step"].to_list()
    assert steps == [*range(64, 257, 64), *range(364, 557, 64), *range(664, 857, 64)]
    assert logs.sessions == (sb.RunSessions("PPO_1", 3, 0),)
    assert logs.chains[0].parts == (("PPO_1", 0), ("PPO_2", 300), ("PPO_3", 600))
    # Read again, with what was added since; and written in pieces.
    with (tmp_path / "PPO_3" / "progress.csv").open("a") as file:
        file.write("320,9.0\n")
    assert logs.refresh() == 1
    assert logs.table().to_polars()["step"].to_list() == [*steps, 920]
    output = tmp_path / "out" / "t.csv"
    output.parent.mkdir()
    plan = ("--batches-per-epoch", "500")
    found = run_command("reindex", str(tmp_path), "-o", str(output), "--chain", "PPO_*=300,600", *plan)
    assert found.returncode == 0, found.stderr
    assert [line.split(",")[2] for line in output.read_text().splitlines()[1:]] == [str(step) for step in (*steps, 920)]
    fields = json.loads(run_command("info", str(tmp_path), "--json", "--chain", "PPO_*=300,600").stdout)
    assert fields["chains"][0]["parts"] == [["PPO_1", 0], ["PPO_2", 300], ["PPO_3", 600]]


def test_lightning_versions_share_one_timeline(tmp_path: Path) -> None:
    head = "epoch,step,loss\n"
    text = {
        "version_0": "".join(f"{step // 30},{step},{step}.0\n" for step in range(9, 65, 10)),
        "version_1": "".join(f"{step // 30},{step},{step}.5\n" for step in (*range(39, 121, 10), 120)),
    }
    for name, lines in text.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.csv").write_text(head + lines)
    alone = sb.read_logs(tmp_path)
    assert len(alone.runs) == 2
    logs = sb.read_logs(tmp_path, chain=["version_*"])
    table = logs.reindex()
    assert table.origins[0].origin == "inferred"
    placed = table.to_polars().select("step", "epoch", "iter", "value").unique().sort("step").rows()
    assert placed[:4] == [(9, 0, 9, 9.0), (19, 0, 19, 19.0), (29, 0, 29, 29.0), (39, 1, 9, 39.5)]
    assert all(step == 30 * epoch + at for step, epoch, at, _ in placed)
    with pytest.raises(ValueError, match="the log of version_1 states epochs"):
        sb.read_logs(tmp_path, chain={"version_*": [100]})


@pytest.mark.parametrize(
    ("chain", "error", "message"),
    [
        ("DQN_*", ValueError, r"chain=\"DQN_\*\": no run has a name that fits; the runs are PPO_1, PPO_2"),
        ("PPO_1", ValueError, "only the run PPO_1 has a name that fits"),
        ({"PPO_*": [1, 2]}, ValueError, r"it has 2 offsets, and 1 runs follow the first one \(PPO_1, PPO_2\)"),
        ({"PPO_*": [2**63 - 1]}, ValueError, "too large"),
        ({"PPO_*": 5}, TypeError, "takes the steps done before each later run"),
        ({"PPO_*": ["5"]}, TypeError, "takes the steps done before each later run"),
        ([3], TypeError, "takes patterns of the names of runs"),
    ],
)
def test_what_cannot_be_chained(tmp_path: Path, chain: Chain, error: type[Exception], message: str) -> None:
    write(tmp_path / "PPO_1", range(64, 257, 64))
    write(tmp_path / "PPO_2", range(320, 513, 64))
    with pytest.raises(error, match=message):
        sb.read_logs(tmp_path, chain=chain)


def test_the_command_line_refuses_what_is_no_number(tmp_path: Path) -> None:
    write(tmp_path / "PPO_1", range(64, 257, 64))
    found = run_command("info", str(tmp_path), "--chain", "PPO_*=many")
    assert found.returncode == 2
    assert "expected RUNS=STEPS" in found.stderr
