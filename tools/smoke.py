"""What `pip install stepbridge` alone must be enough for; run by the Python of an environment that holds nothing else.

The argument is the folder of real logs that the repository holds.
"""

from __future__ import annotations

import csv
import importlib
import importlib.metadata
import importlib.util
import json
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import stepbridge as sb

if TYPE_CHECKING:
    from collections.abc import Callable

FRAMEWORKS = ("torch", "tensorflow", "keras", "jax", "polars", "pandas", "pyarrow", "tensorboard")
TEXTBOOK = ("--samples", "1000", "--batch-size", "200", "--epochs", "5")


def main(logs: Path) -> None:
    """Try each in turn; the first that fails says what it saw."""
    the_environment()
    the_textbook_case()
    the_logs(logs)
    the_command_line(logs)
    the_adapters()
    print(f"stepbridge {sb.__version__} on CPython {sys.version.split()[0]}: {sb.__file__}")


def the_environment() -> None:
    """The installed package is what runs, no framework is there, and the licences came along."""
    assert Path(sb.__file__).is_relative_to(sys.prefix), sb.__file__
    there = [name for name in FRAMEWORKS if importlib.util.find_spec(name)]
    assert not there, there
    assert importlib.metadata.version("stepbridge") == sb.__version__
    files = {file.name for file in importlib.metadata.files("stepbridge") or ()}
    assert {"LICENSE", "THIRD-PARTY-LICENSES.txt", "py.typed", "_core.pyi"} <= files, files
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        gil_is_enabled: Callable[[], bool] = getattr(sys, "_is_gil_enabled", lambda: True)
        assert not gil_is_enabled(), "importing stepbridge brought the GIL back"


def the_textbook_case() -> None:
    """1000 samples in batches of 200, 5 epochs."""
    plan = sb.Timeline.plan(samples=1000, batch_size=200, epochs=5)
    assert plan.locate(25, base=1) == (5, 5)
    assert plan.locate(24) == (4, 4)
    epoch, iteration = plan.locate(range(25))
    assert (epoch.tolist(), iteration.tolist()) == ([n // 5 for n in range(25)], [n % 5 for n in range(25)])
    clock = sb.StepClock(samples=1000, batch_size=200, epochs=5)
    for _ in clock.epochs():
        for _ in clock.batches(range(5)):
            pass
    assert (clock.location, clock.step) == ((4, 4), 25)


def the_logs(logs: Path) -> None:
    """Real logs are read, and get their epochs; a table that needs a package says which."""
    read = sb.read_logs(logs)
    table = read.reindex(keep_superseded=True)
    assert len(table) == len(read) > 300
    with tempfile.TemporaryDirectory() as folder:
        for ending in sb.logs.OUTPUTS:
            table.write(Path(folder, f"table{ending}"))
            assert Path(folder, f"table{ending}").stat().st_size > 1000
        with Path(folder, "table.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    found = [(row["epoch"], row["iter"]) for row in rows if row["step"] == "8500"]
    assert set(found) == {("2", "2759")}, found  # 2870 steps an epoch
    assert "pip install 'stepbridge[polars]'" in missing(table.to_polars)


def the_command_line(logs: Path) -> None:
    """The installed command, and the module as one."""
    script = Path(sysconfig.get_path("scripts"), "stepbridge")
    assert ran(script, "plan", *TEXTBOOK).splitlines()[-1] == "Epoch 5, Iter 5, Step 25"
    assert ran(sys.executable, "-m", "stepbridge", "--version") == f"stepbridge {sb.__version__}\n"
    assert json.loads(ran(script, "info", logs, "--json"))


def ran(*command: object) -> str:
    """Run a program that must succeed without a word on stderr, and give what it printed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, ""), (command, done)
    return done.stdout


def the_adapters() -> None:
    """An adapter without its framework says what to install."""
    for name in ("torch", "keras", "tensorflow", "transformers", "lightning", "accelerate", "ignite", "jax"):
        said = missing(importlib.import_module, f"stepbridge.adapters.{name}")
        assert f"stepbridge[{name}]" in said, said


def missing(call: Callable[..., object], *arguments: object) -> str:
    """Call what needs a package that is not there, and give what it says."""
    try:
        call(*arguments)
    except ImportError as error:
        return str(error)
    raise AssertionError(f"{call} needed nothing")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
