//! A timeline: a planned or observed run, from which every counter follows.

use std::sync::OnceLock;

use crate::canonical::canonical;
use crate::compile::CompiledSegments;
use crate::epoch_starts::EpochStarts;
use crate::error::{Error, total};
use crate::marks::Marks;
use crate::segment::{Entry, Segment};
use crate::unit::Unit;

/// A run, immutable: which batches of which sizes are in which epochs, and when the optimizer steps.
#[derive(Debug)]
pub struct Timeline {
    segments: Vec<Segment>,
    pub(crate) compiled: CompiledSegments,
    /// Where tokens were counted.
    pub(crate) marks: Marks,
    /// Made when an array is first located.
    epoch_starts: OnceLock<Option<EpochStarts>>,
}

impl Clone for Timeline {
    fn clone(&self) -> Self {
        Self {
            segments: self.segments.clone(),
            compiled: self.compiled.clone(),
            marks: self.marks.clone(),
            epoch_starts: OnceLock::new(),
        }
    }
}

impl PartialEq for Timeline {
    fn eq(&self, other: &Self) -> bool {
        self.segments == other.segments && self.marks == other.marks
    }
}

impl Eq for Timeline {}

impl Timeline {
    /// Builds a timeline from segments, which are merged into the canonical form.
    pub fn from_segments(segments: impl IntoIterator<Item = Segment>) -> Result<Self, Error> {
        let mut segments = canonical(segments)?;
        let mut compiled = CompiledSegments::compile(&segments)?;
        // Timelines that count alike are equal, whatever was decided for windows that are so anyway.
        while !compiled.idle_entries.is_empty() {
            for index in &compiled.idle_entries {
                segments[*index].entry = Entry::Continue;
            }
            segments = canonical(segments)?;
            compiled = CompiledSegments::compile(&segments)?;
        }
        let made = Self { segments, compiled, marks: Marks::default(), epoch_starts: OnceLock::new() };
        // An open end is limited in batches: a number of tokens past the limit is refused when it is asked for.
        if let Some((each, samples)) = made.tokens_per_sample().zip(made.samples()) {
            total(u128::from(each) * u128::from(samples), Unit::Token)?;
        }
        Ok(made)
    }

    /// The timeline with the tokens that were counted. Marks past the last batch that it has are left out.
    pub fn with_marks(mut self, marks: &Marks) -> Result<Self, Error> {
        if let Some(each) = self.tokens_per_sample().filter(|_| !marks.is_empty()) {
            return Err(Error::invalid(format!("tokens are stated, {each} in each sample, so that none are counted")));
        }
        self.marks = if self.compiled.open { marks.clone() } else { marks.until(self.compiled.batches) };
        Ok(self)
    }

    /// The tokens that were counted.
    #[must_use]
    pub fn marks(&self) -> &Marks {
        &self.marks
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
        if self.is_stream() {
            // Those that begin; the last one may not be complete.
            return self
                .samples()?
                .checked_div(self.pass()?)
                .zip(self.samples()?.checked_rem(self.pass()?))
                .map(|(whole, rest)| whole + u64::from(rest > 0));
        }
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

    /// Tokens in each sample, if stated.
    #[must_use]
    pub fn tokens_per_sample(&self) -> Option<u64> {
        self.segments.first().and_then(|first| first.tokens_per_sample)
    }

    /// Tokens in all; `None` where open-ended or not known.
    #[must_use]
    pub fn tokens(&self) -> Option<u64> {
        if self.marks.is_empty() {
            return self.tokens_per_sample()?.checked_mul(self.samples()?);
        }
        self.marks.exact(self.batches()?)
    }

    /// Batches of the epoch with index `epoch`; `None` where it is past the end or its length is not known.
    #[must_use]
    pub fn epoch_length(&self, epoch: u64) -> Option<u64> {
        if self.is_stream() {
            return self.stream_epoch_length(epoch);
        }
        if epoch >= self.compiled.epochs {
            return None;
        }
        let after = self.compiled.all.partition_point(|segment| segment.epoch0 <= epoch);
        self.compiled.all.get(after.checked_sub(1)?)?.epoch_length
    }

    /// The table of epoch starts, if the epochs are irregular enough to need one.
    pub(crate) fn epoch_starts(&self) -> Option<&EpochStarts> {
        let made = || if self.is_stream() { EpochStarts::of_stream(self) } else { EpochStarts::of(&self.compiled) };
        self.epoch_starts.get_or_init(made).as_ref()
    }
}
