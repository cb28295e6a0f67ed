//! Writes the files of runs: copies of event files, and event files of other logs.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;

use stepbridge_formats::{CopySummaries, ScalarEvents, SummaryCopy, named};
use stepbridge_io::decompress::plain_name;
use stepbridge_io::parallel;
use stepbridge_io::progress::Progress;
use stepbridge_records::SummaryLayout;

use super::error::RewriteError;
use super::folder::{OutputFile, OutputFolder};
use super::{NewSteps, source};
use crate::logs::Logs;
use crate::runs::refresh_state::SeenFile;

/// Larger files are written one after the other, each by all threads.
const LARGE: u64 = 4 << 20;
/// What the names of event files contain, and nothing else is opened by `TensorBoard`.
const MARK: &str = "tfevents";

/// The name of the event file of a log.
fn event_file_name(log: &str) -> String {
    let name = plain_name(log);
    if name.contains(MARK) { name.to_owned() } else { format!("events.out.{MARK}.0.{name}") }
}

/// Writes logs with other steps.
pub(super) struct FileWriter<'a> {
    logs: &'a Logs,
    /// The indices of the batches of each log.
    batches: Vec<Vec<usize>>,
    seen: HashMap<&'a Path, &'a SeenFile>,
    folder: &'a OutputFolder,
    progress: &'a Progress,
    threads: usize,
}

/// The records of one log that go to one run: the indices of their batches.
struct RunFile {
    source: usize,
    run: u32,
    batches: Vec<usize>,
}

impl<'a> FileWriter<'a> {
    pub(super) fn new(logs: &'a Logs, folder: &'a OutputFolder, progress: &'a Progress, threads: usize) -> Self {
        let mut batches: Vec<Vec<usize>> = vec![Vec::new(); logs.files.len()];
        for (index, batch) in logs.records.batches.iter().enumerate() {
            batches[batch.source as usize].push(index);
        }
        let seen = logs.refresh.seen.iter().map(|seen| (&*seen.stamp.path, seen)).collect();
        Self { logs, batches, seen, folder, progress, threads }
    }

    /// Writes all files: the batches of the logs with these steps, to runs with these names.
    pub(super) fn all(&self, steps: &[NewSteps], names: &[String]) -> Result<(), RewriteError> {
        let is_large = |file: &RunFile| self.logs.files[file.source].facts.bytes > LARGE;
        let (large, small): (Vec<RunFile>, Vec<RunFile>) =
            self.run_files(steps).into_iter().partition(|file| is_large(file));
        let done = parallel::map(small.len(), self.threads, |index| self.file(&small[index], steps, names, 1));
        done.into_iter().collect::<Result<(), _>>()?;
        large.iter().try_for_each(|file| self.file(file, steps, names, self.threads))
    }

    /// Writes the numbers alone, one file after the other, and notes in the progress how many are written.
    pub(super) fn numbers(&self, steps: &[NewSteps], names: &[String]) -> Result<(), RewriteError> {
        for file in self.run_files(steps) {
            let log = &self.logs.files[file.source];
            let mut out = self.folder.create(&names[file.run as usize], &event_file_name(&log.path.name))?;
            let written = self.scalars(&file, steps, &mut out);
            if self.progress.is_cancelled() {
                return Err(RewriteError::Cancelled);
            }
            written.map_err(|source| self.folder.failed(source))?;
            self.folder.add(out)?;
            let count: u64 = file.batches.iter().map(|index| steps[*index].iter().flatten().count() as u64).sum();
            self.progress.add(count);
        }
        Ok(())
    }

    /// The files to write: one for each log and run with a value that is kept.
    fn run_files(&self, steps: &[NewSteps]) -> Vec<RunFile> {
        let mut found: Vec<RunFile> = Vec::new();
        for (source, batches) in self.batches.iter().enumerate() {
            let mut runs: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
            for &index in batches {
                runs.entry(self.logs.records.batches[index].run).or_default().push(index);
            }
            found.extend(runs.into_iter().map(|(run, batches)| RunFile { source, run, batches }));
        }
        found.retain(|file| file.batches.iter().any(|index| steps[*index].iter().any(Option::is_some)));
        found
    }

    fn file(&self, file: &RunFile, steps: &[NewSteps], names: &[String], threads: usize) -> Result<(), RewriteError> {
        if self.progress.is_cancelled() {
            return Err(RewriteError::Cancelled);
        }
        let log = &self.logs.files[file.source];
        let mut out = self.folder.create(&names[file.run as usize], &event_file_name(&log.path.name))?;
        let copy = named(log.format.name()).and_then(|reader| reader.copy);
        let written = match (copy, &log.facts.summaries, self.seen.get(&*log.path.path)) {
            (Some(copy), Some(layout), Some(seen)) => {
                let steps = self.in_order(file, steps, layout);
                let steps = |range| steps_in(&steps, range);
                source::with_bytes(&log.path, seen, self.progress, |bytes| {
                    let job = SummaryCopy { bytes, layout, steps: &steps, threads };
                    copy_file(copy, &job, &mut out, self.progress)
                })
            }
            _ => self.scalars(file, steps, &mut out),
        };
        if self.progress.is_cancelled() {
            return Err(RewriteError::Cancelled);
        }
        let gone = |source| RewriteError::Gone { file: self.logs.records.sources[file.source].clone(), source };
        written.map_err(gone)?;
        self.folder.add(out)
    }

    /// The steps of all summaries of a file, in its order: those of other runs are left out.
    fn in_order<'s>(
        &self,
        file: &RunFile,
        steps: &'s [NewSteps],
        layout: &SummaryLayout,
    ) -> Vec<Cow<'s, [Option<i64>]>> {
        let batches = &self.logs.records.batches;
        let of_file = &self.batches[file.source];
        // Only values that are not numbers have ordinals here.
        let (others, scalars): (Vec<usize>, Vec<usize>) =
            of_file.iter().copied().partition(|index| batches[*index].ordinals.is_some());
        if others.is_empty() && of_file.len() == file.batches.len() {
            return scalars.into_iter().map(|index| Cow::Borrowed(&steps[index][..])).collect();
        }
        let step = |index: usize, at: usize| steps[index][at].filter(|_| batches[index].run == file.run);
        let mut all = Vec::with_capacity(usize::try_from(layout.count).unwrap_or(0));
        let mut next = others.iter().flat_map(|&index| (0..batches[index].len()).map(move |at| (index, at))).peekable();
        let scalars = scalars.into_iter().flat_map(|index| (0..batches[index].len()).map(move |at| (index, at)));
        for (before, (index, at)) in (0_u64..).zip(scalars) {
            let comes =
                |(index, at): &(usize, usize)| batches[*index].ordinals.as_ref().is_some_and(|all| all[*at] <= before);
            while let Some((index, at)) = next.next_if(comes) {
                all.push(step(index, at));
            }
            all.push(step(index, at));
        }
        all.extend(next.map(|(index, at)| step(index, at)));
        vec![Cow::Owned(all)]
    }

    /// Writes the numbers of a log that is not an event file.
    fn scalars(&self, file: &RunFile, steps: &[NewSteps], out: &mut OutputFile) -> io::Result<()> {
        let mut events = ScalarEvents::new(out);
        for &index in &file.batches {
            self.progress.check()?;
            let batch = &self.logs.records.batches[index];
            for (at, step) in steps[index].iter().enumerate() {
                let Some(step) = *step else { continue };
                let time = batch.wall_time.as_ref().map(|times| times[at]).filter(|time| !time.is_nan());
                let tag = &self.logs.records.tags[batch.tag[at] as usize];
                events.scalar(tag, step, time, batch.value[at])?;
            }
        }
        events.finish().map(drop)
    }
}

/// The steps of a range of the summaries that these parts have together.
fn steps_in(parts: &[Cow<[Option<i64>]>], range: Range<usize>) -> NewSteps {
    let mut found = Vec::with_capacity(range.len());
    let mut begin = 0;
    for part in parts {
        let end = begin + part.len();
        let (from, until) = (range.start.max(begin), range.end.min(end));
        if from < until {
            found.extend_from_slice(&part[from - begin..until - begin]);
        }
        begin = end;
    }
    found
}

fn copy_file(copy: CopySummaries, job: &SummaryCopy, out: &mut OutputFile, progress: &Progress) -> io::Result<()> {
    struct Checked<'a>(&'a mut OutputFile, &'a Progress);
    impl Write for Checked<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.check()?;
            self.0.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }
    copy(job, &mut Checked(out, progress))
}
