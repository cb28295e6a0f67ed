//! Gives every record its epoch and iter, from the timeline of its run and the meaning of its steps.
//!
//! A record is located at the batch that its step closes. A record without a place keeps none, and is counted in the
//! problems. A logged epoch is compared with the one that was found, and never replaces it. In a run with a ledger, each
//! record is on the timeline of the session that was in force when it was written.

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

/// Locates all records, on up to `threads` threads. `ledgers` are those of the runs, or empty. The result does not depend on
/// the threads.
///
/// Fails if no record can be located at all: for a unit without locations, or samples of batches of unknown size.
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
