//! What a ledger says of the steps that loggers were given, held against the log.
//!
//! A step 0 where they count from 1, or one past the session's end, refutes it. A statement stands for the other records,
//! since somebody answers for it; an assumption does not, and none of the session's records gets a place from it.

use std::collections::HashSet;

use stepbridge_timeline::MASKED;

use super::place::{Part, Places, Refutation};
use super::run::Basis;
use stepbridge_records::Records;

/// Periods of runs, whose ledger is refuted.
pub(super) type Fallen = HashSet<(u32, usize)>;

/// What of the ledgers falls.
pub(super) fn fallen(records: &Records, parts: &[Vec<Part>]) -> Fallen {
    let mut fallen = Fallen::new();
    for (batch, parts) in records.batches.iter().zip(parts) {
        for part in parts {
            if part.refutations() && part.basis == Basis::Assumed {
                fallen.insert((batch.run, part.period));
            }
        }
    }
    fallen
}

/// Takes the places back that rest on what fell.
pub(super) fn refute(records: &Records, fallen: &Fallen, places: &mut [Places], parts: &mut [Vec<Part>]) {
    for ((batch, parts), places) in records.batches.iter().zip(parts.iter_mut()).zip(places) {
        for part in parts {
            if part.basis == Basis::Assumed && fallen.contains(&(batch.run, part.period)) {
                part.refuted = true;
                part.seen.disagrees = super::place::Tally::default();
                places.clear(part.range.clone());
            }
        }
    }
}

impl Part<'_> {
    /// Whether the log holds something that contradicts the ledger.
    fn refutations(&self) -> bool {
        self.refutation.is_some_and(|Refutation { zero, past_end }| {
            (zero && self.seen.zero.count > 0) || (past_end && self.seen.past_end.count > 0)
        })
    }
}

impl Places {
    fn clear(&mut self, range: std::ops::Range<usize>) {
        self.complete = false;
        self.epoch[range.clone()].fill(MASKED);
        self.iter[range.clone()].fill(MASKED);
        self.epoch_float[range.clone()].fill(f64::NAN);
        for column in [&mut self.batch, &mut self.sample].into_iter().flatten() {
            column[range.clone()].fill(MASKED);
        }
    }
}
