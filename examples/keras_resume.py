"""A fit that is killed and continues in a new model with a new clock, restored from Keras's own backup."""

from __future__ import annotations

import tempfile

import keras
import numpy as np

from stepbridge.adapters.keras import ClockCallback


class Killed(Exception):  # noqa: N818  # it means a machine that is lost
    """The machine goes away."""


class KillAfter(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Kills the fit after so many batches."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.left = batches

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Counts down."""
        self.left -= 1
        if self.left == 0:
            raise Killed


def fit(folder: str, *more: keras.callbacks.Callback) -> ClockCallback:
    """Does what a new process would do."""
    x = np.linspace(-1, 1, 65, dtype="float32").reshape(-1, 1)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    counting = ClockCallback(samples=65, batch_size=10, epochs=4)
    backup = keras.callbacks.BackupAndRestore(folder)
    try:
        model.fit(x, 2 * x, batch_size=10, epochs=4, verbose=0, callbacks=[counting, backup, *more])
    except Killed:
        print(f"killed at batch {counting.clock.batch}")
    return counting


def main() -> None:
    """Is killed in the third epoch, and goes on from the end of the second."""
    with tempfile.TemporaryDirectory() as folder:
        fit(f"{folder}/backup", KillAfter(17))
        clock = fit(f"{folder}/backup").clock
    print(f"batch {clock.batch}, step {clock.step}, sample {clock.sample}, {clock.position}")


if __name__ == "__main__":
    main()
