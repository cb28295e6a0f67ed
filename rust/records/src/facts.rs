//! Counts of what a file holds.

use std::sync::Arc;

use crate::batch::{BatchRun, TaggedBatch};
use crate::config::ConfigEntry;

/// A record of a series with a counter of its own, next to the step that the other series had reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CounterMark {
    /// Its step.
    pub value: i64,
    /// The highest step before it.
    pub reached: i64,
}

/// A series that counts by a counter of its own: its run, its tag, and where that counter was.
pub type SeriesCounter = (BatchRun, String, Vec<CounterMark>);

/// What a file holds besides its records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileFacts {
    /// Its size in bytes.
    pub bytes: u64,
    /// How many records it holds.
    pub records: u64,
    /// How many events, rows or entries of the format were read.
    pub records_ok: u64,
    /// How many values are not numbers: images, histograms, texts.
    pub non_numeric: u64,
    /// How many lines of a text log have no known shape, and so hold no record.
    pub plain_lines: u64,
    /// Whether the last of them has no end yet, so that a later reading reads it again.
    pub plain_tail: bool,
    /// The name of the shape of a text log's lines; `pattern` if the caller gave it.
    pub shape: Option<&'static str>,
    /// The configuration of the run that the file holds: keys, joined with points where they are nested, and values as JSON.
    pub config: Vec<(String, String)>,
    /// Numbers of the configuration that hold for all logs of its folder, as event files note hyperparameters.
    pub settings: Vec<ConfigEntry>,
    /// Where a session says that it starts: how many records of the file come before, and the step that the session names.
    pub starts: Vec<(u64, i64)>,
    /// What a survey found of series whose step counts something else than the other steps of the file, by run and tag.
    pub second_counters: Vec<SeriesCounter>,
    /// Where all of its summaries are, if the caller wants to copy them and the format can.
    pub summaries: Option<Arc<SummaryLayout>>,
}

/// Where the summaries of a file are: its records, and the values between them that are not numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct SummaryLayout {
    /// Where blocks of frames begin, and how many summaries come before each.
    pub blocks: Vec<(u64, u64)>,
    /// Where reading ended.
    pub end: u64,
    /// How many bytes there were.
    pub size: u64,
    /// How many summaries there are.
    pub count: u64,
    /// Where frames begin that could not be read, though they are intact.
    pub malformed: Vec<u64>,
    /// The values that are not numbers, as records without a value. Their ordinals are how many records come before them.
    pub others: TaggedBatch,
}
