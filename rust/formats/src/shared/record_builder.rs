//! Builds the columns of records: values one by one, then the counters of their row.

use std::collections::HashMap;

use stepbridge_records::{ColumnBatch, Decimal, EpochColumn, Format};

/// The counters of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RowPlace {
    pub(crate) step: Option<i64>,
    pub(crate) epoch: Option<Decimal>,
    /// In seconds since 1970; NaN if the row has none.
    pub(crate) wall_time: f64,
}

/// The columns of records. A column is empty as long as no row has anything in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecordBuilder {
    tag: Vec<u32>,
    value: Vec<f64>,
    step: Vec<i64>,
    /// Whether a record has no step; empty as long as all have one, or none.
    missing: Vec<bool>,
    epoch: EpochColumn,
    wall_time: Vec<f64>,
    /// How many records belong to rows that have ended.
    ended: usize,
}

impl Default for RowPlace {
    fn default() -> Self {
        Self { step: None, epoch: None, wall_time: f64::NAN }
    }
}

impl RecordBuilder {
    /// The records that have these tags and values, whose rows are still to be ended.
    pub(crate) fn of_values(tag: Vec<u32>, value: Vec<f64>) -> Self {
        Self { tag, value, ..Self::default() }
    }

    /// Makes room for so many records with a step in all.
    pub(crate) fn reserve(&mut self, records: usize) {
        self.tag.reserve(records);
        self.value.reserve(records);
        self.step.reserve(records);
    }

    /// Makes room for so many records with a step and a time in all.
    pub(crate) fn reserve_timed(&mut self, records: usize) {
        self.reserve(records);
        self.wall_time.reserve(records);
    }

    /// How many records there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.value.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.value.is_empty()
    }

    /// Adds a value to the current row.
    #[inline]
    pub(crate) fn push(&mut self, tag: u32, value: f64) {
        self.tag.push(tag);
        self.value.push(value);
    }

    /// Adds a row of one value. Every row has a step and a time, or this is not called.
    #[inline]
    pub(crate) fn push_timed(&mut self, tag: u32, step: i64, wall_time: f64, value: f64) {
        self.tag.push(tag);
        self.step.push(step);
        self.wall_time.push(wall_time);
        self.value.push(value);
        self.ended += 1;
    }

    /// Ends a row: all values since the last one have its counters.
    #[inline]
    pub(crate) fn end_row(&mut self, place: RowPlace) {
        self.end_row_at(self.value.len(), place);
    }

    /// Ends a row whose values go up to the record number `end`.
    #[inline]
    pub(crate) fn end_row_at(&mut self, end: usize, place: RowPlace) {
        let begin = self.ended;
        if end <= begin {
            return;
        }
        if let Some(step) = place.step {
            if self.step.len() < begin {
                // The rows before have no step.
                self.step.resize(begin, 0);
                self.missing.resize(begin, true);
            }
            self.step.resize(end, step);
            if !self.missing.is_empty() {
                self.missing.resize(end, false);
            }
        } else if !self.step.is_empty() {
            self.missing.resize(begin, false);
            self.missing.resize(end, true);
            self.step.resize(end, 0);
        }
        if place.epoch.is_some() || !self.epoch.is_empty() {
            self.epoch.extend_to(begin, None);
            self.epoch.extend_to(end, place.epoch);
        }
        if !place.wall_time.is_nan() || !self.wall_time.is_empty() {
            self.wall_time.resize(begin, f64::NAN);
            self.wall_time.resize(end, place.wall_time);
        }
        self.ended = end;
    }

    /// Drops the values of the row that has not ended.
    pub(crate) fn forget_row(&mut self) {
        self.tag.truncate(self.ended);
        self.value.truncate(self.ended);
    }

    /// Drops all records from this number on, if all were added by [`Self::push_timed`].
    pub(crate) fn truncate(&mut self, records: usize) {
        self.tag.truncate(records);
        self.value.truncate(records);
        self.step.truncate(records);
        self.wall_time.truncate(records);
        self.ended = self.ended.min(records);
    }

    /// The records of rows that have ended.
    pub(crate) fn into_columns(mut self, format: Format) -> ColumnBatch {
        self.forget_row();
        let mut columns = ColumnBatch::new(0, 0, format);
        if self.step.len() == self.ended && self.ended > 0 {
            columns.step = Some(self.step);
            columns.step_missing = (!self.missing.is_empty()).then_some(self.missing);
        }
        columns.epoch = (!self.epoch.all_missing()).then_some(self.epoch);
        columns.wall_time = (!self.wall_time.is_empty()).then_some(self.wall_time);
        columns.tag = self.tag;
        columns.value = self.value;
        columns
    }
}

/// Renumbers tags so that only names with a record are left, and returns those names.
pub(crate) fn used_names(tag: &mut [u32], names: &[String]) -> Vec<String> {
    let mut numbers = HashMap::new();
    let (mut used, mut next) = (Vec::new(), 0_u32);
    for tag in tag {
        *tag = *numbers.entry(*tag).or_insert_with(|| {
            used.push(names[*tag as usize].clone());
            next += 1;
            next - 1
        });
    }
    used
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stepbridge_records::FormatDescription;

    use super::*;

    static UNKNOWN: FormatDescription = FormatDescription::UNKNOWN;

    proptest! {
        #[test]
        fn every_record_has_the_counters_of_its_row(
            rows in prop::collection::vec((0_usize..4, prop::option::of(-3_i64..3), prop::option::of(0_i64..3), any::<bool>()), 0..20),
            torn in 0_usize..3,
        ) {
            let mut builder = RecordBuilder::default();
            let mut expected = Vec::new();
            for &(values, step, epoch, timed) in &rows {
                let epoch = epoch.map(Decimal::integer);
                let wall_time = if timed { 1.5 } else { f64::NAN };
                for value in 0..values {
                    builder.push(7, 0.5);
                    expected.push((step, epoch, timed));
                    prop_assert!(value < 4);
                }
                builder.end_row(RowPlace { step, epoch, wall_time });
            }
            (0..torn).for_each(|_| builder.push(9, 2.5));
            builder.forget_row();
            prop_assert_eq!(builder.len(), expected.len());
            let columns = builder.into_columns(Format::of(&UNKNOWN));
            let found: Vec<_> = (0..columns.len())
                .map(|i| {
                    let timed = columns.wall_time.as_ref().is_some_and(|times| !times[i].is_nan());
                    (columns.step_of(i), columns.epoch_of(i), timed)
                })
                .collect();
            prop_assert_eq!(found, &expected[..]);
            prop_assert_eq!(columns.step.is_some(), expected.iter().any(|row| row.0.is_some()));
            prop_assert_eq!(columns.epoch.is_some(), expected.iter().any(|row| row.1.is_some()));
            let some_missing = columns.step.is_some() && expected.iter().any(|row| row.0.is_none());
            prop_assert_eq!(columns.step_missing.is_some(), some_missing);
        }
    }
}
