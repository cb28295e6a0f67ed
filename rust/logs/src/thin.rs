//! Records that tell what others are: all that sessions and timelines are found from.
//!
//! A log of gigabytes is re-indexed in two readings. The first keeps of each piece its ends, where each series is lowest
//! and highest, where a counter goes back, where the stated epoch changes and where a session starts; everything between
//! says nothing that these do not.

use std::ops::Range;

use crate::formats::Format;
use crate::infer::is_epoch_tag;
use crate::piece::Piece;
use crate::record::{Chunk, Stated};
use crate::sessions::Positions;

/// How many records of a file are kept because their epoch is another than the one before. Behind that only those of
/// another whole epoch are.
const MOST_EPOCHS: usize = 1 << 18;
/// How many because a counter goes back.
const MOST_BACKS: usize = 1 << 12;

/// Whether the format's records may be left out: not where files are compared record by record.
pub(crate) fn may_be_thinned(format: Format) -> bool {
    !matches!(format, Format::TrainerState | Format::Mmengine)
}

/// Leaves records of one file out, piece by piece.
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
    /// The piece without what tells nothing; `starts` are those of sessions up to its end.
    pub(crate) fn thin(&mut self, mut piece: Piece, starts: &[(u64, i64)]) -> Piece {
        let chunk = &piece.chunk;
        let mut keep = Keep(vec![false; chunk.len()]);
        keep.ends();
        let mut cuts = self.backs(chunk, &mut keep);
        for (before, _) in starts.iter().rev().take_while(|(before, _)| *before >= self.records) {
            cuts.push(usize::try_from(before - self.records).unwrap_or(usize::MAX).min(chunk.len()));
        }
        cuts.extend([0, chunk.len()]);
        cuts.sort_unstable();
        for cut in cuts.windows(2) {
            keep.also(cut[0]);
            keep.extremes(chunk, cut[0]..cut[1]);
        }
        keep.times(chunk);
        self.epochs(&piece, &mut keep);
        let indices: Vec<usize> = (0..chunk.len()).filter(|&index| keep.0[index]).collect();
        let before = self.records;
        self.records += chunk.len() as u64;
        let ordinals: Vec<u64> = indices.iter().map(|&index| before + index as u64).collect();
        self.kept.extend(&ordinals);
        piece.chunk = Chunk { ordinals: Some(ordinals), ..piece.chunk.taken(&indices) };
        piece
    }

    /// Makes the places of starts count kept records instead of all.
    pub(crate) fn renumber(&self, starts: &mut [(u64, i64)]) {
        for (before, _) in starts {
            *before = self.kept.partition_point(|ordinal| ordinal < before) as u64;
        }
    }

    /// Where a counter goes back.
    fn backs(&mut self, chunk: &Chunk, keep: &mut Keep) -> Vec<usize> {
        let mut cuts = Vec::new();
        if !chunk.format.resumes().goes_back {
            return cuts;
        }
        let positions = Positions::of(chunk);
        let mut highest = None;
        for index in 0..chunk.len() {
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

    fn epochs(&mut self, piece: &Piece, keep: &mut Keep) {
        let chunk = &piece.chunk;
        if let Some(epoch) = &chunk.epoch {
            let mut last: Option<Option<Stated>> = None;
            for (range, stated) in epoch.runs() {
                if let Some(known) = last
                    && self.tells(known.map(Stated::to_f64), stated.map(Stated::to_f64))
                {
                    keep.also(range.start - 1);
                    keep.also(range.start);
                }
                last = Some(stated);
            }
        }
        let is_epoch: Vec<bool> = piece.tags.iter().map(|tag| is_epoch_tag(tag)).collect();
        if !is_epoch.contains(&true) {
            return;
        }
        let mut last: Vec<Option<usize>> = vec![None; is_epoch.len()];
        for (index, &tag) in chunk.tag.iter().enumerate() {
            let tag = tag as usize;
            if is_epoch.get(tag) != Some(&true) {
                continue;
            }
            if let Some(before) = last[tag]
                && chunk.value[before].to_bits() != chunk.value[index].to_bits()
                && self.tells(Some(chunk.value[before]), Some(chunk.value[index]))
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

/// Which records of a piece stay.
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
    fn extremes(&mut self, chunk: &Chunk, range: Range<usize>) {
        let positions = Positions::of(chunk);
        let mut seen: Vec<Option<(usize, usize)>> = Vec::new();
        for index in range {
            let tag = chunk.tag[index] as usize;
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
    fn times(&mut self, chunk: &Chunk) {
        let Some(times) = &chunk.wall_time else { return };
        let known = || times.iter().enumerate().filter(|(_, time)| !time.is_nan());
        let earliest = known().min_by(|(_, one), (_, other)| one.total_cmp(other));
        let latest = known().max_by(|(_, one), (_, other)| one.total_cmp(other));
        for (index, _) in earliest.into_iter().chain(latest) {
            self.also(index);
        }
    }
}
