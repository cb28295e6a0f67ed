"""Many runs: groups of files that are read apart, the schema of the table, and a table that is kept up to date."""

from stepbridge.fleet._groups import FoundRuns, RunGroup, find_runs
from stepbridge.fleet._index import index
from stepbridge.fleet._index_result import IndexResult
from stepbridge.fleet._listed_file import ListedFile
from stepbridge.fleet._schema import TABLE_SCHEMA, TableSchema

__all__ = [
    "TABLE_SCHEMA",
    "FoundRuns",
    "IndexResult",
    "ListedFile",
    "RunGroup",
    "TableSchema",
    "find_runs",
    "index",
]
