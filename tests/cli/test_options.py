"""The command line's options are the library's keyword arguments, and each side names them in its own way."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

import pytest

import stepbridge as sb
from commands import complaint, printed, run

if TYPE_CHECKING:
    from pathlib import Path

#: Options of the command line alone.
OWN = {"output", "follow", "json", "debug", "help", "quiet", "verbose", "root"}
#: Options that choose `Timeline.stream`, and that call `Timeline.change` and `batch_size_ramp`.
CALLS = {"stream", "change", "ramp"}


def options(command: str) -> set[str]:
    page = printed(command, "--help").partition("\nExamples:")[0]
    return {name.replace("-", "_") for name in re.findall(r"^  (?:-\w, )?--([a-z-]+)", page, re.MULTILINE)} - OWN


def plan_arguments() -> set[str]:
    arguments = {*inspect.signature(sb.Timeline.plan).parameters, *inspect.signature(sb.Timeline.stream).parameters}
    return arguments | CALLS


def test_every_keyword_argument_is_an_option() -> None:
    assert options("plan") == options("convert") == plan_arguments()
    assert options("info") == sb.ReadOptions.__optional_keys__
    assert options("infer") == sb.ReadOptions.__optional_keys__ | {"unit", "base", "convention"}
    both = sb.ReadOptions.__optional_keys__ | sb.ReindexOptions.__optional_keys__
    # A file has plans by the names of runs: the argument is `plans=`, the option `--plan FILE`.
    assert options("reindex") == plan_arguments() | (both - {"plans"}) | {"plan"}


@pytest.mark.parametrize(
    ("arguments", "end"),
    [
        (("plan", "--samples", 7, "--batch-size", 0), "--batch-size must be at least 1, not 0"),
        (("plan", "--batches-per-epoch", 5, "--accumulate", 0), "--accumulate must be at least 1, not 0"),
        (
            ("reindex", "log.csv", "-o", "o.csv", "--convention", "keras", "--base", 0),
            "give it alone, or give those two",
        ),
        (
            ("reindex", "log.csv", "-o", "o.csv"),
            "give a plan with --batches-per-epoch, or with --samples and --batch-size",
        ),
        (("info", "log.csv", "--pattern", "{"), "the pattern"),
    ],
)
def test_the_command_line_speaks_of_flags(arguments: tuple[object, ...], end: str, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("step,loss\n0,1\n1,2\n", encoding="utf-8")
    sentence = complaint(2, *arguments, cwd=tmp_path)
    assert end in sentence
    assert not re.search(r"[a-z]=(\W|$)", sentence), "an argument of Python"


def test_python_speaks_of_arguments(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("step,loss\n0,1\n1,2\n", encoding="utf-8")
    with pytest.raises(sb.TimelineError) as unknown:
        sb.reindex(log, tmp_path / "out.csv", strict=True)
    assert "give a plan with batches_per_epoch=, or with samples= and batch_size=" in str(unknown.value)
    with pytest.raises(ValueError, match="convention= sets unit= and base= too"):
        sb.reindex(log, tmp_path / "out.csv", convention="keras", base=0)
    (problem,) = sb.read_logs(log).reindex().problems
    for sentence in (str(unknown.value), problem.reason):
        assert "--" not in sentence


@pytest.mark.parametrize("option", ["step_column", "epoch_column", "time_column"])
def test_a_column_is_named_only_where_a_format_has_such(option: str, tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text('{"iteration": 9, "lr": 0.1, "total_loss": 0.5}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=rf"^{option}= names a column in files of the formats .*csv"):
        sb.read_logs(tmp_path, **{option: "lr"})  # type: ignore[arg-type]
    sentence = complaint(1, "info", tmp_path, f"--{option.replace('_', '-')}", "lr")
    assert f"--{option.replace('_', '-')} names a column" in sentence
    # Next to a file whose columns can be named, the others are read as they are.
    (tmp_path / "log.csv").write_text("n,loss\n0,1\n1,2\n", encoding="utf-8")
    assert len(sb.read_logs(tmp_path, step_column="n").files) == 2


def test_what_is_quoted_from_a_log_stays_as_it_is(tmp_path: Path) -> None:
    """A column may be called like an option."""
    (tmp_path / "log.csv").write_text("step_column,loss\n0,1\n1,2\n", encoding="utf-8")
    done = run("info", tmp_path, "--format", "csv", "--step-column", "batch_size")
    assert "there is no column 'batch_size'; there are step_column, loss" in done.stdout + done.stderr


def test_a_keyword_argument_that_does_not_exist_is_a_type_error(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("step,loss\n0,1\n1,2\n", encoding="utf-8")
    expected = (
        r"read_logs\(\) got an unexpected keyword argument 'step'; expected one of cache_limit, chain, epoch_column"
    )
    with pytest.raises(TypeError, match=expected):
        sb.read_logs(log, step="step")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'lend'"):
        sb.read_logs(log).reindex(lend=True)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'superseded'"):
        sb.reindex(log, tmp_path / "out.csv", superseded=True)  # type: ignore[call-arg]


def test_errors_are_ours_and_the_built_in_ones(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello", encoding="utf-8")
    with pytest.raises(sb.NoLogsError) as nothing:
        sb.read_logs(tmp_path)
    (tmp_path / "train.log").write_text("it 1 loss 2\n", encoding="utf-8")
    with pytest.raises(sb.PatternError) as pattern:
        sb.read_logs(tmp_path, pattern="it {step loss {loss}")
    for error in (nothing.value, pattern.value):
        assert isinstance(error, sb.StepbridgeError)
        assert isinstance(error, ValueError)
