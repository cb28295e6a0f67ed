//! Looks at the objects at the beginning of a file, from which formats are recognised.

use std::collections::{BTreeMap, BTreeSet};

use super::lines::is_marker;
use crate::shared::head::{FileHead, HEAD};
use stepbridge_io::json::{JsonCursor, JsonValue};

/// The lines at the beginning of a file.
#[derive(Debug, Default)]
pub(crate) struct ProbedLines {
    /// For each object, the keys with numbers and the keys with anything else.
    pub(crate) objects: Vec<ProbedKeys>,
    /// Whether there are too many lines that are not objects for a file of objects. A few may be damaged, or be text that got
    /// between them.
    pub(crate) strange: bool,
}

/// The keys of an object.
#[derive(Debug, Default)]
pub(crate) struct ProbedKeys {
    pub(crate) numbers: BTreeMap<String, f64>,
    pub(crate) others: BTreeSet<String>,
}

/// Among so many objects, one line may be something else.
const OBJECTS_PER_TEXT: usize = 4;

/// Probes the complete objects at the beginning of a file, if it begins like a file of objects.
pub(crate) fn probe(head: &FileHead) -> ProbedLines {
    let mut seen = ProbedLines::default();
    let text = head.text();
    let begins_well = matches!(text.trim_ascii_start().first(), Some(b'{' | b'<'));
    let mut others = 0;
    let mut lines = text.split_inclusive(|&byte| byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        // The head may end inside its last line.
        let cut = lines.peek().is_none() && head.bytes.len() >= HEAD;
        if line.trim_ascii().is_empty() || is_marker(line) || cut {
            continue;
        }
        match object(line) {
            Some(keys) => seen.objects.push(keys),
            // An object that is torn is damage; anything else may show that this is another kind of file.
            None if line.trim_ascii_start().starts_with(b"{") => {}
            None => others += 1,
        }
        // A long text is not searched for objects.
        if others > 1 && others > seen.objects.len() {
            break;
        }
    }
    let few = seen.objects.len().div_ceil(OBJECTS_PER_TEXT);
    seen.strange = others > few || !begins_well && seen.objects.len() < 2;
    if seen.strange && !begins_well {
        seen.objects.clear();
    }
    seen
}

/// The keys of the object of a line; `None` if the line is not one object.
pub(super) fn object(line: &[u8]) -> Option<ProbedKeys> {
    let mut cursor = JsonCursor::lines(line, 0);
    let mut keys = ProbedKeys::default();
    cursor.expect(b'{').ok()?;
    if !cursor.take(b'}').ok()? {
        loop {
            let name = cursor.name().ok()?.into_owned();
            match cursor.value().ok()? {
                JsonValue::Number { value, .. } => drop(keys.numbers.insert(name, value)),
                _ => drop(keys.others.insert(name)),
            }
            if cursor.take(b'}').ok()? {
                break;
            }
            cursor.expect(b',').ok()?;
        }
    }
    matches!(cursor.peek(), Ok(b'\n') | Err(_)).then_some(keys)
}

impl ProbedLines {
    /// Whether there are objects, and each has a number with this name.
    pub(crate) fn all_have(&self, name: &str) -> bool {
        !self.objects.is_empty() && self.objects.iter().all(|keys| keys.numbers.contains_key(name))
    }

    /// Whether some object has a number with one of these names.
    pub(crate) fn any_has(&self, names: &[&str]) -> bool {
        self.objects.iter().any(|keys| names.iter().any(|name| keys.numbers.contains_key(*name)))
    }
}
