"""How logs are read and re-indexed: each option described once, for functions, methods and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict, cast

from stepbridge import _core
from stepbridge.logs._chain import Chain, chain_rules
from stepbridge.logs._run_plans import Plans, run_rules
from stepbridge.logs._step_arguments import logged_step, series_rules
from stepbridge.timeline import Timeline

if TYPE_CHECKING:
    from stepbridge.conventions import ConventionName
    from stepbridge.timeline import UnitLike

__all__ = [
    "FORMATS",
    "OUTPUTS",
    "Format",
    "ReadAndReindexOptions",
    "ReadOptions",
    "ReindexOptions",
    "Timelines",
    "read_request",
    "refuse_unknown",
    "reindex_request",
]

#: The name of a format: one of `FORMATS`. Every reader has its own, so that they are not listed here once more.
Format: TypeAlias = str

#: The names of the formats that are read.
FORMATS: tuple[Format, ...] = tuple(_core.FORMATS)

#: Endings of the names of files that a table can be written to.
OUTPUTS: tuple[str, ...] = tuple(_core.OUTPUTS)


class ReadOptions(TypedDict, total=False):
    """Keyword arguments that say how logs are read. Each may be left out."""

    format: Format | None
    """The format of every file, one of `FORMATS`; without it, each file's content shows its format."""
    step_column: str | None
    """The column, or the key, that holds the step, in tables and JSON lines of no known writer."""
    epoch_column: str | None
    """The column, or the key, that holds the epoch."""
    time_column: str | None
    """The column, or the key, that holds the time in seconds since 1970."""
    pattern: str | None
    """The shape of the lines in text logs, as in `"Epoch {epoch}, Iter {iter}, Step {step}: loss {loss}"`.

    Several patterns are separated by line ends. `{epoch}`, `{iter}` (the batch inside the epoch) and `{step}` (over the
    run) count from 1, as people print them, or from 0 as `{epoch:0}`; `{epoch:elapsed}` is how many epochs are done,
    with a fraction. `{iters}` is how many batches an epoch has, `{epochs}` and `{steps}` are totals, `{samples}` is how
    many samples the run has seen, `{wall_time}` is seconds since 1970, `{_}` is any text. Every other field is a tag. A
    line may have more text before and after, any run of blanks matches any other, and `{{` is a brace.
    """
    chain: Chain | None
    """Which runs in several folders are one: a pattern of their names, as in `"PPO_*"`, or several.

    They are taken in the order of the numbers in their names. A run whose steps go on is a later session of the first,
    whose name all get. If their steps begin anew, say how many were done before each run after the first:
    `{"PPO_*": [10_000, 20_000]}`.
    """
    storage_options: Mapping[str, object] | None
    """What the store of an address needs (`s3://`, `gs://`, `az://`), by obstore's names: `region`, `endpoint`,
    `access_key_id`, `skip_signature`, ...; `client_options`, `retry_config`, `credential_provider` are passed on too.
    Without it, the store is asked as the environment says it (`AWS_REGION`, ...). For other addresses, the arguments of
    the file system of fsspec."""
    cache_limit: int | None
    """How many bytes of remote logs may be on the disk while they are read, in a temporary folder: 32 GiB if nothing is
    said."""


#: The options that say how remote files are fetched, of which the core knows nothing.
_OF_ADDRESSES = frozenset({"storage_options", "cache_limit"})


class ReindexOptions(TypedDict, total=False):
    """Keyword arguments that say how records get their epoch and iter. Each may be left out."""

    unit: UnitLike | None
    """What the logged steps count ("step", "batch", "epoch", ...), instead of what the format or ledger declares."""
    base: Literal[0, 1] | None
    """0 if the logged steps are indices, 1 if the first is 1, instead of what the format or ledger declares."""
    convention: ConventionName | None
    """The framework whose logged step it is, instead of `unit` and `base`."""
    series: Mapping[str, tuple[UnitLike, Literal[0, 1]]] | None
    """What the steps of some series count, whatever anything else declares: unit and base by tag, as in
    `{"val/*": ("epoch", 1)}`. In the tags, `*` is any text and `?` any character; the first that fits counts."""
    plans: Plans | None
    """What is stated about single runs, by patterns of their names: a `Timeline`, or a dictionary of the arguments of
    `Timeline.plan` with `unit`, `base`, `convention` and `series`; or the path of a TOML file with the same. The first
    pattern that fits counts. Without it, a `stepbridge.toml` in the folder that was read is used."""
    batch: bool
    """Whether to add the index of each record's batch in the run."""
    sample: bool
    """Whether to add the index of that batch's first sample."""
    token: bool
    """Whether to add the index of that batch's first token. Where the run counted its tokens, only batches after one of
    its marks have it; the others are null."""
    keep_superseded: bool
    """Whether to keep the records that a later session of the run replaced; the columns `session` and `superseded` then
    distinguish them from the others."""
    share_timeline: bool
    """Whether a run that cannot know its timeline takes that of the others; see `Logs.infer`."""
    strict: bool
    """Whether it is an error if a run has no timeline, or if what is stated about it contradicts its log. Otherwise
    such runs are in the table without an epoch, and named in `problems`."""
    likely: bool
    """Whether a run whose log leaves several timelines takes the one that is likely: the one with which every epoch of
    the log has a record at its very end, or the one that its configuration says if a number may mean two things."""


class ReadAndReindexOptions(ReadOptions, ReindexOptions, total=False):
    """The options of both, for `stepbridge.reindex`."""


#: What `reindex` takes as timelines: one for all runs, one for each run by its name, or None for each run's own.
Timelines = Timeline | Mapping[str, Timeline] | None


def read_request(options: Mapping[str, object]) -> dict[str, object]:
    """Returns the options of `ReadOptions` as the core takes them: every key, None where nothing was given."""
    request = {key: options.get(key) for key in ReadOptions.__optional_keys__ - _OF_ADDRESSES}
    return {**request, "chain": chain_rules(cast("Chain | None", options.get("chain")))}


def reindex_request(timeline: Timelines, options: ReindexOptions) -> dict[str, object]:
    """Returns what `reindex` is asked to do as the core takes it.

    Raises:
        TypeError: `timeline` does not hold timelines.
        ValueError: `convention` was given together with `unit` or `base`, or declares no step.
    """
    unit, base = logged_step(options.get("unit"), options.get("base"), options.get("convention"))
    return {
        "timelines": _core_timelines(timeline),
        "unit": unit,
        "base": base,
        "series": series_rules(options.get("series")),
        "batch": options.get("batch", False),
        "sample": options.get("sample", False),
        "token": options.get("token", False),
        "keep_superseded": options.get("keep_superseded", False),
        "share_timeline": options.get("share_timeline", False),
        "likely": options.get("likely", False),
        "strict": options.get("strict", False),
        "some_place": False,
        "runs": [tuple(rule) for rule in run_rules(options.get("plans"))],
    }


def refuse_unknown(function: str, options: Mapping[str, object], known: frozenset[str]) -> None:
    """Raises the TypeError of a keyword argument that does not exist, as Python does for a written-out signature."""
    for name in options:
        if name not in known:
            expected = ", ".join(sorted(known))
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}; expected one of {expected}")


def _core_timelines(timeline: Timelines) -> _core.Timeline | dict[str, _core.Timeline] | None:
    if timeline is None:
        return None
    if isinstance(timeline, Timeline):
        return timeline._core
    if isinstance(timeline, Mapping):
        cores = {}
        for run, each in timeline.items():
            if not isinstance(each, Timeline):
                raise TypeError(f"run {run!r} has a {type(each).__name__} where a Timeline is expected")
            cores[run] = each._core
        return cores
    raise TypeError(f"a Timeline, timelines by run or None is expected, not {type(timeline).__name__}")
