"""Where the Trainer of Transformers goes on after a resume, as it computes that from its step and its arguments.

Seen in 4.46 to 5.24 (`_inner_training_loop`, later `_init_training_state`): the step of the checkpoint divided by the
updates of an epoch, both by the arguments of now. It keeps no samples, so that other arguments mean another point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ARGUMENTS", "TrainerArguments", "goes_on_after", "updates_of_epoch"]


class TrainerArguments(NamedTuple):
    """The arguments that decide how long an epoch is, and so where the Trainer goes on."""

    per_device_train_batch_size: int
    gradient_accumulation_steps: int = 1
    world_size: int = 1
    """Ranks that share the data."""
    dataloader_drop_last: bool = False
    split_batches: bool = False
    """Whether the batch size is that of all ranks together."""

    @property
    def batch_size(self) -> int:
        """The samples of a batch over all ranks."""
        return self.per_device_train_batch_size * (1 if self.split_batches else self.world_size)

    def batches_of(self, samples: int) -> int:
        """The batches of an epoch of so many samples."""
        return samples // self.batch_size if self.dataloader_drop_last else -(-samples // self.batch_size)

    def saved(self) -> dict[str, Any]:
        """Returns them as a checkpoint holds them."""
        return self._asdict()

    @classmethod
    def loaded(cls, saved: Mapping[str, Any]) -> TrainerArguments | None:
        """Returns what `saved` returned; None where it is not that."""
        kinds = {name: bool if isinstance(default, bool) else int for name, default in _DEFAULTS.items()}
        fits = saved.keys() == kinds.keys() and all(type(saved[name]) is kind for name, kind in kinds.items())
        if not fits or min(int(saved[name]) for name in kinds if kinds[name] is int) < 1:
            return None
        return cls(**saved)


_DEFAULTS: dict[str, int | bool] = {"per_device_train_batch_size": 8, **TrainerArguments._field_defaults}
ARGUMENTS = tuple(_DEFAULTS)


def updates_of_epoch(batches: int, accumulate: int, version: tuple[int, ...]) -> int:
    """Returns how many updates the Trainer takes for an epoch's; before 4.52 without the short one at its end."""
    return max(-(-batches // accumulate) if version >= (4, 52) else batches // accumulate, 1)


def goes_on_after(
    step: int, batches: int, accumulate: int, *, version: tuple[int, ...], skips_data: bool = True
) -> tuple[int, int]:
    """Returns the epoch, an index from 0, and the batches of it that the Trainer leaves out.

    Args:
        step: `global_step` of the checkpoint.
        batches: batches of an epoch.
        accumulate: batches an update.
        version: the first two numbers of that of Transformers.
        skips_data: False with `ignore_data_skip`.

    >>> goes_on_after(4, batches=20, accumulate=3, version=(5, 24))
    (0, 12)
    """
    epoch, inside = divmod(step, updates_of_epoch(batches, accumulate, version))
    return epoch, inside * accumulate if skips_data else 0
