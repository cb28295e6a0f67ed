//! A list of ascending starts in which the last one at or below a value is found without a binary search.

/// The starts of all epochs, and buckets of equal width that say where in the list to begin.
#[derive(Debug)]
pub(crate) struct Starts {
    /// One start an epoch, then the end.
    starts: Vec<u64>,
    /// For each bucket the last epoch that starts at or below the bucket's first value.
    buckets: Vec<u32>,
    shift: u32,
}

/// Epochs that a bucket may hold before a binary search of it is cheaper than a walk.
const WALK: usize = 6;

impl Starts {
    /// Takes the starts and, last, the end; `None` where a bucket's entry could not hold the number of epochs.
    pub(crate) fn new(starts: Vec<u64>) -> Option<Self> {
        u32::try_from(starts.len()).ok()?;
        let end = *starts.last()?;
        let mut shift = 0;
        while (end >> shift) > starts.len() as u64 {
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
        Some(Self { starts, buckets, shift })
    }

    /// Whether there is such an epoch and `value` lies in it.
    #[inline]
    pub(crate) fn holds(&self, epoch: usize, value: u64) -> bool {
        matches!(self.starts.get(epoch..epoch + 2), Some(&[start, end]) if start <= value && value < end)
    }

    /// First value and width of an epoch.
    #[inline]
    pub(crate) fn span(&self, epoch: usize) -> (u64, u64) {
        let start = self.starts[epoch];
        (start, self.starts[epoch + 1] - start)
    }

    /// The epoch that holds `value`, which is below the end.
    #[inline]
    pub(crate) fn find(&self, value: u64) -> usize {
        let bucket = usize::try_from(value >> self.shift).unwrap_or(usize::MAX - 1);
        let mut epoch = self.buckets[bucket] as usize;
        // The first two steps without a branch: which of a bucket's few epochs it is cannot be predicted.
        epoch += usize::from(self.starts[epoch + 1] <= value);
        epoch += usize::from(self.starts[(epoch + 1).min(self.starts.len() - 1)] <= value);
        if self.starts[epoch + 1] > value {
            return epoch;
        }
        let last = self.buckets[bucket + 1] as usize;
        if last - epoch <= WALK {
            while self.starts[epoch + 1] <= value {
                epoch += 1;
            }
            return epoch;
        }
        epoch + self.starts[epoch + 1..=last].partition_point(|start| *start <= value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_walk_finds(lengths in prop::collection::vec(prop_oneof![Just(0_u64), 1..4_u64, 1..5000_u64], 1..200)) {
            let mut starts = vec![0];
            for length in &lengths {
                starts.push(starts.last().copied().unwrap_or(0) + length);
            }
            let end = starts[lengths.len()];
            let table = Starts::new(starts.clone()).unwrap();
            for value in (0..end.min(3000)).chain(end.saturating_sub(500)..end) {
                let walked = starts.iter().rposition(|start| *start <= value).unwrap();
                prop_assert_eq!(table.find(value), walked);
            }
        }
    }
}
