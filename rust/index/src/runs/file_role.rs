//! What a file is to a reading, as its name and its first bytes show.

use stepbridge_formats::FormatReader;
use stepbridge_records::Problem;

/// What a file is, by its name and its first bytes.
#[derive(Debug, Clone)]
pub enum FileRole {
    /// A log, and what reads it.
    Log(&'static FormatReader),
    /// A ledger.
    Ledger,
    /// The configuration of a run.
    Config,
    /// Something that is not read.
    Other,
    /// It should be a log or a ledger, and cannot be read.
    Broken(Problem),
    /// What an earlier call returned of it: it has not changed.
    Known,
}
