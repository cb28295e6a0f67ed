//! What re-indexing gives.

use stepbridge_records::{Format, Problem, StepMeaning};

use super::basis::StepBasis;
use super::places::Places;

/// The new columns, and what was found on the way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReindexResult {
    /// One entry for each of [`Records::batches`].
    pub batches: Vec<Places>,
    /// Records that have no place, stated epochs that are not the ones found, runs without a timeline: one entry a file.
    pub problems: Vec<Problem>,
    /// What had to be assumed of steps, as no format declares it and nobody said it.
    pub assumed: Vec<StepAssumption>,
    /// What the steps of each run's files are, and from where that is known.
    pub steps: Vec<StepInfo>,
    /// Where each run's timeline comes from, in the order of [`Records::runs`].
    pub origins: Vec<TimelineSource>,
}

/// What was assumed of the steps of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepAssumption {
    /// The run's name.
    pub run: String,
    /// What its steps were taken to be.
    pub step: StepMeaning,
    /// One clause for people.
    pub why: String,
}

/// Where a run's timeline comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimelineSource {
    /// The caller gave it.
    Given,
    /// This ledger.
    Ledger(String),
    /// The epochs that its own log states.
    Inferred,
    /// The log of this run, as it was asked for.
    Shared(String),
    /// There is none.
    None,
}

/// What the steps of a run's files of one format are taken to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepInfo {
    /// The run's name.
    pub run: String,
    /// The format that its files are in.
    pub format: Format,
    /// Unit and base; of records that hold no step those of their epochs.
    pub step: StepMeaning,
    /// What that rests on.
    pub basis: StepBasis,
    /// One clause for people.
    pub why: String,
}
