//! A cursor over JSON text that forgives what log writers do: bare `NaN` and `Infinity`, and a file cut in the middle.
//!
//! Numbers are given as the text that stands there, so that a printed digit is never lost to a float on the way.

mod decimal;

use std::borrow::Cow;

use decimal::{Digits, SHIFTS, Scan, printed};

/// Values nested deeper than this are refused: no log nests, and a forged one must not exhaust the stack.
const DEPTH: u32 = 64;

/// Why a value could not be read. The cursor stands where that showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The text ends inside it.
    End,
    /// It is not JSON.
    Syntax,
}

/// A value; of text and containers only that they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    /// A number, as its text, and as a float.
    Number {
        text: &'a str,
        value: f64,
    },
    /// Text, true or false.
    Other,
    Null,
    /// An object or an array, which was stepped over.
    Nested,
}

/// A place in a text.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    pub(crate) at: usize,
    /// Whether a value ends with its line.
    lines: bool,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, lines: false }
    }

    /// A cursor over text that holds a value a line: the end of a line is no blank.
    pub(crate) fn lines(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, lines: true }
    }

    /// The next byte that is no blank.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<u8, Fault> {
        // There is one blank at most, as a rule.
        self.at += usize::from(self.bytes.get(self.at) == Some(&b' '));
        match self.bytes.get(self.at) {
            Some(&byte) if byte > b' ' => Ok(byte),
            _ => self.blanks(),
        }
    }

    fn blanks(&mut self) -> Result<u8, Fault> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\n') if !self.lines => self.at += 1,
                Some(&byte) => return Ok(byte),
                None => return Err(Fault::End),
            }
        }
    }

    /// Steps over `byte`, which must come next.
    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.take(byte)? { Ok(()) } else { Err(Fault::Syntax) }
    }

    /// Steps over `byte` if it comes next.
    pub(crate) fn take(&mut self, byte: u8) -> Result<bool, Fault> {
        let found = self.peek()? == byte;
        self.at += usize::from(found);
        Ok(found)
    }

    /// The next member's name, with its colon.
    pub(crate) fn name(&mut self) -> Result<Cow<'a, str>, Fault> {
        let raw = self.string()?;
        self.expect(b':')?;
        // Names with escapes or broken UTF-8 are no names of a format, but they may be tags.
        Ok(unescaped(raw))
    }

    /// Steps over a text if it comes next.
    #[inline]
    pub(crate) fn take_text(&mut self, text: &[u8]) -> bool {
        let next = self.bytes.get(self.at..self.at + text.len());
        let found = next.is_some_and(|next| same(next, text));
        self.at += if found { text.len() } else { 0 };
        found
    }

    /// Steps over the next value and says what it was.
    pub(crate) fn value(&mut self) -> Result<Value<'a>, Fault> {
        self.value_within(DEPTH)
    }

    fn value_within(&mut self, depth: u32) -> Result<Value<'a>, Fault> {
        let depth = depth.checked_sub(1).ok_or(Fault::Syntax)?;
        match self.peek()? {
            b'"' => self.string().map(|_| Value::Other),
            b'{' => self.members(b'}', |cursor| {
                cursor.string()?;
                cursor.expect(b':')?;
                cursor.value_within(depth).map(|_| ())
            }),
            b'[' => self.members(b']', |cursor| cursor.value_within(depth).map(|_| ())),
            _ => self.bare(),
        }
    }

    /// Steps over a container that `close` ends.
    fn members(
        &mut self,
        close: u8,
        mut member: impl FnMut(&mut Self) -> Result<(), Fault>,
    ) -> Result<Value<'a>, Fault> {
        self.at += 1;
        if !self.take(close)? {
            loop {
                member(self)?;
                if self.take(close)? {
                    break;
                }
                self.expect(b',')?;
            }
        }
        Ok(Value::Nested)
    }

    /// A value of letters or digits.
    fn bare(&mut self) -> Result<Value<'a>, Fault> {
        let begin = self.at;
        let rest = &self.bytes[begin..];
        if let [b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..] = rest {
            let value = self.number()?;
            let text = std::str::from_utf8(&self.bytes[begin..self.at]).map_err(|_| Fault::Syntax)?;
            return Ok(Value::Number { text, value });
        }
        let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count();
        // Of what stands at the very end nobody knows whether it is whole.
        if length == rest.len() {
            self.at = self.bytes.len();
            return Err(Fault::End);
        }
        let value = match &rest[..length] {
            b"true" | b"false" => Value::Other,
            b"null" => Value::Null,
            b"NaN" => Value::Number { text: "NaN", value: f64::NAN },
            b"Infinity" => Value::Number { text: "Infinity", value: f64::INFINITY },
            b"-Infinity" => Value::Number { text: "-Infinity", value: f64::NEG_INFINITY },
            _ => return Err(Fault::Syntax),
        };
        self.at += length;
        Ok(value)
    }

    /// Whether a number comes next, and no blank.
    #[inline]
    pub(crate) fn is_at_number(&self) -> bool {
        matches!(self.bytes.get(self.at), Some(b'0'..=b'9' | b'-' | b'N' | b'I'))
    }

    /// A number, `NaN` or an infinity, as the nearest float.
    pub(crate) fn float(&mut self) -> Result<f64, Fault> {
        match self.bytes.get(self.at..) {
            Some([b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..]) => self.number(),
            _ => match self.value()? {
                Value::Number { value, .. } => Ok(value),
                _ => Err(Fault::Syntax),
            },
        }
    }

    /// A number of digits: its sign comes next, or its first digit.
    #[inline]
    fn number(&mut self) -> Result<f64, Fault> {
        let rest = &self.bytes[self.at..];
        let negative = rest[0] == b'-';
        match printed(&rest[usize::from(negative)..]) {
            Some((value, length)) => {
                self.at += usize::from(negative) + length;
                Ok(if negative { -value } else { value })
            }
            None => self.any_number(),
        }
    }

    /// The same, of any length and with an exponent.
    fn any_number(&mut self) -> Result<f64, Fault> {
        let begin = self.at;
        let negative = self.bytes[begin] == b'-';
        self.at += usize::from(negative);
        let mut scan = Scan::default();
        let first = self.at;
        self.whole(&mut scan)?;
        if self.at - first > 1 && self.bytes[first] == b'0' {
            return Err(Fault::Syntax);
        }
        if scan.mantissa == 0 && self.at - first == 1 {
            scan.digits = 0;
        }
        let mut exponent = 0_i32;
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            let before = self.at;
            self.digits(&mut scan)?;
            exponent = i32::try_from(self.at - before).map_or(i32::MIN, |count| -count);
            if scan.digits > Scan::MOST && scan.digits == self.at - before {
                scan.digits -= self.bytes[before..self.at].iter().take_while(|digit| **digit == b'0').count();
            }
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            let minus = self.bytes.get(self.at) == Some(&b'-');
            self.at += usize::from(minus || self.bytes.get(self.at) == Some(&b'+'));
            let mut power = Scan::default();
            self.digits(&mut power)?;
            let power = if power.digits > 8 { i32::MAX } else { i32::try_from(power.mantissa).unwrap_or(i32::MAX) };
            exponent = exponent.saturating_add(if minus { -power } else { power });
        }
        match self.bytes.get(self.at) {
            Some(b',' | b'}') => {}
            None => return Err(Fault::End),
            Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-') => {
                return Err(Fault::Syntax);
            }
            Some(_) => {}
        }
        if let Some(value) = scan.nearest(exponent) {
            return Ok(if negative { -value } else { value });
        }
        let text = std::str::from_utf8(&self.bytes[begin..self.at]).map_err(|_| Fault::Syntax)?;
        text.parse().map_err(|_| Fault::Syntax)
    }

    /// Steps over the digits before the point: a few, as a rule.
    fn whole(&mut self, scan: &mut Scan) -> Result<(), Fault> {
        match self.bytes.get(self.at..self.at + 2) {
            Some([digit, b'.']) if digit.is_ascii_digit() => {
                (scan.mantissa, scan.digits) = (u64::from(digit - b'0'), 1);
                self.at += 1;
                Ok(())
            }
            _ => self.digits(scan),
        }
    }

    /// Steps over digits, of which there is one at least.
    #[inline]
    fn digits(&mut self, scan: &mut Scan) -> Result<(), Fault> {
        let begin = self.at;
        let mut rest = &self.bytes[begin..];
        // Mostly eight and eight and a few: which comes next is guessed, and how many the few are is computed.
        while let Some((&chunk, behind)) = rest.split_first_chunk() {
            let digits = Digits::of(chunk);
            if digits.count == chunk.len() {
                scan.mantissa = scan.mantissa.wrapping_mul(SHIFTS[8]).wrapping_add(digits.number());
                rest = behind;
            } else {
                scan.mantissa = scan.mantissa.wrapping_mul(SHIFTS[digits.count]).wrapping_add(digits.number());
                rest = &rest[digits.count..];
                break;
            }
        }
        while let [digit @ b'0'..=b'9', behind @ ..] = rest {
            scan.mantissa = scan.mantissa.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            rest = behind;
        }
        self.at = self.bytes.len() - rest.len();
        scan.digits += self.at - begin;
        match rest {
            [] => Err(Fault::End),
            _ if self.at == begin => Err(Fault::Syntax),
            _ => Ok(()),
        }
    }

    /// Steps over a number that is whole as it is printed, and shorter than where floats begin to lack integers.
    pub(crate) fn short_integer(&mut self) -> Option<i64> {
        let rest = self.bytes.get(self.at..)?;
        let digits = rest.strip_prefix(b"-").unwrap_or(rest);
        let (mut number, mut count) = match digits.first_chunk().map(|chunk| Digits::of(*chunk)) {
            // Of no more than eight digits.
            Some(digits) => (digits.number().cast_signed(), digits.count),
            None => (0, 0),
        };
        while let Some(digit @ b'0'..=b'9') = digits.get(count) {
            if count == SHORT {
                return None;
            }
            number = number * 10 + i64::from(digit - b'0');
            count += 1;
        }
        let ends = matches!(digits.get(count), Some(b',' | b'}' | b' '));
        if count == 0 || !ends || count > 1 && digits[0] == b'0' {
            return None;
        }
        let negative = rest.len() - digits.len();
        self.at += negative + count;
        Some(if negative == 1 { -number } else { number })
    }

    /// Text between its quotes, as it stands there.
    pub(crate) fn string(&mut self) -> Result<&'a [u8], Fault> {
        self.expect(b'"')?;
        let begin = self.at;
        loop {
            match self.bytes.get(self.at) {
                None => return Err(Fault::End),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(&self.bytes[begin..self.at - 1]);
                }
                Some(b'\\') => self.at = (self.at + 2).min(self.bytes.len()),
                // A control character inside text: a quote is missing somewhere before.
                Some(0..0x20) => return Err(Fault::Syntax),
                Some(_) => self.at += 1,
            }
        }
    }
}

/// Whether two texts of one length are the same. Most are short: two words that overlap hold them.
#[inline]
fn same(one: &[u8], other: &[u8]) -> bool {
    fn ends<const N: usize>(one: &[u8], other: &[u8]) -> bool {
        one.first_chunk::<N>() == other.first_chunk::<N>() && one.last_chunk::<N>() == other.last_chunk::<N>()
    }
    match one.len() {
        8..=16 => ends::<8>(one, other),
        17..=32 => ends::<16>(one, other),
        _ => one == other,
    }
}

/// So many digits are read as an integer at once.
const SHORT: usize = 14;

/// The text that `raw` stands for; what is no text stays as it is.
pub(crate) fn unescaped(raw: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(raw);
    if !text.contains('\\') {
        return text;
    }
    match serde_json::from_str(&format!("\"{text}\"")) {
        Ok(unescaped) => Cow::Owned(unescaped),
        Err(_) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &str) -> Result<Value<'_>, Fault> {
        Cursor::new(text.as_bytes(), 0).value()
    }

    #[test]
    fn values() {
        for (text, expected) in [
            ("1.50 ", Ok(Value::Number { text: "1.50", value: 1.5 })),
            ("-1e-05,", Ok(Value::Number { text: "-1e-05", value: -1e-5 })),
            ("-Infinity]", Ok(Value::Number { text: "-Infinity", value: f64::NEG_INFINITY })),
            (" \"a\\\"b\" ", Ok(Value::Other)),
            ("false ", Ok(Value::Other)),
            ("null ", Ok(Value::Null)),
            ("[1, {\"a\": []}, NaN] ", Ok(Value::Nested)),
            ("{} ", Ok(Value::Nested)),
            ("1.5", Err(Fault::End)),
            ("\"abc", Err(Fault::End)),
            ("[1, ", Err(Fault::End)),
            ("", Err(Fault::End)),
            ("nan ", Err(Fault::Syntax)),
            ("1.5.2 ", Err(Fault::Syntax)),
            ("01 ", Err(Fault::Syntax)),
            ("1. ", Err(Fault::Syntax)),
            ("+1 ", Err(Fault::Syntax)),
            ("1e ", Err(Fault::Syntax)),
            ("-x ", Err(Fault::Syntax)),
            ("1e", Err(Fault::End)),
            ("[1 2] ", Err(Fault::Syntax)),
            ("{1: 2} ", Err(Fault::Syntax)),
            ("<<<<<<< ", Err(Fault::Syntax)),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
        assert_eq!(value(&"[".repeat(1000)), Err(Fault::Syntax), "nested too deep");
    }

    #[test]
    fn names() {
        for (text, expected) in [("\"loss\" :1", "loss"), ("\"a\\u00e4\\\"\":", "aä\""), ("\"\\x\":", "\\x")] {
            assert_eq!(Cursor::new(text.as_bytes(), 0).name().as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_line_ends_what_stands_in_it() {
        assert_eq!(Cursor::lines(b"[1,\n2]", 0).value(), Err(Fault::Syntax));
        assert_eq!(Cursor::new(b"[1,\n2]", 0).value(), Ok(Value::Nested));
    }

    fn float(text: &str) -> u64 {
        Cursor::new(format!("{text},").as_bytes(), 0).float().expect("a number").to_bits()
    }

    #[test]
    fn floats_have_the_nearest_bits() {
        for text in [
            "0",
            "-0",
            "-0.0",
            "9007199254740991",
            "9007199254740993",
            "1e22",
            "1e23",
            "123456789012345678901234567890",
            "0.1",
            "2.2250738585072011e-308",
            "5e-324",
            "1e400",
            "-1e400",
            "1e-400",
            "1e99999999999",
            "0e99999999999",
            "0.000000000000000000000000000000000000000000001",
            "1.7976931348623157e308",
            "8.41e+21",
            "00.5e0",
        ] {
            if text.starts_with("00") {
                assert_eq!(Cursor::new(text.as_bytes(), 0).float(), Err(Fault::Syntax));
                continue;
            }
            assert_eq!(float(text), text.parse::<f64>().expect("a float").to_bits(), "{text}");
        }
    }

    #[test]
    fn short_integers_are_read_and_others_left() {
        for (text, expected) in [
            ("12,", Some(12)),
            ("-7}", Some(-7)),
            ("0 ", Some(0)),
            ("99999999999999,", Some(99_999_999_999_999)),
            ("100000000000000,", None),
            ("01,", None),
            ("1.0,", None),
            ("1e3,", None),
            ("-,", None),
            ("12", None),
            ("x,", None),
        ] {
            let mut cursor = Cursor::new(text.as_bytes(), 0);
            assert_eq!(cursor.short_integer(), expected, "{text}");
            assert_eq!(cursor.at, if expected.is_some() { text.len() - 1 } else { 0 }, "{text}");
        }
    }

    proptest! {
        #[test]
        fn long_decimals_are_those_of_their_text(mantissa in 10..u64::MAX, half in 1_u64..1 << 53, point in 0_usize..25) {
            // Digits anywhere, and those that stand close to the middle between two floats.
            for number in [u128::from(mantissa), u128::from(half) * 2 + 1, u128::from(half | 1 << 52) * 1000 + 500] {
                let digits = number.to_string();
                let (whole, fraction) = digits.split_at(point.clamp(1, digits.len() - 1));
                let text = format!("{whole}.{fraction}");
                prop_assert_eq!(float(&text), text.parse::<f64>().expect("a float").to_bits(), "{}", text);
                let text = format!("{number}e-{point}");
                prop_assert_eq!(float(&text), text.parse::<f64>().expect("a float").to_bits(), "{}", text);
            }
        }

        #[test]
        fn every_float_is_that_of_its_text(value in any::<f64>().prop_filter("finite", |value| value.is_finite()),
            whole in any::<i64>(), digits in "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][-+]?[0-9]{1,3})?") {
            for text in [format!("{value}"), format!("{value:?}"), format!("{value:e}"), format!("{whole}"), digits] {
                prop_assert_eq!(float(&text), text.parse::<f64>().expect("a float").to_bits(), "{}", text);
            }
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Cursor::new(&bytes, 0).value();
        }

        #[test]
        fn json_of_the_crate_is_read(numbers in prop::collection::vec(any::<f64>(), 0..20)) {
            let text = serde_json::to_string(&numbers).expect("json") + " ";
            prop_assert_eq!(value(&text), Ok(Value::Nested));
        }
    }
}
