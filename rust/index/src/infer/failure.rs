//! Why a timeline cannot be known, as kinds; the sentence is made where it is read.

use std::fmt;

use stepbridge_timeline::Boundary;

use super::hypothesis::Hypothesis;

/// Why no timeline is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InferenceFailure {
    /// No record holds a step and an epoch.
    NoPairs,
    /// Some files of the run count from 0, some are the n-th.
    TwoMeanings,
    /// Some files of the run count updates, some batches.
    TwoUnits,
    /// Something fits under each of two meanings.
    TwoBases { first: Hypothesis, second: Hypothesis },
    /// The log states two lengths of the epoch with this index.
    TwoLengths { epoch: u64 },
    /// Steps inside epochs are all there is, and no length is stated.
    AtLeast { least: u64 },
    /// The log states lengths that differ, and not that of every epoch from the first one on.
    Gaps,
    /// A record has a place in the epoch with this index that the length found has no room for.
    Outside { epoch: u64 },
    /// A session began inside an epoch, or where cannot be told.
    Resumed { session: u32 },
    /// Every length in a range fits.
    AnyLength { low: u64, high: Option<u64> },
    /// The same of epochs that are whole numbers; with the shortest one, this many epochs have a record at their very end.
    AnyIndexed { low: u64, high: u64, ends: usize },
    /// Two ratios of batches to accumulation fit, or two rules for the end of an epoch.
    TwoRates { first: EpochRate, second: EpochRate },
    /// One length up to an epoch and another one from there on would fit, in more than one way.
    TwoPieces { refuted_by: usize },
    /// The pairs before this one have an answer, with it they have none.
    Refuted { by: usize },
    /// The pair holds no epoch as its format states it.
    Nonsense { at: usize },
    /// The numbers pass 128 bits, or the counts 63.
    TooLarge,
}

/// Batches an epoch, batches a step, and what becomes of the rest.
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
