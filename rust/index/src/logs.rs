//! What was read: the records below a path, and what is known of the files that hold them.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use stepbridge_formats::{Lookalike, Mark};
use stepbridge_ledger::Ledger;
use stepbridge_records::{BatchRun, FileFacts, Format, Problem, Records};

use crate::file_path::FilePath;

/// The records below a path, and what is known of each file that holds them.
#[derive(Debug, Clone, Default)]
pub struct Logs {
    /// The records.
    pub records: Records,
    /// The files, in the order of [`Records::sources`].
    pub files: Vec<SourceFile>,
    /// The ledgers among the files.
    pub ledgers: Vec<LedgerFile>,
    /// For each of [`Records::runs`], the index of its ledger.
    pub ledger_of: Vec<Option<usize>>,
    /// The files that look like logs and were not read.
    pub unread: Vec<UnreadFile>,
    /// What a later reading needs to know.
    pub(crate) refresh: RefreshState,
}

/// Logs are equal if the same was read, whatever a later reading needs to know.
impl PartialEq for Logs {
    fn eq(&self, other: &Self) -> bool {
        let Self { records, files, ledgers, ledger_of, unread, refresh: _ } = self;
        (records, files, ledgers, ledger_of, unread)
            == (&other.records, &other.files, &other.ledgers, &other.ledger_of, &other.unread)
    }
}

/// A ledger among the logs.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerFile {
    /// The file, relative to the path that the caller gave.
    pub file: String,
    /// What it holds.
    pub ledger: Ledger,
}

/// A file that looks like a log and was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadFile {
    /// The file, relative to the path that the caller gave.
    pub file: String,
    /// What it looks like, and what the caller can do.
    pub lookalike: Lookalike,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its format.
    pub format: Format,
    /// Index into [`Records::runs`].
    pub run: u32,
    /// What it holds besides its records.
    pub facts: FileFacts,
    /// Its path.
    pub(crate) path: FilePath,
}

/// The ledger of a run.
#[derive(Debug, Clone, Copy)]
pub struct RunLedger<'a> {
    /// Its file, as people see it.
    pub file: &'a str,
    /// What it holds.
    pub ledger: &'a Ledger,
}

impl Logs {
    /// The ledger of each of [`Records::runs`], if it has one.
    #[must_use]
    pub fn run_ledgers(&self) -> Vec<Option<RunLedger<'_>>> {
        (0..self.ledger_of.len()).map(|run| self.run_ledger(run)).collect()
    }

    /// The ledger of a run, by its index.
    pub(crate) fn run_ledger(&self, run: usize) -> Option<RunLedger<'_>> {
        let found = self.ledgers.get((*self.ledger_of.get(run)?)?)?;
        Some(RunLedger { file: &found.file, ledger: &found.ledger })
    }
}

/// What a later reading needs to know of this one.
#[derive(Clone, Default)]
pub(crate) struct RefreshState {
    /// Every file that was found, log or not.
    pub(crate) stamps: Vec<FileStamp>,
    /// For each of [`Logs::files`].
    pub(crate) files: Vec<RefreshFile>,
}

impl fmt::Debug for RefreshState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RefreshState").field("stamps", &self.stamps).finish_non_exhaustive()
    }
}

/// What the system says of a file: if any of it changes, the file is read again.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FileStamp {
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    modified: Option<SystemTime>,
}

impl FileStamp {
    /// What the system says of a file now.
    pub(crate) fn now(file: &FilePath) -> Self {
        Self::of(file, fs::metadata(&file.path).ok().as_ref())
    }

    /// What the system said of a file when it was opened.
    pub(crate) fn of(file: &FilePath, metadata: Option<&fs::Metadata>) -> Self {
        let size = metadata.map_or(0, fs::Metadata::len);
        Self { path: file.path.clone(), size, modified: metadata.and_then(|metadata| metadata.modified().ok()) }
    }
}

/// What a later reading needs to know of a file that was read.
#[derive(Clone)]
pub(crate) struct RefreshFile {
    /// Where its reader can go on.
    pub(crate) mark: Option<Mark>,
    /// Its problems.
    pub(crate) problems: Vec<Problem>,
    /// The runs of its records, each with how many records come before.
    pub(crate) runs: Vec<(u64, BatchRun)>,
}
