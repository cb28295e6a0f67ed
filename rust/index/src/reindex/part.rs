//! Parts of batches, each on one timeline, and what placing counted in them.

use std::ops::Range;

use stepbridge_records::{ColumnBatch, EpochMeaning, StepMeaning, StepScope};
use stepbridge_timeline::{Timeline, Unit};

use super::basis::StepBasis;

/// Records of a batch, next to each other, that are on one timeline.
#[derive(Debug)]
pub(crate) struct PlacedPart<'a> {
    pub(crate) range: Range<usize>,
    /// The index of the period of the run.
    pub(crate) period: usize,
    pub(crate) clock: StepTimeline<'a>,
    /// What the meaning of the steps rests on.
    pub(crate) basis: StepBasis,
    /// What placing counted. Indices are those in the batch.
    pub(crate) seen: PlaceTallies,
    /// What of it contradicts the ledger of the run.
    pub(crate) refutation: Option<Refutation>,
    /// Whether the ledger is contradicted, so that the records have no place.
    pub(crate) refuted: bool,
}

/// What contradicts a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refutation {
    /// A step 0.
    pub(crate) zero: bool,
    /// A step past the end.
    pub(crate) past_end: bool,
}

/// The meaning of the steps of a batch, and their timeline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepTimeline<'a> {
    pub(crate) timeline: Option<&'a Timeline>,
    pub(crate) step: StepMeaning,
    /// The meaning of the logged epochs, as far as it is known.
    pub(crate) epoch: Option<EpochMeaning>,
}

impl StepTimeline<'_> {
    /// Whether these records need a timeline to have a place.
    pub(crate) fn needs_timeline(&self, batch: &ColumnBatch) -> bool {
        batch.step.is_some() && self.step.unit != Unit::Epoch && self.step.scope == StepScope::Run
    }
}

/// How many records there are of one kind, and the first of them.
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

/// What placing counts in a batch, to be reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PlaceTallies {
    pub(crate) past_end: Tally,
    pub(crate) before_start: Tally,
    pub(crate) disagrees: Tally,
    /// Steps 0 where steps count from 1.
    pub(crate) zero: Tally,
}

impl PlaceTallies {
    pub(crate) fn tallies(&self) -> [Tally; 4] {
        [self.past_end, self.before_start, self.disagrees, self.zero]
    }

    pub(crate) fn tallies_mut(&mut self) -> [&mut Tally; 4] {
        [&mut self.past_end, &mut self.before_start, &mut self.disagrees, &mut self.zero]
    }

    /// The same, with indices moved by `begin`.
    pub(crate) fn from(mut self, begin: usize) -> Self {
        for tally in self.tallies_mut() {
            tally.first = tally.first.map(|first| first + begin);
        }
        self
    }
}
