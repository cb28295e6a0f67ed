"""Measures which lines and branches the tests reach, in Python and in Rust, and prints both reports.

What is measured is built aside (`build/coverage`): the extension with counters in it, and a copy of the package around
it. The Rust report counts what the tests of the crates reach and what the Python tests reach through the extension.

    python tools/covered.py [--adapters] [PYTEST ARGUMENT...]
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "coverage"
LLVM_COV = ROOT / "build" / "tools" / "bin" / "cargo-llvm-cov"
#: What the tests of the core leave out: each framework's tests have a process of their own, and a process that is
#: measured takes more memory.
CORE = (
    "tests",
    "--ignore=tests/adapters",
    "--ignore=tests/conformance",
    "--ignore=tests/spark",
    "--ignore=tests/logs/test_hostile.py",
    "--deselect=tests/logs/test_faults.py::test_a_bomb_takes_little_memory",
)
ADAPTERS = ("torch", "keras", "tensorflow", "transformers", "lightning", "accelerate", "ignite", "jax")
#: Code of tests does not count.
TESTS = r"(/tests/|/tests\.rs$|_tests\.rs$)"


def main() -> int:
    """Build, test and report; fail where a test fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adapters", action="store_true", help="the adapters' tests too: minutes, and each framework")
    parser.add_argument("--no-rust-tests", action="store_true", help="what Python reaches alone")
    arguments, rest = parser.parse_known_args()

    shutil.rmtree(BUILD / "python", ignore_errors=True)
    for data in BUILD.glob("python.data*"):
        data.unlink()
    environment = instrumented()
    run([str(LLVM_COV), "llvm-cov", "clean", "--profraw-only"], environment)
    run(["cargo", "build", "--quiet", "--package", "stepbridge-python"], environment)
    if not arguments.no_rust_tests:
        run(["cargo", "test", "--quiet", "--workspace"], environment)

    package = BUILD / "python" / "stepbridge"
    shutil.copytree(ROOT / "python" / "stepbridge", package, ignore=shutil.ignore_patterns("_core*.so", "__pycache__"))
    library = "lib_core.dylib" if sys.platform == "darwin" else "lib_core.so"
    shutil.copy(target(environment) / "debug" / library, package / "_core.abi3.so")
    environment["PYTHONPATH"] = str(package.parent)
    suites = [rest or list(CORE)]
    if arguments.adapters:
        suites += [[str(path) for path in sorted(ROOT.glob(f"tests/adapters/test_{name}_*.py"))] for name in ADAPTERS]
        suites.append(["tests/conformance"])
    failed = [suite for suite in suites if run(pytest(suite), environment, check=False)]

    coverage = [sys.executable, "-m", "coverage"]
    run([*coverage, "combine", "--quiet"], environment)
    run([*coverage, "report"], environment)
    run([*coverage, "html", "--quiet", "--directory", str(BUILD / "html-python")], environment)
    report = [str(LLVM_COV), "llvm-cov", "report", "--ignore-filename-regex", TESTS]
    run(report, environment)
    run([*report, "--html", "--output-dir", str(BUILD / "html-rust")], environment)
    print(f"line by line: {BUILD / 'html-python' / 'index.html'}, {BUILD / 'html-rust' / 'html' / 'index.html'}")
    return 1 if failed else 0


def pytest(suite: list[str]) -> list[str]:
    """Give the command that measures a suite."""
    return [sys.executable, "-m", "coverage", "run", "-m", "pytest", "-q", "-p", "no:cacheprovider", *suite]


def instrumented() -> dict[str, str]:
    """Give the environment in which cargo builds with counters, and what was built writes them down."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(BUILD / "target")}
    shown = subprocess.run(
        [LLVM_COV, "llvm-cov", "show-env", "--sh"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for line in shown.stdout.splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        environment[name] = "".join(shlex.split(value))
    return environment


def target(environment: dict[str, str]) -> Path:
    """Give the folder that cargo builds into."""
    return Path(environment["CARGO_TARGET_DIR"])


def run(command: list[str], environment: dict[str, str], *, check: bool = True) -> int:
    """Run a command at the root; give its exit code."""
    print(f"$ {shlex.join(command)}", flush=True)
    return subprocess.run(command, cwd=ROOT, env=environment, check=check).returncode


if __name__ == "__main__":
    sys.exit(main())
