"""TF1: a MonitoredTrainingSession that the clock stops, and that continues from its checkpoint with the clock."""

from __future__ import annotations

import tempfile

import tensorflow as tf

from stepbridge import StepClock
from stepbridge.adapters.tensorflow import GlobalStepHook

v1 = tf.compat.v1


def train(folder: str, stop: str | None) -> None:
    """Trains until `stop`, from the session's checkpoint where there is one."""
    clock = StepClock(samples=100, batch_size=8, epochs=4, until=stop)
    with tf.Graph().as_default():
        x = tf.linspace([-1.0], [1.0], 100)
        dataset = tf.data.Dataset.from_tensor_slices(x).batch(8).repeat()
        batch = v1.data.make_one_shot_iterator(dataset).get_next()
        weight = v1.get_variable("weight", initializer=0.0)
        loss = tf.reduce_mean(tf.square(weight * batch - 3.0 * batch))
        global_step = v1.train.get_or_create_global_step()
        update = v1.train.GradientDescentOptimizer(0.1).minimize(loss, global_step=global_step)

        # The input begins again with the session; here that is at the end of an epoch.
        hook = GlobalStepHook(clock)
        with v1.train.MonitoredTrainingSession(checkpoint_dir=folder, hooks=[hook]) as session:
            print(f"begins at step {clock.step}, epoch {clock.position.epoch}")
            while not session.should_stop():
                session.run(update)
                if clock.every("1ep"):
                    print(f"Epoch {clock.epoch + 1}, Iter {clock.iter + 1}, Step {clock.step}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        train(folder, stop="2ep")
        train(folder, stop=None)
