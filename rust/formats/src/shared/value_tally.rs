//! Counts values that are not numbers, for one problem a series.

use std::ops::Range;

use stepbridge_records::{Problem, ProblemKind};

/// How many characters of a value a problem shows.
const SHOWN: usize = 80;

/// Values of one series that are not numbers: how many, and the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ValueTally {
    pub(crate) count: u64,
    /// The first of them, as it was written.
    pub(crate) example: String,
    /// Where the line or the row of the first one is.
    pub(crate) range: Range<u64>,
}

impl ValueTally {
    /// One value in a line or a row.
    pub(crate) fn one(example: &str, range: Range<u64>) -> Self {
        Self { count: 1, example: example.chars().take(SHOWN).collect(), range }
    }

    /// Takes values that come later.
    pub(crate) fn add(&mut self, later: &Self) {
        self.count += later.count;
    }

    /// The problem: `noun` is what they are called, `of` the series, `kind` what they should be.
    pub(crate) fn problem(&self, file: &str, noun: &str, of: &str, kind: &str) -> Problem {
        let Self { count, example, range } = self;
        let reason = if *count == 1 {
            format!("1 {noun} {of} is not a {kind}: '{example}'")
        } else {
            format!("{count} {noun}s {of} are not {kind}s (the first: '{example}')")
        };
        Problem::new(file, ProblemKind::NotANumber, reason).at(range.start, range.end - range.start)
    }
}
