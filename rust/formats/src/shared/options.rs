//! How to read logs, as far as the logs themselves do not show it.

use super::reader::FormatReader;

/// What a caller says about the logs.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// The reader of every file, whatever it looks like.
    pub format: Option<&'static FormatReader>,
    /// The columns of tables and the keys of JSON lines whose writer is not known.
    pub columns: NamedColumns,
    /// The shape of the lines of a text log: `Epoch {epoch}, Iter {iter}: loss {loss}`.
    pub pattern: Option<String>,
    /// Which runs in several folders are one.
    pub chain: Vec<ChainOption>,
    /// Whether to note where all summaries are ([`stepbridge_records::FileFacts::summaries`]), to copy them.
    pub summaries: bool,
}

/// Runs that are one, because the caller says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainOption {
    /// The names of the runs, as a pattern with `*` and `?`.
    pub runs: String,
    /// How many steps were done before each run after the first, if their steps begin anew.
    pub offsets: Option<Vec<i64>>,
}

/// Names of columns, or of keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedColumns {
    /// The name of the step.
    pub step: Option<String>,
    /// The name of the epoch.
    pub epoch: Option<String>,
    /// The name of the time, in seconds since 1970.
    pub wall_time: Option<String>,
}

impl NamedColumns {
    /// The names of the step and the epoch. A file with one of them is a log.
    pub(crate) fn counters(&self) -> impl Iterator<Item = &str> {
        [&self.step, &self.epoch].into_iter().flatten().map(String::as_str)
    }
}
