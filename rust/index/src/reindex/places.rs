//! The columns that re-indexing adds.

use std::ops::Range;

use stepbridge_timeline::{MASKED, Unit};

use super::resolution::BatchRows;

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
    /// Indices of their first tokens; -1 if they are not known.
    pub token: Option<Vec<i64>>,
    /// How much of [`super::ReindexOptions::done`] is done; -1 if it is not known.
    pub done: Option<Vec<i64>>,
    /// Whether every record is known to have an epoch, an iter and a position after its step.
    pub(crate) complete: bool,
}

/// The columns of counts that are asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CountColumns {
    pub(super) batch: bool,
    pub(super) sample: bool,
    pub(super) token: bool,
    pub(super) done: Option<Unit>,
}

impl Places {
    /// Records without a place; with the columns of counts that are asked for.
    pub(super) fn nowhere(length: usize, columns: CountColumns) -> Self {
        let masked = || vec![MASKED; length];
        Self {
            epoch: vec![MASKED; length],
            iter: vec![MASKED; length],
            epoch_float: vec![f64::NAN; length],
            batch: columns.batch.then(masked),
            sample: columns.sample.then(masked),
            token: columns.token.then(masked),
            done: columns.done.map(|_| masked()),
            complete: false,
        }
    }

    /// Looks whether they are complete, when all of them are found: their columns are in the cache of the processor.
    pub(super) fn finish(mut self) -> Self {
        // The sign of all of them in one number: older processors compare no integers of 64 bits at once.
        let none_masked = |column: &[i64]| column.iter().fold(0, |signs, index| signs | index) >= 0;
        let all_known = |column: &[f64]| column.iter().fold(true, |all, number| all & !number.is_nan());
        self.complete = none_masked(&self.epoch) && none_masked(&self.iter) && all_known(&self.epoch_float);
        self
    }

    /// Puts the places of some records where they belong.
    pub(super) fn put(&mut self, rows: &BatchRows, part: &Self) {
        fn put<T: Copy>(column: &mut [T], rows: &BatchRows, part: &[T]) {
            match rows {
                BatchRows::Range(range) => column[range.clone()].copy_from_slice(part),
                BatchRows::Indices(indices) => {
                    indices.iter().zip(part).for_each(|(index, value)| column[*index] = *value);
                }
            }
        }
        put(&mut self.epoch, rows, &part.epoch);
        put(&mut self.iter, rows, &part.iter);
        put(&mut self.epoch_float, rows, &part.epoch_float);
        let columns = [
            (&mut self.batch, &part.batch),
            (&mut self.sample, &part.sample),
            (&mut self.token, &part.token),
            (&mut self.done, &part.done),
        ];
        for (column, part) in columns {
            if let (Some(column), Some(part)) = (column, part) {
                put(column, rows, part);
            }
        }
    }

    pub(super) fn set(&mut self, index: usize, epoch: i64, epoch_float: f64) {
        (self.epoch[index], self.iter[index], self.epoch_float[index]) = (epoch, MASKED, epoch_float);
    }

    /// Takes the places of some records away.
    pub(super) fn clear(&mut self, range: Range<usize>) {
        self.epoch[range.clone()].fill(MASKED);
        self.iter[range.clone()].fill(MASKED);
        self.epoch_float[range.clone()].fill(f64::NAN);
        for column in [&mut self.batch, &mut self.sample, &mut self.token, &mut self.done].into_iter().flatten() {
            column[range.clone()].fill(MASKED);
        }
    }
}
