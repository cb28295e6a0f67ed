//! What the beginning of a file shows of the objects in it, to tell the formats apart.

use std::collections::BTreeSet;

use super::lines::is_marker;
use crate::shared::head::{FileHead, HEAD};
use stepbridge_io::json::{JsonCursor, JsonValue};

/// The lines at the beginning of a file.
#[derive(Debug, Default)]
pub(crate) struct ProbedLines {
    /// For each object, the keys that have numbers, and those that have anything else.
    pub(crate) objects: Vec<ProbedKeys>,
    /// Whether a line is no object.
    pub(crate) strange: bool,
}

/// The keys of an object.
#[derive(Debug, Default)]
pub(crate) struct ProbedKeys {
    pub(crate) numbers: BTreeSet<String>,
    pub(crate) others: BTreeSet<String>,
}

/// The whole objects at the beginning of a file, where it begins as a file of objects does.
pub(crate) fn probe(head: &FileHead) -> ProbedLines {
    let mut seen = ProbedLines::default();
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
fn object(line: &[u8]) -> Option<ProbedKeys> {
    let mut cursor = JsonCursor::lines(line, 0);
    let mut keys = ProbedKeys::default();
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

impl ProbedLines {
    /// Whether every object has a number of that name; not where there is none.
    pub(crate) fn all_have(&self, name: &str) -> bool {
        !self.objects.is_empty() && self.objects.iter().all(|keys| keys.numbers.contains(name))
    }

    /// Whether an object has one of these keys with a number.
    pub(crate) fn any_has(&self, names: &[&str]) -> bool {
        self.objects.iter().any(|keys| names.iter().any(|name| keys.numbers.contains(*name)))
    }
}
