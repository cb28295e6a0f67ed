//! Gives every record its epoch and iter: records, a timeline each run, and what their steps are.
//!
//! A record is located at the batch that its step closes. What has no place keeps none and is counted among the problems;
//! an epoch that the log states is compared with the one that was found, and never replaces it. Where a run has a ledger,
//! each record is on the timeline of the session that was in force when it was written.

mod basis;
mod compare;
pub(crate) mod contradictions;
pub(crate) mod locate;
mod logged_positions;
mod options;
pub(crate) mod part;
pub(crate) mod place;
mod places;
pub(crate) mod report;
pub(crate) mod resolve;
mod result;
pub(crate) mod run;
pub(crate) mod steps;

use stepbridge_records::Records;
use stepbridge_timeline::Error;

use crate::logs::RunLedger;
use locate::{assumed, locate, periods};
use resolve::with_runs;

pub use basis::StepBasis;
pub use options::{ReindexOptions, Timelines};
pub use places::Places;
pub use result::{ReindexResult, StepAssumption, StepInfo, TimelineSource};
pub use steps::steps;

/// Locates all records, on up to `threads` threads; `ledgers` are those of the runs, or none at all. The result does not
/// depend on the threads.
///
/// Fails where no record can be located at all: a unit without locations, or samples of unknown batches.
pub fn reindex(
    records: &Records,
    ledgers: &[Option<RunLedger>],
    timelines: Timelines,
    options: ReindexOptions,
    threads: usize,
) -> Result<ReindexResult, Error> {
    with_runs(records, ledgers, timelines, options, |runs| {
        let (batches, parts) = locate(records, runs, options, threads);
        let problems = report::problems(records, runs, &parts);
        let assumed = assumed(records, runs, &parts, options);
        let steps = steps::of_runs(records, runs, periods(&parts), options);
        let origins = runs.iter().map(|run| run.origin.clone()).collect();
        ReindexResult { batches, problems, assumed, steps, origins }
    })
}
