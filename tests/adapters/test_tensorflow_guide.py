"""Every block of the TensorFlow guide does what it says, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pages
from adapters.tensorflow_worker import QUIET

if TYPE_CHECKING:
    from pathlib import Path

PAGE = pages.page_of("tensorflow")


def test_the_guide_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, pages.__file__, str(PAGE)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | QUIET,
    )
    assert done.returncode == 0, done.stderr
    blocks = pages.languages(PAGE.read_text(encoding="utf-8")).total()
    assert done.stdout.splitlines()[-1] == f"{blocks} blocks"
    assert blocks > 0
