//! Tables: a line of names, then rows of cells, as every format of separated values has them.
//!
//! A format says in a [`Kind`] what its columns are for; the rest is common. Rows without quotes are read in blocks that
//! are shared out over threads; from the first row on that is more than a plain line (a quote, a new header, a line of
//! megabytes) they are taken one after the other, by csv-core. Both ways give the same records.
//!
//! What is left out is reported: a row of another width than the header's (which cell is whose is not known), a row
//! whose step or epoch is no number, a line beyond all measure, a torn end.

mod block;
mod cells;
mod header;
mod peek;
mod report;
mod rows;
mod slow;
#[cfg(test)]
mod tests;
mod walk;

use std::io;

use super::{Input, Sink};
use crate::options::ReadOptions;
use stepbridge_records::{Decimal, Format, SeriesMeaning};

pub(crate) use peek::{Below, Peek, peek};

/// What a format makes of a table.
pub(crate) struct Kind {
    pub(crate) format: Format,
    /// What separates cells, as the line of names shows it.
    pub(crate) separator: fn(header: &[u8]) -> u8,
    /// Which columns say where a row stands.
    pub(crate) places: fn(names: &[String], options: &ReadOptions) -> Places,
    /// What its writer puts where it has no value; an empty cell always is none.
    pub(crate) blank: Option<&'static str>,
    /// What step and epoch are, as its names, and the epoch of its first row, show it.
    pub(crate) meaning: fn(names: &[String], first: Option<Decimal>) -> SeriesMeaning,
}

/// The columns that say where a row stands, by number. All others hold values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) step: Option<usize>,
    pub(crate) epoch: Option<usize>,
    pub(crate) wall_time: Option<usize>,
    /// What is said of columns that should be there and are not.
    pub(crate) missing: Vec<String>,
}

impl Places {
    /// The columns of these names, where a format always has both.
    pub(crate) fn named(names: &[String], step: &str, epoch: &str) -> Self {
        let mut places = Self { step: position(names, step), epoch: position(names, epoch), ..Self::default() };
        for (place, name, what) in [(places.step, step, "have no step"), (places.epoch, epoch, "state no epoch")] {
            if place.is_none() {
                places.missing.push(format!("the table has no column '{name}': its records {what}"));
            }
        }
        places
    }

    /// Whether there is one at all.
    fn any(&self) -> bool {
        self.step.is_some() || self.epoch.is_some()
    }
}

/// Which column has this name.
pub(crate) fn position(names: &[String], name: &str) -> Option<usize> {
    names.iter().position(|found| found == name)
}

/// What of these stands most often in the header; the first where it is a tie.
pub(crate) fn separator(header: &[u8]) -> u8 {
    let count = |wanted: u8| memchr::memchr_iter(wanted, header).count();
    // The last of several equal ones is the greatest to `max_by_key`.
    [b'|', b'\t', b';', b','].into_iter().max_by_key(|&byte| count(byte)).unwrap_or(b',')
}

/// How much is taken at a time, and how much may be one row.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Bytes of a block: rows that begin in it are read together.
    block: usize,
    /// Bytes of a row; a longer one is reported, and costs no more memory than this.
    row: usize,
}

const LIMITS: Limits = Limits { block: 1 << 20, row: 4 << 20 };

/// Reads a table: all of it, or what was added since [`Input::mark`].
pub(crate) fn read(kind: &Kind, input: &mut Input, sink: &mut Sink) -> io::Result<()> {
    walk::walk(kind, LIMITS, input, sink)
}
