"""Draws what a command prints in a terminal of 80 columns, with its colours."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

from rich.ansi import AnsiDecoder
from rich.console import Console

__all__ = ["terminal"]

ROOT = Path(__file__).parent.parent
COLUMNS = 80
#: What `export_svg` of Rich fills. Its own format loads a font from a server; a page of ours loads nothing.
FORMAT = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, monospace; font-size: {char_height}px; }}
.{unique_id}-title {{ font-family: system-ui, Arial, sans-serif; font-size: 18px; font-weight: bold; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def terminal(*arguments: str) -> str:
    """Run the command line in the repository, and return a picture of its terminal as SVG."""
    environment = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLORTERM"}}
    environment |= {"COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "stepbridge", *arguments]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="256")
    for line in AnsiDecoder().decode(ran.stdout):
        console.print(line)
    shown = " ".join(("stepbridge", *arguments))
    return console.export_svg(title=f"$ {shown}", code_format=FORMAT, unique_id=arguments[0])
