//! What inference finds.

use stepbridge_records::{EpochMeaning, StepMeaning};
use stepbridge_timeline::Timeline;

/// What the log of a run shows of its timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineInference {
    /// The timeline, or why there is none.
    pub outcome: InferenceOutcome,
    /// The meaning of its steps, as far as its epochs show it.
    pub step: Option<StepMeaning>,
    /// The meaning of its epochs, likewise.
    pub epoch: Option<EpochMeaning>,
    /// The run whose timeline it is, if it takes that of another run at the caller's request.
    pub shared_by: Option<String>,
    /// The file and the keys of the run's configuration that settle the timeline, if its epochs leave several.
    pub config: Option<String>,
    /// What the configuration of the run says otherwise. One clause for people.
    pub contradiction: Option<String>,
    /// If the timeline is not known: one that is likely, and why.
    pub likely: Option<(Timeline, String)>,
    /// Whether only the ratio of batches to steps is known, so that neither is a count of anything.
    pub ratio_only: bool,
    /// The epoch that the log ends in, if its length is therefore not known.
    pub open_epoch: Option<u64>,
}

/// What the logged epochs of a run show of its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StepHint {
    pub(crate) step: StepMeaning,
    pub(crate) epoch: EpochMeaning,
}

impl TimelineInference {
    /// An outcome, with nothing else to say.
    pub(crate) fn of(outcome: InferenceOutcome) -> Self {
        Self {
            outcome,
            step: None,
            epoch: None,
            shared_by: None,
            config: None,
            contradiction: None,
            likely: None,
            ratio_only: false,
            open_epoch: None,
        }
    }

    /// A run whose timeline is not known, and why.
    pub(crate) fn unknown(why: String) -> Self {
        Self::of(InferenceOutcome::Unknown { why })
    }

    /// The same, with the meaning of its numbers.
    pub(super) fn meaning(self, StepHint { step, epoch }: StepHint) -> Self {
        Self { step: Some(step), epoch: Some(epoch), ..self }
    }

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
        /// Open-ended, because a log does not show where its plan ends; bounded if it is only what was observed.
        timeline: Timeline,
        /// What it was found from, and what the log cannot show.
        evidence: String,
        /// How many pairs of step and epoch it was checked against: all of them.
        checked: usize,
    },
    /// Its sessions have different timelines: sizes changed, and each session counts epochs as if its size had been that from
    /// the start.
    Sessions {
        /// By the number of the session, in order. A later session without one continues the one before.
        timelines: Vec<(u32, Timeline)>,
        /// What they were found from.
        evidence: String,
        /// How many pairs of step and epoch they were checked against.
        checked: usize,
    },
    /// No timeline fits, or several do.
    Unknown {
        /// One clause for people.
        why: String,
    },
}
