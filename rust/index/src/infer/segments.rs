//! Segments as logs show them.

use stepbridge_timeline::{Boundary, Entry, Segment};

/// A segment of this many epochs, or the open last one, with batches that are steps.
pub(super) fn segment(epochs: Option<u64>, batches: u64) -> Segment {
    Segment {
        epochs,
        batches: Some(batches),
        batch_size: None,
        last_batch_size: None,
        samples: None,
        drop_last: false,
        accumulate: 1,
        boundary: Boundary::Flush,
        joins: false,
        cut: false,
        entry: Entry::Continue,
    }
}
