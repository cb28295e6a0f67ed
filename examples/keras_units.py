"""A rate, a patience and a log, each in the unit that suits it."""

from __future__ import annotations

import tempfile

import keras
import numpy as np

import stepbridge as sb
from stepbridge.adapters.keras import ClockCallback, ClockEarlyStopping, ClockSchedule, ClockTensorBoard


def main() -> None:
    """Warms up for 5 steps, falls along a cosine to the end, and stops early after 2 epochs without progress."""
    x = np.linspace(-1, 1, 65, dtype="float32").reshape(-1, 1)
    clock = sb.StepClock(samples=65, batch_size=10, epochs=30, boundary="carry")  # 7 batches an epoch
    rate = ClockSchedule(0.5, [("5st", 1.0, "linear"), ("100%", 0.0, "cosine")], clock, start=0.1)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(rate), "mse")
    with tempfile.TemporaryDirectory() as folder:
        callbacks = [
            ClockCallback(clock),  # the first, so that those after it find the clock right
            ClockEarlyStopping("loss", "2ep", clock=clock, min_delta=1e-6),
            ClockTensorBoard(folder, clock=clock, update_freq="10st", write_graph=False),
        ]
        model.fit(x, 2 * x, batch_size=10, epochs=30, shuffle=False, verbose=0, callbacks=callbacks)
        table = sb.read_logs(folder).reindex(clock.timeline, unit="step", base=1)
    print(f"stopped at {clock.location}, step {clock.step}; {len(table)} records with their epochs")


if __name__ == "__main__":
    main()
