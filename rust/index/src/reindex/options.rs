//! What a caller asks of re-indexing.

use std::collections::BTreeMap;

use stepbridge_timeline::{Timeline, Unit};

use super::series::SeriesRule;
use crate::glob::matches;
use crate::infer::StepWord;

/// Where the timelines come from.
#[derive(Debug, Clone, Copy)]
pub enum Timelines<'a> {
    /// Each run has its own: that of its ledger, else the one that its log shows.
    Own,
    /// One timeline for all runs.
    One(&'a Timeline),
    /// One timeline a run, by its name. Other runs have none.
    Each(&'a BTreeMap<String, Timeline>),
}

/// What a caller says of single runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunRule {
    /// The names of the runs, as a pattern with `*` and `?`.
    pub runs: String,
    /// Their timeline.
    pub timeline: Option<Timeline>,
    /// As [`ReindexOptions::unit`].
    pub unit: Option<Unit>,
    /// As [`ReindexOptions::base`].
    pub base: Option<u8>,
    /// As [`ReindexOptions::series`].
    pub series: Vec<SeriesRule>,
}

/// What a caller asks for beyond the default.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the caller, and independent of the others")]
pub struct ReindexOptions {
    /// What the steps count, if not what the format or the ledger declares.
    pub unit: Option<Unit>,
    /// 0 if a step is an index, 1 if it is the n-th; if not what the format or the ledger declares.
    pub base: Option<u8>,
    /// What the steps of some series count. It comes before all else; the first rule that fits a tag counts.
    pub series: Vec<SeriesRule>,
    /// What the caller states about single runs. It comes before what is stated about all; the first rule that fits a run counts.
    pub runs: Vec<RunRule>,
    /// Whether a run that cannot be placed is an error.
    pub strict: bool,
    /// Whether it is an error if no record of any run can be placed.
    pub some_place: bool,
    /// Whether to add the index of the batch of each record.
    pub batch: bool,
    /// Whether to add the index of the first sample of that batch.
    pub sample: bool,
    /// Whether to add the index of the first token of that batch.
    pub token: bool,
    /// The unit of which to add how much is done, if there is one.
    pub done: Option<Unit>,
    /// Whether a run whose log does not show its timeline takes that of the other runs, if they all have the same.
    pub share_timeline: bool,
    /// Whether a run whose log leaves several timelines takes the one that is likely, if there is one.
    pub likely: bool,
}

/// The run that an attempt is of: `run` of `run#2`. What the caller states about a run holds for its attempts.
pub(crate) fn whole_run(attempt: &str) -> Option<&str> {
    let (run, number) = attempt.rsplit_once('#')?;
    let is_number = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then_some(run)
}

impl ReindexOptions {
    /// What the caller states about a run alone.
    pub(super) fn rule(&self, run: &str) -> Option<&RunRule> {
        let named = |name: &str| self.runs.iter().find(|rule| matches(&rule.runs, name));
        named(run).or_else(|| named(whole_run(run)?))
    }

    /// What the caller states about the steps of a run.
    pub(super) fn word(&self, run: &str) -> StepWord {
        let rule = self.rule(run);
        let own = StepWord { unit: rule.and_then(|rule| rule.unit), base: rule.and_then(|rule| rule.base) };
        StepWord { unit: own.unit.or(self.unit), base: own.base.or(self.base) }
    }
}
