//! Everything below a path, read.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::beside;
use crate::bytes::{ReadAt, whole};
use crate::checkpoints;
use crate::error::ReadError;
use crate::formats::{
    Format, HEAD, Head, Input, Sink, Sniffed, check_pattern, has_named_columns, placeholder, reader, recognised_text,
    sniff, wide_head,
};
use crate::join;
use crate::ledger::{self, Ledger, LedgerError};
use crate::options::ReadOptions;
use crate::parallel;
use crate::piece::{Facts, FileRead};
use crate::problem::{Problem, ProblemKind};
use crate::progress::Progress;
use crate::record::Records;
use crate::sessions;
use crate::twins;
use crate::unpack::{self, Packing};
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
    /// It is large: its parts are shared out, not files among others.
    Large,
    NoLog,
    Broken(Vec<Problem>),
}

/// From this size on a file has all threads for itself.
const LARGE: u64 = 4 << 20;

/// What every file is read with.
struct Reading<'a> {
    options: &'a ReadOptions,
    progress: &'a Progress,
    threads: usize,
}

/// Reads every log below `path`, or the one that it is, on up to `threads` threads. The result does not depend on them.
pub fn read(path: &Path, options: &ReadOptions, progress: &Progress, threads: usize) -> Result<Logs, ReadError> {
    check_pattern(options.pattern.as_deref())?;
    let reading = Reading { options, progress, threads };
    let (found, problems) = list(path)?;
    let outcomes = reading.all(&found);
    together(path, found, outcomes, problems, progress)
}

/// Reads a log that is in memory, as if it were the file called `name`.
pub fn read_bytes(name: &str, bytes: &[u8], options: &ReadOptions, threads: usize) -> Result<Logs, ReadError> {
    check_pattern(options.pattern.as_deref())?;
    let progress = Progress::default();
    let reading = Reading { options, progress: &progress, threads };
    let path = Path::new(name);
    let found = Found { path: path.to_owned(), folder: Vec::new(), name: name.to_owned() };
    let unreadable = |source| ReadError::Unreadable { path: path.to_owned(), source };
    let outcome = reading.look(&found, &bytes, bytes.len() as u64, threads.max(2)).map_err(unreadable)?;
    together(path, vec![found], vec![outcome], Vec::new(), &progress)
}

/// Puts together what became of the files.
fn together(
    path: &Path,
    found: Vec<Found>,
    outcomes: Vec<Outcome>,
    problems: Vec<Problem>,
    progress: &Progress,
) -> Result<Logs, ReadError> {
    let looked_at = found.len();
    if progress.is_cancelled() {
        return Err(ReadError::Cancelled);
    }
    let Sorted { mut files, ledgers, mut broken } = sort_out(found, outcomes);
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
    sessions::mark(&mut logs);
    Ok(logs)
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

impl Reading<'_> {
    /// Reads all files: small ones side by side, then large ones one after the other.
    fn all(&self, found: &[Found]) -> Vec<Outcome> {
        let mut outcomes = parallel::map(found.len(), self.threads, |index| self.one(&found[index], 1));
        for (found, outcome) in found.iter().zip(&mut outcomes) {
            if matches!(outcome, Outcome::Large) {
                *outcome = self.one(found, self.threads.max(2));
            }
        }
        outcomes
    }

    /// Looks at a file, and reads it; a large one only where several threads are given to it.
    fn one(&self, found: &Found, threads: usize) -> Outcome {
        match self.attempt(found, threads) {
            Ok(outcome) => outcome,
            Err(error) => {
                let reason = format!("the system does not let it be read ({error})");
                Outcome::Broken(vec![Problem::new(found.source(), ProblemKind::Unreadable, reason)])
            }
        }
    }

    fn attempt(&self, found: &Found, threads: usize) -> io::Result<Outcome> {
        let file = File::open(&found.path)?;
        let size = file.metadata()?.len();
        self.look(found, &file, size, threads)
    }

    fn look(&self, found: &Found, bytes: &dyn ReadAt, size: u64, threads: usize) -> io::Result<Outcome> {
        let bytes: &dyn ReadAt = &Watched { bytes, progress: self.progress };
        let source = found.source();
        let name = unpack::plain_name(&found.name);
        let mut head = vec![0; HEAD];
        let length = fill(bytes, &mut head)?;
        head.truncate(length);
        let packing = Packing::of(&head);
        let mut stop = None;
        if let Some(packing) = packing {
            (head, stop) = packing.head(bytes, HEAD)?;
        }
        let head = Head { name, folder: &found.folder, bytes: &head };
        let sniffed = match self.options.format {
            None => match sniff(&head) {
                // What the caller says of its columns makes it a table of records.
                Sniffed::Unknown | Sniffed::Broken(ProblemKind::MissingColumn, _)
                    if has_named_columns(&head, &self.options.columns) =>
                {
                    Sniffed::Log(Format::Csv)
                }
                // Text may show what it is further on, or in a shape that only the caller knows.
                Sniffed::Unknown if self.is_text(&head, bytes, size, packing)? => Sniffed::Log(Format::Text),
                sniffed => sniffed,
            },
            Some(format) => {
                placeholder(head.bytes).map_or(Sniffed::Log(format), |(kind, reason)| Sniffed::Broken(kind, reason))
            }
        };
        match (sniffed, stop) {
            (Sniffed::Unknown, _) => return Ok(Outcome::NoLog),
            (Sniffed::Broken(ProblemKind::Empty, _), Some(stop)) => {
                return Ok(Outcome::Broken(vec![stop.problem(&source, size, 0)]));
            }
            (Sniffed::Broken(kind, reason), _) => {
                return Ok(Outcome::Broken(vec![Problem::new(source, kind, reason).at(0, size)]));
            }
            (Sniffed::Ledger | Sniffed::Log(_), _) => {}
        }
        let large = matches!(sniffed, Sniffed::Log(_)) && size > LARGE;
        if threads == 1 && large {
            return Ok(Outcome::Large);
        }
        let check = || self.progress.check();
        let content = match packing {
            None => None,
            // Beside other files only what needs little memory.
            Some(packing) if threads == 1 => match packing.small(bytes, LARGE, &check)? {
                None => return Ok(Outcome::Large),
                content => content,
            },
            Some(packing) => Some(packing.unpack(bytes, size, &check)?),
        };
        let Sniffed::Log(format) = sniffed else {
            return Ok(read_ledger(&whole(content.as_ref().map_or(bytes, |content| content))?, found));
        };
        let mut input = Input {
            file: &source,
            path: &found.path,
            folder: &found.folder,
            name,
            bytes: content.as_ref().map_or(bytes, |content| content),
            size: content.as_ref().map_or(size, unpack::Unpacked::size),
            threads: if threads == 1 { 1 } else { self.threads },
            options: self.options,
            mark: None,
        };
        let (mut read, another) = self.run(format, &mut input);
        if another && self.options.format.is_none() && !(reader(format).promised)(name) {
            return Ok(Outcome::NoLog);
        }
        read.facts.bytes = size;
        if let Some((stop, size_unpacked)) = content.as_ref().and_then(|it| Some((it.stop.as_ref()?, it.size()))) {
            read.problems.insert(0, stop.problem(&source, size, size_unpacked));
        }
        let broken = read.facts.sound == 0 && read.problems.iter().any(|problem| problem.kind == ProblemKind::NotALog);
        Ok(if broken { Outcome::Broken(read.problems) } else { Outcome::Read(format, read) })
    }

    /// Whether a file of no other format is a log for people.
    fn is_text(&self, head: &Head, bytes: &dyn ReadAt, size: u64, packing: Option<Packing>) -> io::Result<bool> {
        let packed = packing.map_or(usize::try_from(size).unwrap_or(usize::MAX), |_| usize::MAX);
        let wide = wide_head(head.name).min(packed);
        if wide <= HEAD && self.options.pattern.is_none() {
            return Ok(false);
        }
        let first = match packing {
            Some(packing) => packing.head(bytes, wide)?.0,
            None => {
                let mut first = vec![0; wide];
                let length = fill(bytes, &mut first)?;
                first.truncate(length);
                first
            }
        };
        Ok(recognised_text(&Head { bytes: &first, ..*head }, self.options.pattern.as_deref()))
    }

    /// Reads a file that is in this format, with all that is told of it; and says whether it is of another sort.
    fn run(&self, format: Format, input: &mut Input) -> (FileRead, bool) {
        let mut pieces = Vec::new();
        let mut emit = |piece| pieces.push(piece);
        let mut sink = Sink::new(input.file, input.size, self.progress, &mut emit);
        self.progress.expect(input.size);
        if let Err(fault) = (reader(format).read)(input, &mut sink) {
            let (at, end) = (sink.read, input.size.max(sink.read));
            let reason =
                format!("the system does not give its last {} bytes ({fault}); what stands before was read", end - at);
            sink.report(ProblemKind::Unreadable, at, end, reason);
        }
        let Sink { problems, facts, another, mark, .. } = sink;
        (FileRead { pieces, problems, facts, mark }, another)
    }
}

/// A file whose bytes are counted as they are taken; it ends with an error once its reading was cancelled.
struct Watched<'a> {
    bytes: &'a dyn ReadAt,
    progress: &'a Progress,
}

impl ReadAt for Watched<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.progress.check()?;
        let count = self.bytes.read_at(buffer, offset)?;
        self.progress.add(count as u64);
        Ok(count)
    }
}

/// Reads a ledger, which nobody needs to be whole.
fn read_ledger(bytes: &[u8], found: &Found) -> Outcome {
    let source = found.source();
    let kind = match Ledger::read(bytes, &source) {
        Ok(ledger) => return Outcome::Ledger(ledger),
        Err(error @ LedgerError::Newer { .. }) => (ProblemKind::Newer, error),
        Err(error) => (ProblemKind::NotALog, error),
    };
    Outcome::Broken(vec![Problem::new(source, kind.0, kind.1.to_string()).at(0, bytes.len() as u64)])
}

/// Reads the beginning of a file.
fn fill(bytes: &dyn ReadAt, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match bytes.read_at(&mut buffer[length..], length as u64) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// Files by what they turned out to be.
struct Sorted {
    files: Vec<LogFile>,
    ledgers: Vec<FoundLedger>,
    broken: Vec<Problem>,
}

/// Separates what is a log from what is none.
fn sort_out(found: Vec<Found>, outcomes: Vec<Outcome>) -> Sorted {
    let (mut files, mut ledgers, mut broken) = (Vec::new(), Vec::new(), Vec::new());
    for (found, outcome) in found.into_iter().zip(outcomes) {
        match outcome {
            Outcome::Read(format, read) => {
                files.push(LogFile { source: found.source(), folder: found.folder, format, read });
            }
            Outcome::Ledger(ledger) => ledgers.push(FoundLedger { file: found.source(), ledger }),
            Outcome::Broken(problems) => broken.extend(problems),
            Outcome::NoLog | Outcome::Large => {}
        }
    }
    Sorted { files, ledgers, broken }
}
