//! Copies of logs in which the steps alone are others.

use std::io::{self, Write};
use std::ops::Range;

use stepbridge_io::bytes::ReadAt;
use stepbridge_records::SummaryLayout;

/// A file whose summaries are copied.
pub struct SummaryCopy<'a> {
    /// Its bytes, decompressed if it was compressed.
    pub bytes: &'a dyn ReadAt,
    /// Where its summaries are, as its reader found them.
    pub layout: &'a SummaryLayout,
    /// Gives the new steps of a range of its summaries, in the order of the file; one without a step is left out.
    pub steps: &'a (dyn Fn(Range<usize>) -> Vec<Option<i64>> + Sync),
    /// How many threads may share the work.
    pub threads: usize,
}

/// Writes the copy. Fails if the file no longer holds what its reader found.
pub type CopySummaries = fn(&SummaryCopy, &mut dyn Write) -> io::Result<()>;
