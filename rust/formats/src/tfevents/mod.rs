//! `TensorBoard` event files.
//!
//! A large file is read in parts, on several threads, each of which looks for the first frame after its own beginning.
//! That is a guess: what looks like a frame may stand inside another one's payload, and what a tag holds may have been
//! said before. [`JoinedParts`] checks both when the parts are put together, and reads a part again that guessed wrong. So the
//! result is that of one walk from the first byte to the last, whatever the number of threads.

mod copy;
mod event;
mod frame;
mod hparams;
mod layout;
mod tags;
mod tensor;
#[cfg(test)]
pub(super) mod tests;
mod write;

use std::io;
use std::sync::Arc;

use crate::shared::config::{common_item, entries};
use crate::shared::example::{Example, ExampleUnits, Examples, Framing};
use crate::shared::head::FileHead;
use crate::shared::input::Input;
use crate::shared::proto::delimited;
use crate::shared::reader::FormatReader;
use crate::shared::sink::Sink;
use event::{EventColumns, EventVerdict};
use frame::{FrameDamage, FrameDamageKind, WalkedFrames};
use layout::LayoutBuilder;
use stepbridge_io::bytes::{ReadAt, Window};
use stepbridge_io::parallel;
use stepbridge_records::{FormatDescription, Problem, ProblemKind, ResumeSigns, TaggedBatch};
use tags::Tags;
pub use write::ScalarEvents;

/// The bytes of one part: large enough that looking for its beginning costs nothing, small enough to share out.
const PART: u64 = 4 << 20;

/// One part of a file, as it was read.
struct FilePart {
    /// Where its first frame begins; its own beginning where that could not be read.
    begin: u64,
    walked: WalkedFrames,
    columns: EventColumns,
    /// Why reading stopped early, if it did.
    fault: Option<io::Error>,
}

/// How many parts a file of `size` bytes has: at least one.
fn parts(size: u64) -> u64 {
    size.div_ceil(PART).max(1)
}

/// Reads the part number `index` of a file of `size` bytes, guessing where its first frame begins.
fn read_part<S: ReadAt + ?Sized>(source: &S, size: u64, index: u64, keeps: bool) -> FilePart {
    let mut window = Window::new(source, size);
    let boundary = index * PART;
    let until = boundary + PART;
    let begin = if index == 0 { Ok(Some(0)) } else { frame::search(&mut window, boundary, boundary, until) };
    match begin {
        Ok(begin) => {
            let columns = EventColumns::knowing(Tags::default(), keeps);
            read_from(window, begin.unwrap_or(until.min(size)), until, columns)
        }
        Err(fault) => FilePart::unread(index, fault),
    }
}

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "tfevents",
        title: "TensorBoard event file",
        writer: Some("TensorBoard"),
        // The next process of a run writes another file, and records out of order in one file were logged out of order.
        resume_signs: ResumeSigns::NONE,
        ..FormatDescription::UNKNOWN
    },
    claims_name: |name| name.contains("tfevents"),
    matches: looks_like_event_file,
    // Damaged at its beginning, as far as can be seen there.
    read,
    copy: Some(copy::copy),
    examples: Examples { file: "events.out.tfevents.1.host", framing: Framing::Events, all: &[EXAMPLE] },
    ..FormatReader::NONE
};

/// The version, then events of two values.
const EXAMPLE: Example = Example {
    head: b"\x18\0\0\0\0\0\0\0\xa3\x7fK\"\x09\0\0\xc0\x9c\x1f\xe0\xd5A\x1a\x0dbrain.Event:2n\x14\xf82",
    units: ExampleUnits::Bytes(|number, one, other| {
        let time = [&[0x09][..], &(1.7e9 + f64::from(number)).to_le_bytes()].concat();
        let value = |tag: &str, value: f64| {
            #[expect(clippy::cast_possible_truncation, reason = "an example has few digits")]
            let value = (value as f32).to_le_bytes();
            delimited(0x0a, &[&delimited(0x0a, tag.as_bytes())[..], &[0x15], &value].concat())
        };
        let values = [value("loss", one), value("accuracy", other)].concat();
        [&time[..], &[0x10, number.to_le_bytes()[0] & 0x7f], &delimited(0x2a, &values)].concat()
    }),
    tail: "",
};

/// Whether a file begins as an event file does: an intact header, then the version that every writer puts first.
fn looks_like_event_file(head: &FileHead) -> bool {
    let version = b"brain.Event:";
    frame::looks_like_frame(head.bytes) && head.bytes.windows(version.len()).take(64).any(|window| window == version)
}

fn read(input: &mut Input, sink: &mut Sink) -> io::Result<()> {
    let (bytes, size) = (input.bytes, input.size);
    let reached = input.mark.take().and_then(|mark| mark.downcast::<EventMark>().ok());
    let keeps = input.options.summaries;
    let mut joined = JoinedParts::new(bytes, size, input.file, reached.as_deref());
    joined.layout = keeps.then(LayoutBuilder::default);
    let first = usize::try_from(joined.position / PART).unwrap_or(usize::MAX);
    let count = usize::try_from(parts(size)).unwrap_or(usize::MAX).saturating_sub(first);
    parallel::in_order(
        count,
        input.threads,
        |index| read_part(bytes, size, (first + index) as u64, keeps),
        |index, part| {
            let index = (first + index) as u64;
            if let Some(tagged) = joined.part(index, part, sink)? {
                sink.emit(tagged);
            }
            sink.came_to((index + 1).saturating_mul(PART).min(size))
        },
    )?;
    joined.finish(sink)
}

/// Where a reading ended, and what was known there.
struct EventMark {
    position: u64,
    frames: u64,
    known: Tags,
}

impl FilePart {
    /// The part number `index`, that could not be read.
    fn unread(index: u64, fault: io::Error) -> Self {
        let begin = index * PART;
        let walked = WalkedFrames { end: begin, ..WalkedFrames::default() };
        Self { begin, walked, columns: EventColumns::default(), fault: Some(fault) }
    }
}

/// So many frames tell how long a frame of a part is.
const TELLING: u64 = 64;

fn read_from<S: ReadAt + ?Sized>(
    mut window: Window<'_, S>,
    begin: u64,
    until: u64,
    mut columns: EventColumns,
) -> FilePart {
    let mut walked = WalkedFrames { end: begin, ..WalkedFrames::default() };
    let end = until.min(window.size());
    let outcome = frame::walk(&mut window, until, &mut walked, &mut Taking { columns: &mut columns, begin, end });
    FilePart { begin, walked, columns, fault: outcome.err() }
}

/// Takes the scalars of the frames between `begin` and `end`.
struct Taking<'a> {
    columns: &'a mut EventColumns,
    begin: u64,
    end: u64,
}

impl frame::TakeFrame for Taking<'_> {
    #[expect(clippy::inline_always, reason = "a call for each of millions of records")]
    #[inline(always)]
    fn take(&mut self, payload: &[u8], walked: &mut WalkedFrames, _: impl Fn(&[u8]) -> u32 + Copy) {
        if walked.frames == TELLING {
            self.make_room(walked);
        }
        match self.columns.event(payload) {
            Ok(EventVerdict::Sound) => {}
            Ok(EventVerdict::NotANumber) => damaged(payload, walked, FrameDamageKind::NotANumber),
            Err(_) => damaged(payload, walked, FrameDamageKind::Malformed),
        }
    }
}

impl Taking<'_> {
    /// The first scalars tell how many more there are about. Large pages are taken whole: room that is not used costs.
    #[cold]
    fn make_room(&mut self, walked: &WalkedFrames) {
        if !self.columns.records.is_empty() {
            let about = (self.end - walked.end).saturating_mul(TELLING) / (walked.end - self.begin).max(1);
            self.columns.records.reserve_timed(usize::try_from(about).unwrap_or(0));
        }
    }
}

/// Notes an intact frame whose contents are not.
#[cold]
fn damaged(payload: &[u8], walked: &mut WalkedFrames, kind: FrameDamageKind) {
    let length = payload.len() as u64 + frame::AROUND;
    walked.damage.push(FrameDamage { offset: walked.end, length, frame: walked.frames, kind });
}

/// Puts the parts of one file together, in order.
struct JoinedParts<'a, S: ReadAt + ?Sized> {
    source: &'a S,
    size: u64,
    file: &'a str,
    /// Where the next frame begins.
    position: u64,
    /// How many frames stand before it.
    frames: u64,
    /// How many scalars.
    scalars: u64,
    known: Tags,
    stopped: bool,
    /// Whether it is read from its first byte on.
    whole: bool,
    /// Where all summaries are, if that is wanted.
    layout: Option<LayoutBuilder>,
}

impl<'a, S: ReadAt + ?Sized> JoinedParts<'a, S> {
    fn new(source: &'a S, size: u64, file: &'a str, reached: Option<&EventMark>) -> Self {
        Self {
            source,
            size,
            file,
            position: reached.map_or(0, |reached| reached.position),
            frames: reached.map_or(0, |reached| reached.frames),
            scalars: 0,
            known: reached.map_or_else(Tags::default, |reached| reached.known.clone()),
            stopped: false,
            whole: reached.is_none(),
            layout: None,
        }
    }

    /// Takes the part number `index`, which must come after the ones before.
    fn part(&mut self, index: u64, mut part: FilePart, sink: &mut Sink) -> io::Result<Option<TaggedBatch>> {
        let until = (index + 1) * PART;
        if self.stopped || self.position >= until {
            return Ok(None);
        }
        if part.begin != self.position || !self.known.would_not_change(&part.columns.tags) {
            let window = Window::new(self.source, self.size);
            let columns = EventColumns::knowing(self.known.clone(), self.layout.is_some());
            part = read_from(window, self.position, until, columns);
        }
        let EventColumns { tags, records, others, starts, kept, settings } = part.columns;
        self.known.learn(&tags);
        let begin = self.position;
        self.position = part.walked.end;
        for damage in &part.walked.damage {
            sink.problem(problem(self.file, damage, self.frames, self.size));
        }
        if let Some(fault) = part.fault {
            self.unreadable(&fault, sink);
        }
        self.frames += part.walked.frames;
        sink.facts.records_ok += part.walked.frames - part.walked.damage.len() as u64;
        sink.facts.non_numeric += others;
        sink.facts.settings.extend(entries(self.file, settings, common_item));
        sink.facts.starts.extend(starts.iter().map(|(before, step)| (self.scalars + before, *step)));
        let before = self.scalars;
        self.scalars += records.len() as u64;
        let columns = records.into_columns(READER.format());
        let names = tags.into_names()?;
        if let Some(layout) = &mut self.layout {
            let malformed = part.walked.damage.iter().filter(|damage| damage.kind == FrameDamageKind::Malformed);
            layout.block(begin, before, malformed.map(|damage| damage.offset));
            layout.others(&kept.unwrap_or_default(), &names, before);
        }
        Ok(Some(TaggedBatch::new(names, columns)))
    }

    /// Reports a file that is not an event file at all.
    fn finish(mut self, sink: &mut Sink) -> io::Result<()> {
        let garbage = sink.problems.iter().any(|problem| problem.kind == ProblemKind::Corrupt);
        if self.whole && sink.facts.records_ok == 0 && garbage {
            sink.problems.clear();
            let reason = "it has the name of an event file, and it holds no valid record";
            sink.report(ProblemKind::NotALog, 0, self.size, reason);
            return Ok(());
        }
        // What the file ended inside of is read again, once more of it is there.
        let torn = sink.problems.last().filter(|problem| problem.kind == ProblemKind::Truncated);
        let position = torn.and_then(|problem| problem.offset).unwrap_or(self.position);
        let frames = self.frames - u64::from(torn.is_some());
        if let Some(layout) = self.layout.take() {
            sink.facts.summaries = Some(Arc::new(layout.finish(position, self.size, self.scalars)?));
        }
        if self.stopped {
            return Ok(());
        }
        sink.mark = Some(Arc::new(EventMark { position, frames, known: self.known }));
        Ok(())
    }

    fn unreadable(&mut self, fault: &io::Error, sink: &mut Sink) {
        self.stopped = true;
        let left = self.size.saturating_sub(self.position);
        let reason =
            format!("the system does not give its last {left} bytes ({fault}); everything before them was read");
        sink.report(ProblemKind::Unreadable, self.position, self.position + left, reason);
    }
}

/// A damaged range for people; `frames` stand before the part that it is in.
fn problem(file: &str, damage: &FrameDamage, frames: u64, size: u64) -> Problem {
    let length = damage.length;
    let next = if damage.offset + length < size {
        format!("the next sound record is {length} bytes further on")
    } else {
        format!("no sound record is found in the {length} bytes up to the end of the file")
    };
    let (kind, reason) = match damage.kind {
        FrameDamageKind::Truncated => (
            ProblemKind::Truncated,
            format!(
                "the file ends inside a record, of which {length} bytes are there: it is still being written, or its \
                 writer was stopped"
            ),
        ),
        FrameDamageKind::Length => {
            (ProblemKind::Corrupt, format!("a record's length does not match its checksum; {next}"))
        }
        FrameDamageKind::Lost => (
            ProblemKind::Corrupt,
            format!("a record does not match its checksum, and none follows where it should end; {next}"),
        ),
        FrameDamageKind::Payload => {
            (ProblemKind::Corrupt, format!("a record of {length} bytes does not match its checksum; it was left out"))
        }
        FrameDamageKind::Malformed => (
            ProblemKind::Corrupt,
            format!("a record of {length} bytes matches its checksum but is not an event; it was left out"),
        ),
        FrameDamageKind::NotANumber => (
            ProblemKind::NotANumber,
            "a tag that holds scalars has a value here that is not one number; it was left out".to_owned(),
        ),
    };
    Problem::new(file, kind, reason).at(damage.offset, length).of_record(frames + damage.frame)
}
