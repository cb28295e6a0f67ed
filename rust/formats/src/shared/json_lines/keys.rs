//! The keys of objects. A key is found by the text between two values, because lines repeat each other.

use std::collections::HashMap;

use super::dialect::{Dialect, KeyRole};
use stepbridge_io::json::unescaped;
use stepbridge_records::TagTable;

/// The longest text between two values that is remembered.
const TEXT: usize = 64;

/// The longest name of a nested key. Longer names would multiply the size of the file.
const LONGEST: usize = 256;

/// The parent of the keys of a line's own object.
pub(super) const ROOT: usize = 0;

/// A key in its object.
pub(super) struct MemberKey {
    /// The key of the object that it is in.
    pub(super) parent: usize,
    /// Whether its text says that its object is a medium.
    pub(super) is_type: bool,
    pub(super) role: KeyRole,
    /// The tag of its numbers; `None` if its name is too long, and for a counter.
    pub(super) tag: Option<u32>,
    /// The key that came after it the last time; the root if none did.
    after: usize,
    /// The text that was then between its value, or its brace, and the value of that key; empty if it is too long.
    between: Vec<u8>,
    /// The line in which it was last seen, and the range of its values there.
    pub(super) line: usize,
    pub(super) values: std::ops::Range<usize>,
    /// The line in which its object was a medium.
    pub(super) medium: usize,
    children: HashMap<Vec<u8>, usize>,
}

/// All keys of a block.
pub(super) struct KeyTable {
    pub(super) all: Vec<MemberKey>,
    /// The names by tag. The names of nested objects are joined.
    pub(super) tags: TagTable,
    /// The counters among the keys, with their names.
    pub(super) counters: Vec<(usize, String)>,
    /// The previous key.
    before: usize,
}

impl KeyTable {
    pub(super) fn new() -> Self {
        let mut keys = Self { all: Vec::new(), tags: TagTable::default(), counters: Vec::new(), before: ROOT };
        keys.push(ROOT, b"", KeyRole::Value);
        keys
    }

    fn push(&mut self, parent: usize, raw: &[u8], role: KeyRole) -> usize {
        let is_type = raw == b"_type";
        let (after, between, line, medium, children) = (ROOT, Vec::new(), 0, 0, HashMap::new());
        self.all.push(MemberKey {
            parent,
            is_type,
            role,
            tag: None,
            after,
            between,
            line,
            values: 0..0,
            medium,
            children,
        });
        self.all.len() - 1
    }

    /// Begins a line.
    pub(super) fn begin(&mut self) {
        self.before = ROOT;
    }

    /// The key that is expected next in the object of `parent`, and the text before its value.
    ///
    /// That text was valid when the two keys last followed each other in the same object: a comma, the name and its colon,
    /// without the comma at the beginning of the object.
    #[inline]
    pub(super) fn expected(&self, parent: usize) -> Option<(usize, &[u8])> {
        let MemberKey { after, between, .. } = &self.all[self.before];
        let sound = !between.is_empty() && self.all[*after].parent == parent;
        sound.then_some((*after, between))
    }

    /// Notes that the expected key came.
    #[inline]
    pub(super) fn came(&mut self, key: usize) {
        self.before = key;
    }

    /// The key with this name, given as the bytes between its quotes; `None` if they are not text.
    pub(super) fn find(&mut self, parent: usize, raw: &[u8], dialect: &dyn Dialect) -> Option<usize> {
        match self.all[parent].children.get(raw) {
            Some(&key) => Some(key),
            None => self.add(parent, raw, dialect),
        }
    }

    /// Notes that this key came, after this text.
    pub(super) fn found(&mut self, key: usize, between: &[u8]) {
        let before = &mut self.all[self.before];
        before.after = key;
        before.between.clear();
        if between.len() <= TEXT {
            before.between.extend_from_slice(between);
        }
        self.before = key;
    }

    /// The keys of the last object, each with the text before its value, up to the first nested object. If a key occurred
    /// twice, the last one counts.
    pub(super) fn last_object(&self) -> impl Iterator<Item = (usize, &[u8])> {
        // Follow each key to the one that last came after it. This ends at the last key of the object, and never loops.
        let mut at = ROOT;
        std::iter::from_fn(move || {
            let MemberKey { after, between, .. } = &self.all[at];
            if at == self.before || between.is_empty() || self.all[*after].parent != ROOT {
                return None;
            }
            at = *after;
            Some((at, between.as_slice()))
        })
    }

    fn add(&mut self, parent: usize, raw: &[u8], dialect: &dyn Dialect) -> Option<usize> {
        std::str::from_utf8(raw).ok()?;
        let own = unescaped(raw);
        let name = match (parent, self.all[parent].tag) {
            (ROOT, _) => Some(own.into_owned()),
            (_, Some(above)) => {
                let above = str::from_utf8(self.tags.name(above)).unwrap_or_default();
                let length = above.len() + dialect.separator().len() + own.len();
                (length <= LONGEST).then(|| [above, dialect.separator(), &own].concat())
            }
            (_, None) => None,
        };
        let role = name.as_deref().map_or(KeyRole::Value, |name| dialect.role(name));
        let key = self.push(parent, raw, role);
        match (role, name) {
            (KeyRole::Value, name) => self.all[key].tag = name.map(|name| self.tags.number(name.as_bytes())),
            (_, Some(name)) => self.counters.push((key, name)),
            (_, None) => {}
        }
        self.all[parent].children.insert(raw.to_vec(), key);
        Some(key)
    }

    /// The name of a counter.
    pub(super) fn counter(&self, key: usize) -> &str {
        self.counters.iter().find(|(known, _)| *known == key).map_or("", |(_, name)| name)
    }
}
