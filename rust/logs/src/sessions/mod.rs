//! Sessions: which process of a run wrote a record, and whether a later one did the same again.
//!
//! A session starts where a file says so, where the run's ledger does, where a later file goes back, or where a counter
//! goes back in a file that processes append to. Equal numbers never start one: they are data. Files that were written at
//! the same time and hold the same series are of several writers, each a run of its own.
//!
//! What a session did again is superseded in the earlier ones: everything from the point on that it states, else each
//! series from the first record on that the session has of it. A series that it never logged again stays.

mod ledger;
mod starts;
mod writers;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use crate::read::Logs;
use stepbridge_records::{ColumnBatch, Format, OrderKey, SeriesMeaning, SupersededFrom};

pub(crate) use writers::split;

/// Records of one batch that one session wrote.
#[derive(Debug, Clone)]
struct Stretch {
    batch: usize,
    range: Range<usize>,
    session: u32,
}

/// What is known of the sessions of one run's files of one format.
#[derive(Debug, Default)]
struct Found {
    /// In the order of the records; together they are all of them.
    stretches: Vec<Stretch>,
    /// Where each session that says it starts, by what the numbers of the records are.
    declared: BTreeMap<u32, Declared>,
    /// The first record of each series in each session that says nothing.
    first: HashMap<(u32, SeriesMeaning, u32), OrderKey>,
}

/// Where a session says that it starts.
#[derive(Debug, Clone, PartialEq)]
enum Declared {
    /// At this step, as it is logged.
    Step(i64),
    /// Where its ledger says, in the numbers of each meaning.
    Ledger(Vec<(SeriesMeaning, OrderKey)>),
}

/// Finds the sessions, and notes them in the batches; a batch of several is parted.
pub(crate) fn mark(logs: &mut Logs) {
    let mut groups: BTreeMap<(u32, &'static str), Vec<usize>> = BTreeMap::new();
    for (index, batch) in logs.records.batches.iter().enumerate() {
        groups.entry((batch.run, batch.format.name())).or_default().push(index);
    }
    let mut parts: BTreeMap<usize, Vec<Part>> = BTreeMap::new();
    for ((run, _), batches) in groups {
        let ledger = logs.run_ledger(run as usize).filter(|found| found.ledger.sessions.len() > 1);
        let by_ledger = ledger.and_then(|found| ledger::find(&logs.records.batches, &batches, found.ledger));
        let found = match by_ledger {
            Some(found) => found,
            None if is_plain(logs, &batches) => continue,
            None => starts::find(logs, &batches),
        };
        if found.stretches.iter().any(|stretch| stretch.session > 0) {
            found.part(&logs.records.batches, &mut parts);
        }
    }
    if parts.is_empty() {
        return;
    }
    let batches = std::mem::take(&mut logs.records.batches);
    let all = batches.into_iter().enumerate().flat_map(|(index, batch)| match parts.remove(&index) {
        Some(parts) => parted(batch, parts),
        None => vec![batch],
    });
    logs.records.batches = all.collect();
}

/// Whether nothing of these batches is of a second session: they are of one file, which says of no start and never goes back.
fn is_plain(logs: &Logs, batches: &[usize]) -> bool {
    let all = &logs.records.batches;
    let Some(&first) = batches.first() else { return true };
    let ColumnBatch { source, format, .. } = all[first];
    let one_file = batches.iter().all(|&batch| all[batch].source == source);
    let no_starts = logs.files[source as usize].facts.starts.is_empty();
    one_file && no_starts && (!goes_back(format) || starts::goes_on(all, batches))
}

fn goes_back(format: Format) -> bool {
    format.resume_signs().goes_back
}

impl Found {
    /// What is known of each batch, part by part.
    fn part(&self, batches: &[ColumnBatch], parts: &mut BTreeMap<usize, Vec<Part>>) {
        let mut superseded_from: HashMap<(u32, SeriesMeaning), Option<Arc<SupersededFrom>>> = HashMap::new();
        let mut later = Later::new(self);
        // From the last session to the first: each stands before fewer of them.
        let mut sessions: Vec<&Stretch> = self.stretches.iter().collect();
        sessions.sort_by_key(|stretch| std::cmp::Reverse(stretch.session));
        for stretch in sessions {
            let meaning = batches[stretch.batch].meaning;
            superseded_from.entry((stretch.session, meaning)).or_insert_with(|| later.than(stretch.session, meaning));
        }
        for Stretch { batch, range, session } in &self.stretches {
            let superseded_from = superseded_from.get(&(*session, batches[*batch].meaning)).cloned().flatten();
            parts.entry(*batch).or_default().push(Part { range: range.clone(), session: *session, superseded_from });
        }
    }
}

/// Part of a batch, with what is known of it.
struct Part {
    range: Range<usize>,
    session: u32,
    superseded_from: Option<Arc<SupersededFrom>>,
}

/// A batch in parts; one that is all of one session is not copied.
fn parted(batch: ColumnBatch, parts: Vec<Part>) -> Vec<ColumnBatch> {
    let whole = 0..batch.len();
    if let [Part { range, session, superseded_from }] = &parts[..]
        && *range == whole
    {
        return vec![ColumnBatch { session: *session, superseded_from: superseded_from.clone(), ..batch }];
    }
    let mut batches: Vec<ColumnBatch> = Vec::with_capacity(parts.len());
    for Part { range, session, superseded_from } in parts {
        batches.push(ColumnBatch { session, superseded_from, ..batch.slice(range) });
    }
    if let Some(first) = batches.first_mut() {
        (first.evidence, first.lengths) = (batch.evidence, batch.lengths);
    }
    batches
}

/// What the sessions later than one did again, gathered from the last one on.
struct Later<'a> {
    declared: Vec<(u32, &'a Declared)>,
    first: Vec<(u32, SeriesMeaning, u32, OrderKey)>,
    by_meaning: HashMap<SeriesMeaning, SupersededFrom>,
}

impl<'a> Later<'a> {
    fn new(found: &'a Found) -> Self {
        let mut first: Vec<_> =
            found.first.iter().map(|(&(session, meaning, tag), &at)| (session, meaning, tag, at)).collect();
        first.sort_unstable_by_key(|&(session, _, tag, at)| (session, tag, at));
        let declared = found.declared.iter().map(|(session, declared)| (*session, declared)).collect();
        Self { declared, first, by_meaning: HashMap::new() }
    }

    /// What sessions above `session` did again of records of this meaning. Sessions are asked for from the last one on.
    fn than(&mut self, session: u32, meaning: SeriesMeaning) -> Option<Arc<SupersededFrom>> {
        while let Some((_, meaning, tag, at)) = self.first.pop_if(|(of, ..)| *of > session) {
            let tags = &mut self.by_meaning.entry(meaning).or_default().tags;
            let from = tags.entry(tag).or_insert(at);
            *from = at.min(*from);
        }
        let mut superseded_from = self.by_meaning.get(&meaning).cloned().unwrap_or_default();
        let declared = self.declared.iter().filter(|(of, _)| *of > session);
        superseded_from.all = declared.filter_map(|(_, declared)| declared.position(meaning)).min();
        (!superseded_from.is_empty()).then(|| Arc::new(superseded_from))
    }
}

impl Declared {
    fn position(&self, meaning: SeriesMeaning) -> Option<OrderKey> {
        match self {
            Self::Step(step) => Some(OrderKey { epoch: 0, step: *step }),
            Self::Ledger(positions) => positions.iter().find(|(of, _)| *of == meaning).map(|(_, at)| *at),
        }
    }
}
