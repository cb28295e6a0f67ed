"""Measures what ClockCallback costs in each batch, beside a callback that overrides the same hooks and does nothing.

Both are called as `fit` calls them, by a real CallbackList on a compiled model; the training itself, which would hide
them, is left out.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from claims import CLAIMS, Measured
from stepbridge import StepbridgeWarning
from stepbridge.adapters.keras import ClockCallback
from timing import once, pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BATCHES = 200_000
REPEATS = 9
HOOKS = [name for name in vars(keras.callbacks.Callback) if name.startswith("on_")]


def measure() -> Iterator[Measured]:
    """Measure an epoch of hooks."""
    (claim,) = CLAIMS["keras_overhead"]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.zeros((4, 1)), np.zeros((4, 1)), batch_size=2, verbose=0)
    ours = partial(hooks, model, ClockCallback)
    yield Measured(claim, pairs(ours, partial(hooks, model, idle), REPEATS), "ns a batch", 1e9 / BATCHES)


def idle() -> keras.callbacks.Callback:
    """Make a callback that overrides what ClockCallback overrides, and does nothing."""

    def nothing(_self: object, *_arguments: object, **_logs: object) -> None:
        pass

    base = keras.callbacks.Callback
    overridden = {name: nothing for name in HOOKS if getattr(ClockCallback, name) is not getattr(base, name)}
    made: keras.callbacks.Callback = type("Idle", (base,), overridden)()
    return made


def hooks(model: keras.Model, make: Callable[[], keras.callbacks.Callback]) -> float:
    """Return the seconds that the hooks of one epoch take."""
    callbacks = keras.callbacks.CallbackList(
        [make()], add_history=False, add_progbar=False, model=model, epochs=1, steps=BATCHES
    )
    logs: dict[str, Any] = {"loss": 0.0}

    def epoch() -> None:
        for batch in range(BATCHES):
            callbacks.on_train_batch_begin(batch)
            callbacks.on_train_batch_end(batch, logs)

    with warnings.catch_warnings():
        # Nothing was trained, as the callback notices: the optimizer's counter stands still.
        warnings.simplefilter("ignore", StepbridgeWarning)
        callbacks.on_train_begin()
        callbacks.on_epoch_begin(0)
        seconds = once(epoch)
        callbacks.on_epoch_end(0, logs)
        callbacks.on_train_end(logs)
    return seconds
