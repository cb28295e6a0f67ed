//! What could not be read, and where.

/// One thing in one file that could not be read, or that contradicts the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, relative to the path that was asked for.
    pub file: String,
    /// Where the range begins, in bytes from the start of the file; `None` where it is the file as a whole.
    pub offset: Option<u64>,
    /// How many bytes the range has.
    pub length: Option<u64>,
    /// Which record of the file it is, from 0: the frame of an event file, the row, the entry.
    pub record: Option<u64>,
    /// What sort of problem.
    pub kind: ProblemKind,
    /// One clause for people: what was found, and what was done about it.
    pub reason: String,
}

impl Problem {
    /// A problem of a file as a whole.
    #[must_use]
    pub fn new(file: impl Into<String>, kind: ProblemKind, reason: impl Into<String>) -> Self {
        Self { file: file.into(), offset: None, length: None, record: None, kind, reason: reason.into() }
    }

    /// The same, of a range of bytes.
    #[must_use]
    pub fn at(mut self, offset: u64, length: u64) -> Self {
        self.offset = Some(offset);
        self.length = Some(length);
        self
    }

    /// The same, of one record.
    #[must_use]
    pub fn of_record(mut self, record: u64) -> Self {
        self.record = Some(record);
        self
    }
}

/// The sorts of problems. Their names are part of the public interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The file ends inside a record: it is being written, or its writer was killed.
    Truncated,
    /// A range holds no sound record.
    Corrupt,
    /// The system does not let it be read.
    Unreadable,
    /// A file of no bytes.
    Empty,
    /// A Git LFS pointer stands where the file should be.
    LfsPointer,
    /// A symbolic link leads back to a folder that holds it.
    SymlinkLoop,
    /// A table lacks a column.
    MissingColumn,
    /// A value is no number.
    NotANumber,
    /// The name promises a log, the content is none.
    NotALog,
    /// A checkpoint's copy of what a later state of the same run holds too.
    Repeated,
    /// The epoch that the log states is not the one that was found.
    Disagrees,
    /// The record lies past the end of the timeline.
    PastEnd,
    /// The record's step is below the first one.
    BeforeStart,
    /// Nothing says how long the epochs of the run are.
    NoTimeline,
    /// A newer version of stepbridge wrote it.
    Newer,
    /// A compressed file opens to more than any log would.
    TooLarge,
    /// The log contradicts what its ledger says of the steps that it was given.
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
