//! Gives every record its epoch and iter, from the timeline of its run and the meaning of its steps.
//!
//! A record goes down once: what is known of its series is resolved ([`Resolution`]), it is placed by that, and what placing
//! counted is reported. A record is located at the batch that its step closes. A record without a place keeps none, and is
//! counted in the problems. A logged epoch is compared with the one that was found, and never replaces it. In a run with a
//! ledger, each record is on the timeline of the session that was in force when it was written.

mod basis;
mod compare;
mod done;
mod epochless;
mod logged_positions;
mod options;
pub(crate) mod part;
mod periods;
pub(crate) mod place;
mod places;
pub(crate) mod report;
mod resolution;
pub(crate) mod resolve;
mod result;
mod series;

use stepbridge_io::parallel;
use stepbridge_records::Records;
use stepbridge_timeline::Error;

use crate::logs::RunLedger;
use crate::second_counters::SecondCounters;
use part::PlacedPart;
use place::Placer;

pub use basis::StepBasis;
pub(crate) use options::whole_run;
pub use options::{ReindexOptions, RunRule, Timelines};
pub use places::Places;
pub use resolution::{LedgerClaim, Resolution, Resolutions, Withheld};
pub use result::{ReindexResult, StepAssumption, StepInfo, TimelineSource};
pub use series::SeriesRule;

/// Locates all records, on up to `threads` threads. `ledgers` are those of the runs, or empty. The result does not depend on
/// the threads.
///
/// Fails if no record can be located at all: for a unit without locations, or samples of batches of unknown size.
pub fn reindex(
    records: &Records,
    ledgers: &[Option<RunLedger>],
    timelines: Timelines,
    options: &ReindexOptions,
    threads: usize,
) -> Result<ReindexResult, Error> {
    reindex_resolved(records, ledgers, timelines, options, threads).map(|(result, _)| result)
}

/// The same, with what is known of the records, so that they can be placed again. Where the timelines come from is in the result
/// alone.
pub fn reindex_resolved(
    records: &Records,
    ledgers: &[Option<RunLedger>],
    timelines: Timelines,
    options: &ReindexOptions,
    threads: usize,
) -> Result<(ReindexResult, Resolutions), Error> {
    let counters = SecondCounters::of(records, threads);
    let mut resolutions = resolve::resolve(records, &[], &counters, ledgers, timelines, options, threads)?;
    let placer = Placer::new(records, &resolutions, options);
    let located = parallel::map(records.batches.len(), threads, |index| placer.all(&records.batches[index]));
    let (batches, parts): (Vec<Places>, Vec<Vec<PlacedPart>>) = located.into_iter().unzip();
    let problems = report::problems(records, &resolutions, &parts, options);
    let (steps, assumed) = (resolutions.steps(&records.runs), resolutions.assumed(&records.runs));
    let origins = std::mem::take(&mut resolutions.sources);
    Ok((ReindexResult { batches, problems, assumed, steps, origins }, resolutions))
}

/// What is known of the records before they are placed, each run on its own timeline.
#[must_use]
pub fn resolutions(records: &Records, ledgers: &[Option<RunLedger>], options: &ReindexOptions) -> Resolutions {
    let counters = SecondCounters::of(records, 1);
    resolve::resolve(records, &[], &counters, ledgers, Timelines::Own, options, 1).unwrap_or_default()
}

/// What the steps of every run are.
#[must_use]
pub fn steps(records: &Records, ledgers: &[Option<RunLedger>], options: &ReindexOptions) -> Vec<StepInfo> {
    resolutions(records, ledgers, options).steps(&records.runs)
}
