//! The part of the running epoch in which the loop is: how much of it is done, and what is left.

use crate::error::{Error, total};
use crate::segment::{Entry, Segment};
use crate::unit::Unit;

/// The planned part, and the batches of it that are done.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunningPart {
    pub(super) segment: Segment,
    pub(super) done: u64,
    /// Samples of the run before the part, if known.
    pub(super) sample0: Option<u64>,
}

impl RunningPart {
    pub(super) fn begin(segment: Segment, sample0: Option<u64>) -> Self {
        Self { segment, done: 0, sample0 }
    }

    /// Whether all planned batches are done.
    pub(super) fn is_complete(&self) -> bool {
        self.segment.batches == Some(self.done)
    }

    /// Batches that are left, if planned; at most `most`.
    pub(super) fn left(&self, most: u64) -> u64 {
        self.segment.batches.map_or(most, |batches| most.min(batches - self.done))
    }

    /// The samples of the run after `batches` more batches (at least 1), if known; `before` are those until now.
    pub(super) fn samples_after(&self, batches: u64, before: Option<u64>) -> Result<Option<u64>, Error> {
        let Self { segment, done, sample0 } = self;
        let complete = segment.batches == Some(done + batches);
        let samples = match segment.batch_size {
            Some(size) => {
                let last = if complete { segment.last_batch_size.unwrap_or(size) } else { size };
                let more = u128::from(batches - 1) * u128::from(size) + u128::from(last);
                before.map(|before| u128::from(before) + more)
            }
            // Only the samples of the whole part are known.
            None if complete => {
                sample0.zip(segment.samples).map(|(before, samples)| u128::from(before) + u128::from(samples))
            }
            None => None,
        };
        samples.map(|samples| total(samples, Unit::Sample)).transpose()
    }

    /// The samples of the epoch after them, if the size of every batch is known; `before` are those until now.
    pub(super) fn samples_in_epoch_after(&self, batches: u64, before: Option<u64>) -> Option<u64> {
        let Self { segment, done, .. } = self;
        let more = match segment.batch_size {
            Some(size) => {
                let complete = segment.batches == Some(done + batches);
                let last = if complete { segment.last_batch_size.unwrap_or(size) } else { size };
                (batches - 1).checked_mul(size)?.checked_add(last)?
            }
            // The samples of a single batch are those of the whole part.
            None if segment.batches == Some(1) => segment.samples?,
            None => return None,
        };
        before?.checked_add(more)
    }

    /// The batches that are done, as a part of an epoch that continues.
    pub(super) fn observed(&self) -> Segment {
        Segment { epochs: Some(1), cut: false, ..self.observed_at_end() }
    }

    /// The batches that are done, as the last part of an epoch.
    pub(super) fn observed_at_end(&self) -> Segment {
        if self.is_complete() {
            return self.segment;
        }
        let last_batch_size = self.segment.batch_size.filter(|_| self.done > 0);
        Segment { batches: Some(self.done), last_batch_size, samples: self.samples_of_piece(), ..self.segment }
    }

    /// What is left of the part, which is not complete. `unknown_epochs`: the number of epochs if its length is not known.
    pub(super) fn left_over(&self, unknown_epochs: Option<u64>) -> Segment {
        let all = match self.segment.batches {
            None if self.segment.stream.is_some() => self.segment,
            None => Segment { epochs: unknown_epochs, ..self.segment },
            Some(batches) => Segment { batches: Some(batches - self.done), ..self.segment },
        };
        if self.done == 0 {
            return all;
        }
        Segment { joins: true, entry: Entry::Continue, samples: self.samples_of_piece(), ..all }
    }

    /// The `samples` that a piece of the part states: those of the data set. If the part states its own samples instead, those
    /// of a piece are not known.
    fn samples_of_piece(&self) -> Option<u64> {
        self.segment.samples.filter(|_| self.segment.batch_size.is_some())
    }
}
