"""The checkpoints of Ignite: a file of `torch.save` that holds what the author gave to `Checkpoint`, by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepbridge._errors import TimelineError
from stepbridge.checkpoints._checkpoint import Checkpoint, clock_from
from stepbridge.checkpoints._ignite_rule import IgniteArguments, IgnitePlace, ignite_check
from stepbridge.checkpoints._inert_pickle import is_torch_file, read_torch_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from stepbridge.checkpoints._ignite_rule import LoaderStart
    from stepbridge.checkpoints._resume_check import ResumeCheck
    from stepbridge.clock import StepClock

__all__ = ["IgniteFile"]

#: What the state of an engine has.
_ENGINE = ("iteration", "epoch_length", "max_epochs")
#: What `state_dict` of an attachment returns, and that of a clock.
_ATTACHMENT, _CLOCK = {"clock", "later", "arguments"}, {"version", "timeline", "plan", "batch"}
_STARTS = ("begins", "continues", "skips")
_ARGUMENTS = ("batch_size", "world_size", "max_epochs", "stateful")


class IgniteFile:
    """Reads a checkpoint of an engine; its tensors are not loaded."""

    title = "Ignite"

    def matches(self, path: Path) -> bool:
        """Whether it is such a file: an engine's state is in it."""
        return path.is_file() and is_torch_file(path) and bool(_parts(read_torch_file(path), _is_engine))

    def read(self, path: Path) -> Checkpoint:
        """Reads the counters of its engines, and the clock if one was saved."""
        content = read_torch_file(path)
        engines = _parts(content, _is_engine)
        counters = {
            f"{name}.{counter}" if name else counter: engine[counter]
            for name, engine in engines.items()
            for counter in _ENGINE
        }
        attached, clocks = _parts(content, _is_attachment), _parts(content, _is_clock)
        if len(attached) + len(clocks) != 1:
            missing = (
                f"the checkpoint has {len(attached) + len(clocks)} clocks ({', '.join([*attached, *clocks])}), and "
                "which one is the run's is not known"
                if attached or clocks
                else "the checkpoint has no clock, so which samples are trained is not known: give Checkpoint what "
                'attach of stepbridge.adapters.ignite returned, {"trainer": trainer, "clock": counting}'
            )
            return Checkpoint(path, self, counters, missing=missing)
        engine = next(iter(engines.values())) if len(engines) == 1 else None
        if clocks:
            (state,) = clocks.values()
            return Checkpoint(path, self, counters, clock_from(path, state), details={"engine": engine})
        (entry,) = attached.values()
        later, arguments = entry["later"], IgniteArguments.loaded(entry["arguments"])
        start, shuffled = entry.get("start"), entry.get("shuffled")
        if type(later) is not int or (entry["arguments"] is not None and arguments is None):
            raise TimelineError(f"{path}: the clock's entry was not written by an Attachment")
        known = arguments is not None and start in _STARTS and type(shuffled) is bool
        return Checkpoint(
            path,
            self,
            counters,
            clock_from(path, entry["clock"]),
            {**arguments._asdict(), "stateful": start == "continues"} if arguments is not None and known else {},
            later=later,
            details={"engine": engine, "arguments": arguments, "start": start, "shuffled": shuffled},
        )

    def resume(self, checkpoint: Checkpoint, clock: StepClock, changes: Mapping[str, str]) -> ResumeCheck:
        """Computes where the engine goes on, as it does itself.

        Raises:
            TimelineError: the checkpoint does not say what decides it.
        """
        engine = checkpoint.details.get("engine")
        if engine is None:
            raise TimelineError(
                f"{checkpoint.path}: the checkpoint has several engines, and which one trains is not known, so neither "
                "is where a resume goes on"
            )
        if not checkpoint.arguments:
            raise TimelineError(
                f"{checkpoint.path}: the checkpoint has the clock alone, so the batch size and how the loader goes on "
                "are not known: give Checkpoint what attach of stepbridge.adapters.ignite returned, and not the clock"
            )
        before: IgniteArguments = checkpoint.details["arguments"]
        start: LoaderStart = checkpoint.details["start"]
        now, epochs = before, engine["max_epochs"]
        for name, text in changes.items():
            if name == "stateful":
                start = _start(name, text, start)
            elif name == "max_epochs":
                epochs = _number(name, text)
            else:
                now = now._replace(**{_argument(name): _number(name, text)})
        iteration, length = engine["iteration"], engine["epoch_length"]
        if not length or length < 0:
            raise TimelineError(
                f"{checkpoint.path}: the engine has no epoch_length yet, so where a resume goes on is not known: save "
                "at the end of an epoch"
            )
        epoch, batch = divmod(iteration, length)
        if epochs is not None and epoch >= epochs:
            raise TimelineError(
                f"{checkpoint.path}: the run is finished, after {epoch} epochs, and Ignite begins a finished run at "
                f"iteration 0 again, with the weights as they are: give run(max_epochs=...) more than {epoch}, and "
                "--resume-with max_epochs=... to see where that goes on"
            )
        return ignite_check(
            clock,
            now,
            IgnitePlace(epoch, batch, length, start, _batches(checkpoint, clock, before, now)),
            epochs=epochs,
            later=checkpoint.later,
            before=before,
            shuffled=checkpoint.details["shuffled"],
        )


def _batches(checkpoint: Checkpoint, clock: StepClock, before: IgniteArguments, now: IgniteArguments) -> int | None:
    """The batches that the loader of now has.

    Raises:
        TimelineError: it is another one, and they are not known.
    """
    if now == before:
        return before.batches
    planned = clock.plan.segments[-1]
    if planned.samples is None or now.batch_size is None:
        raise TimelineError(
            f"{checkpoint.path}: the samples of an epoch or of a batch are not known, so neither is where Ignite goes "
            "on with others: give the clock samples= and batch_size="
        )
    size = now.batch_size * now.world_size
    return planned.samples // size if planned.drop_last else -(-planned.samples // size)


def _parts(content: object, is_one: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The states of a kind, by name; one that was saved alone has no name."""
    if not isinstance(content, dict):
        return {}
    if is_one(content):
        return {"": content}
    return {str(name): part for name, part in content.items() if isinstance(part, dict) and is_one(part)}


def _is_engine(state: dict[str, Any]) -> bool:
    if not state.keys() >= set(_ENGINE):
        return False
    iteration, length, epochs = (state[counter] for counter in _ENGINE)
    return (
        type(iteration) is int and iteration >= 0 and all(one is None or type(one) is int for one in (length, epochs))
    )


def _is_attachment(state: dict[str, Any]) -> bool:
    return state.keys() >= _ATTACHMENT and isinstance(state["clock"], dict)


def _is_clock(state: dict[str, Any]) -> bool:
    return state.keys() >= _CLOCK


def _argument(name: str) -> str:
    if name not in _ARGUMENTS:
        raise TimelineError(f"{name!r} does not decide where Ignite goes on: expected {', '.join(_ARGUMENTS)}")
    return name


def _start(name: str, text: str, start: LoaderStart) -> LoaderStart:
    if text.lower() not in ("true", "false"):
        raise TimelineError(f"{name}={text!r}: expected true or false")
    if text.lower() == "true" and start != "continues":
        raise TimelineError(f"{name}={text!r}: the loader of the checkpoint has no state, so it cannot go on by it")
    return start if text.lower() == "true" or start != "continues" else "begins"


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**31:
        raise TimelineError(f"{name}={text!r}: expected a whole number of 1 or more")
    return int(text)
