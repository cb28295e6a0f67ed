//! A line described by an example of it: `Epoch {epoch}, Iter {iter}, Step {step}: loss {loss}`.
//!
//! The text between the fields must be in the line as it is; a run of blanks matches any other run, and blanks in
//! front of a number are skipped. Anything may come before and after, so that prefixes of loggers do not matter.
//! `{_}` is any text, the shortest that fits, and `{{` is a brace. Fields of these names give the line's place:
//!
//! - `epoch`: the epoch, counted from 1, or from 0 as `{epoch:0}`; `{epoch:elapsed}`: how many are done, with a fraction;
//! - `iter`: the batch inside that epoch, from 1, or from 0 as `{iter:0}`;
//! - `step`: the update over the whole run, from 1, or from 0 as `{step:0}`;
//! - `iters_done`: how many batches of the epoch are done;
//! - `samples`: how many samples the run has seen; where there is no step, it is what places the line;
//! - `samples_in_epoch`: how many samples of the epoch are done, or as `{samples_in_epoch:0}` the index of the first sample
//!   of the batch; where there is no step, it is what places the line;
//! - `iters`, `iters_per_epoch`: how many batches an epoch has; `epochs`, `steps`, `samples_per_epoch`: how many there
//!   are to be;
//! - `wall_time`: seconds since 1970.
//!
//! Each other field is a tag, and the text in its place is the value. Where no number is given from which an epoch, iter,
//! step or sample is counted, it is 1, or 0 if the log has a 0 there.
//!
//! A line is matched from left to right and nothing is tried twice, so that the time is linear in its length.

use std::ops::Range;

use memchr::memmem::Finder;
use stepbridge_records::SeriesMeaning;

use super::bigrams::Bigrams;

/// A number, or a value, that is longer is none. So nothing in a line that is not longer meets a bound.
pub(super) const SHORT: usize = 1024;

/// What a field is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Epoch,
    Iter,
    Step,
    Samples,
    SamplesInEpoch,
    Iters,
    /// How many epochs the run is to have.
    Epochs,
    /// How many updates the run, or samples an epoch, is to have.
    Total,
    WallTime,
    Tag(usize),
    /// All that follows; of the shapes alone.
    Rest,
}

#[expect(clippy::large_enum_variant, reason = "a handful a pattern")]
pub(super) enum Element {
    Literal(Finder<'static>),
    Blank,
    Field(Slot),
}

/// A part of a pattern; there may be any text between two of them.
#[derive(Default)]
pub(super) struct Segment {
    pub(super) elements: Vec<Element>,
    /// Whether it may begin inside a word: `{_}` is directly before it.
    pub(super) attached: bool,
}

/// What the numbers of a pattern count from if that was not given with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct OpenBases {
    pub(super) epoch: bool,
    /// Of the number that the line is placed by.
    pub(super) step: bool,
}

/// A pattern, ready to be looked for.
pub(super) struct Pattern {
    pub(super) segments: Vec<Segment>,
    /// The names of the fields that are tags.
    pub(super) tags: Vec<String>,
    pub(super) meaning: SeriesMeaning,
    /// Whether it has both a step and an iter.
    pub(super) counts_twice: bool,
    pub(super) open: OpenBases,
    /// What a line must hold.
    pub(super) bigrams: Bigrams,
}

/// Where the fields of a line are in it.
#[derive(Debug, Default)]
pub(super) struct Captures {
    pub(super) epoch: Option<Range<usize>>,
    pub(super) iter: Option<Range<usize>>,
    pub(super) step: Option<Range<usize>>,
    pub(super) samples: Option<Range<usize>>,
    pub(super) samples_in_epoch: Option<Range<usize>>,
    pub(super) iters: Option<Range<usize>>,
    pub(super) epochs: Option<Range<usize>>,
    pub(super) wall_time: Option<Range<usize>>,
    pub(super) tags: Vec<Range<usize>>,
    pub(super) rest: Option<Range<usize>>,
    /// Where the first thing that matched begins, and where the last one ends.
    pub(super) begin: usize,
    pub(super) end: usize,
}

impl Pattern {
    /// Whether it ends with all that follows.
    pub(super) fn has_rest(&self) -> bool {
        let elements = self.segments.iter().flat_map(|segment| &segment.elements);
        elements.into_iter().any(|element| matches!(element, Element::Field(Slot::Rest)))
    }

    /// Looks for the pattern in a line.
    pub(super) fn find(&self, line: &[u8], captures: &mut Captures) -> bool {
        captures.clear(self.tags.len());
        let mut at = 0;
        for (index, segment) in self.segments.iter().enumerate() {
            let Some((begin, end)) = search(segment, line, at, captures) else { return false };
            if index == 0 {
                captures.begin = begin;
            }
            at = end;
        }
        captures.end = at;
        true
    }
}

impl Captures {
    /// Where the place of the line ends, and all that follows begins.
    pub(super) fn end_of_place(&self) -> usize {
        self.rest.as_ref().map_or(self.end, |rest| rest.start)
    }

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
            Slot::SamplesInEpoch => self.samples_in_epoch = Some(range),
            Slot::Iters => self.iters = Some(range),
            Slot::Epochs => self.epochs = Some(range),
            Slot::WallTime => self.wall_time = Some(range),
            Slot::Rest => self.rest = Some(range),
            Slot::Tag(tag) => self.tags[tag] = range,
            Slot::Total => {}
        }
    }
}

/// Finds the first place from `from` on where a segment fits: where it begins and ends.
fn search(segment: &Segment, line: &[u8], from: usize, captures: &mut Captures) -> Option<(usize, usize)> {
    let Segment { elements, attached } = segment;
    let mut at = from;
    if let Some(Element::Literal(first)) = elements.first() {
        let word = !attached && first.needle().first().is_some_and(u8::is_ascii_alphanumeric);
        // Most lines without a prefix begin with it.
        let find = |rest: &[u8]| if rest.starts_with(first.needle()) { Some(0) } else { first.find(rest) };
        while let Some(found) = line.get(at..).and_then(find) {
            let begin = at + found;
            let inside = word && begin > 0 && line[begin - 1].is_ascii_alphanumeric();
            let fit = if inside { None } else { fits(&elements[1..], line, begin + first.needle().len(), captures) };
            if let Some(end) = fit {
                return Some((begin, end));
            }
            at = begin + 1;
        }
        return None;
    }
    // It begins with a field: every word may be it.
    while at < line.len() {
        at += line[at..].iter().take_while(|byte| is_blank(**byte)).count();
        let next = at + line[at..].iter().take_while(|byte| !is_blank(**byte)).count();
        let begins = [Some(at), after_prefix(&line[at..next]).map(|prefix| at + prefix)];
        for begin in begins.into_iter().flatten() {
            if let Some(end) = fits(elements, line, begin, captures) {
                return Some((begin, end));
            }
        }
        at = next;
    }
    None
}

/// How long what launchers and loggers put before a line without a blank is: `[default0]:12/32`, `[1,0]<stdout>:12/32`,
/// `INFO:root:12/32`.
fn after_prefix(word: &[u8]) -> Option<usize> {
    const LEVELS: [&[u8]; 5] = [b"DEBUG:", b"INFO:", b"WARNING:", b"ERROR:", b"CRITICAL:"];
    let name = LEVELS.iter().find(|level| word.starts_with(level)).map_or(0, |level| level.len());
    let colon = name + memchr::memchr(b':', &word[name..])?;
    let ends = name > 0 || colon > 0 && matches!(word[colon - 1], b']' | b'>');
    ends.then_some(colon + 1)
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
                // A mark before a blank ends the number, one before a digit does not.
                let mark = next.filter(|next| *next == b"," || *next == b".").map(|next| next[0]);
                let apart = mark.filter(|_| matches!(elements.get(index + 2), Some(Element::Blank)));
                let end = at + token(&line[at..], *slot, next, apart)?;
                // What comes before a slash is of how many, and a pattern that does not say so is of other lines.
                if line.get(end) == Some(&b'/') && next.is_none() && !matches!(slot, Slot::Tag(_)) {
                    return None;
                }
                captures.set(*slot, at..end);
                at = end;
            }
        }
    }
    Some(at)
}

/// How long the text of a field is. A place must begin as a number does; otherwise the line does not have this shape.
fn token(text: &[u8], slot: Slot, next: Option<&[u8]>, apart: Option<u8>) -> Option<usize> {
    let number = !matches!(slot, Slot::Tag(_));
    if number {
        let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
        text.get(sign).filter(|byte| byte.is_ascii_digit())?;
    } else if matches!(text.first(), Some(b':' | b'=')) && next.is_none_or(|next| !text.starts_with(next)) {
        // A mark that the pattern does not have.
        return None;
    }
    let digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    let mut length = 0;
    while let Some(&byte) = text.get(length) {
        let between = length > 0 && text[length - 1].is_ascii_digit() && digit(length + 1);
        let in_number = byte == b',' && between;
        if !(between && apart == Some(byte))
            && next.is_some_and(|next| byte == next[0] && text[length..].starts_with(next))
        {
            break;
        }
        let goes_on = if number {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'+' | b'-' | b'_')
                || byte == b'.' && digit(length + 1)
                || in_number
        } else if next.is_some() || in_number {
            !is_blank(byte)
        } else {
            !is_blank(byte) && !matches!(byte, b',' | b';' | b'|' | b')' | b']' | b'}' | b'\'' | b'"')
        };
        if !goes_on {
            break;
        }
        length += 1;
        if length > SHORT {
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

    /// The fields that are in a line, by name, with the tags.
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
            ("n {step}, loss {y}", "n 1,000, loss 2", Some("1,000 2")),
            ("[{step}/{steps}] {{x}} {y}", "at [ 3/ 10]  {x} -1e-5)", Some("3 -1e-5")),
            ("{epoch} {a}% {_} end={b}", "lines 7 0.5% of many end words end=2;", Some("7 0.5 2")),
            ("e{epoch:0}i{iter:0}/{iters} {a b}", "run e3i4/5 6", Some("3 4 5 6")),
            ("at {wall_time}: {x}", "at 1700000000.5: 2", Some("1700000000.5 2")),
            ("step {step} {_}loss={loss}", "step 1 a loss= b loss=2", Some("1 b")),
            ("step {step} | time: {_}s | loss {loss}", "step 2 | time: 21.5s | loss 2.5", Some("2 2.5")),
            ("{step}: {x}s", "at 3: 2.5s", Some("3 2.5")),
            ("step {step} loss {loss}", "step 1 loss 1,234.5, b", Some("1 1,234.5")),
        ] {
            let seen = found(pattern, line).map(|fields| fields.join(" "));
            assert_eq!(seen.as_deref(), expected, "{pattern} in {line}");
        }
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
