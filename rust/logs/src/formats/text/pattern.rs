//! A line described by an example of it: `Epoch {epoch}, Iter {iter}, Step {step}: loss {loss}`.
//!
//! Between the fields stands text that a line has as it is; a run of blanks there stands for any other, and blanks in
//! front of a number are skipped. What stands before and behind is free, so that prefixes of loggers do not matter.
//! `{_}` is any text, the shortest that fits, and `{{` is a brace. Fields of these names say where the line stands:
//!
//! - `epoch`: the epoch, counted from 1, or from 0 as `{epoch:0}`; `{epoch:elapsed}`: how many are done, with a fraction;
//! - `iter`: the batch inside that epoch, from 1, or from 0 as `{iter:0}`;
//! - `step`: the update over the whole run, from 1, or from 0 as `{step:0}`;
//! - `samples`: how many samples the run has seen; where there is no step, it is what places the line;
//! - `iters`, `iters_per_epoch`: how many batches an epoch has; `epochs`, `steps`: how many there are to be;
//! - `wall_time`: seconds since 1970.
//!
//! Each other field is a tag, and what stands there its value.
//!
//! A line is matched from left to right and nothing is tried twice, so that the time is linear in its length.

use std::ops::Range;

use memchr::memmem::Finder;
use stepbridge_timeline::Unit;

use crate::formats::{EpochMeaning, Meaning, StepMeaning};

/// A number, or a value, that is longer is none.
const TOKEN: usize = 512;

/// Where a pattern is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The column in characters, from 1.
    pub(crate) column: usize,
    pub(crate) reason: String,
}

/// What a field is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Epoch,
    Iter,
    Step,
    Samples,
    Iters,
    /// A total of the run.
    Total,
    WallTime,
    Tag(usize),
    /// All that follows; of the shapes alone.
    Rest,
}

#[expect(clippy::large_enum_variant, reason = "a handful a pattern")]
enum Element {
    Literal(Finder<'static>),
    Blank,
    Field(Slot),
}

/// A pattern, ready to be looked for.
pub(super) struct Pattern {
    /// Between two of them stands any text.
    segments: Vec<Vec<Element>>,
    /// The names of the fields that are tags.
    pub(super) tags: Vec<String>,
    pub(super) meaning: Meaning,
    /// Whether it has both a step and an iter.
    pub(super) counts_twice: bool,
}

/// Where the fields of a line stand in it.
#[derive(Debug, Default)]
pub(super) struct Captures {
    pub(super) epoch: Option<Range<usize>>,
    pub(super) iter: Option<Range<usize>>,
    pub(super) step: Option<Range<usize>>,
    pub(super) samples: Option<Range<usize>>,
    pub(super) iters: Option<Range<usize>>,
    pub(super) wall_time: Option<Range<usize>>,
    pub(super) tags: Vec<Range<usize>>,
    pub(super) rest: Option<Range<usize>>,
    /// Where the last thing that matched ends.
    pub(super) end: usize,
}

/// What is gathered while a pattern is read.
#[derive(Default)]
struct Building {
    segments: Vec<Vec<Element>>,
    literal: String,
    tags: Vec<String>,
    names: Vec<(String, usize)>,
    bases: Bases,
    elapsed: bool,
}

struct Bases {
    epoch: u8,
    iter: u8,
    step: u8,
}

impl Default for Bases {
    /// As people print them.
    fn default() -> Self {
        Self { epoch: 1, iter: 1, step: 1 }
    }
}

/// The patterns of a caller: one a line.
pub(crate) fn patterns(text: &str) -> Result<Vec<Pattern>, (String, Fault)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let found = lines.map(|line| Pattern::new(line).map_err(|fault| (line.to_owned(), fault)));
    let found = found.collect::<Result<Vec<_>, _>>()?;
    if found.is_empty() {
        return Err((text.to_owned(), fault(0, "it is empty")));
    }
    Ok(found)
}

fn fault(index: usize, reason: impl Into<String>) -> Fault {
    Fault { column: index + 1, reason: reason.into() }
}

impl Pattern {
    /// Reads a pattern of a caller.
    pub(super) fn new(text: &str) -> Result<Self, Fault> {
        let mut building = Building { segments: vec![Vec::new()], ..Building::default() };
        building.read(text)?;
        let place = ["epoch", "step", "samples", "wall_time"];
        if building.names.is_empty() {
            return Err(fault(0, "it has no field, such as {step} or {loss}"));
        }
        let iter = building.names.iter().find(|(name, _)| name == "iter");
        if let Some((_, column)) = iter.filter(|_| !building.has("epoch")) {
            let reason = "{iter} is counted inside an epoch, and there is no {epoch}; a count over the run is {step}";
            return Err(fault(*column, reason));
        }
        if !place.iter().any(|name| building.has(name)) {
            return Err(fault(0, "it has neither {step} nor {epoch}, so that its values have no place"));
        }
        Ok(building.finish())
    }

    /// Reads the pattern of a shape, which may have `{*}` and lack fields.
    pub(super) fn of_shape(text: &str) -> Result<Self, Fault> {
        let mut building = Building { segments: vec![Vec::new()], ..Building::default() };
        building.read(text)?;
        Ok(building.finish())
    }

    /// Looks for the pattern in a line.
    pub(super) fn find(&self, line: &[u8], captures: &mut Captures) -> bool {
        captures.clear(self.tags.len());
        let mut at = 0;
        for segment in &self.segments {
            match search(segment, line, at, captures) {
                Some(end) => at = end,
                None => return false,
            }
        }
        captures.end = at;
        true
    }
}

impl Captures {
    fn clear(&mut self, tags: usize) {
        let mut ranges = std::mem::take(&mut self.tags);
        ranges.clear();
        ranges.resize(tags, 0..0);
        *self = Self { tags: ranges, ..Self::default() };
    }

    fn set(&mut self, slot: Slot, range: Range<usize>) {
        match slot {
            Slot::Epoch => self.epoch = Some(range),
            Slot::Iter => self.iter = Some(range),
            Slot::Step => self.step = Some(range),
            Slot::Samples => self.samples = Some(range),
            Slot::Iters => self.iters = Some(range),
            Slot::WallTime => self.wall_time = Some(range),
            Slot::Rest => self.rest = Some(range),
            Slot::Tag(tag) => self.tags[tag] = range,
            Slot::Total => {}
        }
    }
}

impl Building {
    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|(known, _)| known == name)
    }

    fn read(&mut self, text: &str) -> Result<(), Fault> {
        let text: Vec<char> = text.trim().chars().collect();
        let mut at = 0;
        // Whether a field or `{_}` stands directly before.
        let mut open = false;
        while let Some(&char) = text.get(at) {
            let doubled = text.get(at + 1) == Some(&char);
            match char {
                '{' | '}' if doubled => {
                    self.literal.push(char);
                    at += 2;
                    open = false;
                }
                '}' => return Err(fault(at, "a '}' without its '{'; a brace that is meant is doubled: '}}'")),
                '{' => {
                    let Some(length) = text[at..].iter().position(|&char| char == '}') else {
                        return Err(fault(at, "a '{' without its '}'; a brace that is meant is doubled: '{{'"));
                    };
                    let name: String = text[at + 1..at + length].iter().collect();
                    if open && name.trim() != "_" {
                        return Err(fault(at, "two fields with nothing between them: where one ends cannot be known"));
                    }
                    self.field(name.trim(), at)?;
                    at += length + 1;
                    open = true;
                }
                _ if char.is_whitespace() => {
                    self.end_literal();
                    self.push(Element::Blank);
                    at += 1;
                    open = false;
                }
                _ => {
                    self.literal.push(char);
                    at += 1;
                    open = false;
                }
            }
        }
        self.end_literal();
        Ok(())
    }

    fn field(&mut self, field: &str, column: usize) -> Result<(), Fault> {
        self.end_literal();
        if field == "_" {
            self.segments.push(Vec::new());
            return Ok(());
        }
        let (name, option) = match field.split_once(':') {
            Some((name, option)) => (name.trim(), Some(option.trim())),
            None => (field, None),
        };
        if name.is_empty() {
            return Err(fault(column, "a field without a name; any text that is of no interest is {_}"));
        }
        if self.has(name) {
            return Err(fault(column, format!("the field {{{name}}} is there twice")));
        }
        self.names.push((name.to_owned(), column));
        let base = match (name, option) {
            (_, None) => None,
            ("epoch" | "iter" | "step", Some("0")) => Some(0),
            ("epoch" | "iter" | "step", Some("1")) => Some(1),
            ("epoch", Some("elapsed")) => {
                self.elapsed = true;
                None
            }
            (_, Some(option)) => {
                let reason = format!(
                    "'{option}' says nothing of {{{name}}}: {{epoch}}, {{iter}} and {{step}} take the number that they \
                     are counted from, ':0' or ':1'"
                );
                return Err(fault(column, reason));
            }
        };
        let slot = match name {
            "epoch" => Slot::Epoch,
            "iter" => Slot::Iter,
            "step" => Slot::Step,
            "samples" => Slot::Samples,
            "iters" | "iters_per_epoch" => Slot::Iters,
            "epochs" | "steps" => Slot::Total,
            "wall_time" => Slot::WallTime,
            "*" => Slot::Rest,
            _ => {
                self.tags.push(name.to_owned());
                Slot::Tag(self.tags.len() - 1)
            }
        };
        match (slot, base) {
            (Slot::Epoch, Some(base)) => self.bases.epoch = base,
            (Slot::Iter, Some(base)) => self.bases.iter = base,
            (Slot::Step, Some(base)) => self.bases.step = base,
            _ => {}
        }
        // Blanks before a field are skipped whether the pattern has some or not.
        if let Some(segment) = self.segments.last_mut() {
            segment.pop_if(|last| matches!(last, Element::Blank));
        }
        self.push(Element::Field(slot));
        Ok(())
    }

    fn end_literal(&mut self) {
        if !self.literal.is_empty() {
            let literal = std::mem::take(&mut self.literal);
            self.push(Element::Literal(Finder::new(literal.as_bytes()).into_owned()));
        }
    }

    fn push(&mut self, element: Element) {
        let Some(segment) = self.segments.last_mut() else { return };
        let needless = segment.is_empty() || matches!(segment.last(), Some(Element::Blank));
        if !(matches!(element, Element::Blank) && needless) {
            segment.push(element);
        }
    }

    fn finish(mut self) -> Pattern {
        for segment in &mut self.segments {
            segment.pop_if(|last| matches!(last, Element::Blank));
        }
        self.segments.retain(|segment| !segment.is_empty());
        let step = if self.has("step") {
            Some(StepMeaning::of_run(Unit::Step, self.bases.step))
        } else if self.has("samples") {
            Some(StepMeaning::of_run(Unit::Sample, 1))
        } else if self.has("iter") {
            Some(StepMeaning::of_epoch(Unit::Batch, self.bases.iter))
        } else {
            None
        };
        let epoch = self.has("epoch").then_some(match (self.elapsed, step) {
            (true, _) => EpochMeaning::Elapsed,
            (false, Some(_)) => EpochMeaning::In(self.bases.epoch),
            (false, None) => EpochMeaning::Ends(self.bases.epoch),
        });
        let counts_twice = self.has("step") && self.has("iter") && self.has("epoch");
        Pattern { segments: self.segments, tags: self.tags, meaning: Meaning { step, epoch }, counts_twice }
    }
}

/// Finds the first place from `from` on where a segment fits; where it ends.
fn search(segment: &[Element], line: &[u8], from: usize, captures: &mut Captures) -> Option<usize> {
    let mut at = from;
    if let Some(Element::Literal(first)) = segment.first() {
        let word = first.needle().first().is_some_and(u8::is_ascii_alphanumeric);
        // Most lines without a prefix begin with it.
        let find = |rest: &[u8]| if rest.starts_with(first.needle()) { Some(0) } else { first.find(rest) };
        while let Some(found) = line.get(at..).and_then(find) {
            let begin = at + found;
            let inside = word && begin > 0 && line[begin - 1].is_ascii_alphanumeric();
            let fit = if inside { None } else { fits(&segment[1..], line, begin + first.needle().len(), captures) };
            if fit.is_some() {
                return fit;
            }
            at = begin + 1;
        }
        return None;
    }
    // It begins with a field: every word may be it.
    while at < line.len() {
        at += line[at..].iter().take_while(|byte| is_blank(**byte)).count();
        if let Some(end) = fits(segment, line, at, captures) {
            return Some(end);
        }
        at += line[at..].iter().take_while(|byte| !is_blank(**byte)).count();
    }
    None
}

/// Whether the elements stand at `at`, and where they end.
fn fits(elements: &[Element], line: &[u8], mut at: usize, captures: &mut Captures) -> Option<usize> {
    for (index, element) in elements.iter().enumerate() {
        match element {
            Element::Literal(literal) => {
                line[at..].starts_with(literal.needle()).then_some(())?;
                at += literal.needle().len();
            }
            Element::Blank => {
                let blanks = line[at..].iter().take_while(|byte| is_blank(**byte)).count();
                (blanks > 0).then_some(())?;
                at += blanks;
            }
            Element::Field(Slot::Rest) => {
                captures.set(Slot::Rest, at..line.len());
                return Some(line.len());
            }
            Element::Field(slot) => {
                at += line[at..].iter().take_while(|byte| is_blank(**byte)).count();
                let next = match elements.get(index + 1) {
                    Some(Element::Literal(literal)) => Some(literal.needle()),
                    _ => None,
                };
                let end = at + token(&line[at..], *slot, next)?;
                captures.set(*slot, at..end);
                at = end;
            }
        }
    }
    Some(at)
}

/// How long what stands in a field is. Of a place it begins as a number does: without that the line is of no such shape.
fn token(text: &[u8], slot: Slot, next: Option<&[u8]>) -> Option<usize> {
    let number = !matches!(slot, Slot::Tag(_));
    if number {
        let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
        text.get(sign).filter(|byte| byte.is_ascii_digit())?;
    }
    let mut length = 0;
    while let Some(&byte) = text.get(length) {
        if next.is_some_and(|next| byte == next[0] && text[length..].starts_with(next)) {
            break;
        }
        let goes_on = if number {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-' | b'_')
        } else if next.is_some() {
            !is_blank(byte)
        } else {
            !is_blank(byte) && !matches!(byte, b',' | b';' | b'|' | b')' | b']' | b'}' | b'\'' | b'"')
        };
        if !goes_on {
            break;
        }
        length += 1;
        if length > TOKEN {
            return None;
        }
    }
    (length > 0).then_some(length)
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::Scope;

    /// The fields that stand in a line, by name, with the tags.
    fn found(pattern: &str, line: &str) -> Option<Vec<String>> {
        let pattern = Pattern::new(pattern).expect("a pattern");
        let mut captures = Captures::default();
        pattern.find(line.as_bytes(), &mut captures).then(|| {
            let places = [&captures.epoch, &captures.iter, &captures.step, &captures.iters, &captures.wall_time];
            let ranges = places.into_iter().flatten().chain(&captures.tags);
            ranges.map(|range| line[range.clone()].to_owned()).collect()
        })
    }

    #[test]
    fn lines_are_found() {
        let textbook = "Epoch {epoch}, Iter {iter}, Step {step}: loss {loss}";
        for (pattern, line, expected) in [
            (textbook, "Epoch 5, Iter 5, Step 25: loss 0.5", Some("5 5 25 0.5")),
            (textbook, "[INFO] 12:00 Epoch 5,  Iter   5,\tStep 25:\tloss   0.5, acc 1", Some("5 5 25 0.5")),
            (textbook, "Epoch one, Epoch 5, Iter 5, Step 25: loss nan", Some("5 5 25 nan")),
            (textbook, "Epoch 5, Iter 5, Step 25: loss", None),
            (textbook, "Epoch five, Iter 5, Step 25: loss 1", None),
            (textbook, "Epochs 5, Iter 5, Step 25: loss 1", None),
            (textbook, "", None),
            ("Epoch {epoch}", "MyEpoch 5, Epoch 6", Some("6")),
            ("[{step}/{steps}] {{x}} {y}", "at [ 3/ 10]  {x} -1e-5)", Some("3 -1e-5")),
            ("{epoch} {a}% {_} end={b}", "lines 7 0.5% of many end words end=2;", Some("7 0.5 2")),
            ("e{epoch:0}i{iter:0}/{iters} {a b}", "run e3i4/5 6", Some("3 4 5 6")),
            ("at {wall_time}: {x}", "at 1700000000.5: 2", Some("1700000000.5 2")),
            ("step {step} {_}loss={loss}", "step 1 a loss= b loss=2", Some("1 b")),
        ] {
            let seen = found(pattern, line).map(|fields| fields.join(" "));
            assert_eq!(seen.as_deref(), expected, "{pattern} in {line}");
        }
    }

    #[test]
    fn a_pattern_says_what_its_numbers_are() {
        use EpochMeaning::{Elapsed, Ends, In};
        let meaning = |pattern: &str| {
            let Meaning { step, epoch } = Pattern::new(pattern).expect("a pattern").meaning;
            (step.map(|step| (step.unit, step.base, step.scope)), epoch)
        };
        for (pattern, step, epoch) in [
            ("{step} {x}", Some((Unit::Step, 1, Scope::Run)), None),
            ("{step:0} {epoch:0}", Some((Unit::Step, 0, Scope::Run)), Some(In(0))),
            ("{epoch} {iter:0} {x}", Some((Unit::Batch, 0, Scope::Epoch)), Some(In(1))),
            ("{epoch:0} {x}", None, Some(Ends(0))),
            ("{epoch:elapsed} {x}", None, Some(Elapsed)),
            ("{samples} {x}", Some((Unit::Sample, 1, Scope::Run)), None),
            ("{samples} {step}", Some((Unit::Step, 1, Scope::Run)), None),
        ] {
            assert_eq!(meaning(pattern), (step, epoch), "{pattern}");
        }
        assert!(Pattern::new("{epoch} {iter} {step}").expect("a pattern").counts_twice);
    }

    #[test]
    fn bad_patterns_are_refused_where_they_are_bad() {
        for (pattern, column, reason) in [
            ("loss", 1, "no field"),
            ("{_}", 1, "no field"),
            ("loss {loss}", 1, "neither {step} nor {epoch}"),
            ("{step}{loss}", 7, "nothing between"),
            ("{step}{_}{loss}", 10, "nothing between"),
            ("ä {step} {x} {x}", 14, "twice"),
            ("{step} {loss", 8, "without its '}'"),
            ("{step} loss} {x}", 12, "without its '{'"),
            ("{step} {}", 8, "without a name"),
            ("{step:2} {x}", 1, "counted from"),
            ("{step} {x:0}", 8, "counted from"),
            ("loss {loss} {iter}", 13, "inside an epoch"),
        ] {
            let fault = Pattern::new(pattern).err().expect(pattern);
            assert_eq!(fault.column, column, "{pattern}");
            assert!(fault.reason.contains(reason), "{pattern}: {}", fault.reason);
        }
        assert!(patterns(" \n ").is_err());
        let (line, fault) = patterns("{step} {x}\n  {step}{x}").err().expect("a fault");
        assert_eq!((line.as_str(), fault.column), ("{step}{x}", 7));
        assert!(patterns("\n{step} {x}\n{epoch} {y}\n").is_ok_and(|both| both.len() == 2));
    }

    #[test]
    fn long_lines_take_no_time() {
        let pattern = Pattern::new("a{_}b {step} a{x} 1{epoch}a").expect("a pattern");
        for text in ["a", "ab", "ab 1 ", "1", " ", "ab 1 a", "11a"] {
            let line = text.repeat((1 << 20) / text.len());
            let began = std::time::Instant::now();
            pattern.find(line.as_bytes(), &mut Captures::default());
            assert!(began.elapsed().as_secs() < 20, "{text}");
        }
    }
}
