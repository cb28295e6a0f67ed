"""The options that say how records get their place, for the commands that write them."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stepbridge.cli._step_options import as_meaning

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepbridge.cli._command import Function
    from stepbridge.cli._reading import Reading
    from stepbridge.logs import ReindexOptions


def number(_context: click.Context, _parameter: click.Parameter, value: float) -> float:
    """Refuses what is not a number: click finds it in every range."""
    if isnan(value):
        message = "a time is a number, not nan"
        raise click.BadParameter(message)
    return value


PLACING = (
    click.option(
        "--series",
        multiple=True,
        metavar="TAGS=UNIT:BASE",
        help="What the steps of some series count: 'val/*=epoch:1'. May be given several times.",
    ),
    click.option(
        "--likely",
        is_flag=True,
        help="Runs whose log leaves several timelines take the one with which each epoch has a record at its end.",
    ),
    click.option(
        "--plan",
        "plans",
        type=click.Path(dir_okay=False, exists=True, path_type=Path),
        metavar="FILE",
        help="A TOML file with plans by the names of runs; stepbridge.toml in PATH is used without it.",
    ),
)

#: Those that make a run depend on the others, or on all of them.
PLACING_ALL = (
    click.option(
        "--share-timeline", is_flag=True, help="Runs without a timeline take the one that the others below PATH share."
    ),
    click.option(
        "--strict", is_flag=True, help="Write nothing if a run has no timeline, or one that its log contradicts."
    ),
)

#: What a table has besides.
COLUMNS = (
    click.option(
        "--keep-superseded", is_flag=True, help="Keep records that a later session replaced, with columns that show it."
    ),
    click.option("--batch", is_flag=True, help="Add the index of each record's batch in the run."),
    click.option("--sample", is_flag=True, help="Add the index of that batch's first sample."),
    click.option("--token", is_flag=True, help="Add the index of that batch's first token, where it is known."),
)

FOLLOWING = (
    click.option("--follow", is_flag=True, help="Continue, and write it again when the logs change, until Ctrl-C."),
    click.option(
        "--interval", type=click.FloatRange(0.01, 3600), callback=number, default=2.0, metavar="SECONDS", hidden=True
    ),
    click.option("-v", "--verbose", is_flag=True, help="Name every problem, however many there are."),
)


def placing_options(command: Function) -> Function:
    """Adds the options of `stepbridge.ReindexOptions` that no plan and no step has."""
    return _with(command, *PLACING, *PLACING_ALL)


def placing_options_of_each(command: Function) -> Function:
    """Adds those of them that concern each run alone."""
    return _with(command, *PLACING)


def column_options(command: Function) -> Function:
    """Adds the options of the columns of a table."""
    return _with(command, *COLUMNS)


def following_options(command: Function) -> Function:
    """Adds `--follow` and `--verbose`."""
    return _with(command, *FOLLOWING)


def _with(command: Function, *options: Callable[[Function], Function]) -> Function:
    for option in reversed(options):
        command = option(command)
    return command


def placing_of(reading: Reading, options: dict[str, Any]) -> dict[str, Any]:
    """Returns the options as the library takes them, with the plans that are where the logs are."""
    options = placing_of_each(options)
    options.setdefault("plans", reading.source.plan_file)
    return options


def placing_of_each(options: dict[str, Any]) -> dict[str, Any]:
    """Returns the options as the library takes them. It finds plans that are not given itself."""
    options = as_meaning(options)
    options["series"] = dict(map(series_rule, options["series"]))
    if options["plans"] is None:
        del options["plans"]
    return options


def series_rule(text: str) -> tuple[str, tuple[str, int]]:
    """Returns pattern, unit and base of a value of `--series`."""
    pattern, equals, meaning = text.rpartition("=")
    unit, colon, base = meaning.partition(":")
    if not (pattern and equals and unit and colon and base in {"0", "1"}):
        message = f"{text!r} is not TAGS=UNIT:BASE, as in 'val/*=epoch:1'"
        raise click.BadParameter(message, param_hint="--series")
    return pattern, (unit, int(base))


def as_options(options: dict[str, Any]) -> ReindexOptions:
    """Returns the command's options as those of the library, which have the same names."""
    return options  # type: ignore[return-value]
