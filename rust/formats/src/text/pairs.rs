//! Keys and values as loggers print them after the head of a line.

use super::number;
use super::pattern::is_blank;
use super::shapes::PairStyle;

/// The value of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum PairValue<'a> {
    Number(f64),
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
    pub(super) average: Option<f64>,
}

/// Names longer than this are none.
const NAME: usize = 200;

/// The pairs in a text, one after the other.
pub(super) fn each<'a>(text: &'a [u8], pairs: PairStyle, mut take: impl FnMut(Pair<'a>)) {
    let mut rest = text;
    while !rest.is_empty() {
        let (item, next) = match pairs {
            PairStyle::None => return,
            PairStyle::Comma | PairStyle::Object => split(rest, memchr::memchr(b',', rest)),
            PairStyle::Bar => split(rest, memchr::memchr(b'|', rest)),
            PairStyle::Tab => split(rest, memchr::memchr(b'\t', rest)),
            PairStyle::Wide => split_wide(rest),
        };
        if let Some(pair) = pair(item) {
            take(pair);
        }
        rest = next;
    }
}

fn split(text: &[u8], at: Option<usize>) -> (&[u8], &[u8]) {
    match at {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}

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

/// The pair that an item is, if it is one.
fn pair(item: &[u8]) -> Option<Pair<'_>> {
    let item = trim_start(item);
    let marks = |byte: &u8| matches!(byte, b':' | b'=');
    let (key, value) = match item.iter().position(marks) {
        Some(at) => (&item[..at], &item[at + 1..]),
        None => item.split_at(before_number(item)?),
    };
    let (key, value) = (trim(key), trim(value));
    if key.len() > NAME
        || matches!(key.first(), None | Some(b'('))
        || !key.iter().any(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80)
    {
        return None;
    }
    if value.is_empty() {
        return None;
    }
    let Some((number, length)) = number::value(value) else {
        return Some(Pair { key, value: PairValue::Text(value), printed: value, average: None });
    };
    let behind = value[length..].trim_ascii();
    let inside = behind.strip_prefix(b"(").and_then(|behind| behind.strip_suffix(b")")).map(<[u8]>::trim_ascii);
    let average = inside.and_then(|inside| number::value(inside).filter(|(_, length)| *length == inside.len()));
    let average = average.map(|(average, _)| average);
    Some(Pair { key, value: PairValue::Number(number), printed: &value[..length], average })
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
fn trim_start(mut text: &[u8]) -> &[u8] {
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
fn trim(text: &[u8]) -> &[u8] {
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
            let key = String::from_utf8_lossy(pair.key).into_owned();
            let value = match pair.value {
                PairValue::Number(number) => number.to_string(),
                PairValue::Text(text) => format!("'{}'", String::from_utf8_lossy(text)),
            };
            let average = pair.average.map_or_else(String::new, |average| format!(" ({average})"));
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
            (PairStyle::Object, "loss': 0.5, 'epoch': '0.1'}", &["loss=0.5", "epoch=0.1"]),
            (PairStyle::Object, "\"model\":\"nin\",\"lr\":0.1,\"x\":true}", &["model='nin'", "lr=0.1", "x='true'"]),
        ] {
            assert_eq!(read(text, pairs), expected, "{text}");
        }
    }
}
