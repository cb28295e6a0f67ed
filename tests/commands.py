"""The command line as a process, for the tests of it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOGS = ROOT / "demo" / "logs"
PROGRAM = (sys.executable, "-m", "stepbridge")
NAMES = ("plan", "convert", "info", "reindex", "index", "rewrite", "infer", "where", "plot")


def run(
    *arguments: object, cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, encoding="utf-8", errors="replace", check=False, timeout=240
    )


def printed(*arguments: object, cwd: Path | None = None) -> str:
    """Run a command that must succeed without a word on stderr, and give what it printed."""
    done = run(*arguments, cwd=cwd)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def complaint(code: int, *arguments: object, cwd: Path | None = None) -> str:
    """Run a command that must fail with this code, and give its one sentence."""
    done = run(*arguments, cwd=cwd)
    assert (done.returncode, done.stdout) == (code, "")
    assert "Traceback" not in done.stderr
    (sentence,) = done.stderr.splitlines()
    return sentence


def examples(page: str) -> list[list[str]]:
    """List the examples of a help page, each as its arguments; the line before each says what it does."""
    _, _, section = page.partition("\nExamples:\n")
    lines = [line.strip() for line in section.partition("\n\n")[0].splitlines()]
    assert len(lines) % 2 == 0
    assert all(line.startswith("# ") for line in lines[::2])
    typed = [shlex.split(line) for line in lines[1::2]]
    assert {program for program, *_ in typed} == {"stepbridge"}
    return [arguments for _, *arguments in typed]


def lay_out(folder: Path) -> None:
    """Make the folder `runs` of the examples, out of the demo's logs."""
    shutil.copytree(ROOT / "tests" / "cli" / "checkpoint-4", folder / "checkpoint-4")
    shutil.copytree(LOGS / "roberta_lora", folder / "runs" / "bert")
    shutil.copytree(LOGS / "mnist_cnn" / "tensorboard", folder / "runs" / "mnist")
    (folder / "runs" / "mine").mkdir()
    lines = "".join(f"ep {epoch} it 9 loss 0.{epoch}\n" for epoch in range(4))
    (folder / "runs" / "mine" / "train.log").write_text(lines, encoding="utf-8")
