"""MirroredStrategy on two devices: one batch for all replicas, and samples that are those they saw together."""

from __future__ import annotations

import keras
import tensorflow as tf

from stepbridge.adapters.tensorflow import clock_for, watch


def main() -> None:
    """Trains on two logical devices, which one CPU is enough for."""
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    x = tf.linspace([-1.0], [1.0], 101)
    dataset = tf.data.Dataset.from_tensor_slices((x, 3.0 * x)).batch(8)  # 8 for both replicas together
    with strategy.scope():
        model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])
        optimizer = keras.optimizers.SGD(0.1)
        optimizer.build(model.trainable_variables)

    clock = clock_for(dataset, epochs=3)  # of the global dataset, before it is distributed
    watch(clock, optimizer)

    @tf.function  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def step(batch: tf.Tensor) -> tf.Tensor:
        def replica(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.square(model(x, training=True) - y)) / 8.0
            optimizer.apply(tape.gradient(loss, model.trainable_variables))
            return tf.shape(x)[0]

        return strategy.run(replica, args=batch)

    seen = 0
    for _ in clock.epochs():
        for batch in clock.batches(strategy.experimental_distribute_dataset(dataset)):
            seen += int(strategy.reduce("SUM", step(batch), axis=None))
    print(f"step {clock.step}, iterations {int(optimizer.iterations.numpy())}, sample {clock.sample}, seen {seen}")


if __name__ == "__main__":
    (cpu, *_) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    main()
