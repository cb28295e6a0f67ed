"""TensorFlow: custom loops of TF2, checkpoints, summaries, strategies, and the sessions of TF1.

`clock.batches(dataset)` takes a `tf.data.Dataset`, its iterator or a distributed one as it is. This package adds:

- `clock_for(dataset, epochs=90)` makes the clock that a dataset needs;
- `clock.rest(dataset)` is what is left of an epoch that is resumed;
- `follow(clock)` is a `tf.Variable` that is right in every batch, inside a `tf.function` too;
- `set_summary_step(clock)` gives it to `tf.summary`;
- `watch(clock, optimizer)` compares with `optimizer.iterations`, and sees the updates that loss scaling left out;
- `ClockCheckpoint(clock)` goes into a `tf.train.Checkpoint`;
- `GlobalStepHook(clock)` counts in a `tf.compat.v1.train.MonitoredTrainingSession`.

What TensorFlow does to a step is in the docstring of the module that deals with it.

>>> import tensorflow as tf
>>> dataset = tf.data.Dataset.range(10).batch(4)
>>> clock = clock_for(dataset, epochs=2)
>>> step = follow(clock)
>>> for epoch in clock.epochs():
...     for batch in clock.batches(dataset):
...         assert step.numpy() == clock.step
>>> clock.step, clock.sample
(6, 20)
"""

from __future__ import annotations

from stepbridge.adapters.base import framework

with framework("tensorflow", title="TensorFlow", tested="2.19", through=("keras",)):
    import tensorflow as tf  # noqa: F401  # first and alone; `framework` says why

from stepbridge.adapters.tensorflow.checkpoints import ClockCheckpoint
from stepbridge.adapters.tensorflow.datasets import clock_for
from stepbridge.adapters.tensorflow.rest import TensorFlowDatasets as _TensorFlowDatasets  # noqa: F401  # it registers
from stepbridge.adapters.tensorflow.sessions import GlobalStepHook
from stepbridge.adapters.tensorflow.variables import follow, set_summary_step
from stepbridge.adapters.tensorflow.watching import Watch, watch

__all__ = ["ClockCheckpoint", "GlobalStepHook", "Watch", "clock_for", "follow", "set_summary_step", "watch"]
