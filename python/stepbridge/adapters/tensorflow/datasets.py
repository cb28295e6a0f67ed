"""Makes the clock that a `tf.data.Dataset` needs: how long an epoch is, and how many samples a batch holds.

What TensorFlow does (seen on 2.21):

- `cardinality()` counts the elements of what it is asked of: batches after `.batch()`, over all repeats after
  `.repeat(n)`. It is -1 for an endless dataset and -2 where it is not known (a filter, a generator, a rebatch).
- The batch size is an attribute of the dataset that `.batch()` returns, and of none that is made from it; the static
  shape has it only with `drop_remainder`, and there a feature's length looks the same.
- What a `DistributedDataset` says is the global dataset's cardinality. What `distribute_datasets_from_function` says is
  that of one worker's dataset: on two replicas, twice as many as the loop gets.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import tensorflow as tf

from stepbridge._errors import TimelineError
from stepbridge.adapters.tensorflow.tracing import refuse_tracing
from stepbridge.clock import StepClock

__all__ = ["BATCHING", "ONE_TO_ONE", "clock_for", "sizes_of"]

#: What batches, by the name of its class: `.batch()` (in parallel too) and `.padded_batch()`.
BATCHING = {"_BatchDataset", "_ParallelBatchDataset", "_PaddedBatchDataset"}
#: What hands on every batch, in order.
ONE_TO_ONE = {
    "CacheDataset",
    "_MapDataset",
    "_ModelDataset",
    "_OptionsDataset",
    "_ParallelMapDataset",
    "_PrefetchDataset",
}
#: What hands on whole batches, but not all, not once, or not in order: their number is what the cardinality says, and
#: where a partial one comes is not known.
_CHOOSING = {"_FilterDataset", "_RepeatDataset", "_ShardDataset", "_ShuffleDataset", "_SkipDataset", "_TakeDataset"}


def clock_for(
    dataset: tf.data.Dataset,
    *,
    epochs: int | None = None,
    accumulate: int = 1,
    **options: Any,  # each is checked by StepClock
) -> StepClock:
    """Makes the clock for a batched dataset, with what can be known of it without reading it.

    What the dataset does not know, the clock learns: an epoch's length where the cardinality is unknown, and a batch's
    size where a partial batch may come anywhere (`clock.sample` is None then).

    Args:
        dataset: one pass over it is an epoch, so without `.repeat()`. With a strategy: the global one, before
            `experimental_distribute_dataset`, whose batches are those of all replicas together.
        epochs: how many are planned; None leaves the end open.
        accumulate: batches a step.
        options: whatever else `StepClock` takes (`boundary`, `until`, `ledger`, ...). A size given here (`samples`,
            `batch_size`, `batches_per_epoch`, `drop_last`) is believed in place of the dataset's.

    Raises:
        TypeError: it is not a `tf.data.Dataset`.
        TimelineError: as `StepClock`; the dataset is empty, or endless with nothing that says how long an epoch is.
        RuntimeError: outside eager execution, where a cardinality is a tensor.

    >>> dataset = tf.data.Dataset.range(1000).batch(300).prefetch(1)
    >>> clock_for(dataset, epochs=5).timeline
    Timeline(5 epochs of 4 batches (1,000 samples in batches of 300, the last 100) = 20 batches, 20 steps,
        5,000 samples)
    >>> clock_for(dataset.filter(lambda batch: True), epochs=5).timeline.batches is None
    True
    """
    if not isinstance(dataset, tf.data.Dataset):
        raise TypeError(
            f"clock_for takes a tf.data.Dataset, not {type(dataset).__name__}: with a strategy give it the global "
            "dataset, before it is distributed"
        )
    if not tf.executing_eagerly():
        raise RuntimeError(
            "clock_for reads the dataset's cardinality, which a graph only has as a tensor: there give the numbers, "
            "StepClock(samples=..., batch_size=..., epochs=...)"
        )
    sizes = {**sizes_of(dataset), **options}
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY and not sizes.keys() & {
        "batches_per_epoch",
        "samples",
        "until",
    }:
        raise TimelineError(
            "the dataset is endless, so its one epoch is: leave out .repeat(), or say how many batches an epoch has, "
            "clock_for(dataset, batches_per_epoch=n), and take so many in each: "
            "clock.batches(itertools.islice(iterator, n))"
        )
    clock = StepClock(epochs=epochs, accumulate=accumulate, **sizes)
    clock.add_hook(partial(refuse_tracing, clock))
    return clock


def sizes_of(dataset: tf.data.Dataset) -> dict[str, Any]:
    """Returns what a dataset says of itself, in the words of StepClock."""
    batches = int(dataset.cardinality())
    if batches == 0:
        raise TimelineError(
            "the dataset is empty: it has no batch (with drop_remainder fewer samples than one are none)"
        )
    sizes = {"batches_per_epoch": batches} if batches > 0 else {}
    ordered = True
    while (kind := type(dataset).__name__) not in BATCHING:
        ordered = ordered and kind not in _CHOOSING
        if kind not in ONE_TO_ONE | _CHOOSING:
            return sizes
        (dataset,) = dataset._inputs()
    batch_size, drop_last = (tf.get_static_value(size) for size in (dataset._batch_size, dataset._drop_remainder))
    if batch_size is None or drop_last is None:
        return sizes
    (source,) = dataset._inputs()
    samples = int(source.cardinality())
    if ordered and samples > 0:
        return {"samples": samples, "batch_size": int(batch_size), "drop_last": bool(drop_last)}
    # Every batch is full only where a partial one is dropped, or never comes.
    full = bool(drop_last) or samples == tf.data.INFINITE_CARDINALITY
    return {**sizes, "batch_size": int(batch_size)} if full else sizes
