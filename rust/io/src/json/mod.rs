//! A cursor over JSON text. It accepts what log writers do: bare `NaN` and `Infinity`, and a file that was cut in the middle.
//!
//! A number is returned as its text too, so that no printed digit is lost to a float.

mod decimal;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use decimal::leading_float;

use decimal::{Digits, Scan, printed};

/// Values nested deeper than this are refused. No log nests so deeply, and a forged file must not exhaust the stack.
const DEPTH: u32 = 64;

/// Why a value could not be read. The cursor is at the byte that showed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonFault {
    /// The text ends inside the value.
    End,
    /// The text is not JSON.
    Syntax,
}

/// The kind of a value; for numbers also the value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum JsonValue<'a> {
    /// A number.
    Number {
        /// As it is printed.
        text: &'a str,
        /// As the nearest float.
        value: f64,
    },
    /// Text, true or false.
    Other,
    /// Null.
    Null,
    /// An object or an array.
    Nested,
}

/// A position in a text.
#[derive(Debug, Clone)]
pub struct JsonCursor<'a> {
    bytes: &'a [u8],
    /// The index of the next byte.
    pub at: usize,
    /// Whether a value ends with its line.
    lines: bool,
}

impl<'a> JsonCursor<'a> {
    /// A cursor at index `at` of a text.
    #[must_use]
    #[inline]
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, lines: false }
    }

    /// The same for a text that holds one value a line: the end of a line is not white space.
    #[must_use]
    #[inline]
    pub fn lines(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, lines: true }
    }

    /// The next byte that is not white space; the cursor moves to it.
    #[inline]
    pub fn peek(&mut self) -> Result<u8, JsonFault> {
        // Mostly there is at most one space.
        self.at += usize::from(self.bytes.get(self.at) == Some(&b' '));
        match self.bytes.get(self.at) {
            Some(&byte) if byte > b' ' => Ok(byte),
            _ => self.blanks(),
        }
    }

    fn blanks(&mut self) -> Result<u8, JsonFault> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\n') if !self.lines => self.at += 1,
                Some(&byte) => return Ok(byte),
                None => return Err(JsonFault::End),
            }
        }
    }

    /// Steps over `byte`, which must come next.
    #[inline]
    pub fn expect(&mut self, byte: u8) -> Result<(), JsonFault> {
        if self.take(byte)? { Ok(()) } else { Err(JsonFault::Syntax) }
    }

    /// Steps over `byte` if it comes next, and returns whether it did.
    #[inline]
    pub fn take(&mut self, byte: u8) -> Result<bool, JsonFault> {
        let found = self.peek()? == byte;
        self.at += usize::from(found);
        Ok(found)
    }

    /// Steps over the name of the next member and its colon, and returns the name.
    pub fn name(&mut self) -> Result<Cow<'a, str>, JsonFault> {
        let raw = self.string()?;
        self.expect(b':')?;
        // No format has names with escapes or broken UTF-8, but tags may have them.
        Ok(unescaped(raw))
    }

    /// Steps over these bytes if they come next, and returns whether they did.
    #[inline]
    pub fn take_text(&mut self, text: &[u8]) -> bool {
        let next = self.bytes.get(self.at..self.at + text.len());
        let found = next.is_some_and(|next| same(next, text));
        self.at += if found { text.len() } else { 0 };
        found
    }

    /// Steps over the next value and returns it.
    pub fn value(&mut self) -> Result<JsonValue<'a>, JsonFault> {
        self.value_within(DEPTH)
    }

    fn value_within(&mut self, depth: u32) -> Result<JsonValue<'a>, JsonFault> {
        let depth = depth.checked_sub(1).ok_or(JsonFault::Syntax)?;
        match self.peek()? {
            b'"' => self.string().map(|_| JsonValue::Other),
            b'{' => self.members(b'}', |cursor| {
                cursor.string()?;
                cursor.expect(b':')?;
                cursor.value_within(depth).map(|_| ())
            }),
            b'[' => self.members(b']', |cursor| cursor.value_within(depth).map(|_| ())),
            _ => self.bare(),
        }
    }

    /// Steps over an object or an array, which `close` ends.
    fn members(
        &mut self,
        close: u8,
        mut member: impl FnMut(&mut Self) -> Result<(), JsonFault>,
    ) -> Result<JsonValue<'a>, JsonFault> {
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
        Ok(JsonValue::Nested)
    }

    /// A value of letters or digits.
    fn bare(&mut self) -> Result<JsonValue<'a>, JsonFault> {
        let begin = self.at;
        let rest = &self.bytes[begin..];
        if let [b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..] = rest {
            let value = self.number()?;
            let text = std::str::from_utf8(&self.bytes[begin..self.at]).map_err(|_| JsonFault::Syntax)?;
            return Ok(JsonValue::Number { text, value });
        }
        let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count();
        // At the end of the text, the value may be incomplete.
        if length == rest.len() {
            self.at = self.bytes.len();
            return Err(JsonFault::End);
        }
        let value = match &rest[..length] {
            b"true" | b"false" => JsonValue::Other,
            b"null" => JsonValue::Null,
            b"NaN" => JsonValue::Number { text: "NaN", value: f64::NAN },
            b"Infinity" => JsonValue::Number { text: "Infinity", value: f64::INFINITY },
            b"-Infinity" => JsonValue::Number { text: "-Infinity", value: f64::NEG_INFINITY },
            _ => return Err(JsonFault::Syntax),
        };
        self.at += length;
        Ok(value)
    }

    /// Whether a number comes next, without white space before it.
    #[inline]
    #[must_use]
    pub fn is_at_number(&self) -> bool {
        matches!(self.bytes.get(self.at), Some(b'0'..=b'9' | b'-' | b'N' | b'I'))
    }

    /// Steps over a number, `NaN` or an infinity, and returns the nearest float.
    #[inline]
    pub fn float(&mut self) -> Result<f64, JsonFault> {
        match self.bytes.get(self.at..) {
            Some([b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..]) => self.number(),
            _ => match self.value()? {
                JsonValue::Number { value, .. } => Ok(value),
                _ => Err(JsonFault::Syntax),
            },
        }
    }

    /// Steps over a finite number. Its sign or its first digit comes next.
    #[inline]
    fn number(&mut self) -> Result<f64, JsonFault> {
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

    /// The same for any length, with or without an exponent.
    fn any_number(&mut self) -> Result<f64, JsonFault> {
        let begin = self.at;
        let negative = self.bytes[begin] == b'-';
        self.at += usize::from(negative);
        let mut scan = Scan::default();
        let first = self.at;
        self.whole(&mut scan)?;
        if self.at - first > 1 && self.bytes[first] == b'0' {
            return Err(JsonFault::Syntax);
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
            None => return Err(JsonFault::End),
            Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-') => {
                return Err(JsonFault::Syntax);
            }
            Some(_) => {}
        }
        if let Some(value) = scan.nearest(exponent) {
            return Ok(if negative { -value } else { value });
        }
        let text = std::str::from_utf8(&self.bytes[begin..self.at]).map_err(|_| JsonFault::Syntax)?;
        text.parse().map_err(|_| JsonFault::Syntax)
    }

    /// Steps over the digits before the point, which are mostly few.
    fn whole(&mut self, scan: &mut Scan) -> Result<(), JsonFault> {
        match self.bytes.get(self.at..self.at + 2) {
            Some([digit, b'.']) if digit.is_ascii_digit() => {
                (scan.mantissa, scan.digits) = (u64::from(digit - b'0'), 1);
                self.at += 1;
                Ok(())
            }
            _ => self.digits(scan),
        }
    }

    /// Steps over one or more digits.
    #[inline]
    fn digits(&mut self, scan: &mut Scan) -> Result<(), JsonFault> {
        let begin = self.at;
        let rest = scan.take(&self.bytes[begin..]);
        self.at = self.bytes.len() - rest.len();
        match rest {
            [] => Err(JsonFault::End),
            _ if self.at == begin => Err(JsonFault::Syntax),
            _ => Ok(()),
        }
    }

    /// Steps over an integer of at most 14 digits, which a float would hold exactly too. `None` if something else comes next.
    #[inline]
    pub fn short_integer(&mut self) -> Option<i64> {
        let rest = self.bytes.get(self.at..)?;
        let digits = rest.strip_prefix(b"-").unwrap_or(rest);
        let (mut number, mut count) = match digits.first_chunk().map(|chunk| Digits::of(*chunk)) {
            // At most eight digits.
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

    /// Steps over a string, and returns the bytes between its quotes, with their escapes.
    pub fn string(&mut self) -> Result<&'a [u8], JsonFault> {
        self.expect(b'"')?;
        let begin = self.at;
        loop {
            match self.bytes.get(self.at) {
                None => return Err(JsonFault::End),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(&self.bytes[begin..self.at - 1]);
                }
                Some(b'\\') => self.at = (self.at + 2).min(self.bytes.len()),
                // A control character inside a string: a quote is missing before it.
                Some(0..0x20) => return Err(JsonFault::Syntax),
                Some(_) => self.at += 1,
            }
        }
    }
}

/// Whether two byte strings of one length are the same. Most are short enough for two overlapping words.
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

/// The most digits of a short integer.
const SHORT: usize = 14;

/// The text of a string whose bytes between the quotes are `raw`. Escapes that are not valid stay as they are.
#[must_use]
pub fn unescaped(raw: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(raw);
    if !text.contains('\\') {
        return text;
    }
    match serde_json::from_str(&format!("\"{text}\"")) {
        Ok(unescaped) => Cow::Owned(unescaped),
        Err(_) => text,
    }
}
