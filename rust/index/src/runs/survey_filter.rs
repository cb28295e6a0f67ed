//! Keeps only the records that sessions and timelines follow from.
//!
//! A log of gigabytes is re-indexed in two readings. The first reading keeps, of each batch, its ends, the lowest and the
//! highest record of each series, the records where a counter goes back, where the logged epoch changes, and where a session
//! starts. The records between them tell nothing more about sessions and timelines.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use stepbridge_records::{
    BatchRun, ColumnBatch, Decimal, Format, RepeatedRecords, SeriesCounter, TagTable, TaggedBatch, TooManyTags,
    epoch_tag,
};

use crate::infer::MOST_STRETCHES;
use crate::second_counters::{CounterFold, may_hold};

use super::sessions::{CounterWalk, SeriesBack};

/// How many records of a file are kept because their epoch differs from the one before. Beyond that, a record is kept only if
/// its whole epoch differs. It is more than inference tells apart, so that inference decides and not this filter.
const MOST_EPOCHS: usize = 2 * MOST_STRETCHES;
/// How far a row may reach from a record that is kept, in records.
const MOST_OF_ROW: usize = 64;

/// Whether records of this file may be left out. Not if it is compared with another one record by record.
pub(super) fn applies_to(format: Format, path: &Path) -> bool {
    match format.description().repeats {
        RepeatedRecords::Never => true,
        RepeatedRecords::InCheckpoints => false,
        RepeatedRecords::NextTo(name) => !path.with_file_name(name).is_file(),
    }
}

/// Leaves out records of one file, batch by batch.
#[derive(Default)]
pub(super) struct SurveyFilter {
    /// How many records came before.
    records: u64,
    /// The indices in the file of the records that were kept.
    kept: Vec<u64>,
    epochs: usize,
    walk: CounterWalk,
    /// The numbers of tags, which all batches of the file share.
    tags: TagTable,
    /// The last epoch of the column, and of each tag whose values are epochs.
    last_epoch: Option<Decimal>,
    last_values: HashMap<String, f64>,
    /// The counters of each run.
    counters: Vec<(BatchRun, RunCounters)>,
}

/// The counters of one run in the file.
#[derive(Default)]
struct RunCounters {
    fold: CounterFold,
    tags: TagTable,
}

impl SurveyFilter {
    /// The records of a batch to keep. `starts` are those of sessions up to its end.
    pub(super) fn filter(&mut self, mut batch: TaggedBatch, starts: &[(u64, i64)]) -> TaggedBatch {
        self.count(&batch);
        let columns = &batch.columns;
        let mut keep = KeptRecords(vec![false; columns.len()]);
        keep.ends();
        let mut cuts = if columns.format.resume_signs().goes_back {
            let numbers: Vec<u32> = batch.tags.iter().map(|tag| self.tags.number(tag.as_bytes())).collect();
            self.walk.take(columns, |tag| numbers[tag as usize])
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
        self.epochs(&batch, &cuts, &mut keep);
        if may_hold(columns) {
            keep.rows(columns);
        }
        let indices: Vec<usize> = (0..columns.len()).filter(|&index| keep.0[index]).collect();
        let before = self.records;
        self.records += columns.len() as u64;
        let ordinals: Vec<u64> = indices.iter().map(|&index| before + index as u64).collect();
        self.kept.extend(&ordinals);
        batch.columns = ColumnBatch { ordinals: Some(ordinals), ..batch.columns.select(&indices) };
        batch
    }

    /// Makes session starts count the kept records, not all of them. Returns where the counters of the file go back, and the
    /// series that count by a counter of their own, by run and tag.
    ///
    /// Fails if there are more names than numbers.
    pub(super) fn finish(
        self,
        starts: &mut [(u64, i64)],
    ) -> Result<(Vec<SeriesBack>, Vec<SeriesCounter>), TooManyTags> {
        self.tags.check()?;
        for (before, _) in starts {
            *before = self.kept.partition_point(|ordinal| ordinal < before) as u64;
        }
        let mut counters = Vec::new();
        for (run, RunCounters { fold, tags }) in self.counters {
            let names = tags.into_names()?;
            counters.extend(
                fold.finish().into_iter().map(|(tag, marks)| (run.clone(), names[tag as usize].clone(), marks)),
            );
        }
        Ok((self.walk.finish(), counters))
    }

    /// Takes all records of a batch into account for the counters of its run.
    fn count(&mut self, batch: &TaggedBatch) {
        if !may_hold(&batch.columns) {
            return;
        }
        let at = self.counters.iter().position(|(run, _)| *run == batch.run).unwrap_or_else(|| {
            self.counters.push((batch.run.clone(), RunCounters::default()));
            self.counters.len() - 1
        });
        self.counters[at].1.add(batch);
    }

    /// Keeps the first, the lowest and the highest record of those next to each other that state one epoch.
    fn epochs(&mut self, batch: &TaggedBatch, cuts: &[usize], keep: &mut KeptRecords) {
        let columns = &batch.columns;
        if let Some(epoch) = &columns.epoch {
            let mut stretch = None;
            for (range, stated) in epoch.ranges() {
                let Some(stated) = stated else { continue };
                let changes = self.last_epoch.is_none_or(|last| self.is_change(last.to_f64(), stated.to_f64()));
                if changes {
                    self.epochs += 1;
                    self.last_epoch = Some(stated);
                    keep.end_stretch(&mut stretch);
                }
                for index in range {
                    if cuts.binary_search(&index).is_ok() {
                        keep.end_stretch(&mut stretch);
                    }
                    keep.in_stretch(columns, index, &mut stretch);
                }
            }
            keep.end_stretch(&mut stretch);
            return;
        }
        let is_epoch: Vec<bool> = batch.tags.iter().map(|tag| epoch_tag(tag).is_some()).collect();
        if !is_epoch.contains(&true) {
            return;
        }
        let mut stretches: Vec<Option<StretchEnds>> = vec![None; is_epoch.len()];
        for (index, &tag) in columns.tag.iter().enumerate() {
            let (tag, value) = (tag as usize, columns.value[index]);
            if is_epoch.get(tag) != Some(&true) || value.is_nan() {
                continue;
            }
            let last = self.last_values.get(&batch.tags[tag]).copied();
            if last.is_none_or(|last| self.is_change(last, value)) {
                self.epochs += 1;
                self.last_values.insert(batch.tags[tag].clone(), value);
                keep.end_stretch(&mut stretches[tag]);
            }
            keep.in_stretch(columns, index, &mut stretches[tag]);
        }
        for stretch in &mut stretches {
            keep.end_stretch(stretch);
        }
    }

    /// Whether an epoch that follows another one is to be kept.
    fn is_change(&self, before: f64, after: f64) -> bool {
        if self.epochs <= MOST_EPOCHS {
            before.to_bits() != after.to_bits()
        } else {
            before.floor().to_bits() != after.floor().to_bits()
        }
    }
}

impl RunCounters {
    fn add(&mut self, batch: &TaggedBatch) {
        let numbers: Vec<u32> = batch.tags.iter().map(|name| self.tags.number(name.as_bytes())).collect();
        let in_order = numbers.iter().zip(0..).all(|(number, local)| *number == local);
        if in_order {
            self.fold.add(&batch.columns);
        } else {
            let tag = batch.columns.tag.iter().map(|tag| numbers[*tag as usize]).collect();
            self.fold.add(&ColumnBatch { tag, ..batch.columns.clone() });
        }
    }
}

/// The lowest and the highest step of records that state one epoch, and their indices.
#[derive(Debug, Clone, Copy)]
struct StretchEnds {
    low: (i64, usize),
    high: (i64, usize),
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
            // The last of those that are highest: what comes after it is another stretch.
            if keys.at(*high).is_none_or(|highest| key >= highest) {
                *high = index;
            }
        }
        for (low, high) in seen.into_iter().flatten() {
            self.record(low);
            self.record(high);
        }
    }

    /// Takes a record into a stretch.
    fn in_stretch(&mut self, columns: &ColumnBatch, index: usize, stretch: &mut Option<StretchEnds>) {
        let Some(step) = columns.step_of(index) else {
            // An epoch without a step is where an epoch begins as well.
            if stretch.is_none() {
                self.record(index);
            }
            return;
        };
        match stretch {
            None => {
                self.record(index);
                *stretch = Some(StretchEnds { low: (step, index), high: (step, index) });
            }
            Some(StretchEnds { low, .. }) if step < low.0 => *low = (step, index),
            Some(StretchEnds { high, .. }) if step > high.0 => *high = (step, index),
            Some(_) => {}
        }
    }

    /// Keeps the lowest and the highest record of a stretch, which ends.
    fn end_stretch(&mut self, stretch: &mut Option<StretchEnds>) {
        if let Some(StretchEnds { low, high }) = stretch.take() {
            self.record(low.1);
            self.record(high.1);
        }
    }

    /// Keeps the whole rows of kept records: neighbours with one step.
    fn rows(&mut self, columns: &ColumnBatch) {
        let kept: Vec<usize> = (0..self.0.len()).filter(|&index| self.0[index]).collect();
        for index in kept {
            let step = columns.step_of(index);
            let same = |other: &usize| columns.step_of(*other) == step;
            (index + 1..self.0.len()).take(MOST_OF_ROW).take_while(same).for_each(|other| self.record(other));
            (0..index).rev().take(MOST_OF_ROW).take_while(same).for_each(|other| self.record(other));
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
