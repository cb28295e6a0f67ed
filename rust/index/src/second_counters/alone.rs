//! Second counters among series that have a file each, as in `MLflow`'s store.
//!
//! Their order is that of their times. Only the first and the last record of a file are looked at, so that it does not matter
//! whether the others are in memory. What another series had reached at a record is therefore not known.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use stepbridge_records::{ColumnBatch, Records};

use super::may_hold;

/// A series of fewer records shows nothing.
const FEW: u64 = 3;
/// How much faster the others rise at least.
const FASTER: f64 = 2.0;

/// A series that is alone in its file.
struct SeriesExtent {
    run: u32,
    tag: u32,
    records: u64,
    /// The step and the time of its first and of its last record.
    first: (i64, f64),
    last: (i64, f64),
}

impl SeriesExtent {
    /// The same with the records of the next batch of its file.
    fn followed_by(self, next: &Self) -> Option<Self> {
        let records = self.records + next.records;
        (self.tag == next.tag).then_some(Self { records, last: next.last, ..self })
    }

    /// By how much its step rises, and in how many seconds.
    #[expect(clippy::cast_precision_loss, reason = "they are compared")]
    fn rise(&self) -> (f64, f64) {
        (self.last.0.saturating_sub(self.first.0) as f64, self.last.1 - self.first.1)
    }

    /// Whether it rises by one each time.
    fn rises_by_one(&self) -> bool {
        let rise = u64::try_from(self.last.0.saturating_sub(self.first.0)).ok();
        self.records >= FEW && rise == Some(self.records - 1)
    }

    /// Whether another series rises faster than this one all the time, and gets ahead of it.
    fn is_behind(&self, other: &Self) -> bool {
        let ((rise, time), (other_rise, other_time)) = (self.rise(), other.rise());
        let shared = self.last.1.min(other.last.1) - self.first.1.max(other.first.1);
        // A series that ended early, or began late, may be slow for another reason.
        2.0 * shared >= time.max(other_time)
            && time > 0.0
            && other_rise >= FASTER * rise
            && other_rise * time >= FASTER * rise * other_time
            && other.last.0 >= self.last.0.saturating_add(2)
    }
}

/// The series of each run that rise by one each time while another one rises by more; in the order of their files.
pub(super) fn found(records: &Records) -> Vec<(u32, u32)> {
    let mut files: HashMap<u32, Option<SeriesExtent>> = HashMap::new();
    for batch in records.batches.iter().filter(|batch| !batch.is_empty()) {
        let next = extent(batch);
        match files.entry(batch.source) {
            Entry::Vacant(entry) => {
                entry.insert(next);
            }
            Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                *known = known.take().zip(next).and_then(|(known, next)| known.followed_by(&next));
            }
        }
    }
    let mut files: Vec<(u32, SeriesExtent)> =
        files.into_iter().filter_map(|(source, extent)| Some((source, extent?))).collect();
    files.sort_unstable_by_key(|(source, _)| *source);
    let mut runs: HashMap<u32, Vec<&SeriesExtent>> = HashMap::new();
    for (_, extent) in &files {
        runs.entry(extent.run).or_default().push(extent);
    }
    let is_second =
        |extent: &&SeriesExtent| extent.rises_by_one() && runs[&extent.run].iter().any(|other| extent.is_behind(other));
    files.iter().map(|(_, extent)| extent).filter(is_second).map(|extent| (extent.run, extent.tag)).collect()
}

/// What a batch holds of the only series of its file.
fn extent(batch: &ColumnBatch) -> Option<SeriesExtent> {
    let (&tag, times) = (batch.tag.first()?, batch.wall_time.as_ref()?);
    if !may_hold(batch) || batch.tag.iter().any(|other| *other != tag) {
        return None;
    }
    let at = |index: usize| Some((batch.step_of(index)?, times[index])).filter(|(_, time)| !time.is_nan());
    let end = batch.len() - 1;
    let records = match &batch.ordinals {
        // The first and the last one of a batch are always kept.
        Some(ordinals) => ordinals.last()? - ordinals.first()? + 1,
        None => batch.len() as u64,
    };
    Some(SeriesExtent { run: batch.run, tag, records, first: at(0)?, last: at(end)? })
}
