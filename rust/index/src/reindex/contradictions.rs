//! What a ledger says of the steps that loggers were given, held against the log.
//!
//! A step 0 where they count from 1, or one past the session's end, refutes it. A statement stands for the other records,
//! since somebody answers for it; an assumption does not, and none of the session's records gets a place from it.

use std::collections::HashSet;

use super::basis::StepBasis;
use super::part::{PlacedPart, Refutation, Tally};
use super::places::Places;
use stepbridge_records::Records;

/// Periods of runs, whose ledger is refuted.
pub(crate) type RefutedLedgers = HashSet<(u32, usize)>;

/// What of the ledgers falls.
pub(crate) fn fallen(records: &Records, parts: &[Vec<PlacedPart>]) -> RefutedLedgers {
    let mut fallen = RefutedLedgers::new();
    for (batch, parts) in records.batches.iter().zip(parts) {
        for part in parts {
            if part.refutations() && part.basis == StepBasis::LedgerAssumed {
                fallen.insert((batch.run, part.period));
            }
        }
    }
    fallen
}

/// Takes the places back that rest on what fell.
pub(crate) fn refute(records: &Records, fallen: &RefutedLedgers, places: &mut [Places], parts: &mut [Vec<PlacedPart>]) {
    for ((batch, parts), places) in records.batches.iter().zip(parts.iter_mut()).zip(places) {
        for part in parts {
            if part.basis == StepBasis::LedgerAssumed && fallen.contains(&(batch.run, part.period)) {
                part.refuted = true;
                part.seen.disagrees = Tally::default();
                places.clear(part.range.clone());
            }
        }
    }
}

impl PlacedPart<'_> {
    /// Whether the log holds something that contradicts the ledger.
    fn refutations(&self) -> bool {
        self.refutation.is_some_and(|Refutation { zero, past_end }| {
            (zero && self.seen.zero.count > 0) || (past_end && self.seen.past_end.count > 0)
        })
    }
}
