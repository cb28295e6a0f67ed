//! Reports what placing counted as problems: one for each file and kind, with a count and the first record.

use std::collections::BTreeMap;

use stepbridge_timeline::{Timeline, Unit};

use super::basis::StepBasis;
use super::logged_positions::index_of;
use super::part::{PlacedPart, StepTimeline, Tally};
use super::run::ResolvedRun;
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

/// The problems of all files.
pub(crate) fn problems(records: &Records, runs: &[ResolvedRun], parts: &[Vec<PlacedPart>]) -> Vec<Problem> {
    let mut files: BTreeMap<u32, FileTallies> = BTreeMap::new();
    let mut without: BTreeMap<u32, (u32, usize)> = BTreeMap::new();
    for (index, (batch, parts)) in records.batches.iter().zip(parts).enumerate() {
        let file = files.entry(batch.source).or_default();
        for (at, part) in parts.iter().enumerate() {
            let refutes = part.refutation;
            if refutes.is_some_and(|refutes| refutes.past_end) {
                file.past_ledger.add(index, at, part.seen.past_end);
            } else {
                file.past_end.add(index, at, part.seen.past_end);
            }
            if refutes.is_some_and(|refutes| refutes.zero) {
                file.zero.add(index, at, part.seen.zero);
            }
            file.before_start.add(index, at, part.seen.before_start);
            file.disagrees.add(index, at, part.seen.disagrees);
            if part.clock.timeline.is_none() && part.clock.needs_timeline(batch) {
                without.entry(batch.run).or_insert((batch.source, part.period));
            }
        }
    }
    let mut problems = Vec::new();
    for (&run, &(source, period)) in &without {
        let name = name_of(&records.runs, run);
        let why = runs.get(run as usize).and_then(|run| run.period(period).unknown.as_deref());
        let why = why.unwrap_or("nothing was given for this run");
        let reason = format!(
            "run {name} has no timeline ({why}): give a plan with batches_per_epoch=, or with samples= and batch_size="
        );
        problems.push(Problem::new(name_of(&records.sources, source), ProblemKind::NoTimeline, reason));
    }
    for (&source, file) in &files {
        let file_name = name_of(&records.sources, source);
        let mut report = |kind, total: FileTally, reason: &dyn Fn(&ColumnBatch, usize, &PlacedPart) -> String| {
            if let Some((batch, part, index)) = total.first {
                let text = reason(&records.batches[batch], index, &parts[batch][part]);
                problems.push(Problem::new(file_name, kind, text));
            }
        };
        for (total, one, many) in
            [(file.zero, "has step 0", "have step 0"), (file.past_ledger, "lies past the end", "lie past the end")]
        {
            report(ProblemKind::Refuted, total, &|batch, index, part| {
                let run = runs.get(batch.run as usize);
                let by = run.and_then(|run| run.period(part.period).logged.as_ref()).map_or("", |logged| logged.by);
                let first = named(records, batch, index);
                refuted(part, by, &counted(total.count, one, many), &first)
            });
        }
        report(ProblemKind::PastEnd, file.past_end, &|batch, index, part| {
            let timeline = part.clock.timeline;
            let end = timeline.map_or_else(String::new, |timeline| end_of(timeline, part.clock.step.unit));
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
        report(ProblemKind::Disagrees, file.disagrees, &|batch, index, part| {
            let clock = &part.clock;
            if clock.step.scope == StepScope::Epoch {
                return outside(&counted(file.disagrees.count, "states", "state"), records, batch, index, clock);
            }
            let count = counted(file.disagrees.count, "states", "state");
            let place = clock.timeline.map_or_else(String::new, |timeline| found_at(timeline, batch, index, clock));
            let stated = batch.epoch_of(index).or_else(|| Decimal::of_float(batch.value[index]));
            let stated = stated.map_or_else(String::new, |stated| stated.to_string());
            format!(
                "{count} another epoch than the timeline; the first is {}: epoch {stated} stated, {place} found",
                named(records, batch, index)
            )
        });
    }
    problems
}

/// What the ledger says of its steps, and what the log holds.
fn refuted(part: &PlacedPart, by: &str, count: &str, first: &str) -> String {
    let step = part.clock.step;
    let end = part.clock.timeline.map_or_else(String::new, |timeline| end_of(timeline, step.unit));
    let total = end.trim_matches([' ', '(', ')']);
    let end = if total.is_empty() { String::new() } else { format!("; the timeline has {total}") };
    let says = format!("loggers are given the {}, counted from {}{end}", step.unit.name(), step.base);
    if part.basis == StepBasis::LedgerAssumed {
        return format!(
            "the log refutes what the ledger assumes ({says}): {count}; the first is {first}. No record of this session has \
             an epoch, since nobody knows what its steps are: say it with unit= and base=, or in the clock \
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
fn outside(count: &str, records: &Records, batch: &ColumnBatch, index: usize, clock: &StepTimeline) -> String {
    let stated = batch.epoch_of(index);
    let epoch = stated.zip(clock.epoch.and_then(EpochMeaning::base)).and_then(|(stated, base)| index_of(stated, base));
    let epoch = epoch.and_then(|epoch| u64::try_from(epoch).ok());
    let length = epoch.zip(clock.timeline).and_then(|(epoch, timeline)| timeline.epoch_length(epoch));
    format!(
        "{count} a place in an epoch of another length than the timeline's; the first is {} of epoch {}, which has {} batches \
         there",
        named(records, batch, index),
        stated.map_or_else(String::new, |stated| stated.to_string()),
        length.unwrap_or_default()
    )
}

/// The place that was found, in the form in which the log states epochs.
fn found_at(timeline: &Timeline, batch: &ColumnBatch, index: usize, clock: &StepTimeline) -> String {
    let step = batch.step_of(index).and_then(|step| u64::try_from(step).ok());
    let at = step.and_then(|step| step.checked_sub(u64::from(clock.step.base)));
    let Some(Ok(at)) = at.map(|at| timeline.locate(clock.step.unit, at)) else { return "0".to_owned() };
    if let Some(base) = clock.epoch.and_then(EpochMeaning::base).filter(|_| batch.epoch.is_some()) {
        return at.epoch.saturating_add(u64::from(base)).to_string();
    }
    timeline
        .epoch_length(at.epoch)
        .map_or_else(|| at.epoch.to_string(), |length| format!("{} + {}/{length}", at.epoch, at.iter + 1))
}
