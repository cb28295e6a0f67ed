//! Readers of training logs.
//!
//! Every format has its file; all give the same [`Records`]: columns of run, tag, step, stated epoch, time and value,
//! in file order, with a list of the [`Problem`]s beside them. One damaged file, or one damaged range in a file, never
//! costs what is sound around it.

#![forbid(unsafe_code)]

mod beside;
mod checkpoints;
mod error;
pub mod infer;
mod join;
mod overview;
mod read;
pub mod reindex;
mod sessions;
mod table;
mod thin;
mod twins;
mod walk;
mod write;

pub use error::ReadError;
pub use overview::Overview;
pub use read::{FoundLedger, Logs, Source, read, read_bytes};
pub use stepbridge_formats::{NamedColumns, ReadOptions};
pub use stepbridge_io::progress::Progress;
pub use table::{Superseded, Table};
pub use write::{Output, TableWriter, WriteError};
