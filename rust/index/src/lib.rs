//! Runs of training logs: reading, sessions, inference, re-indexing, tables and their output.
//!
//! Data goes one way. [`read`] gathers the files of runs into [`Logs`]; [`infer`] finds timelines from logged epochs;
//! [`reindex`] gives every record its epoch and iter; a [`Table`] holds the columns, and [`output`](TableWriter) writes them.
//! [`rewrite`] writes the logs on another axis, as event files.
//! [`Survey`] does all of it for logs that do not fit into memory.

#![forbid(unsafe_code)]

mod curves;
mod error;
mod file_path;
mod glob;
pub mod infer;
mod locate_step;
mod log_paths;
mod logs;
mod output;
mod overview;
pub mod reindex;
mod repeated_series;
pub mod rewrite;
mod runs;
mod second_counters;
mod streamed;
mod table;

pub use curves::{Curve, CurveOptions, CurvePoint, Curves, Done};
pub use error::ReadError;
pub use locate_step::{StepAnswer, StepPlace, StepQuery, StepReading, StepRecord};
pub use log_paths::LogPaths;
pub use logs::{ChainedRun, LedgerFile, Logs, RunLedger, SourceFile, UnreadFile};
pub use output::{Output, TableWriter, WriteError};
pub use overview::Overview;
pub use repeated_series::RepeatedSeries;
pub use runs::{FileRole, FoundFile, companion_names, find_files, is_read_whole, read, read_bytes, read_run};
pub use streamed::{StreamError, StreamResult, Survey};
pub use table::{PivotError, Superseded, Table};
