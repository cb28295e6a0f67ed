//! Everything below a path, read.

use std::fs::{self, File};
use std::io;
use std::path::Path;

mod again;
mod one;

use crate::beside;
use crate::checkpoints;
use crate::error::ReadError;
use crate::join;
use crate::sessions;
use crate::twins;
use crate::walk::{self, Found};
use again::Seen;
use one::{Met, Outcome};
use stepbridge_formats::FileContents;
use stepbridge_formats::ReadOptions;
use stepbridge_formats::check_pattern;
use stepbridge_io::progress::Progress;
use stepbridge_ledger::{self as ledger, Ledger};
use stepbridge_records::{FileFacts, Format, Problem, Records};

pub(crate) use again::{Again, left};
pub(crate) use one::Reading;

/// The records below a path, and what is known of each file that holds them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Logs {
    /// The records.
    pub records: Records,
    /// The files, as [`Records::sources`] counts them.
    pub files: Vec<Source>,
    /// The ledgers among the files.
    pub ledgers: Vec<FoundLedger>,
    /// Of each of [`Records::runs`], which of them is the run's.
    pub ledger_of: Vec<Option<usize>>,
    /// For [`Logs::again`].
    #[doc(hidden)]
    pub again: Again,
}

/// A ledger beside logs.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundLedger {
    /// The file, relative to the path that was asked for.
    pub file: String,
    /// What it holds.
    pub ledger: Ledger,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its format, as found from its content.
    pub format: Format,
    /// Index into [`Records::runs`].
    pub run: u32,
    /// What it holds besides its records.
    pub facts: FileFacts,
    /// Where it is.
    pub(crate) found: Found,
}

/// A file that is a log, with all that it holds.
pub(crate) struct LogFile {
    pub(crate) source: String,
    /// Names the run.
    pub(crate) folder: Vec<String>,
    pub(crate) format: Format,
    pub(crate) read: FileContents,
    pub(crate) found: Found,
}

/// Reads every log below `path`, or the one that it is, on up to `threads` threads. The result does not depend on them.
pub fn read(path: &Path, options: &ReadOptions, progress: &Progress, threads: usize) -> Result<Logs, ReadError> {
    of_path(path, &Reading { options, progress, threads, thin: false })
}

/// The same, of which only those records are kept that tell what the others are.
pub(crate) fn survey(
    path: &Path,
    options: &ReadOptions,
    progress: &Progress,
    threads: usize,
) -> Result<Logs, ReadError> {
    of_path(path, &Reading { options, progress, threads, thin: true })
}

fn of_path(path: &Path, reading: &Reading) -> Result<Logs, ReadError> {
    check_pattern(reading.options.pattern.as_deref())?;
    let (problems, met) = reading.all(|hand_on| list(path, hand_on));
    together(path, met, problems?, reading.progress)
}

/// Reads a log that is in memory, as if it were the file called `name`.
pub fn read_bytes(name: &str, bytes: &[u8], options: &ReadOptions, threads: usize) -> Result<Logs, ReadError> {
    check_pattern(options.pattern.as_deref())?;
    let progress = Progress::default();
    let reading = Reading { options, progress: &progress, threads, thin: false };
    let path = Path::new(name);
    let found = Found { path: path.to_owned(), folder: Vec::new(), name: name.to_owned() };
    let unreadable = |source| ReadError::Unreadable { path: path.to_owned(), source };
    let seen = Seen::default();
    let outcome = reading.look(&found, &bytes, bytes.len() as u64, threads.max(2)).map_err(unreadable)?;
    together(path, vec![Met { found, seen, outcome }], Vec::new(), &progress)
}

/// Puts together what became of the files.
fn together(path: &Path, met: Vec<Met>, problems: Vec<Problem>, progress: &Progress) -> Result<Logs, ReadError> {
    let looked_at = met.len();
    if progress.is_cancelled() {
        return Err(ReadError::Cancelled);
    }
    let Sorted { seen, mut files, ledgers, mut broken } = sort_out(met);
    if files.is_empty() {
        let path = path.to_owned();
        broken.splice(0..0, problems);
        return Err(if !broken.is_empty() {
            ReadError::NothingReadable { path, problems: broken }
        } else if let Some(found) = ledgers.into_iter().next() {
            ReadError::OnlyLedger { path, ledger: found.file }
        } else if looked_at == 0 {
            ReadError::EmptyFolder { path }
        } else if path.is_dir() {
            ReadError::NoLogs { path, files: looked_at }
        } else {
            ReadError::NotALog { path }
        });
    }
    let repeated = [checkpoints::fold(&mut files), twins::fold(&mut files)].concat();
    let mut logs = join::join(files, [problems, broken, repeated].concat());
    sessions::split(&mut logs);
    for found in &ledgers {
        logs.records.problems.extend(found.ledger.problems.iter().cloned());
    }
    let (ledger_of, ambiguous) = beside::ledgers(&logs.records.runs, &ledgers);
    logs.records.problems.extend(ambiguous);
    let mut logs = Logs { ledgers, ledger_of, ..logs };
    logs.again.seen = seen;
    sessions::mark(&mut logs);
    Ok(logs)
}

/// Hands on the files at or below a path, in no order; gives what could not be looked into.
fn list(path: &Path, hand_on: &mut dyn FnMut(Found)) -> Result<Vec<Problem>, ReadError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ReadError::NotFound { path: path.to_owned() },
        _ => ReadError::Unreadable { path: path.to_owned(), source },
    };
    let kind = fs::metadata(path).map_err(unreadable)?;
    if kind.is_dir() {
        return walk::files(path, hand_on).map_err(unreadable);
    }
    if !kind.is_file() {
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a file nor a folder")));
    }
    // What cannot be opened is an error here, and a problem among others in a folder.
    File::open(path).map_err(unreadable)?;
    let name = path.file_name().map_or_else(String::new, walk::shown);
    // The ledger beside a log belongs to it.
    let beside = path.with_file_name(ledger::NAME);
    if name != ledger::NAME && beside.is_file() {
        hand_on(Found { path: beside, folder: Vec::new(), name: ledger::NAME.to_owned() });
    }
    hand_on(Found { path: path.to_owned(), folder: Vec::new(), name });
    Ok(Vec::new())
}

/// Files by what they turned out to be.
struct Sorted {
    seen: Vec<Seen>,
    files: Vec<LogFile>,
    ledgers: Vec<FoundLedger>,
    broken: Vec<Problem>,
}

/// Separates what is a log from what is none.
fn sort_out(met: Vec<Met>) -> Sorted {
    let (mut files, mut ledgers, mut broken) = (Vec::new(), Vec::new(), Vec::new());
    let mut all_seen = Vec::with_capacity(met.len());
    for Met { found, seen, outcome } in met {
        all_seen.push(seen);
        match outcome {
            Outcome::Read(format, read) => {
                files.push(LogFile { source: found.source(), folder: found.folder.clone(), found, format, read });
            }
            Outcome::Ledger(ledger) => ledgers.push(FoundLedger { file: found.source(), ledger }),
            Outcome::Broken(problems) => broken.extend(problems),
            Outcome::NoLog | Outcome::Large => {}
        }
    }
    Sorted { seen: all_seen, files, ledgers, broken }
}
