"""Two fits, the second with another batch size and accumulated gradients in both: one clock over all of it."""

from __future__ import annotations

import keras
import numpy as np

from stepbridge.adapters.keras import ClockCallback


def main() -> None:
    """Fits a model twice, and says where every tenth step was."""
    x = np.linspace(-1, 1, 90, dtype="float32").reshape(-1, 1)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1, gradient_accumulation_steps=2), "mse")

    counting = ClockCallback()  # it learns the lengths, the sizes and the accumulation
    clock = counting.clock

    class Report(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
        """Prints where the clock is."""

        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            if clock.every("10st"):
                loss = (logs or {})["loss"]
                print(f"step {clock.step}: epoch {clock.epoch}, iter {clock.iter}, Keras's batch {batch}: {loss:.3f}")

    model.fit(x, 2 * x, batch_size=10, epochs=3, verbose=0, callbacks=[counting, Report()])
    model.fit(x, 2 * x, batch_size=4, epochs=2, verbose=0, callbacks=[counting, Report()])
    updates = int(model.optimizer.iterations)
    print(f"batch {clock.batch}, step {clock.step}, sample {clock.sample}, optimizer.iterations {updates}")


if __name__ == "__main__":
    main()
