//! What the steps of each run are, and what that rests on: for people, before anything is placed.

use std::collections::HashSet;

use super::options::{ReindexOptions, Timelines};
use super::resolve::{inferred, runs};
use super::result::StepInfo;
use super::run::ResolvedRun;
use crate::logs::RunLedger;
use stepbridge_records::Records;

/// What the steps of every run are.
#[must_use]
pub fn steps(records: &Records, ledgers: &[Option<RunLedger>], options: ReindexOptions) -> Vec<StepInfo> {
    let inferred = inferred(records, ledgers, Timelines::Own, options);
    let runs = runs(records, ledgers, Timelines::Own, options, &inferred);
    let periods = records.batches.iter().map(|batch| {
        let parts = runs.get(batch.run as usize).map_or_else(Vec::new, |run| run.parts(batch));
        parts.into_iter().map(|(_, period)| period).collect()
    });
    of_runs(records, &runs, periods, options)
}

/// The same, given the periods of the records of each batch.
pub(crate) fn of_runs(
    records: &Records,
    runs: &[ResolvedRun],
    periods: impl Iterator<Item = Vec<usize>>,
    options: ReindexOptions,
) -> Vec<StepInfo> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for (batch, periods) in records.batches.iter().zip(periods).filter(|(batch, _)| !batch.is_empty()) {
        let Some(run) = runs.get(batch.run as usize) else { continue };
        for period in periods {
            let (step, basis) = run.step(batch, period, options);
            if seen.insert((batch.run, batch.format, step, basis)) {
                let why = run.why(batch.format, basis, period);
                found.push(StepInfo { run: run.name.to_owned(), format: batch.format, step, basis, why });
            }
        }
    }
    found
}
