"""The bulk map on arrays: kinds and layouts of input, `out=`, masks, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import stepbridge as sb

BIGGEST = 2**63 - 1
PLAN = sb.Timeline.plan(samples=1000, batch_size=200, epochs=5)
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")

Array = npt.NDArray[Any]


def says(*words: str) -> str:
    """Make a pattern that finds all the words, in any order and any case."""
    return "(?is)" + "".join(f"(?=.*{re.escape(word)})" for word in words)


def assert_divmod(steps: Array, found: tuple[Array, Array], batches: int = 5) -> None:
    expected = np.divmod(steps.astype(np.int64), batches)
    for array, right in zip(found, expected, strict=True):
        assert array.shape == steps.shape
        np.testing.assert_array_equal(array, right)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_of_every_width(dtype: str) -> None:
    steps = np.array([3, 24, 0, 7, 7], dtype=dtype)
    epoch, iteration = PLAN.locate(steps)
    assert epoch.dtype == iteration.dtype == np.int64
    assert_divmod(steps, (epoch, iteration))


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(np.arange(25), id="sorted"),
        pytest.param(np.arange(25)[::-1], id="backwards"),
        pytest.param(np.arange(25)[::3], id="every third"),
        pytest.param(np.arange(25)[7:7], id="empty"),
        pytest.param(np.arange(24).reshape(4, 6), id="two dimensions"),
        pytest.param(np.arange(24).reshape(4, 6).T, id="transposed"),
        pytest.param(np.arange(24).reshape(2, 3, 4)[:, ::-1, ::2], id="three dimensions, strided"),
        pytest.param(np.asfortranarray(np.arange(24).reshape(4, 6)), id="Fortran order"),
        pytest.param(np.broadcast_to(np.array(7), (3, 4)), id="broadcast"),
        pytest.param(np.arange(24, dtype="int32")[::2], id="strided int32"),
        pytest.param(np.frombuffer(b"\x00" + np.arange(9).tobytes(), dtype=np.int64, offset=1), id="not aligned"),
        pytest.param(np.zeros(6, dtype=[("tag", "i1"), ("step", "i8")])["step"], id="a field of records"),
    ],
)
def test_layouts(steps: Array) -> None:
    before = steps.copy()
    assert_divmod(steps, PLAN.locate(steps))
    np.testing.assert_array_equal(steps, before)


def test_read_only_input_is_fine() -> None:
    steps = np.arange(25)
    steps.flags.writeable = False
    assert_divmod(steps, PLAN.locate(steps))


def test_other_byte_orders_are_right_or_refused() -> None:
    steps = np.arange(25).astype(">i8")
    try:
        found = PLAN.locate(steps)
    except (TypeError, ValueError):
        return
    assert_divmod(steps, found)


def test_large_arrays_agree_with_small_ones() -> None:
    plan = sb.Timeline.plan(batches_per_epoch=7, accumulate=3)
    steps = np.arange(300_000)
    epoch, iteration = plan.locate(steps)
    np.testing.assert_array_equal(epoch, steps // 3)
    np.testing.assert_array_equal(iteration, np.array([2, 5, 6])[steps % 3])
    shuffled = np.random.default_rng(7).permutation(steps)
    epochs, iterations = plan.locate(shuffled)
    np.testing.assert_array_equal(epochs, epoch[shuffled])
    np.testing.assert_array_equal(iterations, iteration[shuffled])


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64"])
def test_out_is_written_and_may_be_narrow(dtype: str) -> None:
    steps = np.arange(25)[::-1]
    out = np.full(25, -7, dtype=dtype), np.full(25, -7, dtype=dtype)
    found = PLAN.locate(steps, out=out)
    assert_divmod(steps, out)
    assert all(a is b for a, b in zip(found, out, strict=True))


def test_out_may_differ_in_type_and_be_strided() -> None:
    room = np.full((25, 2), -7, dtype=np.int32)
    out = room[:, 0], np.full(50, -7, dtype=np.int16)[::2]
    PLAN.locate(np.arange(25), out=out)
    assert_divmod(np.arange(25), out)
    assert (room[:, 1] == -7).all()


def test_out_of_many_dimensions() -> None:
    steps = np.arange(24).reshape(4, 6)
    out = np.zeros((4, 6), dtype=np.int64), np.zeros((4, 6), dtype=np.int16)
    PLAN.locate(steps, out=out)
    assert_divmod(steps, out)


def test_out_of_strided_dimensions_is_right_or_refused() -> None:
    steps = np.arange(24).reshape(4, 6)
    out = np.zeros((4, 6), dtype=np.int64), np.zeros((6, 4), dtype=np.int64).T
    try:
        PLAN.locate(steps, out=out)
    except ValueError:
        return
    assert_divmod(steps, out)


def test_masks_are_minus_one() -> None:
    steps = np.array([-3, 0, 24, 25, -(2**63), BIGGEST])
    epoch, iteration = PLAN.locate(steps, invalid="mask")
    assert epoch.tolist() == [-1, 0, 4, -1, -1, -1]
    assert iteration.tolist() == [-1, 0, 4, -1, -1, -1]
    epoch, iteration = PLAN.locate(steps, base=1, invalid="mask")
    assert epoch.tolist() == [-1, -1, 5, 5, -1, -1]
    assert iteration.tolist() == [-1, -1, 4, 5, -1, -1]


def test_unsigned_numbers_past_the_limit_never_wrap() -> None:
    steps = np.array([0, 2**64 - 1, 2**63], dtype=np.uint64)
    with pytest.raises((IndexError, OverflowError), match=says("1", str(2**64 - 1))):
        PLAN.locate(steps)
    epoch, iteration = PLAN.locate(steps, invalid="mask")
    assert epoch.tolist() == iteration.tolist() == [0, -1, -1]


def test_index_of_arrays() -> None:
    epoch, iteration = np.divmod(np.arange(25, dtype=np.int32), 5)
    np.testing.assert_array_equal(PLAN.index(epoch, iteration), np.arange(25))
    np.testing.assert_array_equal(PLAN.index(epoch + 1, iteration + 1, base=1), np.arange(1, 26))
    np.testing.assert_array_equal(PLAN.index(epoch, iteration, unit="sample"), np.arange(25) * 200)


def test_index_masks_what_contributes_to_no_step() -> None:
    plan = sb.Timeline.plan(batches_per_epoch=7, epochs=2, accumulate=3, boundary="drop")
    found = plan.index(np.array([0, 0, 0, 1, 1, 2]), np.array([0, 5, 6, 0, 7, 0]), invalid="mask")
    assert found.tolist() == [0, 1, -1, 2, -1, -1]


@pytest.mark.parametrize(
    ("steps", "error", "words"),
    [
        pytest.param(np.array([1.0, 2.0]), TypeError, ["float64", "integer"], id="floats"),
        pytest.param(np.array([1.0], dtype="float16"), TypeError, ["float16"], id="small floats"),
        pytest.param(np.array([True, False]), TypeError, ["bool"], id="bools"),
        pytest.param(np.array([1 + 0j]), TypeError, ["complex"], id="complex"),
        pytest.param(np.array(["1"]), TypeError, ["integer"], id="text"),
        pytest.param(np.array([1], dtype=object), TypeError, ["object"], id="objects"),
        pytest.param(np.array([1], dtype="datetime64[s]"), TypeError, ["datetime64"], id="dates"),
        pytest.param(np.array([1], dtype="timedelta64[s]"), TypeError, ["timedelta64"], id="durations"),
        pytest.param([1.5, 2.0], TypeError, ["float"], id="a list of floats"),
        pytest.param([True, False], TypeError, ["bool"], id="a list of bools"),
        pytest.param(np.array([0, 3, 25, 99]), IndexError, ["2", "25"], id="past the end"),
        pytest.param(np.array([0, 3, -8, -9]), IndexError, ["2", "-8"], id="before the start"),
        pytest.param(np.array([[0, 3], [25, 99]]), IndexError, ["25"], id="past the end, two dimensions"),
        pytest.param(np.array([99, 0, 3, 25])[::-1], IndexError, ["0", "25"], id="past the end, reversed"),
    ],
)
def test_arrays_that_are_refused(steps: Any, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error, match=says(*words)):
        PLAN.locate(steps)


def test_the_first_offender_of_a_large_array_is_named() -> None:
    steps = np.zeros(400_000, dtype=np.int64)
    steps[[123_456, 300_000, 399_999]] = 77, 88, 99
    with pytest.raises(IndexError, match=says("123456", "77")):
        PLAN.locate(steps)


def test_the_first_number_from_one_that_is_zero_is_named() -> None:
    with pytest.raises(IndexError, match=says("2", "0")):
        PLAN.locate(np.array([25, 1, 0]), base=1)


def read_only() -> Array:
    array = np.zeros(4, dtype=np.int64)
    array.flags.writeable = False
    return array


def fresh(dtype: str = "int64", length: int = 4) -> Array:
    return np.zeros(length, dtype=dtype)


@pytest.mark.parametrize(
    ("out", "error", "words"),
    [
        pytest.param((fresh(length=3), fresh()), ValueError, ["out", "3", "4"], id="too short"),
        pytest.param((fresh(), fresh(length=5)), ValueError, ["out", "5", "4"], id="too long"),
        pytest.param((fresh().reshape(2, 2), fresh()), ValueError, ["out"], id="another shape"),
        pytest.param((fresh("float64"), fresh()), TypeError, ["out", "float64"], id="floats"),
        pytest.param((fresh("bool"), fresh()), TypeError, ["out", "bool"], id="bools"),
        pytest.param((fresh("object"), fresh()), TypeError, ["out", "object"], id="objects"),
        pytest.param((read_only(), fresh()), ValueError, ["out"], id="read-only"),
        pytest.param((fresh(),), (TypeError, ValueError), ["out"], id="one array"),
        pytest.param((fresh(), fresh(), fresh()), (TypeError, ValueError), ["out"], id="three arrays"),
        pytest.param(fresh(), (TypeError, ValueError), ["out"], id="no pair"),
        pytest.param(([0] * 4, [0] * 4), TypeError, ["out"], id="lists"),
        pytest.param((None, fresh()), TypeError, ["out"], id="nothing"),
    ],
)
def test_out_that_is_refused(out: Any, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error, match=says(*words)):
        PLAN.locate(np.array([0, 1, 5, 24]), out=out)


def test_out_that_overlaps_is_refused() -> None:
    steps, room = np.array([0, 1, 5, 24]), np.zeros(6, dtype=np.int64)
    for out in [(steps, room[:4]), (room[:4], steps), (room[:4], room[2:]), (room[:4], room[:4])]:
        with pytest.raises(ValueError, match=says("out=")):
            PLAN.locate(steps, out=out)


def test_out_side_by_side_does_not_overlap() -> None:
    room = np.zeros((2, 25), dtype=np.int64)
    PLAN.locate(np.arange(25), out=(room[0], room[1]))
    assert_divmod(np.arange(25), (room[0], room[1]))


@pytest.mark.parametrize(
    ("dtypes", "steps"),
    [
        pytest.param(("int8", "int64"), [0, 128 * 5], id="epoch past int8"),
        pytest.param(("int16", "int64"), [0, 32768 * 5], id="epoch past int16"),
        pytest.param(("int32", "int64"), [0, 2**31 * 5], id="epoch past int32"),
    ],
)
def test_narrow_types_never_wrap(dtypes: tuple[str, str], steps: list[int]) -> None:
    plan = sb.Timeline.plan(batches_per_epoch=5)
    out = np.zeros(2, dtype=dtypes[0]), np.zeros(2, dtype=dtypes[1])
    with pytest.raises((OverflowError, ValueError), match=says(dtypes[0], "1")):
        plan.locate(np.array(steps), out=out)


def test_narrow_types_never_wrap_an_iter() -> None:
    plan = sb.Timeline.plan(batches_per_epoch=1000)
    with pytest.raises((OverflowError, ValueError), match=says("int8", "1")):
        plan.locate(np.array([127, 128]), out=(np.zeros(2, dtype="int64"), np.zeros(2, dtype="int8")))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64"])
def test_unsigned_out_is_right_or_refused(dtype: str) -> None:
    out = np.zeros(25, dtype=dtype), np.zeros(25, dtype=dtype)
    try:
        PLAN.locate(np.arange(25), out=out)
    except TypeError:
        return
    assert_divmod(np.arange(25), out)
    with pytest.raises((TypeError, ValueError, OverflowError)):
        PLAN.locate(np.array([25] * 25), out=out, invalid="mask")


def test_scalars_take_no_out() -> None:
    with pytest.raises((TypeError, ValueError), match=says("out")):
        PLAN.locate(3, out=(fresh(), fresh()))  # type: ignore[call-overload]


@pytest.mark.parametrize("number", [np.int8(24), np.uint64(24), np.int64(24)])
def test_numpy_scalars_are_numbers(number: Any) -> None:
    assert PLAN.locate(number) == sb.Location(4, 4)


@pytest.mark.parametrize(
    ("epoch", "iteration", "error", "words"),
    [
        pytest.param([0, 0, 5], [0, 4, 0], IndexError, ["2", "5"], id="an epoch past the end"),
        pytest.param([0, 1, 1], [0, 5, 9], IndexError, ["1", "5"], id="an iter past the end"),
        pytest.param([0, 0], [0, 0, 0], ValueError, ["2", "3"], id="of different lengths"),
        pytest.param([0.0], [0], TypeError, ["float"], id="floats"),
        pytest.param([0], [False], TypeError, ["bool"], id="bools"),
    ],
)
def test_index_of_arrays_that_are_refused(
    epoch: list[Any], iteration: list[Any], error: type[Exception], words: list[str]
) -> None:
    with pytest.raises(error, match=says(*words)):
        PLAN.index(np.array(epoch), np.array(iteration))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_lengths_of_histories_in_any_integers(dtype: str) -> None:
    lengths = np.array([5, 9, 2, 9, 2, 9], dtype=dtype)[::2]
    assert sb.Timeline.from_epochs(lengths) == sb.Timeline.from_epochs([5, 2, 2])


def test_lengths_past_the_limit_never_wrap() -> None:
    with pytest.raises(OverflowError):
        sb.Timeline.from_epochs(np.array([2**63], dtype=np.uint64))
