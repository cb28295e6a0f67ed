"""What every command has: examples in its help, each written once and run by the tests, and `--debug`.

The module of a command imports the library inside its functions: no help page has to wait for numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: A function that becomes a command.
Function = TypeVar("Function", bound="Callable[..., Any]")


class Example(NamedTuple):
    """A line that can be typed as it is, in a folder with logs below `runs`."""

    does: str
    line: str


@dataclass(slots=True)
class Session:
    """What the user requests for every command; the root context holds it, and it outlives an error."""

    debug: bool = False


class Command(click.Command):
    """A command whose help ends with its examples."""

    def __init__(self, *arguments: Any, examples: tuple[Example, ...] = (), **named: Any) -> None:  # noqa: ANN401 - as click's
        super().__init__(*arguments, **named)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click calls it
        """Writes the examples below the options."""
        write_examples(formatter, self.examples)


def command(*examples: Example, short: str) -> Callable[[Callable[..., object]], Command]:
    """Makes a command of a function; `short` is its line in the list of commands."""

    def made(function: Callable[..., object]) -> Command:
        whole = click.command(cls=Command, examples=examples, short_help=short)(function)
        whole.params.append(debug_option())
        return whole

    return made


def write_examples(formatter: click.HelpFormatter, examples: Iterable[Example]) -> None:
    """Writes them as a section of their own; no line is wrapped, so that each can be copied."""
    with formatter.section("Examples"):
        for example in examples:
            for line in (f"# {example.does}", example.line):
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")


def debug_option(**settings: Any) -> click.Option:  # noqa: ANN401 - as click's
    """Makes `--debug`; it is accepted before and after the command's name."""

    def note(context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click calls it
        session = context.find_root().obj
        if value and isinstance(session, Session):
            session.debug = True

    shown = "Show the traceback of an error."
    return click.Option(["--debug"], is_flag=True, expose_value=False, callback=note, help=shown, **settings)


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
