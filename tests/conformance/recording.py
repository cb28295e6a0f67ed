"""What is taken down at every event of a run: the clock's answers, and next to them what was counted without it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from stepbridge.conventions import CONVENTIONS

if TYPE_CHECKING:
    import stepbridge as sb
    from conformance.scenarios import Scenario

__all__ = ["Event", "Seen", "add_tokens", "take_down"]


@dataclass(slots=True)
class Seen:
    """What was counted next to the clock, all of it since the run began."""

    batches: int = 0
    """Batches that passed through the model."""
    samples: int = 0
    """Samples that passed through the model, copies included."""
    copies: int = 0
    """Samples among them that a distributed sampler added."""
    tokens: int = 0
    """Tokens that the scenario's loop counted."""
    updates: int = 0
    """Updates that changed the weight: each one moves it by 1."""
    attempted: int = 0
    """Updates that were attempted: those, and the ones left out because of an infinite gradient."""
    epoch: int = 0
    """Epochs begun before the one at hand; one that was left in its middle is among them."""
    iter: int = 0
    """Batches of this epoch before the one at hand."""
    closes: bool = False
    """Whether an update was attempted in this event."""
    last: bool = False
    """Whether the batch is its epoch's last."""
    own: dict[str, dict[str, int]] = field(default_factory=dict)
    """The framework's own counters, by the convention that they belong to."""
    happened: dict[str, int] = field(default_factory=dict)
    """How often something happened that makes a framework's counter diverge."""


@dataclass(slots=True)
class Event:
    """One batch, or one execution, just after it."""

    clock: dict[str, Any]
    counters: dict[str, dict[str, int | None]]
    """The clock's answer in the counters of every convention."""
    timeline: str
    """The clock's timeline at that moment, as JSON."""
    seen: Seen


def add_tokens(clock: sb.StepClock, seen: Seen, scenario: Scenario) -> None:
    """Counts the tokens of the batch at hand, as a loop or a callback does it, where the scenario has tokens."""
    if scenario.tokens:
        tokens = 10 + 7 * seen.batches % 5
        seen.tokens += tokens
        clock.add_tokens(tokens)


def take_down(clock: sb.StepClock, seen: Seen) -> dict[str, Any]:
    """Returns the event at hand, as what JSON can hold."""
    return asdict(
        Event(
            clock={
                "batch": clock.batch,
                "step": clock.step,
                "applied": clock.applied,
                "sample": clock.sample,
                "padding": clock.padding,
                "token": clock.token,
                "location": list(clock.location),
                "position": list(clock.position),
                "closes_step": clock.closes_step,
            },
            counters={name: clock.counters(name) for name in CONVENTIONS},  # type: ignore[arg-type]  # its own names
            timeline=clock.timeline.to_json(),
            seen=seen,
        )
    )
