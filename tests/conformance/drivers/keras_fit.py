"""Keras's fit: the model counts what passes through it, the weight counts its updates, Keras says its own counters."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from conformance.recording import Seen, add_tokens, take_down
from stepbridge.adapters.keras import ClockCallback

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    import stepbridge as sb
    from conformance.scenarios import Leg, Scenario

__all__ = ["run"]

BACKEND = keras.backend.backend()

if BACKEND == "tensorflow":
    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )


class Tally(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Counts the batches and samples that pass through it in training, and the batches that overflow."""

    def build(self, _shape: Any) -> None:
        """Makes the counts, which are saved with the model."""
        self.batches, self.overflows = (self.count("only_first_replica") for _ in range(2))
        self.samples = self.count("sum")

    def count(self, aggregation: str) -> Any:
        """Returns a count; workers have one each, and together they are read as `aggregation` says."""
        return keras.Variable(0, dtype="int32", trainable=False, synchronization="on_read", aggregation=aggregation)

    def call(self, x: Any, training: bool = False) -> Any:
        """Passes x on."""
        if training:
            infinite = keras.ops.logical_not(keras.ops.all(keras.ops.isfinite(x)))
            # By the data: TensorFlow also runs what does not depend on them where they have ended.
            self.batches.assign_add(keras.ops.minimum(keras.ops.shape(x)[0], 1))
            self.samples.assign_add(keras.ops.shape(x)[0])
            self.overflows.assign_add(keras.ops.cast(infinite, "int32"))
        return x


class Mean(keras.losses.Loss):  # type: ignore[misc]
    """The mean of what the model says, whose gradient by the weight is the mean of the samples: 1."""

    def call(self, _: Any, predicted: Any) -> Any:
        """Returns what Keras takes the mean of."""
        return keras.ops.mean(predicted, axis=-1)


class InterruptedFitError(Exception):
    """The process that trains is gone."""


def workers(count: int) -> AbstractContextManager[Any]:
    """Returns the scope in which a model is made for so many workers."""
    if BACKEND == "jax":
        devices = keras.distribution.list_devices("cpu")[:count]
        assert len(devices) == count, f"JAX has {devices}: XLA_FLAGS must ask for {count}"
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices) if count > 1 else None)
    if count == 1 or BACKEND != "tensorflow":
        return nullcontext()
    import tensorflow as tf  # noqa: PLC0415 - only on its own backend

    scope: AbstractContextManager[Any] = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope()
    return scope


def number(variable: Any) -> int:
    return int(keras.ops.convert_to_numpy(variable))


class Witness(keras.callbacks.Callback):  # type: ignore[misc]
    """Takes down each execution, just after the clock counted it."""

    def __init__(self, run: Run, clock: sb.StepClock) -> None:
        super().__init__()
        self.run = run
        self.clock = clock

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Numbers the epochs as they come; Keras's own number is `epoch`."""
        self.run.begin_epoch(epoch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """An execution ended; Keras says that its last batch is `batch`."""
        self.run.take_down(self.clock, self.model, batch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """An epoch ended, or was left."""
        self.run.end_epoch()


class Stop(keras.callbacks.Callback):  # type: ignore[misc]
    """Leaves the fit after so many batches: by Keras's own way, or as a process that dies."""

    def __init__(self, run: Run, after: int, *, dies: bool, early: bool) -> None:
        super().__init__()
        self.run = run
        self.after = after
        self.dies = dies
        self.early = early

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Looks inside the epoch."""
        if self.run.seen.batches == self.after and (self.early or not self.run.seen.last):
            if self.dies:
                raise InterruptedFitError
            self.model.stop_training = True

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Looks when the next epoch begins: by then what comes at an epoch's end has been done."""
        if self.run.seen.batches == self.after and self.dies:
            raise InterruptedFitError


def run(scenario: Scenario, folder: Path) -> list[dict[str, Any]]:
    """Plays a scenario; returns its events."""
    played = Run(scenario, folder)
    for leg in scenario.legs:
        played.leg(leg)
    return played.events


class Run:
    """The runs of fit of one scenario, and what was seen in them."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario = scenario
        self.folder = folder
        self.seen = Seen()
        self.events: list[dict[str, Any]] = []
        self.begun = 0  # epochs, however they ended
        self.keras_epoch = 0
        self.ran_out = self.never_were = self.rescaled = 0
        self.make(scenario.legs[0])

    def make(self, leg: Leg) -> None:
        """Makes model and callback, as a process does that begins."""
        scenario = self.scenario
        keras.utils.set_random_seed(1)
        with workers(scenario.workers_of(leg)):
            self.model = self.compiled(scenario.accumulation(leg))
        # Sizes are learned from Keras, but where it cannot tell them.
        stated: dict[str, Any] = {}
        if not scenario.known:
            stated = {"batch_size": leg.batch_size}
        elif scenario.fused > 1:
            stated = {"batch_size": leg.batch_size, "samples": scenario.samples}
        self.counting = ClockCallback(**stated)

    def compiled(self, batches: int) -> Any:
        """Returns the model; its optimizer steps after so many batches."""
        scenario = self.scenario
        model = keras.Sequential(
            [
                keras.Input((1,)),
                Tally(),
                keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros"),
            ]
        )
        accumulate = batches if batches > 1 else None
        optimizer: Any = keras.optimizers.SGD(1.0, gradient_accumulation_steps=accumulate)
        if scenario.overflows:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        model.compile(optimizer, loss=Mean(), steps_per_execution=scenario.fused)
        return model

    def leg(self, leg: Leg) -> None:
        """Fits once."""
        if leg.begins == "resumed":
            self.make(leg)
            # Keras counts batches, and divides.
            before, now = self.scenario.accumulate, self.scenario.accumulation(leg)
            self.rescaled = 0 if before == now else self.seen.batches // now - self.seen.attempted
        x = np.ones((self.scenario.samples, 1), "float32")
        x[list(self.scenario.overflows)] = np.inf
        y = np.zeros_like(x)
        feed = {"x": x, "y": y, "batch_size": leg.batch_size}
        if not self.scenario.known:
            feed = {"x": unsized(x, y, leg.batch_size)}
        callbacks = [self.counting, Witness(self, self.counting.clock), *self.backup()]
        if leg.stops is not None:
            dies = self.scenario.legs[-1].begins == "resumed"
            callbacks.append(Stop(self, leg.stops, dies=dies, early=leg.saves_early))
        with suppress(InterruptedFitError):
            self.model.fit(**feed, **self.epochs(leg), shuffle=False, verbose=0, callbacks=callbacks)

    def epochs(self, leg: Leg) -> dict[str, int]:
        """Returns the epochs to fit; a second fit begins at 0, as people call it, unless one was left in its middle."""
        if leg.begins == "again" and self.seen.last:
            return {"epochs": leg.epochs - self.begun}
        if leg.begins == "again":
            return {"initial_epoch": self.begun, "epochs": leg.epochs}
        return {"epochs": leg.epochs}

    def backup(self) -> list[Any]:
        """Returns what keeps the checkpoint of a scenario that resumes."""
        first = self.scenario.legs[0]
        if self.scenario.legs[-1].begins != "resumed":
            return []
        often: Any = first.stops if self.scenario.resumes_inside or first.saves_early else "epoch"
        return [keras.callbacks.BackupAndRestore(str(self.folder / "backup"), save_freq=often)]

    def begin_epoch(self, epoch: int) -> None:
        self.keras_epoch, self.fresh = epoch, True
        self.before = self.seen.batches

    def end_epoch(self) -> None:
        if self.seen.last and not self.scenario.known:
            # Keras asks for one more batch: where it counts that, this one closes every so many windows.
            self.ran_out += 1
            self.never_were += (self.seen.batches + self.ran_out) % self.scenario.accumulate == 0

    def take_down(self, clock: sb.StepClock, model: Any, batch: int) -> None:
        seen, tally, optimizer = self.seen, model.layers[0], model.optimizer
        if self.fresh:
            # Counted with its first batch: an epoch that began when the process died is no epoch.
            self.fresh, seen.epoch, self.begun = False, self.begun, self.begun + 1
        seen.batches, seen.samples = number(tally.batches), number(tally.samples)
        moved = -float(keras.ops.convert_to_numpy(model.layers[-1].kernel)[0, 0])
        updates, skipped = round(moved), number(tally.overflows)
        assert abs(moved - updates) < 1e-3, f"the weight moved by {moved}, which is no number of updates"
        seen.closes = updates + skipped > seen.attempted
        seen.updates, seen.attempted = updates, updates + skipped
        seen.iter = seen.batches - self.before - 1
        seen.last = self.at_end()
        seen.own = {
            "keras": {
                "epoch": self.keras_epoch,
                "batch": batch,
                "iterations": number(getattr(optimizer, "inner_optimizer", optimizer).iterations),
            }
        }
        seen.happened = {
            "window closed by a batch that never was": self.never_were,
            "batch lacking in an execution": -(seen.iter + 1) % self.scenario.fused,
            "epoch left out of initial_epoch": seen.epoch - self.keras_epoch,
            "skipped update": skipped,
            "update that another accumulation adds": self.rescaled,
        }
        add_tokens(clock, seen, self.scenario)
        self.events.append(take_down(clock, deepcopy(seen)))

    def at_end(self) -> bool:
        """Whether all samples of the data passed in this epoch."""
        earlier = next(
            (event["seen"] for event in reversed(self.events) if event["seen"]["epoch"] != self.seen.epoch), None
        )
        return self.seen.samples - (earlier["samples"] if earlier else 0) == self.scenario.samples


def unsized(x: Any, y: Any, size: int) -> Any:
    """Returns data of unknown length: a tf.data pipeline, or a DataLoader over a stream for PyTorch."""

    def batches() -> Iterator[tuple[Any, Any]]:
        for at in range(0, len(x), size):
            yield x[at : at + size], y[at : at + size]

    if BACKEND == "torch":
        import torch  # noqa: PLC0415 - only one of the two is wanted in a process

        class Stream(torch.utils.data.IterableDataset[Any]):
            def __iter__(self) -> Iterator[Any]:
                return (tuple(map(torch.from_numpy, pair)) for pair in batches())

        return torch.utils.data.DataLoader(Stream(), batch_size=None)
    import tensorflow as tf  # noqa: PLC0415

    signature = (tf.TensorSpec((None, 1)), tf.TensorSpec((None, 1)))
    return tf.data.Dataset.from_generator(batches, output_signature=signature)
