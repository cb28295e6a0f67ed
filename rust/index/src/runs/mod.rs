//! From files to runs: which files there are, what each holds, and which sessions of which run wrote it.

mod chain;
mod config_for_run;
mod counted_file;
mod dedup;
mod file_kind;
mod file_outcome;
mod file_role;
mod found_files;
mod gather;
mod ledger_for_run;
mod log_file;
pub(crate) mod merge;
pub(crate) mod open;
mod probe;
mod read;
mod refresh;
pub(crate) mod refresh_state;
mod sessions;
mod survey_filter;
mod walk;

pub use file_role::FileRole;
pub use found_files::{FoundFile, find_files};
pub use probe::{companion_names, is_read_whole};
pub(crate) use read::{MOST_THREADS, SMALL, survey};
pub use read::{read, read_bytes, read_run};
pub(crate) use sessions::SeriesBack;
