"""Every block of the Keras guide does what it says; in a process of its own, on JAX, which starts the fastest."""

from __future__ import annotations

import re

import pages
from adapters.keras_runs import run_on

PAGE = pages.page_of("keras")


def test_the_guide_runs() -> None:
    done = run_on("jax", pages.__file__, PAGE)
    assert done.returncode == 0, done.stderr
    *printed, last = done.stdout.splitlines()
    blocks = pages.languages(PAGE.read_text(encoding="utf-8")).total()
    assert last == f"{blocks} blocks"
    assert blocks > 0
    assert [re.sub(r": [\d.]+$", "", line) for line in printed] == [
        "epoch 5, iter 4, step 30",
        "epoch 6, iter 4, step 40",
    ]
