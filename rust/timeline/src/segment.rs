//! The public building block of a timeline: a run of identical epochs, or a part of one epoch.

use serde::{Deserialize, Serialize};

use crate::error::{Error, MAX_COUNT, count};
use crate::unit::{Boundary, OnCut};

/// What happens to the accumulation window that is open where a segment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Entry {
    /// The pending batches keep counting. With a smaller `accumulate`, the window closes at the next batch if enough are pending.
    #[default]
    Continue,
    /// A short update closes it, at the batch before the segment.
    Flush,
    /// It is thrown away.
    Drop,
    /// The pending gradients are kept, but the window closes as if this many batches were pending (Keras: its counter modulo
    /// the new `accumulate`).
    Phase(u64),
}

impl Entry {
    fn is_continue(&self) -> bool {
        *self == Self::Continue
    }
}

/// Where a stream ends, which a change of its batch size or accumulation keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamEnd {
    /// It has no end.
    Endless,
    /// After a number of steps.
    Steps,
    /// After a number of samples: the batch that reaches it is the last one.
    Samples(u64),
}

impl StreamEnd {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Endless => "endless",
            Self::Steps => "steps",
            Self::Samples(_) => "samples",
        }
    }
}

/// A run of identical epochs, or a part of one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// How many epochs. `None`: open-ended, which only the last segment may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u64>,
    /// Batches per epoch, or in this part of one. `None`: not known, which is possible in the last segment only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batches: Option<u64>,
    /// Samples per batch, over all ranks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<u64>,
    /// Samples in the last batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_batch_size: Option<u64>,
    /// Samples in the data set; in a stream those of one pass. Without a `batch_size`: what each epoch consumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<u64>,
    /// Whether a partial last batch is left out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub drop_last: bool,
    /// Batches per step.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub accumulate: u64,
    /// What happens to an open window at the end of an epoch.
    #[serde(default)]
    pub boundary: Boundary,
    /// Whether it continues the last epoch of the segment before it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub joins: bool,
    /// Whether its last epoch was cut short: `on_cut` says what happens at its end, and not `boundary`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cut: bool,
    /// What happens to an open window if an epoch is cut short.
    #[serde(default, skip_serializing_if = "is_carry")]
    pub on_cut: OnCut,
    /// What happens to the window that is open where it begins.
    #[serde(default, skip_serializing_if = "Entry::is_continue")]
    pub entry: Entry,
    /// Whether batches run on without an end of epoch, so that all segments are parts of one epoch; and where that ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamEnd>,
    /// Tokens in each sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_sample: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_one(value: &u64) -> bool {
    *value == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_carry(on_cut: &OnCut) -> bool {
    *on_cut == OnCut::Carry
}

fn one() -> u64 {
    1
}

impl Segment {
    /// Samples that one epoch (or part) consumes, where known.
    #[must_use]
    pub fn consumed(&self) -> Option<u64> {
        let batches = self.batches?;
        match (self.batch_size, self.last_batch_size) {
            (Some(size), Some(last)) if batches > 0 => (batches - 1).checked_mul(size)?.checked_add(last),
            _ if batches == 0 => Some(0),
            (None, _) => self.samples,
            _ => None,
        }
    }

    /// The same, where the size of every batch is known.
    pub(crate) fn sized(&self) -> Option<u64> {
        self.consumed().filter(|_| self.batch_size.is_some() || self.batches <= Some(1))
    }

    /// The segment without the fields in which two segments that are merged may differ.
    pub(crate) fn without_ends(&self) -> Self {
        Self { epochs: None, cut: false, entry: Entry::Continue, ..*self }
    }

    /// Whether its epochs have no batches.
    pub(crate) fn is_empty(&self) -> bool {
        self.batches == Some(0)
    }

    /// Refuses a segment that contradicts itself; stored ones may.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let wrong = |text: String| Err(Error::invalid(text));
        let counts = [
            ("epochs", self.epochs),
            ("batches", self.batches),
            ("batch_size", self.batch_size),
            ("last_batch_size", self.last_batch_size),
            ("samples", self.samples),
            ("accumulate", Some(self.accumulate)),
            ("tokens_per_sample", self.tokens_per_sample),
        ];
        let end = match self.stream {
            Some(StreamEnd::Samples(samples)) => Some(samples),
            _ => None,
        };
        for (name, value) in counts.into_iter().chain([("the samples of a stream", end)]) {
            if value.is_some_and(|value| value > MAX_COUNT) {
                return Err(Error::overflow(name));
            }
        }
        if self.accumulate == 0 {
            return wrong("accumulate must be at least 1".into());
        }
        if self.tokens_per_sample == Some(0) {
            return wrong("tokens_per_sample must be at least 1".into());
        }
        if self.stream.is_some()
            && (self.batch_size.is_none() || self.epochs != Some(1) || self.cut || self.samples == Some(0))
        {
            return wrong("a stream has a batch_size, and its segments are parts of 1 epoch that is not cut".into());
        }
        if self.batch_size == Some(0) {
            return wrong("batch_size must be at least 1".into());
        }
        if let (Some(size), Some(last)) = (self.batch_size, self.last_batch_size)
            && (last == 0 || last > size)
        {
            return wrong(format!("last_batch_size must be between 1 and batch_size ({size}), not {last}"));
        }
        if let (Some(batches @ 1..), Some(size)) = (self.batches, self.batch_size) {
            let full = u128::from(batches - 1) * u128::from(size);
            let last = u128::from(self.last_batch_size.unwrap_or(size));
            count(full + last, || format!("the number of samples in an epoch of {batches} batches of {size}"))?;
        }
        if self.batch_size.is_none() && self.last_batch_size.is_some() {
            return wrong("last_batch_size needs batch_size".into());
        }
        if self.batch_size.is_none()
            && let (Some(batches), Some(samples)) = (self.batches, self.samples)
            && (samples < batches || (batches == 0 && samples > 0))
        {
            return wrong(format!("{batches} batches cannot hold {samples} samples: each batch holds at least one"));
        }
        if self.stream.is_some() && self.last_batch_size.is_some_and(|last| Some(last) != self.batch_size) {
            return wrong("every batch of a stream is full".into());
        }
        if self.joins && self.batches.is_some() && self.epochs != Some(1) {
            return wrong("a segment that goes on inside an epoch holds exactly 1 epoch".into());
        }
        if self.cut && self.epochs.is_none() {
            return wrong("an open-ended segment has no last epoch that could be cut".into());
        }
        if let Entry::Phase(phase) = self.entry
            && phase >= self.accumulate
        {
            return wrong(format!("a window of {} batches cannot begin with {phase} pending", self.accumulate));
        }
        Ok(())
    }
}
