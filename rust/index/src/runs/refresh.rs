//! Reads the same logs a while later.
//!
//! The result is that of reading everything anew, whatever happened to the files. A file whose stamp is the same is not read
//! again. Of a file that has grown, only what was added is read, if a checksum shows that it still begins with what was read
//! before. Every other file is read as a whole.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::time::SystemTime;

use stepbridge_formats::{FileContents, ReadOptions};
use stepbridge_io::open::open_file;
use stepbridge_io::parallel;
use stepbridge_io::progress::Progress;
use stepbridge_io::read_ranges::ReadRanges;
use stepbridge_records::{FileFacts, Problem, ProblemKind, TaggedBatch};

use super::file_outcome::{FileOutcome, OpenedFile};
use super::gather::gather;
use super::open::FileOpener;
use super::probe::is_own_file;
use super::read::list;
use super::refresh_state::{FileStamp, READ_WHOLE, SeenFile};
use super::survey_filter;
use crate::error::ReadError;
use crate::file_path::FilePath;
use crate::log_paths::LogPaths;
use crate::logs::Logs;

/// A log as it was read before.
#[derive(Clone, Copy)]
struct KnownLog<'a> {
    /// Its index in [`Logs::files`].
    file: usize,
    /// The indices of its batches.
    batches: &'a [usize],
    seen: &'a SeenFile,
}

impl Logs {
    /// Reads the logs below the paths again, which were read with these options; `None` if nothing has changed.
    pub fn refresh(
        &self,
        paths: &LogPaths,
        options: &ReadOptions,
        progress: &Progress,
        threads: usize,
    ) -> Result<Option<Self>, ReadError> {
        let begin = SystemTime::now();
        let opener = FileOpener { options, progress, threads, survey: false };
        let mut found = Vec::new();
        let problems = list(paths, &mut |file| found.push(file))?;
        found.sort();
        if options.format.is_none_or(|reader| !reader.reads_own_tables) {
            self.leave_out_own_tables(&mut found, threads);
        }
        if problems == self.refresh.unfollowed && self.nothing_changed(&found, threads) {
            self.refresh.verify(begin);
            return Ok(None);
        }
        let seen: HashMap<&Path, &SeenFile> = self.refresh.seen.iter().map(|seen| (&*seen.stamp.path, seen)).collect();
        let files: HashMap<&Path, usize> =
            self.files.iter().enumerate().map(|(index, file)| (&*file.path.path, index)).collect();
        let mut batches_of: Vec<Vec<usize>> = vec![Vec::new(); self.files.len()];
        for (index, batch) in self.records.batches.iter().enumerate() {
            batches_of[batch.source as usize].push(index);
        }
        let files = parallel::map(found.len(), threads, |index| {
            let path = &*found[index].path;
            let known = files.get(path).zip(seen.get(path));
            let known = known.map(|(&file, seen)| KnownLog { file, batches: &batches_of[file], seen });
            match known {
                // Formats whose files are compared with each other need all of their records, as they were read.
                Some(known) if survey_filter::applies_to(self.files[known.file].format, path) => {
                    self.read_again(&opener, &found[index], known)
                }
                _ => opener.read_file(found[index].clone(), 2),
            }
        });
        let logs = gather(paths, files, problems, options, progress)?;
        logs.refresh.verify(begin);
        Ok(Some(logs))
    }

    /// Leaves out the tables that this library wrote since. Files that are known and have not changed are not looked at.
    fn leave_out_own_tables(&self, paths: &mut Vec<FilePath>, threads: usize) {
        let seen: HashMap<&Path, &FileStamp> =
            self.refresh.seen.iter().map(|seen| (&*seen.stamp.path, &seen.stamp)).collect();
        let is_own = |path: &FilePath| {
            let stamp = FileStamp::now(path);
            seen.get(&*path.path).is_none_or(|seen| **seen != stamp)
                && open_file(&path.path).and_then(|(file, _)| is_own_file(&file, stamp.size)).unwrap_or(false)
        };
        let own = parallel::map(paths.len(), threads, |index| is_own(&paths[index]));
        let mut own = own.into_iter();
        paths.retain(|_| !own.next().unwrap_or(false));
    }

    /// Whether these are the files that were read, and all still hold what was read of them.
    fn nothing_changed(&self, paths: &[FilePath], threads: usize) -> bool {
        let seen = &self.refresh.seen;
        let same_stamps =
            paths.len() == seen.len() && paths.iter().zip(seen).all(|(path, seen)| FileStamp::now(path) == seen.stamp);
        let holds = |seen: &SeenFile| {
            !self.refresh.may_hide_a_change(&seen.stamp)
                || match open_file(&seen.stamp.path) {
                    Ok((file, _)) => seen.ranges.still_hold(&file).unwrap_or(false),
                    Err(_) => seen.ranges == ReadRanges::default(),
                }
        };
        same_stamps && parallel::map(seen.len(), threads, |index| holds(&seen[index])).into_iter().all(|holds| holds)
    }

    /// Whether a file with the same stamp as before has the same content.
    fn is_unchanged(&self, seen: &SeenFile, file: &File) -> bool {
        !self.refresh.may_hide_a_change(&seen.stamp) || seen.ranges.still_hold(file).unwrap_or(false)
    }

    /// Reads a log again, as far as it is needed.
    fn read_again(&self, opener: &FileOpener, path: &FilePath, known: KnownLog) -> OpenedFile {
        let Ok((file, metadata)) = open_file(&path.path) else { return opener.read_file(path.clone(), 2) };
        let stamp = FileStamp::of(path, Some(&metadata));
        let (format, seen) = (self.files[known.file].format, known.seen);
        if stamp == seen.stamp && self.is_unchanged(seen, &file) {
            let outcome = FileOutcome::Log(format, Box::new(self.contents(known)), None);
            return OpenedFile { path: path.clone(), seen: SeenFile { stamp, ranges: seen.ranges.clone() }, outcome };
        }
        let grown = seen.stamp.size > READ_WHOLE && stamp.size > seen.stamp.size;
        if grown
            && seen.ranges.still_hold(&file).unwrap_or(false)
            && let Some((contents, ranges)) = self.grown(opener, path, &file, &stamp, known)
        {
            let outcome = FileOutcome::Log(format, Box::new(contents), None);
            return OpenedFile { path: path.clone(), seen: SeenFile { stamp, ranges }, outcome };
        }
        opener.read_opened(path.clone(), &file, stamp, 2)
    }

    /// The contents of a log as it was read before.
    fn contents(&self, known: KnownLog) -> FileContents {
        let refresh = &self.refresh.files[known.file];
        let mut records = 0;
        let batches = known.batches.iter().map(|&index| {
            let columns = &self.records.batches[index];
            let at = refresh.runs.partition_point(|(before, _)| *before <= records).saturating_sub(1);
            let run = refresh.runs.get(at).map(|(_, run)| run.clone()).unwrap_or_default();
            records += columns.len() as u64;
            let mut columns = columns.clone();
            (columns.session, columns.superseded_from) = (0, None);
            let offset = self.files[known.file].offset;
            columns.step.iter_mut().flatten().for_each(|step| *step = step.wrapping_sub(offset));
            // What other files say is given to the run again.
            let settings = &self.files[known.file].facts.settings;
            let source = &self.records.sources[known.file];
            columns.config.retain(|entry| entry.file == *source && !settings.contains(entry));
            TaggedBatch { tags: self.records.tags.clone(), columns, run }
        });
        FileContents {
            batches: batches.collect(),
            problems: refresh.problems.clone(),
            facts: self.files[known.file].facts.clone(),
            mark: refresh.mark.clone(),
        }
    }

    /// The contents of a log that has grown: as it was read before, and what was added. `None` if they may differ from those
    /// of a reading from its beginning.
    fn grown(
        &self,
        opener: &FileOpener,
        path: &FilePath,
        file: &File,
        stamp: &FileStamp,
        known: KnownLog,
    ) -> Option<(FileContents, ReadRanges)> {
        let mark = self.refresh.files[known.file].mark.as_ref()?;
        // A problem may go on in what was added, or its words may count all of the file. A record that the file ends in is
        // complete now, or ends in the same way again.
        let is_of_the_end = |problem: &Problem| problem.kind == ProblemKind::Truncated;
        let mut contents = self.contents(known);
        // Where its summaries are was noted for a reading from its beginning.
        if contents.facts.summaries.is_some() || !contents.problems.iter().all(is_of_the_end) {
            return None;
        }
        let ranges = known.seen.ranges.clone();
        let (outcome, ranges) = opener.read_added(path, file, stamp.size, mark, ranges).ok()?;
        let FileOutcome::Log(format, added, _) = outcome else { return None };
        if format != self.files[known.file].format || !added.problems.iter().all(is_of_the_end) {
            return None;
        }
        let before = contents.facts.records;
        let FileFacts { bytes, records, records_ok, non_numeric, plain_lines, plain_tail, settings, starts, .. } =
            added.facts;
        contents.facts.bytes = bytes;
        contents.facts.records += records;
        contents.facts.records_ok += records_ok;
        contents.facts.non_numeric += non_numeric;
        // A line that had no end was read again.
        let ended = contents.facts.plain_lines.saturating_sub(u64::from(contents.facts.plain_tail));
        contents.facts.plain_lines = ended + plain_lines;
        contents.facts.plain_tail = plain_tail;
        contents.facts.settings.extend(settings);
        contents.facts.starts.extend(starts.into_iter().map(|(at, step)| (before + at, step)));
        contents.mark = added.mark;
        contents.problems = added.problems;
        contents.batches.extend(added.batches);
        // In a text log the order of lines of several kinds depends on where the reader began.
        let mut meanings = contents.batches.iter().map(|batch| batch.columns.meaning);
        let first = meanings.next();
        if !meanings.all(|meaning| Some(meaning) == first) {
            return None;
        }
        Some((contents, ranges))
    }
}
