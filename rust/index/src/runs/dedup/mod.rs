//! Leaves out files whose records another file of the run holds too.

mod mmengine;
mod trainer_state;

use stepbridge_records::Problem;

use super::log_file::LogFile;

/// Removes the copies from `files`, which are in order, and returns a problem for each.
pub(super) fn remove_copies(files: &mut Vec<LogFile>) -> Vec<Problem> {
    [trainer_state::remove_copies(files), mmengine::remove_copies(files)].concat()
}
