//! What is left out, and how much of it.

use std::collections::{BTreeMap, HashMap};

use arrow_buffer::BooleanBuffer;
use stepbridge_records::{ColumnBatch, Records};

/// Values of a run that were left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The run.
    pub run: String,
    /// The series; `None` if the number is that of all of them together.
    pub series: Option<String>,
    /// `superseded` or `no_place`.
    pub reason: &'static str,
    /// How many.
    pub values: u64,
}

/// What is left out of one batch.
#[derive(Debug, Clone, Default)]
pub(super) struct LeftOutCounts {
    pub(super) kept: u64,
    superseded: u64,
    /// By tag.
    without_place: HashMap<u32, u64>,
}

impl LeftOutCounts {
    /// Counts the values without a new step; `gone` are those that a later session superseded.
    pub(super) fn of(batch: &ColumnBatch, steps: &[Option<i64>], gone: Option<&BooleanBuffer>) -> Self {
        let kept = steps.iter().filter(|step| step.is_some()).count();
        let mut counts = Self { kept: kept as u64, ..Self::default() };
        if kept == steps.len() {
            return counts;
        }
        for (index, _) in steps.iter().enumerate().filter(|(_, step)| step.is_none()) {
            if gone.is_some_and(|gone| gone.value(index)) {
                counts.superseded += 1;
            } else {
                *counts.without_place.entry(batch.tag[index]).or_default() += 1;
            }
        }
        counts
    }
}

/// What is left out of all batches: of each run as a whole if nothing of it is kept, else of each series.
pub(super) fn sum(records: &Records, counts: &[LeftOutCounts]) -> Vec<LeftOut> {
    let mut runs: BTreeMap<u32, (u64, u64, BTreeMap<u32, u64>)> = BTreeMap::new();
    for (batch, counts) in records.batches.iter().zip(counts) {
        let (kept, superseded, series) = runs.entry(batch.run).or_default();
        *kept += counts.kept;
        *superseded += counts.superseded;
        for (&tag, &count) in &counts.without_place {
            *series.entry(tag).or_default() += count;
        }
    }
    let mut found = Vec::new();
    for (run, (kept, superseded, series)) in runs {
        let run = records.runs[run as usize].clone();
        let row = |series, reason, values| LeftOut { run: run.clone(), series, reason, values };
        if superseded > 0 {
            found.push(row(None, "superseded", superseded));
        }
        let all = series.values().sum();
        if kept == 0 && all > 0 {
            found.push(row(None, "no_place", all));
        } else {
            let name = |tag: u32| records.tags.get(tag as usize).cloned();
            found.extend(series.into_iter().map(|(tag, count)| row(name(tag), "no_place", count)));
        }
    }
    found
}
