//! The columns that re-indexing adds.

use std::ops::Range;

use stepbridge_timeline::MASKED;

/// The places of the records of one batch. Each column is as long as the batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Places {
    /// Indices of epochs; -1 for none.
    pub epoch: Vec<i64>,
    /// Indices of batches in their epochs; -1 for none.
    pub iter: Vec<i64>,
    /// The position after the step, in epochs; NaN if it is not known.
    pub epoch_float: Vec<f64>,
    /// Indices of batches in the run; -1 for none.
    pub batch: Option<Vec<i64>>,
    /// Indices of the first samples of those batches; -1 if they are not known.
    pub sample: Option<Vec<i64>>,
    /// True only if every record has an epoch, an iter and a position.
    pub complete: bool,
}

impl Places {
    pub(super) fn nowhere(length: usize) -> Self {
        // Whoever places the records writes every element. The system provides zeros at no cost.
        Self { epoch: vec![0; length], iter: vec![0; length], epoch_float: vec![0.0; length], ..Self::default() }
    }

    pub(super) fn append(&mut self, mut more: Self) {
        self.complete = more.complete && (self.complete || self.epoch.is_empty());
        self.epoch.append(&mut more.epoch);
        self.iter.append(&mut more.iter);
        self.epoch_float.append(&mut more.epoch_float);
        for (mine, more) in [(&mut self.batch, more.batch), (&mut self.sample, more.sample)] {
            if let Some(mut more) = more {
                mine.get_or_insert_default().append(&mut more);
            }
        }
    }

    pub(super) fn set(&mut self, index: usize, epoch: i64, epoch_float: f64) {
        (self.epoch[index], self.iter[index], self.epoch_float[index]) = (epoch, MASKED, epoch_float);
    }

    pub(super) fn clear(&mut self, range: Range<usize>) {
        self.complete = false;
        self.epoch[range.clone()].fill(MASKED);
        self.iter[range.clone()].fill(MASKED);
        self.epoch_float[range.clone()].fill(f64::NAN);
        for column in [&mut self.batch, &mut self.sample].into_iter().flatten() {
            column[range.clone()].fill(MASKED);
        }
    }
}
