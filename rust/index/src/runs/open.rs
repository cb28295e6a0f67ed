//! Opens a file, finds what it is, and reads it.

use std::fs::{File, Metadata};
use std::io;

use stepbridge_formats::{BatchFilter, FileContents, FileHead, FormatReader, HEAD, Input, Mark, ReadOptions, Sink};
use stepbridge_io::bytes::{ReadAt, read_all};
use stepbridge_io::decompress::{self, Compression, DecompressStop, DecompressStopKind, Decompressed};
use stepbridge_io::parallel;
use stepbridge_io::progress::Progress;
use stepbridge_ledger::{Ledger, LedgerError};
use stepbridge_records::{Problem, ProblemKind, TaggedBatch};

use super::counted_file::{CountedFile, FileWithHead};
use super::file_kind::{FileKind, kind_of};
use super::file_outcome::{FileOutcome, OpenedFile};
use super::survey_filter::{self, SurveyFilter};
use crate::file_path::FilePath;
use crate::logs::FileStamp;

/// A larger file is read by all threads. Smaller files are read in parallel, one thread each.
const LARGE: u64 = 4 << 20;

/// Takes the batches of a file.
type TakeBatch<'a> = dyn FnMut(TaggedBatch) + 'a;

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

impl FileOpener<'_> {
    /// Reads all files that `find` emits: small files in parallel while it goes on, then large files one after the other. The
    /// order of the result depends on the paths alone.
    pub(super) fn read_all<R>(&self, find: impl FnOnce(&mut dyn FnMut(FilePath)) -> R) -> (R, Vec<OpenedFile>) {
        let (found, mut files) = parallel::for_each_streamed(self.threads, find, |path| self.open_file(path));
        files.sort_by(|one, other| one.path.cmp(&other.path));
        for OpenedFile { path, outcome, .. } in &mut files {
            if matches!(outcome, FileOutcome::Large) {
                *outcome = self.read_file(path, self.threads.max(2));
            }
        }
        (found, files)
    }

    /// Opens a file, and reads it if it is not large.
    fn open_file(&self, path: FilePath) -> OpenedFile {
        match open(&path) {
            Ok((file, metadata)) => {
                let stamp = FileStamp::of(&path, Some(&metadata));
                let outcome =
                    self.read_bytes(&path, &file, metadata.len(), 1).unwrap_or_else(|error| unreadable(&path, &error));
                OpenedFile { path, stamp, outcome }
            }
            Err(error) => OpenedFile { stamp: FileStamp::now(&path), outcome: unreadable(&path, &error), path },
        }
    }

    /// Opens a file and reads it. With one thread, a large file is not read.
    pub(super) fn read_file(&self, path: &FilePath, threads: usize) -> FileOutcome {
        let outcome = open(path).and_then(|(file, metadata)| self.read_bytes(path, &file, metadata.len(), threads));
        outcome.unwrap_or_else(|error| unreadable(path, &error))
    }

    /// Reads the bytes of a file.
    pub(super) fn read_bytes(
        &self,
        path: &FilePath,
        bytes: &dyn ReadAt,
        size: u64,
        threads: usize,
    ) -> io::Result<FileOutcome> {
        self.read_into(path, bytes, size, threads, None, None)
    }

    /// Reads a log and passes its batches to `take`.
    pub(crate) fn stream_file(&self, path: &FilePath, take: &mut TakeBatch) -> io::Result<()> {
        let (file, metadata) = open(path)?;
        self.read_into(path, &file, metadata.len(), self.threads.max(2), Some(take), None).map(drop)
    }

    /// Reads what was added to a file after its mark.
    pub(super) fn read_added(&self, path: &FilePath, mark: &Mark) -> FileOutcome {
        let outcome = open(path).and_then(|(file, metadata)| {
            let mark = Some(Mark::clone(mark));
            self.read_into(path, &file, metadata.len(), self.threads.max(2), None, mark)
        });
        outcome.unwrap_or_else(|error| unreadable(path, &error))
    }

    fn read_into(
        &self,
        path: &FilePath,
        bytes: &dyn ReadAt,
        size: u64,
        threads: usize,
        take: Option<&mut TakeBatch>,
        mark: Option<Mark>,
    ) -> io::Result<FileOutcome> {
        let file = FileWithHead::new(CountedFile { bytes, progress: self.progress }, HEAD)?;
        let bytes: &dyn ReadAt = &file;
        let shown = path.shown();
        let name = decompress::plain_name(&path.name);
        let compression = Compression::of(&file.head);
        let (decompressed, stop) = match compression {
            None => (None, None),
            Some(compression) => compression.head(bytes, HEAD).map(|(head, stop)| (Some(head), stop))?,
        };
        let first = decompressed.as_ref().unwrap_or(&file.head);
        let head = FileHead { name, folder: &path.folder, bytes: first };
        let kind = kind_of(&head, self.options, bytes, size, compression)?;
        match (&kind, stop) {
            (FileKind::Other, _) => return Ok(FileOutcome::NoLog),
            (FileKind::Broken(ProblemKind::Empty, _), Some(stop)) => {
                return Ok(FileOutcome::Broken(vec![stop_problem(&stop, &shown, size, 0)]));
            }
            (FileKind::Broken(kind, reason), _) => {
                return Ok(FileOutcome::Broken(vec![Problem::new(shown, *kind, *reason).at(0, size)]));
            }
            (FileKind::Ledger | FileKind::Log(_), _) => {}
        }
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
            return Ok(read_ledger(&read_all(content.as_ref().map_or(bytes, |content| content))?, &shown));
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
            mark: mark.filter(|_| compression.is_none()),
        };
        let (mut contents, another) = self.read_log(reader, &mut input, take);
        if another && self.options.format.is_none() && !(reader.claims_name)(name) {
            return Ok(FileOutcome::NoLog);
        }
        contents.facts.bytes = size;
        // A compressed file is always read from its beginning.
        contents.mark = contents.mark.filter(|_| compression.is_none());
        if let Some((stop, decompressed)) = content.as_ref().and_then(|it| Some((it.stop.as_ref()?, it.size()))) {
            contents.problems.insert(0, stop_problem(stop, &shown, size, decompressed));
        }
        let is_not_a_log = contents.problems.iter().any(|problem| problem.kind == ProblemKind::NotALog);
        Ok(if contents.facts.records_ok == 0 && is_not_a_log {
            FileOutcome::Broken(contents.problems)
        } else {
            FileOutcome::Log(reader.format(), contents)
        })
    }

    /// Reads a log. Also returns whether the file turned out to be something else.
    fn read_log(
        &self,
        reader: &'static FormatReader,
        input: &mut Input,
        mut take: Option<&mut TakeBatch>,
    ) -> (FileContents, bool) {
        let mut batches = Vec::new();
        let mut emit = |batch| match &mut take {
            Some(take) => take(batch),
            None => batches.push(batch),
        };
        let mut survey = (self.survey && survey_filter::applies_to(reader.format())).then(SurveyFilter::default);
        let mut filter = survey.as_mut().map(|survey| |batch, starts: &[(u64, i64)]| survey.filter(batch, starts));
        let mut sink = Sink::new(input.file, input.size, self.progress, &mut emit);
        sink.filter = filter.as_mut().map(|filter| filter as &mut BatchFilter);
        self.progress.expect(input.size);
        if let Err(error) = (reader.read)(input, &mut sink) {
            let (at, end) = (sink.read, input.size.max(sink.read));
            let reason =
                format!("the system does not give its last {} bytes ({error}); what stands before was read", end - at);
            sink.report(ProblemKind::Unreadable, at, end, reason);
        }
        let Sink { problems, mut facts, another, mark, .. } = sink;
        if let Some(survey) = survey {
            survey.renumber(&mut facts.starts);
        }
        (FileContents { batches, problems, facts, mark }, another)
    }
}

/// Opens a file, and asks the system for its size and time.
fn open(path: &FilePath) -> io::Result<(File, Metadata)> {
    let file = File::open(&path.path)?;
    let metadata = file.metadata()?;
    Ok((file, metadata))
}

fn unreadable(path: &FilePath, error: &io::Error) -> FileOutcome {
    let reason = format!("the system does not let it be read ({error})");
    FileOutcome::Broken(vec![Problem::new(path.shown(), ProblemKind::Unreadable, reason)])
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

/// Reads a ledger. A ledger that cannot be read is a problem, and the logs are read without it.
fn read_ledger(bytes: &[u8], shown: &str) -> FileOutcome {
    let (kind, error) = match Ledger::read(bytes, shown) {
        Ok(ledger) => return FileOutcome::Ledger(ledger),
        Err(error @ LedgerError::Newer { .. }) => (ProblemKind::Newer, error),
        Err(error) => (ProblemKind::NotALog, error),
    };
    FileOutcome::Broken(vec![Problem::new(shown, kind, error.to_string()).at(0, bytes.len() as u64)])
}
