//! One file: what it is, and all that it holds.

use std::fs::{File, Metadata};
use std::io;

use super::again::Seen;
use crate::thin;
use crate::walk::Found;
use stepbridge_formats::FileContents;
use stepbridge_formats::ReadOptions;
use stepbridge_formats::{
    BatchFilter, FileHead, HEAD, Input, Mark, Sink, SniffedFormat, has_named_columns, has_named_keys, placeholder,
    reader, sniff, text_head_size, text_matches,
};
use stepbridge_io::bytes::{ReadAt, read_all, read_up_to};
use stepbridge_io::decompress::{self, Compression, DecompressStop, DecompressStopKind, Decompressed};
use stepbridge_io::parallel;
use stepbridge_io::progress::Progress;
use stepbridge_ledger::{Ledger, LedgerError, is_ledger};
use stepbridge_records::{Format, Problem, ProblemKind, TaggedBatch};

/// A file, and what became of it.
pub(super) struct Met {
    pub(super) found: Found,
    /// As it was before it was read.
    pub(super) seen: Seen,
    pub(super) outcome: Outcome,
}

/// What became of a file.
pub(super) enum Outcome {
    Read(Format, FileContents),
    Ledger(Ledger),
    /// It is large: its parts are shared out, not files among others.
    Large,
    NoLog,
    Broken(Vec<Problem>),
}

/// What a file is.
enum FileKind {
    Log(Format),
    Ledger,
    /// Something that is not read.
    Other,
    /// A file that should be a log and is not.
    Broken(ProblemKind, &'static str),
}

/// From this size on a file has all threads for itself.
const LARGE: u64 = 4 << 20;

/// What every file is read with.
pub(crate) struct Reading<'a> {
    pub(crate) options: &'a ReadOptions,
    pub(crate) progress: &'a Progress,
    pub(crate) threads: usize,
    /// Whether only those records are kept that tell what the others are; see [`thin`].
    pub(crate) thin: bool,
}

impl Reading<'_> {
    /// Reads all files that `find` hands on: small ones side by side while it goes on, then large ones one after the
    /// other. Their order depends on their names alone.
    pub(super) fn all<R>(&self, find: impl FnOnce(&mut dyn FnMut(Found)) -> R) -> (R, Vec<Met>) {
        let (told, mut all) = parallel::for_each_streamed(self.threads, find, |found| self.meet(found));
        all.sort_by(|one, other| one.found.cmp(&other.found));
        for Met { found, outcome, .. } in &mut all {
            if matches!(outcome, Outcome::Large) {
                *outcome = self.one(found, self.threads.max(2));
            }
        }
        (told, all)
    }

    /// Looks at a file, and reads it unless it is large.
    fn meet(&self, found: Found) -> Met {
        match open(&found) {
            Ok((file, facts)) => {
                let seen = Seen::of(&found, Some(&facts));
                let outcome =
                    self.look(&found, &file, facts.len(), 1).unwrap_or_else(|error| unreadable(&found, &error));
                Met { found, seen, outcome }
            }
            Err(error) => Met { seen: Seen::now(&found), outcome: unreadable(&found, &error), found },
        }
    }

    /// Looks at a file, and reads it; a large one only where several threads are given to it.
    pub(super) fn one(&self, found: &Found, threads: usize) -> Outcome {
        let read = open(found).and_then(|(file, facts)| self.look(found, &file, facts.len(), threads));
        read.unwrap_or_else(|error| unreadable(found, &error))
    }

    pub(super) fn look(&self, found: &Found, bytes: &dyn ReadAt, size: u64, threads: usize) -> io::Result<Outcome> {
        self.look_and_take(found, bytes, size, threads, None, None)
    }

    /// Reads a file that is a log, handing its records on instead of keeping them.
    pub(crate) fn each(&self, found: &Found, take: &mut dyn FnMut(TaggedBatch)) -> io::Result<()> {
        let (file, facts) = open(found)?;
        self.look_and_take(found, &file, facts.len(), self.threads.max(2), Some(take), None).map(drop)
    }

    /// Reads what was added to a file behind its mark.
    pub(super) fn from(&self, found: &Found, mark: &Mark) -> Outcome {
        let read = open(found).and_then(|(file, facts)| {
            self.look_and_take(found, &file, facts.len(), self.threads.max(2), None, Some(Mark::clone(mark)))
        });
        read.unwrap_or_else(|error| unreadable(found, &error))
    }

    fn look_and_take(
        &self,
        found: &Found,
        bytes: &dyn ReadAt,
        size: u64,
        threads: usize,
        take: Option<&mut dyn FnMut(TaggedBatch)>,
        mark: Option<Mark>,
    ) -> io::Result<Outcome> {
        let begun = Begun::new(Watched { bytes, progress: self.progress }, HEAD)?;
        let bytes: &dyn ReadAt = &begun;
        let source = found.source();
        let name = decompress::plain_name(&found.name);
        let compression = Compression::of(&begun.head);
        let (unpacked, stop) = match compression {
            None => (None, None),
            Some(compression) => compression.head(bytes, HEAD).map(|(head, stop)| (Some(head), stop))?,
        };
        let first = unpacked.as_ref().unwrap_or(&begun.head);
        let head = FileHead { name, folder: &found.folder, bytes: first };
        let kind = self.kind_of(&head, bytes, size, compression)?;
        match (&kind, stop) {
            (FileKind::Other, _) => return Ok(Outcome::NoLog),
            (FileKind::Broken(ProblemKind::Empty, _), Some(stop)) => {
                return Ok(Outcome::Broken(vec![stop_problem(&stop, &source, size, 0)]));
            }
            (FileKind::Broken(kind, reason), _) => {
                return Ok(Outcome::Broken(vec![Problem::new(source, *kind, *reason).at(0, size)]));
            }
            (FileKind::Ledger | FileKind::Log(_), _) => {}
        }
        let large = matches!(kind, FileKind::Log(_)) && size > LARGE;
        if threads == 1 && large {
            return Ok(Outcome::Large);
        }
        let check = || self.progress.check();
        let content = match compression {
            None => None,
            // Beside other files only what needs little memory.
            Some(compression) if threads == 1 => match compression.decompress_small(bytes, LARGE, &check)? {
                None => return Ok(Outcome::Large),
                content => content,
            },
            Some(compression) => Some(compression.decompress(bytes, size, &check)?),
        };
        let FileKind::Log(format) = kind else {
            return Ok(read_ledger(&read_all(content.as_ref().map_or(bytes, |content| content))?, found));
        };
        let mut input = Input {
            file: &source,
            path: &found.path,
            folder: &found.folder,
            name,
            bytes: content.as_ref().map_or(bytes, |content| content),
            size: content.as_ref().map_or(size, Decompressed::size),
            threads: if threads == 1 { 1 } else { self.threads },
            options: self.options,
            mark: mark.filter(|_| compression.is_none()),
        };
        let (mut read, another) = self.run(format, &mut input, take);
        if another && self.options.format.is_none() && !(reader(format).claims_name)(name) {
            return Ok(Outcome::NoLog);
        }
        read.facts.bytes = size;
        // Unpacked content is not gone on with.
        read.mark = read.mark.filter(|_| compression.is_none());
        if let Some((stop, size_unpacked)) = content.as_ref().and_then(|it| Some((it.stop.as_ref()?, it.size()))) {
            read.problems.insert(0, stop_problem(stop, &source, size, size_unpacked));
        }
        let broken =
            read.facts.records_ok == 0 && read.problems.iter().any(|problem| problem.kind == ProblemKind::NotALog);
        Ok(if broken { Outcome::Broken(read.problems) } else { Outcome::Read(format, read) })
    }

    /// What a file is, by its first bytes, its name, and what the caller says.
    fn kind_of(
        &self,
        head: &FileHead,
        bytes: &dyn ReadAt,
        size: u64,
        compression: Option<Compression>,
    ) -> io::Result<FileKind> {
        let unless_placeholder =
            |kind| placeholder(head.bytes).map_or(kind, |(kind, reason)| FileKind::Broken(kind, reason));
        if let Some(format) = self.options.format {
            return Ok(unless_placeholder(FileKind::Log(format)));
        }
        if is_ledger(head.name, head.bytes) {
            return Ok(unless_placeholder(FileKind::Ledger));
        }
        Ok(match sniff(head) {
            SniffedFormat::Log(format) => FileKind::Log(format),
            // The caller names a column of it, so it is a table of records.
            SniffedFormat::Unknown | SniffedFormat::Broken(ProblemKind::MissingColumn, _)
                if has_named_columns(head, &self.options.columns) =>
            {
                FileKind::Log(Format::Csv)
            }
            SniffedFormat::Unknown if has_named_keys(head, &self.options.columns) => FileKind::Log(Format::JsonLines),
            // Text may have its shape further on, or a shape that only the caller knows.
            SniffedFormat::Unknown if self.is_text(head, bytes, size, compression)? => FileKind::Log(Format::Text),
            SniffedFormat::Unknown => FileKind::Other,
            SniffedFormat::Broken(kind, reason) => FileKind::Broken(kind, reason),
        })
    }

    /// Whether a file of no other format is a text log.
    fn is_text(
        &self,
        head: &FileHead,
        bytes: &dyn ReadAt,
        size: u64,
        compression: Option<Compression>,
    ) -> io::Result<bool> {
        let packed = compression.map_or(usize::try_from(size).unwrap_or(usize::MAX), |_| usize::MAX);
        let wide = text_head_size(head.name).min(packed);
        if wide <= HEAD && self.options.pattern.is_none() {
            return Ok(false);
        }
        let first = if let Some(compression) = compression {
            compression.head(bytes, wide)?.0
        } else {
            let mut first = vec![0; wide];
            let length = read_up_to(bytes, 0, &mut first, 0)?;
            first.truncate(length);
            first
        };
        Ok(text_matches(&FileHead { bytes: &first, ..*head }, self.options.pattern.as_deref()))
    }

    /// Reads a file that is in this format, with all that is told of it; and says whether it is of another sort.
    fn run(
        &self,
        format: Format,
        input: &mut Input,
        mut take: Option<&mut dyn FnMut(TaggedBatch)>,
    ) -> (FileContents, bool) {
        let mut batches = Vec::new();
        let mut emit = |tagged| match &mut take {
            Some(take) => take(tagged),
            None => batches.push(tagged),
        };
        let mut thinner = (self.thin && thin::may_be_thinned(format)).then(thin::Thinner::default);
        let mut filter = thinner.as_mut().map(|thinner| |batch, starts: &[(u64, i64)]| thinner.thin(batch, starts));
        let mut sink = Sink::new(input.file, input.size, self.progress, &mut emit);
        sink.filter = filter.as_mut().map(|filter| filter as &mut BatchFilter);
        self.progress.expect(input.size);
        if let Err(fault) = (reader(format).read)(input, &mut sink) {
            let (at, end) = (sink.read, input.size.max(sink.read));
            let reason =
                format!("the system does not give its last {} bytes ({fault}); what stands before was read", end - at);
            sink.report(ProblemKind::Unreadable, at, end, reason);
        }
        let Sink { problems, mut facts, another, mark, .. } = sink;
        if let Some(thinner) = thinner {
            thinner.renumber(&mut facts.starts);
        }
        (FileContents { batches, problems, facts, mark }, another)
    }
}

/// A file, and what the system says of it.
fn open(found: &Found) -> io::Result<(File, Metadata)> {
    let file = File::open(&found.path)?;
    let facts = file.metadata()?;
    Ok((file, facts))
}

fn unreadable(found: &Found, error: &io::Error) -> Outcome {
    let reason = format!("the system does not let it be read ({error})");
    Outcome::Broken(vec![Problem::new(found.source(), ProblemKind::Unreadable, reason)])
}

/// A file whose beginning was read: nobody asks the system for it once more.
struct Begun<'a> {
    head: Vec<u8>,
    all: Watched<'a>,
}

impl<'a> Begun<'a> {
    fn new(all: Watched<'a>, length: usize) -> io::Result<Self> {
        let mut head = vec![0; length];
        let held = read_up_to(&all, 0, &mut head, 0)?;
        head.truncate(held);
        Ok(Self { head, all })
    }
}

impl ReadAt for Begun<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self.head.as_slice().read_at(buffer, offset)? {
            0 => self.all.read_at(buffer, offset),
            held => Ok(held),
        }
    }
}

/// A file whose bytes are counted as they are taken; it ends with an error once its reading was cancelled.
struct Watched<'a> {
    bytes: &'a dyn ReadAt,
    progress: &'a Progress,
}

impl ReadAt for Watched<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.progress.check()?;
        let count = self.bytes.read_at(buffer, offset)?;
        self.progress.add(count as u64);
        Ok(count)
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

/// Reads a ledger, which nobody needs to be whole.
fn read_ledger(bytes: &[u8], found: &Found) -> Outcome {
    let source = found.source();
    let kind = match Ledger::read(bytes, &source) {
        Ok(ledger) => return Outcome::Ledger(ledger),
        Err(error @ LedgerError::Newer { .. }) => (ProblemKind::Newer, error),
        Err(error) => (ProblemKind::NotALog, error),
    };
    Outcome::Broken(vec![Problem::new(source, kind.0, kind.1.to_string()).at(0, bytes.len() as u64)])
}
