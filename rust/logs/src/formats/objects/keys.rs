//! The keys of the objects: found by what followed the key before the last time, as lines repeat each other.

use std::collections::HashMap;

use super::{Dialect, Role};
use crate::json::unescaped;

/// The longest name that nested objects are given; a longer one multiplies what stands in the file.
const LONGEST: usize = 256;

/// The object of a line: what the keys are in that are in no other.
pub(super) const ROOT: usize = 0;

/// A key, in the object that it stands in.
pub(super) struct Key {
    /// The key whose object it is in.
    pub(super) parent: usize,
    /// The name as it stands there, with its quotes.
    quoted: Vec<u8>,
    pub(super) role: Role,
    /// The tag of its numbers; `None` where its name is too long.
    pub(super) tag: Option<u32>,
    /// The key that came after it the last time.
    after: usize,
    /// The line that it was seen in, and where the values began that it had there.
    pub(super) line: usize,
    pub(super) values: std::ops::Range<usize>,
    /// The line in which its object was a medium.
    pub(super) medium: usize,
    children: HashMap<Vec<u8>, usize>,
}

/// All keys of a block.
pub(super) struct Keys {
    pub(super) all: Vec<Key>,
    /// Their names, by tag: those of nested objects joined.
    pub(super) tags: Vec<String>,
    numbers: HashMap<String, u32>,
    /// The key before the next one.
    before: usize,
}

impl Keys {
    pub(super) fn new() -> Self {
        let mut keys = Self { all: Vec::new(), tags: Vec::new(), numbers: HashMap::new(), before: ROOT };
        keys.push(ROOT, Vec::new(), Role::Value, None);
        keys
    }

    fn push(&mut self, parent: usize, quoted: Vec<u8>, role: Role, tag: Option<u32>) -> usize {
        let (after, line, medium, children) = (ROOT, 0, 0, HashMap::new());
        self.all.push(Key { parent, quoted, role, tag, after, line, values: 0..0, medium, children });
        self.all.len() - 1
    }

    /// A line begins.
    pub(super) fn begin(&mut self) {
        self.before = ROOT;
    }

    /// The key that is expected next in the object of `parent`, with its quotes.
    pub(super) fn expected(&self, parent: usize) -> Option<(usize, &[u8])> {
        let after = self.all[self.before].after;
        let key = &self.all[after];
        (after != ROOT && key.parent == parent).then_some((after, &key.quoted[..]))
    }

    /// The expected one came.
    pub(super) fn came(&mut self, key: usize) {
        self.before = key;
    }

    /// The key of this name, which stands between its quotes; `None` where it is no text.
    pub(super) fn find(&mut self, parent: usize, raw: &[u8], dialect: &dyn Dialect) -> Option<usize> {
        let key = match self.all[parent].children.get(raw) {
            Some(&key) => key,
            None => self.add(parent, raw, dialect)?,
        };
        self.all[self.before].after = key;
        self.before = key;
        Some(key)
    }

    fn add(&mut self, parent: usize, raw: &[u8], dialect: &dyn Dialect) -> Option<usize> {
        std::str::from_utf8(raw).ok()?;
        let own = unescaped(raw);
        let name = match (parent, self.all[parent].tag) {
            (ROOT, _) => Some(own.into_owned()),
            (_, Some(above)) => {
                let above = &self.tags[above as usize];
                let length = above.len() + dialect.separator().len() + own.len();
                (length <= LONGEST).then(|| [above, dialect.separator(), &own].concat())
            }
            (_, None) => None,
        };
        let role = name.as_deref().map_or(Role::Value, |name| dialect.role(name));
        let tag = name.map(|name| self.number(name));
        let quoted = [b"\"", raw, b"\""].concat();
        let key = self.push(parent, quoted, role, tag);
        self.all[parent].children.insert(raw.to_vec(), key);
        Some(key)
    }

    fn number(&mut self, name: String) -> u32 {
        if let Some(&number) = self.numbers.get(&name) {
            return number;
        }
        // A block never has 2^32 names.
        let number = u32::try_from(self.tags.len()).unwrap_or(u32::MAX);
        self.numbers.insert(name.clone(), number);
        self.tags.push(name);
        number
    }

    /// Whether a key is the one that says that its object is a medium.
    pub(super) fn is_type(&self, key: usize) -> bool {
        self.all[key].quoted == b"\"_type\""
    }
}
