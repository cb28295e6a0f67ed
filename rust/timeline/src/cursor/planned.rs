//! What is planned after the part in which the loop is.

use crate::planned_segments::PlannedSegments;
use crate::segment::{Entry, Segment};
use crate::timeline::Timeline;

/// The rest of the plan.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) segments: PlannedSegments,
    /// What batches past the planned end of the running epoch are, if a change at its last batch said so.
    pub(super) extra: Option<Segment>,
    /// The length of the whole run, if planned.
    pub(super) run: Option<RunLength>,
}

/// How long the run is.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunLength {
    pub(super) batches: u64,
    /// If the size of every batch is known.
    pub(super) samples: Option<u64>,
}

impl RunLength {
    pub(super) fn of(timeline: &Timeline) -> Option<Self> {
        timeline.batches().map(|batches| Self { batches, samples: timeline.sized_run() })
    }
}

impl Planned {
    pub(super) fn new(segments: Vec<Segment>, timeline: &Timeline) -> Self {
        Self { segments: segments.into(), extra: None, run: RunLength::of(timeline) }
    }

    /// The part for batches after the last planned one of the running epoch, whose last part was `part`. There the window may
    /// have been ended early.
    pub(super) fn take_extra(&mut self, part: &Segment, ended_early: Entry) -> Segment {
        self.run = None;
        self.extra.take().unwrap_or(Segment { entry: ended_early, ..of_unknown_length(part) })
    }
}

/// Batches that continue the epoch of `part`; how many is not known.
pub(super) fn of_unknown_length(part: &Segment) -> Segment {
    Segment { batches: None, last_batch_size: None, joins: true, epochs: Some(1), cut: false, samples: None, ..*part }
}
