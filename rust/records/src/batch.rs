//! What a reader gives: batches of columns, in file order.
//!
//! A log of millions of values consists of columns from the first moment on; no record is an object of its own. Names are
//! interned and referred to by number.

use std::ops::Range;
use std::sync::Arc;

use crate::config::ConfigEntry;
use crate::decimal::Decimal;
use crate::epoch_column::EpochColumn;
use crate::format::Format;
use crate::meaning::{SeriesMeaning, StepMeaning, StepScope};
use crate::order_key::{OrderKeys, SupersededFrom};

/// Records of one file that are next to each other in it. All columns have the same length.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnBatch {
    /// Index into [`crate::Records::runs`].
    pub run: u32,
    /// Index into [`crate::Records::sources`].
    pub source: u32,
    /// The format of the file.
    pub format: Format,
    /// What `step` and `epoch` mean: what the format says, or what these records say themselves.
    pub meaning: SeriesMeaning,
    /// Indices into [`crate::Records::tags`].
    pub tag: Vec<u32>,
    /// The step as it was logged; `None` if the file has none.
    pub step: Option<Vec<i64>>,
    /// True if a record has no step, because its cell is empty; `None` if every record has one.
    pub step_missing: Option<Vec<bool>>,
    /// The epoch as it was logged; `None` if the file has none.
    pub epoch: Option<EpochColumn>,
    /// Seconds since 1970, NaN if a record has none; `None` if the file has none.
    pub wall_time: Option<Vec<f64>>,
    /// The values. NaN and infinities are values too.
    pub value: Vec<f64>,
    /// Pairs of (step, epoch) that the file states outside its records, as `trainer_state.json` does of itself.
    pub evidence: Vec<(i64, Decimal)>,
    /// How many batches an epoch has, if the file says it (`Step [10/1549]`): by the number of the epoch in the file, `None`
    /// for all epochs.
    pub lengths: Vec<(Option<i64>, u64)>,
    /// Numbers of the run's own configuration that the file states.
    pub config: Vec<ConfigEntry>,
    /// The indices of the records in the file, if records between them were left out.
    pub ordinals: Option<Vec<u64>>,
    /// The session of the run that wrote them, from 0.
    pub session: u32,
    /// From where on later sessions superseded them; `None` if none did.
    pub superseded_from: Option<Arc<SupersededFrom>>,
}

impl ColumnBatch {
    /// An empty batch of a file.
    #[must_use]
    pub fn new(run: u32, source: u32, format: Format) -> Self {
        Self {
            run,
            source,
            format,
            meaning: format.meaning(),
            tag: Vec::new(),
            step: None,
            step_missing: None,
            epoch: None,
            wall_time: None,
            value: Vec::new(),
            evidence: Vec::new(),
            lengths: Vec::new(),
            config: Vec::new(),
            ordinals: None,
            session: 0,
            superseded_from: None,
        }
    }

    /// How many records it holds.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.value.len()
    }

    /// Whether it holds no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.value.is_empty()
    }

    /// The records of a range, without what the file states outside its records.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        Self {
            tag: self.tag[range.clone()].to_vec(),
            step: self.step.as_ref().map(|step| step[range.clone()].to_vec()),
            step_missing: self.step_missing.as_ref().map(|missing| missing[range.clone()].to_vec()),
            epoch: self.epoch.as_ref().map(|epoch| epoch.slice(range.clone())),
            wall_time: self.wall_time.as_ref().map(|time| time[range.clone()].to_vec()),
            ordinals: self.ordinals.as_ref().map(|ordinals| ordinals[range.clone()].to_vec()),
            value: self.value[range].to_vec(),
            meaning: self.meaning,
            session: self.session,
            superseded_from: self.superseded_from.clone(),
            ..Self::new(self.run, self.source, self.format)
        }
    }

    /// The records with these indices, with everything that is known of the batch as a whole.
    #[must_use]
    pub fn select(self, indices: &[usize]) -> Self {
        fn pick<T: Copy>(column: &[T], indices: &[usize]) -> Vec<T> {
            indices.iter().map(|&index| column[index]).collect()
        }
        Self {
            tag: pick(&self.tag, indices),
            step: self.step.as_ref().map(|step| pick(step, indices)),
            step_missing: self.step_missing.as_ref().map(|missing| pick(missing, indices)),
            epoch: self.epoch.as_ref().map(|epoch| epoch.select(indices)),
            wall_time: self.wall_time.as_ref().map(|time| pick(time, indices)),
            value: pick(&self.value, indices),
            ordinals: self.ordinals.as_ref().map(|ordinals| pick(ordinals, indices)),
            ..self
        }
    }

    /// The keys that order the records in their run.
    #[must_use]
    pub fn order_keys(&self) -> OrderKeys<'_> {
        let over_run = matches!(self.meaning.step, Some(StepMeaning { scope: StepScope::Run, .. }));
        OrderKeys::new(self.step.as_deref(), self.step_missing.as_deref(), self.epoch.as_ref(), over_run)
    }

    /// Whether a later session superseded record `index`.
    #[must_use]
    pub fn is_superseded(&self, index: usize) -> bool {
        let holds = |from: &Arc<SupersededFrom>| from.holds(self.tag[index], self.order_keys().at(index));
        self.superseded_from.as_ref().is_some_and(holds)
    }

    /// The step of record `index`, if it has one.
    #[must_use]
    #[inline]
    pub fn step_of(&self, index: usize) -> Option<i64> {
        let missing = self.step_missing.as_ref().is_some_and(|missing| missing[index]);
        if missing { None } else { self.step.as_ref().map(|step| step[index]) }
    }

    /// The highest step of the records in `range` that have one.
    #[must_use]
    pub fn highest_step(&self, range: Range<usize>) -> Option<i64> {
        match (&self.step, &self.step_missing) {
            // Four at a time: one after the other, each would wait for the comparison before it.
            (Some(step), None) => {
                let (fours, rest) = step[range].as_chunks::<4>();
                let highest = fours
                    .iter()
                    .copied()
                    .reduce(|highest, next| std::array::from_fn(|lane| highest[lane].max(next[lane])));
                highest.iter().flatten().chain(rest).copied().max()
            }
            _ => range.filter_map(|index| self.step_of(index)).max(),
        }
    }

    /// The logged epoch of record `index`, if it has one.
    #[must_use]
    #[inline]
    pub fn epoch_of(&self, index: usize) -> Option<Decimal> {
        self.epoch.as_ref().and_then(|epoch| epoch.get(index))
    }
}

/// A batch whose tags have names of their own, before it joins the batches of other files. `columns.tag` counts in `tags`;
/// `columns.run` and `columns.source` are not set yet.
#[derive(Debug, Clone, PartialEq)]
pub struct TaggedBatch {
    /// The names of tags by number. Some may have no record.
    pub tags: Vec<String>,
    /// The records.
    pub columns: ColumnBatch,
    /// The run that they belong to.
    pub run: BatchRun,
}

/// The run that the records of a batch belong to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BatchRun {
    /// The run of the file's folder.
    #[default]
    Folder,
    /// The run of a folder further up, by how many folders: 1 is the folder that holds the file's folder.
    Above(usize),
    /// One of several runs of the file's folder, by its name.
    Named(String),
}

impl TaggedBatch {
    /// Records of the run of the file's folder.
    #[must_use]
    pub fn new(tags: Vec<String>, columns: ColumnBatch) -> Self {
        Self { tags, columns, run: BatchRun::Folder }
    }
}
