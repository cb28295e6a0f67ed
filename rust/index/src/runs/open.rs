//! Opens a file, finds what it is, and reads it.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader};
use std::ops::ControlFlow;

use stepbridge_formats::{
    BatchFilter, FileContents, FileHead, FormatReader, HEAD, Input, Lookalike, Mark, ReadOptions, Sink, config_above,
    config_entries, head_size, lookalike,
};
use stepbridge_io::bytes::{ReadAt, Sequential, read_up_to};
use stepbridge_io::decompress::{self, Compression, DecompressStop, DecompressStopKind, Decompressed};
use stepbridge_io::open::open_file;
use stepbridge_io::parallel;
use stepbridge_io::progress::Progress;
use stepbridge_io::read_ranges::{ReadRanges, ReadRecorder};
use stepbridge_ledger::{Ledger, LedgerError};
use stepbridge_records::{ConfigEntry, Problem, ProblemKind, TaggedBatch};

use super::counted_file::{CountedFile, FileWithHead};
use super::file_kind::{FileKind, kind_of};
use super::file_outcome::{FileOutcome, OpenedFile};
use super::file_role::FileRole;
use super::refresh_state::{FileStamp, READ_WHOLE, SeenFile};
use super::sessions::SeriesBack;
use super::survey_filter::{self, SurveyFilter};
use crate::file_path::FilePath;
use crate::output::is_own_table;

/// A larger file is read by all threads. Smaller files are read in parallel, one thread each.
const LARGE: u64 = 4 << 20;

/// How many bytes a file of configuration has at most.
pub(super) const CONFIG: u64 = 1 << 20;

/// Takes the batches of a file, until it wants no more.
type TakeBatch<'a> = dyn FnMut(TaggedBatch) -> ControlFlow<()> + 'a;

/// What files are read with.
pub(crate) struct FileOpener<'a> {
    /// What the caller says of the logs.
    pub(crate) options: &'a ReadOptions,
    /// Counts the bytes, and tells whether the caller cancelled.
    pub(crate) progress: &'a Progress,
    /// How many threads may share the work.
    pub(crate) threads: usize,
    /// Whether to keep only the records that sessions and timelines follow from.
    pub(crate) survey: bool,
}

/// How one file is read.
struct ReadTask<'a> {
    /// Its size in bytes.
    size: u64,
    /// How many threads may share the work. With one, a large file is not read.
    threads: usize,
    recorder: Option<&'a ReadRecorder>,
    /// Where an earlier reading ended.
    mark: Option<&'a Mark>,
}

/// What the first bytes of a file show.
struct FirstLook {
    compression: Option<Compression>,
    /// Its first bytes, decompressed, and what ended that.
    decompressed: Option<Vec<u8>>,
    stop: Option<DecompressStop>,
    shows: Shows,
}

enum Shows {
    /// A table that this library wrote.
    OwnTable,
    /// The configuration of a run.
    Config(Vec<ConfigEntry>),
    Kind(FileKind),
}

impl<'a> ReadTask<'a> {
    fn of(size: u64, recorder: &'a ReadRecorder) -> Self {
        Self { size, threads: 1, recorder: Some(recorder), mark: None }
    }
}

impl FileOpener<'_> {
    /// Reads all files that `find` emits: small files in parallel while it goes on, then large files one after the other. The
    /// order of the result depends on the paths alone.
    pub(super) fn read_all<R>(&self, find: impl FnOnce(&mut dyn FnMut(FilePath)) -> R) -> (R, Vec<OpenedFile>) {
        let (found, mut files) = parallel::for_each_streamed(self.threads, find, |path| self.read_file(path, 1));
        files.sort_by(|one, other| one.path.cmp(&other.path));
        for file in &mut files {
            if matches!(file.outcome, FileOutcome::Large) {
                *file = self.read_file(file.path.clone(), self.threads.max(2));
            }
        }
        (found, files)
    }

    /// Opens a file and reads it. With one thread, a large file is not read.
    pub(super) fn read_file(&self, path: FilePath, threads: usize) -> OpenedFile {
        match open_file(&path.path) {
            Ok((file, metadata)) => {
                let stamp = FileStamp::of(&path, Some(&metadata));
                self.read_opened(path, &file, stamp, threads)
            }
            Err(error) => {
                let seen = SeenFile { stamp: FileStamp::now(&path), ranges: ReadRanges::default() };
                OpenedFile { outcome: unreadable(&path, &error), path, seen }
            }
        }
    }

    /// Reads an open file.
    pub(super) fn read_opened(&self, path: FilePath, file: &File, stamp: FileStamp, threads: usize) -> OpenedFile {
        let recorder = ReadRecorder::default();
        let read = self.read_into(&path, file, &ReadTask { threads, ..ReadTask::of(stamp.size, &recorder) }, None);
        let outcome = read.unwrap_or_else(|error| unreadable(&path, &error));
        OpenedFile { path, seen: SeenFile { stamp, ranges: recorder.into_ranges() }, outcome }
    }

    /// Reads the bytes of a file.
    pub(super) fn read_bytes(
        &self,
        path: &FilePath,
        bytes: &dyn ReadAt,
        size: u64,
        threads: usize,
    ) -> io::Result<FileOutcome> {
        self.read_into(path, bytes, &ReadTask { threads, ..ReadTask::of(size, &ReadRecorder::default()) }, None)
    }

    /// Reads a log a second time, and passes its batches to `take`. Fails if it no longer holds what was read of it.
    pub(crate) fn stream_file(&self, path: &FilePath, seen: &SeenFile, take: &mut TakeBatch) -> io::Result<()> {
        let (file, metadata) = open_file(&path.path)?;
        if FileStamp::of(path, Some(&metadata)) != seen.stamp && !seen.ranges.still_hold(&file)? {
            return Err(io::Error::other("it was changed while it was read"));
        }
        let task = ReadTask { threads: self.threads.max(2), size: metadata.len(), recorder: None, mark: None };
        self.read_into(path, &file, &task, Some(take)).map(drop)
    }

    /// Reads what was added to an open file after its mark. `ranges` were read before.
    pub(super) fn read_added(
        &self,
        path: &FilePath,
        file: &File,
        size: u64,
        mark: &Mark,
        ranges: ReadRanges,
    ) -> io::Result<(FileOutcome, ReadRanges)> {
        let recorder = ReadRecorder::from(ranges);
        let task = ReadTask { threads: self.threads.max(2), mark: Some(mark), ..ReadTask::of(size, &recorder) };
        let outcome = self.read_into(path, file, &task, None)?;
        Ok((outcome, recorder.into_ranges()))
    }

    /// What a file is, by its name and its first bytes.
    pub(super) fn role_of(&self, path: &FilePath) -> FileRole {
        let role = || -> io::Result<FileRole> {
            let (opened, metadata) = open_file(&path.path)?;
            let counted = CountedFile { bytes: &opened, progress: self.progress, recorder: None };
            let (file, size) = (FileWithHead::new(counted, HEAD)?, metadata.len());
            let FirstLook { stop, shows, .. } = self.look(path, &file, size)?;
            Ok(match shows {
                Shows::Config(_) => FileRole::Config,
                Shows::OwnTable | Shows::Kind(FileKind::Other) => FileRole::Other,
                Shows::Kind(FileKind::Ledger) => FileRole::Ledger,
                Shows::Kind(FileKind::Log(reader)) => FileRole::Log(reader),
                Shows::Kind(FileKind::Broken(kind, reason)) => {
                    FileRole::Broken(broken(&path.shown(), kind, reason, size, stop.as_ref()))
                }
            })
        };
        role().unwrap_or_else(|error| FileRole::Broken(unreadable_problem(path, &error)))
    }

    /// Looks at the first bytes of a file, and at more of it if they show nothing.
    fn look(&self, path: &FilePath, file: &FileWithHead, size: u64) -> io::Result<FirstLook> {
        let bytes: &dyn ReadAt = file;
        let name = decompress::plain_name(&path.name);
        let compression = Compression::of(&file.head);
        let (decompressed, stop) = match compression {
            None => (None, None),
            Some(compression) => compression.head(bytes, HEAD).map(|(head, stop)| (Some(head), stop))?,
        };
        let first = decompressed.as_ref().unwrap_or(&file.head);
        let reads_own = self.options.format.is_some_and(|reader| reader.reads_own_tables);
        let shows = if !reads_own && is_own_table(first, bytes, size)? {
            Shows::OwnTable
        } else if config_above(name, &path.folder).is_some()
            && let Some(entries) = read_config(path, name, first, bytes, size, compression)?
        {
            Shows::Config(entries)
        } else {
            let head = FileHead { name, folder: &path.folder, bytes: first };
            Shows::Kind(kind_of(&head, self.options, bytes, size, compression)?)
        };
        Ok(FirstLook { compression, decompressed, stop, shows })
    }

    fn read_into(
        &self,
        path: &FilePath,
        bytes: &dyn ReadAt,
        task: &ReadTask,
        take: Option<&mut TakeBatch>,
    ) -> io::Result<FileOutcome> {
        let ReadTask { size, threads, recorder, mark } = *task;
        let file = FileWithHead::new(CountedFile { bytes, progress: self.progress, recorder }, HEAD)?;
        let bytes: &dyn ReadAt = &file;
        let shown = path.shown();
        let name = decompress::plain_name(&path.name);
        let FirstLook { compression, decompressed, stop, shows } = self.look(path, &file, size)?;
        let first = decompressed.as_ref().unwrap_or(&file.head);
        let head = FileHead { name, folder: &path.folder, bytes: first };
        let kind = match shows {
            Shows::OwnTable => return Ok(FileOutcome::OwnTable),
            Shows::Config(entries) => return Ok(FileOutcome::Config(entries)),
            Shows::Kind(FileKind::Other) => {
                return Ok(FileOutcome::NoLog(looks_like(&head, bytes, size, compression)?));
            }
            Shows::Kind(FileKind::Broken(kind, reason)) => {
                return Ok(FileOutcome::Broken(vec![broken(&shown, kind, reason, size, stop.as_ref())]));
            }
            Shows::Kind(kind @ (FileKind::Ledger | FileKind::Log(_))) => kind,
        };
        let large = matches!(kind, FileKind::Log(_)) && size > LARGE;
        if threads == 1 && large {
            return Ok(FileOutcome::Large);
        }
        let check = || self.progress.check();
        let content = match compression {
            None => None,
            // While other files are read, only content that needs little memory is decompressed.
            Some(compression) if threads == 1 => match compression.decompress_small(bytes, LARGE, &check)? {
                None => return Ok(FileOutcome::Large),
                content => content,
            },
            Some(compression) => Some(compression.decompress(bytes, size, &check)?),
        };
        let FileKind::Log(reader) = kind else {
            let bytes = content.as_ref().map_or(bytes, |content| content);
            return Ok(read_ledger(bytes, content.as_ref().map_or(size, Decompressed::size), &shown));
        };
        let mut input = Input {
            file: &shown,
            path: &path.path,
            folder: &path.folder,
            name,
            bytes: content.as_ref().map_or(bytes, |content| content),
            size: content.as_ref().map_or(size, Decompressed::size),
            threads: if threads == 1 { 1 } else { self.threads },
            options: self.options,
            mark: mark.filter(|_| compression.is_none()).cloned(),
        };
        let (mut contents, another, backs) = self.read_log(reader, &mut input, take)?;
        if another && self.options.format.is_none() && !(reader.claims_name)(name) {
            return Ok(FileOutcome::NoLog(looks_like(&head, bytes, size, compression)?));
        }
        contents.facts.bytes = size;
        // A compressed file is always read from its beginning, and a small one too.
        contents.mark = contents.mark.filter(|_| compression.is_none() && size > READ_WHOLE && !self.survey);
        if let Some((stop, decompressed)) = content.as_ref().and_then(|it| Some((it.stop.as_ref()?, it.size()))) {
            contents.problems.push_first(stop_problem(stop, &shown, size, decompressed));
        }
        let is_not_a_log = contents.problems.iter().any(|problem| problem.kind == ProblemKind::NotALog);
        Ok(if contents.facts.records_ok == 0 && is_not_a_log {
            FileOutcome::Broken(contents.problems.into_vec())
        } else {
            FileOutcome::Log(reader.format(), Box::new(contents), backs)
        })
    }

    /// Reads a log. Also returns whether the file turned out to be something else, and where
    /// its counters go back if only some records are kept.
    fn read_log(
        &self,
        reader: &'static FormatReader,
        input: &mut Input,
        mut take: Option<&mut TakeBatch>,
    ) -> io::Result<(FileContents, bool, Option<Vec<SeriesBack>>)> {
        // Most files are one batch, and there may be hundreds of thousands of them.
        let mut batches = Vec::with_capacity(1);
        let ended = Cell::new(false);
        let mut emit = |batch| match &mut take {
            // The reader may have more at hand.
            Some(take) => ended.set(ended.get() || take(batch).is_break()),
            None => batches.push(batch),
        };
        let mut survey =
            (self.survey && survey_filter::applies_to(reader.format(), input.path)).then(SurveyFilter::default);
        let mut filter = survey.as_mut().map(|survey| |batch, starts: &[(u64, i64)]| survey.filter(batch, starts));
        let mut sink = Sink::new(input.file, input.size, self.progress, &mut emit);
        sink.ended = Some(&ended);
        sink.filter = filter.as_mut().map(|filter| filter as &mut BatchFilter);
        self.progress.expect(input.size);
        if let Err(error) = (reader.read)(input, &mut sink) {
            let (at, end) = (sink.read, input.size.max(sink.read));
            let reason = format!(
                "the system does not give its last {} bytes ({error}); everything before them was read",
                end - at
            );
            sink.report(ProblemKind::Unreadable, at, end, reason);
        }
        let Sink { problems, mut facts, another, mark, .. } = sink;
        let mut backs = None;
        if let Some(survey) = survey {
            let (series, counters) = survey.finish(&mut facts.starts)?;
            (backs, facts.second_counters) = (Some(series), counters);
        }
        Ok((FileContents { batches, problems, facts, mark }, another, backs))
    }
}

/// What a file of no format looks like, by its first bytes; if it may be a text log, by its last ones as well, because many
/// logs begin with other output.
pub(super) fn looks_like(
    head: &FileHead,
    bytes: &dyn ReadAt,
    size: u64,
    compression: Option<Compression>,
) -> io::Result<Option<Lookalike>> {
    let first = lookalike(head);
    if first.is_some() || compression.is_some() || head_size(head.name) <= HEAD as u64 || head.bytes.contains(&0) {
        return Ok(first);
    }
    let begin = size.saturating_sub(HEAD as u64).max(head.bytes.len() as u64);
    let mut last = vec![0; usize::try_from(size.saturating_sub(begin)).unwrap_or(HEAD).min(HEAD)];
    let length = read_up_to(bytes, begin, &mut last, 0)?;
    // The first line is cut.
    let whole = last[..length].iter().position(|byte| *byte == b'\n').map_or(&[][..], |end| &last[end + 1..length]);
    Ok(lookalike(&FileHead { bytes: whole, ..*head }))
}

fn unreadable(path: &FilePath, error: &io::Error) -> FileOutcome {
    FileOutcome::Broken(vec![unreadable_problem(path, error)])
}

fn unreadable_problem(path: &FilePath, error: &io::Error) -> Problem {
    let reason = format!("the system does not let it be read ({error})");
    Problem::new(path.shown(), ProblemKind::Unreadable, reason)
}

/// The problem of a file that should be a log and is not.
fn broken(shown: &str, kind: ProblemKind, reason: &'static str, size: u64, stop: Option<&DecompressStop>) -> Problem {
    match (kind, stop) {
        (ProblemKind::Empty, Some(stop)) => stop_problem(stop, shown, size, 0),
        _ => Problem::new(shown, kind, reason).at(0, size),
    }
}

/// The problem of a compressed file of `compressed` bytes from which `decompressed` bytes were read.
fn stop_problem(stop: &DecompressStop, file: &str, compressed: u64, decompressed: u64) -> Problem {
    let kind = match stop.kind {
        DecompressStopKind::Truncated => ProblemKind::Truncated,
        DecompressStopKind::Corrupt => ProblemKind::Corrupt,
        DecompressStopKind::TooLarge => ProblemKind::TooLarge,
    };
    let DecompressStop { at, reason, .. } = stop;
    let reason = format!("at byte {at} of the compressed file, {decompressed} bytes of content further: {reason}");
    Problem::new(file, kind, reason).at(*at, compressed.saturating_sub(*at))
}

/// What a file says of the configuration of a run; `None` if that is nothing. Larger files than any configuration are not read.
fn read_config(
    path: &FilePath,
    name: &str,
    first: &[u8],
    bytes: &dyn ReadAt,
    size: u64,
    compression: Option<Compression>,
) -> io::Result<Option<Vec<ConfigEntry>>> {
    let whole = match compression {
        None if size > first.len() as u64 => {
            let mut whole = vec![0; usize::try_from(size.min(CONFIG)).unwrap_or(0)];
            let held = read_up_to(bytes, 0, &mut whole, 0)?;
            whole.truncate(held);
            whole
        }
        _ => first.to_vec(),
    };
    if size > CONFIG || whole.contains(&0) {
        return Ok(None);
    }
    let entries = config_entries(&path.shown(), name, &path.folder, &String::from_utf8_lossy(&whole));
    Ok((!entries.is_empty()).then_some(entries))
}

/// Reads a ledger. A ledger that cannot be read is a problem, and the logs are read without it.
fn read_ledger(bytes: &dyn ReadAt, size: u64, shown: &str) -> FileOutcome {
    let (kind, error) = match Ledger::read_from(BufReader::new(Sequential::new(bytes)), shown) {
        Ok(ledger) => return FileOutcome::Ledger(ledger),
        Err(error @ LedgerError::Newer { .. }) => (ProblemKind::Newer, error),
        Err(error @ LedgerError::Unreadable { .. }) => (ProblemKind::Unreadable, error),
        Err(error) => (ProblemKind::NotALog, error),
    };
    FileOutcome::Broken(vec![Problem::new(shown, kind, error.to_string()).at(0, size)])
}
