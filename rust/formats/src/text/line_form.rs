//! Lines that differ in the digits of their numbers alone, so that the parts of one are those of the other.
//!
//! What a shape looks at is where digits are, hardly what they are or how many. So a line that was read once is a form: the
//! same bytes with other digits is the same line with other numbers, and nothing is searched for in it. What does depend on
//! the digits themselves keeps them, or their number, in the form:
//!
//! - the words of names, the number of a rank, and digits that a literal of some pattern may hold stay as they are;
//! - outside of the numbers that are taken as many digits are in the same place;
//! - a number has as many digits as before at the beginning of a line, next to a comma, which may part its thousands
//!   (`1,234`), and after a blank that comes after digits (`1 234.5`). In front of a comma a 0 stays a first 0;
//! - no count has more than 15 digits: a counter of more is none;
//! - no bound on the length of a part can be met: a longer line is not a form.

use std::ops::Range;

use super::line_layout::LineLayout;
use super::pattern::{Element, SHORT, is_blank};
use super::shapes::CompiledLine;

/// A count of more digits is none.
const COUNT: usize = 15;

/// Which digits of a line the literals of some patterns may look at.
#[derive(Debug, Clone, Default)]
pub(super) struct LiteralDigits {
    /// What a literal has before digits: those directly after it.
    after: Vec<Vec<u8>>,
    /// Whether a literal begins with a digit, after a blank or anywhere.
    after_blank: bool,
    anywhere: bool,
}

impl LiteralDigits {
    pub(super) fn of<'a>(lines: impl Iterator<Item = &'a CompiledLine>) -> Self {
        let mut digits = Self::default();
        for line in lines {
            for segment in &line.pattern.segments {
                let before = std::iter::once(None).chain(segment.elements.iter().map(Some));
                for (element, before) in segment.elements.iter().zip(before) {
                    if let Element::Literal(literal) = element {
                        digits.add(literal.needle(), matches!(before, Some(Element::Blank)));
                    }
                }
            }
            digits.add(line.line.needs.as_bytes(), false);
        }
        digits
    }

    fn add(&mut self, literal: &[u8], blank_before: bool) {
        if literal.first().is_some_and(u8::is_ascii_digit) {
            self.anywhere |= !blank_before;
            self.after_blank = true;
        }
        for at in 1..literal.len() {
            let before = &literal[..at];
            if literal[at].is_ascii_digit()
                && !literal[at - 1].is_ascii_digit()
                && !self.after.iter().any(|one| one == before)
            {
                self.after.push(before.to_vec());
            }
        }
    }

    /// Whether the digits from `begin` on may be looked at.
    fn reach(&self, line: &[u8], begin: usize) -> bool {
        let before = &line[..begin];
        self.anywhere
            || self.after_blank && before.last().is_some_and(|byte| is_blank(*byte))
            || self.after.iter().any(|literal| before.ends_with(literal))
    }
}

/// A line without the digits of its numbers.
#[derive(Debug)]
pub(super) struct LineForm {
    /// The lowest byte that each byte between the numbers may be, and how far above it may be.
    low: Vec<u8>,
    span: Vec<u8>,
    /// The text before each number, and that after the last one.
    texts: Vec<FormText>,
    numbers: Vec<FormNumber>,
    /// The parts of the line that was read last, and whether numbers of another length moved them since.
    layout: LineLayout,
    moved: bool,
    /// Where each part begins and ends.
    edges: Vec<[FormEdge; 2]>,
}

/// A text between two numbers.
#[derive(Debug)]
struct FormText {
    /// Where its bytes are among those of the form.
    range: Range<usize>,
    /// Whether it has no digits that may be others.
    exact: bool,
}

/// Digits of a number.
#[derive(Debug)]
struct FormNumber {
    /// How many there may be, and how many there are in the line that was read last.
    most: usize,
    length: usize,
}

/// A place in a line.
#[derive(Debug, Clone, Copy)]
struct FormEdge {
    /// How many bytes of text come before it, and how many numbers.
    text: usize,
    numbers: usize,
}

/// What may come in the place of some digits.
#[derive(Debug, Clone, Copy, PartialEq)]
enum DigitRule {
    /// The same digits.
    Same,
    /// As many.
    Many,
    /// As many; the first is a 0 if it is one here, and otherwise is not.
    ManyAfterFirst,
    /// Any number of them up to this.
    UpTo(usize),
}

impl LineForm {
    /// The form of a line with its layout. `None` where another line of the form could have another layout.
    pub(super) fn learn(line: &[u8], layout: &LineLayout, literals: &LiteralDigits) -> Option<Self> {
        if line.len() > SHORT {
            return None;
        }
        let mut form = Self {
            low: Vec::with_capacity(line.len()),
            span: Vec::with_capacity(line.len()),
            texts: Vec::new(),
            numbers: Vec::new(),
            layout: layout.clone(),
            moved: false,
            edges: Vec::new(),
        };
        // Where each of the numbers is in this line.
        let mut numbers: Vec<Range<usize>> = Vec::new();
        let (mut at, mut text, mut exact) = (0, 0, true);
        while at < line.len() {
            let length = digits(&line[at..], usize::MAX);
            if length == 0 {
                form.push(line[at], 0);
                at += 1;
                continue;
            }
            let end = at + length;
            let rule = rule(line, at..end, layout, literals);
            if let DigitRule::UpTo(most) = rule {
                form.texts.push(FormText { range: text..form.low.len(), exact });
                (text, exact) = (form.low.len(), true);
                form.numbers.push(FormNumber { most, length });
                numbers.push(at..end);
            } else {
                exact &= rule == DigitRule::Same;
                for (index, &digit) in line[at..end].iter().enumerate() {
                    match rule {
                        DigitRule::ManyAfterFirst if index == 0 && digit == b'0' => form.push(digit, 0),
                        DigitRule::ManyAfterFirst if index == 0 => form.push(b'1', 8),
                        DigitRule::Same => form.push(digit, 0),
                        _ => form.push(b'0', 9),
                    }
                }
            }
            at = end;
        }
        form.texts.push(FormText { range: text..form.low.len(), exact });
        for range in layout.ranges() {
            let [begin, end] = [range.start, range.end].map(|at| edge(at, &numbers));
            form.edges.push([begin?, end?]);
        }
        Some(form)
    }

    fn push(&mut self, low: u8, span: u8) {
        self.low.push(low);
        self.span.push(span);
    }

    /// The parts of a line if it has this form.
    pub(super) fn layout(&self) -> &LineLayout {
        &self.layout
    }

    /// Whether a line has this form. Then its parts are those of the layout.
    pub(super) fn fits(&mut self, line: &[u8]) -> bool {
        let mut rest = line;
        let mut numbers = self.numbers.iter_mut();
        for FormText { range, exact } in &self.texts {
            let Some((text, after)) = rest.split_at_checked(range.len()) else { return false };
            let low = &self.low[range.clone()];
            let same = if *exact { text == low } else { within(text, low, &self.span[range.clone()]) };
            if !same {
                return false;
            }
            let Some(number) = numbers.next() else {
                // The last text.
                rest = after;
                break;
            };
            let length = digits(after, number.most + 1);
            if length == 0 || length > number.most {
                return false;
            }
            self.moved |= length != number.length;
            number.length = length;
            rest = &after[length..];
        }
        if !rest.is_empty() {
            return false;
        }
        if std::mem::take(&mut self.moved) {
            self.shift();
        }
        true
    }

    /// Moves the parts to where they are now.
    fn shift(&mut self) {
        let Self { layout, edges, numbers, .. } = self;
        let (mut known, mut length) = (0, 0);
        let mut place = |edge: FormEdge| {
            // The parts mostly come one after the other.
            if edge.numbers < known {
                (known, length) = (0, 0);
            }
            length += numbers[known..edge.numbers].iter().map(|number| number.length).sum::<usize>();
            known = edge.numbers;
            edge.text + length
        };
        for (range, [begin, end]) in layout.ranges_mut().zip(edges.iter()) {
            *range = place(*begin)..place(*end);
        }
    }
}

/// How many digits a text begins with; it is looked at so far.
fn digits(text: &[u8], most: usize) -> usize {
    text.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count()
}

/// Whether each byte of a text is in its range. Without a branch for a byte, so that many are compared at once.
fn within(text: &[u8], low: &[u8], span: &[u8]) -> bool {
    let fits = |((byte, low), span): ((&u8, &u8), &u8)| byte.wrapping_sub(*low) <= *span;
    text.iter().zip(low).zip(span).fold(true, |all, one| all & fits(one))
}

/// Where a place of a line is in its form; `None` inside a number.
fn edge(at: usize, numbers: &[Range<usize>]) -> Option<FormEdge> {
    let before = numbers.partition_point(|number| number.end <= at);
    let inside = numbers.get(before).is_some_and(|number| number.start < at);
    let length: usize = numbers[..before].iter().map(Range::len).sum();
    (!inside).then_some(FormEdge { text: at - length, numbers: before })
}

/// What may come in the place of the digits that are here.
fn rule(line: &[u8], at: Range<usize>, layout: &LineLayout, literals: &LiteralDigits) -> DigitRule {
    let Range { start: begin, end } = at;
    let overlaps = |range: &Range<usize>| range.start < end && begin < range.end;
    if layout.words.iter().any(overlaps) || literals.reach(line, begin) {
        return DigitRule::Same;
    }
    let byte = |at: Option<usize>| at.and_then(|at| line.get(at)).copied();
    let digit = |at: Option<usize>| byte(at).is_some_and(|byte| byte.is_ascii_digit());
    let (before, after) = (byte(begin.checked_sub(1)), byte(Some(end)));
    if after == Some(b',') && digit(Some(end + 1)) {
        return DigitRule::ManyAfterFirst;
    }
    let most = if before == Some(b'.') { SHORT } else { COUNT };
    let parted = before == Some(b',') && digit(begin.checked_sub(2));
    let taken = layout.numbers().any(|number| number.start <= begin && end <= number.end);
    if !taken || before.is_none() || parted || end - begin > most || before == Some(b' ') && follows_digits(line, begin)
    {
        return DigitRule::Many;
    }
    DigitRule::UpTo(most)
}

/// Whether the word before a blank that ends at `begin` has digits.
fn follows_digits(line: &[u8], begin: usize) -> bool {
    let words = line[..begin].trim_ascii_end();
    words.iter().rev().take_while(|byte| !matches!(byte, b' ' | b'\t')).any(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests;
