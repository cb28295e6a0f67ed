//! What a caller asks of re-indexing.

use std::collections::BTreeMap;

use stepbridge_timeline::{Timeline, Unit};

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

/// What a caller asks for beyond the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReindexOptions {
    /// What the steps count, if not what the format or the ledger declares.
    pub unit: Option<Unit>,
    /// 0 if a step is an index, 1 if it is the n-th; if not what the format or the ledger declares.
    pub base: Option<u8>,
    /// Whether to add the index of the batch of each record.
    pub batch: bool,
    /// Whether to add the index of the first sample of that batch.
    pub sample: bool,
    /// Whether a run whose log does not show its timeline takes that of the other runs, if they all have the same.
    pub share_timeline: bool,
}
