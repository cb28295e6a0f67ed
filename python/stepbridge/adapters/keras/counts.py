"""What a Keras model says of its own training: its counters, its accumulation, the samples of the epoch.

What Keras does (seen on 3.15.1):

- `optimizer.iterations` is `_iterations // gradient_accumulation_steps`; `_iterations` counts the batches applied, and
  a window closes where `(_iterations + 1) % gradient_accumulation_steps == 0`, across epochs and fits.
- `LossScaleOptimizer` (mixed_float16 brings it in by itself) has an `_iterations` of its own that stays 0, and no
  `gradient_accumulation_steps`: both are its `inner_optimizer`'s, whose count leaves out the updates it skipped.
- The tracker of the loss is weighted by the size of each batch, so that its `count` is the samples of the epoch so far,
  until an evaluation resets it; it is a float32, exact up to 2**24.
- On JAX the variables lag behind within an epoch; `callback.model` brings them up to date, `callback._model` does not.
"""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["EXACT_FLOATS", "accumulation", "applied", "iterations", "loses_updates", "makes_phantoms", "samples"]

#: Up to here a float32 counts exactly.
EXACT_FLOATS = 2**24


def _optimizer(model: Any) -> Any:
    optimizer = getattr(model, "optimizer", None)
    return getattr(optimizer, "inner_optimizer", optimizer)


def _value(variable: Any) -> Any:
    """What Python converts into a number; on its way through numpy 2 Keras's own `__array__` brings a warning."""
    value = getattr(variable, "value", variable)
    # A variable that TensorFlow mirrors over devices is only numpy's.
    return value if hasattr(type(value), "__int__") else value.numpy()


def _number(variable: Any) -> int | None:
    return None if variable is None else int(_value(variable))


def applied(model: Any) -> int | None:
    """Returns the batches that the optimizer was given and took; None without an optimizer of Keras."""
    return _number(getattr(_optimizer(model), "_iterations", None))


def iterations(model: Any) -> int | None:
    """Returns `optimizer.iterations`, the updates; None without an optimizer of Keras."""
    return _number(getattr(_optimizer(model), "iterations", None))


def accumulation(model: Any) -> int:
    """Returns how many batches make an update."""
    return getattr(_optimizer(model), "gradient_accumulation_steps", None) or 1


def loses_updates(model: Any) -> bool:
    """Whether the optimizer leaves out updates whose gradients overflow."""
    return hasattr(getattr(model, "optimizer", None), "inner_optimizer")


def makes_phantoms(model: Any) -> bool:
    """Whether the counter gains a batch that never was where the data ends: TensorFlow's graphs, one batch a call."""
    return bool(
        keras.backend.backend() == "tensorflow"
        and model.steps_per_execution == 1
        and not model.run_eagerly
        and not model.jit_compile
    )


def samples(model: Any) -> int | None:
    """Returns the samples trained on since the epoch began; None where the model does not count them as Keras does."""
    tracker = getattr(model, "_loss_tracker", None)
    if tracker is None or type(model).train_step is not keras.Model.train_step:
        return None
    count = float(_value(tracker.count))
    return int(count) if count.is_integer() and 0 < count < EXACT_FLOATS else None
