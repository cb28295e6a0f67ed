"""Scenarios of what is written in units: rates, patience, logs; and what is refused."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

import stepbridge as sb
from adapters.keras_counting import BACKEND, FOLDER, arrays, fitted, kernel, model_of, number, scenario
from stepbridge.adapters.keras import ClockCallback, ClockEarlyStopping, ClockSchedule, ClockTensorBoard, drive

if TYPE_CHECKING:
    from collections.abc import Sequence


class Rates(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Takes down how far the weight moved: with a gradient of 1 it is the rate that was applied."""

    def __init__(self) -> None:
        super().__init__()
        self.rates: list[float] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.before = kernel(self.model)[0, 0]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        now = kernel(self.model)[0, 0]
        self.rates.append(round(float(self.before - now), 5))
        self.before = now


def rates(schedule: Any, accumulate: int | None = None, sizes: Sequence[int] = (2, 2, 2, 2)) -> list[float]:
    """The rates that really were applied, batch by batch: the loss is the output, and the input is 1.

    Args:
        sizes: the batch size of each epoch.
    """
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    optimizer = keras.optimizers.SGD(schedule, gradient_accumulation_steps=accumulate)
    model.compile(optimizer, loss=lambda _y, out: keras.ops.mean(out))
    seen = Rates()
    ones = np.ones((13, 1), "float32")
    for size, epochs in Counter(sizes).items():
        model.fit(ones, ones, batch_size=size, epochs=epochs, verbose=0, callbacks=[seen])
    return seen.rates


PLAN = sb.Timeline.plan(samples=13, batch_size=2, epochs=4)
PHASES: list[tuple[str, float, Any]] = [("1ep", 1.0, "linear"), ("2ep", 0.5, "hold"), ("100%", 0.0, "cosine")]


@scenario
def schedule() -> Any:
    return rates(ClockSchedule(0.1, PHASES, PLAN, start=0.0))


@scenario
def schedule_by_a_clock_over_windows() -> Any:
    clock = sb.StepClock(samples=13, batch_size=2, epochs=4, accumulate=3, boundary="carry")
    return rates(ClockSchedule(0.1, [("3st", 1.0, "hold"), ("2ep", 0.1, "hold")], clock), accumulate=3)


@scenario
def schedule_across_a_change() -> Any:
    """One epoch in batches of 2, then three in batches of 4, through phases in epochs and in samples."""
    changed = PLAN.change(at="7ba", batch_size=4)
    phases: list[tuple[str, float, Any]] = [("4ep", 0.0, "linear"), ("39sp", 0.0, "cosine")]
    return {phase[0]: rates(ClockSchedule(0.1, [phase], changed), sizes=(2, 4, 4, 4)) for phase in phases}


@scenario
def schedule_is_serialised() -> Any:
    made = ClockSchedule(0.1, PHASES, PLAN.change(at="15ba", batch_size=4), start=0.0)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(made)))
    again = keras.saving.deserialize_keras_object(config)
    path = FOLDER / f"scheduled-{BACKEND}.keras"
    model = model_of(optimizer=keras.optimizers.SGD(made))
    model.save(path)
    loaded = keras.models.load_model(path).optimizer._learning_rate
    numbers = [[float(each(batch)) for batch in range(30)] for each in (made, again, loaded)]
    return {"equal": numbers[0] == numbers[1] == numbers[2], "kind": type(loaded).__name__}


@scenario
def driven_schedule() -> Any:
    decay = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=1, decay_rate=0.5, staircase=True)
    even = drive(decay, PLAN, every="1ep")
    changed = PLAN.change(at="7ba", batch_size=4)
    uneven = drive(decay, changed, every="1ep")
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(keras.saving.serialize_keras_object(uneven))))
    return {
        "even": rates(even),
        "uneven": [round(float(uneven(batch)), 5) for batch in range(16)],
        "again": [round(float(again(batch)), 5) for batch in range(16)],
        "kept": [even.gap, uneven.ticks],
    }


class Metric(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Puts a metric into the logs, from a list: one a batch."""

    def __init__(self, values: list[float]) -> None:
        super().__init__()
        self.values, self.at = values, 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        logs["fake"] = self.values[self.at]
        self.at += 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["fake"] = self.values[self.at - 1]


def stopped(values: list[float], patience: str, **options: Any) -> list[Any]:
    """Trains until it stops, and gives how many batches that took and where it stopped."""
    counting = ClockCallback(samples=13, batch_size=2)
    stop = ClockEarlyStopping("fake", patience, clock=counting.clock, mode="min", **options)
    model = model_of(run_eagerly=True)
    model.fit(*arrays(), batch_size=2, epochs=9, verbose=0, callbacks=[counting, Metric(values), stop])
    at = None if stop.stopped_at is None else list(stop.stopped_at)
    return [number(model.layers[0].batches), at]


@scenario
def patience() -> Any:
    """The metric improves up to the batch that is named, then it stays."""

    def improves_until(batch: int) -> list[float]:
        return [float(-min(at, batch)) for at in range(9 * 7)]

    mine = {
        "2ep": stopped(improves_until(13), "2ep"),
        "10st": stopped(improves_until(13), "10st"),
        "10st, looking inside": stopped(improves_until(9), "10st", check="1st"),
        "26sp, looking every 3": stopped(improves_until(9), "26sp", check="3ba"),
        "from 4ep": stopped(improves_until(0), "1ep", start_from="4ep"),
        "never": stopped(improves_until(99), "1ep"),
    }
    model = model_of(run_eagerly=True)
    keras_own = keras.callbacks.EarlyStopping("fake", patience=2, mode="min")
    callbacks = [Metric(improves_until(13)), keras_own]
    model.fit(*arrays(), batch_size=2, epochs=9, verbose=0, callbacks=callbacks)
    return mine | {"keras, 2 epochs": number(model.layers[0].batches)}


@scenario
def patience_across_a_change() -> Any:
    """One epoch in batches of 2, then batches of 4; the metric improves in the first batch alone."""

    def stops(patience: str) -> Any:
        counting = ClockCallback(samples=13, batch_size=2)
        stop = ClockEarlyStopping("fake", patience, clock=counting.clock, mode="min", check="1ba")
        model = model_of(run_eagerly=True)
        metric = Metric([-1.0] + [0.0] * 40)
        for size, epochs in ((2, 1), (4, 5)):
            model.fit(*arrays(), batch_size=size, epochs=epochs, verbose=0, callbacks=[counting, metric, stop])
        return [number(model.layers[0].batches), list(stop.stopped_at or ())]

    return {patience: stops(patience) for patience in ("2ep", "19sp", "10ba")}


@scenario
def patience_restores_the_best_weights() -> Any:
    counting = ClockCallback()
    stop = ClockEarlyStopping("fake", "1ep", clock=counting.clock, mode="min", restore_best_weights=True)
    model = model_of()
    kernels = []

    class Keeps(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            kernels.append(kernel(self.model))

    values = [0.0] * 7 + [-1.0] * 7 + [0.0] * 21
    model.fit(*arrays(), batch_size=2, epochs=5, verbose=0, callbacks=[counting, Keeps(), Metric(values), stop])
    return {"epochs": len(kernels), "best": bool(np.array_equal(kernel(model), kernels[1]))}


@scenario
def tensorboard() -> Any:
    kinds: tuple[tuple[str, Any, int | None, Any], ...] = (
        ("step", "step", None, "batch"),
        ("windows", "step", 3, "batch"),
        ("sample", "sample", None, 2),
        ("epoch", "step", None, "epoch"),
    )
    for name, unit, accumulate, freq in kinds:
        model = model_of(accumulate=accumulate)
        counting = ClockCallback(samples=13, batch_size=2)
        folder = FOLDER / f"logs-{BACKEND}" / name
        board = ClockTensorBoard(folder, clock=counting.clock, unit=unit, update_freq=freq, write_graph=False)
        for epochs in (2, 1):
            model.fit(
                *arrays(),
                batch_size=2,
                epochs=epochs,
                verbose=0,
                callbacks=[counting, board],
                validation_data=arrays(4),
            )
    return str(FOLDER / f"logs-{BACKEND}")


@scenario
def tensorboard_beside_a_ledger() -> Any:
    """Two fits, the second with another batch size, and nothing stated to the reader."""
    folder = FOLDER / f"ledger-{BACKEND}"
    counting = ClockCallback(samples=13, batch_size=2, ledger=folder)
    board = ClockTensorBoard(folder, clock=counting.clock, update_freq="batch", write_graph=False)
    model = model_of()
    for size, epochs in ((2, 2), (4, 1)):
        model.fit(*arrays(), batch_size=size, epochs=epochs, verbose=0, callbacks=[counting, board])
    return str(folder)


@scenario
def tensorboard_before_the_clock() -> Any:
    counting = ClockCallback()
    board = ClockTensorBoard(FOLDER / f"early-{BACKEND}", clock=counting.clock, write_graph=False)
    return fitted(model_of(), *arrays(), clock=board_first(board, counting), batch_size=2, epochs=1)


def board_first(board: Any, counting: Any) -> Any:
    """Stands in the first place, and has the clock's callback come after the board."""

    class Both(keras.callbacks.CallbackList):  # type: ignore[misc]  # Keras has no types
        clock = counting.clock

    return Both([board, counting])


@scenario
def refused() -> Any:
    plan = PLAN
    halved: Any = [("1ep", 1.0, "hold")]
    attempts: dict[str, Any] = {
        "a clock and options": lambda: ClockCallback(sb.StepClock(), samples=3),
        "no clock": lambda: ClockCallback("clock"),  # type: ignore[arg-type]
        "no phase": lambda: ClockSchedule(0.1, [], plan),
        "a shape": lambda: ClockSchedule(0.1, [("1ep", 1.0, "round")], plan),  # type: ignore[list-item]
        "ends that go back": lambda: ClockSchedule(0.1, [("2ep", 1.0, "hold"), ("1ep", 1.0, "hold")], plan),
        "an end beyond": lambda: ClockSchedule(0.1, [("9ep", 1.0, "hold")], plan),
        "unknown lengths": lambda: ClockSchedule(0.1, halved, sb.StepClock()),
        "no plan": lambda: ClockSchedule(0.1, halved),
        "a flush": lambda: ClockSchedule(0.1, halved, sb.Timeline.plan(batches_per_epoch=7, epochs=1, accumulate=2)),
        "no schedule": lambda: drive(lambda step: step, plan),
        "patience without a unit": lambda: ClockEarlyStopping("loss", 3, clock=sb.StepClock()),  # type: ignore[arg-type]
        "steps by duration": lambda: ClockTensorBoard("logs", clock=sb.StepClock(), unit="dur"),
    }
    return {name: refusal(attempt) for name, attempt in attempts.items()}


def refusal(attempt: Any) -> str:
    """What is stated against it."""
    try:
        attempt()
    except (TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


@scenario
def overridden() -> Any:
    """The hooks that Keras will call."""
    base = keras.callbacks.Callback
    return sorted(name for name in vars(base) if name.startswith("on_") and name in vars(ClockCallback))
