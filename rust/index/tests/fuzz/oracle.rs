//! What holds of any file, however it is broken.
//!
//! Reading it ends without a panic, and gives the same on one thread and on several, plain and compressed. Each range that
//! is reported lies in the file, and those that hold no record do not overlap. A line or a frame that is whole, wherever
//! damage has put it, is read with all its values, or lies in a range that is reported. What is neither reported nor what
//! its format says is found by a second look, which knows nothing of the readers. What is returned is no more than a
//! multiple of the file.

use std::collections::HashSet;
use std::io::Write;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};

use memchr::memmem;
use stepbridge_formats::{FormatReader, Framing, ReadOptions};
use stepbridge_index::{Logs, ReadError, read_bytes};
use stepbridge_records::{EpochColumn, FileFacts, Problem, ProblemKind};

use crate::frames::{self, sound_event_frame};
use crate::seeds::{Seed, Target};

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Its format is found.
    Sniffed,
    /// Its format is given.
    Given,
    Gzip,
    Zstd,
}

impl How {
    pub(crate) const ALL: [Self; 4] = [Self::Sniffed, Self::Given, Self::Gzip, Self::Zstd];
}

/// What was read; an error as its text.
type Outcome = Result<Logs, String>;

/// Ends where a condition does not hold.
macro_rules! ensure {
    ($holds:expr, $($said:tt)*) => {
        if !$holds {
            return Err(format!($($said)*));
        }
    };
}

/// What is wrong with the reading of a file, if anything is.
pub(crate) fn check(target: &Target, bytes: &[u8], how: How) -> Result<(), String> {
    let format = (how == How::Given).then_some(target.reader);
    let options = ReadOptions { format, columns: target.columns.clone(), pattern: None, ..ReadOptions::default() };
    let one = read(target.name, bytes, &options, 1)?;
    let three = read(target.name, bytes, &options, 3)?;
    same(&one, &three).map_err(|fault| format!("3 threads give something else: {fault}"))?;
    if matches!(how, How::Gzip | How::Zstd) {
        return packed(target, bytes, how, &options, one);
    }
    let logs = match one {
        Ok(logs) => logs,
        Err(text) => {
            // One problem says as much as the file has, at most.
            ensure!(text.len() < 4 * bytes.len() + 2000, "an error of {} bytes", text.len());
            return Ok(());
        }
    };
    ranges(&logs.records.problems, bytes.len())?;
    bounded(&logs, bytes.len())?;
    if logs.files[0].format != target.reader.format() {
        return Ok(());
    }
    let reported = reported(&logs.records.problems);
    covered(target, bytes, &logs, &reported)?;
    kept(target, bytes, &logs, &reported)
}

/// What is wrong with the reading of an intact file.
pub(crate) fn sound(target: &Target, seed: &Seed, bytes: &[u8]) -> Result<(), String> {
    // Without its folder a metric of MLflow's is recognised by its lines alone, and not without a step.
    let format = (target.reader.description.name == "mlflow").then_some(target.reader);
    let logs = read(target.name, bytes, &ReadOptions { format, ..ReadOptions::default() }, 1)??;
    ensure!(logs.files[0].format == target.reader.format(), "it is taken for {:?}", logs.files[0].format);
    ensure!(logs.files[0].facts.shape == seed.shape, "it has the shape {:?}", logs.files[0].facts.shape);
    let grave = logs.records.problems.iter().find(|problem| problem.kind != ProblemKind::NotANumber);
    ensure!(grave.is_none(), "{grave:?}");
    let values = values(&logs);
    let lost = seed.units.iter().flat_map(|unit| &unit.values).find(|value| !values.contains(&value.to_bits()));
    ensure!(lost.is_none(), "{lost:?} is not read");
    check(target, bytes, How::Sniffed)
}

fn read(name: &str, bytes: &[u8], options: &ReadOptions, threads: usize) -> Result<Outcome, String> {
    let read = panic::catch_unwind(AssertUnwindSafe(|| read_bytes(name, bytes, options, threads)));
    match read {
        Err(_) => Err(format!("a panic on {threads} threads")),
        Ok(Ok(logs)) => Ok(Ok(comparable(logs))),
        Ok(Err(ReadError::NothingReadable { problems, .. })) => Ok(Err(format!("{problems:?}"))),
        Ok(Err(error)) => Ok(Err(error.to_string())),
    }
}

/// NaN is not itself.
fn comparable(mut logs: Logs) -> Logs {
    for batch in &mut logs.records.batches {
        for number in batch.value.iter_mut().chain(batch.wall_time.iter_mut().flatten()) {
            if number.is_nan() {
                *number = f64::MIN;
            }
        }
    }
    logs
}

fn same(one: &Outcome, other: &Outcome) -> Result<(), String> {
    match (one, other) {
        // SQLite gives what happens to stand in memory for some rows of a damaged page; it says that it is damaged.
        (Ok(one), Ok(other)) if [one, other].iter().any(|logs| is_damaged_database(logs)) => Ok(()),
        (Err(one), Err(other)) if one == other => Ok(()),
        (Ok(one), Ok(other)) => {
            ensure!(
                one.records.problems == other.records.problems,
                "{:?}\n{:?}",
                one.records.problems,
                other.records.problems
            );
            ensure!(one.files == other.files, "{:?}\n{:?}", one.files, other.files);
            ensure!(one == other, "other records");
            Ok(())
        }
        (one, other) => Err(format!("{one:?}\n{other:?}")),
    }
}

/// The reader of the format that a file was found to have.
fn of_format(logs: &Logs) -> &'static FormatReader {
    stepbridge_formats::named(logs.files[0].format.name()).expect("a format")
}

fn is_damaged_database(logs: &Logs) -> bool {
    of_format(logs).examples.framing == Framing::Whole && !logs.records.problems.is_empty()
}

/// A compressed file gives what it holds; one that is damaged as well is read or reported.
fn packed(target: &Target, bytes: &[u8], how: How, options: &ReadOptions, plain: Outcome) -> Result<(), String> {
    let mut packed = match how {
        How::Gzip => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            writer.write_all(bytes).and_then(|()| writer.finish())
        }
        _ => zstd::encode_all(bytes, 1),
    }
    .map_err(|error| error.to_string())?;
    let unpacked = |outcome: Outcome| {
        outcome.map(|mut logs| {
            logs.files[0].facts = FileFacts { bytes: 0, ..logs.files[0].facts.clone() };
            logs
        })
    };
    let outcome = read(target.name, &packed, options, 3)?;
    if !bytes.is_empty() && plain.is_ok() {
        same(&unpacked(plain), &unpacked(outcome))
            .map_err(|fault| format!("it is another when compressed: {fault}"))?;
    }
    let at = bytes.iter().fold(bytes.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)))
        % packed.len();
    if at.is_multiple_of(2) {
        packed.truncate(at);
    } else {
        packed[at] ^= 0x10;
    }
    let one = read(target.name, &packed, options, 1)?;
    same(&one, &read(target.name, &packed, options, 3)?)
}

/// The ranges that are reported lie in the file, and no byte is said twice to be of no record.
fn ranges(problems: &[Problem], size: usize) -> Result<(), String> {
    let mut last: Option<(u64, &Problem)> = None;
    let mut sorted: Vec<&Problem> = problems.iter().collect();
    sorted.sort_by_key(|problem| (problem.offset, problem.length));
    for problem in sorted {
        let (Some(begin), Some(length)) = (problem.offset, problem.length) else { continue };
        let end = begin.saturating_add(length);
        ensure!(end <= size as u64, "it ends at {end}, behind the file's end at {size}: {problem:?}");
        // A text where a number should be is in a row that is read.
        if problem.kind == ProblemKind::NotANumber {
            continue;
        }
        // One that sums up many reaches from the first to the last of them, and over sound records between them.
        if problem.count > 1 {
            continue;
        }
        if let Some((end, last)) = last {
            ensure!(begin >= end, "said twice: {last:?} and {problem:?}");
        }
        last = Some((end, problem));
    }
    Ok(())
}

/// What is returned is no more than a multiple of what was read.
fn bounded(logs: &Logs, size: usize) -> Result<(), String> {
    let records = &logs.records;
    ensure!(records.len() <= size, "{} records of {size} bytes", records.len());
    let names: usize = records.tags.iter().map(String::len).sum();
    ensure!(names <= 64 * size + 4096, "{names} bytes of names of {size} bytes");
    let said: usize = records.problems.iter().map(|problem| problem.reason.len() + problem.file.len()).sum();
    ensure!(said <= 400 * size + 4096, "{said} bytes of reasons for {size} bytes");
    Ok(())
}

fn reported(problems: &[Problem]) -> Vec<Range<usize>> {
    let ranges = problems.iter().filter_map(|problem| {
        let begin = usize::try_from(problem.offset?).ok()?;
        Some(begin..begin + usize::try_from(problem.length?).ok()?)
    });
    let mut ranges: Vec<_> = ranges.collect();
    ranges.sort_by_key(|range| (range.start, range.end));
    ranges
}

/// All numbers that were read: where names are broken, a value may stand for an epoch.
fn values(logs: &Logs) -> HashSet<u64> {
    let mut values = HashSet::new();
    for batch in &logs.records.batches {
        values.extend(batch.value.iter().map(|value| value.to_bits()));
        values.extend(batch.wall_time.iter().flatten().map(|time| time.to_bits()));
        values.extend(batch.epoch.iter().flat_map(EpochColumn::iter).flatten().map(|epoch| epoch.to_f64().to_bits()));
    }
    values
}

/// Every unit that is whole in the file is read, or lies in a range that is reported.
fn kept(target: &Target, bytes: &[u8], logs: &Logs, reported: &[Range<usize>]) -> Result<(), String> {
    let values = values(logs);
    let in_lines = matches!(target.framing, Framing::Rows | Framing::Objects | Framing::Lines);
    for seed in &target.seeds {
        if in_lines && logs.files[0].facts.shape != seed.shape {
            continue;
        }
        for unit in seed.units.iter().filter(|unit| !unit.values.is_empty()) {
            if unit.values.iter().all(|value| values.contains(&value.to_bits())) {
                continue;
            }
            let whole = frames::unit(target.framing, &unit.payload);
            for at in memmem::find_iter(bytes, &whole) {
                let end = at + whole.len();
                // A line begins where the one before ends.
                let begins = !in_lines || at == 0 || bytes[at - 1] == b'\n';
                let told = reported.iter().any(|range| range.start < end && at < range.end);
                if begins && !told && !excused(target, bytes, at, logs) {
                    return Err(format!(
                        "lost: {:?} at {at}, whose values are {:?}; {:?}; {:?}",
                        String::from_utf8_lossy(&whole),
                        unit.values,
                        logs.files[0].facts,
                        logs.records.problems
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Whether a unit that is whole may be part of a text: of a cell in quotes, or under a broken line of names. A table's
/// texts are counted, and reported as one problem a column, which has the place of the first; a name may go over lines.
fn excused(target: &Target, bytes: &[u8], at: usize, logs: &Logs) -> bool {
    let texts = logs.records.problems.iter().any(|problem| problem.kind == ProblemKind::NotANumber);
    let names = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let long_name = memchr::memchr_iter(b'"', names).count() % 2 == 1;
    match target.framing {
        Framing::Rows => long_name || texts && logs.files[0].facts.non_numeric > 0,
        // A text is a value of its own sort there, and so is a list of another name than the history's.
        Framing::List => {
            let list = bytes[..at].iter().rposition(|&byte| byte == b'[').unwrap_or(0);
            let name = bytes[..list].trim_ascii_end();
            let in_history = name.ends_with(b"\"log_history\":");
            !in_history || logs.files[0].facts.non_numeric > 0 || !logs.records.problems.is_empty()
        }
        _ => false,
    }
}

/// The bytes between the reported ranges are what the format allows.
fn covered(target: &Target, bytes: &[u8], logs: &Logs, reported: &[Range<usize>]) -> Result<(), String> {
    // A problem that sums up many has sound records in its range.
    if logs.records.problems.iter().any(|problem| problem.count > 1) {
        return Ok(());
    }
    match target.framing {
        Framing::Events => event_frames(bytes, logs, reported),
        Framing::Objects => objects(bytes, reported),
        Framing::Lines if target.reader.description.name == "mlflow" => metrics(bytes, reported),
        _ => Ok(()),
    }
}

/// Every byte is in a frame both of whose checksums hold, or reported.
fn event_frames(bytes: &[u8], logs: &Logs, reported: &[Range<usize>]) -> Result<(), String> {
    let (mut at, mut sound) = (0, 0);
    let end = bytes.len()..bytes.len();
    for range in reported.iter().chain([&end]) {
        while at < range.start {
            let Some(length) = sound_event_frame(&bytes[at..]) else {
                return Err(format!("neither sound nor reported: byte {at}; {:?}", logs.records.problems));
            };
            at += length;
            sound += 1;
        }
        ensure!(at == range.start, "a sound frame ends at {at}, inside a reported range: {range:?}");
        at = range.end;
    }
    let counted = logs.files[0].facts.records_ok;
    ensure!(counted == sound, "{sound} sound frames, of which {counted} are counted");
    Ok(())
}

/// The parts of each line that no range covers.
fn left(bytes: &[u8], reported: &[Range<usize>]) -> Vec<Vec<u8>> {
    let mut text = bytes.to_vec();
    for range in reported {
        text[range.clone()].fill(b'\n');
    }
    text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// What is not reported is objects.
fn objects(bytes: &[u8], reported: &[Range<usize>]) -> Result<(), String> {
    for part in left(bytes, reported) {
        let text = part.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&part);
        let text: Vec<u8> = text.iter().copied().filter(|byte| !b" \t\r,".contains(byte)).collect();
        let objects = text.is_empty() || text.starts_with(b"{") && text.ends_with(b"}");
        ensure!(objects, "neither an object nor reported: {:?}", String::from_utf8_lossy(&part));
    }
    Ok(())
}

/// What is not reported is lines of a time and a value.
fn metrics(bytes: &[u8], reported: &[Range<usize>]) -> Result<(), String> {
    for part in left(bytes, reported) {
        let text = String::from_utf8_lossy(&part);
        let mut words = text.split_whitespace();
        let line = match (words.next(), words.next()) {
            (None, _) => true,
            (Some(time), Some(value)) => time.parse::<f64>().is_ok() && value.parse::<f64>().is_ok(),
            _ => false,
        };
        ensure!(line, "neither a metric nor reported: {text:?}");
    }
    Ok(())
}
