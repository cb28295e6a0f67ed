"""Text logs: real ones against an independent reading with regular expressions, and what callers ask for."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import pytest

from commands import printed
from stepbridge import Timeline, read_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Fact

#: The step that is logged, the epoch that is stated, tag and value.
Record = tuple[int | None, float | None, str, float]

NUMBER = r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"


def lines(path: Path) -> list[str]:
    """The lines of a file, as this test splits them."""
    return re.split(r"\r\n|\n|\r", path.read_bytes().decode("utf-8", errors="replace"))


def tutorial(text: list[str]) -> Iterator[Record]:
    """Read `Epoch [6/6], Step [10/1549], Loss: 0.0490`."""
    for line in text:
        if match := re.search(r"Epoch \[(\d+)/\d+\], Step \[(\d+)/\d+\], Loss: (\S+)$", line):
            yield int(match[2]), float(match[1]), "Loss", float(match[3])
        elif match := re.search(r"Epoch \[(\d+)\] (.*): (\S+)$", line):
            yield None, float(match[1]), match[2], float(match[3])


def epochs(text: list[str]) -> Iterator[Record]:
    """Read `Epoch 1: Train Loss=0.0717, Val Loss=0.0766`."""
    for line in text:
        if match := re.search(r"Epoch (\d+): Train Loss=(\S+), Val Loss=(\S+)", line):
            yield None, float(match[1]), "Train Loss", float(match[2])
            yield None, float(match[1]), "Val Loss", float(match[3])


def olmo(text: list[str]) -> Iterator[Record]:
    """Read `[step=1/15000,epoch=0]` and the lines under it."""
    step: int | None = None
    for line in text:
        if match := re.search(r"\[step=(\d+)/\d+,epoch=(\d+)\]", line):
            step = int(match[1])
        elif (match := re.fullmatch(r" +([^=]+)=([-\d.,e+]+)", line)) and step is not None:
            yield step, 0.0, match[1], float(match[2].replace(",", ""))
        elif not line.startswith(" "):
            step = None


def detectron2(text: list[str]) -> Iterator[Record]:
    """Read `eta: 21:12:23  iter: 19  total_loss: 0.4109`."""
    for line in text:
        if match := re.search(r" iter: (\d+)  (.*lr: .*)", line):
            for key, value in re.findall(rf"(\w+): ({NUMBER})", match[2]):
                yield int(match[1]), None, key, float(value)


def megatron(text: list[str]) -> Iterator[Record]:
    """Read `iteration 199/ 317892 | consumed samples: 152832 |`."""
    for line in text:
        if match := re.search(r"iteration +(\d+)/ *\d+ \|(.*)", line):
            for item in match[2].split("|"):
                if pair := re.fullmatch(rf" *(.*?): +({NUMBER}) *", item):
                    yield int(match[1]), None, pair[1], float(pair[2])


def megatron_deepspeed(text: list[str]) -> Iterator[Record]:
    """Read the lines of both programs."""
    yield from megatron(text)
    for line in text:
        if match := re.search(r"step=(\d+), skipped=(\d+), lr=\[", line):
            yield int(match[1]), None, "skipped", float(match[2])
        elif match := re.search(r"/global_step=(\d+), (.*)", line):
            for key, value in re.findall(rf"(\w+)=({NUMBER})", match[2]):
                yield int(match[1]), None, key, float(value)


def mlperf(line: str) -> Iterator[Record]:
    """Read the result of an evaluation."""
    if match := re.search(r':::MLL \S+ eval_accuracy: \{"value": "?([\d.]+)"?, .*"epoch_num": (\d+)', line):
        yield None, float(match[2]), "eval_accuracy", float(match[1])


def mxnet(text: list[str]) -> Iterator[Record]:
    """Read `Epoch[0] Batch [0-20]  Speed: 10356.65 samples/sec  accuracy=0.001145`."""
    for line in text:
        yield from mlperf(line)
        if match := re.search(
            rf"Epoch\[(\d+)\] Batch \[\d+-(\d+)\]\tSpeed: ({NUMBER}) samples/sec\taccuracy=(\S+)", line
        ):
            yield int(match[2]), float(match[1]), "Speed", float(match[3])
            yield int(match[2]), float(match[1]), "accuracy", float(match[4])
        elif match := re.search(rf"Epoch\[(\d+)\] ([^\t=]+)=({NUMBER})", line):
            yield None, float(match[1]), match[2], float(match[3])


def gnmt(text: list[str]) -> Iterator[Record]:
    r"""Read `TRAIN [0][10/1938]\tTime 0.178 (0.156)`, tests and summaries."""
    for line in text:
        yield from mlperf(line)
        if match := re.search(r"(TRAIN|TEST) \[(\d+)\]\[(\d+)/\d+\](.*)", line):
            step, prefix = (int(match[3]), "") if match[1] == "TRAIN" else (None, "test/")
            for item in match[4].strip().split("\t"):
                pair = re.fullmatch(rf"(.*?) ({NUMBER})(?: \(({NUMBER})\))?", item)
                assert pair
                yield step, float(match[2]), prefix + pair[1], float(pair[2])
                if pair[3]:
                    yield step, float(match[2]), f"{prefix}{pair[1]}/avg", float(pair[3])
        elif match := re.search(rf"Summary: Epoch: (\d+)\tTraining Loss: ({NUMBER})\tTest BLEU: ({NUMBER})", line):
            yield None, float(match[1]), "Training Loss", float(match[2])
            yield None, float(match[1]), "Test BLEU", float(match[3])
        elif match := re.search(r"Performance: Epoch: (\d+)\tTraining: (\d+) Tok/s", line):
            yield None, float(match[1]), "performance/Training", float(match[2])


def ssd(text: list[str]) -> Iterator[Record]:
    """Read `Iteration:     20, Loss function: 20.681, Average Loss: 0.445, avg. samples / sec: 3874.80`."""
    for line in text:
        yield from mlperf(line)
        if match := re.search(r"Iteration: +(\d+), (.*)", line):
            for key, value in re.findall(rf"([A-Za-z./ ]+): ({NUMBER})", match[2]):
                yield int(match[1]), None, key.strip(), float(value)


def fairseq(text: list[str]) -> Iterator[Record]:
    """Read `| epoch 001 | loss 6.648 | num_updates 1631` and the lines inside an epoch."""
    for line in text:
        yield from mlperf(line)
        if not (match := re.search(r"\| epoch (\d+)", line)):
            continue
        inside = "=" in line
        pairs = re.findall(rf"(\w+)=({NUMBER})" if inside else rf"\| (\w+) ({NUMBER})", line)
        (step,) = (int(value) for key, value in pairs if key == "num_updates")
        for key, value in pairs:
            if key not in {"num_updates", "epoch"}:
                yield step, float(match[1]), key if inside else f"train/{key}", float(value)


def torch7(text: list[str]) -> Iterator[Record]:
    """Read `json_stats: {"epoch":1,"test_acc":54.78}`."""
    for line in text:
        if line.startswith("json_stats: "):
            (epoch,) = re.findall(r'"epoch":(\d+)', line)
            for key, value in re.findall(rf'"(\w+)":({NUMBER})[,}}]', line):
                if key != "epoch":
                    yield None, float(epoch), key, float(value)


def mmengine(text: list[str]) -> Iterator[Record]:
    """Read `Epoch(train)   [1][100/101]  lr: 1.0000e-01  eta: 1:43:01`."""
    for line in text:
        if match := re.search(r"Epoch\((train|val)\) +\[(\d+)\]\[ *(\d+)/\d+\] +(.*)", line):
            step, prefix = (int(match[3]), "") if match[1] == "train" else (None, "val/")
            for item in re.split("  +", match[4].strip()):
                if pair := re.fullmatch(rf"(.*): ({NUMBER})", item):
                    yield step, float(match[2]), prefix + pair[1], float(pair[2])


#: A part of a file's path, and its shape with this test's reading of it.
READINGS: dict[str, tuple[str, Callable[[list[str]], Iterator[Record]]]] = {
    "DriverDistraction": ("tutorial", tutorial),
    "EmoNetTCN": ("epochs", epochs),
    "OLMo": ("olmo", olmo),
    "Semi-Supervise": ("detectron2", detectron2),
    "Megatron": ("deepspeed", megatron_deepspeed),
    "mxnet": ("mxnet", mxnet),
    "gnmt": ("gnmt", gnmt),
    "ssd": ("nvidia_ssd", ssd),
    "transformer": ("fairseq", fairseq),
    "wide-residual": ("json_stats", torch7),
    "2023060": ("mmengine", mmengine),
}


def same(path: Path) -> None:
    """Compare what is read of a file with this test's own reading, record by record."""
    shape, reading = next(value for part, value in READINGS.items() if part in str(path))
    logs = read_logs(path)
    (file,) = logs.files
    assert (file.format, file.shape, logs.problems) == ("text", shape, ())
    text = lines(path)
    # The end of the last line begins none.
    assert text.pop() == ""
    assert file.records_ok + file.plain_lines == len(text)
    frame = logs.table(keep_superseded=True).to_polars()
    seen = zip(*(frame[name].to_list() for name in ("step", "epoch_logged", "tag", "value")), strict=True)
    key = lambda record: tuple(-1 if part is None else part for part in record)  # noqa: E731 - one line, here alone
    expected = sorted(reading(text), key=key)
    assert expected
    assert sorted(seen, key=key) == expected
    total = math.fsum(value for *_, value in expected)
    assert math.fsum(frame["value"]) == total


@pytest.mark.of_format("text", "")
def test_real_logs_hold_what_regular_expressions_find(fact: Fact) -> None:
    same(fact.path)


@pytest.mark.of_format("mmengine", ".log")
def test_the_text_logs_of_mmengine(fact: Fact) -> None:
    if fact.path.suffix == ".log":
        same(fact.path)


def textbook() -> str:
    """The line of the textbooks: 1,000 samples, batches of 200, 5 epochs."""
    return "".join(
        f"Epoch {step // 5 + 1}, Iter {step % 5 + 1}, Step {step + 1}: loss {1 / (step + 1)}\n" for step in range(25)
    )


def test_the_textbook_line(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_text(textbook())
    logs = read_logs(tmp_path)
    assert [(file.format, file.shape, file.records_ok, file.plain_lines) for file in logs.files] == [
        ("text", "textbook", 25, 0)
    ]
    frame = logs.reindex(Timeline.plan(samples=1000, batch_size=200, epochs=5)).to_polars()
    # Epoch 5, Iter 5, Step 25, counted from 0.
    assert frame.select("epoch", "iter", "step").row(-1) == (4, 4, 25)
    assert frame["epoch"].to_list() == [step // 5 for step in range(25)]
    assert frame["iter"].to_list() == [step % 5 for step in range(25)]
    assert frame["value"].to_list() == [1 / (step + 1) for step in range(25)]


def test_a_pattern_of_ones_own(tmp_path: Path) -> None:
    log = tmp_path / "console"
    log.write_text(
        "starting\n" + "".join(f"<{step}> after {epoch} loss ~ {0.5 * step}!\n" for step, epoch in [(0, 0), (9, 1)])
    )
    with pytest.raises(ValueError, match="not a log"):
        read_logs(log)
    logs = read_logs(log, pattern="<{step:0}> after {epoch:0} loss ~ {train/loss}!")
    assert logs.to_polars().select("step", "epoch_logged", "tag", "value").rows() == [
        (0, 0.0, "train/loss", 0.0),
        (9, 1.0, "train/loss", 4.5),
    ]
    assert [(file.shape, file.records_ok, file.plain_lines) for file in logs.files] == [("pattern", 2, 1)]


@pytest.mark.parametrize(
    ("pattern", "column", "reason"),
    [
        ("loss", 1, "no field"),
        ("step {step} loss {loss", 18, "without its '}'"),
        ("step {step}{loss}", 12, "nothing between"),
        ("step {step} {step}", 13, "twice"),
    ],
)
def test_a_bad_pattern_is_refused_with_its_column(tmp_path: Path, pattern: str, column: int, reason: str) -> None:
    (tmp_path / "a.log").write_text("step 1 loss 2\n")
    with pytest.raises(ValueError, match=rf"wrong at column {column}: .*{reason}"):
        read_logs(tmp_path, pattern=pattern)


def test_a_readme_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(textbook())
    (tmp_path / "train.log").write_text(textbook())
    assert [file.file for file in read_logs(tmp_path).files] == ["train.log"]


def test_two_logs_in_a_folder_are_two_runs(tmp_path: Path) -> None:
    for name in ("result_0.txt", "result_1.txt"):
        (tmp_path / name).write_text(textbook())
    assert read_logs(tmp_path).runs == ["result_0", "result_1"]


def test_a_large_log_is_read_in_parts(tmp_path: Path) -> None:
    log = tmp_path / "large.log"
    count = 200_000
    with log.open("w", newline="") as stream:
        stream.writelines(f"iter {step}: loss {step}.5, time 1.00ms, mfu 1.00%\r\n" for step in range(count))
        stream.write("\nkilled at iter 7: los")
    logs = read_logs(log)
    frame = logs.table(keep_superseded=True).to_polars()
    losses = frame.filter(frame["tag"] == "loss")
    assert losses["step"].to_list() == list(range(count))
    assert losses["value"].sum() == sum(range(count)) + count / 2
    (file,) = logs.files
    assert (file.records_ok, file.plain_lines, logs.problems) == (count, 2, ())


def test_headings_bars_and_ranks(tmp_path: Path) -> None:
    bar = "\r{rank}Epoch 1/2\n" + "".join(
        f"\r{n}/4 [==>] - ETA: 1s - loss: {1 / n}\r{n}/4 [==>] - ETA: 0s - loss: {2 / n}" for n in (1, 2, 4)
    )
    (tmp_path / "keras.log").write_text(bar.replace("{rank}", "") + "\n2/2 [==>] - 0s - loss: 9.0\n", newline="")
    logs = read_logs(tmp_path / "keras.log")
    frame = logs.reindex().to_polars()
    # The last drawing of each state, without the bar of the evaluation.
    assert frame.select("epoch", "iter", "value").rows() == [(0, 0, 2.0), (0, 1, 1.0), (0, 3, 0.5)]
    (tmp_path / "slurm.out").write_text(
        "".join(f"{rank}: Epoch [1/2], Step [{step}/4], Loss: {rank}.5\n" for step in (1, 2) for rank in (0, 1))
    )
    assert read_logs(tmp_path / "slurm.out").runs == ["slurm", "slurm/rank1"]


@pytest.mark.parametrize(
    "prefix",
    [
        "2024-03-01 10:11:12 ",
        "2024-03-01 10:11:12,345 INFO ",
        "2024-03-01T10:11:12.345678901Z stdout F ",
        "03/01 10:11:12 AM ",
        "10:11:12 ",
        "INFO ",
    ],
)
def test_a_heading_is_one_after_what_loggers_put_before_it(prefix: str, tmp_path: Path) -> None:
    lines = [f"Epoch {epoch}/3\n4/4 - 1s - loss: {epoch}.5 - acc: 0.25\n" for epoch in (1, 2, 3)]
    (tmp_path / "train.log").write_text("".join(prefix + line for line in "".join(lines).splitlines(keepends=True)))
    frame = read_logs(tmp_path / "train.log").reindex().to_polars()
    assert frame.filter(frame["tag"] == "loss").select("epoch", "epoch_float", "value").rows() == [
        (epoch - 1, float(epoch), epoch + 0.5) for epoch in (1, 2, 3)
    ]


def test_a_byte_order_mark_hides_no_heading(tmp_path: Path) -> None:
    lines = "".join(f"Epoch {epoch}/3\n4/4 - 1s - loss: {epoch}.5\n" for epoch in (1, 2, 3))
    (tmp_path / "train.log").write_text("\ufeff" + lines, encoding="utf-8")
    frame = read_logs(tmp_path / "train.log").reindex().to_polars()
    assert frame["epoch"].to_list() == [0, 1, 2]


@pytest.mark.parametrize(
    "line",
    [
        "10:11:12 INFO [rank {rank}] Epoch [1/2], Step [{step}/4], Loss: {rank}.5\n",
        "Rank {rank}: Epoch [1/2], Step [{step}/4], Loss: {rank}.5\n",
        "[GPU{rank}] Epoch [1/2], Step [{step}/4], Loss: {rank}.5\n",
        "Epoch [1/2], Step [{step}/4], [rank {rank}], Loss: {rank}.5\n",
    ],
)
def test_ranks_in_words_are_runs_of_their_own(line: str, tmp_path: Path) -> None:
    text = "".join(line.format(rank=rank, step=step) for step in (1, 2) for rank in (0, 1))
    (tmp_path / "train.log").write_text(text)
    frame = read_logs(tmp_path / "train.log").reindex().to_polars()
    assert frame.filter(frame["tag"] == "Loss").select("run", "iter", "value").rows() == [
        ("train", 0, 0.5),
        ("train", 1, 0.5),
        ("train/rank1", 0, 1.5),
        ("train/rank1", 1, 1.5),
    ]


def test_a_log_that_begins_at_epoch_4_does_not_show_its_first_epoch(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text("".join(f"Epoch {epoch}: train loss {epoch}.5\n" for epoch in (4, 5, 6)))
    table = read_logs(path).reindex()
    assert table.to_polars()["epoch"].to_list() == [None] * 3
    assert [(each.reason, each.records) for each in table.left_out] == [("no_place", 3)]
    assert read_logs(path).reindex(base=1).to_polars()["epoch"].to_list() == [3, 4, 5]

    path.write_text("".join(f"Epoch {e} | Batch {b}/2 | Loss {e}.{b}\n" for e in (4, 5) for b in (0, 1)))
    logs = read_logs(path)
    assert logs.reindex().to_polars()["epoch"].to_list() == [None] * 4
    assert "(the format text declares it; their epochs do not" in printed("info", path).replace("\n    ", " ")
    logs = read_logs(path, pattern="Epoch {epoch:0} | Batch {iter} | Loss {loss}".replace("{iter}", "{iter}/{iters}"))
    assert logs.reindex().to_polars().select("epoch", "iter").rows() == [(4, 0), (4, 1), (5, 0), (5, 1)]


def test_lines_of_dllogger(tmp_path: Path) -> None:
    def line(step: str, data: str) -> str:
        return (
            '{"timestamp": "1600000000.5", "datetime": "2020", "elapsedtime": "1.5", "type": "LOG", '
            f'"step": {step}, "data": {{{data}}}}}\n'
        )

    text = "".join(
        "DLLL " + line(f"[{epoch}, {batch}]", f'"train.loss": {epoch}.{batch}')
        for epoch in (0, 1)
        for batch in (0, 5, 10)
    )
    (tmp_path / "raport.json").write_text(text + "DLLL " + line("[1]", '"val.loss": 0.25'))
    logs = read_logs(tmp_path)
    frame = logs.reindex(Timeline.plan(batches_per_epoch=20, epochs=2)).to_polars()
    assert frame.select("epoch", "iter").rows() == [(0, 0), (0, 5), (0, 10), (1, 0), (1, 5), (1, 10), (1, None)]
    assert frame["wall_time"].to_list() == [1600000000.5] * 7


def test_samples_inside_the_epoch_need_the_batch_size(tmp_path: Path) -> None:
    # The MNIST example: 1,000 samples, batches of 64, the samples before every fifth batch.
    lines = [(epoch, batch) for epoch in (1, 2) for batch in range(0, 16, 5)]
    (tmp_path / "train.log").write_text(
        "".join(f"Train Epoch: {epoch} [{64 * batch}/1000 (9%)]\tLoss: {batch}.5\n" for epoch, batch in lines)
    )
    logs = read_logs(tmp_path / "train.log")
    assert logs.reindex().to_polars().select("epoch", "iter").rows() == [(epoch - 1, None) for epoch, _ in lines]
    frame = logs.reindex(Timeline.plan(samples=1000, batch_size=64)).to_polars()
    assert frame.select("epoch", "iter").rows() == [(epoch - 1, batch) for epoch, batch in lines]


def test_patterns_with_a_heading(tmp_path: Path) -> None:
    log = tmp_path / "console"
    log.write_text(
        "".join(
            f"~~ pass {epoch}\n" + "".join(f"seen {32 * n} => {n / 2}\n" for n in (1, 2)) + f"held out: {epoch}.25\n"
            for epoch in (0, 1)
        )
    )
    logs = read_logs(log, pattern="~~ pass {epoch}\nseen {samples_in_epoch} => {loss}\nheld out: {val}")
    frame = logs.reindex(Timeline.plan(samples=64, batch_size=32, epochs=2)).to_polars()
    assert frame.select("tag", "epoch", "iter").rows() == [
        ("loss", 0, 0),
        ("loss", 0, 1),
        ("loss", 1, 0),
        ("loss", 1, 1),
        ("val", 0, None),
        ("val", 1, None),
    ]


def test_numbers_in_other_notations_are_left_out_and_said(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_text(
        "".join(f"Epoch 1, Iter {i}, Step {i}: loss 0,5, ppl 1,234.5\n" for i in (1, 2))
    )
    logs = read_logs(tmp_path / "train.log")
    assert logs.to_polars()["value"].to_list() == [1234.5, 1234.5]
    assert [problem.reason for problem in logs.problems] == ["2 values of 'loss' are not numbers (the first: '0,5')"]


def test_lines_without_a_known_shape_are_read_by_their_words(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_text(
        "".join(f"<epoch {epoch}> <batch {batch}> acc={batch / 8}\n" for epoch in (1, 2) for batch in range(4))
    )
    logs = read_logs(tmp_path / "train.log")
    assert [file.shape for file in logs.files] == ["inferred"]
    frame = logs.reindex().to_polars()
    assert frame.select("epoch", "iter").rows() == [(epoch, batch) for epoch in (0, 1) for batch in range(4)]


def test_a_shape_is_found_after_other_text(tmp_path: Path) -> None:
    known = "".join(f"iter {step}: loss 0.5, time 1.00ms, mfu 1.00%\n" for step in range(3))
    (tmp_path / "train.log").write_text("other text\n" * 300_000 + known)
    assert read_logs(tmp_path / "train.log").files[0].records_ok == 3
    (tmp_path / "console").write_text("other text\n" * 300_000 + known)
    assert read_logs(tmp_path / "console", format="text").files[0].records_ok == 3


def test_why_a_record_at_a_whole_epoch_has_no_epoch(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text("".join(f"{{'loss': 0.5, 'epoch': {epoch}}}\n" for epoch in (0.5, 1.0, 1.5, 2.0)), encoding="utf-8")
    logs = read_logs(path)
    table = logs.reindex().to_polars()
    assert table["epoch"].to_list() == [0, None, 1, None]
    assert table["epoch_float"].to_list() == [0.5, 1.0, 1.5, 2.0]
    why = "a whole number ends an epoch or begins the next, so that it has epoch_float and no epoch"
    assert why in logs.steps[0].reason
    assert why in " ".join(printed("info", path).split())


@pytest.mark.parametrize("prefix", ["03/01 10:00:01 ", "03/01 - ", "2026/03/01 10:00:01 INFO - "])
@pytest.mark.parametrize("bar", ["\u2501\u2501\u2501 0s 5ms/step", "[=>...] - ETA: 0s"])
def test_a_date_before_a_bar_is_no_count_of_batches(prefix: str, bar: str, tmp_path: Path) -> None:
    """Of each log with dates, the bars are those of the log without."""

    def bars(before: str) -> list[tuple[object, ...]]:
        text = "".join(
            before + line + "\n"
            for epoch in (1, 2)
            for line in (f"Epoch {epoch}/2", *(f"{at}/32 {bar} - loss: 0.{epoch}{at}" for at in (1, 12, 32)))
        )
        (tmp_path / "train.log").write_text(text, encoding="utf-8")
        return read_logs(tmp_path).reindex().to_polars().select("epoch", "iter", "value").rows()

    expected = [(epoch - 1, at - 1, float(f"0.{epoch}{at}")) for epoch in (1, 2) for at in (1, 12, 32)]
    assert bars("") == expected
    assert bars(prefix) == expected


@pytest.mark.parametrize(
    "prefix", ["", "[default0]:", "[1,0]<stdout>:", "INFO:root:", "INFO:root: ", "2024-03-01 10:11 "]
)
def test_lines_that_begin_with_a_number_are_found_after_what_loggers_put_before_them(
    prefix: str, tmp_path: Path
) -> None:
    bars = [f"{at}/32 [==>...] - ETA: 0s - loss: 0.{epoch}{at}" for epoch in (1, 2) for at in (12, 32)]
    text = ["Epoch 1/2", *bars[:2], "Epoch 2/2", *bars[2:]]
    (tmp_path / "keras.log").write_text("".join(f"{prefix}{line}\n" for line in text), encoding="utf-8")
    frame = read_logs(tmp_path / "keras.log").reindex().to_polars()
    assert frame.select("epoch", "iter", "value").rows() == [
        (0, 11, 0.112),
        (0, 31, 0.132),
        (1, 11, 0.212),
        (1, 31, 0.232),
    ]
    line = "{0}: {0}.5, 7.25 avg, 0.000100 rate, 5.5 seconds, 64 images"
    (tmp_path / "darknet.log").write_text("".join(f"{prefix}{line.format(n)}\n" for n in (7, 8)), encoding="utf-8")
    losses = read_logs(tmp_path / "darknet.log").to_polars().filter(tag="loss")
    assert losses.select("step", "value").rows() == [(7, 7.5), (8, 8.5)]


@pytest.mark.parametrize(
    "line", ["iter {0}: loss {1}\n", "iteration: {0} | loss={1} | lr=0.5\n", "step {0} loss {1}\n"]
)
def test_a_count_that_begins_after_a_resume_does_not_show_from_where_it_counts(line: str, tmp_path: Path) -> None:
    def step_info(first: int) -> tuple[int | None, str]:
        text = "".join(line.format(step, 1 / (step + 1)) for step in range(first, first + 100, 10))
        (tmp_path / "train.log").write_text(text, encoding="utf-8")
        (info,) = read_logs(tmp_path).steps
        return info.base, info.source

    # A log from the beginning would have a 0, if its counter had.
    assert [step_info(first) for first in (0, 10)] == [(0, "format"), (1, "format")]
    # From 0 is an assumption then, and listed as one.
    assert step_info(5000) == (0, "nothing")
    assumed = read_logs(tmp_path).reindex(Timeline.plan(batches_per_epoch=100)).assumed
    assert [each.base for each in assumed] == [0]


@pytest.mark.parametrize(
    "line",
    [
        "{{'loss': {loss}, 'step': {step}, 'lr': 0.5}}\n",
        "2024-03-01 10:00:00 - INFO - loss: {loss} | step {step} | lr: 0.5\n",
        "Epoch {epoch} | loss: {loss} | step {step} | lr 0.5\n",
        # What comes before them is of the launcher, or the logger.
        "[rank0]: loss {loss} lr 0.5 step {step}\n",
        "INFO: loss {loss}, lr 0.5, step {step}\n",
        "[worker 3] loss {loss} lr 0.5 step {step}\n",
        "2024-03-01 10:00:00 INFO loss {loss} lr 0.5 step {step}\n",
    ],
)
def test_values_before_and_between_the_counters_are_read(line: str, tmp_path: Path) -> None:
    text = "".join(line.format(loss=1 / (step + 1), step=step, epoch=step // 4) for step in range(12))
    (tmp_path / "train.log").write_text(text, encoding="utf-8")
    frame = read_logs(tmp_path).to_polars()
    expected = [record for step in range(12) for record in (("loss", step, 1 / (step + 1)), ("lr", step, 0.5))]
    assert frame.select("tag", "step", "value").rows() == expected


def test_an_evaluation_with_the_counter_of_the_training_has_names_of_its_own(tmp_path: Path) -> None:
    text = "".join(
        f"Training... epoch={epoch}, loss=0.{epoch}5\nValidating... epoch={epoch}, loss=0.{epoch}7\n"
        for epoch in range(4)
    )
    (tmp_path / "train.log").write_text(text, encoding="utf-8")
    frame = read_logs(tmp_path).reindex().to_polars()
    found = {tag: frame.filter(tag=tag).select("epoch", "value").rows() for tag in frame["tag"].unique()}
    assert found == {
        "loss": [(epoch, float(f"0.{epoch}5")) for epoch in range(4)],
        "val/loss": [(epoch, float(f"0.{epoch}7")) for epoch in range(4)],
    }


def test_a_count_that_begins_again_without_an_epoch_is_no_run_of_its_own(tmp_path: Path) -> None:
    """Of a log with an epoch in a form that is not known, later epochs are not new starts."""
    text = "".join(f"Train [{epoch}/3] Iter [{at}/4] loss=0.5\n" for epoch in (1, 2, 3) for at in (1, 2, 3, 4))
    (tmp_path / "train.log").write_text(text, encoding="utf-8")
    (tmp_path / "fit.log").write_text("Epoch 1: loss=0.5\nEpoch 2: loss=0.25\n", encoding="utf-8")
    (found,) = [each for each in read_logs(tmp_path).unread if each.file == "train.log"]
    assert found.example == "Train [3/3] Iter [4/4] loss=0.5"


def test_the_losses_of_a_gan_are_not_left_out(tmp_path: Path) -> None:
    line = "Epoch: [{0:2d}] [{1:4d}/   4] time: 4.1234, d_loss: 0.{0}{1}, g_loss: 0.5\n"
    text = "".join(line.format(epoch, at) for epoch in range(3) for at in range(4))
    (tmp_path / "train.log").write_text(text, encoding="utf-8")
    frame = read_logs(tmp_path).reindex().to_polars().filter(tag="d_loss")
    expected = [(epoch, at, float(f"0.{epoch}{at}")) for epoch in range(3) for at in range(4)]
    assert frame.select("epoch", "iter", "value").rows() == expected
