//! Gives every record its epoch and iter: records, a timeline each run, and what their steps are.
//!
//! A record is located at the batch that its step closes. What has no place keeps none and is counted among the problems;
//! an epoch that the log states is compared with the one that was found, and never replaces it. Where a run has a ledger,
//! each record is on the timeline of the session that was in force when it was written.

mod check;
mod place;
mod refute;
mod report;
mod run;
mod stated;
mod steps;
mod streamed;

use std::collections::BTreeMap;

use stepbridge_timeline::{Error, Timeline, Unit};

use crate::infer::{self, Inferred};
use crate::read::Logs;
use place::{Part, Placer};
use run::Run;
use stepbridge_io::parallel;
use stepbridge_ledger::Ledger;
use stepbridge_records::{Problem, Records, StepMeaning};

pub use place::Places;
pub use run::Basis;
pub use steps::{Steps, steps};
pub use streamed::{StreamError, Streamed, Survey};

/// Where the timelines come from.
#[derive(Debug, Clone, Copy)]
pub enum Timelines<'a> {
    /// Each run's own: that of its ledger, else what its log says.
    Own,
    /// One for all runs.
    One(&'a Timeline),
    /// One a run, by its name. Runs that are not there have none.
    Each(&'a BTreeMap<String, Timeline>),
}

/// The ledger of a run.
#[derive(Debug, Clone, Copy)]
pub struct RunLedger<'a> {
    /// Its file, as it is shown.
    pub file: &'a str,
    /// What it holds.
    pub ledger: &'a Ledger,
}

impl Logs {
    /// The ledger of each of [`Records::runs`], where it has one.
    #[must_use]
    pub fn run_ledgers(&self) -> Vec<Option<RunLedger<'_>>> {
        (0..self.ledger_of.len()).map(|run| self.run_ledger(run)).collect()
    }

    /// The ledger of a run, by its number.
    pub(crate) fn run_ledger(&self, run: usize) -> Option<RunLedger<'_>> {
        let found = self.ledgers.get((*self.ledger_of.get(run)?)?)?;
        Some(RunLedger { file: &found.file, ledger: &found.ledger })
    }
}

/// What is asked for beyond the rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// What the steps count, where it is not what the format or the ledger declares.
    pub unit: Option<Unit>,
    /// 0 where a step is an index, 1 where it is the n-th; the same.
    pub base: Option<u8>,
    /// Whether the index of each record's batch is asked for.
    pub batch: bool,
    /// Whether the index of the first sample of each record's batch is asked for.
    pub sample: bool,
    /// Whether a run whose log does not say its timeline takes that of the others, where they are of one mind.
    pub lend: bool,
}

/// The new columns, and what was found on the way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reindexed {
    /// One entry for each of [`Records::batches`].
    pub batches: Vec<Places>,
    /// Records that have no place, stated epochs that are not the ones found, runs without a timeline: one entry a file.
    pub problems: Vec<Problem>,
    /// What had to be assumed of steps, as no format declares it and nobody said it.
    pub assumed: Vec<Assumed>,
    /// What the steps of each run's files are, and from where that is known.
    pub steps: Vec<Steps>,
    /// Where each run's timeline comes from, in the order of [`Records::runs`].
    pub origins: Vec<Origin>,
}

/// What was assumed of the steps of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumed {
    /// The run's name.
    pub run: String,
    /// What its steps were taken to be.
    pub step: StepMeaning,
    /// One clause for people.
    pub why: String,
}

/// Where a run's timeline comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The caller gave it.
    Given,
    /// This ledger.
    Ledger(String),
    /// The epochs that its own log states.
    Inferred,
    /// The log of this run, as it was asked for.
    Lent(String),
    /// There is none.
    None,
}

/// Locates all records, on up to `threads` threads; `ledgers` are those of the runs, or none at all. The result does not
/// depend on the threads.
///
/// Fails where no record can be located at all: a unit without locations, or samples of unknown batches.
pub fn reindex(
    records: &Records,
    ledgers: &[Option<RunLedger>],
    timelines: Timelines,
    options: Options,
    threads: usize,
) -> Result<Reindexed, Error> {
    with_runs(records, ledgers, timelines, options, |runs| {
        let (batches, parts) = locate(records, runs, options, threads);
        let problems = report::problems(records, runs, &parts);
        let assumed = assumed(records, runs, &parts, options);
        let steps = steps::of_runs(records, runs, periods(&parts), options);
        let origins = runs.iter().map(|run| run.origin.clone()).collect();
        Reindexed { batches, problems, assumed, steps, origins }
    })
}

/// Finds what is known of each run before its records are looked at, and works with that.
fn with_runs<T>(
    records: &Records,
    ledgers: &[Option<RunLedger>],
    timelines: Timelines,
    options: Options,
    work: impl FnOnce(&[Run]) -> T,
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

/// Where the records of each batch are, and what is to be said of them.
fn locate<'a>(
    records: &Records,
    runs: &[Run<'a>],
    options: Options,
    threads: usize,
) -> (Vec<Places>, Vec<Vec<Part<'a>>>) {
    let placer = Placer::new(records, options);
    let located = parallel::map(records.batches.len(), threads, |index| {
        let batch = &records.batches[index];
        let run = runs.get(batch.run as usize)?;
        Some(placer.all(batch, run))
    });
    let (mut batches, mut parts): (Vec<Places>, Vec<Vec<Part>>) =
        located.into_iter().map(Option::unwrap_or_default).unzip();
    let fallen = refute::fallen(records, &parts);
    refute::refute(records, &fallen, &mut batches, &mut parts);
    (batches, parts)
}

/// What had to be taken for granted of the steps that got a place.
fn assumed(records: &Records, runs: &[Run], parts: &[Vec<Part>], options: Options) -> Vec<Assumed> {
    let mut assumed: Vec<Assumed> = Vec::new();
    for (batch, parts) in records.batches.iter().zip(parts) {
        let Some(run) = runs.get(batch.run as usize) else { continue };
        for part in parts.iter().filter(|part| !part.refuted) {
            let placed = part.clock.timeline.is_some() || !part.clock.needs_timeline(batch);
            if let (Some(why), true) = (run.assumption(batch, part, options), placed) {
                let found = Assumed { run: run.name.to_owned(), step: part.clock.step, why };
                if assumed.iter().all(|known| (&known.run, known.step) != (&found.run, found.step)) {
                    assumed.push(found);
                }
            }
        }
    }
    assumed
}

/// The periods of the parts of each batch.
fn periods<'a>(parts: &'a [Vec<Part>]) -> impl Iterator<Item = Vec<usize>> + 'a {
    parts.iter().map(|parts| parts.iter().map(|part| part.period).collect())
}

/// The ledger of a run, if it tells of any session.
fn ledger_of<'a>(ledgers: &[Option<RunLedger<'a>>], run: usize) -> Option<RunLedger<'a>> {
    ledgers.get(run).copied().flatten().filter(|found| !found.ledger.sessions.is_empty())
}

/// What the logs say of the timelines of the runs that have no other one.
fn inferred(
    records: &Records,
    ledgers: &[Option<RunLedger>],
    timelines: Timelines,
    options: Options,
) -> BTreeMap<String, Inferred> {
    let own = matches!(timelines, Timelines::Own);
    let alone = (0..records.runs.len()).any(|run| ledger_of(ledgers, run).is_none());
    let mut inferred = if own && alone { infer::infer(records) } else { BTreeMap::new() };
    if options.lend {
        infer::lend(records, &mut inferred);
    }
    inferred
}

/// What is known of each run.
fn runs<'a>(
    records: &'a Records,
    ledgers: &[Option<RunLedger<'a>>],
    timelines: Timelines<'a>,
    options: Options,
    inferred: &'a BTreeMap<String, Inferred>,
) -> Vec<Run<'a>> {
    // What steps are is read off the logged epochs only where nobody said it.
    let said = options.unit.is_some() && options.base.is_some();
    let hints = if said { BTreeMap::new() } else { infer::steps(records) };
    let run = |(index, name): (usize, &'a String)| {
        let hint = hints.get(name.as_str()).copied();
        Run::new(name, timelines, ledger_of(ledgers, index), inferred.get(name), hint, options)
    };
    records.runs.iter().enumerate().map(run).collect()
}
