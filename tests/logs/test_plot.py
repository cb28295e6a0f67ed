"""Curves of runs of two batch sizes on one axis: exact points, axes that a run does not know, pictures and the page."""

from __future__ import annotations

import base64
import json
import math
import os
import re
import struct
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import stepbridge as sb
from commands import LOGS, complaint, printed, run
from ledger_logs import Logger, joined, train
from moments import later
from stepbridge import _core
from stepbridge.logs._curves import Curves, curves_of
from stepbridge.logs._options import read_request, reindex_request

if TYPE_CHECKING:
    from pathlib import Path


def curves(path: Path, tags: str | None = None, timeline: Any = None, **options: Any) -> Curves:
    core = _core.Logs.read(path, read_request({}))
    return curves_of(core, reindex_request(timeline, {}), tags, **options)


@pytest.fixture
def two_sizes(tmp_path: Path) -> Path:
    """Two trainings of 1000 samples an epoch, each with its clock's ledger."""
    for size in (100, 300):
        folder = tmp_path / "runs" / f"bs{size}"
        clock = sb.StepClock(samples=1000, batch_size=size, epochs=3, ledger=folder)
        train(clock, Logger(folder), size)
    return tmp_path / "runs"


def test_axes_count_what_is_complete(two_sizes: Path) -> None:
    found = curves(two_sizes)
    for curve in found.curves:
        size = int(curve.run.removeprefix("bs"))
        done = [epoch * 1000 + min(1000, at) for epoch in range(3) for at in range(size, 1000 + size, size)]
        assert curve.on("sample").tolist() == done
        assert curve.on("epoch").tolist() == pytest.approx([samples / 1000 for samples in done])
        assert curve.on("batch").tolist() == curve.on("step").tolist() == list(range(1, len(done) + 1))
        assert np.isnan(curve.on("token")).all()
        assert found.runs[curve.run].label == f"{curve.run} (batch {size})"
        assert found.runs[curve.run].ends_on("sample") == [1000, 2000, 3000]


def test_a_part_that_was_repeated_is_a_curve_of_its_own(tmp_path: Path) -> None:
    first = sb.StepClock(samples=1000, batch_size=200, epochs=2, ledger=tmp_path)
    one, state = Logger(tmp_path / "a"), first.state_dict()
    for _ in first.epochs():
        for _ in first.batches(range(5)):
            one.log(first, first.step)
            if first.batch == 8:
                state = first.state_dict()
    one.writer.close()
    later()
    second = sb.StepClock(samples=1000, batch_size=100, epochs=2, ledger=tmp_path)
    second.load_state_dict(state)
    train(second, Logger(tmp_path / "b"), 100)
    found = curves(joined(tmp_path, "a", "b"))
    shown = {(curve.session, curve.superseded): curve.on("sample").tolist() for curve in found.curves}
    # The repeated part is where the first session was.
    assert shown == {
        (1, False): [200 * n for n in range(1, 9)],
        (1, True): [1800, 2000],
        (2, False): [1700, 1800, 1900, 2000],
    }


def test_rows_that_end_an_epoch_are_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,loss\n1,0.5\n2,0.25\n", encoding="utf-8")
    core = _core.Logs.read(tmp_path, read_request({}))
    plan = sb.Timeline.plan(samples=1000, batch_size=300, epochs=2)
    request = reindex_request(plan, {"unit": "epoch", "base": 1})
    (curve,) = curves_of(core, request).curves
    assert (curve.on("sample").tolist(), curve.on("batch").tolist()) == ([1000, 2000], [4, 8])


def test_points_of_a_long_series_are_records_of_it(tmp_path: Path) -> None:
    values = [math.sin(n / 50) + (n % 13) / 100 for n in range(20_000)]
    lines = "".join(f"{n},{value!r}\n" for n, value in enumerate(values))
    (tmp_path / "metrics.csv").write_text("step,loss\n" + lines, encoding="utf-8")
    plan = sb.Timeline.plan(samples=1000, batch_size=10)
    (curve,) = curves(tmp_path, timeline=plan, points=400).curves
    assert (curve.records, len(curve.value) <= 400) == (20_000, True)
    for step, value, samples in zip(curve.step.astype(int), curve.value, curve.samples, strict=True):
        assert (value, samples) == (values[step], step * 10 + 10)
    assert (curve.value.min(), curve.value.max()) == (min(values), max(values))
    assert (curve.step[0], curve.step[-1]) == (0, 19_999)


def test_smoothing_uses_every_record(tmp_path: Path) -> None:
    values = [float(n % 7) for n in range(5000)]
    (tmp_path / "metrics.csv").write_text("step,loss\n" + "".join(f"{n},{v}\n" for n, v in enumerate(values)), "utf-8")
    (curve,) = curves(tmp_path, points=40, smooth=0.9).curves
    average = weight = 0.0
    expected = []
    for value in values:
        average, weight = 0.9 * average + 0.1 * value, 0.9 * weight + 0.1
        expected.append(average / weight)
    assert curve.value.tolist() == pytest.approx([expected[int(step)] for step in curve.step])


def test_an_axis_that_a_run_does_not_know(two_sizes: Path) -> None:
    (two_sizes / "plain").mkdir()
    (two_sizes / "plain" / "metrics.csv").write_text("step,loss\n5,0.5\n", encoding="utf-8")
    drawn, left_out = curves(two_sizes).on("sample")
    assert {curve.run for curve, *_ in drawn} == {"bs100", "bs300"}
    assert left_out == ["run plain is left out: its batch size is not known, so give a plan with a batch size"]
    with pytest.raises(ValueError, match="no record says where it is on the axis 'token'"):
        curves(two_sizes).on("token")
    done = run("plot", two_sizes, "--axis", "sample", "-o", two_sizes.parent / "x.svg")
    assert (done.returncode, "run plain is left out" in done.stderr) == (0, True)
    assert "no record says" in complaint(2, "plot", two_sizes, "--axis", "token")
    with pytest.warns(sb.StepbridgeWarning, match="run plain is left out"):
        sb.read_logs(two_sizes).reindex().plot("sample", "loss")


def test_wrong_use(two_sizes: Path) -> None:
    with pytest.raises(ValueError, match="no run has a tag 'los'; there are 'loss'"):
        curves(two_sizes, "los")
    with pytest.raises(ValueError, match="no tag fits 'x\\*'; there are 'loss'"):
        curves(two_sizes, "x*")
    with pytest.raises(ValueError, match="smooth must be at least 0 and below 1, not 1"):
        curves(two_sizes, smooth=1)
    with pytest.raises(ValueError, match="unknown axis 'epochs': expected one of step, batch"):
        curves(two_sizes).on("epochs")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"only a table that Logs\.reindex returns"):
        sb.read_logs(two_sizes).table().plot()
    assert "there are 'loss'" in complaint(2, "plot", two_sizes, "--tags", "los")
    assert "must end with .html, .svg, .png" in complaint(2, "plot", two_sizes, "-o", "x.pdf")
    assert "name some with --tags" in complaint(2, "plot", LOGS)


def test_pictures(two_sizes: Path, tmp_path: Path) -> None:
    ax = sb.read_logs(two_sizes).reindex().plot("sample", "loss")
    named = [line for line in ax.get_lines() if not str(line.get_label()).startswith("_")]
    lines = {line.get_label(): np.asarray(line.get_xdata()) for line in named}
    assert {label: (x[0], x[-1]) for label, x in lines.items()} == {
        "bs100 (batch 100)": (100, 3000),
        "bs300 (batch 300)": (300, 3000),
    }
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("samples", "loss")
    for name, begin in (("x.svg", b"<?xml"), ("x.png", b"\x89PNG")):
        printed("plot", two_sizes, "--axis", "sample", "-o", tmp_path / name, "--log", "--smooth", "0.5")
        assert (tmp_path / name).read_bytes().startswith(begin)


def test_the_terminal(two_sizes: Path) -> None:
    text = printed("plot", two_sizes, "--axis", "sample")
    assert "\x1b" not in text
    for word in ("bs100 (batch 100)", "bs300 (batch 300)", "samples"):
        assert word in text
    assert max(map(len, text.splitlines())) <= 100


HOSTILE = (
    "</script><script>fail()</script>",
    '<img src=x onerror="fail()">',
    "a'\"&lt;b>",
    "$x^2$",
    "_hidden",
    "{x}%{y}",
)


def page_data(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    found: dict[str, Any] = json.loads(data)
    return found


def test_the_page(two_sizes: Path, tmp_path: Path) -> None:
    printed("plot", two_sizes, "--axis", "sample", "-o", tmp_path / "x.html")
    data = page_data(tmp_path / "x.html")
    assert (data["tags"], data["axis"]) == (["loss"], "sample")
    assert [one["label"] for one in data["runs"]] == ["bs100 (batch 100)", "bs300 (batch 300)"]
    assert data["runs"][0]["ends"] == [[10, 1000, None], [20, 2000, None], [30, 3000, None]]
    samples = base64.b64decode(data["curves"][1]["samples"])
    assert struct.unpack(f"<{len(samples) // 8}d", samples)[:4] == (300, 600, 900, 1000)
    # The page loads nothing: its policy forbids it, and nothing in our part of it asks for it.
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    own = text.partition("<script>")[0] + text.rpartition('id="data"')[2]
    assert re.findall(r"(?:src|href)=(?![\"']?data:)|https?://|fetch\(|import\(", own) == []


def test_hostile_names_are_text_in_the_page(tmp_path: Path) -> None:
    names = [*HOSTILE, "x" * 2_000]
    lines = [json.dumps({"step": n, **dict.fromkeys(names, 0.5)}) for n in range(3)]
    (tmp_path / "log.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    printed("plot", tmp_path, "--axis", "step", "-o", tmp_path / "x.html")
    data = page_data(tmp_path / "x.html")
    assert set(HOSTILE) <= set(data["tags"])
    assert max(map(len, data["tags"])) <= 201
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert not any(name in text for name in HOSTILE[:2])
    ax = sb.read_logs(tmp_path).reindex().plot("step", HOSTILE[3])
    ax.figure.canvas.draw()


LONG = "<b>" + "x" * (1 << 20)


@pytest.mark.parametrize("ending", [None, ".html", ".svg", ".png"])
def test_names_of_a_megabyte(tmp_path: Path, ending: str | None) -> None:
    """They lose their middle, also in what is said of them; the picture has the size of any other."""
    folder = tmp_path / "runs"
    logger = Logger(folder)
    for step in range(3):
        logger.scalar(step, LONG)
        logger.scalar(step, "y")
    logger.writer.close()
    output = () if ending is None else ("-o", tmp_path / f"x{ending}")
    text = printed("plot", folder, "--axis", "step", *output)
    assert len(text) < 20_000
    if ending is not None:
        content = (tmp_path / f"x{ending}").read_bytes()
        assert b"x" * 300 not in content
        assert ending == ".html" or len(content) < 200_000
    assert len(complaint(2, "plot", folder, "--tags", "z", *output)) < 1000
    assert len(printed("where", folder, "1")) < 2000


def test_the_same_logs_give_the_same_picture(two_sizes: Path, tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg", "a.png", "b.png", "a.html", "b.html"):
        printed("plot", two_sizes, "--axis", "sample", "-o", tmp_path / name)
    for ending in ("svg", "png", "html"):
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_an_output_is_written_whole_or_not_at_all(two_sizes: Path, tmp_path: Path) -> None:
    """Other files in the folder stay, what was there before is replaced, and nothing unfinished is left."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "out" / "x.html").write_text("old", encoding="utf-8")
    assert "no record says" in complaint(2, "plot", two_sizes, "--axis", "token", "-o", tmp_path / "out" / "x.html")
    assert (tmp_path / "out" / "x.html").read_text(encoding="utf-8") == "old"
    printed("plot", two_sizes, "--axis", "sample", "-o", tmp_path / "out" / "x.html")
    assert page_data(tmp_path / "out" / "x.html")["axis"] == "sample"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["mine.txt", "x.html"]
    assert (tmp_path / "out" / "mine.txt").read_text(encoding="utf-8") == "mine"
    assert "No such file" in complaint(1, "plot", two_sizes, "--axis", "sample", "-o", tmp_path / "none" / "x.html")


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_colours_in_the_terminal(two_sizes: Path, variables: dict[str, str], coloured: bool) -> None:
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    done = run("plot", two_sizes, "--axis", "sample", env=plain | variables | {"COLUMNS": "70"})
    assert ("\x1b[" in done.stdout) == coloured
    assert max(len(re.sub("\x1b\\[[0-9;]*m", "", line)) for line in done.stdout.splitlines()) <= 70


def test_the_points_that_a_page_holds(tmp_path: Path) -> None:
    """Runs of one tag share its points, and all tags those of the page; each curve keeps a hundred."""
    for number in range(8):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        lines = "".join(f"{n},{n % 7},{n % 5}\n" for n in range(3000))
        (folder / "metrics.csv").write_text("step,loss,acc\n" + lines, encoding="utf-8")

    def lengths(*together: int) -> set[int]:
        found = curves(tmp_path, timeline=sb.Timeline.plan(batches_per_epoch=10), together=together or None)
        return {len(curve.value) for curve in found.curves}

    assert max(lengths()) > 1000
    assert max(lengths(8 * 400, 1 << 30)) <= 400
    assert max(lengths(1 << 30, 16 * 200)) <= 200
    assert max(lengths(1, 1)) <= 100


def test_a_table_shows_a_picture_in_a_notebook(two_sizes: Path) -> None:
    logs = sb.read_logs(two_sizes)
    shown = logs.reindex()._repr_html_()
    picture, _, table = shown.partition("</svg>")
    assert picture.startswith("<svg ")
    assert "loss by epochs" in picture
    assert ["bs100 (batch 100)" in picture, "bs300 (batch 300)" in picture] == [True, True]
    assert picture.count("<polyline ") == 2
    assert table.startswith("<table>")
    assert "script" not in shown
    # Without epochs it is drawn by the step; without places there is none.
    (two_sizes / "plain").mkdir()
    (two_sizes / "plain" / "metrics.csv").write_text("step,<b>loss\n5,0.5\n6,nan\n7,1e308\n8,-1e308\n", "utf-8")
    plain = sb.read_logs(two_sizes / "plain").reindex()._repr_html_()
    assert "&lt;b&gt;loss by step" in plain
    assert "<b>" not in plain
    assert "<svg" not in logs.table()._repr_html_()


def test_without_the_extra() -> None:
    hidden = "import sys; sys.modules.update(matplotlib=None, plotext=None, plotly=None);"
    code = f"{hidden} from stepbridge.cli import main; main(['plot', {str(LOGS / 'roberta_lora')!r}, '--tags', 'loss'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("pip install 'stepbridge[plot]'")


def test_notebooks_show_timelines_and_clocks() -> None:
    plan = sb.Timeline.plan(samples=1000, batch_size=300, epochs=2)
    assert "<td>300</td>" in plan._repr_html_()
    clock = sb.StepClock(samples=1000, batch_size=300, epochs=2, name="<b>")
    for _ in clock.epochs():
        for _ in clock.batches(range(4)):
            pass
    assert "<td>8</td>" in clock._repr_html_()
    assert "<b>" not in clock._repr_html_()
