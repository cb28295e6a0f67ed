//! Second counters among series that have a file each, as in `MLflow`'s store.
//!
//! Their order is that of their times. Of each stretch in which the step does not go back only the first and the last record
//! matter, so that it makes no difference whether the others are in memory. What another series had reached at a record is therefore
//! not known.

use std::collections::HashMap;

use stepbridge_records::{ColumnBatch, Records};

use super::may_hold;

/// A series of fewer records shows nothing.
const FEW: u64 = 3;
/// How much faster the others rise at least.
const FASTER: f64 = 2.0;

/// The series of a file that has only one, in each run that the file holds records of.
#[derive(Default)]
struct LoneSeries {
    extents: Vec<SeriesExtent>,
    /// How many records were taken, if all of them are there.
    records: u64,
    /// Whether the file has several series, or records without a place.
    unfit: bool,
}

/// The records of a series in one run.
struct SeriesExtent {
    run: u32,
    tag: u32,
    /// The index in the file of the first one, and that after the last one.
    begin: u64,
    end: u64,
    /// The step and the time of the first and of the last record.
    first: (i64, f64),
    last: (i64, f64),
    /// The records since the step went back last: the index in the file of the first one, and its step.
    stretch: (u64, i64),
    /// Whether the step rises by one each time in every stretch before.
    by_one: bool,
}

impl SeriesExtent {
    fn new(run: u32, tag: u32, index: u64, place: (i64, f64)) -> Self {
        let stretch = (index, place.0);
        Self { run, tag, begin: index, end: index + 1, first: place, last: place, stretch, by_one: true }
    }

    /// Takes a later record.
    fn take(&mut self, index: u64, place: (i64, f64)) {
        if place.0 < self.last.0 {
            // Another process did some of it again.
            self.by_one &= self.stretch_rises_by_one(index);
            self.stretch = (index, place.0);
        }
        (self.end, self.last) = (index + 1, place);
    }

    /// Whether the step rises by one each time since it went back last, in records up to this index.
    fn stretch_rises_by_one(&self, end: u64) -> bool {
        let (begin, first) = self.stretch;
        let rise = u64::try_from(self.last.0.saturating_sub(first)).ok();
        rise.is_some_and(|rise| begin.checked_add(rise).and_then(|last| last.checked_add(1)) == Some(end))
    }

    /// Whether it rises by one each time, but for where it goes back.
    fn rises_by_one(&self) -> bool {
        self.end - self.begin >= FEW && self.by_one && self.stretch_rises_by_one(self.end)
    }

    /// By how much its step rises, and in how many seconds.
    #[expect(clippy::cast_precision_loss, reason = "they are compared")]
    fn rise(&self) -> (f64, f64) {
        (self.last.0.saturating_sub(self.first.0) as f64, self.last.1 - self.first.1)
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

impl LoneSeries {
    fn take(&mut self, batch: &ColumnBatch) {
        let before = self.records;
        self.records += batch.len() as u64;
        let Some((&tag, times)) = batch.tag.first().zip(batch.wall_time.as_ref()) else {
            self.unfit |= !batch.is_empty();
            return;
        };
        let is_other = |extent: &SeriesExtent| extent.tag != tag;
        if !may_hold(batch) || batch.tag.iter().any(|other| *other != tag) || self.extents.iter().any(is_other) {
            self.unfit = true;
            return;
        }
        for (index, &time) in times.iter().enumerate() {
            let Some(step) = batch.step_of(index).filter(|_| !time.is_nan()) else {
                self.unfit = true;
                return;
            };
            let ordinal = batch.ordinals.as_ref().map_or(before + index as u64, |ordinals| ordinals[index]);
            match self.extents.last_mut().filter(|extent| extent.run == batch.run) {
                Some(extent) => extent.take(ordinal, (step, time)),
                None => self.extents.push(SeriesExtent::new(batch.run, tag, ordinal, (step, time))),
            }
        }
    }
}

/// The series of each run that rise by one each time while another one rises by more; in the order of their files.
pub(super) fn found(records: &Records) -> Vec<(u32, u32)> {
    let mut files: HashMap<u32, LoneSeries> = HashMap::new();
    for batch in &records.batches {
        files.entry(batch.source).or_default().take(batch);
    }
    let mut files: Vec<(u32, LoneSeries)> = files.into_iter().filter(|(_, file)| !file.unfit).collect();
    files.sort_unstable_by_key(|(source, _)| *source);
    let extents = || files.iter().flat_map(|(_, file)| &file.extents);
    let mut runs: HashMap<u32, Vec<&SeriesExtent>> = HashMap::new();
    for extent in extents() {
        runs.entry(extent.run).or_default().push(extent);
    }
    let is_second =
        |extent: &&SeriesExtent| extent.rises_by_one() && runs[&extent.run].iter().any(|other| extent.is_behind(other));
    extents().filter(is_second).map(|extent| (extent.run, extent.tag)).collect()
}
