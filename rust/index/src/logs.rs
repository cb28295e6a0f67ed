//! What was read: the records below a path, and what is known of the files that hold them.

use stepbridge_formats::Lookalike;
use stepbridge_ledger::Ledger;
use stepbridge_records::{FileFacts, Format, Records};

use crate::file_path::{FilePath, run_name};
use crate::runs::SeriesBack;
use crate::runs::refresh_state::RefreshState;
use crate::second_counters::SecondCounters;

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
    /// The runs that were chained.
    pub chains: Vec<ChainedRun>,
    /// What a later reading needs to know.
    pub(crate) refresh: RefreshState,
}

/// Logs are equal if the same was read, whatever a later reading needs to know.
impl PartialEq for Logs {
    fn eq(&self, other: &Self) -> bool {
        let Self { records, files, ledgers, ledger_of, unread, chains, refresh: _ } = self;
        (records, files, ledgers, ledger_of, unread, chains)
            == (&other.records, &other.files, &other.ledgers, &other.ledger_of, &other.unread, &other.chains)
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

/// A run that the caller chained of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainedRun {
    /// Its name, which is that of the first.
    pub run: String,
    /// The names that they had, each with what was added to its steps.
    pub parts: Vec<(String, i64)>,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceFile {
    /// Its format.
    pub format: Format,
    /// Index into [`Records::runs`].
    pub run: u32,
    /// What it holds besides its records.
    pub facts: FileFacts,
    /// Its path.
    pub(crate) path: FilePath,
    /// What was added to its steps, because its run was chained.
    pub(crate) offset: i64,
    /// Where its counters go back, if only some of its records were kept.
    pub(crate) backs: Option<Vec<SeriesBack>>,
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

    /// The series that count by a counter of their own.
    pub(crate) fn second_counters(&self) -> SecondCounters {
        let mut counters = SecondCounters::of(&self.records, 1);
        let Records { runs, tags, .. } = &self.records;
        let number = |names: &[String], name: &str| {
            names.iter().position(|known| known == name).and_then(|index| u32::try_from(index).ok())
        };
        for file in &self.files {
            for (run, tag, marks) in &file.facts.second_counters {
                let run = number(runs, &run_name(&file.path.folder, run)).unwrap_or(file.run);
                if let Some(tag) = number(tags, tag) {
                    counters.add(run, vec![(tag, marks.clone())]);
                }
            }
        }
        counters
    }

    /// The ledger of a run, by its index.
    pub(crate) fn run_ledger(&self, run: usize) -> Option<RunLedger<'_>> {
        let found = self.ledgers.get((*self.ledger_of.get(run)?)?)?;
        Some(RunLedger { file: &found.file, ledger: &found.ledger })
    }
}
