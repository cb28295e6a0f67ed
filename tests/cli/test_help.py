"""What the command line says of itself: help, examples that run, completion; and the page that says the same."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import stepbridge as sb
from commands import NAMES, PROGRAM, ROOT, complaint, examples, lay_out, printed, run

PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
SHELLS = ("bash", "zsh", "fish")
# The words are click's, and each is followed by a way on; newer versions put names in quotes, and suggest commands.
NO_OPTION = ("'--xyz'. See `stepbridge plan --help`.", ": --xyz. See `stepbridge plan --help`.")
NO_COMMAND = ("Did you mean 'plan'?", "No such command 'pla'. See `stepbridge --help`.")


def options(page: str) -> list[str]:
    """List the long options of a help page."""
    return re.findall(r"^  (?:-\w, )?(--[a-z-]+)", page, re.MULTILINE)


@pytest.mark.parametrize("command", [(), *((name,) for name in NAMES)], ids=" ".join)
def test_help(command: tuple[str, ...]) -> None:
    page = printed(*command, "--help")
    assert page.startswith(" ".join(("Usage: stepbridge", *command, "[OPTIONS]")))
    assert page == printed(*command, "-h")
    assert "--debug" in options(page)
    # It is read in a terminal of 80 columns; only an example may be longer, as one line that can be copied.
    assert [line for line in page.splitlines() if len(line) > 80 and not line.startswith("  stepbridge ")] == []
    assert len(examples(page)) >= 2


def test_the_first_help_shows_an_example_of_each_command() -> None:
    page = printed("--help")
    assert sorted(name for name, *_ in examples(page)) == sorted(NAMES)
    # No line in the list of commands is cut off.
    assert "..." not in page.partition("Commands:")[2]


def test_no_command_shows_the_help() -> None:
    done = run()
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout == printed("--help")


@pytest.mark.parametrize(
    ("arguments", "end"),
    [
        pytest.param(("help",), "No such command 'help'. See `stepbridge --help`.", id="no such command"),
        pytest.param(("plan", "1000", "200"), "(1000 200). See `stepbridge plan --help`.", id="too many arguments"),
        pytest.param(("info",), "Missing argument 'PATH...'. See `stepbridge info --help`.", id="too few"),
        pytest.param(
            ("reindex", "runs"), "'-o' / '--output'. See `stepbridge reindex --help`.", id="an option is missing"
        ),
        pytest.param(("plan", "--xyz"), NO_OPTION, id="no such option"),
        pytest.param(("pla",), NO_COMMAND, id="nearly a command"),
        pytest.param(("plan", "--samples", "x"), "'x' is not a valid integer.", id="a bad value"),
        pytest.param(("plan",), "or --samples with --batch-size", id="a sentence of ours"),
    ],
)
def test_wrong_use_names_what_is_right_or_the_help(arguments: tuple[str, ...], end: str | tuple[str, ...]) -> None:
    assert complaint(2, *arguments).endswith(end)


@pytest.mark.parametrize("command", NAMES)
def test_every_example_in_the_help_runs(command: str, tmp_path: Path) -> None:
    if command == "plot":
        # The wheel is also tested without any other package.
        pytest.importorskip("matplotlib.font_manager")
    if command == "index":
        pytest.importorskip("pyarrow")
    lay_out(tmp_path)
    for arguments in examples(printed(command, "--help")):
        stated = followed(arguments, tmp_path) if "--follow" in arguments else printed(*arguments, cwd=tmp_path)
        if "--json" in arguments:
            json.loads(stated)
        if "-o" in arguments:
            output = tmp_path / arguments[arguments.index("-o") + 1]
            assert stated.startswith(f"{output.name}: ")
            files = [file for file in output.rglob("*") if file.is_file()] if output.is_dir() else [output]
            assert sum(file.stat().st_size for file in files) > 1000
            shutil.rmtree(output) if output.is_dir() else output.unlink()


def followed(arguments: list[str], folder: Path) -> str:
    """Run a command that goes on until Ctrl-C, and give the first line that it prints."""
    process = subprocess.Popen([*PROGRAM, *arguments], cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=240) == 0
    finally:
        process.kill()
        process.communicate()
    return line


def test_version() -> None:
    assert printed("--version") == f"stepbridge {sb.__version__}\n"


def test_the_installed_command_is_the_module() -> None:
    """Both ways in end in one function; where the package is installed, its script is run as well."""
    assert 'stepbridge = "stepbridge.cli:main"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    script = shutil.which("stepbridge", path=str(Path(sys.executable).parent))
    if script is None:
        pytest.skip("stepbridge is not installed with this Python")
    done = subprocess.run([script, "convert", "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, printed("convert", "--help"))


# --- completion ----------------------------------------------------------------------------------------------------


def completed(*words: str) -> list[str]:
    """Give what bash gets for the last of these words."""
    line = " ".join(("stepbridge", *words))
    asked = {"_STEPBRIDGE_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
    done = run(env={**os.environ, **asked})
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        pytest.param(("re",), ["plain,reindex", "plain,rewrite"], id="command"),
        pytest.param(("plan", "--sa"), ["plain,--samples"], id="option"),
        pytest.param(("plan", "--boundary", "c"), ["plain,carry"], id="choice"),
        pytest.param(("convert", "3ep", "st"), ["plain,st", "plain,step"], id="unit"),
        pytest.param(("convert", "3e"), ["plain,3ep"], id="quantity"),
        pytest.param(("convert", "s"), [], id="no number"),
        pytest.param(("info", "runs", "--format", "mm"), ["plain,mmcv", "plain,mmengine"], id="format"),
        pytest.param(("reindex", "runs", "--unit", "ba"), ["plain,ba", "plain,batch"], id="unit of a log"),
        pytest.param(("info", "ru"), ["file,ru"], id="path"),
        pytest.param(("reindex", "runs", "-o", "ou"), ["file,ou"], id="output"),
    ],
)
def test_completion(words: tuple[str, ...], offered: list[str]) -> None:
    assert completed(*words) == offered


def test_completion_offers_every_unit_behind_a_number() -> None:
    assert completed("convert", "500") == [f"plain,500{unit}" for unit in ("sp", "tok", "ba", "st", "ep", "dur")]


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_its_script(shell: str) -> None:
    if shell == "bash" and shutil.which("bash") is None:
        pytest.skip("click 8.1 asks bash for its version, and there is no bash here")
    done = run(env={**os.environ, "_STEPBRIDGE_COMPLETE": f"{shell}_source"})
    assert done.returncode == 0
    assert "_stepbridge_completion" in done.stdout
    assert "stepbridge" in done.stdout
    assert f"_STEPBRIDGE_COMPLETE={shell}_source" in PAGE


def lines_for(shell: str) -> list[str]:
    """Find the lines that the page tells users of a shell to put into its file."""
    return re.findall(rf"^```text\n(.*_STEPBRIDGE_COMPLETE={shell}_source.*)\n```$", PAGE, re.MULTILINE)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_the_line_for_bash_completes(tmp_path: Path) -> None:
    """Bash itself evaluates the page's line, with a command `stepbridge` on its path, and fills in a word."""
    program = tmp_path / "stepbridge"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m stepbridge "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    (line,) = lines_for("bash")
    asked = 'COMP_WORDS=(stepbridge inf); COMP_CWORD=1; _stepbridge_completion stepbridge; echo "${COMPREPLY[@]}"'
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", f"{line}\n{asked}"], env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "infer info\n")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_line_for_another_shell_is_there(shell: str) -> None:
    (line,) = lines_for(shell)
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here: its line is read, not run")
    done = subprocess.run([shell, "-c", line], capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0


# --- the page ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", NAMES)
def test_the_page_names_every_option(command: str) -> None:
    missing = [option for option in options(printed(command, "--help")) if f"`{option}" not in PAGE]
    assert missing == []
    assert f"\n## stepbridge {command}\n" in PAGE


def test_the_page_and_the_help_say_the_same_of_exit_codes() -> None:
    _, _, section = printed("--help").partition("Exit codes:\n")
    codes = re.findall(r"^  (\d+) ", section, re.MULTILINE)
    assert codes == ["0", "1", "2", "70", "130", "141", "143"]
    assert re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE) == codes
