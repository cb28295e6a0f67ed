//! Where the parts of a line are: what places it, and its values. Nothing is converted yet.

use std::ops::Range;

use super::counter_words::is_judged;
use super::free_pairs;
use super::line_place::{Rank, rank_of};
use super::number::{self, Notation, PrintedNumber};
use super::pairs::{self, PairStyle, PairValue};
use super::pattern::Captures;
use super::shapes::{CompiledLine, ShapeKey};

/// The parts of a line that has a shape.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct LineLayout {
    /// Which line of the plan it is.
    pub(super) index: usize,
    pub(super) rank: Rank,
    /// What gives its place, in the order in which it is read.
    pub(super) places: Vec<(PlacePart, Range<usize>)>,
    pub(super) values: Vec<ValueLayout>,
    /// The names of the values, one after the other.
    names: Vec<u8>,
    /// What decides more than a number in its place: the words of names, and the rank.
    pub(super) words: Vec<Range<usize>>,
}

/// What a part of a line says of its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlacePart {
    /// The batch in the epoch.
    Iter,
    /// The step of the run, or how many samples it has seen.
    Step,
    SamplesInEpoch,
    Epoch,
    WallTime,
    /// How many batches the epoch has.
    Total,
    /// The same as keys among the values give it.
    KeyStep,
    KeyIter,
    KeyTotal,
    KeyEpoch,
}

/// A value of a line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ValueLayout {
    /// Where its name is among those of the line.
    name: Range<usize>,
    /// Where its digits are; all of it where it is not a number.
    pub(super) at: Range<usize>,
    /// `None` for a text.
    pub(super) number: Option<Notation>,
}

impl LineLayout {
    pub(super) fn name(&self, value: &ValueLayout) -> &[u8] {
        &self.names[value.name.clone()]
    }

    /// Where all parts are.
    pub(super) fn ranges(&self) -> impl Iterator<Item = &Range<usize>> {
        self.places.iter().map(|(_, range)| range).chain(self.values.iter().map(|value| &value.at))
    }

    /// The same, for parts that move. What is not in place any more then are the words.
    pub(super) fn ranges_mut(&mut self) -> impl Iterator<Item = &mut Range<usize>> {
        self.places.iter_mut().map(|(_, range)| range).chain(self.values.iter_mut().map(|value| &mut value.at))
    }

    /// Where the digits are that are converted.
    pub(super) fn numbers(&self) -> impl Iterator<Item = &Range<usize>> {
        let values = self.values.iter().filter(|value| value.number.is_some()).map(|value| &value.at);
        self.places.iter().map(|(_, range)| range).chain(values)
    }

    /// Takes the parts of a line that fits a line of the plan.
    pub(super) fn locate(&mut self, index: usize, compiled: &CompiledLine, captures: &Captures, line: &[u8]) {
        let Self { places, values, names, words, .. } = self;
        places.clear();
        values.clear();
        names.clear();
        words.clear();
        self.index = index;
        let (rank, place) = rank_of(line, captures.begin);
        self.rank = rank;
        if rank.is_some() {
            self.words.push(place.clone());
        }
        if compiled.line.setting.is_some() {
            return;
        }
        self.captured(captures);
        self.tags(compiled, captures, line);
        if compiled.line.scattered {
            self.scattered_pairs(captures.begin, line, &place);
            return;
        }
        let rest = captures.rest.clone().map(|rest| &line[rest]).unwrap_or_default();
        self.pairs(compiled, line, rest, &place);
    }

    /// What the fields of the pattern say of the place.
    fn captured(&mut self, captures: &Captures) {
        let step = captures.step.as_ref().or(captures.samples.as_ref());
        let samples_in_epoch = captures.samples_in_epoch.as_ref().filter(|_| step.is_none());
        let parts = [
            (PlacePart::Iter, captures.iter.as_ref()),
            (PlacePart::Step, step),
            (PlacePart::SamplesInEpoch, samples_in_epoch),
            (PlacePart::Epoch, captures.epoch.as_ref()),
            (PlacePart::WallTime, captures.wall_time.as_ref()),
            (PlacePart::Total, captures.iters.as_ref()),
        ];
        self.places.extend(parts.into_iter().filter_map(|(part, range)| Some((part, range?.clone()))));
    }

    fn tags(&mut self, compiled: &CompiledLine, captures: &Captures, line: &[u8]) {
        for (tag, range) in compiled.pattern.tags.iter().zip(&captures.tags) {
            let printed = unquoted(&line[range.clone()]);
            let read = if compiled.line.grouped { number::grouped(printed) } else { number::value(printed) };
            let read = read.or_else(|| pairs::number_of(tag.as_bytes(), printed));
            let number = read.filter(|(_, length)| *length == printed.len()).map(|(number, _)| number);
            self.value(&[tag.as_bytes()], line, printed, number);
        }
    }

    /// Takes the names and values of the rest of a line. Text inside `rank` is left out.
    fn pairs(&mut self, compiled: &CompiledLine, line: &[u8], rest: &[u8], rank: &Range<usize>) {
        pairs::each(rest, compiled.line.pairs, |pair| {
            if rank.contains(&range_in(line, pair.key).start) {
                return;
            }
            self.words.extend([pair.section, pair.key].map(|word| range_in(line, word)));
            if let Some((_, key)) = compiled.line.keys.iter().find(|(name, _)| name.as_bytes() == pair.key) {
                self.key(*key, line, pair.printed);
                return;
            }
            let mark: &[u8] = if pair.section.is_empty() { b"" } else { b"/" };
            let name = [pair.section, mark, pair.key];
            match pair.value {
                PairValue::Number(number) => self.value(&name, line, pair.printed, Some(number)),
                PairValue::Text(text) => {
                    let grouped = number::grouped(text).filter(|_| compiled.line.grouped);
                    let number = grouped.filter(|(_, length)| *length == text.len()).map(|(number, _)| number);
                    self.value(&name, line, text, number);
                }
            }
            if let Some(average) = pair.average {
                let [section, mark, key] = name;
                self.value(&[section, mark, key, b"/avg"], line, average.digits, Some(average));
            }
        });
    }

    /// Takes the names and values of a whole line but for those that give its place. What comes before is of the logger, up to
    /// the first name of what training is judged by, or `begin`. Text inside `rank` is left out.
    fn scattered_pairs(&mut self, begin: usize, line: &[u8], rank: &Range<usize>) {
        let places: Vec<Range<usize>> = self
            .places
            .iter()
            .map(|(_, place)| place)
            .chain(Some(rank).filter(|rank| !rank.is_empty()))
            .cloned()
            .collect();
        let mut begun = false;
        pairs::each(line, PairStyle::Free, |pair| {
            let at = range_in(line, pair.printed);
            let number = if let PairValue::Number(number) = pair.value { Some(number) } else { None };
            begun |= number.is_some() && is_judged(pair.key) || at.start >= begin;
            if begun && !places.iter().any(|place| place.start < at.end && at.start < place.end) {
                self.words.push(range_in(line, pair.key));
                self.value(&[free_pairs::name(pair.key)], line, pair.printed, number);
            }
        });
    }

    /// A key that gives the place.
    fn key(&mut self, key: ShapeKey, line: &[u8], printed: &[u8]) {
        // `10/3000`: of how many.
        let slash = memchr::memchr(b'/', printed);
        let count = range_in(line, &printed[..slash.unwrap_or(printed.len())]);
        match key {
            ShapeKey::Step => self.places.push((PlacePart::KeyStep, count)),
            ShapeKey::Epoch => self.places.push((PlacePart::KeyEpoch, count)),
            ShapeKey::Iter => {
                self.places.push((PlacePart::KeyIter, count));
                let total = slash.map(|slash| range_in(line, &printed[slash + 1..]));
                self.places.extend(total.map(|total| (PlacePart::KeyTotal, total)));
            }
            ShapeKey::Ignored => {}
        }
    }

    fn value(&mut self, name: &[&[u8]], line: &[u8], printed: &[u8], number: Option<PrintedNumber<'_>>) {
        let begin = self.names.len();
        for part in name {
            self.names.extend_from_slice(part);
        }
        self.values.push(ValueLayout {
            name: begin..self.names.len(),
            at: range_in(line, number.map_or(printed, |number| number.digits)),
            number: number.map(|number| number.notation),
        });
    }
}

/// Where a part of a line is in it.
fn range_in(line: &[u8], part: &[u8]) -> Range<usize> {
    // An empty part may be anywhere.
    let begin = if part.is_empty() { 0 } else { part.as_ptr() as usize - line.as_ptr() as usize };
    begin..begin + part.len()
}

fn unquoted(text: &[u8]) -> &[u8] {
    let inside = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
    inside.unwrap_or(text)
}
