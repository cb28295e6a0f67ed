//! The shapes of lines that are known by name: data, a file a family of writers.
//!
//! Each shape is one entry: its name, where its writer prints it, its lines with what their numbers mean, and examples with
//! what they hold. A line belongs to the first shape of [`FAMILIES`] that fits it, so specific shapes come before general
//! ones; a test tries every example against every shape.

mod detection;
mod dllogger;
mod generic;
mod huggingface;
mod keras;
mod language;
mod lightning;
mod megatron;
mod openmmlab;
mod paddle;
mod prelude;
mod pytorch;
mod vision;

use std::sync::LazyLock;

use super::bigrams::Bigrams;
use super::count_start::CountStart;
use super::line_place::LinePlace;
use super::pairs::PairStyle;
use super::pattern::{Captures, Pattern, is_blank};
use stepbridge_records::{ConfigItem, EpochMeaning, SeriesMeaning, StepMeaning, StepScope, Unit};

/// Every shape, by family.
const FAMILIES: [&[TextShape]; 12] = [
    megatron::SHAPES,
    openmmlab::SHAPES,
    paddle::SHAPES,
    detection::SHAPES,
    language::SHAPES,
    dllogger::SHAPES,
    huggingface::SHAPES,
    lightning::SHAPES,
    keras::SHAPES,
    vision::SHAPES,
    pytorch::SHAPES,
    generic::SHAPES,
];

/// A sort of log.
pub(super) struct TextShape {
    pub(super) name: &'static str,
    /// The file and the function that print it.
    #[cfg_attr(not(test), expect(dead_code, reason = "for people, and for a test that it is there"))]
    pub(super) source: &'static str,
    /// Whether its writers count from 0 or from 1, as each likes: a 0 shows which.
    pub(super) either: bool,
    /// Whether many programs print such lines: one alone makes no log of a file.
    pub(super) common: bool,
    /// What a line before holds: without it the shape is not looked for.
    pub(super) after: &'static [&'static str],
    pub(super) lines: &'static [ShapeLine],
    /// Lines that are read as well, and do not make a log of it.
    pub(super) also: &'static [ShapeLine],
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests read them"))]
    pub(super) examples: &'static [Example],
}

/// Lines in their writer's layout, and what they hold.
#[cfg_attr(not(test), expect(dead_code, reason = "the tests read them"))]
pub(super) struct Example {
    pub(super) text: &'static str,
    pub(super) records: &'static [&'static str],
    /// Of the batches; neighbours that are the same count once.
    pub(super) meanings: &'static [&'static str],
    /// How many lines are other text.
    pub(super) prose: u64,
}

/// A sort of line in it.
#[expect(clippy::struct_excessive_bools, reason = "each says one thing of the line, and a shape names those that hold")]
#[derive(Clone, Copy)]
pub(super) struct ShapeLine {
    pub(super) pattern: &'static str,
    /// How the values that follow are written; `{*}` says where.
    pub(super) pairs: PairStyle,
    /// Whether values come before and between the fields too.
    pub(super) scattered: bool,
    /// Keys among them that are a place and no value.
    pub(super) keys: &'static [(&'static str, ShapeKey)],
    /// What the line must hold besides.
    pub(super) needs: &'static str,
    /// Comes before each of its tags, where other lines have tags of the same name.
    pub(super) prefix: &'static str,
    /// Whether it is up to the program what its step counts, and from where.
    pub(super) open: bool,
    /// What a step counts.
    pub(super) unit: Option<Unit>,
    /// What the step is, where it is not as the fields say.
    pub(super) step: Option<StepMeaning>,
    /// What the epoch is, where it is not as the fields say.
    pub(super) epoch: Option<EpochMeaning>,
    /// Whether lines that are indented more hold its values, one `key=value` a line.
    pub(super) follows: bool,
    /// Whether it is a heading: its epoch, or its step, is that of the lines after it.
    pub(super) sets: bool,
    /// Whether the heading before it does not hold for the lines after it.
    pub(super) clears: bool,
    /// What it takes from a heading.
    pub(super) takes: Takes,
    /// Whether nothing comes after it.
    pub(super) ends: bool,
    /// Whether it begins the line, or comes after blanks or a prefix that ends with `: `.
    pub(super) begins: bool,
    /// Whether no other counter comes after it: a line with one is not a line an epoch.
    pub(super) alone: bool,
    /// What else the line must be, where its words do not show it. Which digits its numbers have does not matter.
    pub(super) check: Option<fn(&[u8]) -> bool>,
    /// What its numbers must be besides. Such lines are looked at one by one.
    pub(super) numbers: Option<fn(&[u8]) -> bool>,
    /// Whether it is drawn again and again in one place.
    pub(super) bar: bool,
    /// Whether commas in its numbers part thousands.
    pub(super) grouped: bool,
    /// What its number says of the run's configuration, if it is one of that.
    pub(super) setting: Option<ConfigItem>,
}

/// What a line takes from a heading before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    Epoch,
    /// The epoch and the step.
    Place,
}

/// What a key among the values says about the line's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShapeKey {
    Step,
    /// The batch in the epoch, and how many it has (`10/3000`).
    Iter,
    Epoch,
    /// It says nothing of the training.
    Ignored,
}

pub(super) const fn line(pattern: &'static str, pairs: PairStyle) -> ShapeLine {
    ShapeLine {
        pattern,
        pairs,
        scattered: false,
        keys: &[],
        needs: "",
        prefix: "",
        open: false,
        unit: None,
        step: None,
        epoch: None,
        follows: false,
        sets: false,
        clears: false,
        takes: Takes::Nothing,
        ends: false,
        begins: false,
        alone: false,
        check: None,
        numbers: None,
        bar: false,
        grouped: false,
        setting: None,
    }
}

/// A line that ends with a number of the run's configuration. The field in its pattern only names it.
const fn setting(pattern: &'static str, item: ConfigItem) -> ShapeLine {
    ShapeLine { setting: Some(item), begins: true, ..line(pattern, PairStyle::None) }
}

/// A heading: a line that ends with the place that it gives.
const fn heading(pattern: &'static str) -> ShapeLine {
    ShapeLine { sets: true, ends: true, begins: true, ..line(pattern, PairStyle::None) }
}

impl ShapeLine {
    const fn needs(self, needs: &'static str) -> Self {
        Self { needs, ..self }
    }

    const fn keys(self, keys: &'static [(&'static str, ShapeKey)]) -> Self {
        Self { keys, ..self }
    }

    pub(super) const fn prefix(self, prefix: &'static str) -> Self {
        Self { prefix, ..self }
    }

    const fn unit(self, unit: Unit) -> Self {
        Self { unit: Some(unit), ..self }
    }

    const fn step(self, step: StepMeaning) -> Self {
        Self { step: Some(step), ..self }
    }

    const fn epoch(self, epoch: EpochMeaning) -> Self {
        Self { epoch: Some(epoch), ..self }
    }

    /// A line whose epoch is that of a heading.
    pub(super) const fn under(self, epoch: EpochMeaning) -> Self {
        Self { takes: Takes::Epoch, epoch: Some(epoch), ..self }
    }

    const fn bar(self) -> Self {
        Self { bar: true, ..self }
    }

    const fn grouped(self) -> Self {
        Self { grouped: true, ..self }
    }

    const fn begins(self) -> Self {
        Self { begins: true, ..self }
    }

    /// A line that has nothing else.
    const fn alone(self) -> Self {
        Self { begins: true, ends: true, ..self }
    }

    const fn sets(self) -> Self {
        Self { sets: true, ..self }
    }

    /// What this line takes of what a heading gives.
    pub(super) fn given(&self, heading: LinePlace) -> LinePlace {
        match self.takes {
            Takes::Nothing => LinePlace::default(),
            Takes::Epoch => LinePlace { step: None, ..heading },
            Takes::Place => heading,
        }
    }
}

/// A line of a shape, ready to be looked for.
pub(super) struct CompiledLine {
    pub(super) pattern: Pattern,
    pub(super) line: ShapeLine,
    /// What must be in the line besides.
    needs: memchr::memmem::Finder<'static>,
    bigrams: Bigrams,
    pub(super) meaning: SeriesMeaning,
}

impl CompiledLine {
    /// A line of a shape; `None` if its pattern is wrong, which a test excludes.
    fn of_shape(line: &ShapeLine) -> Option<Self> {
        Pattern::of_shape(line.pattern).ok().map(|pattern| Self::new(pattern, *line))
    }

    pub(super) fn new(pattern: Pattern, line: ShapeLine) -> Self {
        let mut meaning = pattern.meaning;
        for (_, key) in line.keys {
            meaning.step = match key {
                ShapeKey::Step => Some(StepMeaning::of_run(Unit::Step, 1)),
                ShapeKey::Iter => Some(StepMeaning::of_epoch(Unit::Batch, 1)),
                ShapeKey::Epoch | ShapeKey::Ignored => continue,
            };
            meaning.epoch = Some(EpochMeaning::In(1));
        }
        if let (Some(step), Some(unit)) = (&mut meaning.step, line.unit) {
            step.unit = unit;
        }
        meaning.step = line.step.or(meaning.step).filter(|_| !line.open);
        meaning.epoch = line.epoch.or(meaning.epoch);
        let mut bigrams = pattern.bigrams;
        bigrams.add(line.needs.as_bytes());
        Self { pattern, line, needs: memchr::memmem::Finder::new(line.needs), bigrams, meaning }
    }

    /// Whether a line is one of these.
    pub(super) fn fits(&self, line: &[u8], bigrams: Bigrams, captures: &mut Captures) -> bool {
        self.bigrams.within(bigrams)
            && self.pattern.find(line, captures)
            && (self.needs.needle().is_empty() || self.needs.find(line).is_some())
            && (!self.line.ends || line[captures.end..].trim_ascii().is_empty())
            && self.line.check.is_none_or(|check| check(line))
            && self.line.numbers.is_none_or(|check| check(line))
            && (!self.line.begins || is_prefix(&line[..captures.begin]))
            && (!self.line.alone || is_summary(&line[captures.end_of_place()..]))
    }
}

/// Whether what comes after an epoch is measured over all of it: no other counter, no bar, no note of a checkpoint.
fn is_summary(rest: &[u8]) -> bool {
    let others = [&b"%|"[..], b"it/s", b"s/it", b" improve"];
    !super::counter_words::has_counter(rest) && !others.iter().any(|other| memchr::memmem::find(rest, other).is_some())
}

/// Whether what comes before the text of a line is what loggers put there: nothing, or something that ends with a mark, a
/// level or a time.
pub(super) fn is_prefix(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    matches!(before.last(), None | Some(b':' | b']' | b'|' | b'-' | b'>' | b')' | b'{'))
        || ends_with_level(before)
        || ends_with_time(before)
}

/// Whether a text ends with the level of a message: `2024-01-01 10:11:12 INFO`.
fn ends_with_level(text: &[u8]) -> bool {
    text.rsplit(|byte| is_blank(*byte)).next().is_some_and(is_level)
}

/// Whether a word is the level of a message.
pub(super) fn is_level(word: &[u8]) -> bool {
    matches!(word, b"INFO" | b"DEBUG" | b"WARN" | b"WARNING" | b"ERROR")
}

/// Whether a text ends with a time of the day: `10:11:12.345`, `2024-03-01T10:11:12Z`, `10:11:12 AM`, or with a date and a time
/// without seconds: `2024-03-01 10:11`. Kubernetes puts the stream after it (`stdout F`).
fn ends_with_time(text: &[u8]) -> bool {
    let mut words = text.rsplit(|byte| is_blank(*byte)).filter(|word| !word.is_empty());
    let mut word = words.next();
    if matches!(word, Some(b"F" | b"P")) {
        word = words.next().filter(|word| matches!(*word, b"stdout" | b"stderr")).and_then(|_| words.next());
    } else if matches!(word, Some(b"AM" | b"PM" | b"UTC")) {
        word = words.next();
    }
    let in_time = |byte: &u8| byte.is_ascii_digit() || b":.,-+/TZ".contains(byte);
    let is_clock = |part: &[u8]| {
        let mark = |at: usize| at == 2 || at == 5;
        part.iter().enumerate().all(|(at, byte)| if mark(at) { *byte == b':' } else { byte.is_ascii_digit() })
    };
    let Some(word) = word.filter(|word| word.iter().all(in_time)) else { return false };
    if word.windows(8).any(is_clock) {
        return true;
    }
    match word.split_at_checked(word.len().saturating_sub("10:11".len())) {
        Some((b"", minutes)) => minutes.len() == 5 && is_clock(minutes) && words.next().is_some_and(is_date),
        Some((date, minutes)) => is_clock(minutes) && date.strip_suffix(b"T").is_some_and(is_date),
        None => false,
    }
}

/// `2024-03-01`, `01/03/2024`, `1.3.24`.
fn is_date(word: &[u8]) -> bool {
    [b'-', b'/', b'.'].into_iter().any(|mark| {
        let mut parts = word.split(|byte| *byte == mark);
        let is_part = |part: &[u8]| matches!(part.len(), 1 | 2 | 4) && part.iter().all(u8::is_ascii_digit);
        parts.clone().count() == 3 && parts.all(is_part)
    })
}

/// A shape with its lines, as [`FAMILIES`] orders them.
pub(super) struct CompiledShape {
    pub(super) shape: &'static TextShape,
    /// Its lines, and after them those that are read as well.
    pub(super) lines: Vec<CompiledLine>,
}

impl CompiledShape {
    /// The lines that make a log of this shape.
    pub(super) fn own(&self) -> &[CompiledLine] {
        &self.lines[..self.shape.lines.len().min(self.lines.len())]
    }
}

pub(super) fn compiled() -> &'static [CompiledShape] {
    static COMPILED: LazyLock<Vec<CompiledShape>> = LazyLock::new(|| {
        let shapes = FAMILIES.iter().flat_map(|family| family.iter());
        let lines = |shape: &TextShape| {
            let all = shape.lines.iter().chain(shape.also);
            all.filter_map(CompiledLine::of_shape).collect()
        };
        shapes.map(|shape| CompiledShape { shape, lines: lines(shape) }).collect()
    });
    &COMPILED
}

/// A meaning, with the bases that the numbers showed. What the pattern gives stays as it is. A count over the run of which they
/// do not show it counts from `unseen`, or has no meaning.
pub(super) fn from_start(
    compiled: &CompiledLine,
    epoch_base: Option<u8>,
    count: CountStart,
    unseen: Option<u8>,
) -> SeriesMeaning {
    let SeriesMeaning { mut step, mut epoch } = compiled.meaning;
    let takes = compiled.line.takes != Takes::Nothing;
    if compiled.pattern.open.epoch || takes {
        epoch = match epoch {
            Some(EpochMeaning::In(1)) => epoch_base.map(EpochMeaning::In),
            Some(EpochMeaning::Ends(1)) => epoch_base.map(EpochMeaning::Ends),
            other => other,
        };
    }
    if let Some(open) = step.filter(|_| compiled.pattern.open.step) {
        step = match open.scope {
            StepScope::Run => count.base().or(unseen).map(|base| StepMeaning { base, ..open }),
            // Each epoch begins it again.
            StepScope::Epoch => Some(StepMeaning { base: if count.zero() { 0 } else { open.base }, ..open }),
        };
    }
    SeriesMeaning { step, epoch }
}

#[cfg(test)]
mod tests;
