//! What the beginning of a file shows of the objects in it, to tell the formats apart.

use std::collections::BTreeSet;

use super::lines::is_marker;
use crate::formats::{HEAD, Head};
use stepbridge_io::json::{JsonCursor, JsonValue};

/// The lines at the beginning of a file.
#[derive(Debug, Default)]
pub(in super::super) struct Seen {
    /// For each object, the keys that have numbers, and those that have anything else.
    pub(in super::super) objects: Vec<Keys>,
    /// Whether a line is no object.
    pub(in super::super) strange: bool,
}

/// The keys of an object.
#[derive(Debug, Default)]
pub(in super::super) struct Keys {
    pub(in super::super) numbers: BTreeSet<String>,
    pub(in super::super) others: BTreeSet<String>,
}

/// The whole objects at the beginning of a file, where it begins as a file of objects does.
pub(in super::super) fn seen(head: &Head) -> Seen {
    let mut seen = Seen::default();
    let text = head.text();
    if !matches!(text.trim_ascii_start().first(), Some(b'{' | b'<')) {
        seen.strange = true;
        return seen;
    }
    let mut lines = text.split_inclusive(|&byte| byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        // The head may end inside its last line.
        let cut = lines.peek().is_none() && head.bytes.len() >= HEAD;
        if line.trim_ascii().is_empty() || is_marker(line) || cut {
            continue;
        }
        match object(line) {
            Some(keys) => seen.objects.push(keys),
            None => seen.strange = true,
        }
    }
    seen
}

/// The keys of a line's object; `None` where it is none, or not alone.
fn object(line: &[u8]) -> Option<Keys> {
    let mut cursor = JsonCursor::lines(line, 0);
    let mut keys = Keys::default();
    cursor.expect(b'{').ok()?;
    if !cursor.take(b'}').ok()? {
        loop {
            let name = cursor.name().ok()?.into_owned();
            let number = matches!(cursor.value().ok()?, JsonValue::Number { .. });
            if number { &mut keys.numbers } else { &mut keys.others }.insert(name);
            if cursor.take(b'}').ok()? {
                break;
            }
            cursor.expect(b',').ok()?;
        }
    }
    matches!(cursor.peek(), Ok(b'\n') | Err(_)).then_some(keys)
}

impl Seen {
    /// Whether every object has a number of that name; not where there is none.
    pub(in super::super) fn all_have(&self, name: &str) -> bool {
        !self.objects.is_empty() && self.objects.iter().all(|keys| keys.numbers.contains(name))
    }

    /// Whether an object has one of these keys with a number.
    pub(in super::super) fn any_has(&self, names: &[&str]) -> bool {
        self.objects.iter().any(|keys| names.iter().any(|name| keys.numbers.contains(*name)))
    }
}
