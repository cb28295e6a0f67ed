//! Parts of a table, and facts about its rows as a whole.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, RecordBatch};

use super::Table;

impl Table {
    /// The first rows, at most `count` of them.
    #[must_use]
    pub fn head(&self, count: usize) -> Self {
        let mut batches = Vec::new();
        let mut left = count;
        for batch in &self.batches {
            let rows = batch.num_rows().min(left);
            batches.push(batch.slice(0, rows));
            left -= rows;
            if left == 0 {
                break;
            }
        }
        Self { batches, ..self.clone() }
    }

    /// How many records of each run have neither an epoch, a position after their step, nor a batch, sample or token; runs without such records have
    /// no entry. A table without these columns says nothing about places, and has no entries.
    #[must_use]
    pub fn without_place(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        self.batches.iter().for_each(|batch| count_without_place(batch, &mut counts));
        counts
    }
}

/// Counts the records of a batch that have no place, by run.
pub(crate) fn count_without_place(batch: &RecordBatch, counts: &mut BTreeMap<String, u64>) {
    let (Some(epoch), Some(position)) = (batch.column_by_name("epoch"), batch.column_by_name("epoch_float")) else {
        return;
    };
    if epoch.null_count() == 0 || position.null_count() == 0 {
        return;
    }
    // Records of a stream whose epochs are not known are placed by these.
    let counted: Vec<_> =
        ["batch", "sample", "token"].into_iter().filter_map(|name| batch.column_by_name(name)).collect();
    let has_none = |row| epoch.is_null(row) && position.is_null(row) && counted.iter().all(|count| count.is_null(row));
    for row in (0..batch.num_rows()).filter(|&row| has_none(row)) {
        if let Some(run) = name(batch, "run", row) {
            match counts.get_mut(run) {
                Some(count) => *count += 1,
                None => drop(counts.insert(run.to_owned(), 1)),
            }
        }
    }
}

/// The name that a row has in a column of names.
pub(super) fn name<'a>(batch: &'a RecordBatch, column: &str, row: usize) -> Option<&'a str> {
    let names = batch.column_by_name(column)?.as_dictionary_opt::<Int32Type>()?;
    let key = names.key(row)?;
    Some(names.values().as_string_opt::<i32>()?.value(key))
}
