//! A cursor over JSON text that forgives what log writers do: bare `NaN` and `Infinity`, and a file cut in the middle.
//!
//! Numbers are given as the text that stands there, so that a printed digit is never lost to a float on the way.

use std::borrow::Cow;

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
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// The next byte that is no blank.
    pub(crate) fn peek(&mut self) -> Result<u8, Fault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.at += blanks;
        rest.get(blanks).copied().ok_or(Fault::End)
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
        let rest = &self.bytes[self.at..];
        let length =
            rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')).count();
        // Of what stands at the very end nobody knows whether it is whole.
        if length == rest.len() {
            self.at = self.bytes.len();
            return Err(Fault::End);
        }
        let text = std::str::from_utf8(&rest[..length]).map_err(|_| Fault::Syntax)?;
        let value = match text {
            "true" | "false" => Value::Other,
            "null" => Value::Null,
            "NaN" | "Infinity" | "-Infinity" => Value::Number { text, value: text.parse().map_err(|_| Fault::Syntax)? },
            _ if text.ends_with(|last: char| last.is_ascii_digit()) => {
                Value::Number { text, value: text.parse().map_err(|_| Fault::Syntax)? }
            }
            _ => return Err(Fault::Syntax),
        };
        self.at += length;
        Ok(value)
    }

    /// Text between its quotes, as it stands there.
    fn string(&mut self) -> Result<&'a [u8], Fault> {
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

/// The text that `raw` stands for; what is no text stays as it is.
fn unescaped(raw: &[u8]) -> Cow<'_, str> {
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

    proptest! {
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
