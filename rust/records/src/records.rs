//! Everything that was read below one path.

use crate::batch::ColumnBatch;
use crate::problem::Problem;

/// The records of many files, with the names that they refer to by number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Records {
    /// Names of runs: the folder relative to the path that the caller gave, `.` for that path itself.
    pub runs: Vec<String>,
    /// Names of tags (the series of values), over all runs.
    pub tags: Vec<String>,
    /// The files, relative to the path that the caller gave; if that is a file, its name.
    pub sources: Vec<String>,
    /// The records, in the order of the files. A large file gives several batches, one after the other.
    pub batches: Vec<ColumnBatch>,
    /// What could not be read, in the same order.
    pub problems: Vec<Problem>,
}

impl Records {
    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.batches.iter().map(ColumnBatch::len).sum()
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.batches.iter().all(ColumnBatch::is_empty)
    }

    /// For each run, how many sessions it has and how many of its records are superseded.
    #[must_use]
    pub fn sessions(&self) -> Vec<(u32, u64)> {
        let mut counts = vec![(1, 0); self.runs.len()];
        let mut first: Vec<Option<u32>> = vec![None; self.runs.len()];
        for batch in &self.batches {
            let run = batch.run as usize;
            let Some(first) = first.get_mut(run) else { continue };
            *first = Some(first.map_or(batch.session, |first| first.min(batch.session)));
        }
        for batch in &self.batches {
            let run = batch.run as usize;
            let Some((sessions, superseded)) = counts.get_mut(run) else { continue };
            // A later attempt keeps the numbers that its ledger has for its sessions.
            let first = first[run].unwrap_or(0);
            *sessions = (batch.session - first + 1).max(*sessions);
            if batch.superseded_from.is_some() {
                *superseded += (0..batch.len()).filter(|&index| batch.is_superseded(index)).count() as u64;
            }
        }
        counts
    }
}
