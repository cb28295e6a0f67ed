"""Holds every measured claim: who the peer is and what ratio must be reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from timing import Pairs


@dataclass(frozen=True, slots=True)
class Claim:
    """What a run must reach: so many times the peer's speed, at most so many times its cost, or so many ms more."""

    what: str
    peer: str
    kind: Literal[
        "speed, at least",
        "cost, at most",
        "ms more, at most",
        "s, at most",
        "%, at most",
        "MB, at most",
        "MB a second, at least",
    ]
    target: float


SPEED: Literal["speed, at least"] = "speed, at least"
COST: Literal["cost, at most"] = "cost, at most"
MORE: Literal["ms more, at most"] = "ms more, at most"
SECONDS: Literal["s, at most"] = "s, at most"
SHARE: Literal["%, at most"] = "%, at most"
MEMORY: Literal["MB, at most"] = "MB, at most"
RATE: Literal["MB a second, at least"] = "MB a second, at least"

# What does not say how many threads it has uses all cores.
ONE_OUT = "one epoch length, out= given"
ONE_FRESH = "one epoch length, fresh outputs"
SORTED = "800,000 irregular epochs, sorted steps, out= given"
RANDOM = "800,000 irregular epochs, random order, out= given"
ACCUMULATE = "accumulate=4, flush, out= given"
ONE_THREAD = "one epoch length, out= given, one thread"
SORTED_ONE_THREAD = SORTED + ", one thread"
EVENTS = "one event file of 4 million scalars to a table with epoch and iter"
REWRITTEN = "the same file to an event file by epochs"
RUNS = "1,000 runs of 4,000 scalars each, the same"
PAGE = "stepbridge plot -o FILE.html of 100 runs, 10 million scalars"
WHERE = "where a step is, in one of 1,000 runs of 4,000 scalars below a folder"
SERVER = "tensorboard-data-server --checksum --samples-per-plugin=scalars=all"
TABLE = "metrics.csv of 1 million rows, 20 sparse columns, to long form"
STREAMED = "stepbridge reindex of a 4 GB event file to Parquet"
WANDB = "W&B offline file of 500,000 records to a table"
TEXT = "a text log of 1 GB to a long table with step, epoch and iter"
SMALL_RUNS = "stepbridge reindex of 100,000 runs of a small event file each to Parquet"
INFO = "stepbridge info on 10,000 runs of a small event file each"
LINES = "1 million JSON lines to a long table with step, epoch and iter"
REMOTE = "10,000 runs of 50 JSON lines each from a local S3 server"
FLEET = "a table of 4,000 runs of four kinds"
FLEET_EVENTS = "a table of 1,000 runs of event files, from the disk"
BATCHES = "clock.batches() alone"
READ = 'clock.batches() with step, closes_step, every("500st")'
TOKENS = "the same, with add_tokens in each batch"
RAMP = "a stream with 1,000 changes of the batch size, out= given"
REST = "PyTorch: clock.rest(loader) and its first batch, at sample 9,000,000 of 10,000,000"
WATCHED = "PyTorch: clock.batches() and a watched optimizer"
CALLBACK = "Keras: ClockCallback in a batch"
FIT = "Lightning: ClockCallback in a batch, 4 a step"
TRAINER = "Hugging Face Trainer: ClockCallback in a batch, 4 a step"
HANDLERS = "Ignite: an attached clock in a batch, 4 a step"
STATE = "JAX: clock.batches() and a watched state of optax.MultiSteps, 4 a step"
STEP = "a step of 5 ms"
IMPORT = "import numpy, stepbridge"
EVERY_NAME = "import numpy; from stepbridge import *"
# What a program has imported when it imports the adapter.
FRAMEWORKS = {
    "torch": "import torch",
    "keras": "import keras",
    "tensorflow": "import tensorflow",
    "transformers": "from transformers import Trainer, TrainerCallback",
    "lightning": "import lightning.pytorch",
    "accelerate": "import accelerate",
    "ignite": "import ignite.engine",
    "jax": "import jax, optax",
}
HELP = "stepbridge --help, seconds of the processor"
VERSION = "stepbridge --version, seconds of the processor"

# The one table: the claims of each bench, by its file. run.py fails where one is missed or was not measured.
CLAIMS: dict[str, tuple[Claim, ...]] = {
    "bulk_map": (
        Claim(ONE_OUT, "numpy.copyto of both outputs, one thread", SPEED, 0.8),
        Claim(ONE_OUT, "numpy.divmod(out=), one thread", SPEED, 1.5),
        Claim(ONE_THREAD, "numpy.divmod(out=), one thread", SPEED, 1.0),
        Claim(ONE_FRESH, "numpy.divmod, one thread", SPEED, 1.5),
        Claim(ONE_FRESH, "polars // and %, all cores", SPEED, 1.0),
        Claim(SORTED, "numpy.searchsorted, take and subtract, one thread", SPEED, 10.0),
        Claim(SORTED_ONE_THREAD, "numpy.searchsorted, take and subtract, one thread", SPEED, 3.0),
        Claim(RANDOM, "numpy.searchsorted, take and subtract, one thread", SPEED, 5.0),
        Claim(ACCUMULATE, "stepbridge, " + ONE_OUT, COST, 1.5),
        Claim(RAMP, "numpy.searchsorted, take and subtract, one thread", SPEED, 5.0),
    ),
    "read_tfevents": (
        Claim(EVENTS, SERVER, SPEED, 20.0),
        Claim(EVENTS, "tensorboard EventAccumulator", SPEED, 150.0),
        Claim(EVENTS, "tbparse", SPEED, 150.0),
        Claim(RUNS, SERVER, SPEED, 10.0),
    ),
    "rewrite": (
        Claim(REWRITTEN, "tensorboard's event loader and record writer", SPEED, 100.0),
        Claim(REWRITTEN, "stepbridge read_logs, then a copy of the file", COST, 2.0),
    ),
    "plot_page": (Claim(PAGE, "all of it, start of Python included", SECONDS, 3.0),),
    "locate_step": (Claim(WHERE, "stepbridge read_logs of that run alone", COST, 2.0),),
    "read_csv": (Claim(TABLE, "polars read_csv, unpivot, drop_nulls", SPEED, 1.0),),
    "read_wandb": (Claim(WANDB, "wandb 0.25, DataStore", SPEED, 20.0),),
    "read_json_lines": (
        Claim(LINES, "polars read_ndjson and unpivot", SPEED, 2.0),
        Claim(LINES, "polars scan_ndjson and unpivot, lazy", SPEED, 1.0),
    ),
    "remote_read": (Claim(REMOTE, "a plain copy of the bytes from the same server, obstore", COST, 3.0),),
    "fleet": (
        Claim(FLEET + " from a local S3 server", "a plain copy of the bytes from the same server, obstore", COST, 3.0),
        Claim(FLEET + " from a local S3 server", "peak memory", MEMORY, 512.0),
        Claim(FLEET_EVENTS, SERVER, SPEED, 1.0),
        Claim(FLEET_EVENTS, "a loop of tbparse, on 1 %", SPEED, 20.0),
        Claim("polars reads one run of that table", "nothing at all", MORE, 50.0),
    ),
    "read_text": (
        Claim(TEXT, "a compiled regular expression of Python over its lines", SPEED, 5.0),
        Claim(TEXT, "as much as is read in a second", RATE, 200.0),
    ),
    "info_runs": (Claim(INFO, "stepbridge read_logs of the same runs", COST, 1.5),),
    "peak_memory": (
        Claim(STREAMED, "peak memory", MEMORY, 256.0),
        Claim(SMALL_RUNS, "peak memory", MEMORY, 512.0),
    ),
    "clock_overhead": (
        Claim(BATCHES, "tqdm over the same loop", COST, 2.0),
        Claim(BATCHES, "a counter by hand: step += 1; epoch, i = divmod(step, n)", COST, 2.0),
        Claim(READ, "tqdm over the same loop", COST, 5.0),
        Claim(TOKENS, READ, COST, 1.3),
    ),
    "import_time": (
        Claim(IMPORT, "import numpy", MORE, 15.0),
        Claim(EVERY_NAME, "import numpy", COST, 1.5),
        Claim(HELP, "import click, the same", COST, 2.0),
        Claim(VERSION, "import click, the same", COST, 2.0),
        *(
            Claim(f"{framework}; import stepbridge.adapters.{name}", framework, MORE, 30.0)
            for name, framework in FRAMEWORKS.items()
        ),
    ),
    "torch_overhead": (Claim(WATCHED, "tqdm over the same loop", COST, 5.0),),
    "torch_rest": (
        Claim(REST, "a skip by reading", SPEED, 50.0),
        Claim(REST, "nothing at all", MORE, 50.0),
    ),
    "keras_overhead": (Claim(CALLBACK, "a callback with the same hook that does nothing", COST, 3.0),),
    "lightning_overhead": (
        Claim(FIT, "a callback with the same hooks that does nothing", COST, 3.0),
        Claim(FIT, STEP, SHARE, 1.0),
    ),
    "transformers_overhead": (
        Claim(TRAINER, "a callback with the same hooks that does nothing", COST, 3.0),
        Claim(TRAINER, STEP, SHARE, 1.0),
    ),
    "ignite_overhead": (
        Claim(HANDLERS, "handlers of the same events that do nothing", COST, 3.0),
        Claim(HANDLERS, STEP, SHARE, 1.0),
    ),
    "jax_overhead": (
        Claim(STATE, "a loop that reads both counters of the state", COST, 3.0),
        Claim(STATE, STEP, SHARE, 1.0),
    ),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """A claim with what was measured for it next to a peer."""

    claim: Claim
    pairs: Pairs
    unit: Literal["ms", "ns a batch"]
    scale: float

    @property
    def ratio(self) -> float:
        """Give what was measured, as the claim puts it."""
        if self.claim.kind == MORE:
            return self.pairs.more * 1e3
        return self.pairs.speed if self.claim.kind == SPEED else self.pairs.cost

    @property
    def holds(self) -> bool:
        """Say whether the claim's target was reached."""
        return self.ratio >= self.claim.target if self.claim.kind == SPEED else self.ratio <= self.claim.target

    def row(self) -> tuple[str, ...]:
        """Give the row of the results table."""
        medians = (self.pairs.our_median, self.pairs.peer_median)
        ours, peer = (f"{seconds * self.scale:,.1f} {self.unit}" for seconds in medians)
        return _row(self.claim, ours, peer, self.ratio, holds=self.holds)


@dataclass(frozen=True, slots=True)
class Duration:
    """A claim of how long something takes; it has no peer."""

    claim: Claim
    seconds: float

    @property
    def holds(self) -> bool:
        """Say whether it stayed below the claim's target."""
        return self.seconds <= self.claim.target

    def row(self) -> tuple[str, ...]:
        """Give the row of the results table."""
        return _row(self.claim, f"{self.seconds * 1e3:,.1f} ms", "-", self.seconds, holds=self.holds)


@dataclass(frozen=True, slots=True)
class Share:
    """A claim of what part of a step of 5 ms a batch takes; it has no peer."""

    claim: Claim
    seconds: float

    @property
    def percent(self) -> float:
        """Give the part of a step, in percent."""
        return self.seconds / 5e-3 * 100

    @property
    def holds(self) -> bool:
        """Say whether it stayed below the claim's target."""
        return self.percent <= self.claim.target

    def row(self) -> tuple[str, ...]:
        """Give the row of the results table."""
        return _row(self.claim, f"{self.seconds * 1e9:,.1f} ns a batch", "-", self.percent, holds=self.holds)


@dataclass(frozen=True, slots=True)
class Memory:
    """A claim of a peak of memory, in MB; it has no peer."""

    claim: Claim
    peak: float
    seconds: float

    @property
    def holds(self) -> bool:
        """Say whether it stayed below the claim's target."""
        return self.peak <= self.claim.target

    def row(self) -> tuple[str, ...]:
        """Give the row of the results table."""
        return _row(self.claim, f"{self.peak:,.0f} MB in {self.seconds:,.0f} s", "-", self.peak, holds=self.holds)


@dataclass(frozen=True, slots=True)
class Rate:
    """A claim of how many MB are read in a second; it has no peer."""

    claim: Claim
    size: int
    seconds: float

    @property
    def rate(self) -> float:
        """Give the MB of a second."""
        return self.size / self.seconds / 1e6

    @property
    def holds(self) -> bool:
        """Say whether it reached the claim's target."""
        return self.rate >= self.claim.target

    def row(self) -> tuple[str, ...]:
        """Give the row of the results table."""
        return _row(self.claim, f"{self.seconds * 1e3:,.1f} ms", "-", self.rate, holds=self.holds)


def _row(claim: Claim, ours: str, peer: str, ratio: float, *, holds: bool) -> tuple[str, ...]:
    asked = f"{claim.kind} {claim.target:g}"
    return (claim.what, claim.peer, ours, peer, f"{ratio:.2f}", asked, "yes" if holds else "**no**")
