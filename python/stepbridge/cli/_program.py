"""The commands together, and how they end."""

from __future__ import annotations

import click

from stepbridge import __version__
from stepbridge.cli._command import Session, debug_option, write_examples
from stepbridge.cli._convert import convert
from stepbridge.cli._exits import (
    EXIT_CODES,
    INTERRUPTED,
    WRONG_USE,
    TerminatedError,
    code_of,
    end_when_asked,
    end_with_the_reader,
    escape_what_cannot_be_encoded,
    output_failed,
    print_traceback,
    unexpected,
)
from stepbridge.cli._index import index
from stepbridge.cli._infer import infer
from stepbridge.cli._info import info
from stepbridge.cli._plan import plan
from stepbridge.cli._plot import plot
from stepbridge.cli._printing import complain
from stepbridge.cli._reindex import reindex
from stepbridge.cli._rewrite import rewrite
from stepbridge.cli._where import where

__all__ = ["run"]

COMMANDS = (plan, convert, info, reindex, index, rewrite, infer, where, plot)


class Commands(click.Group):
    """The group, whose help ends with an example of each command and the exit codes."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click calls it
        """Writes both below the list of commands."""
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


def run(arguments: list[str] | None) -> int:
    """Runs a command and returns its exit code."""
    session = Session()
    try:
        end_with_the_reader()
        end_when_asked()
        escape_what_cannot_be_encoded()
        status = commands.main(arguments, prog_name="stepbridge", standalone_mode=False, obj=session)
    except click.ClickException as error:
        where = getattr(error, "ctx", None)
        print_traceback(error, debug=session.debug)
        complain(error.format_message() + hint(error), command=where.command_path if where else "stepbridge")
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except (TerminatedError, SystemExit) as error:
        return error.exit_code if isinstance(error, TerminatedError) else code_of(error)
    except OSError as error:
        return output_failed(error, debug=session.debug)
    except BaseException as error:  # noqa: BLE001 - a panic of the Rust core is not an Exception
        return unexpected(error, debug=session.debug)
    return status if isinstance(status, int) else 0


def hint(error: click.ClickException) -> str:
    """Says where help is, after a sentence of click's that says what is wrong but not what would be right.

    Click's own sentences begin with a capital, ours do not; of a bad value, it names the good ones.
    """
    sentence = error.format_message()
    if not isinstance(error, click.UsageError) or not sentence[:1].isupper():
        return ""
    if sentence.startswith("Invalid value") or "Did you mean" in sentence:
        return ""
    command = error.ctx.command_path if error.ctx else "stepbridge"
    return f"{'' if sentence.endswith('.') else '.'} See `{command} --help`."
