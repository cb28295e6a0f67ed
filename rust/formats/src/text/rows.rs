//! Records of one sort of line in one block of a file.

use super::line_place::{LinePlace, Rank};
use stepbridge_records::{ColumnBatch, Decimal, EpochColumn, Format, SeriesMeaning, TagTable};

/// The records of one rank: a set for each line of the plan.
#[derive(Debug, Default)]
pub(super) struct RankRows {
    pub(super) rank: Rank,
    lines: Vec<TextRows>,
}

impl RankRows {
    /// Those of a rank among all, whose plan has so many lines.
    pub(super) fn of(all: &mut Vec<Self>, rank: Rank, lines: usize) -> &mut Self {
        let at = all.iter().position(|rows| rows.rank == rank).unwrap_or_else(|| {
            let mut rows = Self { rank, ..Self::default() };
            rows.lines.resize_with(lines, TextRows::default);
            all.push(rows);
            all.len() - 1
        });
        &mut all[at]
    }

    pub(super) fn line(&mut self, index: usize) -> &mut TextRows {
        &mut self.lines[index]
    }

    pub(super) fn into_lines(self) -> impl Iterator<Item = TextRows> {
        self.lines.into_iter()
    }
}

/// Records, column by column.
#[derive(Debug, Default)]
pub(super) struct TextRows {
    pub(super) tags: TagTable,
    tag: Vec<u32>,
    step: Vec<i64>,
    missing: Vec<bool>,
    epoch: EpochColumn,
    wall_time: Vec<f64>,
    value: Vec<f64>,
    pub(super) evidence: Vec<(i64, Decimal)>,
    pub(super) lengths: Vec<(Option<i64>, u64)>,
}

impl TextRows {
    pub(super) fn push(&mut self, tag: u32, place: LinePlace, value: f64) {
        self.tag.push(tag);
        self.step.push(place.step.unwrap_or(0));
        self.missing.push(place.step.is_none());
        self.epoch.push(place.epoch, 1);
        if place.wall_time.is_some() || !self.wall_time.is_empty() {
            self.wall_time.resize(self.value.len(), f64::NAN);
            self.wall_time.push(place.wall_time.unwrap_or(f64::NAN));
        }
        self.value.push(value);
    }

    /// Gives records that lack an epoch, or a step, those of a heading.
    pub(super) fn fill(&mut self, heading: Option<LinePlace>) {
        let LinePlace { step, epoch, .. } = heading.unwrap_or_default();
        if epoch.is_some() {
            self.epoch = self.epoch.iter().map(|stated| stated.or(epoch)).collect();
        }
        if let Some(step) = step {
            for (known, missing) in self.step.iter_mut().zip(&mut self.missing).filter(|(_, missing)| **missing) {
                (*known, *missing) = (step, false);
            }
        }
        // How long the epochs are belongs to an epoch, or to none.
        let whole = epoch.and_then(Decimal::whole);
        self.lengths.retain_mut(|(of, _)| {
            *of = of.or(whole);
            of.is_some()
        });
    }

    /// Records how many batches an epoch has.
    pub(super) fn length(&mut self, epoch: Option<i64>, batches: u64) {
        if self.lengths.last() != Some(&(epoch, batches)) {
            self.lengths.push((epoch, batches));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.value.is_empty() && self.evidence.is_empty()
    }

    /// The records, without the names of their tags. A column that no record has anything in is left out.
    pub(super) fn into_columns(self, meaning: SeriesMeaning, format: Format) -> ColumnBatch {
        let mut batch = ColumnBatch::new(0, 0, format);
        batch.meaning = meaning;
        if self.missing.contains(&false) {
            batch.step = Some(self.step);
            batch.step_missing = self.missing.contains(&true).then_some(self.missing);
        }
        batch.epoch = (!self.epoch.all_missing()).then_some(self.epoch);
        batch.wall_time = (!self.wall_time.is_empty()).then_some(self.wall_time);
        batch.tag = self.tag;
        batch.value = self.value;
        batch.evidence = self.evidence;
        batch.lengths = self.lengths;
        batch
    }
}
