//! Reads the same logs a while later: only what was added.

use std::collections::HashMap;
use std::path::Path;

use stepbridge_formats::{FileContents, Mark, ReadOptions};
use stepbridge_io::parallel;
use stepbridge_io::progress::Progress;
use stepbridge_records::{FileFacts, ProblemKind, TaggedBatch};

use super::file_outcome::{FileOutcome, OpenedFile};
use super::gather::gather;
use super::open::FileOpener;
use super::read::list;
use super::survey_filter;
use crate::error::ReadError;
use crate::file_path::FilePath;
use crate::logs::{FileStamp, Logs};

impl Logs {
    /// Reads what was added to the logs below a path since they were read with these options; `None` if nothing was added.
    ///
    /// A file of a format that writers append to is read from where it ended. Another file is read as a whole if it changed.
    pub fn refresh(
        &self,
        path: &Path,
        options: &ReadOptions,
        progress: &Progress,
        threads: usize,
    ) -> Result<Option<Self>, ReadError> {
        let opener = FileOpener { options, progress, threads, survey: false };
        let mut paths = Vec::new();
        let problems = list(path, &mut |file| paths.push(file))?;
        paths.sort();
        let stamps: Vec<FileStamp> = paths.iter().map(FileStamp::now).collect();
        if stamps == self.refresh.stamps {
            return Ok(None);
        }
        let before: HashMap<&Path, &FileStamp> =
            self.refresh.stamps.iter().map(|stamp| (stamp.path.as_path(), stamp)).collect();
        let known: HashMap<&Path, usize> =
            self.files.iter().enumerate().map(|(index, file)| (file.path.path.as_path(), index)).collect();
        let mut batches_of: Vec<Vec<usize>> = vec![Vec::new(); self.files.len()];
        for (index, batch) in self.records.batches.iter().enumerate() {
            batches_of[batch.source as usize].push(index);
        }
        let outcomes = parallel::map(paths.len(), threads, |index| {
            let file = &paths[index];
            let was = known.get(file.path.as_path()).copied();
            let before = before.get(file.path.as_path());
            match (was, before) {
                (Some(was), Some(before)) if survey_filter::applies_to(self.files[was].format) => {
                    if **before == stamps[index] {
                        return FileOutcome::Log(self.files[was].format, self.contents(was, &batches_of[was]));
                    }
                    match (&self.refresh.files[was].mark, stamps[index].size > before.size) {
                        (Some(mark), true) => self.grown(&opener, file, was, &batches_of[was], mark),
                        _ => opener.read_file(file, 2),
                    }
                }
                _ => opener.read_file(file, 2),
            }
        });
        let files = paths.into_iter().zip(stamps).zip(outcomes);
        let files = files.map(|((path, stamp), outcome)| OpenedFile { path, stamp, outcome }).collect();
        gather(path, files, problems, progress).map(Some)
    }

    /// The contents of a file as it was read before.
    fn contents(&self, was: usize, batches: &[usize]) -> FileContents {
        let refresh = &self.refresh.files[was];
        let mut records = 0;
        let batches = batches.iter().map(|&index| {
            let columns = &self.records.batches[index];
            let at = refresh.runs.partition_point(|(before, _)| *before <= records).saturating_sub(1);
            let run = refresh.runs.get(at).map(|(_, run)| run.clone()).unwrap_or_default();
            records += columns.len() as u64;
            let mut columns = columns.clone();
            (columns.session, columns.superseded_from) = (0, None);
            TaggedBatch { tags: self.records.tags.clone(), columns, run }
        });
        FileContents {
            batches: batches.collect(),
            problems: refresh.problems.clone(),
            facts: self.files[was].facts.clone(),
            mark: refresh.mark.clone(),
        }
    }

    /// The contents of a file that has grown: as it was read before, and what was added.
    fn grown(&self, opener: &FileOpener, file: &FilePath, was: usize, batches: &[usize], mark: &Mark) -> FileOutcome {
        let (format, added) = match opener.read_added(file, mark) {
            FileOutcome::Log(format, added) if format == self.files[was].format => (format, added),
            // It is another file now.
            _ => return opener.read_file(file, 2),
        };
        let mut contents = self.contents(was, batches);
        // A record that was torn before is complete now, or torn again.
        contents.problems.retain(|problem| problem.kind != ProblemKind::Truncated);
        contents.problems.extend(added.problems);
        contents.batches.extend(added.batches);
        let before = contents.facts.records;
        let FileFacts { bytes, records, records_ok, non_numeric, plain_lines, starts, .. } = added.facts;
        contents.facts.bytes = bytes;
        contents.facts.records += records;
        contents.facts.records_ok += records_ok;
        contents.facts.non_numeric += non_numeric;
        contents.facts.plain_lines += plain_lines;
        contents.facts.starts.extend(starts.into_iter().map(|(at, step)| (before + at, step)));
        contents.mark = added.mark;
        FileOutcome::Log(format, contents)
    }
}
