"""A few shapes of SVG, drawn so that they are readable on a light page and on a dark one."""

from __future__ import annotations

from html import escape
from typing import Literal

__all__ = ["Picture"]

#: Each class with its colours on a light page and on a dark one. A picture brings its own ground.
COLOURS = {
    "ground": ("fill:#ffffff;stroke:#d0d7de", "fill:#161b22;stroke:#3d444d"),
    "even": ("fill:#d3e5f5;stroke:#6f9cc4", "fill:#1d3b58;stroke:#5b8fc0"),
    "odd": ("fill:#e8def4;stroke:#9c83bd", "fill:#3b2c54;stroke:#9b80c4"),
    "step": ("fill:#2b6e68", "fill:#3fa79d"),
    "open": ("fill:none;stroke:#b35900", "fill:none;stroke:#e59a4c"),
    "line": ("fill:none;stroke:#57606a", "fill:none;stroke:#9aa4af"),
    "epochs": ("fill:none;stroke:#7a5ba6", "fill:none;stroke:#b79be0"),
    "steps": ("fill:none;stroke:#2b6e68", "fill:none;stroke:#3fa79d"),
    "text": ("fill:#24292f", "fill:#e6edf3"),
    "pale": ("fill:#57606a", "fill:#9aa4af"),
    "warn": ("fill:#9a4b00", "fill:#e59a4c"),
    "onstep": ("fill:#ffffff", "fill:#06201d"),
}

COMMON = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;font-size:13px}"
    ".small{font-size:11px}.bold{font-weight:600}.open{stroke-dasharray:4 3}.steps,.epochs{stroke-width:2}"
)

Anchor = Literal["start", "middle", "end"]


class Picture:
    """A picture that grows downwards; `title` is what is read out where it cannot be seen."""

    def __init__(self, title: str, width: int) -> None:
        self.title = title
        self.width = width
        self.height = 0.0
        self.shapes: list[str] = []

    def _reaches(self, y: float) -> None:
        self.height = max(self.height, y)

    def box(self, kind: str, corner: tuple[float, float], size: tuple[float, float], radius: float = 2) -> None:
        """Draw a rectangle."""
        (x, y), (width, height) = corner, size
        place = f'x="{x:.4g}" y="{y:.4g}" width="{width:.4g}" height="{height:.4g}" rx="{radius:.4g}"'
        self.shapes.append(f'<rect class="{kind}" {place}/>')
        self._reaches(y + height)

    def text(self, kind: str, x: float, y: float, text: str, anchor: Anchor = "start") -> None:
        """Write a line of text with its baseline at `y`."""
        self.shapes.append(f'<text class="{kind}" x="{x:.4g}" y="{y:.4g}" text-anchor="{anchor}">{escape(text)}</text>')
        self._reaches(y + 4)

    def path(self, kind: str, points: list[tuple[float, float]]) -> None:
        """Draw a line from point to point."""
        corners = " ".join(f"{x:.4g},{y:.4g}" for x, y in points)
        self.shapes.append(f'<polyline class="{kind}" points="{corners}"/>')
        self._reaches(max(y for _, y in points))

    def svg(self) -> str:
        """Return the picture as the text of a file."""
        light = "".join(f".{kind}{{{colours[0]}}}" for kind, colours in COLOURS.items())
        dark = "".join(f".{kind}{{{colours[1]}}}" for kind, colours in COLOURS.items())
        style = f"{COMMON}{light}@media (prefers-color-scheme:dark){{{dark}}}"
        height = round(self.height) + 12
        size = f'viewBox="0 0 {self.width} {height}" width="{self.width}" height="{height}"'
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
            f"<title>{escape(self.title)}</title>",
            f"<style>{style}</style>",
            f'<rect class="ground" x="0.5" y="0.5" width="{self.width - 1}" height="{height - 1}" rx="6"/>',
            *self.shapes,
            "</svg>",
        ]
        return "\n".join(lines) + "\n"
