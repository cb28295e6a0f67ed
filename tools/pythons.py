"""Runs the core tests of one wheel on the oldest and the newest CPython of this machine (`--all`: on each).

The versions are those that pyproject.toml claims; one that is not installed is named and left out. Only packages are
downloaded. The oldest CPython gets the lowest numpy that the wheel allows, the others the pinned one.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
VENVS = ROOT / "build" / "pythons"
# What needs numpy alone; the other tests compare with packages that do not exist for every CPython.
CORE = (
    "test_cli*.py",
    "test_clock*.py",
    "test_conventions*.py",
    "test_import.py",
    "test_ledger.py",
    "test_simulation.py",
    "test_timeline*.py",
    "test_translate.py",
    "test_units*.py",
    "test_updates.py",
)


def main() -> int:
    """Test on each interpreter that is found, and fail where one fails or none is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--all", action="store_true", help="every CPython, not only the oldest and the newest")
    arguments = parser.parse_args()

    found = {version: python for version in claimed() if (python := interpreter(version))}
    if not found:
        print("no CPython that pyproject.toml claims is installed", file=sys.stderr)
        return 1
    oldest, newest = next(iter(found)), next(reversed(found))
    chosen = [version for version in found if arguments.all or version in {oldest, newest}]

    def test(version: str) -> tuple[str, bool, str]:
        return (version, *tested(arguments.wheel.resolve(), version, found[version], lowest=version == oldest))

    failed = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for version, passed, output in pool.map(test, chosen):
            print(f"--- the core tests on CPython {version}\n{output}", flush=True)
            if not passed:
                failed.append(version)
    if failed:
        print(f"failed on CPython {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def claimed() -> list[str]:
    """List the versions that the classifiers in pyproject.toml name, the oldest first."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text)


def interpreter(version: str) -> str | None:
    """Find a CPython of this version, those of pyenv included, or say that there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    # Ahead of the PATH: pyenv's own commands on it exist for every version and work for the chosen one only.
    folders = [str(folder) for folder in sorted(pyenv.glob(f"{version}.*/bin"))]
    path = os.pathsep.join([*folders, os.environ["PATH"]])
    command = ["uv", "python", "find", "--system", "--no-project", f"cpython@{version}"]
    answer = subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)
    if answer.returncode:
        print(f"--- CPython {version} SKIPPED: not installed on this machine", flush=True)
        return None
    return answer.stdout.strip()


def tested(wheel: Path, version: str, python: str, *, lowest: bool) -> tuple[bool, str]:
    """Install the wheel into an environment of its own and run the core tests there; give what that printed."""
    venv = VENVS / version
    environment = {**os.environ, "VIRTUAL_ENV": str(venv)}
    install = ["uv", "pip", "install", "--quiet", "--python", str(venv)]
    pins = ["--constraint", "constraints.txt"]
    package = ["--resolution", "lowest-direct"] if lowest else pins
    # numpy stays as the package got it, while the tests' own packages are the pinned ones.
    tools = ["--group", "core", *([] if lowest else pins)]
    tests = sorted(str(path) for pattern in CORE for path in (ROOT / "tests").glob(pattern))
    told = "import numpy, stepbridge; print('numpy', numpy.__version__, stepbridge.__file__)"
    steps = (
        ["uv", "venv", "--quiet", "--clear", "--python", python, str(venv)],
        [*install, *package, "--reinstall-package", "stepbridge", str(wheel)],
        [*install, *tools],
        [str(venv / "bin" / "python"), "-c", told],
        [str(venv / "bin" / "pytest"), "--quiet", *tests],
    )
    output = ""
    for step in steps:
        done = subprocess.run(
            step, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        output += done.stdout
        if done.returncode:
            return False, output
    return True, output


if __name__ == "__main__":
    sys.exit(main())
