//! Why nothing at all could be read.

use std::io;
use std::path::PathBuf;

use stepbridge_formats::PatternError;
use stepbridge_records::Problem;

/// What people are told to look for.
const KNOWN: &str = "a log of TensorBoard, Lightning, Keras, Hugging Face, MMEngine, detectron2, Ultralytics, \
                     Stable-Baselines3, MLflow or W&B, or CSV, JSON lines or text with steps or epochs";

/// Nothing could be read, and why: one sentence of what, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The path is not there.
    #[error("there is no file or folder '{}'; give a log file, or a folder that holds logs", path.display())]
    NotFound {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// The system does not let it be read.
    #[error("'{}' cannot be read ({source}); check that it is a file or a folder and who may read it", path.display())]
    Unreadable {
        /// The path that was asked for.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A folder without a file.
    #[error("the folder '{}' holds no file; give one that holds {KNOWN}", path.display())]
    EmptyFolder {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// A folder of other files.
    #[error("there is no log below '{}': none of its {files} files is {KNOWN}", path.display())]
    NoLogs {
        /// The path that was asked for.
        path: PathBuf,
        /// How many files were looked at.
        files: usize,
    },
    /// A file in no known format.
    #[error(
        "'{}' is not a log of a known format; expected {KNOWN}; of another one, name the columns or give a pattern that \
         its lines fit",
        path.display()
    )]
    NotALog {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// What a clock took down of a run, and none of the run's logs.
    #[error("there is no log at '{}', only the ledger '{ledger}', which `read_ledger` reads", path.display())]
    OnlyLedger {
        /// The path that was asked for.
        path: PathBuf,
        /// The ledger, relative to it.
        ledger: String,
    },
    /// The pattern of the caller is wrong.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// Its caller ended the reading.
    #[error("reading was ended before all was read")]
    Cancelled,
    /// There are logs, and not one of them can be read.
    #[error("no log could be read at '{}': {}{}", path.display(), first(problems), more(problems))]
    NothingReadable {
        /// The path that was asked for.
        path: PathBuf,
        /// What is wrong with each: at least one.
        problems: Vec<Problem>,
    },
}

fn first(problems: &[Problem]) -> String {
    problems.first().map_or_else(String::new, |problem| format!("{}: {}", problem.file, problem.reason))
}

fn more(problems: &[Problem]) -> String {
    match problems.len() {
        0 | 1 => String::new(),
        count => format!(" (and {} problems more)", count - 1),
    }
}
