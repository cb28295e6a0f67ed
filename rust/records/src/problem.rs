//! What could not be read, or does not fit, and where.

/// One thing in one file that could not be read, or that contradicts something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, relative to the path that the caller gave.
    pub file: String,
    /// Where the range begins, in bytes from the start of the file; `None` for the file as a whole.
    pub offset: Option<u64>,
    /// How many bytes the range has.
    pub length: Option<u64>,
    /// The index of the record in the file: of the frame of an event file, the row, the entry.
    pub record: Option<u64>,
    /// The kind of problem.
    pub kind: ProblemKind,
    /// One clause for people: what is wrong, and what was done about it.
    pub reason: String,
    /// How many problems of the same kind it counts.
    pub count: u64,
}

impl Problem {
    /// A problem of a file as a whole.
    #[must_use]
    pub fn new(file: impl Into<String>, kind: ProblemKind, reason: impl Into<String>) -> Self {
        Self { file: file.into(), offset: None, length: None, record: None, kind, reason: reason.into(), count: 1 }
    }

    /// The same problem, of a range of bytes.
    #[must_use]
    pub fn at(mut self, offset: u64, length: u64) -> Self {
        self.offset = Some(offset);
        self.length = Some(length);
        self
    }

    /// Where the range ends.
    #[must_use]
    pub fn end(&self) -> Option<u64> {
        Some(self.offset?.saturating_add(self.length?))
    }

    /// The same problem, of one record.
    #[must_use]
    pub fn of_record(mut self, record: u64) -> Self {
        self.record = Some(record);
        self
    }
}

/// The kinds of problems. Their names are part of the public interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The file ends inside a record: it is still being written, or its writer was killed.
    Truncated,
    /// A range holds no valid record.
    Corrupt,
    /// The system refuses to read it.
    Unreadable,
    /// The file has no bytes.
    Empty,
    /// The file is a Git LFS pointer to the real file.
    LfsPointer,
    /// A symbolic link leads back to a folder that holds it.
    SymlinkLoop,
    /// A table lacks a column.
    MissingColumn,
    /// A value is not a number.
    NotANumber,
    /// The name is that of a log, but the content is not.
    NotALog,
    /// Another file of the run holds the same records.
    Repeated,
    /// The epoch in the log is not the one that the timeline gives.
    Disagrees,
    /// The record is past the end of the timeline.
    PastEnd,
    /// The record's step is below the first one.
    BeforeStart,
    /// The length of the epochs of the run is not known.
    NoTimeline,
    /// A newer version of stepbridge wrote it.
    Newer,
    /// A compressed file expands to more than any log would.
    TooLarge,
    /// The log contradicts what its ledger says of its steps.
    Refuted,
}

impl ProblemKind {
    /// The name that people and programs see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Corrupt => "corrupt",
            Self::Unreadable => "unreadable",
            Self::Empty => "empty",
            Self::LfsPointer => "lfs_pointer",
            Self::SymlinkLoop => "symlink_loop",
            Self::MissingColumn => "missing_column",
            Self::NotANumber => "not_a_number",
            Self::NotALog => "not_a_log",
            Self::Repeated => "repeated",
            Self::Disagrees => "disagrees",
            Self::PastEnd => "past_end",
            Self::BeforeStart => "before_start",
            Self::NoTimeline => "no_timeline",
            Self::Newer => "newer",
            Self::TooLarge => "too_large",
            Self::Refuted => "refuted",
        }
    }
}
