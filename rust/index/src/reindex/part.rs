//! Parts of batches, each with one resolution, and what placing counted in them.

use super::resolution::BatchRows;

/// Records of a batch of which the same is known.
#[derive(Debug)]
pub(crate) struct PlacedPart {
    /// The index of what is known of them.
    pub(crate) resolution: usize,
    /// What placing counted. Indices are those in the batch.
    pub(crate) seen: PlaceTallies,
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
    /// Records that have no place because of what is known of them.
    pub(crate) withheld: Tally,
}

impl PlaceTallies {
    pub(crate) fn tallies(&self) -> [Tally; 5] {
        [self.past_end, self.before_start, self.disagrees, self.zero, self.withheld]
    }

    /// Whether it counted anything.
    pub(crate) fn any(&self) -> bool {
        self.tallies().iter().any(|tally| tally.count > 0)
    }

    pub(crate) fn tallies_mut(&mut self) -> [&mut Tally; 5] {
        [&mut self.past_end, &mut self.before_start, &mut self.disagrees, &mut self.zero, &mut self.withheld]
    }

    /// The same, with the index of each record in the batch.
    pub(super) fn at(mut self, rows: &BatchRows) -> Self {
        for tally in self.tallies_mut() {
            tally.first = tally.first.map(|first| rows.index(first));
        }
        self
    }
}
