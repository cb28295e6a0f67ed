//! Timelines of plans and of histories: what the caller states, checked and worked out.

use crate::epoch_shape::{EpochShape, last_batch, positive};
use crate::error::Error;
use crate::segment::{Entry, Segment};
use crate::timeline::Timeline;
use crate::unit::{Boundary, OnCut};

/// What is planned for a run of equal epochs.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Samples in the data set.
    pub samples: Option<u64>,
    /// Batches per epoch.
    pub batches: Option<u64>,
    /// Samples per batch, over all ranks.
    pub batch_size: Option<u64>,
    /// How many epochs. `None`: open-ended.
    pub epochs: Option<u64>,
    /// Whether a partial last batch is left out.
    pub drop_last: bool,
    /// Batches per step.
    pub accumulate: u64,
    /// What happens to an open window at the end of an epoch.
    pub boundary: Boundary,
    /// What happens to an open window if an epoch is cut short.
    pub on_cut: OnCut,
    /// Tokens in each sample.
    pub tokens_per_sample: Option<u64>,
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
            on_cut: OnCut::Carry,
            tokens_per_sample: None,
        }
    }
}

/// What was observed of a run.
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    /// Batches of each epoch, which may be 0.
    pub lengths: &'a [u64],
    /// Samples of each epoch.
    pub samples: Option<&'a [u64]>,
    /// Samples per batch. Without `samples`, every batch is full.
    pub batch_size: Option<u64>,
    /// Batches per step.
    pub accumulate: u64,
    /// What happens to an open window at the end of an epoch.
    pub boundary: Boundary,
    /// What happens to an open window if an epoch is cut short.
    pub on_cut: OnCut,
    /// Tokens in each sample.
    pub tokens_per_sample: Option<u64>,
    /// Whether the last epoch was cut short.
    pub cut: bool,
}

impl Timeline {
    /// Plans a run of equal epochs.
    pub fn plan(plan: &Plan) -> Result<Self, Error> {
        let named = [
            ("samples", plan.samples),
            ("batches_per_epoch", plan.batches),
            ("batch_size", plan.batch_size),
            ("epochs", plan.epochs),
            ("accumulate", Some(plan.accumulate)),
            ("tokens_per_sample", plan.tokens_per_sample),
        ];
        for (name, value) in named {
            positive(name, value)?;
        }
        let shape = EpochShape::new(plan.samples, plan.batches, plan.batch_size, plan.drop_last)?;
        Self::from_segments([Segment {
            epochs: plan.epochs,
            batches: shape.batches,
            batch_size: plan.batch_size,
            last_batch_size: shape.last,
            samples: plan.samples,
            drop_last: plan.drop_last,
            accumulate: plan.accumulate,
            boundary: plan.boundary,
            on_cut: plan.on_cut,
            joins: false,
            cut: false,
            entry: Entry::Continue,
            stream: None,
            tokens_per_sample: plan.tokens_per_sample,
        }])
    }

    /// Makes the timeline of an observed run, from one length per epoch.
    pub fn from_epochs(history: &History) -> Result<Self, Error> {
        positive("batch_size", history.batch_size)?;
        positive("accumulate", Some(history.accumulate))?;
        positive("tokens_per_sample", history.tokens_per_sample)?;
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
                on_cut: history.on_cut,
                joins: false,
                cut: history.cut && epoch + 1 == history.lengths.len(),
                entry: Entry::Continue,
                stream: None,
                tokens_per_sample: history.tokens_per_sample,
            };
            segment.validate().map_err(in_epoch)?;
            segments.push(segment);
        }
        Self::from_segments(segments)
    }
}
