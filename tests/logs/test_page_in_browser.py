"""The page of curves in a real Chromium, if one is installed: its controls, hostile names, no request, no error."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

import stepbridge as sb
from browser import CHROMIUM, MISSING, dumped
from commands import printed
from ledger_logs import Logger, train

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)

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
const seen = () => chart().data.map(({name, x, y, hovertext}) => ({
  name, x: [...x], y: [...y], hovertext: hovertext?.slice(0, 20),
}));
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
    text = page.read_text(encoding="utf-8").replace("<form", BEFORE + "<form", 1)
    head, end, tail = text.rpartition("</body>")
    page.write_text(head + AFTER + end + tail, encoding="utf-8")
    (found,) = re.findall(r'<pre id="result">(.*?)</pre>', dumped(page.as_uri()), re.DOTALL)
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
    names = ["</script><script>failed()</script>", '<img src=x onerror="failed()">', "<b>loss</b>", "'\"`${failed()}"]
    names += ["__proto__", "constructor", "%{x}<extra>failed</extra>", "<script>failed()</script>" * 100]
    lines = [json.dumps({"step": n, **dict.fromkeys(names, 0.5)}) for n in range(3)]
    folder = tmp_path / "runs" / "<img src=x onerror=failed()>"
    folder.mkdir(parents=True)
    (folder / "log.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    printed("plot", tmp_path / "runs", "--axis", "step", "-o", tmp_path / "x.html")
    found = opened(tmp_path / "x.html")
    assert found["step"][0]["name"] == "&lt;img src=x onerror=failed()&gt;"
    assert len(found["step"]) == 1


def test_many_long_runs(tmp_path: Path) -> None:
    """Runs share the points of a page; what it draws are records, the ends of the run among them."""
    runs, records = 100, 5_000
    for run in range(runs):
        (tmp_path / "runs" / f"{run:03}").mkdir(parents=True)
        lines = "".join(f"{n},{(n * 7 + run) % 1013}\n" for n in range(records))
        (tmp_path / "runs" / f"{run:03}" / "metrics.csv").write_text("step,loss\n" + lines, encoding="utf-8")
    plan = ("--samples", 1_000_000, "--batch-size", 8, "--unit", "st", "--base", 0)
    printed("plot", tmp_path / "runs", "--axis", "sample", "-o", tmp_path / "x.html", *plan)
    found = opened(tmp_path / "x.html")
    assert len(found["step"]) == len(found["sample"]) == runs
    for run, (trace, by_sample) in enumerate(zip(found["step"], found["sample"], strict=True)):
        assert (trace["x"][0], trace["x"][-1], len(trace["x"]) <= 1000) == (0, records - 1, True)
        assert all(y == (x * 7 + run) % 1013 for x, y in zip(trace["x"], trace["y"], strict=True))
        assert by_sample["x"] == [8 * x + 8 for x in trace["x"]]
    assert "Long series are drawn with" in found["notes"]
