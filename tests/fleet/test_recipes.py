"""The recipes of docs/scale.md for engines and schedulers do what they say: each is run as it is printed there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pyarrow.dataset as pds
import pyarrow.parquet as pq
import pytest

import stepbridge as sb
from commands import ROOT

PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
RECIPES = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def recipe(head: str) -> str:
    """Give the recipe with this line near its beginning."""
    (found,) = (text for text in RECIPES if head in text.splitlines()[:2])
    return str(found)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Make the folder that the recipes call /data, with twelve runs."""
    for number in range(12):
        lines = [{"step": step, "epoch": step // 5, "loss": number + 1 / (step + 1)} for step in range(10 + number)]
        folder = tmp_path / f"runs/run{number}"
        folder.mkdir(parents=True)
        (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def printed(text: str, data: Path, *program: str, **environment: str) -> str:
    """Run a recipe in a process of its own, with the programs of this environment on its path."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    script = data / "recipe"
    script.write_text(text.replace("/data/", f"{data.as_posix()}/"))
    done = subprocess.run(
        [*program, str(script)],
        cwd=data,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def expected(data: Path) -> Counter[str]:
    return Counter(map(repr, sb.read_logs(data / "runs").reindex(likely=True).to_arrow().to_pylist()))


def test_each_recipe_is_run_by_a_test() -> None:
    heads = {line[2:] for text in RECIPES for line in text.splitlines()[:2] if line.startswith("# ")}
    assert heads == {"GNU parallel", "Slurm", "Ray", "Daft, on the table that `index` keeps", "Any executor of Python"}


def test_slurm(data: Path) -> None:
    bash = shutil.which("bash")
    if bash is None or shutil.which("stepbridge", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("there is no bash, or stepbridge is not installed with this Python")
    text = recipe("# Slurm")
    runs = 0
    for number in range(1, 4):
        stated = printed(text, data, bash, SLURM_ARRAY_TASK_ID=str(number), SLURM_ARRAY_TASK_COUNT="3")
        found = re.search(r"of (\d+) runs?", stated)
        assert found is not None
        runs += int(found[1])
    assert runs == 12
    rows = [row for part in (data / "table/records").glob("*.parquet") for row in pq.read_table(part).to_pylist()]
    assert Counter(map(repr, rows)) == expected(data)


def test_parallel(data: Path) -> None:
    """GNU parallel puts each number in the place of the braces; so does xargs."""
    xargs = shutil.which("xargs")
    if xargs is None or shutil.which("stepbridge", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("there is no xargs, or stepbridge is not installed with this Python")
    (line,) = (line for line in recipe("# GNU parallel").splitlines() if not line.startswith("#"))
    command, _, numbers = line.removeprefix("parallel ").partition(" ::: ")
    assert numbers == "$(seq 16)"
    printed(f"seq 16 | xargs -P 2 -I {{}} {command}\n", data, "bash")
    rows = [row for part in (data / "table/records").glob("*.parquet") for row in pq.read_table(part).to_pylist()]
    assert Counter(map(repr, rows)) == expected(data)


def test_daft(data: Path) -> None:
    if find_spec("daft") is None:
        pytest.skip("daft is not installed")
    sb.index(data / "runs", data / "table")
    text = recipe("# Daft, on the table that `index` keeps").replace(
        'best.sort("run").show()', "print(json.dumps(best.to_pydict()))"
    )
    assert "best.to_pydict" in text
    found = json.loads(printed(f"import json\n{text}", data, sys.executable))
    assert dict(zip(found["run"], found["value"], strict=True)) == {
        f"run{number}": number + 1 / (10 + number) for number in range(12)
    }


def test_ray(data: Path) -> None:
    if find_spec("ray") is None:
        pytest.skip("ray is not installed: pip install 'ray[data]'")
    printed(recipe("# Ray"), data, sys.executable)
    rows = pds.dataset(data / "out").to_table().to_pylist()
    assert Counter(map(repr, rows)) == expected(data)


def test_any_executor(data: Path) -> None:
    assert int(printed(recipe("# Any executor of Python"), data, sys.executable)) == sum(expected(data).values())
