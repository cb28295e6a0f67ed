//! The segments of inferred timelines.

use stepbridge_timeline::{Boundary, Entry, OnCut, Segment};

/// A segment of this many epochs of `batches` batches, one batch a step. Without a number of epochs it is open-ended.
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
        on_cut: OnCut::Carry,
        stream: None,
        tokens_per_sample: None,
        joins: false,
        cut: false,
        entry: Entry::Continue,
    }
}
