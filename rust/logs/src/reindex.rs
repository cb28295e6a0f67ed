//! Gives every record its epoch and iter: records, a timeline each run, and what their steps are.
//!
//! A record is located at the batch that its step closes. What has no place keeps none and is counted among the problems;
//! an epoch that the log states is compared with the one that was found, and never replaces it.

mod check;
mod place;
mod report;

use std::collections::BTreeMap;

use stepbridge_timeline::{Error, Timeline, Unit};

use crate::format::StepMeaning;
use crate::infer::{self, Inferred, Outcome};
use crate::parallel;
use crate::problem::Problem;
use crate::record::Records;
use place::{Clock, Columns};

pub use place::Places;

/// Where the timelines come from.
#[derive(Debug, Clone, Copy)]
pub enum Timelines<'a> {
    /// Each run's own log.
    Inferred,
    /// One for all runs.
    One(&'a Timeline),
    /// One a run, by its name. Runs that are not there have none.
    Each(&'a BTreeMap<String, Timeline>),
}

/// What is asked for beyond the rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// What the steps count, where it is not what the format declares.
    pub unit: Option<Unit>,
    /// 0 where a step is an index, 1 where it is the n-th; the same.
    pub base: Option<u8>,
    /// Whether the index of each record's batch is asked for.
    pub batch: bool,
    /// Whether the index of the first sample of each record's batch is asked for.
    pub sample: bool,
}

/// The new columns, and what was found on the way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reindexed {
    /// One entry for each of [`Records::chunks`].
    pub chunks: Vec<Places>,
    /// Records that have no place, stated epochs that are not the ones found, runs without a timeline: one entry a file.
    pub problems: Vec<Problem>,
    /// What had to be assumed of steps, as no format declares it and nobody said it.
    pub assumed: Vec<Assumed>,
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

/// Locates all records, on up to `threads` threads. The result does not depend on them.
///
/// Fails where no record can be located at all: a unit without locations, or samples of unknown batches.
pub fn reindex(records: &Records, timelines: Timelines, options: Options, threads: usize) -> Result<Reindexed, Error> {
    let inferred = if matches!(timelines, Timelines::Inferred) { infer::infer(records) } else { BTreeMap::new() };
    let mut assumed = Vec::new();
    // What steps are is read off the logged epochs only where nobody said it.
    let said = options.unit.is_some() && options.base.is_some();
    let hints = if said { BTreeMap::new() } else { infer::steps(records) };
    let runs: Vec<Run> = records
        .runs
        .iter()
        .map(|name| Run::new(name, timelines, inferred.get(name), hints.get(name.as_str()).copied()))
        .collect();
    let mut clocks = Vec::with_capacity(records.chunks.len());
    for chunk in &records.chunks {
        let Some(run) = runs.get(chunk.run as usize) else {
            clocks.push(None);
            continue;
        };
        let (step, why) = run.step(chunk.format.step_meaning(), options);
        let needs_timeline = step.unit != Unit::Epoch;
        if let Some(why) = why
            && (run.timeline.is_some() || !needs_timeline)
            && assumed.iter().all(|known: &Assumed| known.run != run.name)
        {
            assumed.push(Assumed { run: run.name.to_owned(), step, why: why.to_owned() });
        }
        clocks.push(Some(Clock { timeline: run.timeline, step }));
        if let Some(timeline) = run.timeline {
            place::check_unit(timeline, step.unit, options)?;
        }
    }
    let columns = Columns { batch: options.batch, sample: options.sample };
    let located = parallel::map(records.chunks.len(), threads, |index| {
        clocks[index].map_or_else(Default::default, |clock| place::place(records, index, clock, columns))
    });
    let (chunks, found): (Vec<_>, Vec<_>) = located.into_iter().unzip();
    let problems = report::problems(records, &clocks, &found, |run| {
        runs.get(run as usize).and_then(|run| run.unknown).unwrap_or("nothing was given for this run")
    });
    Ok(Reindexed { chunks, problems, assumed })
}

/// What is known of a run before its records are looked at.
struct Run<'a> {
    name: &'a str,
    timeline: Option<&'a Timeline>,
    /// Why there is no timeline.
    unknown: Option<&'a str>,
    /// What its stated epochs say of its steps.
    hint: Option<StepMeaning>,
}

impl<'a> Run<'a> {
    fn new(name: &'a str, timelines: Timelines<'a>, inferred: Option<&'a Inferred>, hint: Option<StepMeaning>) -> Self {
        let (timeline, unknown) = match (timelines, inferred.map(|inferred| &inferred.outcome)) {
            (Timelines::One(timeline), _) | (Timelines::Inferred, Some(Outcome::Known { timeline, .. })) => {
                (Some(timeline), None)
            }
            (Timelines::Each(by_run), _) => (by_run.get(name), None),
            (Timelines::Inferred, Some(Outcome::Unknown { why })) => (None, Some(why.as_str())),
            (Timelines::Inferred, None) => (None, None),
        };
        Self { name, timeline, unknown, hint: inferred.and_then(|inferred| inferred.step).or(hint) }
    }

    /// What a step of the run is; with the reason, where it is an assumption.
    fn step(&self, declared: Option<StepMeaning>, options: Options) -> (StepMeaning, Option<&'static str>) {
        let (likely, why) = match (declared, self.hint) {
            (Some(declared), _) => (declared, None),
            (None, Some(hint)) => (hint, Some("the epochs among its values count its steps this way")),
            (None, None) => (
                StepMeaning { unit: Unit::Step, base: 0 },
                Some("an event file does not say what its step is; the writer decides"),
            ),
        };
        let step = StepMeaning { unit: options.unit.unwrap_or(likely.unit), base: options.base.unwrap_or(likely.base) };
        let said = options.unit.is_some() && options.base.is_some();
        (step, why.filter(|_| !said))
    }
}
