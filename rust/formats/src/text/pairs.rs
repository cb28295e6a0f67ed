//! Keys and values as loggers print them after the head of a line.

use super::number::{self, PrintedNumber};
use super::pattern::is_blank;

/// How keys and values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PairStyle {
    /// There are none.
    None,
    /// `key: value, key: value`.
    Comma,
    /// `key: value | key: value`.
    Bar,
    /// `key: value  key: value`, two blanks or a tab between.
    Wide,
    /// `key value (average)`, a tab between.
    Tab,
    /// `"key": value, 'key': 'value'`.
    Object,
    /// `key: value - key: value`.
    Dash,
    /// `key value : key value`.
    Colon,
    /// `key: value key: value`, whatever is between.
    Free,
    /// `[section] key=value, key=value, [section] key=value`.
    Sections,
}

/// The value of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum PairValue<'a> {
    Number(PrintedNumber<'a>),
    /// No number; how it was printed.
    Text(&'a [u8]),
}

/// A key with its value.
#[derive(Debug, PartialEq)]
pub(super) struct Pair<'a> {
    pub(super) key: &'a [u8],
    pub(super) value: PairValue<'a>,
    /// The value as it was printed, for the keys that are a place.
    pub(super) printed: &'a [u8],
    /// The average in brackets after it (`6.943 (6.94)`).
    pub(super) average: Option<PrintedNumber<'a>>,
    /// The section that it is in; empty if there are none.
    pub(super) section: &'a [u8],
}

/// Names longer than this are none.
const NAME: usize = 200;

/// The pairs in a text, one after the other.
pub(super) fn each<'a>(text: &'a [u8], pairs: PairStyle, mut take: impl FnMut(Pair<'a>)) {
    if pairs == PairStyle::Free {
        super::free_pairs::each(text, take);
        return;
    }
    let mut rest = text;
    // The first key of an object may lack its opening quote: the pattern has it.
    let mut quote = if pairs == PairStyle::Object { Quotes::at(text) } else { Quotes::Plain };
    let mut section = &[][..];
    while !rest.is_empty() {
        let (mut item, next) = match pairs {
            PairStyle::None | PairStyle::Free => return,
            PairStyle::Comma | PairStyle::Object | PairStyle::Sections => split(rest, comma(rest, quote), 1),
            PairStyle::Bar => split(rest, memchr::memchr(b'|', rest), 1),
            PairStyle::Tab => split(rest, memchr::memchr(b'\t', rest), 1),
            PairStyle::Dash => split(rest, memchr::memmem::find(rest, b" - "), 3),
            PairStyle::Colon => split(rest, memchr::memmem::find(rest, b" : "), 3),
            PairStyle::Wide => split_wide(rest),
        };
        if let Some((name, rest)) = section_of(item).filter(|_| pairs == PairStyle::Sections) {
            (section, item) = (name, rest);
        }
        while let Some((pair, glued)) = pair(item) {
            take(Pair { section, ..pair });
            item = glued;
        }
        if quote != Quotes::Plain {
            quote = Quotes::Outside;
        }
        rest = next;
    }
}

/// The section that begins with an item, and the item itself.
fn section_of(item: &[u8]) -> Option<(&[u8], &[u8])> {
    let inside = trim_start(item).strip_prefix(b"[")?;
    let close = memchr::memchr(b']', inside)?;
    Some((&inside[..close], &inside[close + 1..]))
}

/// What quotes mean in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    Plain,
    /// They enclose names and texts, and the text begins outside of them, or inside of one of this sort.
    Outside,
    Inside(u8),
}

impl Quotes {
    /// The first key of an object may lack its opening quote: the pattern has it.
    fn at(text: &[u8]) -> Self {
        let opens = text.trim_ascii_start().first().copied().is_some_and(is_quote);
        let first = text.iter().copied().find(|byte| is_quote(*byte)).filter(|_| !opens);
        first.map_or(Self::Outside, Self::Inside)
    }
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'')
}

/// Whether a text has a pair whose value is a number.
pub(super) fn any_number(text: &[u8], pairs: PairStyle) -> bool {
    let mut found = false;
    each(text, pairs, |pair| found |= matches!(pair.value, PairValue::Number(_)));
    found
}

fn split(text: &[u8], at: Option<usize>, length: usize) -> (&[u8], &[u8]) {
    match at {
        Some(at) => (&text[..at], &text[at + length..]),
        None => (text, &[]),
    }
}

/// The comma after the first item: one between digits, in brackets or in quotes belongs to the value. `quotes`: what quotes
/// mean.
fn comma(text: &[u8], quotes: Quotes) -> Option<usize> {
    let digit = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_digit);
    let mut quote = if let Quotes::Inside(quote) = quotes { Some(quote) } else { None };
    let mut depth = 0_i32;
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b',' => {
                let inside = digit(at.checked_sub(1)) && digit(Some(at + 1));
                if at > LIST || !inside && depth <= 0 && quote.is_none() {
                    return Some(at);
                }
            }
            _ if quote.is_some() => quote = quote.filter(|open| *open != byte),
            b'"' | b'\'' if quotes != Quotes::Plain => quote = Some(byte),
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// A list that is longer is not looked at as one.
const LIST: usize = 2048;

/// Up to a tab, or to two blanks, but for those that only fill up a number.
fn split_wide(text: &[u8]) -> (&[u8], &[u8]) {
    let blanks = text.iter().take_while(|byte| is_blank(**byte)).count();
    let text = &text[blanks..];
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b' ', b'\t', &text[at..]) {
        at += found;
        let blanks = text[at..].iter().take_while(|byte| is_blank(**byte)).count();
        let fills = at > 0 && matches!(text[at - 1], b':' | b'=' | b'(' | b',');
        if text[at] == b'\t' || blanks > 1 && !fills || at + blanks == text.len() {
            return (&text[..at], &text[at + blanks..]);
        }
        at += blanks;
    }
    (text, &[])
}

/// Where the mark between a key and its value is. One between digits belongs to a time (`eta 3:05`).
pub(super) fn mark(item: &[u8]) -> Option<usize> {
    let digit = |at: Option<usize>| at.and_then(|at| item.get(at)).is_some_and(u8::is_ascii_digit);
    let mut from = 0;
    while let Some(found) = memchr::memchr2(b':', b'=', &item[from..]) {
        let at = from + found;
        if !(item[at] == b':' && digit(at.checked_sub(1)) && digit(Some(at + 1))) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// The pair that an item is, if it is one, and what is directly after its number.
fn pair(item: &[u8]) -> Option<(Pair<'_>, &[u8])> {
    let item = trim_start(item);
    let (key, value) = match mark(item) {
        Some(at) => (&item[..at], &item[at + 1..]),
        None if item.first().is_some_and(u8::is_ascii_digit) => return None,
        None => item.split_at(before_number(item)?),
    };
    let (key, value) = (trim(key), trim(value));
    if !is_key(key) || value.is_empty() {
        return None;
    }
    // MMEngine prints `accuracy: 34.2300data_time: 0.0046`.
    let glued = number::decimal(value).filter(|length| is_glued(&value[*length..])).unwrap_or(value.len());
    let (value, glued) = value.split_at(glued);
    let Some((number, length)) = number_of(key, value) else {
        return Some((Pair { key, value: PairValue::Text(value), printed: value, average: None, section: &[] }, glued));
    };
    let printed = &value[..length];
    let average = average(&value[length..]);
    Some((Pair { key, value: PairValue::Number(number), printed, average, section: &[] }, glued))
}

/// Whether a key with its mark begins here, directly after a number.
fn is_glued(text: &[u8]) -> bool {
    let name =
        text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'/' | b'.')).count();
    name > 2 && text[0].is_ascii_alphabetic() && text.get(name) == Some(&b':') && text.get(name + 1) == Some(&b' ')
}

pub(super) fn is_key(key: &[u8]) -> bool {
    key.len() <= NAME
        && !matches!(key.first(), None | Some(b'('))
        && key.iter().any(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80)
}

/// The number that a value begins with, and how long it is. A list of one number is that number.
pub(super) fn number_of<'a>(key: &[u8], value: &'a [u8]) -> Option<(PrintedNumber<'a>, usize)> {
    if let Some(found) = number::value(value) {
        return Some(found);
    }
    let memory = |key: &[u8]| key.to_ascii_lowercase().windows(3).any(|part| part == b"mem");
    if let Some(found) = number::memory(value).filter(|_| memory(key)) {
        return Some(found);
    }
    let inside =
        value.strip_prefix(b"tensor(").or_else(|| value.strip_prefix(b"[").or_else(|| value.strip_prefix(b"(")))?;
    let lead = value.len() - inside.len();
    let (number, length) = number::value(inside)?;
    let rest = &inside[length..];
    let one = rest.iter().position(|byte| matches!(byte, b']' | b')'))?;
    let alone = lead > 1 || rest[..one].iter().all(|byte| is_blank(*byte) || *byte == b',');
    alone.then_some((number, lead + length + one + 1))
}

/// The average in brackets after a number.
pub(super) fn average(behind: &[u8]) -> Option<PrintedNumber<'_>> {
    let inside = behind.trim_ascii().strip_prefix(b"(")?.strip_suffix(b")")?.trim_ascii();
    number::value(inside).filter(|(_, length)| *length == inside.len()).map(|(average, _)| average)
}

/// Where a number comes after a blank, or something in a number's place.
fn before_number(item: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = memchr::memchr2(b' ', b'\t', &item[from..]) {
        from += found + 1;
        if item.get(from).is_some_and(u8::is_ascii_digit) || number::value(&item[from..]).is_some() {
            return Some(from - 1);
        }
    }
    None
}

/// Without the marks that separate it from what comes before.
pub(super) fn trim_start(mut text: &[u8]) -> &[u8] {
    while let Some((first, rest)) = text.split_first() {
        let dash = *first == b'-' && rest.first().is_some_and(|next| is_blank(*next));
        if !(first.is_ascii_whitespace() || dash || matches!(first, b':' | b',' | b';' | b'|' | b'>')) {
            break;
        }
        text = rest;
    }
    text
}

/// Without blanks and quotes around it.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let outside = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'{' | b'}');
    let begin = text.iter().take_while(|byte| outside(byte)).count();
    let end = text.len() - text[begin..].iter().rev().take_while(|byte| outside(byte)).count();
    &text[begin..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, pairs: PairStyle) -> Vec<String> {
        let mut all = Vec::new();
        each(text.as_bytes(), pairs, |pair| {
            let names = [pair.section, pair.key].map(String::from_utf8_lossy);
            let key = if pair.section.is_empty() { names[1].to_string() } else { names.join("/") };
            let value = match pair.value {
                PairValue::Number(number) => number.to_f64().expect("a number").to_string(),
                PairValue::Text(text) => format!("'{}'", String::from_utf8_lossy(text)),
            };
            let average = pair.average.and_then(PrintedNumber::to_f64);
            let average = average.map_or_else(String::new, |average| format!(" ({average})"));
            all.push(format!("{key}={value}{average}"));
        });
        all
    }

    #[test]
    fn pairs_of_every_sort() {
        for (pairs, text, expected) in [
            (PairStyle::Comma, ", Loss: 0.0490", &["Loss=0.049"][..]),
            (PairStyle::Comma, "loss 2.1, time 100.00ms, mfu 1.5%", &["loss=2.1", "time=100", "mfu=1.5"]),
            (PairStyle::Comma, ": Train Loss=0.07, Val Loss=nan", &["Train Loss=0.07", "Val Loss=NaN"]),
            (PairStyle::Comma, "loss: n/a, acc=, 5, x", &["loss='n/a'"]),
            (PairStyle::Comma, "avg. samples / sec: 75.46", &["avg. samples / sec=75.46"]),
            (PairStyle::Comma, "loss 1,234.5, eta 3:05, x 2.5k", &["loss=1234.5", "eta='3:05'", "x=2500"]),
            (PairStyle::Comma, "loss: 0,5, a 1", &["loss='0,5'", "a=1"]),
            (
                PairStyle::Comma,
                "lr=[1e-05], mom=[(0.9, 0.95)], a=(0.5,)",
                &["lr=0.00001", "mom='[(0.9, 0.95)]'", "a=0.5"],
            ),
            (PairStyle::Comma, "a: tensor(0.5, device='cuda:0'), b: 1", &["a=0.5", "b=1"]),
            (PairStyle::Comma, "mem: 2.31G, x: 2.31G", &["mem=2.31", "x='2.31G'"]),
            (
                PairStyle::Wide,
                "eta: 3 days, 12:21:48  accuracy: 34.2300data_time: 0.0046  t: 1",
                &["eta='3 days, 12:21:48'", "accuracy=34.23", "data_time=0.0046", "t=1"],
            ),
            (PairStyle::Dash, "5ms/step - accuracy: 0.5 - val_loss: -1e-2", &["accuracy=0.5", "val_loss=-0.01"]),
            (
                PairStyle::Colon,
                "Cost 1.25 : Time 10.12s : 99.5 words/s : L.r. 1e-04",
                &["Cost=1.25", "Time=10.12", "L.r.=0.0001"],
            ),
            (
                PairStyle::Bar,
                " consumed samples:  25600 | lm loss: 1.0E+01 |",
                &["consumed samples=25600", "lm loss=10"],
            ),
            (PairStyle::Bar, " loss 6.648 | clip 100% | wall 390", &["loss=6.648", "clip=100", "wall=390"]),
            (PairStyle::Wide, "  eta: 1:43:01  coco/AP .5: 0.5  x: 1", &["eta='1:43:01'", "coco/AP .5=0.5", "x=1"]),
            (PairStyle::Wide, "Loss:  6.5 (  6.75)  LR: 1.0", &["Loss=6.5 (6.75)", "LR=1"]),
            (PairStyle::Tab, "\tSpeed: 1.5 samples/sec\taccuracy=0.25", &["Speed=1.5", "accuracy=0.25"]),
            (
                PairStyle::Tab,
                "\tTime  0.1 (0.2)\tTok/s 9 ( 8)\tLR 2e-3",
                &["Time=0.1 (0.2)", "Tok/s=9 (8)", "LR=0.002"],
            ),
            (PairStyle::Wide, "Time: 0.5s,  99.0/s  (0.6s, 9/s)  LR: 1e-6", &["Time=0.5", "LR=0.000001"]),
            (PairStyle::Sections, "[train] a=1, b=2.5, [valid] a=3", &["train/a=1", "train/b=2.5", "valid/a=3"]),
            (PairStyle::Object, "loss': 1,234.5, 'a': 'b, c: 5', 'd': 1}", &["loss=1234.5", "a='b, c: 5'", "d=1"]),
            (PairStyle::Object, "loss': 0.5, 'epoch': '0.1'}", &["loss=0.5", "epoch=0.1"]),
            (PairStyle::Object, "\"model\":\"nin\",\"lr\":0.1,\"x\":true}", &["model='nin'", "lr=0.1", "x='true'"]),
        ] {
            assert_eq!(read(text, pairs), expected, "{text}");
        }
    }
}
