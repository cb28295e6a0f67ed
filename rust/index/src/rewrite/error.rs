//! Why nothing was rewritten.

use std::io;
use std::path::PathBuf;

use stepbridge_records::Problem;
use stepbridge_timeline::Error;

use crate::error::ReadError;

/// Why nothing was rewritten. What was in the output folder before still is.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// The logs cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// No record can be located in the unit that the caller gave.
    #[error(transparent)]
    Timeline(#[from] Error),
    /// Runs have no place, and the caller wants all of them to have one.
    #[error("{}; nothing was written", first(.0))]
    Unplaced(Vec<Problem>),
    /// Nothing has a place on the axis.
    #[error("nothing can be placed on the axis '{axis}': {reason}; nothing was written")]
    Nothing {
        /// The name of the axis.
        axis: &'static str,
        /// One clause for people.
        reason: String,
    },
    /// The table lacks the column of the axis.
    #[error("the table has no column '{column}', so that it cannot be put on the axis '{axis}'; {remedy}")]
    NoColumn {
        /// The name of the axis.
        axis: &'static str,
        /// The column.
        column: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// The output is one of the inputs, or lies in them.
    #[error("'{}' lies in what is read, '{}'; give a folder elsewhere; nothing was written", path.display(), input.display())]
    InPlace {
        /// The output.
        path: PathBuf,
        /// The input.
        input: PathBuf,
    },
    /// The output folder holds something that this library did not write there.
    #[error(
        "'{}' holds other files, such as '{file}'; give a new folder, or one that stepbridge wrote; nothing was written",
        path.display()
    )]
    NotEmpty {
        /// The output.
        path: PathBuf,
        /// One of the files, relative to it.
        file: String,
    },
    /// The output is a file, or a link.
    #[error("'{}' is not a folder; give the name of a folder for the event files; nothing was written", path.display())]
    NotAFolder {
        /// The output.
        path: PathBuf,
    },
    /// The system refuses to write.
    #[error("'{}' cannot be written ({source})", path.display())]
    Io {
        /// The file or the folder.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A log could not be read a second time.
    #[error("'{file}' cannot be read any more ({source}); nothing was written")]
    Gone {
        /// The log.
        file: String,
        /// The error of the system.
        source: io::Error,
    },
    /// The caller cancelled.
    #[error("rewriting was ended before all was there; nothing was written")]
    Cancelled,
}

fn first(problems: &[Problem]) -> String {
    let more = if problems.len() > 1 { format!(" (and {} more)", problems.len() - 1) } else { String::new() };
    problems.first().map_or_else(String::new, |problem| format!("{}{more}", problem.reason))
}
