//! Numbers in text, and what may follow them.
//!
//! A notation that has two readings (`0,5`, `12.5M`, `3 days`) is not a number: a value that is left out is counted, a
//! wrong one is believed.

use std::ops::Range;

use stepbridge_io::json::leading_float;

/// U+2212, which some programs print for a minus.
const MINUS: &[u8] = "\u{2212}".as_bytes();

/// A number as it is printed, not converted yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PrintedNumber<'a> {
    /// Its digits, of which commas may part the thousands, or the word for it.
    pub(super) digits: &'a [u8],
    pub(super) notation: Notation,
}

/// What comes around the digits of a number and changes it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Notation {
    /// Whether a minus comes before that is not one of ASCII.
    negative: bool,
    /// Whether its unit is a thousand.
    thousand: bool,
}

impl PrintedNumber<'_> {
    pub(super) fn to_f64(self) -> Option<f64> {
        self.notation.read(self.digits, 0..self.digits.len())
    }
}

impl Notation {
    /// The number whose digits are in this range of a line.
    pub(super) fn read(self, line: &[u8], digits: Range<usize>) -> Option<f64> {
        let number = match leading_float(&line[digits.start..]) {
            Some((number, length)) if length == digits.len() => number,
            _ => parse(&line[digits])?,
        };
        let number = if self.thousand { number * 1000.0 } else { number };
        Some(if self.negative { -number } else { number })
    }
}

/// Reads digits with commas, words, and what is rare.
fn parse(digits: &[u8]) -> Option<f64> {
    if digits.contains(&b',') {
        let plain: Vec<u8> = digits.iter().copied().filter(|byte| *byte != b',').collect();
        return std::str::from_utf8(&plain).ok()?.parse().ok();
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The number that a text begins with, and how long it is. A unit may follow (`100ms`, `57.8%`, `1999.00/s`); what shows
/// that it is not a whole number of that sort (`21:12:23`, `0.0.3`, `10/100`, `0,5`, `3 days`) makes it none.
pub(super) fn value(text: &[u8]) -> Option<(PrintedNumber<'_>, usize)> {
    read(text, false)
}

/// The same, where a comma can only part thousands.
pub(super) fn grouped(text: &[u8]) -> Option<(PrintedNumber<'_>, usize)> {
    read(text, true)
}

fn read(text: &[u8], commas_group: bool) -> Option<(PrintedNumber<'_>, usize)> {
    // Most texts that are no number have none of these.
    if !text.first().is_some_and(|byte| {
        byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'n' | b'N' | b'i' | b'I' | 0xe2)
    }) {
        return None;
    }
    if let Some(rest) = text.strip_prefix(MINUS) {
        rest.first().filter(|byte| !matches!(byte, b'+' | b'-'))?;
        let (mut number, length) = read(rest, commas_group)?;
        number.notation.negative = !number.notation.negative;
        return Some((number, length + MINUS.len()));
    }
    let length = thousands(text, commas_group).or_else(|| decimal(text)).or_else(|| word(text))?;
    let unit = unit(&text[length..])?;
    let thousand = match &text[length..length + unit] {
        b"k" => true,
        // A count of millions, or an amount of memory: which one only the key can say.
        b"K" | b"M" | b"G" | b"B" | b"T" => return None,
        _ => false,
    };
    let short = matches!(&text[length..length + unit], b"h" | b"m" | b"d" | b"min" | b"hr");
    if short
        && text[length + unit..].strip_prefix(b" ").is_some_and(|next| next.first().is_some_and(u8::is_ascii_digit))
    {
        // `1m 40s`.
        return None;
    }
    let notation = Notation { negative: false, thousand };
    follows(&text[length + unit..]).then_some((PrintedNumber { digits: &text[..length], notation }, length + unit))
}

/// A number with a letter for its unit after it, as amounts of memory are printed (`2.31G`, `11810M`).
pub(super) fn memory(text: &[u8]) -> Option<(PrintedNumber<'_>, usize)> {
    let length = decimal(text)?;
    matches!(text.get(length), Some(b'K' | b'M' | b'G' | b'T')).then_some(())?;
    let ends = text.get(length + 1).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let number = PrintedNumber { digits: &text[..length], notation: Notation::default() };
    ends.then_some((number, length + 1))
}

/// How long a number is whose thousands are parted by commas. Without a point it could be several numbers (`3,224,224`).
fn thousands(text: &[u8], commas_group: bool) -> Option<usize> {
    let digits =
        |from: usize| text.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let first = digits(at);
    at += first;
    if text.get(at) != Some(&b',') || !(1..=3).contains(&first) || text[at - first] == b'0' {
        return None;
    }
    while text.get(at) == Some(&b',') && digits(at + 1) == 3 {
        at += 4;
    }
    let point = text.get(at) == Some(&b'.') && digits(at + 1) > 0;
    if text.get(at) == Some(&b',') && text.get(at + 1).is_some_and(u8::is_ascii_digit) || text[at - 1] == b',' {
        return None;
    }
    if point {
        return Some(at + 1 + digits(at + 1));
    }
    (commas_group && at > first + 1).then_some(at)
}

/// How long the decimal is that a text begins with.
pub(super) fn decimal(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let whole = digits(at);
    at += whole;
    let mut fraction = 0;
    if text.get(at) == Some(&b'.') {
        fraction = digits(at + 1);
        if whole + fraction > 0 {
            at += 1 + fraction;
        }
    }
    if whole + fraction == 0 {
        return None;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = if text.len() > at + 1 + sign { digits(at + 1 + sign) } else { 0 };
        if exponent > 0 {
            at += 1 + sign + exponent;
        }
    }
    Some(at)
}

/// How long the word for no number, or for an infinite one, is.
fn word(text: &[u8]) -> Option<usize> {
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let letters = text[sign..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let word = &text[sign..sign + letters];
    let known = ["nan", "inf", "infinity"];
    known.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes())).then_some(sign + letters)
}

/// How long the unit after a number is; `None` where what follows shows that it is not a number.
fn unit(text: &[u8]) -> Option<usize> {
    let mut length = 0;
    while let Some(&byte) = text.get(length) {
        let per = byte == b'/' && text.get(length + 1).is_some_and(u8::is_ascii_alphabetic);
        if !(byte.is_ascii_alphabetic() || byte == b'%' || byte >= 0x80 || per) {
            break;
        }
        length += 1;
    }
    // An exponent without its digits.
    if matches!(&text[..length], b"e" | b"E") {
        return None;
    }
    // `1st`, `2nd`: a place, not an amount.
    if matches!(&text[..length], b"st" | b"nd" | b"rd" | b"th") {
        return None;
    }
    match text.get(length) {
        // Digits after the mark belong to a number in another notation (`0,5`, `1'234`).
        Some(b',' | b'\'') if length == 0 && text.get(1).is_some_and(u8::is_ascii_digit) => None,
        None | Some(b' ' | b'\t' | b',' | b';' | b'|' | b'(' | b')' | b'[' | b']' | b'}' | b'\'' | b'"' | b'>') => {
            Some(length)
        }
        // The end of a sentence.
        Some(b'.') if text.len() == length + 1 => Some(length + 1),
        Some(_) => None,
    }
}

/// Whether a text is a number in a notation that is not read: `0,5`, `1'234`, `1,234`.
pub(super) fn is_other_notation(text: &[u8]) -> bool {
    let inside = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b',' | b'.' | b'\'' | b'-' | b'+');
    text.first().is_some_and(u8::is_ascii_digit)
        && text.iter().all(inside)
        && text.iter().any(|byte| matches!(byte, b',' | b'\''))
}

/// Whether what comes after a number and its unit leaves it that number: `3 days, 12:21:48` and `1 234.5` are others.
fn follows(text: &[u8]) -> bool {
    let Some(rest) = text.strip_prefix(b" ") else { return true };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 3 && matches!(rest.get(3), Some(b'.' | b',')) {
        return false;
    }
    let letters = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let duration = ["day", "days", "hour", "hours", "minute", "minutes", "hr", "hrs"];
    !duration.iter().any(|word| word.as_bytes() == &rest[..letters])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a function finds, converted.
    fn converted(found: Option<(PrintedNumber<'_>, usize)>) -> Option<(f64, usize)> {
        found.and_then(|(number, length)| Some((number.to_f64()?, length)))
    }

    #[test]
    fn numbers_and_what_is_none() {
        for (text, expected) in [
            ("0.0490", Some(0.049)),
            ("-1.5E+01 |", Some(-15.0)),
            ("1e-05,", Some(1e-5)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("0.25. ", None),
            ("0.25.", Some(0.25)),
            ("100ms", Some(100.0)),
            ("57.8%)", Some(57.8)),
            ("1999.00/s", Some(1999.0)),
            ("11810M", None),
            ("12.5k", Some(12_500.0)),
            ("12.5M", None),
            ("2000Mb,", Some(2000.0)),
            ("1,234.5", Some(1234.5)),
            ("1,234.5%", Some(1234.5)),
            ("12,345,678.25,", Some(12_345_678.25)),
            ("0,5", None),
            ("1,5", None),
            ("1,234", None),
            ("1,2345.5", None),
            ("1,234,5", None),
            ("0,234.5", None),
            ("1.234,5", None),
            ("1'234.5", None),
            ("1 234.5", None),
            ("1, 234", Some(1.0)),
            ("\u{2212}0.5", Some(-0.5)),
            ("\u{2212}-0.5", None),
            ("3 days, 12:21:48", None),
            ("1 day, 2:03:04", None),
            ("3:05", None),
            ("1m 40s", None),
            ("1h 4", None),
            ("5m", Some(5.0)),
            ("2nd", None),
            ("10356.65 samples/sec", Some(10356.65)),
            ("inf", Some(f64::INFINITY)),
            ("-Infinity,", Some(f64::NEG_INFINITY)),
            ("21:12:23", None),
            ("0.0.3", None),
            ("10/100", None),
            ("1e-", None),
            ("1e", None),
            ("3-4", None),
            ("infinite", None),
            ("-", None),
            ("", None),
            ("x1", None),
            ("1_000", None),
        ] {
            assert_eq!(converted(value(text.as_bytes())).map(|found| found.0), expected, "{text}");
        }
        assert!(converted(value(b"NaN")).is_some_and(|found| found.0.is_nan()));
        assert_eq!(converted(grouped(b"19,049,038")), Some((19_049_038.0, 10)));
        assert_eq!(converted(grouped(b"0.2370")), Some((0.237, 6)));
        assert_eq!(converted(grouped(b"5,432 x")), Some((5432.0, 5)));
        assert_eq!(converted(grouped(b"3,22")), None);
        assert!(is_other_notation(b"0,5") && is_other_notation(b"1'234.5"));
        assert!(!is_other_notation(b"3:05") && !is_other_notation(b"abc") && !is_other_notation(b"1.2.3"));
        assert_eq!(converted(memory(b"2.31G ")), Some((2.31, 5)));
        assert_eq!(converted(memory(b"2.31Gx")), None);
    }
}
