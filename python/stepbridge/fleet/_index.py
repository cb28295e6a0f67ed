"""The call that keeps a table of many runs up to date. What it does is in `_update.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepbridge.fleet._index_result import TABLE_FORMATS, IndexResult, TableFormat
from stepbridge.logs._options import ReadAndReindexOptions, refuse_unknown
from stepbridge.logs._source import is_address, shown

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from typing_extensions import Unpack

    from stepbridge.logs._options import Timelines

__all__ = ["index"]

#: Options of `reindex` that would make one run depend on the others, or on all of them.
_OF_ALL = {
    "strict": "a run without a timeline is in the table without an epoch, and in `runs` with its problem",
    "share_timeline": "each group of files is placed on its own: give the timeline, or plans=",
}


def index(
    source: str | os.PathLike[str],
    table: str | os.PathLike[str],
    timeline: Timelines = None,
    *,
    table_format: TableFormat = "parquet",
    shard: tuple[int, int] | None = None,
    progress: Callable[[int, int], object] | None = None,
    **options: Unpack[ReadAndReindexOptions],
) -> IndexResult:
    """Writes the records of all runs below a folder to a table, or brings the table up to date.

    Only what changed is read, as the listing of the folder or of the store shows it. The table is a folder with
    `records`, the columns of `Logs.reindex`, and `runs`, a row for each run. A run is replaced whole; docs/scale.md
    says what readers see meanwhile. If the process is killed, the next one continues.

    Args:
        source: the folder of the logs, or its address, such as `s3://bucket/runs`.
        table: the folder of the table on this machine; it is made if it is not there.
        timeline: as `Logs.reindex` takes it.
        table_format: what the table is made of: "parquet", a folder of Parquet files, or "delta", two Delta tables.
        shard: (3, 64) does the third of 64 parts of the work, by the hash of the groups' names. All may run at once.
        progress: called with the number of bytes of logs that are indexed and the number of all that have to be.
        **options: those of `stepbridge.ReadOptions` and of `stepbridge.ReindexOptions`, but for `strict` and
            `share_timeline`.

    Raises:
        FileNotFoundError: there is no such folder, or no such bucket.
        PermissionError: it may not be read.
        ConnectionError: a store does not answer. What was read until then is in the table; the next call continues.
        NoLogsError: it holds no log. A table stays as it is.
        ImportError: pyarrow, or for a Delta table deltalake, is not installed.
        ValueError: the table is that of another folder, or has other columns, or is an address.
    """
    refuse_unknown("index", options, ReadAndReindexOptions.__optional_keys__)
    _refuse(options, shard, table_format)
    if is_address(table):
        raise ValueError(
            f"the table '{shown(str(table))}' is an address: index writes its table to a folder of this machine, "
            "with locks that a store does not have; give a folder, and copy it to the store"
        )
    from stepbridge.fleet._update import update  # noqa: PLC0415 - importing the package takes no time for it

    return update(source, table, timeline, options, table_format=table_format, shard=shard, progress=progress)


def _refuse(options: Mapping[str, Any], shard: tuple[int, int] | None, table_format: str) -> None:
    for name, remedy in _OF_ALL.items():
        if options.get(name):
            raise ValueError(f"{name}= does not fit a table that is kept up to date: {remedy}")
    if table_format not in TABLE_FORMATS:
        raise ValueError(f"there is no table format {table_format!r}; expected one of {', '.join(TABLE_FORMATS)}")
    if shard is not None and not 1 <= shard[0] <= shard[1]:
        raise ValueError(f"shard={shard} is not (K, N) with K from 1 to N")
