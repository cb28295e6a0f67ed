"""The rest of an epoch of a `tf.data.Dataset`, exact to the sample.

What TensorFlow does (seen on 2.21):

- `skip(n)` leaves out elements where it is: batches after `.batch()`, samples before it. What is cheap to skip
  (slices of tensors, ranges) is passed over, what is not is read and thrown away.
- `unbatch().skip(n).batch(size)` begins inside a batch, and yields the same samples in the same order.
- `shuffle` without a seed has another order each time; with a seed, and `reshuffle_each_iteration` (the default),
  another one in each pass over the same object, which a new process cannot have again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import tensorflow as tf

from stepbridge._errors import TimelineError
from stepbridge.adapters.tensorflow.datasets import BATCHING, ONE_TO_ONE, sizes_of
from stepbridge.clock import register_loader_kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepbridge.clock import RestOfEpoch
    from stepbridge.timeline import Exact

__all__ = ["TensorFlowDatasets"]


class TensorFlowDatasets:
    """What the clock asks of a `tf.data.Dataset`."""

    def handles(self, loader: object) -> bool:
        """Whether it is one."""
        return isinstance(loader, tf.data.Dataset)

    def order(self, loader: tf.data.Dataset, epoch: int) -> str | None:
        """Returns the seeds of its shuffles; a text of its own each time where the order is another one each time."""
        shuffles = list(_shuffles(loader))
        seeds = [_seeds(shuffle) for shuffle in shuffles]
        once = all(any(pair) for pair in seeds) and (not epoch or all(map(_has_one_order, shuffles)))
        if not once or loader.options().deterministic is False:
            return f"another one each time ({uuid4().hex})"
        return f"seeds {seeds}" if seeds else "no shuffle"

    def begins_at(self, loader: tf.data.Dataset) -> Exact | None:  # noqa: ARG002  # it does not say so
        """Returns nothing: a dataset does not say what was left out of it."""
        return None

    def rest(self, loader: tf.data.Dataset, wanted: RestOfEpoch) -> tf.data.Dataset:
        """Returns what is left of the epoch."""
        name = wanted.clock.name
        _check_order(name, loader)
        order = self.order(loader, wanted.clock.position.epoch)
        if wanted.order not in (None, order):
            raise TimelineError(
                f"{name}: the epoch began in another order than the dataset has ({wanted.order} there, {order} here): "
                'give it the seeds that it had, or begin the epoch again with resume="restart"'
            )
        wanted.check_data(sizes_of(loader).get("samples"))
        batching = _batching(loader)
        if wanted.batches is not None:
            return loader.skip(wanted.batches)
        if wanted.samples is None or batching is None:
            raise TimelineError(
                f"{name}: how many samples of the epoch are done, or how many a batch of the dataset has, is not "
                "known: give the clock samples and batch_size, and batch the dataset last"
            )
        size, drop_last = batching
        return loader.unbatch().skip(wanted.samples).batch(size, drop_remainder=drop_last)


def _batching(dataset: Any) -> tuple[int, bool] | None:
    """The batch size of a dataset that hands on whole batches in order, and whether it drops a partial one."""
    while (kind := type(dataset).__name__) not in BATCHING:
        if kind not in ONE_TO_ONE:
            return None
        (dataset,) = dataset._inputs()
    size, drop_last = (tf.get_static_value(value) for value in (dataset._batch_size, dataset._drop_remainder))
    return None if size is None or drop_last is None else (int(size), bool(drop_last))


def _check_order(name: str, dataset: Any) -> None:
    """Checks that the dataset yields the same samples in the same order each time.

    Raises:
        TimelineError: it shuffles otherwise.
    """
    if dataset.options().deterministic is False:
        raise TimelineError(f"{name}: with options().deterministic = False the dataset has another order each time")
    for shuffle in _shuffles(dataset):
        if not any(_seeds(shuffle)) or not _has_one_order(shuffle):
            raise TimelineError(
                f"{name}: the dataset is shuffled in another order each time, so what is left of "
                "the epoch is unknown: shuffle(n, seed=..., reshuffle_each_iteration=False) has one order, as has a "
                'dataset of the indices of EpochOrder; or begin the epoch again with resume="restart"'
            )


def _shuffles(dataset: Any) -> Iterator[Any]:
    """Yields what shuffles in a dataset, and in those that it is made from."""
    waiting = [dataset]
    while waiting:
        one = waiting.pop()
        waiting += one._inputs()
        if type(one).__name__ == "_ShuffleDataset":
            yield one


def _seeds(shuffle: Any) -> list[int]:
    return [int(tf.get_static_value(seed) or 0) for seed in (shuffle._seed, shuffle._seed2)]


def _has_one_order(shuffle: Any) -> bool:
    return shuffle._reshuffle_each_iteration is False


register_loader_kind(TensorFlowDatasets())
