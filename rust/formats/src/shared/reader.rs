//! What a format provides.

use std::io;

use stepbridge_records::{Format, ProblemKind};

use super::head::FileHead;
use super::input::Input;
use super::sink::Sink;

/// How a format is recognised and read. Each format has one, next to its code, and a line in the registry.
pub struct FormatReader {
    /// The format.
    pub format: Format,
    /// Whether the name alone says that a file is of this format. A file with such a name that is something else is damaged.
    pub claims_name: fn(name: &str) -> bool,
    /// Whether the first bytes are those of this format.
    pub matches: fn(&FileHead) -> bool,
    /// What is wrong with a file whose name is claimed and whose first bytes do not match. `None` if it is read all the same.
    pub explain_mismatch: fn(&FileHead) -> Option<(ProblemKind, &'static str)>,
    /// Reads all of it.
    pub read: fn(&mut Input, &mut Sink) -> io::Result<()>,
}
