//! Sessions: which process of a run wrote a record, and whether a later one did the same again.
//!
//! A session starts where a file says so, where the run's ledger does, where a later file goes back, or where a counter
//! goes back in a file that processes append to. Equal numbers never start one: they are data. Files that were written at
//! the same time and hold the same series are of several writers, each a run of its own.
//!
//! What a session did again is superseded in the earlier ones: everything from the point on that it states, else each
//! series from the first record on that the session has of it. A series that it never logged again stays.

mod ledger;
mod position;
mod starts;
mod writers;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use crate::formats::{Format, Meaning};
use crate::read::Logs;
use crate::record::Chunk;

pub use position::Position;
pub(crate) use position::Positions;
pub(crate) use writers::split;

/// Where later sessions took the place of what one logged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redone {
    /// Every series, from here on.
    all: Option<Position>,
    /// One series, from here on, by the number of its tag.
    tags: HashMap<u32, Position>,
}

impl Redone {
    /// Whether a record of this tag and position is one that was done again.
    pub(crate) fn holds(&self, tag: u32, at: Option<Position>) -> bool {
        let from = |start: &Position| at.is_some_and(|at| at >= *start);
        self.all.as_ref().is_some_and(from) || self.tags.get(&tag).is_some_and(from)
    }

    fn is_empty(&self) -> bool {
        self.all.is_none() && self.tags.is_empty()
    }
}

/// Records of one chunk that one session wrote.
#[derive(Debug, Clone)]
struct Stretch {
    chunk: usize,
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
    first: HashMap<(u32, Meaning, u32), Position>,
}

/// Where a session says that it starts.
#[derive(Debug, Clone, PartialEq)]
enum Declared {
    /// At this step, as it is logged.
    Step(i64),
    /// Where its ledger says, in the numbers of each meaning.
    Ledger(Vec<(Meaning, Position)>),
}

/// Finds the sessions, and notes them in the chunks; a chunk of several is parted.
pub(crate) fn mark(logs: &mut Logs) {
    let mut groups: BTreeMap<(u32, &'static str), Vec<usize>> = BTreeMap::new();
    for (index, chunk) in logs.records.chunks.iter().enumerate() {
        groups.entry((chunk.run, chunk.format.name())).or_default().push(index);
    }
    let mut parts: BTreeMap<usize, Vec<Part>> = BTreeMap::new();
    for ((run, _), chunks) in groups {
        let ledger = logs.run_ledger(run as usize).filter(|found| found.ledger.sessions.len() > 1);
        let by_ledger = ledger.and_then(|found| ledger::find(&logs.records.chunks, &chunks, found.ledger));
        let found = match by_ledger {
            Some(found) => found,
            None if is_plain(logs, &chunks) => continue,
            None => starts::find(logs, &chunks),
        };
        if found.stretches.iter().any(|stretch| stretch.session > 0) {
            found.part(&logs.records.chunks, &mut parts);
        }
    }
    if parts.is_empty() {
        return;
    }
    let chunks = std::mem::take(&mut logs.records.chunks);
    let all = chunks.into_iter().enumerate().flat_map(|(index, chunk)| match parts.remove(&index) {
        Some(parts) => parted(chunk, parts),
        None => vec![chunk],
    });
    logs.records.chunks = all.collect();
}

/// Whether nothing of these chunks is of a second session: they are of one file, which says of no start and never goes back.
fn is_plain(logs: &Logs, chunks: &[usize]) -> bool {
    let all = &logs.records.chunks;
    let Some(&first) = chunks.first() else { return true };
    let Chunk { source, format, .. } = all[first];
    let one_file = chunks.iter().all(|&chunk| all[chunk].source == source);
    let no_starts = logs.files[source as usize].facts.starts.is_empty();
    one_file && no_starts && (!goes_back(format) || starts::goes_on(all, chunks))
}

fn goes_back(format: Format) -> bool {
    format.resumes().goes_back
}

impl Found {
    /// What is known of each chunk, part by part.
    fn part(&self, chunks: &[Chunk], parts: &mut BTreeMap<usize, Vec<Part>>) {
        let mut redone: HashMap<(u32, Meaning), Option<Arc<Redone>>> = HashMap::new();
        let mut later = Later::new(self);
        // From the last session to the first: each stands before fewer of them.
        let mut sessions: Vec<&Stretch> = self.stretches.iter().collect();
        sessions.sort_by_key(|stretch| std::cmp::Reverse(stretch.session));
        for stretch in sessions {
            let meaning = chunks[stretch.chunk].meaning;
            redone.entry((stretch.session, meaning)).or_insert_with(|| later.than(stretch.session, meaning));
        }
        for Stretch { chunk, range, session } in &self.stretches {
            let redone = redone.get(&(*session, chunks[*chunk].meaning)).cloned().flatten();
            parts.entry(*chunk).or_default().push(Part { range: range.clone(), session: *session, redone });
        }
    }
}

/// Part of a chunk, with what is known of it.
struct Part {
    range: Range<usize>,
    session: u32,
    redone: Option<Arc<Redone>>,
}

/// A chunk in parts; one that is all of one session is not copied.
fn parted(chunk: Chunk, parts: Vec<Part>) -> Vec<Chunk> {
    let whole = 0..chunk.len();
    if let [Part { range, session, redone }] = &parts[..]
        && *range == whole
    {
        return vec![Chunk { session: *session, redone: redone.clone(), ..chunk }];
    }
    let mut chunks: Vec<Chunk> = Vec::with_capacity(parts.len());
    for Part { range, session, redone } in parts {
        chunks.push(Chunk { session, redone, ..chunk.part(range) });
    }
    if let Some(first) = chunks.first_mut() {
        (first.evidence, first.lengths) = (chunk.evidence, chunk.lengths);
    }
    chunks
}

/// What the sessions later than one did again, gathered from the last one on.
struct Later<'a> {
    declared: Vec<(u32, &'a Declared)>,
    first: Vec<(u32, Meaning, u32, Position)>,
    by_meaning: HashMap<Meaning, Redone>,
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
    fn than(&mut self, session: u32, meaning: Meaning) -> Option<Arc<Redone>> {
        while let Some((_, meaning, tag, at)) = self.first.pop_if(|(of, ..)| *of > session) {
            let tags = &mut self.by_meaning.entry(meaning).or_default().tags;
            let from = tags.entry(tag).or_insert(at);
            *from = at.min(*from);
        }
        let mut redone = self.by_meaning.get(&meaning).cloned().unwrap_or_default();
        let declared = self.declared.iter().filter(|(of, _)| *of > session);
        redone.all = declared.filter_map(|(_, declared)| declared.position(meaning)).min();
        (!redone.is_empty()).then(|| Arc::new(redone))
    }
}

impl Declared {
    fn position(&self, meaning: Meaning) -> Option<Position> {
        match self {
            Self::Step(step) => Some(Position { epoch: 0, step: *step }),
            Self::Ledger(positions) => positions.iter().find(|(of, _)| *of == meaning).map(|(_, at)| *at),
        }
    }
}
