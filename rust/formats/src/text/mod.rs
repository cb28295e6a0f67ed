//! Logs that are text for people: lines in a known shape, or in the caller's.
//!
//! A line without a shape is prose, and no damage: it is counted. A line that has the shape and a broken number in it is
//! reported.

mod block;
mod compile;
mod lines;
mod number;
mod pairs;
mod pattern;
mod rows;
mod shape_match;
mod shapes;

use std::collections::{HashMap, HashSet};
use std::io;

use self::block::{OpenLine, PlannedLine, ShapePlan, TextBlock, TextValues};
use self::rows::TextRows;
use self::shape_match::ShapeMatch;
use crate::shared::example::{Example, Examples, Framing};
use crate::shared::head::HEAD;
use crate::shared::input::Input;
use crate::shared::reader::FormatReader;
use crate::shared::sink::Sink;
use stepbridge_io::bytes::{ReadAt, read_up_to};
use stepbridge_io::parallel;
use stepbridge_records::{BatchRun, FormatDescription, FormatOptions, ProblemKind};

/// How much of a file is one block.
const BLOCK: usize = 1 << 20;

/// A line that is longer is not looked at.
const LONGEST: usize = 1 << 20;

/// How much is looked at of a file whose name promises a log: many begin with a dump of their environment.
const WIDE: usize = 1 << 20;

/// Endings of names that promise what a program printed.
const PRINTED: [&str; 6] = ["log", "txt", "out", "err", "stdout", "stderr"];

/// Endings of names of documents, programs and settings, which may quote lines of a log.
const NEVER: [&str; 30] = [
    "md", "rst", "py", "pyi", "ipynb", "html", "htm", "tex", "bib", "json", "yaml", "yml", "toml", "cfg", "ini", "js",
    "ts", "css", "csv", "tsv", "xml", "sh", "c", "h", "cc", "cpp", "rs", "go", "patch", "diff",
];

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "text",
        title: "text",
        writer: None,
        options: FormatOptions { columns: false, pattern: true },
        ..FormatDescription::UNKNOWN
    },
    // The names that text logs have are those of other text as well.
    matches: |head| may_be_log(head.name) && shape_match::shape(head.bytes).is_some(),
    matches_options: |head, options| {
        let of_caller = options.pattern.as_deref().map(shape_match::of_caller).unwrap_or_default();
        shape_match::any(&of_caller, head.bytes)
    },
    head_size: |name, _| if promises(name) { WIDE } else { HEAD },
    read,
    examples: Examples {
        file: "train.log",
        framing: Framing::Lines,
        all: &[Example::text("", |i, one, other| format!("Epoch 1, Iter {i}, Step {i}: loss {one}, acc {other}"))],
    },
    ..FormatReader::NONE
};

/// Why a pattern is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pattern '{pattern}' is wrong at column {column}: {reason}")]
pub struct PatternError {
    /// The pattern, or the line of it that is wrong.
    pub pattern: String,
    /// Where, in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
}

/// Checks the pattern of a caller.
pub fn check_pattern(pattern: Option<&str>) -> Result<(), PatternError> {
    let Some(pattern) = pattern else { return Ok(()) };
    compile::patterns(pattern).map(drop).map_err(|(pattern, fault)| {
        let compile::PatternFault { column, reason } = fault;
        PatternError { pattern, column, reason }
    })
}

fn may_be_log(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, ""));
    stem != "readme" && !NEVER.contains(&ending)
}

fn promises(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // Rotated logs have a number after their ending; jobs of a queue have it inside (`train.o1234`).
    let endings = name.rsplit('.').take(2).take_while(|ending| {
        let number = ending.trim_start_matches(['o', 'e']);
        PRINTED.contains(ending) || !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    name.contains('.') && endings.count() > 0
}

/// The run that a file is: text logs of several runs often stand in one folder (`result_0.txt`, `result_1.txt`).
fn run(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, ending)) if PRINTED.contains(&ending) && !stem.is_empty() => stem.to_owned(),
        _ => name.to_owned(),
    }
}

/// What lines the file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineKind {
    Shape(ShapeMatch),
    Caller,
}

/// Where the file was read up to.
struct TextMark {
    offset: u64,
    kind: LineKind,
    inside: OpenLine,
}

fn read(input: &mut Input, sink: &mut Sink) -> io::Result<()> {
    let of_caller = input.options.pattern.as_deref().map(shape_match::of_caller).unwrap_or_default();
    let mark = input.mark.as_ref().and_then(|mark| mark.downcast_ref::<TextMark>());
    let (offset, kind, inside) = match mark {
        Some(mark) => (mark.offset, Some(mark.kind), mark.inside),
        None => (0, kind(input, &of_caller)?, OpenLine::No),
    };
    let Some(kind) = kind else {
        let reason =
            "none of its lines has a shape that is known; give a pattern, as pattern=\"step {step}: loss {loss}\"";
        sink.report(ProblemKind::NotALog, 0, input.size, reason);
        return Ok(());
    };
    let plan = match kind {
        LineKind::Shape(found) => found.plan(),
        LineKind::Caller => ShapePlan {
            lines: of_caller.iter().map(|compiled| PlannedLine { compiled, meaning: compiled.meaning }).collect(),
            follows: false,
        },
    };
    sink.facts.shape = Some(match kind {
        LineKind::Shape(found) => found.name(),
        LineKind::Caller => "pattern",
    });
    let reach = ReadRange { begin: offset, block: BLOCK, longest: LONGEST };
    let (offset, inside) = in_blocks(input, sink, &plan, reach, inside)?;
    sink.mark = Some(std::sync::Arc::new(TextMark { offset, kind, inside }));
    Ok(())
}

/// What sort of lines the beginning of a file has.
fn kind(input: &Input, of_caller: &[shapes::CompiledLine]) -> io::Result<Option<LineKind>> {
    let mut head = vec![0; usize::try_from(input.size).unwrap_or(WIDE).min(WIDE)];
    let length = read_up_to(input.bytes, 0, &mut head, 0)?;
    let head = &head[..length];
    let shape = shape_match::shape(head).map(LineKind::Shape);
    let caller = (!of_caller.is_empty()).then_some(LineKind::Caller);
    Ok(if shape_match::any(of_caller, head) { caller } else { shape.or(caller) })
}

/// From where on a file is read, and in what parts.
#[derive(Debug, Clone, Copy)]
struct ReadRange {
    begin: u64,
    block: usize,
    longest: usize,
}

/// Reads all blocks; where a later reading goes on, and inside of what.
fn in_blocks(
    input: &Input,
    sink: &mut Sink,
    plan: &ShapePlan,
    reach: ReadRange,
    inside: OpenLine,
) -> io::Result<(u64, OpenLine)> {
    let ReadRange { begin, block, longest } = reach;
    let size = input.size;
    let count = usize::try_from(size.saturating_sub(begin).div_ceil(block as u64)).unwrap_or(usize::MAX);
    let edge = |index: usize| begin.saturating_add((index as u64).saturating_mul(block as u64)).min(size);
    let bytes: &dyn ReadAt = input.bytes;
    let work = |index: usize| {
        let lines = lines::block(bytes, edge(index), edge(index + 1), index == 0, longest)?;
        let before = if index == 0 || !plan.follows { inside } else { OpenLine::Unknown };
        let long = lines.long;
        Ok((lines.begin, long, block::read(plan, &lines, before)))
    };
    let mut whole = BlockMerge {
        plan,
        run: run(input.name),
        sink,
        inside,
        long: None,
        texts: HashMap::new(),
        numbers: HashSet::new(),
        start: None,
    };
    let mut torn = None;
    let take = |index: usize, result: io::Result<(Option<u64>, Option<u64>, TextBlock)>| {
        let (begin, long, block) = result?;
        if let Some(begin) = begin {
            // Of a line that is too long nobody knows yet whether it ends.
            torn = block.torn.or(long);
            whole.long_ends(begin, longest);
            whole.take(block);
            whole.long = long;
        }
        whole.sink.came_to(edge(index + 1))
    };
    parallel::in_order(count, input.threads, work, take)?;
    whole.long_ends(size, longest);
    whole.report_texts();
    Ok((torn.unwrap_or(size), whole.inside))
}

/// What the blocks say together, in their order.
struct BlockMerge<'a, 'b> {
    plan: &'a ShapePlan<'a>,
    run: String,
    sink: &'a mut Sink<'b>,
    inside: OpenLine,
    /// Where a line begins that is too long, and whose end is not known yet.
    long: Option<u64>,
    texts: HashMap<String, TextValues>,
    /// The tags that have numbers.
    numbers: HashSet<String>,
    /// The epoch that is running, the step before its first one, and whether all its lines agree.
    start: Option<(i64, i64, bool)>,
}

impl BlockMerge<'_, '_> {
    fn take(&mut self, mut block: TextBlock) {
        self.orphans(&mut block);
        self.lengths(&mut block);
        if block.inside != OpenLine::Unknown {
            self.inside = block.inside;
        }
        self.sink.facts.records_ok += block.sound;
        self.sink.facts.plain_lines += block.prose;
        for fault in block.faults {
            self.sink.report(fault.kind, fault.range.start, fault.range.end, fault.reason);
        }
        for (tag, texts) in block.texts {
            match self.texts.get_mut(&tag) {
                Some(known) => known.count += texts.count,
                None => drop(self.texts.insert(tag, texts)),
            }
        }
        for (rows, sought) in block.rows.into_iter().zip(&self.plan.lines) {
            self.piece(rows, sought);
        }
    }

    fn piece(&mut self, rows: TextRows, sought: &PlannedLine) {
        for name in &rows.names.all {
            if !self.numbers.contains(name) {
                self.numbers.insert(name.clone());
            }
        }
        if !rows.is_empty() {
            self.sink.emit(rows.into_batch(sought.meaning, BatchRun::Named(self.run.clone())));
        }
    }

    /// Gives the values of lines that belong to one of an earlier block their place.
    fn orphans(&mut self, block: &mut TextBlock) {
        let OpenLine::Line(index, place) = self.inside else {
            block.prose += block.orphan_lines;
            return;
        };
        block.sound += block.orphan_lines;
        let mut rows = TextRows::default();
        for (tag, value) in block.orphans.drain(..) {
            let tag = rows.names.number("", tag.as_bytes());
            rows.push(tag, place, value);
        }
        if let Some(sought) = self.plan.lines.get(index) {
            self.piece(rows, sought);
        }
    }

    /// Where lines count in the epoch and in the run, the difference says where each epoch begins, and two of them how long
    /// the first is.
    fn lengths(&mut self, block: &mut TextBlock) {
        let Some(rows) = block.rows.first_mut() else { return };
        for (epoch, start) in block.starts.drain(..) {
            let next = match self.start {
                Some((same, first, agree)) if same == epoch => (epoch, first, agree && first == start),
                Some((before, first, true)) if before.checked_add(1) == Some(epoch) => {
                    if let Some(length) = start.checked_sub(first).and_then(|length| u64::try_from(length).ok()) {
                        rows.length(Some(before), length);
                    }
                    (epoch, start, true)
                }
                _ => (epoch, start, true),
            };
            self.start = Some(next);
        }
    }

    /// Reports a line that is too long, now that it is known where it ends.
    fn long_ends(&mut self, end: u64, longest: usize) {
        if let Some(begin) = self.long.take() {
            let reason = format!("a line of more than {longest} bytes, which no logger prints; it was left out");
            self.sink.report(ProblemKind::Corrupt, begin, end, reason);
        }
    }

    /// Counts the values that are not numbers, and reports those of tags that have numbers elsewhere.
    fn report_texts(&mut self) {
        let mut texts: Vec<(String, TextValues)> = std::mem::take(&mut self.texts).into_iter().collect();
        texts.sort_unstable_by(|a, b| (a.1.range.start, &a.0).cmp(&(b.1.range.start, &b.0)));
        for (tag, TextValues { count, example, range }) in texts {
            self.sink.facts.non_numeric += count;
            if self.numbers.contains(&tag) {
                let reason = format!("{count} values of '{tag}' are no numbers (the first: '{example}')");
                self.sink.report(ProblemKind::NotANumber, range.start, range.end, reason);
            }
        }
    }
}

#[cfg(test)]
mod tests;
