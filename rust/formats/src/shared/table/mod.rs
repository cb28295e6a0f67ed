//! Tables: a line of names, then rows of cells, as in every format of separated values.
//!
//! A format says in a [`TableKind`] what its columns are for; the rest is common to all. Rows without quotes are read in blocks
//! that several threads share. From the first row that is more than a plain line (a quote, a new header, a line of megabytes)
//! rows are read one after the other, by csv-core. Both ways give the same records.
//!
//! What is left out is reported: a row of another width than the header, because it is not known which cell belongs to which
//! column; a row whose step or epoch is not a number; a line longer than the limit; a torn end.

mod block;
mod cells;
mod header;
mod layout;
mod peek;
mod report;
mod row_cutter;
mod rows;
#[cfg(test)]
mod tests;
mod walk;

use std::io;

use super::input::Input;
use super::sink::Sink;
use layout::TableLimits;

pub(crate) use layout::{PlaceColumns, STEPS, TableKind, as_read, is_step, position, separator};
pub(crate) use peek::{FirstCount, FirstRows, TableHead, peek, peek_with};

const LIMITS: TableLimits = TableLimits { block: 1 << 20, row: 4 << 20 };

/// Reads a table: all of it, or what was added since [`Input::mark`].
pub(crate) fn read(kind: &TableKind, input: &mut Input, sink: &mut Sink) -> io::Result<()> {
    walk::walk(kind, LIMITS, input, sink)
}
