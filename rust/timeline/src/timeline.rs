//! The timeline: what was planned or observed, from which every counter follows.

use std::sync::OnceLock;

use crate::bulk::Index;
use crate::error::{Error, MAX_COUNT, total};
use crate::piece::Pieces;
use crate::segment::{Entry, Segment, canonical};
use crate::unit::{Boundary, Unit};

/// What a run is planned to do.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The data set's samples.
    pub samples: Option<u64>,
    /// Batches an epoch.
    pub batches: Option<u64>,
    /// Samples a batch, over all ranks.
    pub batch_size: Option<u64>,
    /// How many epochs; `None`: open-ended.
    pub epochs: Option<u64>,
    /// Whether a partial last batch is left out.
    pub drop_last: bool,
    /// Batches a step.
    pub accumulate: u64,
    /// What becomes of an open window at the end of an epoch.
    pub boundary: Boundary,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            samples: None,
            batches: None,
            batch_size: None,
            epochs: None,
            drop_last: false,
            accumulate: 1,
            boundary: Boundary::Flush,
        }
    }
}

/// What a run was seen to do.
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    /// Batches of each epoch; 0 is legal.
    pub lengths: &'a [u64],
    /// Samples that each epoch consumed.
    pub samples: Option<&'a [u64]>,
    /// Samples a batch; without `samples` every batch is full.
    pub batch_size: Option<u64>,
    /// Batches a step.
    pub accumulate: u64,
    /// What becomes of an open window at the end of an epoch.
    pub boundary: Boundary,
    /// Whether the last epoch was cut short.
    pub cut: bool,
}

/// An immutable account of a run: which batches, of which sizes, in which epochs, and when the optimizer steps.
#[derive(Debug)]
pub struct Timeline {
    segments: Vec<Segment>,
    pub(crate) pieces: Pieces,
    /// Made when an array is first mapped.
    pub(crate) index: OnceLock<Index>,
}

impl Clone for Timeline {
    fn clone(&self) -> Self {
        Self { segments: self.segments.clone(), pieces: self.pieces.clone(), index: OnceLock::new() }
    }
}

impl PartialEq for Timeline {
    fn eq(&self, other: &Self) -> bool {
        self.segments == other.segments
    }
}

impl Eq for Timeline {}

impl Timeline {
    /// Builds a timeline from segments in any form; they are merged into the canonical one.
    pub fn from_segments(segments: impl IntoIterator<Item = Segment>) -> Result<Self, Error> {
        let segments = canonical(segments)?;
        let pieces = Pieces::compile(&segments)?;
        Ok(Self { segments, pieces, index: OnceLock::new() })
    }

    /// Plans a run of equal epochs.
    pub fn plan(plan: &Plan) -> Result<Self, Error> {
        let named = [
            ("samples", plan.samples),
            ("batches_per_epoch", plan.batches),
            ("batch_size", plan.batch_size),
            ("epochs", plan.epochs),
            ("accumulate", Some(plan.accumulate)),
        ];
        for (name, value) in named {
            positive(name, value)?;
        }
        let shape = Shape::new(plan.samples, plan.batches, plan.batch_size, plan.drop_last)?;
        Self::from_segments([Segment {
            epochs: plan.epochs,
            batches: shape.batches,
            batch_size: plan.batch_size,
            last_batch_size: shape.last,
            samples: plan.samples,
            drop_last: plan.drop_last,
            accumulate: plan.accumulate,
            boundary: plan.boundary,
            joins: false,
            cut: false,
            entry: Entry::Continue,
        }])
    }

    /// Takes down a run as it was: one length an epoch.
    pub fn from_epochs(history: &History) -> Result<Self, Error> {
        positive("batch_size", history.batch_size)?;
        positive("accumulate", Some(history.accumulate))?;
        if let Some(samples) = history.samples
            && samples.len() != history.lengths.len()
        {
            return Err(Error::invalid(format!(
                "samples must give one number an epoch: {} epochs, {} numbers",
                history.lengths.len(),
                samples.len()
            )));
        }
        let mut segments = Vec::with_capacity(history.lengths.len());
        for (epoch, &batches) in history.lengths.iter().enumerate() {
            let samples = history.samples.map(|samples| samples[epoch]);
            let in_epoch = |error: Error| match error {
                Error::Invalid(text) => Error::Invalid(format!("epoch {epoch}: {text}")),
                other => other,
            };
            let last = match (samples, history.batch_size) {
                (Some(samples), Some(size)) => last_batch(batches, samples, size).map_err(in_epoch)?,
                _ => None,
            };
            let segment = Segment {
                epochs: Some(1),
                batches: Some(batches),
                batch_size: history.batch_size,
                last_batch_size: last,
                samples: if history.batch_size.is_none() { samples } else { None },
                drop_last: false,
                accumulate: history.accumulate,
                boundary: history.boundary,
                joins: false,
                cut: history.cut && epoch + 1 == history.lengths.len(),
                entry: Entry::Continue,
            };
            segment.validate().map_err(in_epoch)?;
            segments.push(segment);
        }
        Self::from_segments(segments)
    }

    /// The segments, in canonical form.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether the end is known: neither open-ended nor of unknown length.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        !self.pieces.open && self.pieces.unknown.is_none()
    }

    fn bounded(&self, total: u64) -> Option<u64> {
        self.is_bounded().then_some(total)
    }

    /// Epochs in all; `None` where open-ended.
    #[must_use]
    pub fn epochs(&self) -> Option<u64> {
        match self.pieces.unknown {
            // How many there are may be planned although nobody knows how long they are.
            Some(tail) => {
                // A part that goes on inside an epoch: that epoch is counted already.
                let more = tail.epochs.map(|epochs| epochs - u64::from(tail.joins));
                more.and_then(|more| self.pieces.epochs.checked_add(more))
            }
            None => self.bounded(self.pieces.epochs),
        }
    }

    /// Batches in all; `None` where open-ended or not known.
    #[must_use]
    pub fn batches(&self) -> Option<u64> {
        self.bounded(self.pieces.batches)
    }

    /// Steps (updates) in all; `None` where open-ended or not known.
    #[must_use]
    pub fn steps(&self) -> Option<u64> {
        self.bounded(self.pieces.steps)
    }

    /// Samples in all; `None` where open-ended or not known.
    #[must_use]
    pub fn samples(&self) -> Option<u64> {
        self.pieces.samples.filter(|_| self.is_bounded())
    }

    /// Batches of the epoch with index `epoch`; `None` where it is past the end or its length is not known.
    #[must_use]
    pub fn epoch_length(&self, epoch: u64) -> Option<u64> {
        if epoch >= self.pieces.epochs {
            return None;
        }
        let after = self.pieces.all.partition_point(|piece| piece.epoch0 <= epoch);
        self.pieces.all.get(after.checked_sub(1)?)?.epoch_length
    }
}

/// Refuses a size of 0, and one past the limit.
pub(crate) fn positive(name: &str, value: Option<u64>) -> Result<(), Error> {
    match value {
        Some(0) => Err(Error::invalid(format!("{name} must be at least 1, not 0"))),
        Some(value) if value > MAX_COUNT => Err(Error::overflow(name)),
        _ => Ok(()),
    }
}

/// How an epoch divides into batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) batches: Option<u64>,
    pub(crate) last: Option<u64>,
}

impl Shape {
    /// Works out what `samples`, `batches` and `batch_size` leave open, and refuses what contradicts itself.
    pub(crate) fn new(
        samples: Option<u64>,
        batches: Option<u64>,
        size: Option<u64>,
        drop_last: bool,
    ) -> Result<Self, Error> {
        match (samples, batches, size) {
            (Some(samples), stated, Some(size)) => {
                let batches = if drop_last { samples / size } else { samples.div_ceil(size) };
                if batches == 0 {
                    return Err(Error::invalid(format!(
                        "drop_last leaves no batch: {samples} samples are fewer than one batch of {size}"
                    )));
                }
                if stated.is_some_and(|stated| stated != batches) {
                    let stated = stated.unwrap_or_default();
                    return Err(Error::invalid(format!(
                        "{samples} samples in batches of {size} are {batches} batches an epoch, not {stated}: give two of samples, batch_size and batches_per_epoch, or three that agree"
                    )));
                }
                let last = if drop_last { size } else { samples - (batches - 1) * size };
                Ok(Self { batches: Some(batches), last: Some(last) })
            }
            (Some(samples), Some(batches), None) => {
                total(u128::from(samples), Unit::Sample)?;
                Ok(Self { batches: Some(batches), last: None })
            }
            (Some(_), None, None) => Err(Error::invalid(
                "samples alone do not say how many batches an epoch has: give batch_size or batches_per_epoch as well",
            )),
            (None, Some(batches), size) => Ok(Self { batches: Some(batches), last: size }),
            (None, None, _) => Ok(Self { batches: None, last: None }),
        }
    }
}

/// Samples in the last of `batches` batches that hold `samples` together, all others holding `size`.
pub(crate) fn last_batch(batches: u64, samples: u64, size: u64) -> Result<Option<u64>, Error> {
    let most = u128::from(batches) * u128::from(size);
    let fits = u128::from(samples) <= most && (batches == 0 || u128::from(samples) > most - u128::from(size));
    if !fits {
        return Err(Error::invalid(format!("{samples} samples do not make {batches} batches of {size}")));
    }
    if batches == 0 {
        return Ok(None);
    }
    Ok(Some(samples - (batches - 1) * size))
}
