"""The data sets of torch's tests, in a module of their own: a loader's worker must be able to import them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.utils.data import Dataset, IterableDataset, get_worker_info

if TYPE_CHECKING:
    from collections.abc import Iterator


class Indices(Dataset[int]):
    """The numbers below `length`, each its own index."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> int:
        return index


class Stream(IterableDataset[int]):
    """The numbers below `length`, shared among the workers. It has no length."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __iter__(self) -> Iterator[int]:
        worker = get_worker_info()
        first, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        return iter(range(first, self.length, step))


class SizedStream(Stream):
    """A stream that claims to be `stated` long."""

    def __init__(self, length: int, stated: int) -> None:
        super().__init__(length)
        self.stated = stated

    def __len__(self) -> int:
        return self.stated
