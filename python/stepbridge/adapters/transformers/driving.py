"""When the Trainer saves, evaluates and logs, in any unit.

What the Trainer does (seen on 4.46 to 5.24): it looks at `control` after `on_step_end` and `on_epoch_end`. Its own
callback, which follows the arguments, comes before those of the user, so that what is set here holds. At the end of
the run it saves by itself where `save_strategy` is "steps"; that is left as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepbridge.timeline import as_quantity

if TYPE_CHECKING:
    from stepbridge.clock import StepClock, Trigger
    from stepbridge.timeline import Quantity, QuantityLike

__all__ = ["Driving"]


class Driving:
    """The triggers of a callback; None leaves a thing to the Trainer's arguments."""

    def __init__(
        self,
        clock: StepClock,
        *,
        save: QuantityLike | None,
        evaluate: QuantityLike | None,
        log: QuantityLike | None,
    ) -> None:
        wanted = {"save": save, "evaluate": evaluate, "log": log}
        self._clock = clock
        self._every: dict[str, Quantity] = {
            name: as_quantity(name, every) for name, every in wanted.items() if every is not None
        }
        self._triggers: list[tuple[str, Trigger]] = []

    def begin(self) -> None:
        """Training begins: what was crossed before is done."""
        self._triggers = [(f"should_{name}", self._clock.trigger(every)) for name, every in self._every.items()]

    def drive(self, control: Any) -> None:
        """Sets what is due now."""
        for flag, trigger in self._triggers:
            due = bool(trigger)
            if due or not control.should_training_stop:
                setattr(control, flag, due)
