"""What counts next to the clock: a layer, a look at the weights, the optimizer; and the data that goes through them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from stepbridge.adapters.keras import ClockCallback

if TYPE_CHECKING:
    from collections.abc import Callable

    import stepbridge as sb

BACKEND = keras.backend.backend()
if BACKEND == "tensorflow":
    import tensorflow as tf

    # Two devices to mirror over, on one processor.
    (PROCESSOR,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(PROCESSOR, [tf.config.LogicalDeviceConfiguration()] * 2)
FOLDER = Path(sys.argv[1])
SCENARIOS: dict[str, Callable[[], Any]] = {}


def scenario(run: Callable[[], Any]) -> Callable[[], Any]:
    """Have the worker run it, under its name."""
    SCENARIOS[run.__name__] = run
    return run


@keras.saving.register_keras_serializable(package="tests")
class Tally(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Counts what passes through it in training."""

    def build(self, _shape: Any) -> None:
        options = {"shape": (), "dtype": "int32", "trainable": False, "initializer": "zeros"}
        self.batches, self.samples = self.add_weight(**options), self.add_weight(**options)

    def call(self, x: Any, training: bool = False) -> Any:
        if training:
            size = keras.ops.shape(x)[0]
            # Only with data in hand: TensorFlow runs what does not depend on it where the data has ended.
            self.batches.assign_add(keras.ops.minimum(size, 1))
            self.samples.assign_add(size)
        return x


def number(variable: Any) -> int:
    return int(np.array(keras.ops.convert_to_numpy(getattr(variable, "value", variable))))


def kernel(model: Any) -> Any:
    return np.array(keras.ops.convert_to_numpy(model.layers[-1].kernel))


class Witness(keras.callbacks.Callback):  # type: ignore[misc]
    """Takes down, after each execution, what the clock says and what was counted."""

    def __init__(self, clock: sb.StepClock) -> None:
        super().__init__()
        self.clock = clock
        self.rows: list[dict[str, Any]] = []
        self.changed: list[int] = []
        self.epochs: list[int] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.before = kernel(self.model)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        clock, model = self.clock, self.model
        now = kernel(model)
        tally = model.layers[0]
        if not np.array_equal(now, self.before):
            self.changed.append(number(tally.batches))
        self.before = now
        self.rows.append(
            {
                "clock": [clock.batch, clock.step, clock.sample, clock.epoch, clock.iter],
                "tally": [number(tally.batches), number(tally.samples)],
                "updates": len(self.changed),
                "iterations": number(model.optimizer.iterations),
                "keras": batch,
                "applied": clock.applied,
            }
        )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epochs.append(epoch)


def model_of(per_call: int = 1, accumulate: int | None = None, optimizer: Any = None, **options: Any) -> Any:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((2,)), Tally(), keras.layers.Dense(1, use_bias=False)])
    optimizer = optimizer or keras.optimizers.SGD(0.01, gradient_accumulation_steps=accumulate)
    model.compile(optimizer, "mse", steps_per_execution=per_call, **options)
    return model


def arrays(samples: int = 13) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    return random.random((samples, 2), "float32"), random.random((samples, 1), "float32")


def generator(batches: int, size: int = 2) -> Any:
    x, y = arrays(size * batches)
    for at in range(0, size * batches, size):
        yield x[at : at + size], y[at : at + size]


class Unsized:
    """Data of unknown length, anew for each epoch: a tf.data pipeline, or a DataLoader over a stream for PyTorch."""

    def __new__(cls, batches: int, size: int = 2) -> Any:
        if BACKEND == "torch":
            import torch  # noqa: PLC0415  # only its own backend has it at hand

            class Stream(torch.utils.data.IterableDataset[Any]):
                def __iter__(self) -> Any:
                    return (tuple(map(torch.from_numpy, pair)) for pair in generator(batches, size))

            return torch.utils.data.DataLoader(Stream(), batch_size=None)
        import tensorflow as pipelines  # noqa: ICN001, PLC0415  # on JAX too it makes such data

        signature = (pipelines.TensorSpec((None, 2)), pipelines.TensorSpec((None, 1)))
        return pipelines.data.Dataset.from_generator(lambda: generator(batches, size), output_signature=signature)


def facts(witness: Witness, model: Any) -> dict[str, Any]:
    clock, tally = witness.clock, model.layers[0]
    return {
        "rows": witness.rows,
        "changed": witness.changed,
        "epochs": witness.epochs,
        "end": {
            "batch": clock.batch,
            "step": clock.step,
            "applied": clock.applied,
            "sample": clock.sample,
            "position": list(clock.position),
            "batches": number(tally.batches),
            "samples": number(tally.samples),
            "updates": len(witness.changed),
            "iterations": number(model.optimizer.iterations),
            "planned": clock.timeline.epochs,
        },
    }


def fitted(model: Any, *data: Any, clock: Any = None, extra: tuple[Any, ...] = (), **options: Any) -> dict[str, Any]:
    """Fits once with a clock of the callback's own."""
    counting = clock or ClockCallback()
    witness = Witness(counting.clock)
    model.fit(*data, verbose=0, callbacks=[counting, witness, *extra], **options)
    return facts(witness, model)


class Stops(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends the training after so many batches, by asking or by force."""

    def __init__(self, after: int, error: type[BaseException] | None = None) -> None:
        super().__init__()
        self.left, self.error = after, error

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.left -= 1
        if self.left == 0:
            if self.error is not None:
                raise self.error
            self.model.stop_training = True
