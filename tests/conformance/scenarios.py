"""The scenarios: what happens in a training run, in no framework's words. One table, run through every adapter.

A scenario is played in legs. A leg is one call of the training, with the same objects or with new ones; it goes to the
end of its epochs, or is stopped after so many batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["SCENARIOS", "Leg", "Scenario"]

Begins = Literal["new", "again", "resumed"]


@dataclass(frozen=True, slots=True)
class Leg:
    """One call of the training.

    `epochs` are those of the run in all, an epoch that was left in its middle included.
    """

    batch_size: int = 4
    epochs: int = 3
    begins: Begins = "new"
    """`again`: the same objects are trained on, with the next epoch; `resumed`: all are made anew from a checkpoint."""
    stops: int | None = None
    """It is left after so many batches of its own."""
    accumulate: int | None = None
    """Batches a step in it, where they are not the scenario's."""
    workers: int | None = None
    """Its workers, where they are not the scenario's."""
    saves_early: bool = False
    """Its checkpoint is made inside its last batch, before the end of the epoch is reported."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run: its data, and what happens to it. A batch holds the samples of all workers together."""

    name: str
    says: str
    """What happens, for the page of the docs."""
    legs: tuple[Leg, ...] = (Leg(),)
    samples: int = 14
    accumulate: int = 1
    boundary: Literal["flush", "carry", "drop", "spill"] = "carry"
    on_cut: Literal["carry", "drop", "spill"] = "carry"
    """What becomes of a window that is open where an epoch is left."""
    known: bool = True
    """Whether the framework knows how long an epoch is."""
    fused: int = 1
    """Batches an execution."""
    overflows: tuple[int, ...] = ()
    """Samples whose gradient is infinite: a loss scaler leaves the update of their batch out."""
    workers: int = 1
    tokens: bool = False
    """Whether each batch has another number of tokens, which the loop counts."""
    evaluates: int | None = None
    """The model is evaluated after so many batches of each epoch."""
    optimizers: int = 1
    """Each has a weight of its own, and all step together."""

    def accumulation(self, leg: Leg) -> int:
        """Returns the batches a step in a leg."""
        return self.accumulate if leg.accumulate is None else leg.accumulate

    def workers_of(self, leg: Leg) -> int:
        """Returns the workers of a leg."""
        return self.workers if leg.workers is None else leg.workers

    @property
    def resumes_inside(self) -> bool:
        """Whether a checkpoint from inside an epoch is gone on with."""
        return self.name.startswith("resume in mid-epoch")


SCENARIOS = (
    Scenario("uniform", "3 epochs of 3 batches of 4 samples", samples=12),
    Scenario("partial last batch", "14 samples in batches of 4: the last one has 2"),
    Scenario(
        "accumulation, flush",
        "3 batches a step, 4 batches an epoch: a short update closes each epoch",
        accumulate=3,
        boundary="flush",
    ),
    Scenario(
        "accumulation, carry",
        "3 batches a step, 4 batches an epoch: a window goes on in the next epoch",
        accumulate=3,
        boundary="carry",
    ),
    Scenario(
        "accumulation, drop",
        "3 batches a step, 4 batches an epoch: what is pending at an epoch's end is thrown away",
        accumulate=3,
        boundary="drop",
    ),
    Scenario("unknown length", "the loader tells no length; full batches of 4", samples=12, known=False),
    Scenario(
        "unknown length, carry",
        "the loader tells no length, and 2 of 3 batches a step go over the epoch's end",
        samples=12,
        known=False,
        accumulate=2,
    ),
    Scenario(
        "unknown length, flush",
        "as above, where the framework reads ahead: a short update closes each epoch",
        samples=12,
        known=False,
        accumulate=2,
        boundary="flush",
    ),
    Scenario(
        "unknown length, spill",
        "as above, where each epoch begins a window: what is pending joins the first one of the next epoch",
        samples=12,
        known=False,
        accumulate=2,
        boundary="spill",
    ),
    Scenario("fused executions", "3 batches an execution, 6 an epoch", samples=24, fused=3),
    Scenario(
        "fused executions, partial tail", "3 batches an execution, 7 an epoch, the last of 2", samples=26, fused=3
    ),
    Scenario(
        "resume at a boundary",
        "left after 2 whole epochs, and gone on with from a checkpoint",
        legs=(Leg(stops=8), Leg(begins="resumed")),
    ),
    Scenario(
        "resume in mid-epoch",
        "left after batch 2 of the second epoch, and gone on with from a checkpoint",
        legs=(Leg(stops=6), Leg(begins="resumed")),
    ),
    Scenario(
        "resume at a boundary, other batch size",
        "as above, and with 3 samples a batch from there on",
        legs=(Leg(stops=8), Leg(begins="resumed", batch_size=3)),
    ),
    Scenario(
        "resume in mid-epoch, other batch size",
        "as above: the rest of the epoch is taken in batches of 3",
        legs=(Leg(stops=6), Leg(begins="resumed", batch_size=3)),
    ),
    Scenario(
        "resume from the last batch",
        "as at a boundary, from a checkpoint that was made in the last batch, before the epoch's end",
        legs=(Leg(stops=8, saves_early=True), Leg(begins="resumed")),
    ),
    Scenario(
        "resume at a boundary, other accumulation",
        "6 batches an epoch, 3 a step: left after 2 whole epochs, and gone on with 2 a step",
        legs=(Leg(stops=12), Leg(begins="resumed", accumulate=2)),
        samples=24,
        accumulate=3,
        boundary="flush",
    ),
    Scenario(
        "resume in mid-epoch, other accumulation",
        "as above, left after the first step of the second epoch",
        legs=(Leg(stops=9), Leg(begins="resumed", accumulate=1)),
        samples=24,
        accumulate=3,
        boundary="flush",
    ),
    Scenario(
        "resume at a boundary, other ranks",
        "2 epochs on two workers with 2 samples each, gone on with on one that keeps its 2",
        legs=(Leg(stops=8, workers=2), Leg(begins="resumed", batch_size=2)),
    ),
    Scenario(
        "skipped update",
        "the second batch of each epoch overflows, and its update is left out",
        overflows=(5,),
    ),
    Scenario(
        "early stop",
        "the second epoch is left after 2 of its 4 batches; then the third is trained",
        legs=(Leg(stops=6), Leg(begins="again")),
    ),
    Scenario(
        "early stop in a window",
        "as above, with 4 batches a step: the window that was open goes on in the third epoch",
        legs=(Leg(stops=6), Leg(begins="again")),
        accumulate=4,
    ),
    Scenario(
        "early stop in a window, flush",
        "as above: an epoch that is left flushes nothing, one that ends does",
        legs=(Leg(stops=6), Leg(begins="again")),
        accumulate=4,
        boundary="flush",
    ),
    Scenario(
        "early stop in a window, drop",
        "as above: the window that was open is thrown away",
        legs=(Leg(stops=6), Leg(begins="again")),
        accumulate=4,
        boundary="flush",
        on_cut="drop",
    ),
    Scenario(
        "early stop in a window, spill",
        "as above: the third epoch begins a window, and the gradients of the one that was open join it",
        legs=(Leg(stops=6), Leg(begins="again")),
        accumulate=4,
        boundary="flush",
        on_cut="spill",
    ),
    Scenario(
        "two fits",
        "2 epochs with batches of 4, then a second call for 2 more with batches of 3",
        legs=(Leg(epochs=2), Leg(epochs=4, begins="again", batch_size=3)),
    ),
    Scenario(
        "tokens",
        "each batch has another number of tokens; the loop, or a callback after the clock's, counts them",
        tokens=True,
    ),
    Scenario(
        "evaluation in between",
        "after batch 2 of each epoch other data pass through the model, with 3 batches a step",
        accumulate=3,
        boundary="flush",
        evaluates=2,
    ),
    Scenario(
        "two optimizers",
        "each has a weight of its own, and both step after 2 batches",
        accumulate=2,
        boundary="flush",
        optimizers=2,
    ),
    Scenario("two workers", "two workers share each batch: 2 samples each, in the last one 1", workers=2),
    Scenario(
        "two workers, padded", "13 samples: one worker gets a copy, so that both have 7 an epoch", samples=13, workers=2
    ),
)
