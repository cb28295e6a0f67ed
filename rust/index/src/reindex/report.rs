//! Reports what placing counted as problems: one for each file and kind, with a count and the first record.

use std::collections::BTreeMap;

use stepbridge_timeline::{Timeline, Unit};

use super::basis::StepBasis;
use super::logged_positions::index_of;
use super::options::{ReindexOptions, RunRule};
use super::part::{PlacedPart, Tally};
use super::resolution::{LedgerClaim, Resolution, Resolutions, Withheld};
use crate::glob::matches;
use stepbridge_records::{ColumnBatch, Decimal, EpochMeaning, Problem, ProblemKind, Records, StepScope};

/// A tally over all parts of a file, and its first record: the batch, the part, and the index in the batch.
#[derive(Debug, Clone, Copy, Default)]
struct FileTally {
    count: usize,
    first: Option<(usize, usize, usize)>,
}

impl FileTally {
    fn add(&mut self, batch: usize, part: usize, tally: Tally) {
        self.count += tally.count;
        self.first = self.first.or(tally.first.map(|index| (batch, part, index)));
    }
}

/// What to report of a file.
#[derive(Debug, Clone, Copy, Default)]
struct FileTallies {
    past_end: FileTally,
    before_start: FileTally,
    disagrees: FileTally,
    /// Records that contradict the ledger.
    zero: FileTally,
    past_ledger: FileTally,
}

/// Records of one run for which one thing is known, and which therefore have no place.
#[derive(Debug, Clone, Copy)]
struct RunTally {
    source: u32,
    resolution: usize,
    withheld: usize,
}

/// What placing counted, of files and of runs.
#[derive(Default)]
struct Tallies<'a> {
    files: BTreeMap<u32, FileTallies>,
    without: BTreeMap<u32, RunTally>,
    contradicted: BTreeMap<u32, RunTally>,
    lacking: BTreeMap<u32, RunTally>,
    /// By run and series.
    withheld: BTreeMap<(u32, Option<&'a str>), RunTally>,
}

/// A problem for each rule of the caller's that fits no run, because its pattern may be mistyped.
fn unused(records: &Records, options: &ReindexOptions) -> Vec<Problem> {
    let fits = |rule: &&RunRule| !records.runs.iter().any(|run| matches(&rule.runs, run));
    let known = records.runs.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
    let of = |rule: &RunRule| {
        let reason = format!("no run has a name that fits this pattern of plans=; the runs are {known}");
        Problem::new(&*rule.runs, ProblemKind::NoTimeline, reason)
    };
    options.runs.iter().filter(fits).map(of).collect()
}

/// The problems of all files.
pub(crate) fn problems(
    records: &Records,
    resolutions: &Resolutions,
    parts: &[Vec<PlacedPart>],
    options: &ReindexOptions,
) -> Vec<Problem> {
    let tallies = tally(records, resolutions, parts);
    let mut problems = problems_of_runs(records, resolutions, &tallies);
    problems_of_files(records, resolutions, parts, &tallies.files, &mut problems);
    problems.extend(unused(records, options));
    problems
}

fn tally<'a>(records: &Records, resolutions: &'a Resolutions, parts: &[Vec<PlacedPart>]) -> Tallies<'a> {
    let mut tallies = Tallies::default();
    for (index, (batch, parts)) in records.batches.iter().zip(parts).enumerate() {
        for (at, part) in parts.iter().enumerate() {
            let known = &resolutions.list[part.resolution];
            let of_run = RunTally { source: batch.source, resolution: part.resolution, withheld: 0 };
            if matches!(
                known.withheld,
                Some(Withheld::Undecided(_) | Withheld::Unplaced(_) | Withheld::Contradicted(_))
            ) {
                let tally = tallies.withheld.entry((batch.run, known.series.as_deref())).or_insert(of_run);
                tally.withheld += part.seen.withheld.count;
                continue;
            }
            if known.contradiction.is_some() {
                tallies.contradicted.entry(batch.run).or_insert(of_run);
            }
            if known.lacks.is_some() {
                tallies.lacking.entry(batch.run).or_insert(of_run);
            }
            if known.timeline.is_none() && known.needs_timeline() {
                tallies.without.entry(batch.run).or_insert(of_run);
            }
            if !part.seen.any() {
                continue;
            }
            let file = tallies.files.entry(batch.source).or_default();
            let claim = known.claim.as_ref();
            if claim.is_some_and(|claim| claim.has_end) {
                file.past_ledger.add(index, at, part.seen.past_end);
            } else {
                file.past_end.add(index, at, part.seen.past_end);
            }
            if claim.is_some_and(|claim| claim.no_zero) {
                file.zero.add(index, at, part.seen.zero);
            }
            file.before_start.add(index, at, part.seen.before_start);
            file.disagrees.add(index, at, part.seen.disagrees);
        }
    }
    tallies
}

fn problems_of_runs(records: &Records, resolutions: &Resolutions, tallies: &Tallies) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (&run, &RunTally { source, resolution, .. }) in &tallies.without {
        let name = name_of(&records.runs, run);
        let why = resolutions.list[resolution].unknown.as_deref().unwrap_or("nothing was given for this run");
        let reason = format!(
            "run {name} has no timeline ({why}): give a plan with batches_per_epoch=, or with samples= and batch_size="
        );
        problems.push(Problem::new(name_of(&records.sources, source), ProblemKind::NoTimeline, reason));
    }
    for (&run, &RunTally { source, resolution, .. }) in &tallies.contradicted {
        if let Some(why) = &resolutions.list[resolution].contradiction {
            let reason = format!("run {}: {why}", name_of(&records.runs, run));
            problems.push(Problem::new(name_of(&records.sources, source), ProblemKind::Disagrees, reason));
        }
    }
    for (&run, &RunTally { source, resolution, .. }) in &tallies.lacking {
        if let Some(why) = &resolutions.list[resolution].lacks {
            let reason = format!(
                "run {}: not every column that was asked for is known; {why}: give a plan for it with batch_size= or \
                 tokens_per_sample=",
                name_of(&records.runs, run)
            );
            problems.push(Problem::new(name_of(&records.sources, source), ProblemKind::MissingColumn, reason));
        }
    }
    for (&(run, series), &RunTally { source, resolution, withheld }) in &tallies.withheld {
        let name = name_of(&records.runs, run);
        let have = counted(withheld, "has", "have");
        let (kind, reason) = match &resolutions.list[resolution].withheld {
            Some(Withheld::Undecided(why)) => {
                let series = series.unwrap_or_default();
                let reason = format!(
                    "{have} no epoch: of run {name} it is not known what the step of {series:?} is; {why}: say it with \
                     series={{{series:?}: (\"epoch\", 1)}}"
                );
                (ProblemKind::Undecided, reason)
            }
            Some(Withheld::Unplaced(why)) => (ProblemKind::Undecided, format!("{have} no epoch: of run {name}, {why}")),
            Some(Withheld::Contradicted(why)) => (
                ProblemKind::Contradicted,
                format!("{have} no epoch: the plan given for run {name} is not its own; {why}"),
            ),
            Some(Withheld::Refuted) | None => continue,
        };
        problems.push(Problem::new(name_of(&records.sources, source), kind, reason));
    }
    problems
}

fn problems_of_files(
    records: &Records,
    resolutions: &Resolutions,
    parts: &[Vec<PlacedPart>],
    files: &BTreeMap<u32, FileTallies>,
    problems: &mut Vec<Problem>,
) {
    for (&source, file) in files {
        let file_name = name_of(&records.sources, source);
        let mut report = |kind, total: FileTally, reason: &dyn Fn(&ColumnBatch, usize, &Resolution) -> String| {
            if let Some((batch, part, index)) = total.first {
                let known = &resolutions.list[parts[batch][part].resolution];
                let text = reason(&records.batches[batch], index, known);
                problems.push(Problem::new(file_name, kind, text));
            }
        };
        for (total, one, many) in
            [(file.zero, "has step 0", "have step 0"), (file.past_ledger, "lies past the end", "lie past the end")]
        {
            report(ProblemKind::Refuted, total, &|batch, index, known| {
                refuted(known, &counted(total.count, one, many), &named(records, batch, index))
            });
        }
        report(ProblemKind::PastEnd, file.past_end, &|batch, index, known| {
            let timeline = known.timeline.as_deref();
            let end = timeline.map_or_else(String::new, |timeline| end_of(timeline, known.step.unit));
            let what = if timeline.is_none_or(Timeline::is_bounded) { "the end" } else { "what is known" };
            let count = counted(file.past_end.count, "lies", "lie");
            format!(
                "{count} past {what} of the timeline{end} and have no epoch; the first is {}",
                named(records, batch, index)
            )
        });
        report(ProblemKind::BeforeStart, file.before_start, &|batch, index, _| {
            let count = counted(file.before_start.count, "has a step", "have a step");
            format!("{count} below the first one, and no epoch; the first is {}", named(records, batch, index))
        });
        report(ProblemKind::Disagrees, file.disagrees, &|batch, index, known| {
            let count = counted(file.disagrees.count, "states", "state");
            if known.step.scope == StepScope::Epoch {
                return outside(&count, records, batch, index, known);
            }
            let timeline = known.timeline.as_deref();
            let place = timeline.map_or_else(String::new, |timeline| found_at(timeline, batch, index, known));
            let stated = batch.epoch_of(index).or_else(|| Decimal::of_float(batch.value[index]));
            let stated = stated.map_or_else(String::new, |stated| stated.to_string());
            format!(
                "{count} another epoch than the timeline; the first is {}: epoch {stated} stated, {place} found",
                named(records, batch, index)
            )
        });
    }
}

/// What the ledger says of its steps, and what the log holds.
fn refuted(known: &Resolution, count: &str, first: &str) -> String {
    let step = known.step;
    let by = known.claim.as_ref().map_or("", |LedgerClaim { by, .. }| by);
    let end = known.timeline.as_deref().map_or_else(String::new, |timeline| end_of(timeline, step.unit));
    let total = end.trim_matches([' ', '(', ')']);
    let end = if total.is_empty() { String::new() } else { format!("; the timeline has {total}") };
    let says = format!("loggers are given the {}, counted from {}{end}", step.unit.name(), step.base);
    if known.basis == StepBasis::LedgerAssumed {
        return format!(
            "the log refutes what the ledger assumes ({says}): {count}; the first is {first}. No record of this session has \
             an epoch, since the meaning of its steps is unknown: say it with unit= and base=, or in the clock \
             with logged_as="
        );
    }
    format!(
        "the log refutes what the ledger states ({says}; said by {by}): {count}, and no epoch; the first is {first}. Where \
         the statement is wrong, unit= and base= take its place"
    )
}

fn name_of(names: &[String], number: u32) -> &str {
    names.get(number as usize).map_or("", String::as_str)
}

/// "1 record lies", "3 records lie"
fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 record {one}") } else { format!("{count} records {many}") }
}

/// "loss at step 300"
fn named(records: &Records, batch: &ColumnBatch, index: usize) -> String {
    let step = batch.step_of(index).map_or_else(String::new, |step| format!(" at step {step}"));
    format!("{}{step}", name_of(&records.tags, batch.tag[index]))
}

/// " (8595 steps)"
fn end_of(timeline: &Timeline, unit: Unit) -> String {
    let total = match unit {
        Unit::Batch => timeline.batches(),
        Unit::Sample => timeline.samples(),
        Unit::Epoch => timeline.epochs(),
        _ => timeline.steps(),
    };
    total.map_or_else(String::new, |total| {
        let plural = if total == 1 {
            ""
        } else if unit == Unit::Batch {
            "es"
        } else {
            "s"
        };
        format!(" ({total} {}{plural})", unit.name())
    })
}

/// A step inside an epoch that does not fit the length of the epoch in the timeline.
fn outside(count: &str, records: &Records, batch: &ColumnBatch, index: usize, known: &Resolution) -> String {
    let stated = batch.epoch_of(index);
    let epoch = stated.zip(known.epoch.and_then(EpochMeaning::base)).and_then(|(stated, base)| index_of(stated, base));
    let epoch = epoch.and_then(|epoch| u64::try_from(epoch).ok());
    let length = epoch.zip(known.timeline.as_deref()).and_then(|(epoch, timeline)| timeline.epoch_length(epoch));
    format!(
        "{count} a place in an epoch of another length than the timeline's; the first is {} of epoch {}, which has {} batches \
         there",
        named(records, batch, index),
        stated.map_or_else(String::new, |stated| stated.to_string()),
        length.unwrap_or_default()
    )
}

/// The place that was found, in the form in which the log states epochs.
fn found_at(timeline: &Timeline, batch: &ColumnBatch, index: usize, known: &Resolution) -> String {
    let step = batch.step_of(index).and_then(|step| u64::try_from(step).ok());
    let at = step.and_then(|step| step.checked_sub(u64::from(known.step.base)));
    let Some(Ok(at)) = at.map(|at| timeline.locate(known.step.unit, at)) else { return "0".to_owned() };
    if let Some(base) = known.epoch.and_then(EpochMeaning::base).filter(|_| batch.epoch.is_some()) {
        return at.epoch.saturating_add(u64::from(base)).to_string();
    }
    timeline
        .epoch_length(at.epoch)
        .map_or_else(|| at.epoch.to_string(), |length| format!("{} + {}/{length}", at.epoch, at.iter + 1))
}
