//! What inference finds.

use stepbridge_records::{EpochMeaning, StepMeaning};
use stepbridge_timeline::Timeline;

/// What the log of one run says of its timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineInference {
    /// The timeline, or why there is none.
    pub outcome: InferenceOutcome,
    /// What the run's steps are, as far as its epochs show.
    pub step: Option<StepMeaning>,
    /// What its epochs are; the same.
    pub epoch: Option<EpochMeaning>,
    /// The run whose timeline it is, where it was asked to take another one's.
    pub shared_by: Option<String>,
}

/// What the stated epochs of a run say of its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StepHint {
    pub(crate) step: StepMeaning,
    pub(crate) epoch: EpochMeaning,
}

impl TimelineInference {
    pub(crate) fn hint(&self) -> Option<StepHint> {
        Some(StepHint { step: self.step?, epoch: self.epoch? })
    }
}

/// A timeline, or why there is none.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one a run: a box would cost more in reading than it saves")]
pub enum InferenceOutcome {
    /// One timeline fits.
    Known {
        /// Open-ended, since a log cannot say where its plan ends; except where it shows only what was seen.
        timeline: Timeline,
        /// What it was found from, and what cannot be seen in it.
        evidence: String,
        /// How many pairs of step and epoch it was checked against: all that there are.
        checked: usize,
    },
    /// Its sessions have timelines that are not one: sizes changed, and their epochs are numbered anew.
    Sessions {
        /// By the session's number, in order; later sessions of which nothing is known go on with the one before.
        timelines: Vec<(u32, Timeline)>,
        /// What they were found from.
        evidence: String,
        /// How many pairs of step and epoch they were checked against.
        checked: usize,
    },
    /// None fits, or several do.
    Unknown {
        /// One clause for people.
        why: String,
    },
}
