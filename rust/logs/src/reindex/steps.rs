//! What the steps of each run are, and from where that is known: for people, before anything is placed.

use std::collections::HashSet;

use super::run::{Basis, Run};
use super::{Options, RunLedger, Timelines, inferred, runs};
use stepbridge_records::{Format, Records, StepMeaning};

/// What the steps of a run's files of one format are taken to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steps {
    /// The run's name.
    pub run: String,
    /// The format that its files are in.
    pub format: Format,
    /// Unit and base; of records that hold no step those of their epochs.
    pub step: StepMeaning,
    /// What that rests on.
    pub basis: Basis,
    /// One clause for people.
    pub why: String,
}

/// What the steps of every run are.
#[must_use]
pub fn steps(records: &Records, ledgers: &[Option<RunLedger>], options: Options) -> Vec<Steps> {
    let inferred = inferred(records, ledgers, Timelines::Own, options);
    let runs = runs(records, ledgers, Timelines::Own, options, &inferred);
    let periods = records.batches.iter().map(|batch| {
        let parts = runs.get(batch.run as usize).map_or_else(Vec::new, |run| run.parts(batch));
        parts.into_iter().map(|(_, period)| period).collect()
    });
    of_runs(records, &runs, periods, options)
}

/// The same, where the periods of each batch's records are known.
pub(super) fn of_runs(
    records: &Records,
    runs: &[Run],
    periods: impl Iterator<Item = Vec<usize>>,
    options: Options,
) -> Vec<Steps> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for (batch, periods) in records.batches.iter().zip(periods).filter(|(batch, _)| !batch.is_empty()) {
        let Some(run) = runs.get(batch.run as usize) else { continue };
        for period in periods {
            let (step, basis) = run.step(batch, period, options);
            if seen.insert((batch.run, batch.format, step, basis)) {
                let why = run.why(batch.format, basis, period);
                found.push(Steps { run: run.name.to_owned(), format: batch.format, step, basis, why });
            }
        }
    }
    found
}
