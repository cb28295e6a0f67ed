//! Why no log could be read.

use std::io;
use std::path::PathBuf;

use stepbridge_formats::{Lookalike, PatternError, known_logs, readers};
use stepbridge_records::Problem;

use crate::logs::UnreadFile;

/// What people can do with a file that does not even look like a log.
const ELSE: &str = "of another one, name the columns or give a pattern that its lines fit";

/// Why no log could be read: one sentence that says what, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The path does not exist.
    #[error("there is no file or folder '{}'; give a log file, or a folder that holds logs", path.display())]
    NotFound {
        /// The path that the caller gave.
        path: PathBuf,
    },
    /// One of several paths does not lie below their root.
    #[error("'{}' does not lie in '{}'; give a root that holds all paths", path.display(), root.display())]
    Outside {
        /// The path.
        path: PathBuf,
        /// The root that the caller gave.
        root: PathBuf,
    },
    /// The system refuses to read it.
    #[error("'{}' cannot be read ({source}); check that it is a file or a folder and who may read it", path.display())]
    Unreadable {
        /// The path that the caller gave.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The folder holds no file.
    #[error("the folder '{}' holds no file; give one that holds {}", path.display(), known_logs())]
    EmptyFolder {
        /// The path that the caller gave.
        path: PathBuf,
    },
    /// The folder holds only other files.
    #[error(
        "there is no log below '{}': none of its {files} files is {}{}",
        path.display(), known_logs(), lookalikes(unread)
    )]
    NoLogs {
        /// The path that the caller gave.
        path: PathBuf,
        /// How many files were looked at.
        files: usize,
        /// Those that look like logs.
        unread: Vec<UnreadFile>,
    },
    /// The file is not in a known format.
    #[error(
        "'{}' is not a log of a known format; expected {}; {}",
        path.display(),
        known_logs(),
        lookalike.as_ref().map_or_else(|| ELSE.to_owned(), remedy)
    )]
    NotALog {
        /// The path that the caller gave.
        path: PathBuf,
        /// What it looks like.
        lookalike: Option<Lookalike>,
    },
    /// There are only tables that this library wrote.
    #[error(
        "'{}' is a table that stepbridge wrote, or holds nothing else; it is not read again; give the logs that it was made of",
        path.display()
    )]
    OwnTable {
        /// The path that the caller gave.
        path: PathBuf,
    },
    /// There is the ledger of a run, and none of its logs.
    #[error("there is no log at '{}', only the ledger '{ledger}', which `read_ledger` reads", path.display())]
    OnlyLedger {
        /// The path that the caller gave.
        path: PathBuf,
        /// The ledger, relative to it.
        ledger: String,
    },
    /// The caller named a column, and no file that was read is of a format in which columns are named.
    #[error(
        "{option}= names a column in files of the formats {}, and '{}' holds none of them ({}); leave it out, or give format= \
         as well if the files are such tables",
        with_columns(), path.display(), found.join(", ")
    )]
    NoColumns {
        /// The argument.
        option: &'static str,
        /// The path that the caller gave.
        path: PathBuf,
        /// The titles of the formats that were read.
        found: Vec<&'static str>,
    },
    /// The pattern of the caller is wrong.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// Runs cannot be chained as the caller says.
    #[error("chain={runs:?}: {reason}")]
    Chain {
        /// The pattern of the caller.
        runs: String,
        /// One clause for people.
        reason: String,
    },
    /// The caller cancelled.
    #[error("reading was ended before all was read")]
    Cancelled,
    /// There are logs, and none of them can be read.
    #[error("no log could be read at '{}': {}{}", path.display(), first(problems), more(problems))]
    NothingReadable {
        /// The path that the caller gave.
        path: PathBuf,
        /// What is wrong with each; at least one.
        problems: Vec<Problem>,
    },
}

/// The names of the formats whose columns, or keys, a caller may name.
fn with_columns() -> String {
    let named = readers().into_iter().map(|reader| &reader.description).filter(|format| format.options.columns);
    named.map(|format| format.name).collect::<Vec<_>>().join(" and ")
}

fn first(problems: &[Problem]) -> String {
    problems.first().map_or_else(String::new, |problem| format!("{}: {}", problem.file, problem.reason))
}

fn lookalikes(unread: &[UnreadFile]) -> String {
    let Some(UnreadFile { file, lookalike }) = unread.first() else { return String::new() };
    match unread.len() {
        1 => format!("; {file} looks like one: {}", remedy(lookalike)),
        count => format!("; {count} look like one, such as {file}: {}", remedy(lookalike)),
    }
}

fn remedy(lookalike: &Lookalike) -> String {
    match &lookalike.example {
        None => lookalike.remedy.clone(),
        Some(line) => format!("{}, such as '{line}'", lookalike.remedy),
    }
}

fn more(problems: &[Problem]) -> String {
    match problems.len() {
        0 | 1 => String::new(),
        count => format!(" (and {} problems more)", count - 1),
    }
}
