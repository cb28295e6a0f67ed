"""What several test files need: the real logs, and the frameworks in one process."""

from __future__ import annotations

import contextlib
import csv
import importlib
import os
import signal
from pathlib import Path
from typing import NamedTuple

import pytest

import laws_profile  # noqa: F401 - it sets how hard the laws are tried

# PyTorch's first optimizer imports Triton, and TensorBoard imports TensorFlow where it is installed. Both bring LLVM,
# and the process aborts where TensorFlow's comes first (Triton 3.9, TensorFlow 2.21).
with contextlib.suppress(ImportError):
    importlib.import_module("triton")
# The examples in docstrings share one process, and so one backend of Keras; those of TensorFlow need this one.
os.environ["KERAS_BACKEND"] = "tensorflow"
# Transformers before 5.0 imports TensorFlow where it is installed, and refuses Keras 3.
os.environ["USE_TF"] = "0"

# A shell makes what it runs in the background ignore Ctrl-C, and nohup the end of the terminal; so would every process
# that a test means to interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# What worker processes run: programs that bring in a framework, with no examples in their docstrings.
collect_ignore_glob = [
    "adapters/keras_*",
    "adapters/tensorflow_*",
    "adapters/torch_*",
    "adapters/transformers_*",
    "adapters/lightning_*",
    "adapters/accelerate_*",
    "adapters/ignite_*",
    "adapters/jax_*",
    "conformance/drivers/*",
]

ROOT = Path(__file__).parent.parent
#: Real logs of real runs with a MANIFEST.tsv; too large for the repository.
DATA = Path(os.environ.get("STEPBRIDGE_DATA", ROOT.parent / "shared" / "data"))
MANIFEST = DATA / "MANIFEST.tsv"


class Fact(NamedTuple):
    """A real file, and what is known of it."""

    path: Path
    sha256: str
    known: str


def facts(kind: str, name: str) -> list[Fact]:
    """List the files of a format whose names end in `name`."""
    if not MANIFEST.exists():
        return []
    with MANIFEST.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row["format"] == kind]
    paths = [(DATA / kind / row["repo"].replace("/", "__") / row["path"], row) for row in rows]
    return [Fact(path, row["sha256"], row["what is known"]) for path, row in paths if name in path.name]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a fact once for each file of the format that its `of_format` mark names."""
    if "fact" not in metafunc.fixturenames:
        return
    mark = next(metafunc.definition.iter_markers("of_format"))
    found = facts(*mark.args)
    if found:
        metafunc.parametrize("fact", found, ids=["/".join(fact.path.relative_to(DATA).parts[1:]) for fact in found])
    else:
        reason = f"no real logs at {DATA}: set STEPBRIDGE_DATA to the folder that holds MANIFEST.tsv"
        metafunc.parametrize("fact", [pytest.param(None, marks=pytest.mark.skip(reason=reason))])


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark."""
    config.addinivalue_line("markers", "of_format(kind, name): run once for each real file of that format")


@pytest.fixture
def data() -> Path:
    """The folder of real logs."""
    if not MANIFEST.exists():
        pytest.skip(f"no real logs at {DATA}: set STEPBRIDGE_DATA to the folder that holds MANIFEST.tsv")
    return DATA


@pytest.fixture
def demo() -> Path:
    """The folder of real logs that the repository holds."""
    return ROOT / "demo" / "logs"
