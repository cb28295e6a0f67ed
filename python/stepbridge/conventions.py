"""How each framework counts, as data. The tables are here alone; the Rust core gets them from here.

A counter is read just after a batch completed. `kind="index"` names the batch (epoch, step) at hand and counts from
`base`; `kind="count"` says how many are complete. A step of kind "index" is the update that the batch contributes to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from stepbridge._errors import TimelineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepbridge._core import DeclaredCounter

__all__ = [
    "CONVENTIONS",
    "DIVERGENCES",
    "PHANTOM",
    "Convention",
    "ConventionName",
    "Counter",
    "Divergence",
    "convention",
    "predicted",
]


class Counter(NamedTuple):
    """One counter of a framework: its name there, what it counts, and how."""

    name: str
    role: Literal["epoch", "iter", "batch", "step"]
    kind: Literal["index", "count"]
    base: Literal[0, 1] = 0

    @property
    def declared(self) -> DeclaredCounter:
        """The counter in the form that the core takes."""
        return (self.name, self.role, self.kind, self.base)


class Convention(NamedTuple):
    """A framework's counters, and what it does to an open accumulation window.

    `boundary` says what happens to it at the end of an epoch, `on_cut` what happens if the epoch is left before its
    data ends, `pending` what happens if `accumulate` changes inside it; None if the framework leaves that to the author
    of the loop. `source` says where you can check it, and `versions` for which versions it holds.
    """

    name: ConventionName
    counters: tuple[Counter, ...]
    boundary: Literal["flush", "carry", "drop", "spill"] | None
    pending: Literal["flush", "drop", "carry", "modulo"] | None
    source: str
    on_cut: Literal["carry", "drop", "spill"] | None = None
    versions: str | None = None

    def counter(self, name: str) -> Counter:
        """Returns the counter called `name`.

        Raises:
            TimelineError: the framework has no counter of that name; the message lists its counters.
        """
        for counter in self.counters:
            if counter.name == name:
                return counter
        names = ", ".join(counter.name for counter in self.counters)
        raise TimelineError(f"{self.name} has no counter {name!r}: expected one of {names}")


ConventionName: TypeAlias = Literal[
    "pytorch",
    "pytorch_one_based",
    "keras",
    "tensorflow",
    "lightning",
    "lightning_manual",
    "huggingface",
    "huggingface_before_4_47",
    "huggingface_before_4_28",
    "accelerate",
    "ignite",
    "optax",
    "flax",
]

CONVENTIONS: dict[str, Convention] = {
    convention.name: convention
    for convention in (
        Convention(
            "pytorch",
            (
                Counter("epoch", "epoch", "index", 0),
                Counter("iter", "iter", "index", 0),
                Counter("batch", "batch", "index", 0),
                Counter("step", "step", "index", 0),
            ),
            boundary=None,
            pending=None,
            source="a loop of enumerate(loader) whose counters start at 0 and are read before they are raised",
        ),
        Convention(
            "pytorch_one_based",
            (
                Counter("epoch", "epoch", "index", 1),
                Counter("iter", "iter", "index", 1),
                Counter("batch", "batch", "count"),
                Counter("step", "step", "count"),
            ),
            boundary=None,
            pending=None,
            source="a loop whose counters start at 1: the last line of the textbook run is Epoch 5, Iter 5, Step 25",
        ),
        Convention(
            "keras",
            (
                Counter("epoch", "epoch", "index", 0),
                Counter("batch", "iter", "index", 0),
                Counter("iterations", "step", "count"),
            ),
            boundary="carry",
            pending="modulo",
            source="keras 3: Callback.on_train_batch_end(batch); BaseOptimizer.iterations and its "
            "`(self._iterations + 1) % self.gradient_accumulation_steps == 0`",
            on_cut="carry",
        ),
        Convention(
            "tensorflow",
            (Counter("global_step", "step", "count"),),
            boundary=None,
            pending=None,
            source="tf.compat.v1.train.get_global_step after the train op; Optimizer.apply_gradients raises it once",
        ),
        Convention(
            "lightning",
            (
                Counter("epoch", "epoch", "index", 0),
                Counter("batch_idx", "iter", "index", 0),
                Counter("step", "step", "index", 0),
                Counter("global_step", "step", "count"),
            ),
            boundary="flush",
            pending="flush",
            source="lightning 2: Trainer.global_step counts updates; its loggers write the index of the update (step). "
            "The batch after an epoch that was left zeroes the gradients",
            on_cut="drop",
            versions="lightning 1.0.4 and later, automatic optimization",
        ),
        Convention(
            "lightning_manual",
            (
                Counter("epoch", "epoch", "index", 0),
                Counter("batch_idx", "iter", "index", 0),
                Counter("step", "batch", "index", 0),
            ),
            boundary=None,
            pending=None,
            source="lightning: with automatic_optimization = False loggers write the index of the batch (step), and "
            "Trainer.global_step counts the calls of all optimizers' step, which is not a step of a timeline",
            versions="lightning 1.6 and later, manual optimization",
        ),
        Convention(
            "huggingface",
            (Counter("global_step", "step", "count"),),
            boundary="flush",
            pending="flush",
            source="transformers: TrainerState.global_step, also the step of log_history. Over a stream of unknown "
            'length the boundary is "spill"',
            on_cut="spill",
            versions="transformers 4.47 and later",
        ),
        Convention(
            "huggingface_before_4_47",
            (Counter("global_step", "step", "count"),),
            boundary="carry",
            pending="carry",
            source="transformers: TrainerState.global_step (pull request 22098)",
            on_cut="carry",
            versions="transformers 4.28 to 4.46",
        ),
        Convention(
            "huggingface_before_4_28",
            (Counter("global_step", "step", "count"),),
            boundary="spill",
            pending="carry",
            source="transformers: TrainerState.global_step; the batch in the epoch decides (issue 22082)",
            on_cut="spill",
            versions="transformers before 4.28",
        ),
        Convention(
            "accelerate",
            # Accelerator.step counts the batches of the epoch, but is 0 after the last one: it is not a counter.
            (Counter("completed_steps", "step", "count"),),
            boundary="flush",
            pending=None,
            source="accelerate: completed_steps of its example scripts, raised where sync_gradients is true. Without "
            'sync_with_dataloader of GradientAccumulationPlugin the boundary is "carry"',
            on_cut="carry",
            versions="accelerate 0.21 and later",
        ),
        Convention(
            "ignite",
            (Counter("epoch", "epoch", "index", 1), Counter("iteration", "batch", "count")),
            boundary="carry",
            pending="modulo",
            source="pytorch-ignite: Engine.state; supervised trainers update where iteration % k == 0",
            on_cut="carry",
            versions="pytorch-ignite 0.4.7 and later",
        ),
        Convention(
            "optax",
            (Counter("gradient_step", "step", "count"),),
            boundary="carry",
            pending="carry",
            source="optax: MultiStepsState.gradient_step. Another k goes on from mini_step, as pending=mini_step does; "
            "where mini_step >= k it takes another batch first, which no pending says",
            on_cut="carry",
        ),
        Convention(
            "flax",
            (Counter("step", "batch", "count"),),
            boundary="carry",
            pending="carry",
            source="flax: TrainState.step and nnx.Optimizer.step count calls, which are batches under optax.MultiSteps",
            on_cut="carry",
        ),
    )
}


def convention(name: str) -> Convention:
    """Returns the convention called `name`.

    Raises:
        TimelineError: no convention has that name; the message lists the names.
    """
    try:
        return CONVENTIONS[name]
    except (KeyError, TypeError):
        raise TimelineError(f"unknown convention {name!r}: expected one of {', '.join(CONVENTIONS)}") from None


class Divergence(NamedTuple):
    """A counter of a framework that gains or loses something each time that an event happens."""

    convention: str
    counter: str
    event: str
    gains: int
    """What each event adds to the counter, in the counter's unit."""
    where: str
    """The circumstances, in words; `on` is for programs."""
    seen_on: str
    on: str | None = None
    """The only backend that does it; None means every backend."""


#: The batch that Keras counts on TensorFlow if the data ends before Keras expects it.
PHANTOM = Divergence(
    "keras",
    "iterations",
    event="window closed by a batch that never was",
    gains=1,
    where="the data ends inside an epoch whose length is not known, or longer: TensorFlow, compiled without XLA, "
    "steps_per_execution=1; with gradient accumulation where that batch closes the window",
    seen_on="keras 3.15.1, tensorflow 2.21",
    on="tensorflow",
)

#: The counters that are known to differ from their convention.
DIVERGENCES: tuple[Divergence, ...] = (
    PHANTOM,
    Divergence(
        "keras",
        "batch",
        event="batch lacking in an execution",
        gains=1,
        where="steps_per_execution does not divide the epoch: on_train_batch_end says where a whole one would end",
        seen_on="keras 3.15.1",
    ),
    Divergence(
        "keras",
        "epoch",
        event="epoch left out of initial_epoch",
        gains=-1,
        where="a fit begins below the number of epochs begun so far: a second fit from 0, or an epoch that "
        "BackupAndRestore begins again",
        seen_on="keras 3.15.1",
    ),
    Divergence(
        "keras",
        "iterations",
        event="skipped update",
        gains=-1,
        where="LossScaleOptimizer leaves an update out",
        seen_on="keras 3.15.1",
    ),
    Divergence(
        "keras",
        "iterations",
        event="update that another accumulation adds",
        gains=1,
        where="a checkpoint goes on with another gradient_accumulation_steps, by which Keras divides all batches of "
        "the run",
        seen_on="keras 3.15.1",
    ),
    Divergence(
        "tensorflow",
        "global_step",
        event="skipped update",
        gains=-1,
        where="LossScaleOptimizer leaves an update out; optimizer.iterations does not move",
        seen_on="tensorflow 2.21",
    ),
    Divergence(
        "pytorch_one_based",
        "step",
        event="skipped update",
        gains=-1,
        where="GradScaler leaves an update out; the step in the optimizer's state does not move",
        seen_on="torch 2.15",
        on="torch",
    ),
    Divergence(
        "huggingface",
        "global_step",
        event="update before a further call of train()",
        gains=-1,
        where="train() begins at 0 with the weights as they are; so does auto_find_batch_size when memory ran out",
        seen_on="transformers 5.24",
    ),
    Divergence(
        "huggingface",
        "global_step",
        event="update that aligned_checkpoint adds",
        gains=1,
        where="a resume from aligned_checkpoint counts windows of the new size from the start of the run",
        seen_on="transformers 5.24",
    ),
    Divergence(
        "ignite",
        "iteration",
        event="batch before a further run",
        gains=-1,
        where="run() begins at 0 where the engine has finished, or its state.max_epochs was set to None",
        seen_on="pytorch-ignite 0.5.5",
    ),
    Divergence(
        "ignite",
        "epoch",
        event="epoch before a further run",
        gains=-1,
        where="run() begins at 0 where the engine has finished, or its state.max_epochs was set to None",
        seen_on="pytorch-ignite 0.5.5",
    ),
    Divergence(
        "ignite",
        "iteration",
        event="batch that a state by epoch adds",
        gains=1,
        where='load_state_dict({"epoch": ...}) with another epoch_length counts all epochs in it',
        seen_on="pytorch-ignite 0.5.5",
    ),
    Divergence(
        "optax",
        "gradient_step",
        event="skipped update",
        gains=-1,
        where="apply_if_finite around MultiSteps leaves an update out, and all that it wraps does not move",
        seen_on="optax 0.2.8",
    ),
    Divergence(
        "pytorch",
        "iter",
        event="batch before a resume",
        gains=-1,
        where="enumerate(loader) begins at 0 in an epoch that is resumed in its middle",
        seen_on="any Python",
    ),
)


def predicted(
    convention: str, counter: str, counted: int | None, happened: Mapping[str, int], backend: str | None
) -> int | None:
    """Returns what the framework's own counter must show where the clock counts `counted`, after what happened."""
    if counted is None:
        return None
    return counted + sum(
        one.gains * happened.get(one.event, 0)
        for one in DIVERGENCES
        if (one.convention, one.counter) == (convention, counter) and one.on in (None, backend)
    )
