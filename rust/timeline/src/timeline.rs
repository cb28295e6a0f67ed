//! A timeline: a planned or observed run, from which every counter follows.

use std::sync::OnceLock;

use crate::canonical::canonical;
use crate::compile::CompiledSegments;
use crate::epoch_starts::EpochStarts;
use crate::error::Error;
use crate::segment::Segment;

/// A run, immutable: which batches of which sizes are in which epochs, and when the optimizer steps.
#[derive(Debug)]
pub struct Timeline {
    segments: Vec<Segment>,
    pub(crate) compiled: CompiledSegments,
    /// Made when an array is first located.
    epoch_starts: OnceLock<Option<EpochStarts>>,
}

impl Clone for Timeline {
    fn clone(&self) -> Self {
        Self { segments: self.segments.clone(), compiled: self.compiled.clone(), epoch_starts: OnceLock::new() }
    }
}

impl PartialEq for Timeline {
    fn eq(&self, other: &Self) -> bool {
        self.segments == other.segments
    }
}

impl Eq for Timeline {}

impl Timeline {
    /// Builds a timeline from segments, which are merged into the canonical form.
    pub fn from_segments(segments: impl IntoIterator<Item = Segment>) -> Result<Self, Error> {
        let segments = canonical(segments)?;
        let compiled = CompiledSegments::compile(&segments)?;
        Ok(Self { segments, compiled, epoch_starts: OnceLock::new() })
    }

    /// The segments, in canonical form.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether the end is known: neither open-ended nor of unknown length.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        !self.compiled.open && self.compiled.unknown.is_none()
    }

    fn bounded(&self, total: u64) -> Option<u64> {
        self.is_bounded().then_some(total)
    }

    /// Epochs in all; `None` where open-ended.
    #[must_use]
    pub fn epochs(&self) -> Option<u64> {
        match self.compiled.unknown {
            // The number of epochs may be planned although their length is not known.
            Some(tail) => {
                // The epoch that it continues is counted already.
                let more = tail.epochs.map(|epochs| epochs - u64::from(tail.joins));
                more.and_then(|more| self.compiled.epochs.checked_add(more))
            }
            None => self.bounded(self.compiled.epochs),
        }
    }

    /// Batches in all; `None` where open-ended or not known.
    #[must_use]
    pub fn batches(&self) -> Option<u64> {
        self.bounded(self.compiled.batches)
    }

    /// Steps (updates) in all; `None` where open-ended or not known.
    #[must_use]
    pub fn steps(&self) -> Option<u64> {
        self.bounded(self.compiled.steps)
    }

    /// Samples in all; `None` where open-ended or not known.
    #[must_use]
    pub fn samples(&self) -> Option<u64> {
        self.compiled.samples.filter(|_| self.is_bounded())
    }

    /// Batches of the epoch with index `epoch`; `None` where it is past the end or its length is not known.
    #[must_use]
    pub fn epoch_length(&self, epoch: u64) -> Option<u64> {
        if epoch >= self.compiled.epochs {
            return None;
        }
        let after = self.compiled.all.partition_point(|segment| segment.epoch0 <= epoch);
        self.compiled.all.get(after.checked_sub(1)?)?.epoch_length
    }

    /// The table of epoch starts, if the epochs are irregular enough to need one.
    pub(crate) fn epoch_starts(&self) -> Option<&EpochStarts> {
        self.epoch_starts.get_or_init(|| EpochStarts::of(&self.compiled)).as_ref()
    }
}
