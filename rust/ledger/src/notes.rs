//! Lines that note what a loop did besides counting: an epoch that it entered elsewhere, a tag that it logged by a step of its
//! own. A reader that does not know them passes over them, and its timelines are the same.

use serde::{Deserialize, Serialize};
use stepbridge_timeline::Mark;

use crate::schema::LineKind;

/// A loop entered the running epoch at another point of its data than the one reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntryLine {
    /// `enter`.
    pub kind: LineKind,
    /// The session's number.
    pub session: u64,
    /// The line's number in its session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// Seconds since 1970.
    pub time: f64,
    /// What happened.
    #[serde(flatten)]
    pub entry: EpochEntered,
}

/// Where an epoch was entered, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochEntered {
    /// Batches of the run that were done.
    pub batch: u64,
    /// The epoch, an index.
    pub epoch: u64,
    /// What the amounts count: `sp`, or `ba` where samples are not known.
    pub unit: String,
    /// So much of the epoch's data is done where it is entered.
    pub at: u64,
    /// So much is trained again.
    pub repeated: u64,
    /// So much is never trained.
    pub left_out: u64,
}

/// A tag was logged by a step that is not the one that loggers are given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesLine {
    /// `series`.
    pub kind: LineKind,
    /// The session's number.
    pub session: u64,
    /// The line's number in its session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// Seconds since 1970.
    pub time: f64,
    /// The tag and its step.
    #[serde(flatten)]
    pub series: SeriesStep,
}

/// What the step of one tag counts, as far as the writer saw. A later line of the same tag replaces an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesStep {
    /// The tag.
    pub tag: String,
    /// The symbol of a unit; none if the step is nothing that the clock counts, or may be two things.
    pub unit: Option<String>,
    /// 0 if the first step is 0, 1 if it is 1.
    pub base: u8,
    /// The writer.
    #[serde(default)]
    pub by: String,
}

/// How many tokens were counted at a batch. A later line at the same batch replaces an earlier one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MarkLine {
    /// `mark`.
    pub kind: LineKind,
    /// The session's number.
    pub session: u64,
    /// The line's number in its session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// Seconds since 1970.
    pub time: f64,
    /// Batches of the run that were done.
    pub batch: u64,
    /// Tokens counted in them.
    pub token: u64,
}

impl MarkLine {
    /// What it says.
    pub(crate) fn mark(&self) -> Mark {
        Mark { batch: self.batch, token: self.token }
    }
}
