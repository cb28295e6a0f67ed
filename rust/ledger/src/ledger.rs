//! A ledger file.

use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use stepbridge_io::open::open_file;
use stepbridge_records::Problem;

use crate::reader::{ReadFault, ReadLines, read_lines};
use crate::schema::{BEGINS, VERSION};
use crate::session::Session;

/// The default file name of a ledger.
pub const NAME: &str = "stepclock.jsonl";

/// What a ledger holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ledger {
    /// The sessions, in the order of their first lines.
    pub sessions: Vec<Session>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Whether its last byte is not a newline: a writer that appends must write one first.
    pub open_line: bool,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Why a ledger cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file does not exist.
    #[error("there is no ledger '{}'; a clock writes one with StepClock(ledger=...)", path.display())]
    NotFound {
        /// Its path.
        path: PathBuf,
    },
    /// The system refuses to read it.
    #[error("the ledger '{}' cannot be read ({source})", path.display())]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// The error of the system.
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
    /// No line of it is a line of a ledger.
    #[error("'{file}' is not a stepbridge ledger: no line could be parsed")]
    NoLedger {
        /// The file.
        file: String,
    },
}

/// Whether a file is a ledger, by its name or its first bytes.
#[must_use]
pub fn is_ledger(name: &str, head: &[u8]) -> bool {
    name == NAME || head.starts_with(BEGINS)
}

impl Ledger {
    /// Reads a ledger file, or the ledger in a folder.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let path = if path.is_dir() { path.join(NAME) } else { path.to_owned() };
        let (file, _) = open_file(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => LedgerError::NotFound { path: path.clone() },
            _ => LedgerError::Unreadable { path: path.clone(), source },
        })?;
        Self::read_from(BufReader::new(file), &path.display().to_string())
    }

    /// Reads the bytes of a ledger; `file` is its name in problems.
    pub fn read(bytes: &[u8], file: &str) -> Result<Self, LedgerError> {
        Self::read_from(bytes, file)
    }

    /// Reads a ledger line by line; `file` is its name in problems.
    pub fn read_from(mut source: impl BufRead, file: &str) -> Result<Self, LedgerError> {
        let unreadable = |source| LedgerError::Unreadable { path: file.into(), source };
        let head = source.fill_buf().map_err(unreadable)?;
        let begins_well = head.starts_with(&BEGINS[..head.len().min(BEGINS.len())]);
        let read = read_lines(source, file).map_err(|fault| match fault {
            ReadFault::Newer(version) => LedgerError::Newer { file: file.to_owned(), version },
            ReadFault::Io(source) => unreadable(source),
        })?;
        let ReadLines { sessions, problems, bytes, open_line } = read;
        if sessions.is_none() && !begins_well {
            return Err(LedgerError::NoLedger { file: file.to_owned() });
        }
        Ok(Self { sessions: sessions.unwrap_or_default(), problems, open_line, bytes })
    }
}
