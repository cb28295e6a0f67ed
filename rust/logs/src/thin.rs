//! Records that tell what others are: all that sessions and timelines are found from.
//!
//! A log of gigabytes is re-indexed in two readings. The first keeps of each batch its ends, where each series is lowest
//! and highest, where a counter goes back, where the stated epoch changes and where a session starts; everything between
//! says nothing that these do not.

use std::ops::Range;

use stepbridge_records::{ColumnBatch, Decimal, Format, TaggedBatch, epoch_tag};

/// How many records of a file are kept because their epoch is another than the one before. Behind that only those of
/// another whole epoch are.
const MOST_EPOCHS: usize = 1 << 18;
/// How many because a counter goes back.
const MOST_BACKS: usize = 1 << 12;

/// Whether the format's records may be left out: not where files are compared record by record.
pub(crate) fn may_be_thinned(format: Format) -> bool {
    !matches!(format, Format::TrainerState | Format::Mmengine)
}

/// Leaves records of one file out, batch by batch.
#[derive(Default)]
pub(crate) struct Thinner {
    /// How many records there were before.
    records: u64,
    /// Those that were kept, by their numbers in the file.
    kept: Vec<u64>,
    epochs: usize,
    backs: usize,
}

impl Thinner {
    /// The batch without what tells nothing; `starts` are those of sessions up to its end.
    pub(crate) fn thin(&mut self, mut tagged: TaggedBatch, starts: &[(u64, i64)]) -> TaggedBatch {
        let batch = &tagged.columns;
        let mut keep = Keep(vec![false; batch.len()]);
        keep.ends();
        let mut cuts = self.backs(batch, &mut keep);
        for (before, _) in starts.iter().rev().take_while(|(before, _)| *before >= self.records) {
            cuts.push(usize::try_from(before - self.records).unwrap_or(usize::MAX).min(batch.len()));
        }
        cuts.extend([0, batch.len()]);
        cuts.sort_unstable();
        for cut in cuts.windows(2) {
            keep.also(cut[0]);
            keep.extremes(batch, cut[0]..cut[1]);
        }
        keep.times(batch);
        self.epochs(&tagged, &mut keep);
        let indices: Vec<usize> = (0..batch.len()).filter(|&index| keep.0[index]).collect();
        let before = self.records;
        self.records += batch.len() as u64;
        let ordinals: Vec<u64> = indices.iter().map(|&index| before + index as u64).collect();
        self.kept.extend(&ordinals);
        tagged.columns = ColumnBatch { ordinals: Some(ordinals), ..tagged.columns.select(&indices) };
        tagged
    }

    /// Makes the places of starts count kept records instead of all.
    pub(crate) fn renumber(&self, starts: &mut [(u64, i64)]) {
        for (before, _) in starts {
            *before = self.kept.partition_point(|ordinal| ordinal < before) as u64;
        }
    }

    /// Where a counter goes back.
    fn backs(&mut self, batch: &ColumnBatch, keep: &mut Keep) -> Vec<usize> {
        let mut cuts = Vec::new();
        if !batch.format.resume_signs().goes_back {
            return cuts;
        }
        let positions = batch.order_keys();
        let mut highest = None;
        for index in 0..batch.len() {
            let Some(at) = positions.at(index) else { continue };
            match highest {
                Some((most, before)) if at < most && self.backs < MOST_BACKS => {
                    keep.also(before);
                    cuts.push(index);
                    self.backs += 1;
                    highest = Some((at, index));
                }
                Some((most, _)) if at < most => {}
                _ => highest = Some((at, index)),
            }
        }
        cuts
    }

    fn epochs(&mut self, tagged: &TaggedBatch, keep: &mut Keep) {
        let batch = &tagged.columns;
        if let Some(epoch) = &batch.epoch {
            let mut last: Option<Option<Decimal>> = None;
            for (range, stated) in epoch.ranges() {
                if let Some(known) = last
                    && self.tells(known.map(Decimal::to_f64), stated.map(Decimal::to_f64))
                {
                    keep.also(range.start - 1);
                    keep.also(range.start);
                }
                last = Some(stated);
            }
        }
        let is_epoch: Vec<bool> = tagged.tags.iter().map(|tag| epoch_tag(tag).is_some()).collect();
        if !is_epoch.contains(&true) {
            return;
        }
        let mut last: Vec<Option<usize>> = vec![None; is_epoch.len()];
        for (index, &tag) in batch.tag.iter().enumerate() {
            let tag = tag as usize;
            if is_epoch.get(tag) != Some(&true) {
                continue;
            }
            if let Some(before) = last[tag]
                && batch.value[before].to_bits() != batch.value[index].to_bits()
                && self.tells(Some(batch.value[before]), Some(batch.value[index]))
            {
                keep.also(before);
                keep.also(index);
            }
            last[tag] = Some(index);
        }
    }

    /// Whether another epoch is worth two records.
    fn tells(&mut self, before: Option<f64>, after: Option<f64>) -> bool {
        self.epochs += 1;
        self.epochs <= MOST_EPOCHS || before.map(f64::floor) != after.map(f64::floor)
    }
}

/// Which records of a batch stay.
struct Keep(Vec<bool>);

impl Keep {
    fn also(&mut self, index: usize) {
        if let Some(keep) = self.0.get_mut(index) {
            *keep = true;
        }
    }

    fn ends(&mut self) {
        self.also(0);
        self.also(self.0.len().wrapping_sub(1));
    }

    /// Of a range that one process wrote the first record of each series, its lowest and its highest.
    fn extremes(&mut self, batch: &ColumnBatch, range: Range<usize>) {
        let positions = batch.order_keys();
        let mut seen: Vec<Option<(usize, usize)>> = Vec::new();
        for index in range {
            let tag = batch.tag[index] as usize;
            if tag >= seen.len() {
                seen.resize(tag + 1, None);
            }
            let Some((low, high)) = &mut seen[tag] else {
                self.also(index);
                seen[tag] = Some((index, index));
                continue;
            };
            let Some(at) = positions.at(index) else { continue };
            // One that has no position is below all that have one.
            if positions.at(*low).is_none_or(|lowest| at < lowest) {
                *low = index;
            }
            if positions.at(*high).is_none_or(|highest| at > highest) {
                *high = index;
            }
        }
        for (low, high) in seen.into_iter().flatten() {
            self.also(low);
            self.also(high);
        }
    }

    /// The earliest record and the latest.
    fn times(&mut self, batch: &ColumnBatch) {
        let Some(times) = &batch.wall_time else { return };
        let known = || times.iter().enumerate().filter(|(_, time)| !time.is_nan());
        let earliest = known().min_by(|(_, one), (_, other)| one.total_cmp(other));
        let latest = known().max_by(|(_, one), (_, other)| one.total_cmp(other));
        for (index, _) in earliest.into_iter().chain(latest) {
            self.also(index);
        }
    }
}
