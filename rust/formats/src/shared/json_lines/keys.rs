//! The keys of the objects: found by the text that followed the value before the last time, as lines repeat each other.

use std::collections::HashMap;

use super::dialect::{Dialect, KeyRole};
use stepbridge_io::json::unescaped;

/// The longest text between two values that is remembered.
const TEXT: usize = 64;

/// The longest name that nested objects are given; a longer one multiplies what stands in the file.
const LONGEST: usize = 256;

/// The object of a line: what the keys are in that are in no other.
pub(super) const ROOT: usize = 0;

/// A key, in the object that it stands in.
pub(super) struct MemberKey {
    /// The key whose object it is in.
    pub(super) parent: usize,
    /// Whether its text says what its object is: a medium.
    pub(super) is_type: bool,
    pub(super) role: KeyRole,
    /// The tag of its numbers; `None` where its name is too long, and of a counter.
    pub(super) tag: Option<u32>,
    /// The key that came after it the last time; the root, where none did.
    after: usize,
    /// All that stood then between its value, or its brace, and the value of that key; nothing, where it is too long.
    between: Vec<u8>,
    /// The line that it was seen in, and where the values began that it had there.
    pub(super) line: usize,
    pub(super) values: std::ops::Range<usize>,
    /// The line in which its object was a medium.
    pub(super) medium: usize,
    children: HashMap<Vec<u8>, usize>,
}

/// All keys of a block.
pub(super) struct KeyTable {
    pub(super) all: Vec<MemberKey>,
    /// Their names, by tag: those of nested objects joined.
    pub(super) tags: Vec<String>,
    /// The counters among the keys, with their names.
    pub(super) counters: Vec<(usize, String)>,
    numbers: HashMap<String, u32>,
    /// The key before the next one.
    before: usize,
}

impl KeyTable {
    pub(super) fn new() -> Self {
        let mut keys =
            Self { all: Vec::new(), tags: Vec::new(), counters: Vec::new(), numbers: HashMap::new(), before: ROOT };
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

    /// A line begins.
    pub(super) fn begin(&mut self) {
        self.before = ROOT;
    }

    /// The key that is expected next in the object of `parent`, and all that stands before its value then.
    ///
    /// Where the same key comes after the same one in the same object, what stands between was found to be sound: a
    /// comma, the name and its colon, and no comma where the object begins.
    #[inline]
    pub(super) fn expected(&self, parent: usize) -> Option<(usize, &[u8])> {
        let MemberKey { after, between, .. } = &self.all[self.before];
        let sound = !between.is_empty() && self.all[*after].parent == parent;
        sound.then_some((*after, between))
    }

    /// The expected one came.
    #[inline]
    pub(super) fn came(&mut self, key: usize) {
        self.before = key;
    }

    /// The key of this name, which stands between its quotes; `None` where it is no text.
    pub(super) fn find(&mut self, parent: usize, raw: &[u8], dialect: &dyn Dialect) -> Option<usize> {
        match self.all[parent].children.get(raw) {
            Some(&key) => Some(key),
            None => self.add(parent, raw, dialect),
        }
    }

    /// This one came, after such a text.
    pub(super) fn found(&mut self, key: usize, between: &[u8]) {
        let before = &mut self.all[self.before];
        before.after = key;
        before.between.clear();
        if between.len() <= TEXT {
            before.between.extend_from_slice(between);
        }
        self.before = key;
    }

    /// The keys of the object that was read last, each with all that stood before its value, as far as no object is
    /// among the values; of a key that came twice the last one.
    pub(super) fn last_object(&self) -> impl Iterator<Item = (usize, &[u8])> {
        // After each key the one that it was last followed by: that comes to the last key of all, and never back.
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
                let above = &self.tags[above as usize];
                let length = above.len() + dialect.separator().len() + own.len();
                (length <= LONGEST).then(|| [above, dialect.separator(), &own].concat())
            }
            (_, None) => None,
        };
        let role = name.as_deref().map_or(KeyRole::Value, |name| dialect.role(name));
        let key = self.push(parent, raw, role);
        match (role, name) {
            (KeyRole::Value, name) => self.all[key].tag = name.map(|name| self.number(name)),
            (_, Some(name)) => self.counters.push((key, name)),
            (_, None) => {}
        }
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

    /// The name of a counter.
    pub(super) fn counter(&self, key: usize) -> &str {
        self.counters.iter().find(|(known, _)| *known == key).map_or("", |(_, name)| name)
    }
}
