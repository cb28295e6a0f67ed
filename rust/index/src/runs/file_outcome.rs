//! What became of a file.

use stepbridge_formats::{FileContents, Lookalike};
use stepbridge_ledger::Ledger;
use stepbridge_records::{ConfigEntry, Format, Problem};

use super::refresh_state::SeenFile;
use super::sessions::SeriesBack;
use crate::file_path::FilePath;

/// A file, and what became of it.
pub(crate) struct OpenedFile {
    pub(crate) path: FilePath,
    /// How it was when it was read.
    pub(crate) seen: SeenFile,
    pub(crate) outcome: FileOutcome,
}

/// What became of a file.
pub(crate) enum FileOutcome {
    /// It is a log, and was read. If only some records were kept, where the counters of all go back.
    Log(Format, Box<FileContents>, Option<Vec<SeriesBack>>),
    /// It is a ledger, and was read.
    Ledger(Ledger),
    /// It holds the configuration of a run.
    Config(Vec<ConfigEntry>),
    /// It is large, so it is read later, by all threads.
    Large,
    /// It is something else, which may look like a log.
    NoLog(Option<Lookalike>),
    /// It is a table that this library wrote.
    OwnTable,
    /// It should be a log or a ledger, and cannot be read.
    Broken(Vec<Problem>),
}
