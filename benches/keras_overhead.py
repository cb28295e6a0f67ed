"""Measures what ClockCallback costs in each batch, next to a callback that overrides the same hook and does nothing.

A real CallbackList on a compiled model begins and ends the epoch as `fit` does. In between only the callback's own hook
is called: Keras's way to it, and the training, would hide what is measured.
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
    from collections.abc import Callable, Iterator, Mapping

BATCHES = 200_000
REPEATS = 9
HOOKS = [name for name in vars(keras.callbacks.Callback) if "batch" in name]


def measure() -> Iterator[Measured]:
    """Measure an epoch of hooks."""
    (claim,) = CLAIMS["keras_overhead"]
    base = keras.callbacks.Callback
    for name in HOOKS:
        assert (getattr(ClockCallback, name) is getattr(base, name)) == (getattr(Idle, name) is getattr(base, name))
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.zeros((4, 1)), np.zeros((4, 1)), batch_size=2, verbose=0)
    ours = partial(hooks, model, ClockCallback)
    yield Measured(claim, pairs(ours, partial(hooks, model, Idle), REPEATS), "ns a batch", 1e9 / BATCHES)


class Idle(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """A callback that overrides what ClockCallback does in each batch, and does nothing."""

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Do nothing."""


def hooks(model: keras.Model, make: Callable[[], keras.callbacks.Callback]) -> float:
    """Return the seconds that the hooks of one epoch take."""
    callback = make()
    callbacks = keras.callbacks.CallbackList(
        [callback], add_history=False, add_progbar=False, model=model, epochs=1, steps=BATCHES
    )
    logs: dict[str, Any] = {"loss": 0.0}

    def epoch() -> None:
        for batch in range(BATCHES):
            callback.on_train_batch_end(batch, logs)

    with warnings.catch_warnings():
        # Nothing was trained, as the callback notices: the optimizer's counter did not move.
        warnings.simplefilter("ignore", StepbridgeWarning)
        callbacks.on_train_begin()
        callbacks.on_epoch_begin(0)
        seconds = once(epoch)
        callbacks.on_epoch_end(0, logs)
        callbacks.on_train_end(logs)
    return seconds
