//! The lines of one block as records.

use std::collections::HashMap;
use std::ops::Range;

use super::bar::BarState;
use super::context::Headings;
use super::line_finder::LineFinder;
use super::line_form::LiteralDigits;
use super::line_layout::{LineLayout, PlacePart};
use super::line_place::{LinePlace, Rank};
use super::lines::{self, BlockLines};
use super::number;
use super::pattern::is_blank;
use super::rows::{RankRows, TextRows};
use super::shapes::{CompiledLine, Takes};
use crate::shared::value_tally::ValueTally;
use stepbridge_records::{ConfigItem, Decimal, EpochMeaning, ProblemKind, SeriesMeaning};

/// What lines are looked for.
pub(super) struct ShapePlan<'a> {
    pub(super) lines: Vec<PlannedLine<'a>>,
    /// Whether one of them has its values in the lines that follow it.
    pub(super) follows: bool,
    /// Which digits their patterns hold.
    pub(super) literals: LiteralDigits,
}

/// A line, with what its numbers turned out to mean.
pub(super) struct PlannedLine<'a> {
    pub(super) compiled: &'a CompiledLine,
    pub(super) meaning: SeriesMeaning,
}

/// A range of the file, and what is wrong with it.
#[derive(Debug, PartialEq)]
pub(super) struct TextLineFault {
    pub(super) kind: ProblemKind,
    pub(super) range: Range<u64>,
    pub(super) reason: String,
}

/// Whether lines that are indented more belong to one before them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) enum OpenLine {
    /// It began before the block.
    #[default]
    Unknown,
    No,
    /// To one of this sort, which is here.
    Line(usize, LinePlace),
}

/// What is in a block.
#[derive(Debug, Default)]
pub(super) struct TextBlock {
    /// The records of each rank. Those before the first heading of the block take their place from an earlier one.
    pub(super) rows: Vec<RankRows>,
    pub(super) early: Vec<RankRows>,
    /// What the headings of the block give.
    pub(super) headings: Headings,
    /// The states of progress bars, in their order.
    pub(super) bars: Vec<BarState>,
    /// Values of a line that began before the block, and how many lines they are.
    pub(super) orphans: Vec<(String, f64)>,
    pub(super) orphan_lines: u64,
    /// How many lines have a shape, and how many are other text.
    pub(super) sound: u64,
    pub(super) prose: u64,
    pub(super) faults: Vec<TextLineFault>,
    pub(super) texts: HashMap<String, ValueTally>,
    /// What the next block begins in.
    pub(super) inside: OpenLine,
    /// What lines say of the run's configuration: the item, its name, and the number.
    pub(super) settings: Vec<(ConfigItem, String, u64)>,
    /// For lines that say where they are in the epoch and in the run: each epoch's first step, as they come.
    pub(super) starts: Vec<(i64, i64)>,
    /// The file's last line, where it has no end, and whether it is other text.
    pub(super) torn: Option<u64>,
    pub(super) prose_is_torn: bool,
}

/// Reads the lines of a block. `inside`: what its first line belongs to.
pub(super) fn read(plan: &ShapePlan<'_>, lines: &BlockLines, inside: OpenLine) -> TextBlock {
    let finder = LineFinder::new(plan);
    let rows = BlockRows {
        plan,
        begin: lines.begin.unwrap_or(0),
        tag: String::new(),
        block: TextBlock { inside, ..TextBlock::default() },
    };
    let mut reading = BlockReading { finder, rows };
    lines::each(&lines.bytes, |at, raw, ended| reading.line(at, raw, ended));
    reading.rows.block
}

struct BlockReading<'a> {
    finder: LineFinder<'a>,
    rows: BlockRows<'a>,
}

impl BlockReading<'_> {
    fn line(&mut self, at: usize, raw: &[u8], ended: bool) {
        let Self { finder, rows } = self;
        let begin = rows.begin + at as u64;
        let range = begin..begin + raw.len() as u64;
        let plain = lines::plain(raw);
        let found = finder.find(&plain);
        let indented = plain.first().is_some_and(|byte| is_blank(*byte));
        let goes_on = rows.plan.follows && found.is_none() && indented && rows.block.inside != OpenLine::No;
        if !ended {
            rows.block.torn = Some(begin);
            if found.is_some() || goes_on {
                let reason = "the file ends inside a line: it is still being written, or its writer was stopped; the line \
                              was left out";
                rows.fault(ProblemKind::Truncated, range, reason.to_owned());
                return;
            }
        }
        match found {
            Some(layout) => rows.take(layout, &plain, &range),
            None if goes_on => rows.follow(&plain),
            None => {
                if ended && memchr::memchr(0, raw).is_some() {
                    let reason = "the line holds zero bytes, as after a crash of the machine; it was left out";
                    rows.fault(ProblemKind::Corrupt, range, reason.to_owned());
                }
                rows.block.prose += 1;
                rows.block.prose_is_torn = !ended;
                if rows.plan.follows && !indented {
                    rows.block.inside = OpenLine::No;
                }
            }
        }
    }
}

/// What the lines of a block gave so far.
struct BlockRows<'a> {
    plan: &'a ShapePlan<'a>,
    begin: u64,
    /// A name that is looked up.
    tag: String,
    block: TextBlock,
}

/// Where the values of a line go.
#[derive(Clone, Copy)]
struct LineTarget<'a> {
    index: usize,
    rank: Rank,
    place: LinePlace,
    /// Whether a heading of an earlier block gives the rest of its place.
    early: bool,
    compiled: &'a CompiledLine,
}

/// What a line says of its place.
#[derive(Default)]
struct LineCounters {
    place: LinePlace,
    /// Whether its step is one of the run.
    counts_run: bool,
    /// The number in the epoch.
    iter: Option<i64>,
    /// How many batches the epoch has.
    total: Option<u64>,
}

impl<'a> BlockRows<'a> {
    /// Takes the values of a line that has a shape.
    fn take(&mut self, layout: &LineLayout, line: &[u8], range: &Range<u64>) {
        let plan = self.plan;
        let &LineLayout { index, rank, .. } = layout;
        let PlannedLine { compiled, meaning } = &plan.lines[index];
        if let Some(item) = compiled.line.setting {
            self.setting(item, compiled, line);
            return;
        }
        let LineCounters { mut place, counts_run, iter, total } = self.counters(layout, *meaning, line, range);
        if compiled.line.clears {
            self.block.headings.clear(rank);
        }
        if compiled.line.sets {
            let own = LinePlace { step: place.step.filter(|_| counts_run || place.epoch.is_none()), ..place };
            self.block.headings.set(rank, own);
        }
        let early = compiled.line.takes != Takes::Nothing && !self.block.headings.knows(rank);
        if compiled.line.takes != Takes::Nothing {
            place = place.under(self.block.headings.of(rank).map(|heading| compiled.line.given(heading)));
        }
        let target = LineTarget { index, rank, place, early, compiled };
        self.values(target, layout, line, range, total);
        let total = total.filter(|_| !compiled.line.bar);
        self.count(target, (layout.values.len(), counts_run, iter), total);
        if compiled.line.follows {
            self.block.inside = OpenLine::Line(index, place);
        } else if plan.follows {
            self.block.inside = OpenLine::No;
        }
        self.block.sound += 1;
    }

    /// Takes the values of a line: its numbers are records, or the state of a bar; what is not a number is counted.
    fn values(
        &mut self,
        target: LineTarget<'a>,
        layout: &LineLayout,
        line: &[u8],
        range: &Range<u64>,
        total: Option<u64>,
    ) {
        let LineTarget { index, rank, place, early, compiled } = target;
        let Self { plan, tag, block, .. } = self;
        let any = layout.values.iter().any(|value| value.number.is_some());
        let all = if early { &mut block.early } else { &mut block.rows };
        let mut rows = (any && !compiled.line.bar).then(|| RankRows::of(all, rank, plan.lines.len()).line(index));
        let mut state = BarState::new(rank, index, place, early);
        for value in &layout.values {
            let name = layout.name(value);
            let number = value.number.and_then(|notation| notation.read(line, value.at.clone()));
            match (number, &mut rows) {
                (Some(number), Some(rows)) => {
                    let tag = rows.tags.number(name);
                    rows.push(tag, place, number);
                }
                (Some(number), None) => state.push(name, number),
                (None, _) => {
                    compiled.line.prefix.clone_into(tag);
                    tag.push_str(&String::from_utf8_lossy(name));
                    if let Some(known) = block.texts.get_mut(tag.as_str()) {
                        known.count += 1;
                    } else {
                        let text = String::from_utf8_lossy(&line[value.at.clone()]);
                        block.texts.insert(tag.clone(), ValueTally::one(&text, range.clone()));
                    }
                }
            }
        }
        if !state.is_empty() {
            state.length = total;
            let next = match block.bars.last_mut() {
                Some(last) => last.redraw(state),
                None => Some(state),
            };
            block.bars.extend(next);
        }
    }

    /// Takes a number of the configuration, the last word of a line. `None` has no meaning there.
    fn setting(&mut self, item: ConfigItem, compiled: &CompiledLine, line: &[u8]) {
        self.block.prose += 1;
        let word = line.trim_ascii_end().rsplit(|byte| is_blank(*byte)).next().unwrap_or_default();
        let number = whole(word).and_then(|number| u64::try_from(number).ok());
        self.block
            .settings
            .extend(number.zip(compiled.pattern.tags.first()).map(|(number, name)| (item, name.clone(), number)));
    }

    /// Takes what a line says of its place.
    fn counters(
        &mut self,
        layout: &LineLayout,
        meaning: SeriesMeaning,
        line: &[u8],
        range: &Range<u64>,
    ) -> LineCounters {
        let LineCounters { mut place, mut counts_run, mut iter, mut total } = LineCounters::default();
        for (part, at) in &layout.places {
            let text = &line[at.clone()];
            match part {
                PlacePart::Iter => {
                    place.step = self.whole("place in the epoch", text, range);
                    iter = place.step;
                }
                PlacePart::Step => {
                    place.step = self.whole("step", text, range);
                    counts_run = true;
                }
                PlacePart::SamplesInEpoch if iter.is_some() => {}
                PlacePart::SamplesInEpoch => place.step = self.whole("place in the epoch", text, range),
                PlacePart::Epoch | PlacePart::KeyEpoch => place.epoch = self.epoch(text, meaning.epoch, range),
                PlacePart::WallTime => {
                    place.wall_time = number::value(text).and_then(|(number, _)| number.to_f64());
                }
                PlacePart::Total | PlacePart::KeyTotal => {
                    total = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
                }
                PlacePart::KeyStep => place.step = self.whole("step", text, range),
                PlacePart::KeyIter => {
                    place.step = self.whole("place in the epoch", text, range);
                    total = None;
                }
            }
        }
        LineCounters { place, counts_run, iter, total }
    }

    /// Takes what a line says besides its values: the epoch of a step, and how many batches an epoch has.
    fn count(
        &mut self,
        target: LineTarget<'a>,
        (values, counts_run, iter): (usize, bool, Option<i64>),
        total: Option<u64>,
    ) {
        let LineTarget { place, early, compiled, .. } = target;
        let epoch = place.epoch.and_then(Decimal::whole);
        if values == 0 && !early {
            // A line of counters alone still says which epoch a step is in.
            if let (Some(step), Some(epoch), true) = (place.step, place.epoch, counts_run) {
                self.rows(target).evidence.push((step, epoch));
            }
        }
        if let Some(batches) = total.filter(|_| epoch.is_some() || early) {
            self.rows(target).length(epoch, batches);
        }
        if let (true, Some(step), Some(iter), Some(epoch)) = (compiled.pattern.counts_twice, place.step, iter, epoch) {
            let start = (epoch, step.wrapping_sub(iter));
            if self.block.starts.last() != Some(&start) {
                self.block.starts.push(start);
            }
        }
    }

    /// Takes the value of a line that belongs to the one before.
    fn follow(&mut self, line: &[u8]) {
        let pair = memchr::memrchr(b'=', line).and_then(|at| {
            let (value, length) = number::grouped(&line[at + 1..])?;
            let alone = line[at + 1 + length..].trim_ascii().is_empty();
            Some((line[..at].trim_ascii(), value.to_f64()?)).filter(|_| alone)
        });
        match (pair, self.block.inside) {
            (Some((key, value)), OpenLine::Line(index, place)) => {
                let rows = RankRows::of(&mut self.block.rows, None, self.plan.lines.len()).line(index);
                let tag = rows.tags.number(key);
                rows.push(tag, place, value);
                self.block.sound += 1;
            }
            (Some((key, value)), OpenLine::Unknown) => {
                self.block.orphans.push((String::from_utf8_lossy(key).into_owned(), value));
                self.block.orphan_lines += 1;
            }
            _ => self.block.prose += 1,
        }
    }

    fn rows(&mut self, target: LineTarget<'a>) -> &mut TextRows {
        let all = if target.early { &mut self.block.early } else { &mut self.block.rows };
        RankRows::of(all, target.rank, self.plan.lines.len()).line(target.index)
    }

    /// A whole number; what is none is reported, and the record keeps none.
    fn whole(&mut self, what: &str, text: &[u8], range: &Range<u64>) -> Option<i64> {
        let whole = whole(text);
        if whole.is_none() {
            self.no_number(what, "whole number", text, range);
        }
        whole
    }

    fn epoch(&mut self, text: &[u8], meaning: Option<EpochMeaning>, range: &Range<u64>) -> Option<Decimal> {
        let stated = digits(text).map(Decimal::integer).or_else(|| stated(text));
        if meaning.is_some_and(|meaning| meaning.base().is_some()) {
            let whole = stated.and_then(Decimal::whole);
            if whole.is_none() {
                self.no_number("epoch", "whole number", text, range);
            }
            return whole.map(Decimal::integer);
        }
        if stated.is_none() {
            self.no_number("epoch", "number", text, range);
        }
        stated
    }

    fn no_number(&mut self, what: &str, kind: &str, text: &[u8], range: &Range<u64>) {
        let text = String::from_utf8_lossy(&text[..text.len().min(80)]);
        let reason = format!("the {what} of a line is '{text}', not a {kind}; its values were kept without");
        self.fault(ProblemKind::NotANumber, range.clone(), reason);
    }

    fn fault(&mut self, kind: ProblemKind, range: Range<u64>, reason: String) {
        self.block.faults.push(TextLineFault { kind, range, reason });
    }
}

/// A whole number as it is printed.
pub(super) fn whole(text: &[u8]) -> Option<i64> {
    digits(text).or_else(|| stated(text).and_then(Decimal::whole)).or_else(|| {
        let (number, length) = number::grouped(text)?;
        let plain: Vec<u8> = text.iter().copied().filter(|byte| *byte != b',').collect();
        let is_whole = number.to_f64().is_some_and(|number| number.fract() == 0.0);
        (length == text.len() && is_whole && plain.len() < text.len()).then(|| digits(&plain))?
    })
}

/// A whole number of so few digits that it fits.
fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    text.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

fn stated(text: &[u8]) -> Option<Decimal> {
    std::str::from_utf8(text).ok().and_then(Decimal::parse)
}
