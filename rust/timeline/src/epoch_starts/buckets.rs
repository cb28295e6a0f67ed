//! Epoch starts in buckets: one or two steps from the bucket's first epoch nearly always find the right one.

/// The start of each epoch, and buckets of equal width that say where in the list to begin the search.
#[derive(Debug)]
pub(crate) struct StartBuckets {
    /// The start of each epoch, and the end.
    edges: Vec<u64>,
    /// For each bucket, the last epoch that starts at or below the bucket's first batch.
    buckets: Vec<u32>,
    shift: u32,
}

/// Epochs in a bucket up to which a linear search is cheaper than a binary search.
const WALK: usize = 6;

impl StartBuckets {
    /// Takes the start of each epoch, ascending from 0, and the end. `None` if there are more epochs than a bucket can number.
    pub(crate) fn new(starts: Vec<u64>) -> Option<Self> {
        if starts.len() < 2 || u32::try_from(starts.len()).is_err() {
            return None;
        }
        let end = *starts.last()?;
        let mut shift = 0;
        // Half an epoch per bucket: two steps from its first epoch nearly always reach the right one.
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
        // After the last bucket comes the last epoch.
        buckets.push(u32::try_from(starts.len().saturating_sub(2)).ok()?);
        Some(Self { edges: starts, buckets, shift })
    }

    /// The start of each epoch, and the end.
    pub(crate) fn edges(&self) -> &[u64] {
        &self.edges
    }

    /// The epoch of batch `value`, which must be below the end, and the epoch's start.
    #[inline]
    pub(crate) fn find_start(&self, value: u64) -> (u64, u64) {
        let epoch = self.find(value);
        (epoch as u64, self.edges[epoch])
    }

    /// The end of the last epoch.
    pub(crate) fn end(&self) -> u64 {
        self.edges[self.edges.len() - 1]
    }

    /// First value and width of an epoch.
    #[inline]
    pub(crate) fn span(&self, epoch: usize) -> (u64, u64) {
        let start = self.edges[epoch];
        (start, self.edges[epoch + 1] - start)
    }

    /// The epoch of batch `value`, which must be below the end.
    #[inline]
    pub(crate) fn find(&self, value: u64) -> usize {
        let bucket = usize::try_from(value >> self.shift).unwrap_or(usize::MAX - 1);
        let mut epoch = self.buckets[bucket] as usize;
        // The first two steps have no branch: which of a bucket's few epochs is right cannot be predicted.
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
