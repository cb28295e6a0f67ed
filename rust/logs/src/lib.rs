//! Readers of training logs.
//!
//! Every format has its file; all give the same [`Records`]: columns of run, tag, step, stated epoch, time and value,
//! in file order, with a list of the [`Problem`]s beside them. One damaged file, or one damaged range in a file, never
//! costs what is sound around it.

#![deny(unsafe_code)]

mod beside;
mod bytes;
mod checkpoints;
mod columns;
mod crc;
mod epochs;
mod error;
mod formats;
pub mod infer;
mod join;
mod json;
pub mod ledger;
mod options;
mod overview;
mod parallel;
mod piece;
mod problem;
mod progress;
mod read;
mod record;
pub mod reindex;
mod segments;
mod sessions;
mod table;
mod thin;
mod twins;
mod unpack;
mod walk;
mod write;

pub use epochs::Epochs;
pub use error::ReadError;
pub use formats::{EpochMeaning, Format, Meaning, Resumes, Scope, StepMeaning};
pub use options::{NamedColumns, ReadOptions};
pub use overview::Overview;
pub use piece::Facts;
pub use problem::{Problem, ProblemKind};
pub use progress::Progress;
pub use read::{FoundLedger, Logs, Source, read, read_bytes};
pub use record::{Chunk, Precision, Records, Stated};
pub use sessions::{Position, Redone};
pub use table::{PivotError, Superseded, Table};
pub use write::{Output, TableWriter, WriteError};
