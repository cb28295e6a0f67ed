"""The command line: `stepbridge plan`, `convert`, `info`, `reindex`, `infer`.

It asks the library and prints what it answers; it holds no arithmetic. Every way to fail is one sentence on stderr, and
an exit code of `ending.py`.
"""

from __future__ import annotations

import sys

import click

from stepbridge import __version__
from stepbridge.cli.command import Asked, debug_option, write_examples
from stepbridge.cli.convert import convert
from stepbridge.cli.ending import (
    EXIT_CODES,
    STOPPED,
    WRONG_USE,
    end_quietly_with_the_reader,
    failed,
    print_anything,
    show,
    unexpected,
)
from stepbridge.cli.infer import infer
from stepbridge.cli.info import info
from stepbridge.cli.plan import plan
from stepbridge.cli.reindex import reindex
from stepbridge.cli.show import complain

__all__ = ["main"]

COMMANDS = (plan, convert, info, reindex, infer)


class Commands(click.Group):
    """The group, whose help ends with an example of each command and the exit codes."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click calls it
        """Write both below the list of commands."""
        write_examples(formatter, (command.examples[0] for command in COMMANDS))
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in EXIT_CODES])


@click.group(
    cls=Commands,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="stepbridge", message="%(prog)s %(version)s")
@click.pass_context
def commands(context: click.Context) -> None:
    """Convert between steps, batches, samples and epochs, and give training logs their epochs back."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
        context.exit(WRONG_USE)


commands.params.append(debug_option(envvar="STEPBRIDGE_DEBUG"))
for command in COMMANDS:
    commands.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    end_quietly_with_the_reader()
    print_anything()
    sys.exit(run(arguments))


def run(arguments: list[str] | None) -> int:
    """Run a command, and give its exit code."""
    asked = Asked()
    try:
        status = commands.main(arguments, prog_name="stepbridge", standalone_mode=False, obj=asked)
    except click.ClickException as error:
        where = getattr(error, "ctx", None)
        show(error, debug=asked.debug)
        complain(error.format_message() + hint(error), command=where.command_path if where else "stepbridge")
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return STOPPED
    except SystemExit:
        raise  # shell completion ends so
    except OSError as error:
        return failed(error, debug=asked.debug)
    except BaseException as error:  # noqa: BLE001 - a panic of the Rust core is no Exception
        return unexpected(error, debug=asked.debug)
    return status if isinstance(status, int) else 0


def hint(error: click.ClickException) -> str:
    """Say where help is, behind a complaint of click's that says what is wrong and not what would be right.

    Click's own sentences begin with a capital, ours do not; of a bad value, it names the good ones.
    """
    sentence = error.format_message()
    if not isinstance(error, click.UsageError) or not sentence[:1].isupper():
        return ""
    if sentence.startswith("Invalid value") or "Did you mean" in sentence:
        return ""
    command = error.ctx.command_path if error.ctx else "stepbridge"
    return f"{'' if sentence.endswith('.') else '.'} See `{command} --help`."
