"""Every block of the Keras guide does what it says; in a process of its own, on JAX, which starts the fastest."""

from __future__ import annotations

import re
from pathlib import Path

from adapters.keras_runs import run_on

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "keras.md"
RUN = """
import sys
from pathlib import Path
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

examples = list(Sybil(parsers=[PythonCodeBlockParser()]).parse(Path(sys.argv[1])).examples())
for example in examples:
    example.evaluate()
print(len(examples), "blocks")
"""


def test_the_guide_runs() -> None:
    done = run_on("jax", "-c", RUN, PAGE)
    assert done.returncode == 0, done.stderr
    blocks = PAGE.read_text(encoding="utf-8").count("```python\n")
    assert blocks > 0
    *printed, last = done.stdout.splitlines()
    assert last == f"{blocks} blocks"
    assert [re.sub(r": [\d.]+$", "", line) for line in printed] == [
        "epoch 5, iter 4, step 30",
        "epoch 6, iter 4, step 40",
    ]
