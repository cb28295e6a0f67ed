//! A list of ascending starts in which the last one at or below a value is found without a binary search.

use super::marks::Marks;

/// Where all epochs start, and buckets of equal width that say where in the list to begin.
#[derive(Debug)]
pub(crate) struct Starts {
    /// One start an epoch, then the end.
    edges: Vec<u64>,
    /// For each bucket the last epoch that starts at or below the bucket's first value.
    buckets: Vec<u32>,
    shift: u32,
    /// For values in no order, where the epochs are short.
    marks: Option<Marks>,
}

/// Epochs that a bucket may hold before a binary search of it is cheaper than a walk.
const WALK: usize = 6;

/// Values looked at together to tell sorted from scattered.
const BLOCK: usize = 512;

/// One pair of neighbours in so many values is looked at.
const SAMPLED: usize = 8;

/// Values are scattered where more than one pair in so many descends.
const DISORDER: usize = 8;

impl Starts {
    /// Takes the starts and, last, the end; `None` where a bucket's entry could not hold the number of epochs.
    pub(crate) fn new(starts: Vec<u64>) -> Option<Self> {
        if starts.len() < 2 || u32::try_from(starts.len()).is_err() {
            return None;
        }
        let end = *starts.last()?;
        let mut shift = 0;
        // Half an epoch a bucket: two steps from its first epoch nearly always reach the right one.
        while (end >> shift) > 2 * starts.len() as u64 {
            shift += 1;
        }
        let mut buckets = Vec::with_capacity(usize::try_from(end >> shift).ok()? + 2);
        let mut epoch = 0_u32;
        for bucket in 0..=(end >> shift) {
            let first = bucket << shift;
            while starts.get(epoch as usize + 1).is_some_and(|next| *next <= first)
                && (epoch as usize) + 2 < starts.len()
            {
                epoch += 1;
            }
            buckets.push(epoch);
        }
        // What follows the last bucket: the last epoch.
        buckets.push(u32::try_from(starts.len().saturating_sub(2)).ok()?);
        let marks = Marks::new(&starts);
        Some(Self { edges: starts, buckets, shift, marks })
    }

    /// Writes epoch and iter (both counting from `base`) of all values up to the first one that lies in no epoch, and
    /// returns how many those are. `last` is the epoch to try first, and becomes the one found last.
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
            // A sample of the block tells: to look at each pair would cost as much as to map it.
            let sampled = values.chunks_exact(SAMPLED).filter(|pair| pair[1] < pair[0]).count();
            let mapped = if sampled > values.len() / (SAMPLED * DISORDER) {
                self.scattered(base, values, epoch, iter)
            } else {
                self.ordered(base, last, values, epoch, iter)
            };
            done += mapped;
            if mapped < values.len() {
                break;
            }
        }
        done
    }

    /// For values that mostly ascend: tries the same epoch again, then the next one.
    fn ordered(&self, base: i64, last: &mut usize, values: &[i64], epoch: &mut [i64], iter: &mut [i64]) -> usize {
        let end = self.end();
        let (mut start, mut width) = self.span(*last);
        for (at, ((&value, epoch), iter)) in values.iter().zip(epoch).zip(iter).enumerate() {
            let index = value.wrapping_sub(base).cast_unsigned();
            if index.wrapping_sub(start) >= width {
                if index >= end {
                    return at;
                }
                let (next, next_width) = self.span((*last + 1).min(self.edges.len() - 2));
                *last = if index.wrapping_sub(next) < next_width { *last + 1 } else { self.find(index) };
                (start, width) = self.span(*last);
            }
            *epoch = (*last as u64).cast_signed() + base;
            *iter = (index - start).cast_signed() + base;
        }
        values.len()
    }

    /// For values in no order: nothing depends on the one before, so that the processor can work on several at once.
    fn scattered(&self, base: i64, values: &[i64], epoch: &mut [i64], iter: &mut [i64]) -> usize {
        let end = self.end();
        for (at, ((&value, epoch), iter)) in values.iter().zip(epoch).zip(iter).enumerate() {
            let index = value.wrapping_sub(base).cast_unsigned();
            if index >= end {
                return at;
            }
            let (found, start) = match &self.marks {
                Some(marks) => marks.find(index),
                None => self.find_start(index),
            };
            *epoch = found.cast_signed() + base;
            *iter = (index - start).cast_signed() + base;
        }
        values.len()
    }

    #[inline]
    fn find_start(&self, value: u64) -> (u64, u64) {
        let epoch = self.find(value);
        (epoch as u64, self.edges[epoch])
    }

    fn end(&self) -> u64 {
        self.edges[self.edges.len() - 1]
    }

    /// First value and width of an epoch.
    #[inline]
    fn span(&self, epoch: usize) -> (u64, u64) {
        let start = self.edges[epoch];
        (start, self.edges[epoch + 1] - start)
    }

    /// The epoch that holds `value`, which is below the end.
    #[inline]
    fn find(&self, value: u64) -> usize {
        let bucket = usize::try_from(value >> self.shift).unwrap_or(usize::MAX - 1);
        let mut epoch = self.buckets[bucket] as usize;
        // The first two steps without a branch: which of a bucket's few epochs it is cannot be predicted.
        epoch += usize::from(self.edges[epoch + 1] <= value);
        epoch += usize::from(self.edges[(epoch + 1).min(self.edges.len() - 1)] <= value);
        if self.edges[epoch + 1] > value {
            return epoch;
        }
        let last = self.buckets[bucket + 1] as usize;
        if last - epoch <= WALK {
            while self.edges[epoch + 1] <= value {
                epoch += 1;
            }
            return epoch;
        }
        epoch + self.edges[epoch + 1..=last].partition_point(|start| *start <= value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Short epochs, and epochs of every sort, empty ones among them.
    fn lengths() -> impl Strategy<Value = Vec<u64>> {
        let mixed = prop_oneof![Just(0_u64), 1..4_u64, 1..5000_u64];
        prop_oneof![prop::collection::vec(1..300_u64, 1..100), prop::collection::vec(mixed, 1..200)]
    }

    proptest! {
        #[test]
        fn finds_what_a_walk_finds(lengths in lengths()) {
            let mut starts = vec![0];
            for length in &lengths {
                starts.push(starts.last().copied().unwrap_or(0) + length);
            }
            let end = starts[lengths.len()];
            let table = Starts::new(starts.clone()).unwrap();
            for value in (0..end.min(3000)).chain(end.saturating_sub(500)..end) {
                let walked = starts.iter().rposition(|start| *start <= value).unwrap();
                prop_assert_eq!(table.find(value), walked);
                if let Some(marks) = &table.marks {
                    prop_assert_eq!(marks.find(value), (walked as u64, starts[walked]));
                }
            }
        }
    }
}
