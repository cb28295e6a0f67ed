//! Sessions as the files themselves show them.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::layout::{SessionLayout, SessionSpan, SessionStart};
use super::writers::{FileExtent, SeriesKey, files};
use crate::logs::Logs;
use crate::second_counters::SecondCounters;
use stepbridge_records::{ColumnBatch, OrderKey};

/// If a counter goes back more often in a file, its numbers are in no order, and do not show processes.
const MOST_RESUMES: usize = 1000;

/// Records of a file from one start to the next.
struct RecordRun {
    parts: Vec<(usize, Range<usize>)>,
    start: RunStart,
    extent: FileExtent,
}

/// How such records begin.
#[derive(Debug, Clone, Copy, PartialEq)]
enum RunStart {
    /// The file begins.
    File,
    /// A session declares that it starts with this step.
    Declared(i64),
    /// A counter goes back.
    Back,
}

/// Finds the sessions of one run's files of one format.
pub(super) fn find(logs: &Logs, of_run: &[usize], counters: &SecondCounters) -> SessionLayout {
    let batches = &logs.records.batches;
    let mut by_file: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for &index in of_run {
        by_file.entry(batches[index].source).or_default().push(index);
    }
    let order: Vec<u32> = if by_file.len() > 1 {
        files(batches, of_run, counters).into_iter().map(|(file, _)| file).collect()
    } else {
        by_file.keys().copied().collect()
    };
    let mut numbering = SessionNumbering::default();
    for file in order {
        let own = by_file.remove(&file).unwrap_or_default();
        for own in streams(batches, own) {
            let mut before = None;
            for run in runs(batches, &own, &logs.files[file as usize].facts.starts, counters) {
                before = Some(numbering.take(run, before));
            }
        }
        numbering.end_file();
    }
    numbering.layout.spans.sort_by_key(|span| (span.batch, span.range.start));
    numbering.layout
}

/// The batches of one file, grouped by kind of line. A file with several kinds of lines gives batches of each kind, and each
/// kind has its own order. Batches with one meaning that share a series are taken to be of one kind.
fn streams(batches: &[ColumnBatch], own: Vec<usize>) -> Vec<Vec<usize>> {
    let one_meaning = own.windows(2).all(|pair| batches[pair[0]].meaning == batches[pair[1]].meaning);
    if own.len() < 2 || own.first().is_some_and(|&index| !batches[index].format.resume_signs().goes_back) && one_meaning
    {
        return vec![own];
    }
    let mut streams: Vec<Vec<usize>> = Vec::new();
    let mut of_series: HashMap<SeriesKey, usize> = HashMap::new();
    for index in own {
        let batch = &batches[index];
        let tags = tags_of(batch);
        let series = || tags.iter().map(|&tag| (batch.meaning, tag));
        let mut known: Vec<usize> = series().filter_map(|series| of_series.get(&series).copied()).collect();
        known.sort_unstable();
        known.dedup();
        let stream = known.first().copied().unwrap_or(streams.len());
        if stream == streams.len() {
            streams.push(Vec::new());
        }
        for &other in known.iter().skip(1) {
            let more = std::mem::take(&mut streams[other]);
            streams[stream].extend(more);
            of_series.values_mut().filter(|of| **of == other).for_each(|of| *of = stream);
        }
        streams[stream].sort_unstable();
        streams[stream].push(index);
        of_series.extend(series().map(|series| (series, stream)));
    }
    streams.retain(|stream| !stream.is_empty());
    streams
}

/// The tags of the records of a batch, in order.
fn tags_of(batch: &ColumnBatch) -> Vec<u32> {
    let mut there: Vec<bool> = Vec::new();
    for &tag in &batch.tag {
        let tag = tag as usize;
        if tag >= there.len() {
            there.resize(tag + 1, false);
        }
        there[tag] = true;
    }
    (0..).zip(there).filter_map(|(tag, there)| there.then_some(tag)).collect()
}

/// Whether no counter goes back anywhere in these batches of one file.
pub(super) fn never_goes_back(batches: &[ColumnBatch], of_file: &[usize]) -> bool {
    let mut highest = None;
    // If nothing goes back in the whole file, nothing goes back in any kind of line.
    let none = SecondCounters::default();
    of_file.iter().all(|&index| batches[index].order_keys().ascend(&mut highest))
        || streams(batches, of_file.to_vec()).iter().all(|own| backs(batches, own, &none).is_empty())
}

/// The records of one file, cut where something starts.
fn runs(batches: &[ColumnBatch], own: &[usize], starts: &[(u64, i64)], counters: &SecondCounters) -> Vec<RecordRun> {
    let mut cuts: Vec<(usize, usize, RunStart)> = Vec::new();
    let mut starts = starts.iter().peekable();
    let mut before = 0_u64;
    for &index in own {
        let end = before + batches[index].len() as u64;
        while let Some((at, step)) = starts.next_if(|(at, _)| *at < end) {
            let at = usize::try_from(at.saturating_sub(before)).unwrap_or(0);
            // Of several starts at one place, the last one counts.
            if cuts.last().is_some_and(|(batch, same, _)| (*batch, *same) == (index, at)) {
                cuts.pop();
            }
            cuts.push((index, at, RunStart::Declared(*step)));
        }
        before = end;
    }
    if own.first().is_some_and(|&index| batches[index].format.resume_signs().goes_back) {
        cuts.extend(backs(batches, own, counters).into_iter().map(|(batch, at)| (batch, at, RunStart::Back)));
    }
    let mut cuts = cuts.into_iter().peekable();
    let mut runs = vec![RecordRun { parts: Vec::new(), start: RunStart::File, extent: FileExtent::default() }];
    for &index in own {
        let mut begin = 0;
        while let Some((_, at, start)) = cuts.next_if(|(batch, ..)| *batch == index) {
            push(&mut runs, batches, index, begin..at, counters);
            runs.push(RecordRun { parts: Vec::new(), start, extent: FileExtent::default() });
            begin = at;
        }
        push(&mut runs, batches, index, begin..batches[index].len(), counters);
    }
    runs.retain(|run| !run.parts.is_empty());
    runs
}

fn push(runs: &mut [RecordRun], batches: &[ColumnBatch], index: usize, range: Range<usize>, counters: &SecondCounters) {
    // A batch without records belongs to the batches around it.
    if let Some(run) = runs.last_mut().filter(|_| !range.is_empty() || batches[index].is_empty()) {
        run.extent.add(&batches[index], range.clone(), counters);
        run.parts.push((index, range));
    }
}

/// Where a counter goes back, in the records of a file with one meaning.
fn backs(batches: &[ColumnBatch], own: &[usize], counters: &SecondCounters) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut highest: Option<OrderKey> = None;
    for &index in own {
        let keys = batches[index].order_keys();
        // A second counter goes back and forth with every row.
        let others = counters.others(&batches[index]);
        for at in (0..batches[index].len()).filter(|at| others.as_ref().is_none_or(|others| !others[*at])) {
            let Some(key) = keys.at(at) else { continue };
            if highest.is_some_and(|highest| key < highest) {
                if found.len() == MOST_RESUMES {
                    return Vec::new();
                }
                found.push((index, at));
            }
            highest = Some(key);
        }
    }
    found
}

/// Gives numbers to sessions.
#[derive(Default)]
struct SessionNumbering {
    layout: SessionLayout,
    /// For each series, its highest key and the session of that record.
    reached: HashMap<SeriesKey, (OrderKey, u32)>,
    /// When the records of earlier files ended, and their sessions.
    ended: Vec<(Option<f64>, u32)>,
    /// The same for this file.
    ending: Vec<(Option<f64>, u32)>,
}

impl SessionNumbering {
    fn end_file(&mut self) {
        self.ended.append(&mut self.ending);
    }

    /// Takes the next records, and returns their session. `before` is the session of the records before them in the file.
    fn take(&mut self, run: RecordRun, before: Option<u32>) -> u32 {
        let highest = self.ended.iter().chain(&self.ending).map(|(_, session)| *session).max();
        let earlier = self.ended.iter().filter(|(end, _)| run.extent.overlaps(*end) != Some(true));
        let floor = earlier.map(|(_, session)| *session).max().max(before).unwrap_or(0);
        let session = match (run.start, highest) {
            (_, None) => 0,
            (RunStart::Declared(_), Some(highest)) => highest + 1,
            (RunStart::Back, _) => floor.max(before.map_or(0, |before| before + 1)),
            (RunStart::File, _) => {
                let series = run.extent.series.iter();
                let again = series.filter_map(|(series, (low, _))| {
                    self.reached.get(series).filter(|(reached, _)| low <= reached).map(|(_, session)| session + 1)
                });
                again.max().unwrap_or(0).max(floor)
            }
        };
        match run.start {
            RunStart::Declared(step) if highest.is_some() => {
                let start = self.layout.starts.entry(session).or_insert(SessionStart::Step(step));
                if let SessionStart::Step(known) = start {
                    *known = step.min(*known);
                }
            }
            _ => {
                for (&(meaning, tag), &(low, _)) in &run.extent.series {
                    let first = self.layout.first.entry((session, meaning, tag)).or_insert(low);
                    *first = low.min(*first);
                }
            }
        }
        for (series, &(_, high)) in &run.extent.series {
            let reached = self.reached.entry(*series).or_insert((high, session));
            *reached = if reached.1 == session { (high.max(reached.0), session) } else { (high, session) };
        }
        self.ending.push((run.extent.times.map(|(_, to)| to), session));
        let spans = run.parts.into_iter().map(|(batch, range)| SessionSpan { batch, range, session });
        self.layout.spans.extend(spans);
        session
    }
}
