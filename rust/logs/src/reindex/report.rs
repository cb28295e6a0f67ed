//! What happened to records, as problems: one a file and kind, with a count and the first record.

use std::collections::BTreeMap;

use stepbridge_timeline::{Timeline, Unit};

use super::place::{Clock, Seen, Tally};
use crate::infer::{stated_of, stated_text};
use crate::problem::{Problem, ProblemKind};
use crate::record::{Chunk, Records};

/// A tally over all chunks of a file, and the chunk that holds the first record of it.
#[derive(Debug, Clone, Copy, Default)]
struct Total {
    count: usize,
    first: Option<(usize, usize)>,
}

impl Total {
    fn add(&mut self, chunk: usize, tally: Tally) {
        self.count += tally.count;
        self.first = self.first.or(tally.first.map(|index| (chunk, index)));
    }
}

/// What is to be reported of a file, with one of its chunks.
#[derive(Debug, Clone, Copy, Default)]
struct OfFile {
    past_end: Total,
    before_start: Total,
    disagrees: Total,
}

/// The problems of all files; `unknown` says why a run has no timeline.
pub(super) fn problems<'a>(
    records: &Records,
    clocks: &[Option<Clock>],
    found: &[Seen],
    unknown: impl Fn(u32) -> &'a str,
) -> Vec<Problem> {
    let mut files: BTreeMap<u32, OfFile> = BTreeMap::new();
    let mut without: BTreeMap<u32, u32> = BTreeMap::new();
    for (index, (chunk, seen)) in records.chunks.iter().zip(found).enumerate() {
        let file = files.entry(chunk.source).or_default();
        file.past_end.add(index, seen.past_end);
        file.before_start.add(index, seen.before_start);
        file.disagrees.add(index, seen.disagrees);
        if clocks[index].is_some_and(|clock| clock.timeline.is_none() && clock.step.unit != Unit::Epoch) {
            without.entry(chunk.run).or_insert(chunk.source);
        }
    }
    let mut problems = Vec::new();
    for (&run, &source) in &without {
        let name = name_of(&records.runs, run);
        let why = unknown(run);
        let reason =
            format!("run {name} has no timeline ({why}): give --batches-per-epoch, or --samples with --batch-size");
        problems.push(Problem::new(name_of(&records.sources, source), ProblemKind::NoTimeline, reason));
    }
    for (&source, file) in &files {
        let file_name = name_of(&records.sources, source);
        let mut report = |kind, total: Total, reason: &dyn Fn(&Chunk, usize, &Clock) -> String| {
            if let Some((chunk, index)) = total.first
                && let Some(clock) = &clocks[chunk]
            {
                let text = reason(&records.chunks[chunk], index, clock);
                problems.push(Problem::new(file_name, kind, text));
            }
        };
        report(ProblemKind::PastEnd, file.past_end, &|chunk, index, clock| {
            let end = clock.timeline.map_or_else(String::new, |timeline| end_of(timeline, clock.step.unit));
            let count = counted(file.past_end.count, "lies", "lie");
            format!(
                "{count} past the end of the timeline{end} and have no epoch; the first is {}",
                named(records, chunk, index)
            )
        });
        report(ProblemKind::BeforeStart, file.before_start, &|chunk, index, _| {
            let count = counted(file.before_start.count, "has a step", "have a step");
            format!("{count} below the first one, and no epoch; the first is {}", named(records, chunk, index))
        });
        report(ProblemKind::Disagrees, file.disagrees, &|chunk, index, clock| {
            let count = counted(file.disagrees.count, "states", "state");
            let place = clock.timeline.map_or_else(String::new, |timeline| found_at(timeline, chunk, index, clock));
            let stated =
                chunk.epoch.as_ref().and_then(|stated| stated[index]).or_else(|| stated_of(chunk.value[index]));
            let stated = stated.map_or_else(String::new, stated_text);
            format!(
                "{count} another epoch than the timeline; the first is {}: epoch {stated} stated, {place} found",
                named(records, chunk, index)
            )
        });
    }
    problems
}

fn name_of(names: &[String], number: u32) -> &str {
    names.get(number as usize).map_or("", String::as_str)
}

/// "1 record lies", "3 records lie"
fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 record {one}") } else { format!("{count} records {many}") }
}

/// "loss at step 300"
fn named(records: &Records, chunk: &Chunk, index: usize) -> String {
    let step = chunk.step_of(index).map_or_else(String::new, |step| format!(" at step {step}"));
    format!("{}{step}", name_of(&records.tags, chunk.tag[index]))
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

/// The place that was found, as the log would have stated it.
fn found_at(timeline: &Timeline, chunk: &Chunk, index: usize, clock: &Clock) -> String {
    let step = chunk.step_of(index).and_then(|step| u64::try_from(step).ok());
    let at = step.and_then(|step| step.checked_sub(u64::from(clock.step.base)));
    let Some(Ok(at)) = at.map(|at| timeline.locate(clock.step.unit, at)) else { return "0".to_owned() };
    if crate::infer::states_index(chunk.format) {
        return at.epoch.to_string();
    }
    timeline
        .epoch_length(at.epoch)
        .map_or_else(|| at.epoch.to_string(), |length| format!("{} + {}/{length}", at.epoch, at.iter + 1))
}
