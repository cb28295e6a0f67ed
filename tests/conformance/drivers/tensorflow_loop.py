"""A custom loop of TF2: tf.data, a traced train step that counts samples, a Keras optimizer, tf.train.Checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

from conformance.drivers.loops import Trainer, play  # noqa: E402 - devices are set up before anything uses one
from stepbridge.adapters.tensorflow import ClockCheckpoint, clock_for, watch  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from conformance.scenarios import Leg, Scenario
    from stepbridge.clock import Resume

__all__ = ["run"]


def run(scenario: Scenario, folder: Path) -> list[dict[str, Any]]:
    """Plays a scenario; returns its events."""
    return play(scenario, Loop, folder)


class Loop(Trainer):
    """The objects of a training with TensorFlow."""

    def __init__(self, scenario: Scenario, leg: Leg) -> None:
        super().__init__(scenario, leg)
        data = tf.tensor_scatter_nd_update(
            tf.ones([scenario.samples]),
            tf.reshape(tf.constant(scenario.overflows, tf.int32), [-1, 1]),
            tf.fill([len(scenario.overflows)], float("inf")),
        )
        self.data = tf.data.Dataset.from_tensor_slices(data)
        if not scenario.known:
            self.data = self.data.filter(lambda _: True)
        devices = ["CPU:0", "CPU:1"][: scenario.workers_of(leg)]
        self.strategy = tf.distribute.MirroredStrategy(devices) if len(devices) > 1 else tf.distribute.get_strategy()
        with self.strategy.scope():
            # A window that is carried on is one that Keras's optimizer keeps by itself.
            self.keeps_window = scenario.accumulation(leg) > 1 and scenario.boundary == "carry"
            optimizer = keras.optimizers.SGD(
                1.0, gradient_accumulation_steps=scenario.accumulate if self.keeps_window else None
            )
            self.optimizer = keras.optimizers.LossScaleOptimizer(optimizer) if scenario.overflows else optimizer
            self.weight = tf.Variable(0.0)
            # Each replica has its own; read from outside they are summed up.
            options = {
                "trainable": False,
                "aggregation": tf.VariableAggregation.SUM,
                "synchronization": tf.VariableSynchronization.ON_READ,
            }
            self.gradient = tf.Variable(0.0, **options)
            self.count = tf.Variable(0, dtype=tf.int64, **options)
            self.optimizer.build([self.weight])
        dataset = self.data.batch(leg.batch_size)
        bounded = scenario.legs[-1].epochs == leg.epochs
        sizes = {} if scenario.known else {"batch_size": leg.batch_size}
        self.clock = clock_for(
            dataset,
            epochs=leg.epochs if bounded else None,
            accumulate=scenario.accumulation(leg),
            boundary=scenario.boundary,
            on_cut=scenario.on_cut,
            **sizes,
        )
        # Several batches an execution update when the clock has counted them all; then the counter is compared below.
        self.watched = watch(self.clock, self.optimizer) if scenario.fused == 1 else None
        with self.strategy.scope():
            self.other, self.second = tf.Variable(0.0), keras.optimizers.SGD(1.0)
            self.second.build([self.other])
        if scenario.optimizers == 2:
            self.seconds = watch(self.clock, self.second)
        self.iterator: Any = None

    def loader(self, leg: Leg, done: int) -> tuple[Iterable[Any], Resume | None]:
        """Returns the dataset; in a resume the iterator that was restored, or a dataset of the rest."""
        if done and leg.batch_size == self.scenario.legs[0].batch_size:
            return self.iterator, "continues"
        rest = self.data.skip(done) if done else self.data
        dataset = self.strategy.experimental_distribute_dataset(rest.batch(leg.batch_size))
        self.iterator = iter(dataset)
        return self.iterator, "continues"

    def forward(self, batches: list[Any]) -> None:
        """Runs a traced step; several batches an execution are trained in one."""
        if self.scenario.fused > 1:
            self._execute(tuple(batches))
        else:
            self._forward(batches[0])

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def _execute(self, batches: Any) -> None:
        for batch in batches:
            self._pass(batch)
            self._apply(1.0)

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def _forward(self, batch: Any) -> None:
        self.strategy.run(self._pass, (batch,))

    def _pass(self, batch: Any) -> None:
        """Counts the samples, and adds up their gradient."""
        size = tf.shape(batch, out_type=tf.int64)[0]
        self.count.assign_add(size)
        # The mean over the batch of all replicas, of which one may have got nothing of the last.
        whole = tf.distribute.get_replica_context().all_reduce("sum", tf.cast(size, tf.float32))
        with tf.GradientTape() as tape:
            loss = self.weight * tf.reduce_sum(batch) / whole
            if self.scenario.overflows:
                loss = self.optimizer.scale_loss(loss)
        self.gradient.assign_add(tape.gradient(loss, self.weight))
        if self.keeps_window:
            self._apply(1.0)

    def _apply(self, pending: Any) -> None:
        self.optimizer.apply_gradients([(self.gradient.read_value() / pending, self.weight)])
        self.gradient.assign(0.0)

    def update(self, pending: int) -> None:
        """Steps with the mean gradient, where the optimizer or the execution has not done so."""
        if self.keeps_window or self.scenario.fused > 1:
            return
        self._step(tf.constant(float(pending)))
        if self.scenario.optimizers == 2:
            self.second.apply_gradients([(tf.constant(1.0), self.other)])
            self.seconds.sync()
            assert self.clock.updates_of("optimizer2") == -float(self.other.numpy())

    @tf.function  # type: ignore[untyped-decorator]
    def _step(self, pending: Any) -> None:
        self.strategy.run(self._apply, (pending,))

    def drop(self) -> None:
        """Throws the gradient away."""
        self.gradient.assign(0.0)

    def passed(self) -> int:
        """Returns the samples that the steps counted."""
        return int(self.count.numpy())

    def moved(self) -> float:
        """Returns how far the weight went down."""
        return -float(self.weight.numpy())

    def own(self) -> dict[str, dict[str, int]]:
        """Returns the optimizer's own count of updates."""
        return {"tensorflow": {"global_step": int(self.optimizer.iterations.numpy())}}

    def settle(self) -> None:
        """Has the update of the batch at hand seen now."""
        if self.watched is not None:
            self.watched.sync()

    def evaluate(self) -> None:
        """Passes other data through the weight."""
        for batch in tf.data.Dataset.from_tensor_slices(tf.ones([5])).batch(2):
            tf.reduce_mean(self.weight * batch)

    def save(self, folder: Path) -> None:
        """Saves everything in one checkpoint, the iterator over the data too."""
        self._checkpoint().write(str(folder / "checkpoint"))

    def load(self, folder: Path) -> None:
        """Restores it; the iterator goes with batches of the same size."""
        first = self.scenario.legs[0].batch_size
        self.iterator = iter(self.data.batch(first))
        self._checkpoint().read(str(folder / "checkpoint")).assert_consumed()

    def _checkpoint(self) -> Any:
        # That over the data of several replicas cannot be saved; it is needed inside an epoch alone.
        more = {"iterator": self.iterator} if self.scenario.resumes_inside else {}
        return tf.train.Checkpoint(
            weight=self.weight,
            gradient=self.gradient,
            count=self.count,
            optimizer=self.optimizer,
            clock=ClockCheckpoint(self.clock, pending="carry"),
            **more,
        )
