"""Every block of the TensorFlow guide does what it says, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from adapters.tensorflow_worker import QUIET

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "tensorflow.md"
RUN = """
import pathlib, sys
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser
examples = list(Sybil(parsers=[PythonCodeBlockParser()]).parse(pathlib.Path(sys.argv[1])).examples())
for example in examples:
    example.evaluate()
print(len(examples))
"""


def test_the_guide_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(PAGE)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | QUIET,
    )
    assert done.returncode == 0, done.stderr
    fences = PAGE.read_text(encoding="utf-8").count("```python\n")
    assert int(done.stdout.splitlines()[-1]) == fences > 0
