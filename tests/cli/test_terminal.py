"""What a terminal gets and what a pipe gets: colours, widths, and names that a terminal must not obey."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from commands import LOGS, PROGRAM, printed, run

if TYPE_CHECKING:
    from pathlib import Path

ESCAPE = "\x1b"
COLOUR = re.compile("\x1b\\[[0-9;]*3[0-7]m")
#: Every way to ask for colours or for none, out of the way.
NEUTRAL = {
    name: value
    for name, value in os.environ.items()
    if name not in {"NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM", "TTY_INTERACTIVE"}
}


def on_a_terminal(*arguments: str, columns: int = 100, **variables: str) -> str:
    """Run a command with a terminal as stdout and stderr, and give all that it shows."""
    import pty  # noqa: PLC0415 - Unix alone has it

    ours, its = pty.openpty()
    environment = {**NEUTRAL, "TERM": "xterm-256color", "COLUMNS": str(columns), **variables}
    with subprocess.Popen([*PROGRAM, *arguments], stdin=its, stdout=its, stderr=its, env=environment) as process:
        os.close(its)
        shown = b""
        try:
            while part := os.read(ours, 4096):
                shown += part
        except OSError:  # the command has ended
            pass
        os.close(ours)
        process.wait(timeout=240)
    return shown.decode()


unix = pytest.mark.skipif(sys.platform == "win32", reason="terminals of Unix")


@unix
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("info", str(LOGS)), id="table"),
        pytest.param(("plan", "--no-such-option"), id="error"),
    ],
)
def test_colours_are_for_terminals(arguments: tuple[str, ...]) -> None:
    coloured = on_a_terminal(*arguments)
    assert COLOUR.search(coloured)
    done = run(*arguments, env=NEUTRAL)
    assert ESCAPE not in done.stdout + done.stderr
    forced = run(*arguments, env={**NEUTRAL, "FORCE_COLOR": "1"})
    assert COLOUR.search(forced.stdout + forced.stderr)
    assert not COLOUR.search(on_a_terminal(*arguments, NO_COLOR="1"))
    assert ESCAPE not in on_a_terminal(*arguments, TERM="dumb")


@unix
def test_json_and_help_have_no_colours() -> None:
    # A machine that is busy would show a bar while it reads.
    for arguments in (("info", str(LOGS), "--json", "--quiet"), ("--help",), ("--version",)):
        assert ESCAPE not in on_a_terminal(*arguments)


def test_a_pipe_gets_one_line_a_run() -> None:
    lines = printed("info", LOGS).splitlines()
    for found in json.loads(printed("info", LOGS, "--json"))["overview"]:
        name = found["run"].rpartition("/")[2]
        assert sum(line.partition("  " + f"{found['records']:,}")[0].rstrip().endswith(name) for line in lines) == 1


@unix
def test_a_terminal_gets_lines_that_fit() -> None:
    lines = on_a_terminal("info", str(LOGS), columns=60, TERM="dumb").splitlines()
    assert len(lines) > len(printed("info", LOGS).splitlines())
    assert max(map(len, lines)) <= 60


# --- names that strangers wrote --------------------------------------------------------------------------------------

#: It would set a window's title, ring, colour the rest, go back to the line's start, and turn the text's direction.
HOSTILE = "l\u00e9\x1b]0;owned\x07\u009b31m\r\u202e\x7floss"
ESCAPED = "l\u00e9\\x1b]0;owned\\x07\\x9b31m\\r\\u202e\\x7floss"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    lines = "".join(json.dumps({"step": step, HOSTILE: 0.5}) + "\n" for step in range(3))
    (tmp_path / "m.jsonl").write_text(lines, encoding="utf-8")
    return tmp_path


def test_a_terminal_obeys_no_name_of_a_log(hostile: Path) -> None:
    done = run("info", hostile)
    assert done.returncode == 0
    assert f"tags: {ESCAPED}\n" in done.stdout
    assert all(line.isprintable() for line in (done.stdout + done.stderr).splitlines())


def test_json_holds_the_name_itself(hostile: Path) -> None:
    text = run("info", hostile, "--json").stdout
    assert json.loads(text)["tags"] == [HOSTILE]
    assert text.replace("\n", "").isprintable()


@unix
@pytest.mark.parametrize("command", ["info", "infer", "reindex"])
def test_names_of_files_are_escaped_too(command: str, hostile: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a\x1b[31m\nb"
    folder.mkdir()
    (hostile / "m.jsonl").rename(folder / "m\x1b[2J.jsonl")
    (folder / "torn\x1b.csv").write_text("epoch,step,loss\n0,0,1\n0,1\n", encoding="utf-8")
    output = ("-o", tmp_path / "out\x1b.csv", "--batches-per-epoch", 2) if command == "reindex" else ()
    done = run(command, tmp_path, *output)
    assert done.returncode == 0
    assert "\\x1b" in done.stdout + done.stderr
    assert all(line.isprintable() for line in (done.stdout + done.stderr).splitlines())
    wrong = run(command, tmp_path / "no\x1b[2J", *output)
    assert wrong.returncode == 2
    assert ESCAPE not in wrong.stderr


@unix
def test_a_name_that_is_no_text(hostile: Path) -> None:
    """A folder whose name is not UTF-8 is read, printed and written."""
    folder = os.fsencode(hostile) + b"/\xff\xfe"
    os.mkdir(folder)  # noqa: PTH102 - a Path has no bytes
    os.rename(os.fsencode(hostile) + b"/m.jsonl", folder + b"/m.jsonl")  # noqa: PTH104 - the same
    for arguments in (("info", hostile), ("info", hostile, "--json"), ("info", os.fsdecode(folder))):
        done = run(*arguments)
        assert done.returncode == 0
        assert "Traceback" not in done.stderr
    done = run("info", os.fsdecode(folder + b"\xfd"))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-16"])
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_an_output_that_lacks_characters(encoding: str, form: tuple[str, ...], tmp_path: Path) -> None:
    line = json.dumps({"step": 1, "損失/é": 0.5}, ensure_ascii=False) + "\n"
    (tmp_path / "m.jsonl").write_text(line * 2, encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([*PROGRAM, "info", tmp_path, *form], env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    if form:
        # Python's own way back: click prints UTF-8 where the encoding is ASCII.
        assert json.loads(done.stdout.decode("utf-8" if encoding == "ascii" else encoding))["tags"] == ["損失/é"]
