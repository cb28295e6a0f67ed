"""A loop that stops inside an epoch and continues: model, optimizer, input and clock are in one checkpoint."""

from __future__ import annotations

import tempfile
from pathlib import Path

import keras
import tensorflow as tf

from stepbridge.adapters.tensorflow import ClockCheckpoint, clock_for, set_summary_step, watch

X = tf.linspace([-1.0], [1.0], 100)
DATASET = tf.data.Dataset.from_tensor_slices((X, 3.0 * X)).batch(8)


def train(folder: Path, stop: str | None) -> None:
    """Trains until `stop`, from the last checkpoint where there is one."""
    model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, kernel_initializer="zeros")])
    # float16 needs loss scaling; this scale is too large at first, so that the first updates are left out.
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=2.0**127)
    optimizer.build(model.trainable_variables)

    clock = clock_for(DATASET, epochs=4, until=stop)  # 13 batches an epoch, the last one partial
    watch(clock, optimizer)
    set_summary_step(clock)  # tf.summary takes its step from the clock, inside the tf.function too

    iterator = iter(DATASET)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer, clock=ClockCheckpoint(clock), iterator=iterator)
    manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=1)
    if manager.restore_or_initialize():
        print(f"goes on at epoch {clock.position.epoch}, iter {clock.position.iter}")

    @tf.function  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def step(x: tf.Tensor, y: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
            scaled = optimizer.scale_loss(loss)
        optimizer.apply(tape.gradient(scaled, model.trainable_variables))
        tf.summary.scalar("loss", loss)

    with tf.summary.create_file_writer(str(folder)).as_default():
        for _ in clock.epochs():
            for x, y in clock.batches(iterator, resume="continues"):
                step(x, y)
            if not clock.finished:
                iterator = checkpoint.iterator = iter(DATASET)
    manager.save(checkpoint_number=clock.step)
    print(f"batch {clock.batch}, sample {clock.sample}, step {clock.step}, applied {clock.applied}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        train(Path(folder), stop="20ba")
        train(Path(folder), stop=None)
