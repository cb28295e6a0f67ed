//! Sessions: which process of a run wrote a record, and whether a later process repeated it.
//!
//! A session starts where a file says so, where the run's ledger says so, where a later file goes back, or where a counter goes
//! back in a file that processes append to. Equal numbers never start a session: they are data. Files that were written at the
//! same time and hold the same series belong to several writers, each of which is a run of its own.
//!
//! A session that resumed inside the run belongs to its attempt. A start from the beginning is another attempt: a run of its
//! own, called `name#2`. Nothing of the attempt before is superseded.
//!
//! When a later session repeats work, the older records are superseded: from the step that the session declares, or, for each
//! series, from the first record that the session has of it. A series that the session never logs stays.

mod attempts;
mod counters;
mod layout;
mod ledger;
mod numbering;
mod starts;
mod writers;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use stepbridge_records::{ColumnBatch, OrderKey, SeriesMeaning, SupersededFrom};

use crate::logs::Logs;
use crate::second_counters::SecondCounters;
use layout::{SessionLayout, SessionSpan, SessionStart};

pub(super) use counters::CounterWalk;
pub(crate) use counters::SeriesBack;
pub(super) use writers::split_writers;

/// Finds the sessions and the attempts, and notes them in the batches. A batch of several sessions is cut.
pub(super) fn mark(logs: &mut Logs) {
    let mut groups: BTreeMap<(u32, &'static str), Vec<usize>> = BTreeMap::new();
    for (index, batch) in logs.records.batches.iter().enumerate() {
        groups.entry((batch.run, batch.format.name())).or_default().push(index);
    }
    let mut parts: BTreeMap<usize, Vec<BatchPart>> = BTreeMap::new();
    let mut counters: Option<SecondCounters> = None;
    for ((run, _), batches) in groups {
        let ledger = logs.run_ledger(run as usize).filter(|found| found.ledger.sessions.len() > 1);
        let by_ledger = ledger.and_then(|found| ledger::find(&logs.records.batches, &batches, found.ledger));
        let layouts = match by_ledger {
            Some(layouts) => layouts,
            None if is_one_session(logs, &batches) => continue,
            None => starts::find(logs, &batches, counters.get_or_insert_with(|| logs.second_counters())),
        };
        if layouts.len() > 1 || layouts.iter().flat_map(|layout| &layout.spans).any(|span| span.session > 0) {
            for (attempt, layout) in (0..).zip(&layouts) {
                add_parts(layout, attempt, &logs.records.batches, &mut parts);
            }
        }
    }
    if parts.is_empty() {
        return;
    }
    let batches = std::mem::take(&mut logs.records.batches);
    let all = batches.into_iter().enumerate().flat_map(|(index, batch)| match parts.remove(&index) {
        Some(mut parts) => {
            parts.sort_by_key(|part| part.range.start);
            cut(batch, parts)
        }
        None => vec![(0, batch)],
    });
    let (attempts, batches) = all.unzip();
    logs.records.batches = batches;
    attempts::make_runs(logs, attempts);
}

/// Whether these batches are certainly of one session: they are of one file, which declares no start and never goes back.
fn is_one_session(logs: &Logs, batches: &[usize]) -> bool {
    let all = &logs.records.batches;
    let Some(&first) = batches.first() else { return true };
    let source = all[first].source;
    let one_file = batches.iter().all(|&batch| all[batch].source == source);
    let no_starts = logs.files[source as usize].facts.starts.is_empty();
    one_file && no_starts && starts::never_goes_back(logs, batches)
}

/// A part of a batch, with what is known of it.
struct BatchPart {
    range: Range<usize>,
    attempt: u32,
    session: u32,
    superseded_from: Option<Arc<SupersededFrom>>,
}

/// Adds the parts of each batch of a layout.
fn add_parts(
    layout: &SessionLayout,
    attempt: u32,
    batches: &[ColumnBatch],
    parts: &mut BTreeMap<usize, Vec<BatchPart>>,
) {
    let mut superseded: HashMap<(u32, SeriesMeaning), Option<Arc<SupersededFrom>>> = HashMap::new();
    let mut later = LaterSessions::new(layout);
    // From the last session to the first: each has more later sessions than the one before.
    let mut spans: Vec<&SessionSpan> = layout.spans.iter().collect();
    spans.sort_by_key(|span| std::cmp::Reverse(span.session));
    for span in spans {
        let meaning = batches[span.batch].meaning;
        superseded.entry((span.session, meaning)).or_insert_with(|| later.than(span.session, meaning));
    }
    for SessionSpan { batch, range, session } in &layout.spans {
        let superseded_from = superseded.get(&(*session, batches[*batch].meaning)).cloned().flatten();
        let part = BatchPart { range: range.clone(), attempt, session: *session, superseded_from };
        parts.entry(*batch).or_default().push(part);
    }
}

/// Cuts a batch into parts, each with its attempt. A batch of one session is not copied.
fn cut(batch: ColumnBatch, parts: Vec<BatchPart>) -> Vec<(u32, ColumnBatch)> {
    let whole = 0..batch.len();
    if let [BatchPart { range, attempt, session, superseded_from }] = &parts[..]
        && *range == whole
    {
        return vec![(*attempt, ColumnBatch { session: *session, superseded_from: superseded_from.clone(), ..batch })];
    }
    let mut batches: Vec<(u32, ColumnBatch)> = Vec::with_capacity(parts.len());
    for BatchPart { range, attempt, session, superseded_from } in parts {
        batches.push((attempt, ColumnBatch { session, superseded_from, ..batch.slice(range) }));
    }
    if let Some((_, first)) = batches.first_mut() {
        (first.evidence, first.lengths, first.config) = (batch.evidence, batch.lengths, batch.config);
    }
    batches
}

/// What the sessions later than one repeated, collected from the last session on.
struct LaterSessions<'a> {
    starts: Vec<(u32, &'a SessionStart)>,
    first: Vec<(u32, SeriesMeaning, u32, OrderKey)>,
    by_meaning: HashMap<SeriesMeaning, SupersededFrom>,
}

impl<'a> LaterSessions<'a> {
    fn new(layout: &'a SessionLayout) -> Self {
        let mut first: Vec<_> =
            layout.first.iter().map(|(&(session, meaning, tag), &key)| (session, meaning, tag, key)).collect();
        first.sort_unstable_by_key(|&(session, _, tag, key)| (session, tag, key));
        let starts = layout.starts.iter().map(|(session, start)| (*session, start)).collect();
        Self { starts, first, by_meaning: HashMap::new() }
    }

    /// What sessions after `session` repeated of records with this meaning. Call it from the last session to the first.
    fn than(&mut self, session: u32, meaning: SeriesMeaning) -> Option<Arc<SupersededFrom>> {
        while let Some((_, meaning, tag, key)) = self.first.pop_if(|(of, ..)| *of > session) {
            let tags = &mut self.by_meaning.entry(meaning).or_default().tags;
            let from = tags.entry(tag).or_insert(key);
            *from = key.min(*from);
        }
        let mut superseded = self.by_meaning.get(&meaning).cloned().unwrap_or_default();
        let starts = self.starts.iter().filter(|(of, _)| *of > session);
        superseded.all = starts.filter_map(|(_, start)| start.key(meaning)).min();
        (!superseded.is_empty()).then(|| Arc::new(superseded))
    }
}
