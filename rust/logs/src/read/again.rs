//! The same logs a while later: only what was added is read.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::one::{Outcome, Reading};
use super::{LogFile, Logs, Met, list, together};
use crate::error::ReadError;
use crate::thin;
use crate::walk::Found;
use stepbridge_formats::FileContents;
use stepbridge_formats::Mark;
use stepbridge_formats::ReadOptions;
use stepbridge_io::parallel;
use stepbridge_io::progress::Progress;
use stepbridge_records::{BatchRun, FileFacts, Problem, ProblemKind, TaggedBatch};

/// What a later reading needs to know of this one. It says nothing of the records, so any two are equal.
#[derive(Clone, Default)]
pub struct Again {
    /// Every file that was met, log or not.
    pub(crate) seen: Vec<Seen>,
    /// Of each of [`Logs::files`].
    pub(crate) files: Vec<Left>,
}

/// A file as the system told of it before it was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Seen {
    path: PathBuf,
    size: u64,
    modified: Option<SystemTime>,
}

/// What is left to know of a file that was read.
#[derive(Clone)]
pub(crate) struct Left {
    pub(crate) mark: Option<Mark>,
    pub(crate) problems: Vec<Problem>,
    /// Whose its records are, by how many stand before.
    pub(crate) runs: Vec<(u64, BatchRun)>,
}

impl PartialEq for Again {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Again {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Again")
    }
}

impl Seen {
    /// What the system says of a file now.
    pub(super) fn now(file: &Found) -> Self {
        Self::of(file, fs::metadata(&file.path).ok().as_ref())
    }

    /// What it said.
    pub(super) fn of(file: &Found, facts: Option<&fs::Metadata>) -> Self {
        let size = facts.map_or(0, fs::Metadata::len);
        Self { path: file.path.clone(), size, modified: facts.and_then(|facts| facts.modified().ok()) }
    }
}

impl Logs {
    /// Reads what was added to the logs below a path since they were read with these options; `None` where nothing was.
    ///
    /// Files of formats that are appended to are read from where they ended, others as a whole where they changed.
    pub fn again(
        &self,
        path: &Path,
        options: &ReadOptions,
        progress: &Progress,
        threads: usize,
    ) -> Result<Option<Self>, ReadError> {
        let reading = Reading { options, progress, threads, thin: false };
        let mut found = Vec::new();
        let problems = list(path, &mut |file| found.push(file))?;
        found.sort();
        let seen: Vec<Seen> = found.iter().map(Seen::now).collect();
        if seen == self.again.seen {
            return Ok(None);
        }
        let before: HashMap<&Path, &Seen> = self.again.seen.iter().map(|seen| (seen.path.as_path(), seen)).collect();
        let known: HashMap<&Path, usize> =
            self.files.iter().enumerate().map(|(index, file)| (file.found.path.as_path(), index)).collect();
        let mut held: Vec<Vec<usize>> = vec![Vec::new(); self.files.len()];
        for (index, batch) in self.records.batches.iter().enumerate() {
            held[batch.source as usize].push(index);
        }
        let outcomes = parallel::map(found.len(), threads, |index| {
            let file = &found[index];
            let was = known.get(file.path.as_path()).copied();
            let before = before.get(file.path.as_path());
            match (was, before) {
                (Some(was), Some(before)) if thin::may_be_thinned(self.files[was].format) => {
                    if **before == seen[index] {
                        return Outcome::Read(self.files[was].format, self.kept(was, &held[was]));
                    }
                    match (&self.again.files[was].mark, seen[index].size > before.size) {
                        (Some(mark), true) => self.more(&reading, file, was, &held[was], mark),
                        _ => reading.one(file, 2),
                    }
                }
                _ => reading.one(file, 2),
            }
        });
        let met = found.into_iter().zip(seen).zip(outcomes);
        let met = met.map(|((found, seen), outcome)| Met { found, seen, outcome }).collect();
        together(path, met, problems, progress).map(Some)
    }

    /// A file as it was read.
    fn kept(&self, was: usize, held: &[usize]) -> FileContents {
        let left = &self.again.files[was];
        let mut records = 0;
        let batches = held.iter().map(|&index| {
            let batch = &self.records.batches[index];
            let at = left.runs.partition_point(|(before, _)| *before <= records).saturating_sub(1);
            let run = left.runs.get(at).map(|(_, run)| run.clone()).unwrap_or_default();
            records += batch.len() as u64;
            let mut batch = batch.clone();
            (batch.session, batch.superseded_from) = (0, None);
            TaggedBatch { tags: self.records.tags.clone(), columns: batch, run }
        });
        let batches = batches.collect();
        FileContents {
            batches,
            problems: left.problems.clone(),
            facts: self.files[was].facts.clone(),
            mark: left.mark.clone(),
        }
    }

    /// The same, with what was added.
    fn more(&self, reading: &Reading, file: &Found, was: usize, held: &[usize], mark: &Mark) -> Outcome {
        let (format, added) = match reading.from(file, mark) {
            Outcome::Read(format, added) if format == self.files[was].format => (format, added),
            // It is no longer what it was.
            _ => return reading.one(file, 2),
        };
        let mut read = self.kept(was, held);
        // What was torn is there now, or is torn again.
        read.problems.retain(|problem| problem.kind != ProblemKind::Truncated);
        read.problems.extend(added.problems);
        read.batches.extend(added.batches);
        let before = read.facts.records;
        let FileFacts { bytes, records, records_ok, non_numeric, plain_lines, starts, .. } = added.facts;
        read.facts.bytes = bytes;
        read.facts.records += records;
        read.facts.records_ok += records_ok;
        read.facts.non_numeric += non_numeric;
        read.facts.plain_lines += plain_lines;
        read.facts.starts.extend(starts.into_iter().map(|(at, step)| (before + at, step)));
        read.mark = added.mark;
        Outcome::Read(format, read)
    }
}

/// What a later reading needs to know of a file.
pub(crate) fn left(file: &LogFile) -> Left {
    let mut runs: Vec<(u64, BatchRun)> = Vec::new();
    let mut records = 0;
    for tagged in &file.read.batches {
        if runs.last().is_none_or(|(_, run)| *run != tagged.run) {
            runs.push((records, tagged.run.clone()));
        }
        records += tagged.columns.len() as u64;
    }
    Left { mark: file.read.mark.clone(), problems: file.read.problems.clone(), runs }
}
