//! Where the epochs of an irregular history start: the epoch of a batch is found without a binary search.

mod bitmap;
mod buckets;

use crate::compile::CompiledSegments;
use crate::timeline::Timeline;
use bitmap::StartBitmap;
use buckets::StartBuckets;

/// The start of each epoch.
#[derive(Debug)]
pub(crate) struct EpochStarts {
    buckets: StartBuckets,
    /// For batches in random order, if there are many short epochs.
    bitmap: Option<StartBitmap>,
}

/// Epochs per compiled segment, on average, up to which the table is worth its memory.
const IRREGULAR: u64 = 8;

/// Epochs of a stream up to which the table is worth its memory.
const MOST_EPOCHS: u64 = 1 << 20;

/// Batches that are classified together as ordered or in random order.
const BLOCK: usize = 512;

/// One pair of neighbours in so many batches is compared.
const SAMPLED: usize = 8;

/// Batches are in random order if more than one pair in so many descends.
const DISORDER: usize = 8;

impl EpochStarts {
    /// The table for a timeline. `None` if its epochs are regular, if there is no last one, or if there are too many.
    pub(crate) fn of(compiled: &CompiledSegments) -> Option<Self> {
        let segments = compiled.all.len();
        if segments < 3 || compiled.open || compiled.epochs > (segments as u64).saturating_mul(IRREGULAR) {
            return None;
        }
        let mut starts = Vec::with_capacity(usize::try_from(compiled.epochs).ok()? + 1);
        for segment in compiled.all.iter().filter(|segment| segment.iter0 == 0) {
            starts.extend((0..segment.epochs).map(|epoch| segment.batch0 + epoch * segment.batches));
        }
        starts.push(compiled.batches);
        Self::new(starts)
    }

    /// The table for a stream whose batches have many sizes, so that its epochs are irregular.
    pub(crate) fn of_stream(timeline: &Timeline) -> Option<Self> {
        let (pass, batches) = (timeline.pass()?, timeline.batches()?);
        let epochs = timeline.epochs()?;
        if timeline.compiled.all.len() < 3 || epochs == 0 || epochs > batches.min(MOST_EPOCHS) {
            return None;
        }
        let starts: Option<Vec<u64>> = (0..epochs).map(|epoch| timeline.first_batch(epoch, pass)).collect();
        let mut starts = starts?;
        starts.push(batches);
        Self::new(starts)
    }

    fn new(starts: Vec<u64>) -> Option<Self> {
        let buckets = StartBuckets::new(starts)?;
        let bitmap = StartBitmap::new(buckets.edges());
        Some(Self { buckets, bitmap })
    }

    /// Writes epoch and iter (from `base`) of all values before the first one that is in no epoch, and returns how many
    /// those are. `last` is the epoch to try first, and is set to the one found last.
    pub(crate) fn map(
        &self,
        base: i64,
        last: &mut usize,
        values: &[i64],
        epoch: &mut [i64],
        iter: &mut [i64],
    ) -> usize {
        let mut done = 0;
        for ((values, epoch), iter) in values.chunks(BLOCK).zip(epoch.chunks_mut(BLOCK)).zip(iter.chunks_mut(BLOCK)) {
            // A few pairs are enough: to compare all would take as long as to locate them.
            let sampled = values.chunks_exact(SAMPLED).filter(|pair| pair[1] < pair[0]).count();
            let mapped = if sampled > values.len() / (SAMPLED * DISORDER) {
                self.in_any_order(base, values, epoch, iter)
            } else {
                self.in_order(base, last, values, epoch, iter)
            };
            done += mapped;
            if mapped < values.len() {
                break;
            }
        }
        done
    }

    /// For values that mostly ascend: tries the last epoch again, then the next one.
    fn in_order(&self, base: i64, last: &mut usize, values: &[i64], epoch: &mut [i64], iter: &mut [i64]) -> usize {
        let end = self.buckets.end();
        let (mut start, mut width) = self.buckets.span(*last);
        for (at, ((&value, epoch), iter)) in values.iter().zip(epoch).zip(iter).enumerate() {
            let index = value.wrapping_sub(base).cast_unsigned();
            if index.wrapping_sub(start) >= width {
                if index >= end {
                    return at;
                }
                let (next, next_width) = self.buckets.span((*last + 1).min(self.buckets.edges().len() - 2));
                *last = if index.wrapping_sub(next) < next_width { *last + 1 } else { self.buckets.find(index) };
                (start, width) = self.buckets.span(*last);
            }
            *epoch = (*last as u64).cast_signed() + base;
            *iter = (index - start).cast_signed() + base;
        }
        values.len()
    }

    /// For values in any order: no value depends on the one before, so that the processor can work on several at once.
    fn in_any_order(&self, base: i64, values: &[i64], epoch: &mut [i64], iter: &mut [i64]) -> usize {
        let end = self.buckets.end();
        for (at, ((&value, epoch), iter)) in values.iter().zip(epoch).zip(iter).enumerate() {
            let index = value.wrapping_sub(base).cast_unsigned();
            if index >= end {
                return at;
            }
            let (found, start) = match &self.bitmap {
                Some(bitmap) => bitmap.find(index),
                None => self.buckets.find_start(index),
            };
            *epoch = found.cast_signed() + base;
            *iter = (index - start).cast_signed() + base;
        }
        values.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Short epochs, and epochs of any length, also empty ones.
    fn lengths() -> impl Strategy<Value = Vec<u64>> {
        let mixed = prop_oneof![Just(0_u64), 1..4_u64, 1..5000_u64];
        prop_oneof![prop::collection::vec(1..300_u64, 1..100), prop::collection::vec(mixed, 1..200)]
    }

    proptest! {
        #[test]
        fn finds_what_a_linear_search_finds(lengths in lengths()) {
            let mut starts = vec![0];
            for length in &lengths {
                starts.push(starts.last().copied().unwrap_or(0) + length);
            }
            let end = starts[lengths.len()];
            let table = StartBuckets::new(starts.clone()).unwrap();
            let bitmap = if lengths.contains(&0) { None } else { StartBitmap::of_any(&starts) };
            for value in (0..end.min(3000)).chain(end.saturating_sub(500)..end) {
                let walked = starts.iter().rposition(|start| *start <= value).unwrap();
                prop_assert_eq!(table.find(value), walked);
                if let Some(bitmap) = &bitmap {
                    prop_assert_eq!(bitmap.find(value), (walked as u64, starts[walked]));
                }
            }
        }
    }
}
