//! Everything below a path, read.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::beside;
use crate::bytes::ReadAt;
use crate::checkpoints;
use crate::error::ReadError;
use crate::format::Format;
use crate::join;
use crate::ledger::{self, Ledger, LedgerError};
use crate::lightning_csv;
use crate::parallel;
use crate::piece::{Facts, FileRead};
use crate::problem::{Problem, ProblemKind};
use crate::record::Records;
use crate::sniff::{HEAD, Sniffed, sniff};
use crate::tfevents::{self, Joined, Part};
use crate::trainer_state;
use crate::walk::{self, Found};

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
    pub facts: Facts,
}

/// A file that is a log, with all that it holds.
#[derive(Debug)]
pub(crate) struct LogFile {
    pub(crate) source: String,
    /// Names the run.
    pub(crate) folder: Vec<String>,
    pub(crate) format: Format,
    pub(crate) read: FileRead,
}

/// What became of a file.
enum Outcome {
    Read(Format, FileRead),
    Ledger(Ledger),
    /// An event file of so many bytes, to be shared out.
    Large(u64),
    NoLog,
    Broken(Problem),
}

/// Reads every log below `path`, or the one that it is, on up to `threads` threads. The result does not depend on them.
pub fn read(path: &Path, threads: usize) -> Result<Logs, ReadError> {
    let (found, problems) = list(path)?;
    let outcomes = parallel::map(found.len(), threads, |index| one(&found[index]));
    let looked_at = found.len();
    let Sorted { mut files, ledgers, mut broken } = sort_out(found, outcomes, threads);
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
    let repeated = checkpoints::fold(&mut files);
    let mut logs = join::join(files, [problems, broken, repeated].concat());
    for found in &ledgers {
        logs.records.problems.extend(found.ledger.problems.iter().cloned());
    }
    let (ledger_of, ambiguous) = beside::ledgers(&logs.records.runs, &ledgers);
    logs.records.problems.extend(ambiguous);
    Ok(Logs { ledgers, ledger_of, ..logs })
}

/// The files at or below a path.
fn list(path: &Path) -> Result<(Vec<Found>, Vec<Problem>), ReadError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ReadError::NotFound { path: path.to_owned() },
        _ => ReadError::Unreadable { path: path.to_owned(), source },
    };
    let kind = fs::metadata(path).map_err(unreadable)?;
    if kind.is_dir() {
        return walk::files(path).map_err(unreadable);
    }
    if !kind.is_file() {
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a file nor a folder")));
    }
    // What cannot be opened is an error here, and a problem among others in a folder.
    File::open(path).map_err(unreadable)?;
    let name = path.file_name().map_or_else(String::new, walk::shown);
    let mut found = vec![Found { path: path.to_owned(), folder: Vec::new(), name }];
    // The ledger beside a log belongs to it.
    let beside = path.with_file_name(ledger::NAME);
    if found[0].name != ledger::NAME && beside.is_file() {
        found.push(Found { path: beside, folder: Vec::new(), name: ledger::NAME.to_owned() });
    }
    Ok((found, Vec::new()))
}

/// Looks at a file, and reads it unless it is large.
fn one(found: &Found) -> Outcome {
    match attempt(found) {
        Ok(outcome) => outcome,
        Err(error) => {
            let reason = format!("the system does not let it be read ({error})");
            Outcome::Broken(Problem::new(found.source(), ProblemKind::Unreadable, reason))
        }
    }
}

fn attempt(found: &Found) -> io::Result<Outcome> {
    let file = File::open(&found.path)?;
    let size = file.metadata()?.len();
    let mut head = [0; HEAD];
    let length = fill(&file, &mut head)?;
    let format = match sniff(&found.name, &head[..length]) {
        Sniffed::Unknown => return Ok(Outcome::NoLog),
        Sniffed::Broken(kind, reason) => {
            return Ok(Outcome::Broken(Problem::new(found.source(), kind, reason).at(0, size)));
        }
        Sniffed::Ledger => return Ok(read_ledger(&fs::read(&found.path)?, found)),
        Sniffed::Log(format) => format,
    };
    let source = found.source();
    Ok(match format {
        Format::TfEvents if size > tfevents::PART => Outcome::Large(size),
        Format::TfEvents => {
            let part = tfevents::read_part(&file, size, 0);
            event_file(&file, size, &source, [part])
        }
        Format::LightningCsv => Outcome::Read(format, lightning_csv::read(file, size, &source)),
        Format::TrainerState => {
            let bytes = fs::read(&found.path)?;
            Outcome::Read(format, trainer_state::read(&bytes, &source))
        }
    })
}

/// Reads a ledger, which nobody needs to be whole.
fn read_ledger(bytes: &[u8], found: &Found) -> Outcome {
    let source = found.source();
    let kind = match Ledger::read(bytes, &source) {
        Ok(ledger) => return Outcome::Ledger(ledger),
        Err(error @ LedgerError::Newer { .. }) => (ProblemKind::Newer, error),
        Err(error) => (ProblemKind::NotALog, error),
    };
    Outcome::Broken(Problem::new(source, kind.0, kind.1.to_string()).at(0, bytes.len() as u64))
}

/// Reads the beginning of a file.
fn fill(file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read_at(&mut buffer[length..], length as u64) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// Puts the parts of an event file together.
fn event_file(file: &File, size: u64, source: &str, parts: impl IntoIterator<Item = Part>) -> Outcome {
    let mut joined = Joined::new(file, size, source);
    let pieces = (0..).zip(parts).filter_map(|(index, part)| joined.part(index, part)).collect();
    match joined.finish(pieces) {
        Ok(read) => Outcome::Read(Format::TfEvents, read),
        Err(problem) => Outcome::Broken(problem),
    }
}

/// Files by what they turned out to be.
struct Sorted {
    files: Vec<LogFile>,
    ledgers: Vec<FoundLedger>,
    broken: Vec<Problem>,
}

/// Reads the large files, in parts, and separates what is a log from what is none.
fn sort_out(found: Vec<Found>, outcomes: Vec<Outcome>, threads: usize) -> Sorted {
    let tasks: Vec<(usize, u64, u64)> = outcomes
        .iter()
        .enumerate()
        .filter_map(|(index, outcome)| if let Outcome::Large(size) = outcome { Some((index, *size)) } else { None })
        .flat_map(|(index, size)| (0..tfevents::parts(size)).map(move |part| (index, size, part)))
        .collect();
    let mut parts = parallel::map(tasks.len(), threads, |task| {
        let (index, size, part) = tasks[task];
        match File::open(&found[index].path) {
            Ok(file) => tfevents::read_part(&file, size, part),
            Err(fault) => Part::unread(part, fault),
        }
    })
    .into_iter();
    let (mut files, mut ledgers, mut broken) = (Vec::new(), Vec::new(), Vec::new());
    for (found, outcome) in found.into_iter().zip(outcomes) {
        let outcome = match outcome {
            Outcome::Large(size) => {
                let count = usize::try_from(tfevents::parts(size)).unwrap_or(usize::MAX);
                let parts: Vec<Part> = parts.by_ref().take(count).collect();
                match File::open(&found.path) {
                    Ok(file) => event_file(&file, size, &found.source(), parts),
                    Err(error) => {
                        let reason = format!("the system does not let it be read ({error})");
                        Outcome::Broken(Problem::new(found.source(), ProblemKind::Unreadable, reason))
                    }
                }
            }
            other => other,
        };
        match outcome {
            Outcome::Read(format, read) => {
                files.push(LogFile { source: found.source(), folder: found.folder, format, read });
            }
            Outcome::Ledger(ledger) => ledgers.push(FoundLedger { file: found.source(), ledger }),
            Outcome::Broken(problem) => broken.push(problem),
            Outcome::NoLog | Outcome::Large(_) => {}
        }
    }
    Sorted { files, ledgers, broken }
}
