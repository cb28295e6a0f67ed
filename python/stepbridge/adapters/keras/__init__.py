"""Keras 3, on TensorFlow, JAX and PyTorch: a callback that keeps the clock, and what is written in its units.

- `ClockCallback(clock)` counts what `fit` really trains on; it needs nothing but itself in `callbacks=[...]`. It stands
  first in that list, so that the callbacks after it find the clock right;
- `ClockSchedule` is a learning rate in any unit; `drive` has an existing schedule tick in the unit it was written for;
- `ClockEarlyStopping` waits in any unit;
- `ClockTensorBoard` logs at the clock's count, on over several fits and resumes.

A loop of `train_on_batch` needs none of them: `clock.epochs()` and `clock.batches(data)` count it as any other loop.

What Keras does to a step is in the docstring of the module that deals with it.

>>> import numpy as np
>>> import keras
>>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
>>> model.compile("sgd", "mse")
>>> counting = ClockCallback(samples=10, batch_size=4)
>>> history = model.fit(np.ones((10, 4)), np.ones((10, 1)), batch_size=4, epochs=2, verbose=0, callbacks=[counting])
>>> counting.clock.step, counting.clock.sample, counting.clock.location
(6, 20, Location(epoch=1, iter=2))
"""

from __future__ import annotations

from stepbridge.adapters.base import framework

with framework("keras", title="Keras", tested="3.10"):
    import keras as _keras  # noqa: F401  # first and alone; `framework` says why

from stepbridge.adapters.keras.callback import ClockCallback
from stepbridge.adapters.keras.schedules import ClockSchedule, DrivenSchedule, drive
from stepbridge.adapters.keras.stopping import ClockEarlyStopping
from stepbridge.adapters.keras.tensorboard import ClockTensorBoard

__all__ = ["ClockCallback", "ClockEarlyStopping", "ClockSchedule", "ClockTensorBoard", "DrivenSchedule", "drive"]
