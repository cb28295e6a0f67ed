"""The bulk map on long, irregular histories, in many orders, against numpy's binary search."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import stepbridge as sb

Array = npt.NDArray[np.int64]

RANDOM = np.random.default_rng(12)
HISTORIES: dict[str, Array] = {
    "a few lengths": RANDOM.choice(np.array([5, 5, 5, 5, 4, 6]), 60_000),
    "many lengths, some of them 0": RANDOM.integers(0, 60, 60_000),
    "mostly 0": np.where(RANDOM.random(60_000) < 0.02, RANDOM.integers(1, 20, 60_000), 0),
    "one giant first": np.concatenate([[10**12], np.ones(40_000, dtype=np.int64)]),
    "one giant last": np.concatenate([np.ones(40_000, dtype=np.int64), [10**12]]),
    "giants among dwarfs": np.where(RANDOM.random(40_000) < 0.001, 10**9, RANDOM.integers(0, 4, 40_000)),
    "every magnitude": 2 ** RANDOM.integers(0, 40, 40_000),
    "one epoch": np.array([123_457]),
}
ORDERS = ("sorted", "backwards", "random", "every third", "in blocks", "all the same", "sorted but for one")


def arrange(order: str, total: int) -> Array:
    """Make indices of a run in an order, the first and the last among them; the same ones each time."""
    random = np.random.default_rng(3)
    numbers = np.sort(np.append(random.integers(0, total, 30_000), [0, total - 1]))
    if order == "backwards":
        return numbers[::-1]
    if order == "random":
        return random.permutation(numbers)
    if order == "every third":
        return numbers[::3]
    if order == "in blocks":
        return np.concatenate(random.permutation(np.array_split(numbers[:30_000], 100)))
    if order == "all the same":
        return np.full(30_000, total // 2)
    if order == "sorted but for one":
        numbers[20_000] = 0
    return numbers


def expect(lengths: Array, window: int, boundary: str, numbers: Array) -> tuple[Array, Array]:
    """Locate steps by a search of where each epoch's steps end."""
    if boundary == "carry":
        lengths_in_steps, wanted = lengths, (numbers + 1) * window - 1
    else:
        lengths_in_steps = -(-lengths // window) if boundary == "flush" else lengths // window
        wanted = numbers
    ends = np.cumsum(lengths_in_steps)
    epoch = np.searchsorted(ends, wanted, side="right")
    inside = wanted - (ends - lengths_in_steps)[epoch]
    if boundary == "carry":
        return epoch, inside
    return epoch, np.minimum((inside + 1) * window, lengths[epoch]) - 1


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", HISTORIES)
@pytest.mark.parametrize(("window", "boundary"), [(1, "flush"), (4, "flush"), (3, "drop"), (4, "carry")])
def test_irregular_histories(name: str, order: str, window: int, boundary: Any) -> None:
    lengths = HISTORIES[name]
    run = sb.Timeline.from_epochs(lengths, accumulate=window, boundary=boundary)
    assert run.steps
    numbers = arrange(order, run.steps)
    expected = expect(lengths, window, boundary, numbers)
    epoch, iteration = run.locate(numbers)
    np.testing.assert_array_equal(epoch, expected[0])
    np.testing.assert_array_equal(iteration, expected[1])
    np.testing.assert_array_equal(run.index(epoch, iteration), numbers)


@pytest.mark.parametrize("name", HISTORIES)
def test_masks_among_sound_numbers(name: str) -> None:
    lengths = HISTORIES[name]
    total = int(lengths.sum())
    run = sb.Timeline.from_epochs(lengths)
    numbers = arrange("random", total)
    random = np.random.default_rng(4)
    wrong = random.random(len(numbers)) < 0.1
    numbers[wrong] = random.choice(np.array([-1, total, total + 7, -(2**63), 2**63 - 1]), wrong.sum())
    expected = expect(lengths, 1, "flush", np.where(wrong, 0, numbers))
    epoch, iteration = run.locate(numbers, invalid="mask")
    np.testing.assert_array_equal(epoch, np.where(wrong, -1, expected[0]))
    np.testing.assert_array_equal(iteration, np.where(wrong, -1, expected[1]))
    first = int(np.argmax(wrong))
    with pytest.raises(IndexError, match=rf"(?s)(?=.*\b{first}\b)(?=.*{numbers[first]})"):
        run.locate(numbers)


def test_samples_of_irregular_histories() -> None:
    lengths = HISTORIES["many lengths, some of them 0"]
    consumed = np.where(lengths > 0, lengths * 32 - np.random.default_rng(5).integers(0, 32, len(lengths)), 0)
    run = sb.Timeline.from_epochs(lengths, samples=consumed, batch_size=32)
    assert run.samples == consumed.sum()
    numbers = arrange("random", int(consumed.sum()))
    ends = np.cumsum(consumed)
    expected = np.searchsorted(ends, numbers, side="right")
    epoch, iteration = run.locate(numbers, unit="sample")
    np.testing.assert_array_equal(epoch, expected)
    np.testing.assert_array_equal(iteration, (numbers - (ends - consumed)[expected]) // 32)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "uint32"])
def test_narrow_input_and_output(dtype: str) -> None:
    random = np.random.default_rng(6)
    lengths = random.integers(1, 4, 40)
    run = sb.Timeline.from_epochs(lengths)
    numbers = random.integers(0, int(lengths.sum()), 50_000).astype(dtype)
    expected = expect(lengths, 1, "flush", numbers.astype(np.int64))
    out = np.empty(50_000, np.int8), np.empty(50_000, np.int16)
    run.locate(numbers, out=out)
    for found, right in zip(out, expected, strict=True):
        np.testing.assert_array_equal(found, right)
