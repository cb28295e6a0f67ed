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
mod error;
mod format;
pub mod infer;
mod join;
mod json;
pub mod ledger;
mod lightning_csv;
mod parallel;
mod piece;
mod problem;
mod read;
mod record;
pub mod reindex;
mod sniff;
mod table;
mod tfevents;
mod trainer_state;
mod walk;
mod write;

pub use error::ReadError;
pub use format::{Format, StepMeaning};
pub use piece::Facts;
pub use problem::{Problem, ProblemKind};
pub use read::{FoundLedger, Logs, Source, read};
pub use record::{Chunk, Precision, Records, Stated};
pub use table::Table;
pub use write::{Output, WriteError};
