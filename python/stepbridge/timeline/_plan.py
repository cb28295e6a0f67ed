"""The arguments that describe a plan and a change of it, by name and type, for all that hands them on."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from stepbridge.timeline._arguments import optional_positive
from stepbridge.timeline._segment import Boundary, OnCut, Pending, pending_window

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from stepbridge.timeline._ramp import BatchSize

__all__ = ["ChangeArguments", "PlanArguments", "change_arguments", "stated_arguments"]


class PlanArguments(TypedDict, total=False):
    """The arguments of `Timeline.plan`, which explains them."""

    samples: int | None
    batch_size: BatchSize | None
    batches_per_epoch: int | None
    epochs: int | None
    drop_last: bool
    accumulate: int
    boundary: Boundary
    on_cut: OnCut
    tokens_per_sample: int | None


class ChangeArguments(TypedDict, total=False):
    """The arguments of `Timeline.change` that say what is different; it explains them."""

    batch_size: int | None
    accumulate: int | None
    batches_per_epoch: int | None
    samples: int | None
    pending: Pending | None


#: The arguments of a plan that are not None by default.
_DEFAULTS = {"drop_last": False, "accumulate": 1, "boundary": "flush", "on_cut": "carry"}


def stated_arguments(arguments: Mapping[str, Any]) -> list[str]:
    """Lists the arguments of a plan that say more than the defaults do.

    Raises:
        TypeError: one of them is not an argument of a plan.
    """
    for name in arguments:
        if name not in PlanArguments.__annotations__:
            raise TypeError(
                f"{name!r} is not an argument of a plan: expected {', '.join(PlanArguments.__annotations__)}"
            )
    return [name for name, value in arguments.items() if value != _DEFAULTS.get(name)]


def change_arguments(
    *,
    batch_size: int | None = None,
    accumulate: int | None = None,
    batches_per_epoch: int | None = None,
    samples: int | None = None,
    pending: Pending | None = None,
) -> dict[str, Any]:
    """Checks the arguments of a change, and returns them as the core takes them."""
    return {
        "batch_size": optional_positive("batch_size", batch_size, "sp"),
        "accumulate": optional_positive("accumulate", accumulate, "ba"),
        "batches": optional_positive("batches_per_epoch", batches_per_epoch, "ba"),
        "samples": optional_positive("samples", samples, "sp"),
        "pending": pending_window(pending),
    }
