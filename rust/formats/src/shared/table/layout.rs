//! How the columns of a table are used.

use stepbridge_records::{Decimal, Format, SeriesMeaning, TaggedBatch};

use crate::shared::options::ReadOptions;

/// How a format uses a table.
pub(crate) struct TableKind {
    pub(crate) format: Format,
    /// The separator of cells, given the line of names.
    pub(crate) separator: fn(header: &[u8]) -> u8,
    /// The columns with the counters of a row.
    pub(crate) places: fn(names: &[String], options: &ReadOptions) -> PlaceColumns,
    /// What the writer puts into a cell without a value. An empty cell never has a value.
    pub(crate) blank: Option<&'static str>,
    /// What step and epoch mean, given the names and the epoch of the first row.
    pub(crate) meaning: fn(names: &[String], first: Option<Decimal>) -> SeriesMeaning,
    /// Gives records what the folders above their file say of them: the name of their tag, their run.
    pub(crate) in_folder: fn(folder: &[String], batch: TaggedBatch) -> TaggedBatch,
}

/// Records of which the folders say nothing.
pub(crate) fn as_read(_: &[String], batch: TaggedBatch) -> TaggedBatch {
    batch
}

/// The columns with the counters of a row, by index. All others hold values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PlaceColumns {
    pub(crate) step: Option<usize>,
    pub(crate) epoch: Option<usize>,
    pub(crate) wall_time: Option<usize>,
    /// The reasons to report for columns that are missing.
    pub(crate) missing: Vec<String>,
}

impl PlaceColumns {
    /// The columns with these names, for a format that always has both.
    pub(crate) fn named(names: &[String], step: &str, epoch: &str) -> Self {
        let mut places = Self { step: position(names, step), epoch: position(names, epoch), ..Self::default() };
        for (place, name, what) in [(places.step, step, "have no step"), (places.epoch, epoch, "state no epoch")] {
            if place.is_none() {
                places.missing.push(format!("the table has no column '{name}': its records {what}"));
            }
        }
        places
    }

    /// Whether there is a step or an epoch.
    pub(crate) fn any(&self) -> bool {
        self.step.is_some() || self.epoch.is_some()
    }
}

/// Names of the column that holds the step, if its writer is not known.
pub(crate) const STEPS: [&str; 5] = ["step", "global_step", "iteration", "global step", "iter"];

/// Whether a column of this name holds the step.
pub(crate) fn is_step(name: &str) -> bool {
    STEPS.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// The index of the column with this name.
pub(crate) fn position(names: &[String], name: &str) -> Option<usize> {
    names.iter().position(|found| found == name)
}

/// The separator that occurs most often in the header; of equals, the first of comma, semicolon, tab and bar.
pub(crate) fn separator(header: &[u8]) -> u8 {
    let count = |wanted: u8| memchr::memchr_iter(wanted, header).count();
    // Of equal ones, `max_by_key` returns the last.
    [b'|', b'\t', b';', b','].into_iter().max_by_key(|&byte| count(byte)).unwrap_or(b',')
}

/// How large a block is, and how large a row may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TableLimits {
    /// The size of a block in bytes. The rows that begin in it are read together.
    pub(crate) block: usize,
    /// The largest size of a row in bytes. A longer row is reported, and takes no more memory than this.
    pub(crate) row: usize,
}
