//! Builds the columns of records from rows.

use std::collections::HashMap;

use stepbridge_records::{ColumnBatch, Decimal, EpochColumn, Format, TaggedBatch};

/// The records of a file, added one by one.
#[derive(Debug, Default)]
pub(crate) struct RecordBuilder {
    tags: Vec<String>,
    numbers: HashMap<String, u32>,
    tag: Vec<u32>,
    step: Vec<i64>,
    missing: Vec<bool>,
    epoch: EpochColumn,
    value: Vec<f64>,
    /// Pairs of (step, epoch) from outside the records.
    pub(crate) evidence: Vec<(i64, Decimal)>,
}

/// The counters of a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RowPlace {
    pub(crate) step: Option<i64>,
    pub(crate) epoch: Option<Decimal>,
}

impl RecordBuilder {
    /// The number of a tag.
    pub(crate) fn number(&mut self, tag: &str) -> u32 {
        if let Some(&number) = self.numbers.get(tag) {
            return number;
        }
        // Each tag takes bytes of the file, so there are never 2^32.
        let number = u32::try_from(self.tags.len()).unwrap_or(u32::MAX);
        self.tags.push(tag.to_owned());
        self.numbers.insert(tag.to_owned(), number);
        number
    }

    pub(crate) fn push(&mut self, tag: u32, place: RowPlace, value: f64) {
        self.tag.push(tag);
        self.step.push(place.step.unwrap_or(0));
        self.missing.push(place.step.is_none());
        self.epoch.push(place.epoch, 1);
        self.value.push(value);
    }

    /// The records. Columns without any element are left out.
    pub(crate) fn into_batch(self, format: Format) -> TaggedBatch {
        let mut batch = ColumnBatch::new(0, 0, format);
        if self.missing.contains(&false) {
            batch.step = Some(self.step);
            batch.step_missing = self.missing.contains(&true).then_some(self.missing);
        }
        batch.epoch = (!self.epoch.all_missing()).then_some(self.epoch);
        batch.tag = self.tag;
        batch.value = self.value;
        batch.evidence = self.evidence;
        TaggedBatch::new(self.tags, batch)
    }
}
