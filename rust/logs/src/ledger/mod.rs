//! Ledgers: what a clock took down while it counted (`stepclock.jsonl`), read back into timelines.
//!
//! Every line is one that was read or a problem that is reported. A last line that was torn leaves the state before it. A
//! damaged line in the middle may have been of any kind: the epochs around it still follow from their counts, but what was
//! planned does not, so that the timeline ends there until a later line of the ledger says it anew.

mod schema;
mod session;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use schema::{Fault, Line};
use session::Open;
use stepbridge_records::{Problem, ProblemKind};

pub(crate) use schema::BEGINS;
pub use schema::{
    ChangeLine, EndOf, EpochLine, Kind, LoggedAs, LoggedAsLine, Position, SessionLine, StopLine, Supersedes, VERSION,
    segments, write,
};
pub use session::{Changed, Session};

/// A ledger's name, where nobody gave another one.
pub const NAME: &str = "stepclock.jsonl";

/// What a ledger holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ledger {
    /// In the order of their first lines.
    pub sessions: Vec<Session>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Whether its last byte is no newline: who goes on writes one first.
    pub open_line: bool,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Why nothing of a ledger can be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// There is none.
    #[error("there is no ledger '{}'; a clock writes one with StepClock(ledger=...)", path.display())]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The system does not let it be read.
    #[error("the ledger '{}' cannot be read ({source})", path.display())]
    Unreadable {
        /// Where it is.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A newer version wrote it.
    #[error(
        "'{file}' was written by a newer stepbridge (version {version} of the ledger, this one reads up to {VERSION}): \
         upgrade stepbridge"
    )]
    Newer {
        /// The file.
        file: String,
        /// Its version.
        version: u32,
    },
    /// Nothing in it is a ledger's.
    #[error("'{file}' is no ledger: no line of it is one that a clock writes")]
    NoLedger {
        /// The file.
        file: String,
    },
}

impl Ledger {
    /// Reads a ledger file, or the one in a folder.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let path = if path.is_dir() { path.join(NAME) } else { path.to_owned() };
        let bytes = fs::read(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => LedgerError::NotFound { path: path.clone() },
            _ => LedgerError::Unreadable { path: path.clone(), source },
        })?;
        Self::read(&bytes, &path.display().to_string())
    }

    /// Reads a ledger's bytes; `file` is its name in problems.
    pub fn read(bytes: &[u8], file: &str) -> Result<Self, LedgerError> {
        let mut reader = Reader { file, open: Vec::new(), problems: Vec::new(), last: None, time: f64::NEG_INFINITY };
        let lines = Lines { bytes, at: 0, number: 0 };
        // Lines that end inside, of which the next sound line says what they were.
        let mut torn: Vec<Raw> = Vec::new();
        for line in lines {
            match schema::read(line.bytes) {
                Ok(sound) => {
                    let session = matches!(sound, Line::Session(_));
                    for torn in torn.drain(..) {
                        // A process that was stopped wrote no more: the next one begins a session.
                        if session { reader.torn(&torn) } else { reader.broken(&torn, SHORT) }
                    }
                    reader.sound(&line, sound);
                }
                Err(Fault::Newer(version)) => return Err(LedgerError::Newer { file: file.to_owned(), version }),
                Err(Fault::Short) if !(line.whole && schema::passes_checksum(line.bytes)) => torn.push(line),
                Err(fault) => {
                    for torn in torn.drain(..) {
                        reader.broken(&torn, SHORT);
                    }
                    reader.broken(&line, if let Fault::Broken(what) = &fault { what } else { SHORT });
                }
            }
        }
        for torn in torn.drain(..) {
            // What the writer was writing when it stopped is not on record; what stands before is.
            if torn.whole { reader.broken(&torn, SHORT) } else { reader.torn(&torn) }
        }
        if reader.open.is_empty() && !bytes.is_empty() && !bytes.starts_with(&BEGINS[..bytes.len().min(BEGINS.len())]) {
            return Err(LedgerError::NoLedger { file: file.to_owned() });
        }
        let mut ledger = Self {
            sessions: Vec::with_capacity(reader.open.len()),
            problems: reader.problems,
            open_line: bytes.last().is_some_and(|last| *last != b'\n'),
            bytes: bytes.len() as u64,
        };
        for open in reader.open {
            let number = open.number();
            match open.close() {
                Ok(session) => ledger.sessions.push(session),
                Err(error) => {
                    let reason = format!("session {number} makes no timeline ({error}); it was left out");
                    ledger.problems.push(Problem::new(file, ProblemKind::Corrupt, reason));
                }
            }
        }
        Ok(ledger)
    }
}

const SHORT: &str = "it ends inside";

/// A line and where it stands.
struct Raw<'a> {
    bytes: &'a [u8],
    offset: u64,
    number: u64,
    /// Whether a newline ends it.
    whole: bool,
}

impl Raw<'_> {
    fn problem(&self, file: &str, kind: ProblemKind, reason: String) -> Problem {
        Problem::new(file, kind, reason).at(self.offset, self.bytes.len() as u64).of_record(self.number)
    }
}

/// The lines of a file that are not blank.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    number: u64,
}

impl<'a> Iterator for Lines<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        loop {
            let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
            let end = rest.iter().position(|byte| *byte == b'\n');
            let line = &rest[..end.unwrap_or(rest.len())];
            let offset = self.at as u64;
            self.at += line.len() + 1;
            if !line.trim_ascii().is_empty() {
                self.number += 1;
                return Some(Raw { bytes: line, offset, number: self.number - 1, whole: end.is_some() });
            }
        }
    }
}

struct Reader<'a> {
    file: &'a str,
    open: Vec<Open>,
    problems: Vec<Problem>,
    /// Index of the session that the last sound line belongs to.
    last: Option<usize>,
    /// When that line was written.
    time: f64,
}

impl Reader<'_> {
    fn sound(&mut self, raw: &Raw, line: Line) {
        let (number, time) = match &line {
            Line::Session(line) => (line.session, line.time),
            Line::Epoch(line) => (line.session, line.time),
            Line::Change(line) => (line.session, line.time),
            Line::LoggedAs(line) => (line.session, line.time),
            Line::Stop(line) => (line.session, line.time),
            Line::Other => return,
        };
        let at = self.open.iter().rposition(|open| open.number() == number);
        let outcome = match (line, at) {
            (Line::Session(_), Some(at)) => {
                self.open[at].end();
                self.last = Some(at);
                Err(format!("a second session {number} begins: two processes wrote at once"))
            }
            (Line::Session(line), None) => match Open::new(line) {
                Ok(open) => {
                    self.open.push(open);
                    self.last = Some(self.open.len() - 1);
                    Ok(())
                }
                Err(why) => {
                    self.lost(number);
                    Err(why)
                }
            },
            (line, at) => {
                let missing = at.is_none();
                let Some(at) = at.or_else(|| self.lost(number)) else { return };
                self.last = Some(at);
                let open = &mut self.open[at];
                let fits = match line {
                    Line::Epoch(line) => open.epoch(line),
                    Line::Change(line) => open.change(line),
                    Line::LoggedAs(line) => {
                        open.logged_as(line);
                        Ok(())
                    }
                    Line::Stop(line) => {
                        open.stop(&line);
                        Ok(())
                    }
                    Line::Session(_) | Line::Other => Ok(()),
                };
                if missing { Err(format!("the first line of its session, {number}, is lost")) } else { fits }
            }
        };
        self.time = time;
        if let Err(why) = outcome {
            let reason = format!("{why}; the timeline of session {number} ends before it");
            self.problems.push(raw.problem(self.file, ProblemKind::Corrupt, reason));
        }
    }

    /// A session of which only later lines are left. It may have begun right after the last sound line.
    fn lost(&mut self, number: u64) -> Option<usize> {
        self.open.push(Open::lost(number, self.time).ok()?);
        self.last = Some(self.open.len() - 1);
        self.last
    }

    /// A line that was not written to its end.
    fn torn(&mut self, line: &Raw) {
        let reason = "the line is not whole: its writer was stopped while it wrote; what stands before it is on record";
        self.problems.push(line.problem(self.file, ProblemKind::Truncated, reason.to_owned()));
    }

    fn broken(&mut self, line: &Raw, what: &str) {
        let ends = match self.last.and_then(|last| self.open.get_mut(last)) {
            Some(open) => {
                open.doubt();
                format!("what session {} planned is not known from here on, until a later line says it", open.number())
            }
            None => "the lines behind it were read".to_owned(),
        };
        let reason = format!("the line is damaged ({what}); {ends}");
        self.problems.push(line.problem(self.file, ProblemKind::Corrupt, reason));
    }
}
