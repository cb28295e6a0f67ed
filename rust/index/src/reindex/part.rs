//! Parts of batches, each on one timeline, and what placing counted in them.

use std::ops::Range;

use stepbridge_records::{ColumnBatch, EpochMeaning, StepMeaning, StepScope};
use stepbridge_timeline::{Timeline, Unit};

use super::basis::StepBasis;

/// Records of a batch next to each other that are on one timeline.
#[derive(Debug)]
pub(crate) struct PlacedPart<'a> {
    pub(crate) range: Range<usize>,
    /// Index of the run's period.
    pub(crate) period: usize,
    pub(crate) clock: StepTimeline<'a>,
    /// What the clock's step rests on.
    pub(crate) basis: StepBasis,
    /// Indices count in the batch.
    pub(crate) seen: PlaceTallies,
    /// What of it would refute the run's ledger.
    pub(crate) refutation: Option<Refutation>,
    /// Whether it did, so that the records have no place.
    pub(crate) refuted: bool,
}

/// What refutes a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refutation {
    /// A step 0.
    pub(crate) zero: bool,
    /// One past the end.
    pub(crate) past_end: bool,
}

/// What a batch's steps are, and on which timeline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepTimeline<'a> {
    pub(crate) timeline: Option<&'a Timeline>,
    pub(crate) step: StepMeaning,
    /// What the epochs beside them are, as far as it is known.
    pub(crate) epoch: Option<EpochMeaning>,
}

impl StepTimeline<'_> {
    /// Whether records have a place only on a timeline.
    pub(crate) fn needs_timeline(&self, batch: &ColumnBatch) -> bool {
        batch.step.is_some() && self.step.unit != Unit::Epoch && self.step.scope == StepScope::Run
    }
}

/// Records of one kind: how many, and the first of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) count: usize,
    pub(crate) first: Option<usize>,
}

impl Tally {
    pub(crate) fn add(&mut self, index: usize) {
        self.count += 1;
        self.first.get_or_insert(index);
    }
}

/// What is to be reported of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PlaceTallies {
    pub(crate) past_end: Tally,
    pub(crate) before_start: Tally,
    pub(crate) disagrees: Tally,
    /// Steps 0 where steps count from 1: a count before the first one.
    pub(crate) zero: Tally,
}

impl PlaceTallies {
    pub(crate) fn tallies(&self) -> [Tally; 4] {
        [self.past_end, self.before_start, self.disagrees, self.zero]
    }

    pub(crate) fn tallies_mut(&mut self) -> [&mut Tally; 4] {
        [&mut self.past_end, &mut self.before_start, &mut self.disagrees, &mut self.zero]
    }

    /// The same, where the records begin at `begin` of a batch.
    pub(crate) fn from(mut self, begin: usize) -> Self {
        for tally in self.tallies_mut() {
            tally.first = tally.first.map(|first| first + begin);
        }
        self
    }
}
