//! Leaves out files whose records another file of the run holds too.

mod checkpoints;
mod copies;

use stepbridge_records::Problem;

pub(super) use checkpoints::is_in_checkpoint;

use super::log_file::LogFile;

/// Removes the copies from `files`, which are in order, and returns a problem for each.
pub(super) fn remove_copies(files: &mut Vec<LogFile>) -> Vec<Problem> {
    [checkpoints::remove_copies(files), copies::remove_copies(files)].concat()
}
