//! How logs are to be read, where it is not found from them.

use stepbridge_records::Format;

/// What a caller says of the logs.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// The format of every file, whatever it looks like.
    pub format: Option<Format>,
    /// The columns of tables and JSON lines that are of no known writer.
    pub columns: NamedColumns,
    /// The shape of a line of text, as [`Format::Text`] reads it: `Epoch {epoch}, Iter {iter}: loss {loss}`.
    pub pattern: Option<String>,
}

/// Names of columns, or of keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedColumns {
    /// Holds the step.
    pub step: Option<String>,
    /// Holds the epoch.
    pub epoch: Option<String>,
    /// Holds the time, in seconds since 1970.
    pub wall_time: Option<String>,
}

impl NamedColumns {
    /// The names that make a file a log, where they are found in it.
    pub(crate) fn counters(&self) -> impl Iterator<Item = &str> {
        [&self.step, &self.epoch].into_iter().flatten().map(String::as_str)
    }
}
