//! Compares what a ledger says of the logged steps with the log.
//!
//! A step 0 where steps count from 1, or a step past the end of the session, contradicts the ledger. A statement is still
//! used for the other records, because somebody made it. An assumption is not: then no record of the session gets a place
//! from it.

use std::collections::HashSet;

use super::basis::StepBasis;
use super::part::{PlacedPart, Refutation, Tally};
use super::places::Places;
use stepbridge_records::Records;

/// The runs and periods whose ledger is contradicted.
pub(crate) type RefutedLedgers = HashSet<(u32, usize)>;

/// Finds the assumptions of ledgers that the log contradicts.
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

/// Removes the places that rest on such an assumption.
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
    /// Whether the log contradicts the ledger.
    fn refutations(&self) -> bool {
        self.refutation.is_some_and(|Refutation { zero, past_end }| {
            (zero && self.seen.zero.count > 0) || (past_end && self.seen.past_end.count > 0)
        })
    }
}
