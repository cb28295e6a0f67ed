//! The values of one call of a logger, as W&B and Trackio write them: numbers, floats as text, dicts, media.

use stepbridge_io::json::{self, JsonCursor};
use stepbridge_records::TagTable;

/// Dicts nested deeper than this are refused.
pub(crate) const NESTED: u32 = 32;

/// The values of one call.
#[derive(Debug, Default)]
pub(crate) struct LoggedValues {
    /// Numbers, each with its tag.
    pub(crate) numbers: Vec<(u32, f64)>,
    /// How many values are not numbers: media, texts, lists.
    pub(crate) others: u64,
}

impl LoggedValues {
    /// Begins the next call.
    pub(crate) fn clear(&mut self) {
        self.numbers.clear();
        self.others = 0;
    }

    /// The members of a dict, under names joined with points; a dict that says its `_type` is media, one value.
    pub(crate) fn object(
        &mut self,
        name: &mut Vec<u8>,
        cursor: &mut JsonCursor,
        json: &[u8],
        names: &mut TagTable,
        depth: u32,
    ) -> Result<(), json::JsonFault> {
        let depth = depth.checked_sub(1).ok_or(json::JsonFault::Syntax)?;
        let (values, others) = (self.numbers.len(), self.others);
        let mut media = false;
        cursor.expect(b'{')?;
        if cursor.take(b'}')? {
            return Ok(());
        }
        loop {
            let member = cursor.name()?;
            media |= member == "_type";
            let length = name.len();
            if !name.is_empty() {
                name.push(b'.');
            }
            name.extend_from_slice(member.as_bytes());
            if cursor.peek()? == b'{' {
                self.object(name, cursor, json, names, depth)?;
            } else {
                let begin = cursor.at;
                match cursor.value()? {
                    json::JsonValue::Number { value, .. } => self.numbers.push((names.number(name), value)),
                    json::JsonValue::Other => match special(&json[begin..cursor.at]) {
                        Some(value) => self.numbers.push((names.number(name), value)),
                        None => self.others += 1,
                    },
                    json::JsonValue::Nested => self.others += 1,
                    json::JsonValue::Null => {}
                }
            }
            name.truncate(length);
            if cursor.take(b'}')? {
                break;
            }
            cursor.expect(b',')?;
        }
        if media {
            self.numbers.truncate(values);
            self.others = others + 1;
        }
        Ok(())
    }
}

/// What a logger writes for floats that JSON has no number for.
pub(crate) fn special(json: &[u8]) -> Option<f64> {
    match json {
        b"\"NaN\"" => Some(f64::NAN),
        b"\"Infinity\"" => Some(f64::INFINITY),
        b"\"-Infinity\"" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}
