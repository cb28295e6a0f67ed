//! Several writers in one folder: files of one run that were written at the same time and hold the same series.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use stepbridge_records::{ColumnBatch, OrderKey, SeriesMeaning};

use crate::logs::Logs;
use crate::second_counters::SecondCounters;

/// A series of a run: the meaning of its numbers, and its tag.
pub(super) type SeriesKey = (SeriesMeaning, u32);

/// The times and the keys that some records span.
#[derive(Debug, Default)]
pub(super) struct FileExtent {
    /// The first and the last time, of the records with a time.
    pub(super) times: Option<(f64, f64)>,
    /// The lowest and the highest key of each series.
    pub(super) series: HashMap<SeriesKey, (OrderKey, OrderKey)>,
}

impl FileExtent {
    pub(super) fn add(&mut self, batch: &ColumnBatch, range: std::ops::Range<usize>, counters: &SecondCounters) {
        if let Some(times) = &batch.wall_time {
            for &time in times[range.clone()].iter().filter(|time| !time.is_nan()) {
                let (from, to) = self.times.get_or_insert((time, time));
                (*from, *to) = (from.min(time), to.max(time));
            }
        }
        let positions = batch.order_keys();
        // Neighbours mostly have a few tags in turns.
        let mut of_tag: Vec<Option<(OrderKey, OrderKey)>> = Vec::new();
        // A record in a row of a second counter says nothing of its own series, which goes on elsewhere.
        let others = counters.others(batch);
        let is_apart = |index: usize| {
            others.as_ref().is_some_and(|others| others[index]) && !counters.has(batch.run, batch.tag[index])
        };
        for index in range {
            let Some(at) = positions.at(index).filter(|_| !is_apart(index)) else { continue };
            let tag = batch.tag[index] as usize;
            if tag >= of_tag.len() {
                of_tag.resize(tag + 1, None);
            }
            let (low, high) = of_tag[tag].get_or_insert((at, at));
            (*low, *high) = (at.min(*low), at.max(*high));
        }
        for (tag, found) in (0..).zip(of_tag) {
            let Some((from, to)) = found else { continue };
            let (low, high) = self.series.entry((batch.meaning, tag)).or_insert((from, to));
            (*low, *high) = (from.min(*low), to.max(*high));
        }
    }

    /// Whether some of it was written before `end`; `None` without times.
    pub(super) fn overlaps(&self, end: Option<f64>) -> Option<bool> {
        Some(self.times?.0 < end?)
    }

    pub(super) fn begin(&self) -> f64 {
        self.times.map_or(f64::NEG_INFINITY, |(from, _)| from)
    }
}

/// The files of a run and a format with their extents, in the order of time; without times, in the order of their names.
pub(super) fn files(batches: &[ColumnBatch], of_run: &[usize], counters: &SecondCounters) -> Vec<(u32, FileExtent)> {
    let mut files: BTreeMap<u32, FileExtent> = BTreeMap::new();
    for &index in of_run {
        let batch = &batches[index];
        files.entry(batch.source).or_default().add(batch, 0..batch.len(), counters);
    }
    let mut files: Vec<(u32, FileExtent)> = files.into_iter().collect();
    files.sort_by(|(_, one), (_, other)| one.begin().total_cmp(&other.begin()));
    files
}

/// Makes a run of its own of each file that was written at the same time as another one.
pub(in crate::runs) fn split_writers(logs: &mut Logs) {
    let records = &logs.records;
    let mut groups: BTreeMap<(u32, &'static str), Vec<usize>> = BTreeMap::new();
    for (index, batch) in records.batches.iter().enumerate() {
        groups.entry((batch.run, batch.format.name())).or_default().push(index);
    }
    let mut apart: BTreeSet<(u32, u32)> = BTreeSet::new();
    for ((run, _), of_run) in groups {
        let source = records.batches[of_run[0]].source;
        if of_run.iter().all(|&index| records.batches[index].source == source) {
            continue;
        }
        let later_name = records.batches[of_run[0]].format.resume_signs().later_name;
        let files = files(&records.batches, &of_run, &SecondCounters::default());
        apart.extend(written_at_once(&files, later_name).into_iter().map(|file| (run, file)));
    }
    if apart.is_empty() {
        return;
    }
    // Number the runs again, in the order of their first records.
    let mut numbers: HashMap<(u32, Option<u32>), u32> = HashMap::new();
    let (mut names, mut count) = (Vec::new(), 0..);
    let mut number = |run: u32, source: u32| {
        let own = apart.contains(&(run, source)).then_some(source);
        *numbers.entry((run, own)).or_insert_with(|| {
            let folder = &logs.records.runs[run as usize];
            names.push(
                own.map_or_else(|| folder.clone(), |source| inside(folder, &logs.records.sources[source as usize])),
            );
            count.next().unwrap_or_default()
        })
    };
    let of_chunks: Vec<u32> = records.batches.iter().map(|batch| number(batch.run, batch.source)).collect();
    let of_files: Vec<u32> = (0..).zip(&logs.files).map(|(source, file)| number(file.run, source)).collect();
    logs.records.runs = names;
    for (batch, run) in logs.records.batches.iter_mut().zip(of_chunks) {
        batch.run = run;
    }
    for (file, run) in logs.files.iter_mut().zip(of_files) {
        file.run = run;
    }
}

/// The name of a run that is a file of another run.
fn inside(run: &str, source: &str) -> String {
    let name = source.rsplit_once('/').map_or(source, |(_, name)| name);
    if run == "." { name.to_owned() } else { format!("{run}/{name}") }
}

/// The files that were written at the same time as another one: they share a time and a series, and neither continues the
/// other. Without times, names in order show that a file continues another one, if the writer of the format gives such names.
fn written_at_once(files: &[(u32, FileExtent)], later_name: bool) -> BTreeSet<u32> {
    let mut apart = BTreeSet::new();
    // For each series, the file whose records reach furthest in time.
    let mut last: HashMap<SeriesKey, (u32, Option<f64>, OrderKey)> = HashMap::new();
    for (file, extent) in files {
        let end = extent.times.map(|(_, to)| to);
        for (series, &(low, high)) in &extent.series {
            let Some((other, until, reached)) = last.get_mut(series) else {
                last.insert(*series, (*file, end, high));
                continue;
            };
            let again = low <= *reached;
            if again && extent.overlaps(*until).unwrap_or(!later_name) {
                apart.extend([*other, *file]);
            }
            if end >= *until || end.is_none() {
                (*other, *until, *reached) = (*file, end, high);
            }
        }
    }
    apart
}
