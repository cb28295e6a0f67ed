//! Sessions as the files themselves show them.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::counters::{CounterWalk, SeriesBack};
use super::layout::SessionLayout;
use super::numbering::SessionNumbering;
use super::writers::{FileExtent, SeriesKey, files};
use crate::logs::Logs;
use crate::second_counters::SecondCounters;
use stepbridge_records::ColumnBatch;

/// If a counter goes back more often in a file, its numbers are in no order, and do not show processes.
const MOST_RESUMES: usize = 1000;

/// Records of a file from one start to the next.
pub(super) struct RecordRun {
    pub(super) parts: Vec<(usize, Range<usize>)>,
    pub(super) start: RunStart,
    pub(super) extent: FileExtent,
}

/// How such records begin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RunStart {
    /// The file begins.
    File,
    /// A session declares that it starts with this step.
    Declared(i64),
    /// A counter goes back.
    Back,
}

/// Finds the sessions of one run's files of one format, attempt by attempt.
pub(super) fn find(logs: &Logs, of_run: &[usize], counters: &SecondCounters) -> Vec<SessionLayout> {
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
        let backs = backs(logs, &own);
        let begins = begins(batches, &own);
        for own in streams(batches, own) {
            let mut cursor = None;
            let cuts = cuts(batches, &own, &begins, &backs);
            for run in runs(batches, &own, &logs.files[file as usize].facts.starts, cuts, counters) {
                numbering.take(run, &mut cursor);
            }
        }
        numbering.end_file();
    }
    numbering.into_layouts()
}

/// Where the counters of a file go back. `own` are its batches.
fn backs(logs: &Logs, own: &[usize]) -> Vec<SeriesBack> {
    let batches = &logs.records.batches;
    let Some(&first) = own.first() else { return Vec::new() };
    let ColumnBatch { source, format, .. } = batches[first];
    let signs = format.resume_signs();
    if !signs.goes_back {
        return Vec::new();
    }
    if let Some(known) = &logs.files[source as usize].backs {
        return known.clone();
    }
    let mut highest = None;
    let ascends = || own.iter().all(|&index| batches[index].order_keys().ascend(&mut highest));
    if !signs.once_a_step && { ascends }() {
        return Vec::new();
    }
    let mut walk = CounterWalk::default();
    for &index in own {
        walk.take(&batches[index], |tag| tag);
    }
    walk.finish()
}

/// The index in the file of the first record of each of its batches.
fn begins(batches: &[ColumnBatch], own: &[usize]) -> HashMap<usize, u64> {
    let mut before = 0;
    let begin = |&index: &usize| {
        let begin = before;
        before += batches[index].len() as u64;
        (index, begin)
    };
    own.iter().map(begin).collect()
}

/// Where a process begins in the records of one kind. A series that goes back for the first time since then tells nothing new.
fn cuts(
    batches: &[ColumnBatch],
    own: &[usize],
    begins: &HashMap<usize, u64>,
    backs: &[SeriesBack],
) -> Vec<(usize, usize, RunStart)> {
    // The batches with records, and the index in the file of the first record of each.
    let first = |index: usize| match &batches[index].ordinals {
        Some(ordinals) => ordinals.first().copied(),
        None => begins.get(&index).copied(),
    };
    let held = own.iter().filter(|&&index| !batches[index].is_empty());
    let held: Vec<(usize, u64)> = held.filter_map(|&index| Some((index, first(index)?))).collect();
    let (mut found, mut last) = (Vec::new(), None);
    for back in backs {
        if last.is_some_and(|last| back.before < last) {
            continue;
        }
        let batch = held.partition_point(|(_, first)| *first <= back.row).checked_sub(1);
        let place =
            batch.map(|at| held[at]).and_then(|(index, first)| Some((index, place(&batches[index], first, back.row)?)));
        let Some((index, at)) = place else { continue };
        last = Some(back.row);
        found.push((index, at, RunStart::Back));
        if found.len() > MOST_RESUMES {
            return Vec::new();
        }
    }
    found
}

/// The index in a batch of the record with an index in the file; `begin` is that of its first record.
fn place(batch: &ColumnBatch, begin: u64, record: u64) -> Option<usize> {
    match &batch.ordinals {
        Some(ordinals) => {
            let inside = *ordinals.first()? <= record && record <= *ordinals.last()?;
            inside.then(|| ordinals.partition_point(|ordinal| *ordinal < record))
        }
        None => usize::try_from(record.checked_sub(begin)?).ok().filter(|at| *at < batch.len()),
    }
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
pub(super) fn never_goes_back(logs: &Logs, of_file: &[usize]) -> bool {
    backs(logs, of_file).is_empty()
}

/// The records of one file, cut where something starts.
fn runs(
    batches: &[ColumnBatch],
    own: &[usize],
    starts: &[(u64, i64)],
    backs: Vec<(usize, usize, RunStart)>,
    counters: &SecondCounters,
) -> Vec<RecordRun> {
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
    cuts.extend(backs);
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
