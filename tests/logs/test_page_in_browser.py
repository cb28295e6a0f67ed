"""The page of curves in a real Chromium, if one is installed: its controls, hostile names, no request, no error."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import stepbridge as sb
from commands import printed
from ledger_logs import Logger, train

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "chrome-headless-shell")


def browser() -> str | None:
    """Return the Chromium of the system, or the one that playwright installed."""
    own = Path.home() / ".cache" / "ms-playwright"
    found = [str(path) for name in ("chrome", "headless_shell") for path in own.glob(f"chromium*/*/{name}")]
    return next(filter(None, map(shutil.which, NAMES)), None) or next(iter(found), None)


CHROMIUM = browser()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

#: Runs before the page's own script, and after it.
BEFORE = """<script>
window.faults = [];
window.failed = () => window.faults.push("a name was run");
addEventListener("error", (event) => window.faults.push(String(event.message)));
addEventListener("securitypolicyviolation", (event) => window.faults.push(`asked for ${event.blockedURI}`));
</script>"""
AFTER = """<script>
const chart = () => document.getElementById("chart");
const set = (id, value, kind) => {
  const control = document.getElementById(id);
  if (control.type === "checkbox") control.checked = value; else control.value = value;
  control.dispatchEvent(new Event(kind));
};
const seen = () => chart().data.map(({name, x, y, hovertext}) => ({name, x: [...x], y: [...y], hovertext}));
const result = {};
result.sample = seen();
set("axis", "step", "change");
result.step = seen();
set("filter", "BS300", "input");
result.filtered = seen();
set("filter", "", "input");
set("axis", "token", "change");
result.token = seen();
result.notes = document.getElementById("notes").textContent;
set("axis", "sample", "change");
set("group", true, "change");
result.group = seen();
const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
result.requests = loaded.filter((name) => !name.startsWith("data:"));
result.faults = window.faults;
const out = document.createElement("pre");
out.id = "result";
out.textContent = JSON.stringify(result);
document.body.append(out);
</script>"""


def opened(page: Path) -> dict[str, Any]:
    """Open a page, use its controls, and return what was seen."""
    assert CHROMIUM is not None
    text = page.read_text(encoding="utf-8").replace("<form", BEFORE + "<form", 1)
    head, end, tail = text.rpartition("</body>")
    page.write_text(head + AFTER + end + tail, encoding="utf-8")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000", "--dump-dom")
    done = subprocess.run(
        [CHROMIUM, *flags, page.as_uri()], capture_output=True, encoding="utf-8", check=False, timeout=240
    )
    (found,) = re.findall(r'<pre id="result">(.*?)</pre>', done.stdout, re.DOTALL)
    result: dict[str, Any] = json.loads(html.unescape(found))
    assert (result["faults"], result["requests"]) == ([], [])
    return result


def test_the_controls(tmp_path: Path) -> None:
    for size in (100, 300):
        folder = tmp_path / "runs" / f"bs{size}"
        clock = sb.StepClock(samples=1000, batch_size=size, epochs=2, ledger=folder)
        train(clock, Logger(folder), size)
    printed("plot", tmp_path / "runs", "--axis", "sample", "-o", tmp_path / "x.html")
    found = opened(tmp_path / "x.html")
    assert [trace["name"] for trace in found["sample"]] == ["bs100 (batch 100)", "bs300 (batch 300)"]
    assert found["sample"][1]["x"] == [300, 600, 900, 1000, 1300, 1600, 1900, 2000]
    assert found["step"][1]["x"] == list(range(1, 9))
    assert [trace["name"] for trace in found["filtered"]] == ["bs300 (batch 300)"]
    place = "step 12 = epoch 1, batch 1 of 10, 1,200 samples done; session 1"
    assert found["sample"][0]["hovertext"][11] == f"bs100<br>1.5<br>{place}"
    assert found["token"] == []
    assert "bs100 is left out: it does not say where it is on this axis" in found["notes"]
    # The mean is drawn where both runs have values.
    mean = found["group"][-1]
    assert (mean["name"], mean["x"][0], mean["x"][-1], set(mean["y"])) == ("all runs: mean of 2 runs", 300, 2000, {1.5})


def test_hostile_names(tmp_path: Path) -> None:
    names = ["</script><script>failed()</script>", '<img src=x onerror="failed()">', "<b>loss</b>"]
    lines = [json.dumps({"step": n, **dict.fromkeys(names, 0.5)}) for n in range(3)]
    folder = tmp_path / "runs" / "<img src=x onerror=failed()>"
    folder.mkdir(parents=True)
    (folder / "log.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    printed("plot", tmp_path / "runs", "--axis", "step", "-o", tmp_path / "x.html")
    found = opened(tmp_path / "x.html")
    assert found["step"][0]["name"] == "&lt;img src=x onerror=failed()&gt;"
