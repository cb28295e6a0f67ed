"""Measures how long a real Chromium takes to open the page of many long runs, and to show it on another axis.

    python benches/page_in_browser.py [RUNS [RECORDS]]

makes 100 runs of 100,000 records each, and prints the times. It is not a row of `make bench`: few machines have a
Chromium. The times are those of the browser's own clock: from the start of the navigation until the first curves are
drawn, and from each change of the axis until the new ones are.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

# Where the tests look for it.
sys.path.append(str(Path(__file__).parent.parent / "tests"))
from browser import CHROMIUM, MISSING

#: It runs after the page's own script, which draws before it ends; the browser paints what was drawn in the next frame.
AFTER = """<script>
const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
(async () => {
  await painted();
  const result = {open: performance.now(), switches: {}};
  for (const axis of ["step", "batch", "epoch", "time", "sample"]) {
    const begin = performance.now();
    const control = document.getElementById("axis");
    control.value = axis;
    control.dispatchEvent(new Event("change"));
    await painted();
    result.switches[axis] = performance.now() - begin;
  }
  const traces = document.getElementById("chart").data;
  result.curves = traces.length;
  result.points = traces.reduce((sum, trace) => sum + trace.x.length, 0);
  console.log(`RESULT${JSON.stringify(result)}END`);
})();
</script>"""


def write(folder: Path, runs: int, records: int) -> None:
    """Write a run a folder, each with other values."""
    for run in range(runs):
        (folder / f"run{run:03}").mkdir(parents=True)
        lines = "".join(f"{step},{1.7e9 + step},{(step * 7919 + run * 31) % 10_007}\n" for step in range(records))
        (folder / f"run{run:03}" / "metrics.csv").write_text("step,wall_time,loss\n" + lines, encoding="utf-8")


def opened(page: Path) -> dict[str, Any]:
    """Open the page, change its axis, and return the times in milliseconds."""
    head, end, tail = page.read_text(encoding="utf-8").rpartition("</body>")
    page.write_text(head + AFTER + end + tail, encoding="utf-8")
    flags = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--window-size=1600,1200",
        "--enable-logging=stderr",
        "--v=0",
    )
    # With a port for a debugger it stays, and what the page logs comes on stderr.
    command = [str(CHROMIUM), *flags, "--remote-debugging-port=0", page.as_uri()]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8") as process:
        try:
            for line in process.stderr or ():
                if found := re.search(r"RESULT(.*)END", line):
                    result: dict[str, Any] = json.loads(found[1])
                    return result
        finally:
            process.kill()
    message = "the browser ended before the page was drawn"
    raise RuntimeError(message)


def main(runs: int = 100, records: int = 100_000) -> int:
    """Measure."""
    if CHROMIUM is None:
        print(MISSING, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        write(Path(folder, "runs"), runs, records)
        plan = ("--samples", str(8 * records // 10), "--batch-size", "8", "--unit", "st", "--base", "0")
        command = [sys.executable, "-m", "stepbridge", "plot", f"{folder}/runs", "--axis", "sample", *plan]
        subprocess.run([*command, "-o", str(page)], check=True)
        print(f"{page.stat().st_size / 1e6:.1f} MB")
        found = opened(page)
    print(f"{found['curves']} curves, {found['points']:,} points, drawn after {found['open'] / 1e3:.2f} s")
    for axis, taken in found["switches"].items():
        print(f"by {axis}: {taken / 1e3:.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
