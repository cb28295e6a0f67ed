//! What a caller asks of re-indexing.

use std::collections::BTreeMap;

use stepbridge_timeline::{Timeline, Unit};

/// Where the timelines come from.
#[derive(Debug, Clone, Copy)]
pub enum Timelines<'a> {
    /// Each run's own: that of its ledger, else what its log says.
    Own,
    /// One for all runs.
    One(&'a Timeline),
    /// One a run, by its name. Runs that are not there have none.
    Each(&'a BTreeMap<String, Timeline>),
}

/// What is asked for beyond the rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReindexOptions {
    /// What the steps count, where it is not what the format or the ledger declares.
    pub unit: Option<Unit>,
    /// 0 where a step is an index, 1 where it is the n-th; the same.
    pub base: Option<u8>,
    /// Whether the index of each record's batch is asked for.
    pub batch: bool,
    /// Whether the index of the first sample of each record's batch is asked for.
    pub sample: bool,
    /// Whether a run whose log does not say its timeline takes that of the others, where they are of one mind.
    pub share_timeline: bool,
}
