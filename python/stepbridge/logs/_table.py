"""Records in columns."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

from stepbridge import _display
from stepbridge._errors import StepbridgeWarning
from stepbridge._text import counted
from stepbridge.logs import _export
from stepbridge.logs._records import LeftOut, ReindexReport, StepAssumption, StepInfo, TimelineSource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from matplotlib.axes import Axes

    from stepbridge import _core
    from stepbridge._problem import Problem
    from stepbridge.logs._curves import Axis, Curves
    from stepbridge.logs._rewriting import Axis as EventAxis

__all__ = ["Table", "summary"]


class Table:
    """Records in columns: run, tag, step, epoch_logged, wall_time, value, source, and epoch, iter and epoch_float.

    `Logs.reindex` and `Logs.table` make it. Polars, pandas, pyarrow and DuckDB take it as it is, through Arrow's
    PyCapsule interface, and share its memory.
    """

    __slots__ = ("_core", "_curves", "_missing", "_report")

    def __init__(
        self,
        core: _core.Table,
        report: ReindexReport | None = None,
        missing: tuple[LeftOut, ...] = (),
        curves: Callable[..., Curves] | None = None,
    ) -> None:
        self._core = core
        self._report = report or ReindexReport()
        self._missing = missing
        self._curves = curves

    def __len__(self) -> int:
        return len(self._core)

    def __repr__(self) -> str:
        rows = self._core.head(_display.MOST_ROWS).rows()
        lines = [f"Table({self._heading()}: {_display.named(self.columns)})", *_display.as_text(self.columns, rows)]
        if more := self._more():
            lines.append(more)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Returns the first rows for a notebook, after a picture of what people look at first: a loss by epoch."""
        from stepbridge.logs._small_picture import small_picture  # noqa: PLC0415 - a prompt does not wait for it

        rows = self._core.head(_display.MOST_ROWS).rows()
        picture = "" if self._curves is None else small_picture(len(self), self._curves)
        return picture + _display.as_html(self._heading(), self.columns, rows, self._more())

    def _heading(self) -> str:
        """Returns how many rows there are, and what was left out."""
        one = "record" if "tag" in self.columns else "row"
        return ", ".join((counted(len(self), one), *summary(self.left_out)))

    def _more(self) -> str:
        more = len(self) - _display.MOST_ROWS
        return f"… {more:,} more" if more > 0 else ""

    @property
    def num_rows(self) -> int:
        """How many records there are."""
        return len(self._core)

    @property
    def columns(self) -> list[str]:
        """The columns' names, in order."""
        return self._core.column_names()

    @property
    def column_names(self) -> list[str]:
        """The columns' names, in order: `columns`, as pyarrow calls them."""
        return self._core.column_names()

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What is not in the table, and what has no place in it, run by run; the table's repr has the sums."""
        without = (LeftOut(run, "no_place", records) for run, records in self._core.without_place().items())
        return (*self._missing, *without)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What could not be located, or contradicts the timeline: one entry for each file."""
        return self._report.problems

    @property
    def assumed(self) -> tuple[StepAssumption, ...]:
        """What was assumed of the steps."""
        return self._report.assumed

    @property
    def origins(self) -> tuple[TimelineSource, ...]:
        """Where the timeline of each run comes from."""
        return self._report.origins

    @property
    def steps(self) -> tuple[StepInfo, ...]:
        """What the steps of each run count, and how that is known."""
        return self._report.steps

    def head(self, n: int = 5) -> Table:
        """Returns the first rows as a table.

        Raises:
            OverflowError: `n` is negative.

        >>> from stepbridge import read_logs
        >>> read_logs("demo/logs/roberta_lora").reindex().head(2)
        Table(2 records: run, tag, step, epoch, iter, epoch_float, epoch_logged, wall_time, value, source)
        run      tag            step  epoch  iter  epoch_float  epoch_logged  wall_time  value  …
        results  grad_norm      500   0      499   0.174216     0.174216      -          11.4759
        results  learning_rate  500   0      499   0.174216     0.174216      -          4.70964e-05
        """
        return Table(self._core.head(n))

    def pivot(self, tags: Sequence[str] | None = None) -> Table:
        """Returns the records as a table with one column for each tag.

        A row is a place of a run: its step, epoch, iter, and whatever else says where a record is. Records of
        different tags at one place share its row. If a tag has several records at one place, the later ones open more
        rows with that place; a record without any place has a row of its own. So every record has a cell, and a cell
        without a record is null. The times and the files of the records, which differ from tag to tag, are left out. A
        tag that is called like a column of the place gets `_tag` appended to its name.

        Args:
            tags: the tags to take, in this order; all of them by default. Every tag takes memory for every row.

        Raises:
            ValueError: the table has no such tag, or was pivoted already.

        >>> from stepbridge import read_logs
        >>> read_logs("demo/logs/roberta_lora").reindex().pivot(["loss", "learning_rate"]).head(2)
        Table(2 rows: run, step, epoch, iter, epoch_float, epoch_logged, loss, learning_rate)
        run      step  epoch  iter  epoch_float  epoch_logged  loss    learning_rate
        results  500   0      499   0.174216     0.174216      1.4746  4.70964e-05
        results  1000  0      999   0.348432     0.348432      1.1178  4.41928e-05
        """
        return Table(self._core.pivot(None if tags is None else list(tags)))

    def plot(
        self,
        x: Axis = "epoch",
        tags: str | Sequence[str] | None = None,
        ax: Axes | None = None,
        *,
        smooth: float = 0.0,
        log: bool = False,
    ) -> Axes:
        """Draws series of all runs on one axis with matplotlib.

        "step" is the step as it was logged, "time" is hours since the run's first record, and the other axes count what
        is complete after the step. What a later session repeated is grey, resumes are dotted lines, and epochs end at
        ticks at the bottom. Of a long series some points are drawn, each exact: the first, last, lowest and highest
        record of every part.

        Args:
            x: the axis: "step", "batch", "sample", "token", "epoch" or "time".
            tags: the series, by name or as patterns with `*` and `?`; all by default.
            ax: the axes to draw into; new ones by default.
            smooth: the weight of what came before in a moving average over all records, from 0 on and below 1.
            log: whether the values have a logarithmic scale.

        Raises:
            ImportError: matplotlib is not installed.
            ValueError: no run has such a tag or knows the axis; or `Logs.reindex` did not make the table.

        Warns:
            StepbridgeWarning: a run, or some of its records, have no place on the axis, and were left out.

        >>> from stepbridge import read_logs
        >>> ax = read_logs("demo/logs/roberta_lora").reindex().plot("epoch", "loss")
        >>> ax.get_xlabel()
        'epochs'
        """
        from stepbridge.logs._drawing import draw  # noqa: PLC0415 - who draws nothing does not wait for it

        if self._curves is None:
            raise ValueError("only a table that Logs.reindex returns can be plotted, not its head or its pivot")
        drawn, left_out = draw(self._curves(tags, smooth=smooth), x, ax, log=log)
        for clause in left_out:
            warnings.warn(clause, StepbridgeWarning, stacklevel=2)
        return drawn

    def __arrow_c_schema__(self) -> object:
        """Gives the columns' names and types to what speaks Arrow."""
        return self._core.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Gives the columns to what speaks Arrow."""
        return self._core.__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> pa.Table:
        """Returns the table as a `pyarrow.Table`.

        Raises:
            ImportError: pyarrow is not installed, or cannot be imported.
            RuntimeError: pyarrow did not take all rows.
        """
        return _export.to_arrow(self._core)

    def to_polars(self) -> pl.DataFrame:
        """Returns the table as a `polars.DataFrame`; run and tag are strings, source is a category.

        Raises:
            ImportError: polars is not installed, or cannot be imported.
            RuntimeError: polars did not take all rows, as versions before 1.10 do; upgrade it.
        """
        return _export.to_polars(self._core)

    def to_pandas(self) -> pd.DataFrame:
        """Returns the table as a `pandas.DataFrame`; run, tag and source are categories, and nulls are NaN.

        Raises:
            ImportError: pandas or pyarrow is not installed, or cannot be imported.
            RuntimeError: pandas or pyarrow did not take all rows.
        """
        return _export.to_pandas(self._core)

    def write(
        self,
        path: str | os.PathLike[str],
        *,
        axis: EventAxis | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> None:
        """Writes the table to a file, whole or not at all: .parquet, .csv, .jsonl or .arrow, as its name ends.

        JSON has no NaN and no infinities: in .jsonl they are null. `progress` is called a few times a second with the
        number of rows that are written and the number of all rows.

        A name that ends in "/", or an `axis`, makes a folder of event files for TensorBoard. Their steps say how much
        of the axis is done after the row's step, as those of `stepbridge.rewrite` do: "epoch" (millionths of an epoch,
        the default) and "step" (updates) need what `reindex` returns, "batch", "sample" and "token" the column of that
        name. Rows without a place on the axis are not written, nor are those that a later session replaced. The values
        are 32-bit floats there. `stepbridge.rewrite` does this for logs, and keeps images and histograms.

        Raises:
            ValueError: the name has another ending, there is no such axis, or the table lacks its column.
            TimelineError: no row has a place on the axis.
            OSError: the system does not let it be written; what was there before still is.
        """
        if axis is not None or os.fspath(path).endswith(("/", os.sep)):
            self._core.write_events(path, axis or "epoch", progress)
        else:
            self._core.write(path, progress)


def summary(left_out: Sequence[LeftOut]) -> list[str]:
    """Returns one clause for each reason why records are left out, over all runs."""
    clauses = {
        "superseded": "superseded left out",
        "no_place": "without a place",
        "not_a_number": "not a number",
    }
    sums = dict.fromkeys(clauses, 0)
    for entry in left_out:
        sums[entry.reason] += entry.records
    return [f"{sums[reason]:,} {clause}" for reason, clause in clauses.items() if sums[reason]]
