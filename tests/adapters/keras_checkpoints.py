"""Scenarios of checkpoints: real crashes, and what is restored in a new model with a new clock."""

from __future__ import annotations

import contextlib
import gc
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

import stepbridge as sb
from adapters.keras_counting import (
    BACKEND,
    FOLDER,
    Stops,
    Unsized,
    Witness,
    arrays,
    facts,
    fitted,
    kernel,
    model_of,
    number,
    scenario,
)
from stepbridge.adapters.keras import ClockCallback

if TYPE_CHECKING:
    from pathlib import Path


class Crash(Exception):  # noqa: N818  # it is no error of ours
    """Stands for a machine that goes away."""


def crash_once(
    folder: Path,
    data: tuple[Any, ...],
    after: int,
    counting: ClockCallback,
    *,
    first: bool,
    crash: bool,
    **options: Any,
) -> dict[str, Any]:
    """Fits a new model with a backup, which is restored where there is one; and crashes, or does not."""
    model, witness = model_of(accumulate=options.pop("accumulate", None)), Witness(counting.clock)
    backup = keras.callbacks.BackupAndRestore(str(folder), save_freq=options.pop("save_freq", "epoch"))
    order = [counting, backup] if first else [backup, counting]
    with contextlib.suppress(Crash):
        crashes = [Stops(after, Crash)] if crash else []
        model.fit(*data, verbose=0, callbacks=[*order, witness, *crashes], **options)
    return facts(witness, model)


def crashed_and_restored(save_freq: Any, after: int, *, first: bool = True, **stated: Any) -> dict[str, Any]:
    """Crashes a fit, then restores it in a new model with a new clock, as a new process would."""
    folder = FOLDER / f"backup-{BACKEND}-{save_freq}-{after}-{first}-{'-'.join(stated)}"
    options = {"save_freq": save_freq, "accumulate": 2, "batch_size": 2, "epochs": 4, "first": first}
    results = []
    for crash in (True, False):
        results.append(crash_once(folder, arrays(), after, ClockCallback(**stated), crash=crash, **options))
        # As at the end of a process: whoever wrote the ledger lets go of it.
        gc.collect()
    return {"first": results[0], "again": results[1]}


@scenario
def restored_at_a_boundary() -> Any:
    return crashed_and_restored("epoch", 17)


@scenario
def restored_at_a_boundary_in_the_other_order() -> Any:
    return crashed_and_restored("epoch", 17, first=False)


@scenario
def restored_inside_an_epoch() -> Any:
    return crashed_and_restored(4, 17)


@scenario
def restored_inside_an_epoch_in_the_other_order() -> Any:
    return crashed_and_restored(4, 17, first=False)


@scenario
def restored_with_a_stated_plan() -> Any:
    return crashed_and_restored("epoch", 17, samples=13, batch_size=2, epochs=4)


@scenario
def restored_beside_a_ledger() -> Any:
    """What the ledger says in the end, of a run restored at a boundary and of one restored inside an epoch."""
    stated = {}
    for save_freq in ("epoch", 4):
        folder = FOLDER / f"recorded-{BACKEND}-{save_freq}"
        crashed_and_restored(save_freq, 17, samples=13, batch_size=2, ledger=folder)
        ledger = sb.read_ledger(folder)
        timeline = ledger.timeline
        ends = [int(timeline.convert(f"{epoch}ep", "batch")) for epoch in range((timeline.epochs or 0) + 1)]
        lengths = [end - begin for begin, end in pairwise(ends)]
        stated[str(save_freq)] = [lengths, timeline.samples, len(ledger.sessions), len(ledger.problems)]
    return stated


@scenario
def restored_unknown_length() -> Any:
    ends = []
    for first in (True, False):
        folder = FOLDER / f"unknown-{BACKEND}-{first}"
        runs = [
            crash_once(folder, (Unsized(7),), 10, ClockCallback(), first=first, crash=crash, epochs=3)
            for crash in (True, False)
        ]
        ends.append(runs[1]["end"])
    return ends


@scenario
def saved_by_model_checkpoint() -> Any:
    path = FOLDER / f"checkpoint-{BACKEND}.weights.h5"
    model, counting = model_of(accumulate=2), ClockCallback()
    keep = keras.callbacks.ModelCheckpoint(str(path), save_weights_only=True, save_freq=10)
    model.fit(*arrays(), batch_size=2, epochs=2, verbose=0, callbacks=[counting, keep])
    again, fresh = model_of(accumulate=2), ClockCallback()
    again.optimizer.build(again.trainable_variables)
    fresh.set_model(again)
    again.load_weights(path)
    state = [fresh.clock.batch, fresh.clock.step, list(fresh.clock.position), number(again.layers[0].batches)]
    return {"loaded": state, **fitted(again, *arrays(), clock=fresh, batch_size=2, epochs=3, initial_epoch=1)}


@scenario
def saved_as_a_whole_model() -> Any:
    path = FOLDER / f"whole-{BACKEND}.keras"
    model, counting = model_of(), ClockCallback()
    model.fit(*arrays(), batch_size=2, epochs=2, verbose=0, callbacks=[counting])
    model.save(path)
    again = keras.models.load_model(path)
    fresh = ClockCallback()
    fresh.set_model(again)
    again.load_weights(path)
    return fitted(again, *arrays(), clock=fresh, batch_size=2, epochs=3, initial_epoch=2)


@scenario
def a_checkpoint_without_a_clock_loads() -> Any:
    path = FOLDER / f"plain-{BACKEND}.weights.h5"
    model = model_of()
    model.fit(*arrays(), batch_size=2, epochs=1, verbose=0)
    model.save_weights(path)
    again, fresh = model_of(), ClockCallback()
    again.optimizer.build(again.trainable_variables)
    fresh.set_model(again)
    again.load_weights(path)
    without = model_of()
    return {"batch": fresh.clock.batch, "weights": float(kernel(again)[0, 0]), "other": float(kernel(model)[0, 0])} | {
        "fresh": float(kernel(without)[0, 0])
    }


@scenario
def a_checkpoint_with_a_clock_loads_without_one() -> Any:
    path = FOLDER / f"clocked-{BACKEND}.weights.h5"
    model = model_of()
    model.fit(*arrays(), batch_size=2, epochs=1, verbose=0, callbacks=[ClockCallback()])
    model.save_weights(path)
    again = model_of()
    again.load_weights(path)
    return {"equal": bool(np.array_equal(kernel(model), kernel(again)))}


@scenario
def weights_loaded_inside_an_epoch() -> Any:
    path = FOLDER / f"inside-{BACKEND}.weights.h5"
    model, counting = model_of(), ClockCallback()
    rows: list[int] = []

    class GoesBack(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 0:
                self.model.save_weights(path)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if len(rows) < 1 and number(self.model.layers[0].batches) == 10:
                self.model.load_weights(path)
                rows.append(counting.clock.batch)

    return {**fitted(model, *arrays(), clock=counting, extra=(GoesBack(),), batch_size=2, epochs=3), "at": rows}


@scenario
def the_rest_of_an_epoch() -> Any:
    """Fits what is left of an epoch, in batches of the same size and of another, then the whole data."""
    x, y = np.zeros((100, 2), "float32"), np.zeros((100, 1), "float32")
    seen = []
    for size in (10, 20):
        before = sb.StepClock(samples=100, batch_size=10, epochs=3, boundary="carry", initial="14ba")
        clock = sb.StepClock(samples=100, batch_size=size, epochs=3, boundary="carry")
        clock.load_state_dict(before.state_dict())
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        options: dict[str, Any] = {"batch_size": size, "verbose": 0, "callbacks": [ClockCallback(clock)]}
        model.fit(clock.rest(x), clock.rest(y), shuffle=False, initial_epoch=1, epochs=2, **options)
        seen.append([*clock.position, clock.sample, clock.batch])
        model.fit(x, y, initial_epoch=2, epochs=3, **options)
        seen.append([*clock.position, clock.sample, clock.batch])
    return seen
