//! Logs that are text for people: lines in a known shape, or in the caller's.
//!
//! A line without a shape is prose, and no damage: it is counted. A line that has the shape and a broken number in it is
//! reported.

mod bar;
mod bigrams;
mod block;
mod compile;
mod context;
mod count_start;
mod counter_words;
mod epoch_start;
mod free_pairs;
mod general;
mod headed_table;
mod line_finder;
mod line_form;
mod line_layout;
mod line_place;
mod lines;
mod merge;
mod number;
mod pairs;
mod pattern;
mod rows;
mod shapes;
mod survey;

use std::io;

use self::bar::BarProgress;
use self::block::{OpenLine, ShapePlan, TextBlock};
use self::context::Headings;
use self::merge::BlockMerge;
use self::survey::{ShapeMatch, Survey};
use crate::shared::example::{Example, Examples, Framing};
use crate::shared::head::{FileHead, HEAD};
use crate::shared::input::Input;
use crate::shared::reader::FormatReader;
use crate::shared::sink::Sink;
use stepbridge_io::bytes::{ReadAt, read_up_to};
use stepbridge_io::parallel;
use stepbridge_records::{FormatDescription, FormatOptions, ProblemKind};

/// How much of a file is one block.
const BLOCK: usize = 1 << 20;

/// A line that is longer is not looked at.
const LONGEST: usize = 1 << 20;

/// How much is looked at of a file whose name promises a log: many begin with the output of other programs.
const WIDE: u64 = 64 << 20;

/// How much of a file's beginning shows whether its name is right.
const BEGIN: usize = 8;

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
    // Of a file whose name promises a log more is looked at than its head.
    matches: |head| !(promises(head.name) && head.bytes.len() >= HEAD) && text_matches(head, None),
    head_size: |name| if promises(name) { WIDE } else { HEAD as u64 },
    matches_further: |name, bytes, size, options| is_text_log(name, bytes, size, options.pattern.as_deref()),
    read,
    examples: Examples {
        file: "train.log",
        framing: Framing::Lines,
        all: &[Example::text("", |i, one, other| format!("Epoch 1, Iter {i}, Step {i}: loss {one}, acc {other}"))],
    },
    ..FormatReader::NONE
};

/// Whether the first bytes of a file show that it is a text log, by its shape or by the pattern of the caller.
fn text_matches(head: &FileHead, pattern: Option<&str>) -> bool {
    let mut survey = Survey::new(pattern);
    survey.feed(head.bytes);
    survey.shape().is_some_and(|shape| shape.is_of_caller() || may_be_log(head.name, head.bytes))
}

/// Whether a file is a text log, by a shape in its first bytes or by the pattern of the caller.
fn is_text_log(name: &str, bytes: &dyn ReadAt, size: u64, pattern: Option<&str>) -> io::Result<bool> {
    let (shape, _) = survey::of_file(bytes, size, (READER.head_size)(name), pattern)?;
    let Some(shape) = shape else { return Ok(false) };
    let mut begin = [0; BEGIN];
    let length = read_up_to(bytes, 0, &mut begin, 0)?;
    Ok(shape.is_of_caller() || may_be_log(name, &begin[..length]))
}

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

/// Whether a file of this name, which begins so, may be a text log.
pub(super) fn may_be_log(name: &str, begin: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, ""));
    // dllogger's files are called so, and are lines of text.
    let is_other = ending == "json" && begin.starts_with(b"DLLL ");
    stem != "readme" && (is_other || !NEVER.contains(&ending))
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

/// The run that a file is: text logs of several runs often are in one folder (`result_0.txt`, `result_1.txt`).
fn run(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, ending)) if PRINTED.contains(&ending) && !stem.is_empty() => stem.to_owned(),
        _ => name.to_owned(),
    }
}

/// Where the file was read up to.
struct TextMark {
    offset: u64,
    shape: ShapeMatch,
    state: OpenState,
}

/// What the next line may belong to.
#[derive(Debug, Clone, Default)]
struct OpenState {
    inside: OpenLine,
    headings: Headings,
    progress: BarProgress,
}

fn read(input: &mut Input, sink: &mut Sink) -> io::Result<()> {
    let mark = input.mark.as_ref().and_then(|mark| mark.downcast_ref::<TextMark>());
    let (offset, shape, state, settled) = if let Some(mark) = mark {
        (mark.offset, Some(mark.shape.clone()), mark.state.clone(), true)
    } else {
        let (shape, settled) = shape(input)?;
        (0, shape, OpenState { inside: OpenLine::No, ..OpenState::default() }, settled)
    };
    let Some(shape) = shape else {
        let reason =
            "none of its lines has a shape that is known; give a pattern, as pattern=\"step {step}: loss {loss}\"";
        sink.report(ProblemKind::NotALog, 0, input.size, reason);
        return Ok(());
    };
    sink.facts.shape = Some(shape.name());
    let reach = ReadRange { begin: offset, block: BLOCK, longest: LONGEST };
    let (offset, state) = in_blocks(input, sink, &shape.plan(), reach, state)?;
    // More of the file could show another shape, or another drawing of the last state of a bar: then it is read anew.
    if let Some(state) = state.filter(|_| settled) {
        sink.mark = Some(std::sync::Arc::new(TextMark { offset, shape, state }));
    }
    Ok(())
}

/// What lines a file has, and whether more of it would not change that.
fn shape(input: &Input) -> io::Result<(Option<ShapeMatch>, bool)> {
    let pattern = input.options.pattern.as_deref();
    let limit = if input.options.format == Some(&READER) { u64::MAX } else { (READER.head_size)(input.name) };
    let (shape, settled) = survey::of_file(input.bytes, input.size, limit, pattern)?;
    // A caller who gives a pattern knows it, even if the first line of that shape is far away.
    Ok((shape.or_else(|| pattern.map(ShapeMatch::of_caller)), settled))
}

/// From where on a file is read, and in what parts.
#[derive(Debug, Clone, Copy)]
struct ReadRange {
    begin: u64,
    block: usize,
    longest: usize,
}

/// Reads all blocks. Where a later reading goes on, and in what state; `None` if it has to begin again.
fn in_blocks(
    input: &Input,
    sink: &mut Sink,
    plan: &ShapePlan,
    reach: ReadRange,
    state: OpenState,
) -> io::Result<(u64, Option<OpenState>)> {
    let ReadRange { begin, block, longest } = reach;
    let size = input.size;
    let count = usize::try_from(size.saturating_sub(begin).div_ceil(block as u64)).unwrap_or(usize::MAX);
    let edge = |index: usize| begin.saturating_add((index as u64).saturating_mul(block as u64)).min(size);
    let bytes: &dyn ReadAt = input.bytes;
    let OpenState { inside, headings, progress } = state;
    let work = |index: usize| {
        let lines = lines::block(bytes, edge(index), edge(index + 1), index == 0, longest)?;
        let before = if index == 0 || !plan.follows { inside } else { OpenLine::Unknown };
        let long = lines.long;
        Ok((lines.begin, long, block::read(plan, &lines, before)))
    };
    let mut whole = BlockMerge::new(plan, run(input.name), sink, inside, headings, progress);
    let mut torn = None;
    let take = |index: usize, result: io::Result<(Option<u64>, Option<u64>, TextBlock)>| {
        let (begin, long, block) = result?;
        if let Some(begin) = begin {
            // Of a line that is too long nobody knows yet whether it ends.
            torn = block.torn.or(long);
            whole.long_ends(begin, longest);
            whole.take(block)?;
            whole.long = long;
        }
        whole.sink.came_to(edge(index + 1))
    };
    parallel::in_order(count, input.threads, work, take)?;
    whole.long_ends(size, longest);
    whole.finish()?;
    let BlockMerge { inside, headings, progress, bar, .. } = whole;
    Ok((torn.unwrap_or(size), bar.is_none().then_some(OpenState { inside, headings, progress })))
}

#[cfg(test)]
mod tests;
