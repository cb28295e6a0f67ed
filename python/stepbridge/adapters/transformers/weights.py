"""Which weights the Trainer trains.

What the Trainer does (seen on 4.46 to 5.24): with `model_init` each `train()` makes a new model, also those of a search
for hyperparameters. Else a further `train()` goes on with the weights as they are.
"""

from __future__ import annotations

from typing import Any
from weakref import ref

__all__ = ["TrainedWeights"]


class TrainedWeights:
    """The first weight of the model that was trained last; it is not kept alive.

    >>> import torch
    >>> weights, first, second = TrainedWeights(), torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    >>> [weights.are_others(model) for model in (first, first, second, None, second)]
    [False, False, True, False, False]
    """

    def __init__(self) -> None:
        self._first: ref[Any] | None = None

    def are_others(self, model: Any) -> bool:
        """Whether a model is another one than the one before; takes it as the one that is trained now."""
        weight = next(iter(model.parameters()), None) if hasattr(model, "parameters") else None
        if weight is None:
            return False
        before, self._first = self._first, ref(weight)
        return before is not None and before() is not weight
