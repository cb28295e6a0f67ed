//! What re-indexing gives.

use stepbridge_records::{EpochMeaning, Format, Problem, StepMeaning};

use super::basis::StepBasis;
use super::places::Places;

/// The new columns, and what there is to say about them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReindexResult {
    /// One entry for each of [`Records::batches`].
    pub batches: Vec<Places>,
    /// Records without a place, logged epochs that differ from those found, runs without a timeline: one entry for each file
    /// and kind.
    pub problems: Vec<Problem>,
    /// What had to be assumed of steps, because neither a format nor anybody says it.
    pub assumed: Vec<StepAssumption>,
    /// What the steps of the files of each run are, and what that rests on.
    pub steps: Vec<StepInfo>,
    /// Where the timeline of each run comes from, in the order of `Records::runs`.
    pub origins: Vec<TimelineSource>,
}

/// An assumption about the steps of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepAssumption {
    /// The name of the run.
    pub run: String,
    /// The series, if it is not about all of the run.
    pub series: Option<String>,
    /// What its steps are assumed to be.
    pub step: StepMeaning,
    /// One clause for people.
    pub why: String,
}

/// Where the timeline of a run comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimelineSource {
    /// The caller gave it.
    Given,
    /// This ledger.
    Ledger(String),
    /// The epochs that its own log states.
    Inferred,
    /// The log of this other run, at the caller's request.
    Shared(String),
    /// The run's own configuration: the keys, and the file.
    Config(String),
    /// Its log leaves several; this one is likely, and the caller takes it. Why it is likely.
    Likely(String),
    /// There is no timeline.
    None,
}

/// What the steps of the files of a run and a format are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepInfo {
    /// The name of the run.
    pub run: String,
    /// The format of these files.
    pub format: Format,
    /// The series, if it is not about all of these files.
    pub series: Option<String>,
    /// Unit and base of the steps; of records without steps, those of their epochs. `None` if nothing decides it.
    pub step: Option<StepMeaning>,
    /// What a logged epoch is, if it is known.
    pub epoch: Option<EpochMeaning>,
    /// What this rests on.
    pub basis: StepBasis,
    /// One clause for people.
    pub why: String,
}
