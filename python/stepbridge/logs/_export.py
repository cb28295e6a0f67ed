"""Passes tables to polars, pandas and pyarrow. Packages of an extra are imported only when they are used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from stepbridge._core import Table

__all__ = ["imported", "to_arrow", "to_pandas", "to_polars"]


def to_arrow(table: Table) -> pa.Table:
    """Returns the table as a `pyarrow.Table`."""
    pyarrow = imported("pyarrow", "pandas")
    rows: pa.Table = pyarrow.table(table)
    require_all_rows("pyarrow", pyarrow.__version__, rows.num_rows, len(table))
    return rows


def to_polars(table: Table) -> pl.DataFrame:
    """Returns the table as a `polars.DataFrame`, with `run` and `tag` as strings."""
    polars = imported("polars", "polars")
    frame: pl.DataFrame = polars.DataFrame(table)
    require_all_rows("polars", polars.__version__, frame.height, len(table))
    names = [name for name in ("run", "tag") if name in frame.columns]
    return frame.with_columns(polars.col(names).cast(polars.String)) if names else frame


def to_pandas(table: Table) -> pd.DataFrame:
    """Returns the table as a `pandas.DataFrame`."""
    pandas = imported("pandas", "pandas")
    frame: pd.DataFrame = to_arrow(table).to_pandas()
    require_all_rows("pandas", pandas.__version__, len(frame), len(table))
    return frame


def require_all_rows(package: str, version: str, height: int, rows: int) -> None:
    """Refuses what a package made of a table if rows are missing: polars before 1.10 reads the first chunk alone.

    Raises:
        RuntimeError: it has another number of rows than the table.
    """
    if height != rows:
        raise RuntimeError(
            f"{package} {version} took {height:,} of {rows:,} rows of the table: upgrade it "
            f"(pip install --upgrade {package}), or write the table to a file"
        )


def imported(module: str, extra: str) -> Any:  # noqa: ANN401 - a package without its types
    """Imports a package, or says why that fails.

    Raises:
        ImportError: it is not installed, or it is and fails to import.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        if isinstance(error, ModuleNotFoundError) and error.name == package:
            message = f"this needs {package}, which is not installed: pip install 'stepbridge[{extra}]'"
        else:
            message = f"this needs {package}, which is installed but cannot be imported: {error}"
        raise ImportError(message, name=module) from error
