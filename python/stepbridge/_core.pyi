from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict, final

import numpy as np
import numpy.typing as npt
from typing_extensions import Self, disjoint_base

Amount: TypeAlias = tuple[int, int, Literal["sp", "tok", "ba", "st", "ep", "dur"]]
DeclaredCounter: TypeAlias = tuple[str, str, str, int]
Conversion: TypeAlias = (
    tuple[Literal["exact"], Amount]
    | tuple[Literal["between"], Amount, Amount | None]
    | tuple[Literal["beyond"], Amount]
    | tuple[Literal["unknown"], str]
)

LogFormat: TypeAlias = Literal[
    "tfevents",
    "lightning_csv",
    "keras_csv",
    "trainer_state",
    "mmengine",
    "mmcv",
    "detectron2",
    "ultralytics",
    "sb3",
    "mlflow",
    "mlflow_db",
    "wandb",
    "wandb_history",
    "csv",
    "jsonl",
    "text",
]

__version__: str

def parse_quantity(text: str) -> Amount: ...
def format_quantity(amount: Amount) -> str: ...
def parse_unit(text: str) -> tuple[Literal["sp", "tok", "ba", "st", "ep", "dur"], str, bool]: ...

@final
class Timeline:
    @staticmethod
    def plan(
        *,
        samples: int | None,
        batches: int | None,
        batch_size: int | None,
        epochs: int | None,
        drop_last: bool,
        accumulate: int,
        boundary: str,
    ) -> Timeline: ...
    @staticmethod
    def from_epochs(
        lengths: npt.NDArray[np.integer[Any]],
        *,
        samples: npt.NDArray[np.integer[Any]] | None,
        batch_size: int | None,
        accumulate: int,
        boundary: str,
        cut: bool,
    ) -> Timeline: ...
    @staticmethod
    def from_json(text: str) -> Timeline: ...
    def to_json(self) -> str: ...
    def describe(self) -> str: ...
    def equals(self, other: Timeline) -> bool: ...
    @property
    def epochs(self) -> int | None: ...
    @property
    def batches(self) -> int | None: ...
    @property
    def steps(self) -> int | None: ...
    @property
    def samples(self) -> int | None: ...
    def segments(self) -> list[dict[str, Any]]: ...
    def epoch_length(self, epoch: int) -> int | None: ...
    def locate(self, index: int, unit_name: str, base: int) -> tuple[int, int]: ...
    def index(self, epoch: int, iter: int, unit_name: str, base: int) -> int: ...
    def locate_array(
        self,
        values: npt.NDArray[np.integer[Any]],
        unit_name: str,
        base: int,
        epoch: npt.NDArray[np.integer[Any]],
        iter: npt.NDArray[np.integer[Any]],
        on_invalid: str,
    ) -> int: ...
    def index_array(
        self,
        epoch: npt.NDArray[np.integer[Any]],
        iter: npt.NDArray[np.integer[Any]],
        unit_name: str,
        base: int,
        out: npt.NDArray[np.int64],
        on_invalid: str,
    ) -> int: ...
    def convert(self, from_: Amount, unit_name: str) -> Conversion: ...
    def compare(self, left: Amount, right: Amount) -> int: ...
    def translate(
        self, given: list[tuple[DeclaredCounter, int]], wanted: list[DeclaredCounter]
    ) -> list[int | None]: ...
    def change(
        self,
        at: Amount,
        *,
        batch_size: int | None,
        accumulate: int | None,
        batches: int | None,
        samples: int | None,
        pending: str | int | None,
    ) -> Timeline: ...

@disjoint_base
class Clock:
    def __new__(cls, *_args: object, **_options: object) -> Self: ...
    def _stand(self, timeline: Timeline, batch: int, epochs: int) -> None: ...
    def _begin_epoch(self) -> bool: ...
    def _advance(self, last: bool = False) -> bool: ...
    def _advance_many(self, batches: int) -> bool: ...
    def _end_epoch(self, cut: bool) -> int | None: ...
    def _change(
        self,
        *,
        batch_size: int | None,
        accumulate: int | None,
        batches: int | None,
        samples: int | None,
        pending: str | int | None,
    ) -> None: ...
    def _go_on(self, plan: Timeline, pending: str | int | None) -> None: ...
    def _observed_epoch(self) -> str: ...
    def _running(self) -> str: ...
    def _planned(self) -> str: ...
    def _restart_epoch(self) -> None: ...
    def _hold(self) -> None: ...
    def _release(self) -> None: ...
    @property
    def _is_whole(self) -> bool: ...
    def _reached(self, amount: Amount) -> bool: ...
    def _amount(self, unit_name: str) -> tuple[int, int]: ...
    @property
    def _at_end(self) -> bool: ...
    def _timeline(self) -> Timeline: ...
    def _multiples(self, amount: Amount) -> int: ...
    def _skip(self, steps: int) -> None: ...
    def _count_tokens(self, tokens: int) -> None: ...
    @property
    def _in_epoch(self) -> bool: ...
    @property
    def _looks_ahead(self) -> bool: ...
    @property
    def _location(self) -> tuple[int, int] | None: ...
    @property
    def _position(self) -> tuple[int, int]: ...
    @property
    def batch(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def applied(self) -> int: ...
    @property
    def sample(self) -> int | None: ...
    @property
    def token(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def iter(self) -> int: ...
    @property
    def closes_step(self) -> bool: ...
    def every(self, quantity: object) -> bool: ...
    def at(self, quantity: object) -> bool: ...

ProblemRow: TypeAlias = tuple[str, int | None, int | None, str, str, int | None]
OriginRow: TypeAlias = tuple[str, Literal["given", "ledger", "inferred", "lent", "none"], str | None]
Step: TypeAlias = tuple[str, Literal[0, 1]]
StepSource: TypeAlias = Literal["caller", "format", "ledger", "epochs", "ledger_assumed", "nothing"]
StepsRow: TypeAlias = tuple[str, LogFormat, Step, StepSource, str]

Position: TypeAlias = tuple[int, int, int, int | None]

class LedgerSession(TypedDict):
    number: int
    time: float
    name: str
    library: str
    start: Position
    end: Position
    applied: int | None
    token: int
    padding: int
    timeline: Timeline
    damaged: bool
    changes: list[tuple[int, int, int, int, list[dict[str, Any]]]]
    skipped: list[tuple[int, int]]
    supersedes: tuple[int, Position] | None
    logged_as: tuple[str, Literal[0, 1], bool, str] | None
    stopped: bool

def ledger_session(
    session: int,
    time: float,
    *,
    name: str,
    at: Position,
    beside: tuple[int, int, int],
    timeline: Timeline,
    supersedes: int | None,
) -> str: ...
def ledger_epoch(
    session: int,
    time: float,
    *,
    at: Position,
    beside: tuple[int, int, int],
    cut: bool,
    segments: str,
    skipped: list[tuple[int, int]],
) -> str: ...
def ledger_change(session: int, time: float, *, batch: int, epoch: int, iter: int, step: int, segments: str) -> str: ...
def ledger_logged_as(session: int, time: float, *, unit: str, base: int, stated: bool, by: str) -> str: ...
def ledger_stop(session: int, time: float, *, at: Position, beside: tuple[int, int, int], segments: str) -> str: ...
def read_ledger(path: Path) -> tuple[list[LedgerSession], list[ProblemRow], bool]: ...

OUTPUTS: list[str]

@final
class Logs:
    @staticmethod
    def read(
        path: Path,
        *,
        format: str | None = None,  # noqa: A002 - what people call it
        step: str | None = None,
        epoch: str | None = None,
        wall_time: str | None = None,
        pattern: str | None = None,
        watch: Callable[[int, int], object] | None = None,
    ) -> Logs: ...
    def again(self, watch: Callable[[int, int], object] | None = None) -> Logs | None: ...
    def __len__(self) -> int: ...
    def runs(self) -> list[str]: ...
    def overview(self) -> list[tuple[str, int, int, tuple[int, int] | None, tuple[float, float] | None]]: ...
    def tags(self) -> list[str]: ...
    def problems(self) -> list[ProblemRow]: ...
    def files(self) -> list[tuple[str, str, LogFormat, int, int, int, str | None, int]]: ...
    def ledgers(self) -> list[tuple[str, list[str], list[LedgerSession], list[ProblemRow]]]: ...
    def table(self, *, superseded: bool) -> Table: ...
    def infer(
        self, *, lend: bool
    ) -> dict[str, tuple[Timeline | None, list[tuple[int, Timeline]], str, int, Step | None, str | None]]: ...
    def steps(self) -> list[StepsRow]: ...
    def sessions(self) -> list[tuple[str, int, int]]: ...
    def reindex(
        self,
        timelines: Timeline | dict[str, Timeline] | None,
        *,
        unit: str | None,
        base: int | None,
        batch: bool,
        sample: bool,
        superseded: bool,
        lend: bool,
    ) -> tuple[Table, list[ProblemRow], list[tuple[str, Step, str]], list[OriginRow], list[StepsRow]]: ...

@final
class Survey:
    @staticmethod
    def read(
        path: Path,
        *,
        format: str | None = None,  # noqa: A002 - what people call it
        step: str | None = None,
        epoch: str | None = None,
        wall_time: str | None = None,
        pattern: str | None = None,
        watch: Callable[[int, int], object] | None = None,
    ) -> Survey: ...
    def __len__(self) -> int: ...
    def logs(self) -> Logs: ...
    def write(
        self,
        output: Path,
        timelines: Timeline | dict[str, Timeline] | None,
        *,
        unit: str | None,
        base: int | None,
        batch: bool,
        sample: bool,
        superseded: bool,
        lend: bool,
        watch: Callable[[int, int], object] | None = None,
    ) -> tuple[int, list[ProblemRow], list[tuple[str, Step, str]], list[OriginRow], list[StepsRow]]: ...

@final
class Table:
    def __len__(self) -> int: ...
    def column_names(self) -> list[str]: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def write(self, path: Path, watch: Callable[[int, int], object] | None = None) -> None: ...
