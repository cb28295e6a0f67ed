//! Keeps only the records that sessions and timelines follow from.
//!
//! A log of gigabytes is re-indexed in two readings. The first reading keeps, of each batch, its ends, the lowest and the
//! highest record of each series, the records where a counter goes back, where the logged epoch changes, and where a session
//! starts. The records between them tell nothing more about sessions and timelines.

use std::collections::HashMap;
use std::ops::Range;

use stepbridge_records::{ColumnBatch, Decimal, Format, TaggedBatch, epoch_tag};

use super::sessions::{CounterWalk, SeriesBack};

/// How many records of a file are kept because their epoch differs from the one before. Beyond that, a record is kept only if
/// its whole epoch differs.
const MOST_EPOCHS: usize = 1 << 18;

/// Whether records of this format may be left out. Not if files are compared record by record.
pub(super) fn applies_to(format: Format) -> bool {
    !matches!(format, Format::TrainerState | Format::Mmengine)
}

/// Leaves out records of one file, batch by batch.
#[derive(Default)]
pub(super) struct SurveyFilter {
    /// How many records came before.
    records: u64,
    /// The indices in the file of the records that were kept.
    kept: Vec<u64>,
    epochs: usize,
    counters: CounterWalk,
    /// The numbers of tags, which all batches of the file share.
    tags: HashMap<String, u32>,
}

impl SurveyFilter {
    /// The records of a batch to keep. `starts` are those of sessions up to its end.
    pub(super) fn filter(&mut self, mut batch: TaggedBatch, starts: &[(u64, i64)]) -> TaggedBatch {
        let columns = &batch.columns;
        let mut keep = KeptRecords(vec![false; columns.len()]);
        keep.ends();
        let mut cuts = if columns.format.resume_signs().goes_back {
            let numbers: Vec<u32> = batch.tags.iter().map(|tag| number(&mut self.tags, tag)).collect();
            self.counters.take(columns, |tag| numbers.get(tag as usize).copied().unwrap_or(u32::MAX))
        } else {
            Vec::new()
        };
        for (before, _) in starts.iter().rev().take_while(|(before, _)| *before >= self.records) {
            cuts.push(usize::try_from(before - self.records).unwrap_or(usize::MAX).min(columns.len()));
        }
        cuts.extend([0, columns.len()]);
        cuts.sort_unstable();
        for cut in cuts.windows(2) {
            keep.record(cut[0]);
            keep.extremes(columns, cut[0]..cut[1]);
        }
        keep.times(columns);
        self.epochs(&batch, &mut keep);
        let indices: Vec<usize> = (0..columns.len()).filter(|&index| keep.0[index]).collect();
        let before = self.records;
        self.records += columns.len() as u64;
        let ordinals: Vec<u64> = indices.iter().map(|&index| before + index as u64).collect();
        self.kept.extend(&ordinals);
        batch.columns = ColumnBatch { ordinals: Some(ordinals), ..batch.columns.select(&indices) };
        batch
    }

    /// Makes session starts count the kept records, not all of them. Returns where the counters of the file go back.
    pub(super) fn finish(self, starts: &mut [(u64, i64)]) -> Vec<SeriesBack> {
        for (before, _) in starts {
            *before = self.kept.partition_point(|ordinal| ordinal < before) as u64;
        }
        self.counters.finish()
    }

    /// Keeps the records around each change of the epoch.
    fn epochs(&mut self, batch: &TaggedBatch, keep: &mut KeptRecords) {
        let columns = &batch.columns;
        if let Some(epoch) = &columns.epoch {
            let mut last: Option<Option<Decimal>> = None;
            for (range, stated) in epoch.ranges() {
                if let Some(known) = last
                    && self.keeps_change(known.map(Decimal::to_f64), stated.map(Decimal::to_f64))
                {
                    keep.record(range.start - 1);
                    keep.record(range.start);
                }
                last = Some(stated);
            }
        }
        let is_epoch: Vec<bool> = batch.tags.iter().map(|tag| epoch_tag(tag).is_some()).collect();
        if !is_epoch.contains(&true) {
            return;
        }
        let mut last: Vec<Option<usize>> = vec![None; is_epoch.len()];
        for (index, &tag) in columns.tag.iter().enumerate() {
            let tag = tag as usize;
            if is_epoch.get(tag) != Some(&true) {
                continue;
            }
            if let Some(before) = last[tag]
                && columns.value[before].to_bits() != columns.value[index].to_bits()
                && self.keeps_change(Some(columns.value[before]), Some(columns.value[index]))
            {
                keep.record(before);
                keep.record(index);
            }
            last[tag] = Some(index);
        }
    }

    /// Whether to keep the two records around a change of the epoch.
    fn keeps_change(&mut self, before: Option<f64>, after: Option<f64>) -> bool {
        self.epochs += 1;
        self.epochs <= MOST_EPOCHS || before.map(f64::floor) != after.map(f64::floor)
    }
}

/// The number of a tag.
fn number(tags: &mut HashMap<String, u32>, tag: &str) -> u32 {
    if let Some(&number) = tags.get(tag) {
        return number;
    }
    let number = u32::try_from(tags.len()).unwrap_or(u32::MAX);
    tags.insert(tag.to_owned(), number);
    number
}

/// Which records of a batch are kept.
struct KeptRecords(Vec<bool>);

impl KeptRecords {
    fn record(&mut self, index: usize) {
        if let Some(keep) = self.0.get_mut(index) {
            *keep = true;
        }
    }

    fn ends(&mut self) {
        self.record(0);
        self.record(self.0.len().wrapping_sub(1));
    }

    /// Keeps the first, the lowest and the highest record of each series in a range that one process wrote.
    fn extremes(&mut self, columns: &ColumnBatch, range: Range<usize>) {
        let keys = columns.order_keys();
        let mut seen: Vec<Option<(usize, usize)>> = Vec::new();
        for index in range {
            let tag = columns.tag[index] as usize;
            if tag >= seen.len() {
                seen.resize(tag + 1, None);
            }
            let Some((low, high)) = &mut seen[tag] else {
                self.record(index);
                seen[tag] = Some((index, index));
                continue;
            };
            let Some(key) = keys.at(index) else { continue };
            // A record without a key is below all that have one.
            if keys.at(*low).is_none_or(|lowest| key < lowest) {
                *low = index;
            }
            if keys.at(*high).is_none_or(|highest| key > highest) {
                *high = index;
            }
        }
        for (low, high) in seen.into_iter().flatten() {
            self.record(low);
            self.record(high);
        }
    }

    /// Keeps the earliest and the latest record.
    fn times(&mut self, columns: &ColumnBatch) {
        let Some(times) = &columns.wall_time else { return };
        let known = || times.iter().enumerate().filter(|(_, time)| !time.is_nan());
        let earliest = known().min_by(|(_, one), (_, other)| one.total_cmp(other));
        let latest = known().max_by(|(_, one), (_, other)| one.total_cmp(other));
        for (index, _) in earliest.into_iter().chain(latest) {
            self.record(index);
        }
    }
}
