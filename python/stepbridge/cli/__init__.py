"""The command line: `stepbridge plan`, `convert`, `info`, `reindex`, `infer`.

It asks the library and prints what it answers; it holds no arithmetic. Every way to fail is one sentence on stderr.

Exit codes: 0 where the command did its work, 1 where nothing could be read (or written), 2 for wrong use.
"""

from __future__ import annotations

import os
import sys

import click

from stepbridge import __version__
from stepbridge.cli.convert import convert
from stepbridge.cli.infer import infer
from stepbridge.cli.info import info
from stepbridge.cli.plan import plan
from stepbridge.cli.reindex import reindex

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="stepbridge", message="%(prog)s %(version)s")
def commands() -> None:
    """Convert between steps, batches, samples and epochs, and give training logs their epochs back."""


for command in (plan, convert, info, reindex, infer):
    commands.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    try:
        status = commands.main(arguments, prog_name="stepbridge", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(2)
    except click.ClickException as error:
        where = getattr(error, "ctx", None)
        click.echo(f"{where.command_path if where else 'stepbridge'}: {error.format_message()}", err=True)
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output (a pager, `head`) went away: Python must not complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)
