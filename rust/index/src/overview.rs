//! An overview of each run.

use std::collections::BTreeSet;

use crate::logs::Logs;
use stepbridge_records::{ColumnBatch, Decimal, EpochColumn, epoch_tag};

/// What a run holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overview {
    /// How many records, superseded ones included.
    pub records: u64,
    /// How many series of values.
    pub tags: usize,
    /// The lowest and the highest step, as they are logged.
    pub steps: Option<(i64, i64)>,
    /// The lowest and the highest epoch that the log states.
    pub epochs: Option<(f64, f64)>,
}

impl Logs {
    /// What each of [`stepbridge_records::Records::runs`] holds.
    #[must_use]
    pub fn overview(&self) -> Vec<Overview> {
        let records = &self.records;
        let is_epoch: Vec<bool> = records.tags.iter().map(|tag| epoch_tag(tag).is_some()).collect();
        let mut found = vec![Overview::default(); records.runs.len()];
        let mut tags: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); records.runs.len()];
        for batch in &records.batches {
            let run = batch.run as usize;
            found[run].add(batch, &is_epoch);
            let mut last = None;
            for &tag in &batch.tag {
                if last != Some(tag) {
                    tags[run].insert(tag);
                    last = Some(tag);
                }
            }
        }
        for (found, tags) in found.iter_mut().zip(tags) {
            found.tags = tags.len();
        }
        found
    }
}

impl Overview {
    fn add(&mut self, batch: &ColumnBatch, is_epoch: &[bool]) {
        self.records += batch.len() as u64;
        let epochs = batch.epoch.as_ref().map(EpochColumn::reader);
        for index in 0..batch.len() {
            if let Some(step) = batch.step_of(index) {
                let (low, high) = self.steps.get_or_insert((step, step));
                (*low, *high) = ((*low).min(step), (*high).max(step));
            }
            let stated = epochs.as_ref().and_then(|epochs| epochs.get(index)).map(Decimal::to_f64);
            let tagged = is_epoch.get(batch.tag[index] as usize) == Some(&true);
            if let Some(epoch) = stated.or(tagged.then(|| batch.value[index])).filter(|epoch| epoch.is_finite()) {
                let (low, high) = self.epochs.get_or_insert((epoch, epoch));
                (*low, *high) = (low.min(epoch), high.max(epoch));
            }
        }
    }
}
