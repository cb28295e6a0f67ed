"""`stepbridge plot`: draws series of runs on one axis, in the terminal, into a picture or as a page."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stepbridge._text import shortened
from stepbridge.cli._command import Example, command
from stepbridge.cli._plan_options import plan_options, timeline_of
from stepbridge.cli._printing import complain, failure, in_colour, in_flags, say
from stepbridge.cli._reading import Reading, read, reading_options
from stepbridge.cli._step_options import as_meaning, misused, step_options

if TYPE_CHECKING:
    from stepbridge.logs._curves import Axis, Curves
    from stepbridge.logs._paths import LogPaths
    from stepbridge.timeline import PlanArguments

EXAMPLES = (
    Example("the loss of a run by epoch, in the terminal", "stepbridge plot runs/bert --axis epoch --tags loss"),
    Example("a picture", "stepbridge plot runs/bert -o loss.svg --tags loss --smooth 0.6"),
    Example("two runs of a folder with more", "stepbridge plot runs/bert runs/mnist --axis step --tags '*loss*'"),
    Example("a page with all tags and all axes", "stepbridge plot runs/bert -o bert.html"),
)
AXES = ("step", "batch", "sample", "token", "epoch", "time")
ENDINGS = (".html", ".svg", ".png")
#: More tags than this are not drawn at once without being asked for.
MOST_TAGS = 6
#: How many points a page draws at once, those of one tag, and how many it holds.
PAGE_POINTS = (40_000, 600_000)
#: The size of a drawing where the output is not a terminal.
SIZE = (100, 30)


def known_ending(_context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    """Refuses what cannot be written before anything is read."""
    if path is not None and path.suffix not in ENDINGS:
        message = f"'{path}': the name must end with {', '.join(ENDINGS)}"
        raise click.BadParameter(message)
    return path


@command(*EXAMPLES, short="Draw series of runs on one axis.")
@reading_options
@click.option("--axis", type=click.Choice(AXES), default="epoch", show_default=True, help="What to draw against.")
@click.option(
    "--tags", multiple=True, metavar="TAG", help="A series, or a pattern: 'val/*'. May be given several times."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=known_ending,
    help="The file to write: .html is a page with all axes, .svg and .png are pictures.",
)
@click.option(
    "--smooth",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    metavar="WEIGHT",
    help="A moving average: the weight of what came before, below 1.",
)
@click.option("--log", is_flag=True, help="A logarithmic scale for the values.")
@plan_options
@step_options
@click.option("--share-timeline", is_flag=True, help="Runs without a timeline take the one that the others share.")
@click.option("--likely", is_flag=True, help="Take the likely timeline of runs whose log leaves several.")
def plot(
    path: LogPaths,
    plan: PlanArguments,
    reading: Reading,
    *,
    axis: Axis,
    tags: tuple[str, ...],
    output: Path | None,
    smooth: float,
    log: bool,
    **options: Any,  # noqa: ANN401 - the library checks them
) -> None:
    """Draw the series of all runs below the paths on one axis.

    "step" is the step as it was logged, "time" is hours since the run's first record; the others count what is complete
    after the step. What a later session repeated is grey. Runs that do not know the axis are named on stderr.
    """
    from stepbridge.logs._curves import curves_of  # noqa: PLC0415 - see _command.py
    from stepbridge.logs._options import reindex_request  # noqa: PLC0415

    timeline = timeline_of(plan) if plan else None
    logs = read(path, reading)
    if not tags and len(logs.tags) > MOST_TAGS and (output is None or output.suffix != ".html"):
        some = ", ".join(map(shortened, logs.tags[: 2 * MOST_TAGS]))
        raise click.UsageError(f"there are {len(logs.tags):,} tags: name some with --tags ({some}, ...)")
    meaning: Any = {**as_meaning(options), "plans": reading.source.plan_file}
    with misused():
        # The page smooths by itself, so that it can show the values too.
        is_page = output is not None and output.suffix == ".html"
        average, together = (0.0, PAGE_POINTS) if is_page else (smooth, None)
        curves = curves_of(logs._core, reindex_request(timeline, meaning), tags, smooth=average, together=together)
        try:
            left_out = drawn(curves, axis, output, smooth=smooth, log=log)
        except ImportError as error:
            raise failure(in_flags(error)) from error
    for clause in left_out:
        complain(clause)


def drawn(curves: Curves, axis: Axis, output: Path | None, *, smooth: float, log: bool) -> list[str]:
    """Draws the curves, and returns what was left out."""
    from stepbridge.logs._drawing import draw_in_terminal, picture  # noqa: PLC0415 - see _command.py
    from stepbridge.logs._page import page  # noqa: PLC0415

    if output is None:
        size = shutil.get_terminal_size(SIZE)
        text, left_out = draw_in_terminal(
            curves, axis, (size[0], min(size[1] - 1, SIZE[1])), log=log, colour=in_colour()
        )
        click.echo(text, color=True)
        return left_out
    if output.suffix == ".html":
        content = page(curves, axis, log=log, smooth=smooth).encode()
        left_out = curves.on(axis)[1]
    else:
        content, left_out = picture(curves, axis, output.suffix, log=log)
    write_whole(output, content)
    shown = sum(len(curve.value) for curve in curves.curves)
    say(f"{output}: {shown:,} points of {sum(curve.records for curve in curves.curves):,} records")
    return left_out


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all: if it is ended in the middle, what was there before still is."""
    import tempfile  # noqa: PLC0415 - the other commands do not wait for it

    path = Path(os.path.realpath(path))
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False) as file:
        try:
            file.write(content)
            file.close()
            # As any new file: the process's mask takes away what it should not have.
            mask = os.umask(0)
            os.umask(mask)
            Path(file.name).chmod(0o666 & ~mask)
            Path(file.name).replace(path)
        except BaseException:
            file.close()
            Path(file.name).unlink(missing_ok=True)
            raise
