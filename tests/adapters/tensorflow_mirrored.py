"""MirroredStrategy on two logical devices: what clock and replicas saw, for test_tensorflow_mirrored.py."""

from __future__ import annotations

import tempfile
from typing import Any

import keras
import tensorflow as tf

from adapters.tensorflow_worker import refusal, run
from stepbridge.adapters.tensorflow import ClockCheckpoint, clock_for, follow, set_summary_step, watch


def two_devices() -> Any:
    """Split the one CPU; it must be done before TensorFlow is used."""
    (cpu, *_) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def numbers(samples: int) -> Any:
    return tf.data.Dataset.range(samples).map(lambda x: tf.cast(x, tf.float32) + 1.0)


def mirrored(samples: int, *, accumulate: int = 1) -> Any:
    dataset = numbers(samples).batch(4)
    clock = clock_for(dataset, epochs=2, accumulate=accumulate)
    with STRATEGY.scope():
        weight = tf.Variable(1.0)
        # One a replica: what it adds up is its own until the update reduces it.
        gradient = tf.Variable(
            0.0,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.SUM,
            trainable=False,
        )
        optimizer = keras.optimizers.SGD(0.001)
        optimizer.build([weight])
        inside = follow(clock, "batch")
    outside = follow(clock)
    watched = watch(clock, optimizer)

    @tf.function  # type: ignore[untyped-decorator]
    def train(batch: Any, apply: bool) -> Any:  # a Python bool: no update inside a tf.cond
        def replica(batch: Any) -> Any:
            gradient.assign_add(tf.reduce_sum(batch))
            if apply:
                optimizer.apply_gradients([(gradient.read_value() / 4.0, weight)])
                gradient.assign(tf.zeros([]))
            return tf.shape(batch)[0], inside.read_value(), outside.read_value()

        return STRATEGY.run(replica, args=(batch,))

    rows, changes, total = [], 0, 0
    for _ in clock.epochs():
        for batch in clock.batches(STRATEGY.experimental_distribute_dataset(dataset)):
            before = float(weight.numpy())
            size, in_scope, out_of_scope = train(batch, clock.closes_step)
            total += int(STRATEGY.reduce("SUM", size, axis=None))
            changes += int(float(weight.numpy()) != before)
            rows.append(
                {
                    "clock": [clock.batch, clock.step, clock.sample],
                    "replicas": [int(value) for value in STRATEGY.experimental_local_results(size)],
                    "samples": total,
                    "iterations": int(optimizer.iterations.numpy()),
                    "changes": changes,
                    "inside": [int(value) for value in STRATEGY.experimental_local_results(in_scope)],
                    "outside": [int(value) for value in STRATEGY.experimental_local_results(out_of_scope)],
                }
            )
    return {"rows": rows, "kind": type(inside).__name__, "same": inside is outside, "applied": watched.applied}


def whole_batches() -> Any:
    return mirrored(8)


def a_replica_without_samples() -> Any:
    return mirrored(9)


def accumulated() -> Any:
    return mirrored(26, accumulate=3)


def scaled(*bad: float) -> Any:
    """The gradient of one replica is not finite."""
    data = [1.0] * 4 + list(bad) + [1.0] * 4
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(4, drop_remainder=True)
    clock = clock_for(dataset, epochs=1)
    with STRATEGY.scope():
        weight = tf.Variable(1.0)
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), initial_scale=2.0)
        optimizer.build([weight])
    watched = watch(clock, optimizer)

    @tf.function  # type: ignore[untyped-decorator]
    def train(batch: Any) -> None:
        def replica(batch: Any) -> None:
            optimizer.apply_gradients([(tf.reduce_sum(batch), weight)])

        STRATEGY.run(replica, args=(batch,))

    rows, changes, finite = [], 0, True
    for _ in clock.epochs():
        for batch in clock.batches(STRATEGY.experimental_distribute_dataset(dataset)):
            before = float(weight.numpy())
            train(batch)
            changes += int(float(weight.numpy()) != before)
            watched.sync()
            rows.append([clock.step, clock.applied, watched.applied, int(optimizer.iterations.numpy()), changes])
            finite = bool(tf.math.is_finite(weight.numpy()))
    return {"rows": rows, "finite": finite}


def scaled_on_the_first() -> Any:
    return scaled(float("inf"), 1.0, 1.0, 1.0)


def scaled_on_the_second() -> Any:
    return scaled(1.0, 1.0, 1.0, float("inf"))


def cardinalities() -> Any:
    """What distributed datasets say of themselves, and how many batches the loop gets."""
    dataset = numbers(8).batch(4)
    distributed = STRATEGY.experimental_distribute_dataset(dataset)
    by_function = STRATEGY.distribute_datasets_from_function(lambda _: numbers(8).batch(2))
    return {
        "dataset": [int(distributed.cardinality), sum(1 for _ in distributed)],
        "function": [int(by_function.cardinality), sum(1 for _ in by_function)],
        "refused": refusal(lambda: clock_for(distributed)),
    }


def saved() -> Any:
    dataset = numbers(9).batch(4)
    path: str = ""
    answers: list[list[Any]] = []
    for turn in range(2):
        clock = clock_for(dataset, epochs=2)
        with STRATEGY.scope():
            weight, optimizer = tf.Variable(1.0), keras.optimizers.SGD(0.001)
            optimizer.build([weight])
            step = follow(clock)
        checkpoint = tf.train.Checkpoint(weight=weight, optimizer=optimizer, clock=ClockCheckpoint(clock))

        @tf.function  # type: ignore[untyped-decorator]
        def train(batch: Any, weight: Any = weight, optimizer: Any = optimizer) -> None:
            STRATEGY.run(lambda one: optimizer.apply_gradients([(tf.reduce_sum(one), weight)]), args=(batch,))

        if turn:
            checkpoint.restore(path)
            answers.append([int(step.numpy()), clock.step, int(optimizer.iterations.numpy())])
        for _ in clock.epochs():
            for batch in clock.batches(STRATEGY.experimental_distribute_dataset(dataset)):
                train(batch)
                if clock.batch == 3 and not turn:
                    path = checkpoint.save(tempfile.mkdtemp() + "/run")
        answers.append([int(step.numpy()), clock.step, int(optimizer.iterations.numpy()), float(weight.numpy())])
    return answers


def summaries() -> Any:
    """The step of tf.summary under a strategy is the mirrored variable."""
    dataset = numbers(8).batch(4)
    clock = clock_for(dataset, epochs=2)
    with STRATEGY.scope():
        step = set_summary_step(clock)
    steps = []
    root = tempfile.mkdtemp()
    with tf.summary.create_file_writer(root).as_default():

        @tf.function  # type: ignore[untyped-decorator]
        def log(value: Any) -> None:
            tf.summary.scalar("loss", value)

        for _ in clock.epochs():
            for _ in clock.batches(STRATEGY.experimental_distribute_dataset(dataset)):
                log(tf.constant(float(clock.step)))
                steps.append(int(step.numpy()))
    tf.summary.experimental.set_step(None)
    return {"root": root, "steps": steps}


if __name__ == "__main__":
    STRATEGY = two_devices()
    run(
        [
            whole_batches,
            a_replica_without_samples,
            accumulated,
            scaled_on_the_first,
            scaled_on_the_second,
            cardinalities,
            saved,
            summaries,
        ]
    )
