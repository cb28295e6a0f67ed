"""Tests distributions in clean environments of the oldest and the newest CPython of this machine.

With `--all` of each, with `--newest` of the newest alone.

The versions are those that pyproject.toml claims; one that is not installed is named and left out. Only packages are
downloaded. A wheel is installed where no compiler is on the PATH, and from wheels only; a source distribution is built
with Rust. First `tools/smoke.py` runs with nothing else installed, then the core tests. The lowest Python that is
claimed gets the lowest numpy that is, the others the pinned one.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "pythons"
COMPILERS = ("cc", "gcc", "clang", "cl", "cargo", "rustc", "zig")
# What needs numpy alone; the other tests compare with packages that do not exist for every CPython.
CORE = (
    "cli/test_*.py",
    "clock/test_*.py",
    "ledger/test_*.py",
    "test_conventions.py",
    "test_errors.py",
    "test_import.py",
    "test_simulation.py",
    "test_threads.py",
    "timeline/test_*.py",
)


def main() -> int:
    """Test on each interpreter that is found, and fail where one fails or none is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("distribution", type=Path, nargs="*", help="a wheel or a source distribution")
    parser.add_argument("--find", nargs="+", help="print the path of the first of these versions that is installed")
    parser.add_argument("--all", action="store_true", help="every CPython, not only the oldest and the newest")
    parser.add_argument("--newest", action="store_true", help="the newest CPython alone")
    parser.add_argument("--python", action="append", help="this version, as in 3.14t, in place of those claimed")
    arguments = parser.parse_args()
    if arguments.find:
        return find(arguments.find)

    wanted = arguments.python or claimed()
    found = {version: python for version in wanted if (python := interpreter(version))}
    if not found or (arguments.python and len(found) < len(wanted)):
        print(f"not every CPython of {', '.join(wanted)} is installed", file=sys.stderr)
        return 1
    oldest, newest = next(iter(found)), next(reversed(found))
    some = {newest} if arguments.newest else {oldest, newest}
    chosen = [version for version in found if arguments.all or arguments.python or version in some]

    def test(pair: tuple[Path, str]) -> tuple[str, bool, str]:
        distribution, version = pair
        passed, output = tested(distribution.resolve(), version, found[version])
        return f"{distribution.name} on CPython {version}", passed, output

    failed = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for what, passed, output in pool.map(test, product(arguments.distribution, chosen)):
            print(f"--- {what}\n{output}", flush=True)
            if not passed:
                failed.append(what)
    if failed:
        print(f"failed: {'; '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def find(versions: list[str]) -> int:
    """Print the path of the first of these versions that is installed, or fail."""
    with contextlib.redirect_stdout(sys.stderr):
        path = next((python for version in versions if (python := interpreter(version))), None)
    if path is None:
        print(f"none of CPython {', '.join(versions)} is installed on this machine", file=sys.stderr)
        return 1
    print(path)
    return 0


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


def tested(distribution: Path, version: str, python: str) -> tuple[bool, str]:
    """Install a distribution into an environment of its own and test it there; give what that printed."""
    wheel = distribution.suffix == ".whl"
    venv = BUILD / f"{version}-{'wheel' if wheel else 'source'}"
    run = str(venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    uv = str(shutil.which("uv"))
    install = [uv, "pip", "install", "--quiet", "--python", str(venv)]
    lowest = version == claimed()[0]
    pins = ["--constraint", "constraints.txt"]
    package = ["--resolution", "lowest"] if lowest else pins
    # uv would build one source distribution once for all that ask at a time.
    how = ["--only-binary", ":all:"] if wheel else ["--no-cache", "--build-constraint", "constraints.txt"]
    # numpy stays as the package got it, while the tests' own packages are the pinned ones.
    tools = ["--group", "core", *([] if lowest else pins)]
    tests = sorted(str(path) for pattern in CORE for path in (ROOT / "tests").glob(pattern))
    steps = (
        [uv, "venv", "--quiet", "--clear", "--python", python, str(venv)],
        [*install, *package, *how, "--reinstall-package", "stepbridge", str(distribution)],
        [run, "-I", "-W", "error", str(ROOT / "tools" / "smoke.py"), str(ROOT / "demo" / "logs")],
        [*install, *tools],
        [run, "-c", "import numpy; print('numpy', numpy.__version__)"],
        [run, "-m", "pytest", "--quiet", *tests],
    )
    environment = {**os.environ, **(without_compilers() if wheel else building()), "VIRTUAL_ENV": str(venv)}
    output = ""
    for step in steps:
        done = subprocess.run(
            step, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        output += done.stdout
        if done.returncode:
            return False, output
    return True, output


def without_compilers() -> dict[str, str]:
    """Give the PATH without the folders that hold a compiler."""
    folders = os.environ["PATH"].split(os.pathsep)
    return {"PATH": os.pathsep.join(f for f in folders if not any(shutil.which(name, path=f) for name in COMPILERS))}


def building() -> dict[str, str]:
    """Give what a build takes from the environment: one folder for all, and the profile that is quick to build.

    What a source distribution can lack is a file, and that shows in any profile.
    """
    return {"CARGO_TARGET_DIR": str(BUILD / "target"), "MATURIN_PEP517_ARGS": "--profile quick --locked"}


if __name__ == "__main__":
    sys.exit(main())
