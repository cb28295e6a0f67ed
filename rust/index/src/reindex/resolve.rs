//! Resolves what is known of each run before its records are placed.

use std::collections::BTreeMap;

use stepbridge_records::Records;
use stepbridge_timeline::Error;

use super::options::{ReindexOptions, Timelines};
use super::run::ResolvedRun;
use crate::infer::{self, TimelineInference};
use crate::logs::RunLedger;

/// Resolves the runs, checks that their records can be located, and does `work` with them.
pub(crate) fn with_runs<T>(
    records: &Records,
    ledgers: &[Option<RunLedger>],
    timelines: Timelines,
    options: ReindexOptions,
    work: impl FnOnce(&[ResolvedRun]) -> T,
) -> Result<T, Error> {
    let inferred = inferred(records, ledgers, timelines, options);
    let runs = runs(records, ledgers, timelines, options, &inferred);
    for batch in &records.batches {
        if let Some(run) = runs.get(batch.run as usize) {
            run.check(batch, options)?;
        }
    }
    Ok(work(&runs))
}

/// The ledger of a run, if it has any session.
fn ledger_of<'a>(ledgers: &[Option<RunLedger<'a>>], run: usize) -> Option<RunLedger<'a>> {
    ledgers.get(run).copied().flatten().filter(|found| !found.ledger.sessions.is_empty())
}

/// The timelines that the logs show, if there is a run without another one.
pub(super) fn inferred(
    records: &Records,
    ledgers: &[Option<RunLedger>],
    timelines: Timelines,
    options: ReindexOptions,
) -> BTreeMap<String, TimelineInference> {
    let own = matches!(timelines, Timelines::Own);
    let alone = (0..records.runs.len()).any(|run| ledger_of(ledgers, run).is_none());
    let mut inferred = if own && alone { infer::infer(records) } else { BTreeMap::new() };
    if options.share_timeline {
        infer::share_timeline(records, &mut inferred);
    }
    inferred
}

/// What is known of each run.
pub(super) fn runs<'a>(
    records: &'a Records,
    ledgers: &[Option<RunLedger<'a>>],
    timelines: Timelines<'a>,
    options: ReindexOptions,
    inferred: &'a BTreeMap<String, TimelineInference>,
) -> Vec<ResolvedRun<'a>> {
    // The caller's word comes before what the logged epochs show.
    let said = options.unit.is_some() && options.base.is_some();
    let hints = if said { BTreeMap::new() } else { infer::steps(records) };
    let run = |(index, name): (usize, &'a String)| {
        let hint = hints.get(name.as_str()).copied();
        ResolvedRun::new(name, timelines, ledger_of(ledgers, index), inferred.get(name), hint, options)
    };
    records.runs.iter().enumerate().map(run).collect()
}
