//! Why inference finds no timeline. The sentences are in `failure_text.rs`.

use std::fmt;

use stepbridge_timeline::Boundary;

use super::hypothesis::Hypothesis;

/// Why inference gives no timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InferenceFailure {
    /// No record holds a step and an epoch.
    NoPairs,
    /// Some files of the run count steps from 0, some from 1.
    TwoMeanings,
    /// Some files of the run count updates, some batches.
    TwoUnits,
    /// A timeline fits under each of two hypotheses.
    TwoBases { first: Hypothesis, second: Hypothesis },
    /// The log states two lengths of the epoch with this index.
    TwoLengths { epoch: u64 },
    /// There are only steps inside epochs, and the log states no length.
    AtLeast { least: u64 },
    /// The log states lengths that differ, and not those of all epochs from the first one on.
    Gaps,
    /// A record of the epoch with this index is past the length that was found.
    Outside { epoch: u64 },
    /// A session began inside an epoch, or it is not known where.
    Resumed { session: u32 },
    /// The log never leaves its first epoch, which has at least this many steps.
    FirstEpoch { least: u64 },
    /// Every length in a range fits.
    AnyLength { low: u64, high: Option<u64> },
    /// The same for logged epochs that are integers. With the shortest length, this many epochs have a record at their end.
    AnyIndexed { low: u64, high: u64, ends: usize },
    /// Two ratios of batches to accumulation fit, or two rules for the end of an epoch.
    TwoRates { first: EpochRate, second: EpochRate },
    /// One length up to some epoch and another one from there on would fit, in more than one way.
    TwoPieces { refuted_by: usize },
    /// The pairs before this one have an answer; with it there is none.
    Refuted { by: usize },
    /// The pair does not hold an epoch as its format states it.
    Nonsense { at: usize },
    /// Numbers do not fit into 128 bits, or counts into 63.
    TooLarge,
}

/// Batches an epoch, batches a step, and the rule for a window that is open at the end of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EpochRate {
    pub(crate) batches: u64,
    pub(crate) accumulate: u64,
    pub(crate) boundary: Boundary,
}

impl fmt::Display for EpochRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} batches an epoch with {} a step ({})", self.batches, self.accumulate, self.boundary.name())
    }
}
