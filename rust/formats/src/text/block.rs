//! The lines of one block as records.

use std::collections::HashMap;
use std::ops::Range;

use super::bar::BarState;
use super::bigrams::Bigrams;
use super::context::Headings;
use super::line_place::{LinePlace, Rank, rank_of};
use super::lines::{self, BlockLines};
use super::number;
use super::pairs::{self, PairValue};
use super::pattern::{Captures, is_blank};
use super::rows::{RankRows, TextRows};
use super::shapes::{CompiledLine, ShapeKey, Takes};
use crate::shared::value_tally::ValueTally;
use stepbridge_records::{ConfigItem, Decimal, EpochMeaning, ProblemKind, SeriesMeaning};

/// So few sorts of lines are looked for without a look at the pairs of bytes first.
const FEW: usize = 3;

/// What lines are looked for.
pub(super) struct ShapePlan<'a> {
    pub(super) lines: Vec<PlannedLine<'a>>,
    /// Whether one of them has its values in the lines that follow it.
    pub(super) follows: bool,
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
    /// The file's last line, where it has no end.
    pub(super) torn: Option<u64>,
}

/// Reads the lines of a block. `inside`: what its first line belongs to.
pub(super) fn read(plan: &ShapePlan<'_>, lines: &BlockLines, inside: OpenLine) -> TextBlock {
    let mut reading = BlockReading {
        plan,
        captures: Captures::default(),
        begin: lines.begin.unwrap_or(0),
        block: TextBlock { inside, ..TextBlock::default() },
    };
    lines::each(&lines.bytes, |at, raw, ended| reading.line(at, raw, ended));
    reading.block
}

struct BlockReading<'a> {
    plan: &'a ShapePlan<'a>,
    captures: Captures,
    begin: u64,
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
struct LineCounters {
    place: LinePlace,
    /// Whether its step is one of the run.
    counts_run: bool,
    /// The number in the epoch.
    iter: Option<i64>,
    /// How many batches the epoch has.
    total: Option<u64>,
}

impl<'a> BlockReading<'a> {
    fn line(&mut self, at: usize, raw: &[u8], ended: bool) {
        let begin = self.begin + at as u64;
        let range = begin..begin + raw.len() as u64;
        let plain = lines::plain(raw);
        let found = self.find(&plain);
        let indented = plain.first().is_some_and(|byte| is_blank(*byte));
        let goes_on = self.plan.follows && found.is_none() && indented && self.block.inside != OpenLine::No;
        if !ended {
            self.block.torn = Some(begin);
            if found.is_some() || goes_on {
                let reason = "the file ends inside a line: it is still being written, or its writer was stopped; the line \
                              was left out";
                self.fault(ProblemKind::Truncated, range, reason.to_owned());
                return;
            }
        }
        match found {
            Some(index) => self.take(index, &plain, &range),
            None if goes_on => self.follow(&plain),
            None => {
                self.block.prose += 1;
                if self.plan.follows && !indented {
                    self.block.inside = OpenLine::No;
                }
            }
        }
    }

    /// Which of the lines it is.
    fn find(&mut self, line: &[u8]) -> Option<usize> {
        let (plan, captures) = (self.plan, &mut self.captures);
        if line.len() < 2 {
            return None;
        }
        // A look at a few patterns costs less than one at all pairs.
        let bigrams = if plan.lines.len() > FEW { Bigrams::of(line) } else { Bigrams::ALL };
        plan.lines.iter().position(|sought| sought.compiled.fits(line, bigrams, captures))
    }

    /// Takes the values of a line that has a shape.
    fn take(&mut self, index: usize, line: &[u8], range: &Range<u64>) {
        let plan = self.plan;
        let PlannedLine { compiled, meaning } = &plan.lines[index];
        let captures = std::mem::take(&mut self.captures);
        if let Some(item) = compiled.line.setting {
            self.setting(item, compiled, line);
            self.captures = captures;
            return;
        }
        let rank = rank_of(&line[..captures.begin]);
        let LineCounters { mut place, counts_run, iter, total } =
            self.counters(compiled, *meaning, &captures, line, range);
        let rest = captures.rest.clone().map(|rest| &line[rest]).unwrap_or_default();
        let (pairs, keys) = (compiled.line.pairs, compiled.line.keys);
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
        let mut values = BarState::new(target.rank, index, place, early);
        let mut count = 0_usize;
        for (tag, range_of) in captures.tags.iter().enumerate() {
            let printed = unquoted(&line[range_of.clone()]);
            let read = if compiled.line.grouped { number::grouped(printed) } else { number::value(printed) };
            let tag = compiled.pattern.tags[tag].as_bytes();
            let read = read.or_else(|| pairs::number_of(tag, printed));
            count += 1;
            match read.filter(|(_, length)| *length == printed.len()) {
                Some((value, _)) => self.push(target, &mut values, tag, value),
                None => self.text(target, tag, printed, range),
            }
        }
        pairs::each(rest, pairs, |pair| {
            if keys.iter().any(|(name, _)| name.as_bytes() == pair.key) {
                return;
            }
            count += 1;
            let tag = pair.tag();
            match pair.value {
                PairValue::Number(value) => self.push(target, &mut values, &tag, value),
                PairValue::Text(text) => {
                    let grouped =
                        number::grouped(text).filter(|(_, length)| compiled.line.grouped && *length == text.len());
                    match grouped {
                        Some((value, _)) => self.push(target, &mut values, &tag, value),
                        None => self.text(target, &tag, text, range),
                    }
                }
            }
            if let Some(average) = pair.average {
                self.push(target, &mut values, &[&tag, &b"/avg"[..]].concat(), average);
            }
        });
        values.length = total;
        let total = total.filter(|_| !compiled.line.bar);
        self.count(target, (count, counts_run, iter), total);
        if compiled.line.bar && !values.is_empty() {
            let bars = &mut self.block.bars;
            let next = match bars.last_mut() {
                Some(last) => last.redraw(values),
                None => Some(values),
            };
            bars.extend(next);
        }
        if compiled.line.follows {
            self.block.inside = OpenLine::Line(index, place);
        } else if plan.follows {
            self.block.inside = OpenLine::No;
        }
        self.block.sound += 1;
        self.captures = captures;
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
        compiled: &CompiledLine,
        meaning: SeriesMeaning,
        captures: &Captures,
        line: &[u8],
        range: &Range<u64>,
    ) -> LineCounters {
        let text = |range: &Option<Range<usize>>| range.clone().map(|range| &line[range]);
        let mut place = LinePlace::default();
        let step = text(&captures.step).or(text(&captures.samples));
        let counts_run = step.is_some();
        let iter = text(&captures.iter);
        let iter = iter.and_then(|text| self.whole("place in the epoch", text, range));
        place.step = match (step, iter) {
            (Some(text), _) => self.whole("step", text, range),
            (None, None) => {
                let samples = text(&captures.samples_in_epoch);
                samples.and_then(|text| self.whole("place in the epoch", text, range))
            }
            (None, iter) => iter,
        };
        place.epoch = text(&captures.epoch).and_then(|text| self.epoch(text, meaning.epoch, range));
        place.wall_time = text(&captures.wall_time).and_then(|text| number::value(text).map(|(number, _)| number));
        let (pairs, keys) = (compiled.line.pairs, compiled.line.keys);
        let rest = text(&captures.rest).unwrap_or_default();
        let mut total = text(&captures.iters).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        if !keys.is_empty() {
            pairs::each(rest, pairs, |pair| {
                let key = keys.iter().find(|(name, _)| name.as_bytes() == pair.key).map(|(_, key)| *key);
                // `10/3000`: of how many.
                let slash = memchr::memchr(b'/', pair.printed).unwrap_or(pair.printed.len());
                let (count, of) = pair.printed.split_at(slash);
                match key {
                    Some(ShapeKey::Step) => place.step = self.whole("step", count, range),
                    Some(ShapeKey::Iter) => {
                        place.step = self.whole("place in the epoch", count, range);
                        total = of.get(1..).and_then(|of| std::str::from_utf8(of).ok()?.parse().ok());
                    }
                    Some(ShapeKey::Epoch) => place.epoch = self.epoch(count, meaning.epoch, range),
                    Some(ShapeKey::Ignored) | None => {}
                }
            });
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
            (line[at + 1 + length..].trim_ascii().is_empty()).then_some((line[..at].trim_ascii(), value))
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

    fn push(&mut self, target: LineTarget<'a>, bar: &mut BarState, tag: &[u8], value: f64) {
        if target.compiled.line.bar {
            bar.push(tag, value);
            return;
        }
        let rows = self.rows(target);
        let tag = rows.tags.number(tag);
        rows.push(tag, target.place, value);
    }

    fn text(&mut self, target: LineTarget<'a>, tag: &[u8], text: &[u8], range: &Range<u64>) {
        let tag = format!("{}{}", target.compiled.line.prefix, String::from_utf8_lossy(tag));
        match self.block.texts.get_mut(&tag) {
            Some(known) => known.count += 1,
            None => drop(self.block.texts.insert(tag, ValueTally::one(&String::from_utf8_lossy(text), range.clone()))),
        }
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
        (length == text.len() && number.fract() == 0.0 && plain.len() < text.len()).then(|| digits(&plain))?
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

fn unquoted(text: &[u8]) -> &[u8] {
    let inside = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
    inside.unwrap_or(text)
}
