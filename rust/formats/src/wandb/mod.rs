//! Weights & Biases' offline files, `run-*.wandb`: what a run would have sent, record by record.
//!
//! A large file is read in parts that begin at a block each, on several threads. A part begins with the first record that
//! begins in it, which is known without what comes before, unless that is damaged; then it is read again.
//!
//! `_step` counts the calls of `wandb.log`, unless the caller gave it: it is neither a batch nor an update, so the format
//! declares no step. The step of a series that has an axis (`define_metric`) is the value of the axis in the same row. Hugging
//! Face's Trainer and Lightning log the number of updates with each row, which is then its step.

#[cfg(test)]
mod axis_tests;
mod blocks;
mod history;
#[cfg(test)]
pub(super) mod tests;

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::shared::axes::AxisTable;
use crate::shared::config::{ConfigFile, NamedItem, common_item, entries, json_settings_of};
use crate::shared::example::{Example, ExampleUnits, Examples, Framing};
use crate::shared::input::Input;
use crate::shared::proto::delimited;
use crate::shared::reader::FormatReader;
use crate::shared::sink::Sink;
use crate::shared::yaml::yaml_settings;
use blocks::{BLOCK, ChunkDamage, ChunkDamageKind, ChunkWalk, HEADER, WalkedRecords};
use history::{HistoryRows, HistoryVerdict};
use stepbridge_io::bytes::{ReadAt, Window};
use stepbridge_io::parallel;
use stepbridge_records::{FormatDescription, Problem, ProblemKind};

/// What a file begins with, but for the version.
const MAGIC: &[u8; 6] = b":W&B\xe1\xbe";
/// The only version there is.
const VERSION: u8 = 0;
/// The bytes of one part.
const PART: u64 = 64 * BLOCK;

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "wandb",
        title: "W&B offline file",
        writer: Some("W&B"),
        step_counts_calls: true,
        ..FormatDescription::UNKNOWN
    },
    claims_name: |name| Path::new(name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("wandb")),
    matches: |head| head.bytes.starts_with(MAGIC),
    // Damaged at its beginning, as far as can be seen there.
    read,
    examples: Examples { file: "run-1.wandb", framing: Framing::DataStore, all: &[EXAMPLE] },
    configs: &[ConfigFile { names: &["config.yaml"], below: Some("files"), settings: yaml_settings, item: yaml_item }],
    ..FormatReader::NONE
};

/// What `config.yaml` says: each number is the `value` of its name.
fn yaml_item(key: &str) -> Option<NamedItem> {
    common_item(key.strip_suffix(".value")?)
}

/// Calls of `wandb.log`.
const EXAMPLE: Example = Example {
    head: b":W&B\xe1\xbe\0",
    units: ExampleUnits::Bytes(|number, one, other| {
        let item = |key: &str, json: &str| {
            let value = [&[0x82, 0x01][..], &delimited(0, json.as_bytes())[1..]].concat();
            delimited(0x0a, &[&delimited(0x0a, key.as_bytes())[..], &value].concat())
        };
        let time = format!("{}.5", 1_700_000_000 + u32::from(number));
        let items = [
            item("loss", &one.to_string()),
            item("acc", &other.to_string()),
            item("_step", &number.to_string()),
            item("_timestamp", &time),
            item("media", "{\"_type\": \"table\", \"rows\": 3}"),
        ];
        delimited(0x12, &items.concat())
    }),
    tail: "",
};

/// Where reading can go on.
struct Mark {
    at: u64,
    records: u64,
    axes: AxisTable,
}

/// Records of which something is left out: how many, and which is the first.
#[derive(Debug, Clone, Copy, Default)]
struct Odd {
    count: u64,
    first: u64,
}

impl Odd {
    fn add(&mut self, record: u64) {
        self.more(Self { count: 1, first: record });
    }

    fn more(&mut self, other: Self) {
        if self.count == 0 {
            self.first = other.first;
        }
        self.count += other.count;
    }
}

/// One part of a file, as it was read.
struct FilePart {
    begin: u64,
    walked: WalkedRecords,
    rows: HistoryRows,
    no_step: Odd,
    no_value: Odd,
    fault: Option<io::Error>,
}

impl FilePart {
    fn new(begin: u64) -> Self {
        let (no_step, no_value) = (Odd::default(), Odd::default());
        Self { begin, walked: WalkedRecords::from(begin), rows: HistoryRows::default(), no_step, no_value, fault: None }
    }
}

fn read(input: &mut Input, sink: &mut Sink) -> io::Result<()> {
    let mark = input.mark.take().and_then(|mark| mark.downcast::<Mark>().ok());
    let (from, records, axes) = match mark {
        Some(mark) => (mark.at, mark.records, mark.axes.clone()),
        None => (begin(input, sink)?, 0, AxisTable::default()),
    };
    let (bytes, size) = (input.bytes, input.size);
    let first = from / PART;
    let count = usize::try_from(size.div_ceil(PART).max(1).saturating_sub(first)).unwrap_or(usize::MAX);
    let mut joined = JoinedParts::new(bytes, size, input.file);
    (joined.walked.end, joined.walked.records, joined.axes) = (from, records, axes);
    parallel::in_order(
        count,
        input.threads,
        |index| read_part(bytes, size, first + index as u64, from),
        |index, part| {
            let index = first + index as u64;
            joined.part(index, part, sink)?;
            sink.came_to((index + 1).saturating_mul(PART).min(size))
        },
    )?;
    joined.finish(sink);
    if !joined.stopped && from >= HEADER as u64 {
        sink.mark = Some(Arc::new(Mark { at: joined.walked.end, records: joined.walked.records, axes: joined.axes }));
    }
    if joined.walked.records == 0 && sink.problems.iter().any(|problem| problem.kind == ProblemKind::Corrupt) {
        sink.problems.clear();
        sink.report(ProblemKind::NotALog, 0, size, "it has the name of a W&B file, and it holds no valid record");
    }
    Ok(())
}

/// Looks at the file's own header; gives where its records begin.
fn begin(input: &Input, sink: &mut Sink) -> io::Result<u64> {
    let mut window = input.window();
    let header = window.at(0, HEADER)?;
    let header = &header[..header.len().min(HEADER)];
    let end = header.len() as u64;
    match header {
        [magic @ .., VERSION] if magic == MAGIC => {}
        [magic @ .., version] if magic == MAGIC => {
            let reason = format!("the file is of version {version}, which was never seen; it was read as version 0");
            sink.report(ProblemKind::Corrupt, 0, end, reason);
        }
        _ if end < HEADER as u64 && MAGIC.starts_with(header) || header == MAGIC => {
            sink.report(ProblemKind::Truncated, 0, end, "the file ends inside its header");
        }
        _ => sink.report(ProblemKind::Corrupt, 0, end, "the file does not begin as a W&B file does"),
    }
    Ok(end)
}

/// Reads the part number `index`, as if everything before it were intact. Nothing before `from` is looked at.
fn read_part<S: ReadAt + ?Sized>(source: &S, size: u64, index: u64, from: u64) -> FilePart {
    let boundary = index * PART;
    let until = boundary + PART;
    let mut blocks = ChunkWalk::new(Window::new(source, size));
    let begin = if boundary <= from { Ok(from) } else { blocks.first_record(boundary, until) };
    match begin {
        Ok(begin) => read_from(blocks, begin, until),
        Err(fault) => FilePart { fault: Some(fault), ..FilePart::new(boundary) },
    }
}

fn read_from<S: ReadAt + ?Sized>(mut blocks: ChunkWalk<'_, S>, begin: u64, until: u64) -> FilePart {
    let mut part = FilePart::new(begin);
    let mut record = 0;
    let outcome = blocks.walk(until, &mut part.walked, |payload| {
        record += 1;
        match part.rows.record(payload) {
            Ok(HistoryVerdict::Sound) => {}
            Ok(HistoryVerdict::NoStep) => part.no_step.add(record - 1),
            Ok(HistoryVerdict::Value) => part.no_value.add(record - 1),
            Err(_) => return false,
        }
        true
    });
    FilePart { fault: outcome.err(), ..part }
}

/// Puts the parts of one file together, in order.
struct JoinedParts<'a, S: ReadAt + ?Sized> {
    bytes: &'a S,
    size: u64,
    file: &'a str,
    /// What came before the next part.
    walked: WalkedRecords,
    axes: AxisTable,
    no_step: Odd,
    no_value: Odd,
    stopped: bool,
}

impl<'a, S: ReadAt + ?Sized> JoinedParts<'a, S> {
    fn new(bytes: &'a S, size: u64, file: &'a str) -> Self {
        let (no_step, no_value) = (Odd::default(), Odd::default());
        Self {
            bytes,
            size,
            file,
            walked: WalkedRecords::default(),
            axes: AxisTable::default(),
            no_step,
            no_value,
            stopped: false,
        }
    }

    fn part(&mut self, index: u64, mut part: FilePart, sink: &mut Sink) -> io::Result<()> {
        let until = (index + 1) * PART;
        if self.stopped || self.walked.end >= until {
            return Ok(());
        }
        if part.begin != self.walked.end {
            part = read_from(ChunkWalk::new(Window::new(self.bytes, self.size)), self.walked.end, until);
        }
        for (all, Odd { count, first }) in [(&mut self.no_step, part.no_step), (&mut self.no_value, part.no_value)] {
            all.more(Odd { count, first: self.walked.records + first });
        }
        if let Some(fault) = part.fault {
            self.stopped = true;
            let (at, left) = (part.walked.end, self.size.saturating_sub(part.walked.end));
            let reason =
                format!("the system does not give its last {left} bytes ({fault}); everything before them was read");
            sink.report(ProblemKind::Unreadable, at, at + left, reason);
        }
        let left_out = part.walked.damage.iter().filter(|damage| damage.kind == ChunkDamageKind::Content).count();
        sink.facts.records_ok += part.walked.records - left_out as u64;
        sink.facts.non_numeric += part.rows.others;
        for (name, json) in std::mem::take(&mut part.rows.config) {
            sink.config.extend(entries(self.file, json_settings_of(&name, json.as_bytes()), common_item));
            sink.facts.config.retain(|(known, _)| *known != name);
            sink.facts.config.push((name, json));
        }
        part.rows.into_batches(&mut self.axes)?.into_iter().for_each(|batch| sink.emit(batch));
        self.walked.go_on(part.walked);
        Ok(())
    }

    /// Says what was left out.
    fn finish(&self, sink: &mut Sink) {
        for damage in &self.walked.damage {
            sink.problem(self.problem(damage));
        }
        for (odd, what) in [
            (self.no_step, "records have a _step that is not a whole number; their values have no step"),
            (self.no_value, "records have a value that is not JSON; it was left out"),
        ] {
            if odd.count > 0 {
                let problem = Problem::new(self.file, ProblemKind::NotANumber, format!("{} {what}", odd.count));
                sink.problem(problem.of_record(odd.first));
            }
        }
    }

    fn problem(&self, damage: &ChunkDamage) -> Problem {
        let length = damage.end - damage.begin;
        let (kind, reason) = match damage.kind {
            ChunkDamageKind::Truncated => (
                ProblemKind::Truncated,
                format!(
                    "the file ends inside a record, of which {length} bytes are there: it is still being written, or its \
                     writer was stopped"
                ),
            ),
            ChunkDamageKind::Chunk => (
                ProblemKind::Corrupt,
                format!(
                    "a record does not match its checksum; {length} bytes were left out, up to the next sound place"
                ),
            ),
            ChunkDamageKind::Parts => {
                (ProblemKind::Corrupt, format!("{length} bytes are parts of a record whose other parts are missing"))
            }
            ChunkDamageKind::Padding => {
                (ProblemKind::Corrupt, format!("{length} bytes at the end of a block should be zeros and are not"))
            }
            ChunkDamageKind::Content => (
                ProblemKind::Corrupt,
                format!(
                    "a record of {length} bytes matches its checksum and is none of W&B's all the same; it was left out"
                ),
            ),
        };
        Problem::new(self.file, kind, reason).at(damage.begin, length).of_record(damage.records)
    }
}
