//! The sessions of a run: which records each wrote, and where each starts.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use stepbridge_records::{OrderKey, SeriesMeaning};

/// Records of one batch that one session wrote.
#[derive(Debug, Clone)]
pub(super) struct SessionSpan {
    /// The index of the batch.
    pub(super) batch: usize,
    pub(super) range: Range<usize>,
    pub(super) session: u32,
}

/// The sessions of the files of one run and one format.
#[derive(Debug, Default)]
pub(super) struct SessionLayout {
    /// All records, in their order.
    pub(super) spans: Vec<SessionSpan>,
    /// Where sessions say that they start.
    pub(super) starts: BTreeMap<u32, SessionStart>,
    /// The first record of each series in each session that does not say where it starts.
    pub(super) first: HashMap<(u32, SeriesMeaning, u32), OrderKey>,
}

/// Where a session says that it starts.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SessionStart {
    /// At this step, as it is logged.
    Step(i64),
    /// Where its ledger says, as a key for each meaning of the records.
    Ledger(Vec<(SeriesMeaning, OrderKey)>),
}

impl SessionStart {
    /// The key from which on records with this meaning are superseded.
    pub(super) fn key(&self, meaning: SeriesMeaning) -> Option<OrderKey> {
        match self {
            Self::Step(step) => Some(OrderKey { epoch: 0, step: *step }),
            Self::Ledger(keys) => keys.iter().find(|(of, _)| *of == meaning).map(|(_, key)| *key),
        }
    }
}
