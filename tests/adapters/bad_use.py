"""The ways in which every trainer's adapter is used wrongly, and what each of them says: one sentence."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING

import stepbridge as sb

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["CASES", "check_all", "missing"]

CASES = (
    "a clock of two trainers",
    "twice in one trainer",
    "a checkpoint of another run",
    "a state of a newer version",
    "a missing framework",
)

#: What is done wrong in a folder, and what is said of it.
Use = tuple["Callable[[Path], object]", str]


def missing(framework: str) -> Callable[[Path], None]:
    """Imports the adapter in a process that does not have its framework."""

    def use(_folder: Path) -> None:
        script = f"import sys; sys.modules['{framework}'] = None\nimport stepbridge.adapters.{framework}"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        raise ImportError(done.stderr.strip().splitlines()[-1].removeprefix("ImportError: "))

    return use


def check_all(uses: Mapping[str, Use], folder: Path) -> None:
    """Checks that each wrong use is named in one sentence, by an error or, where training goes on, by a warning."""
    assert tuple(uses) == CASES
    wrong = []
    for number, (case, (use, sentence)) in enumerate(uses.items()):
        place = folder / str(number)
        place.mkdir()
        texts = said(lambda use=use, place=place: use(place))  # type: ignore[misc]
        plain = [text for text in texts if "\n" not in text and len(text) < 600 and re.search(sentence, text)]
        if len(texts) != 1 or plain != texts:
            wrong.append(f"{case}: {texts}")
    assert not wrong, "\n".join(wrong)


def said(call: Callable[[], object]) -> list[str]:
    """What stepbridge says: all of its warnings, and the error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", sb.StepbridgeWarning)
        error: list[str] = []
        try:
            call()
        except (TypeError, RuntimeError, ImportError, sb.StepbridgeError) as raised:
            error = [str(raised)]
    return [*(str(one.message) for one in caught if issubclass(one.category, sb.StepbridgeWarning)), *error]
