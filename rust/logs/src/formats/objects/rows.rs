//! From the lines of a block to rows and values.

use memchr::{memchr, memmem};

use super::keys::{Keys, ROOT};
use super::{Dialect, Mode, Role, Row};
use crate::json::{Cursor, Fault, Value};
use crate::record::Stated;

/// Objects nested deeper than this are no log's, and a forged one must not exhaust the stack.
const DEPTH: u32 = 64;
/// How many places in a line are tried for an object that was written behind a torn one.
const TRIES: usize = 8;
/// The fewest bytes that a value mostly takes, with its name.
const BYTES: usize = 24;
/// The tag of a value that a later one of the same key took the place of.
const DEAD: u32 = u32::MAX;

/// What a block holds.
pub(super) struct Block {
    /// Where the first line that begins in it does so.
    pub(super) begin: Option<u64>,
    /// How far it was read: behind a line, or behind the last object of one that has no end.
    pub(super) end: u64,
    /// Where a line begins that is too long to be read: the block's last one.
    pub(super) overlong: Option<u64>,
    pub(super) tags: Vec<String>,
    /// For each tag, what its values are.
    pub(super) columns: Vec<Column>,
    pub(super) tag: Vec<u32>,
    pub(super) value: Vec<f64>,
    pub(super) rows: Vec<Row>,
    pub(super) junk: Vec<Junk>,
    /// Values that are no numbers.
    pub(super) others: u64,
    /// Counters that are no numbers, or no whole ones.
    pub(super) odd: Vec<Odd>,
    /// Which roles had a key.
    pub(super) found: Vec<Role>,
}

/// What the values of a tag are.
#[derive(Debug, Clone, Default)]
pub(super) struct Column {
    /// Whether there is a number among them.
    pub(super) numbers: bool,
    /// Whether it was a value of any sort: a counter is not.
    pub(super) texts: Option<Texts>,
}

/// Texts among the values of a key: how many, and the first one.
#[derive(Debug, Clone)]
pub(super) struct Texts {
    pub(super) count: u64,
    pub(super) example: String,
    pub(super) begin: u64,
    pub(super) length: u64,
}

/// The values of a counter that cannot be read.
#[derive(Debug, Clone)]
pub(super) struct Odd {
    pub(super) role: Role,
    pub(super) name: String,
    pub(super) texts: Texts,
}

/// A range that holds no object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Junk {
    pub(super) sort: Sort,
    pub(super) begin: u64,
    pub(super) end: u64,
    /// How it begins.
    pub(super) example: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// It is no JSON object.
    Text,
    /// A line that git leaves in a file that two sides changed.
    Marker,
    /// The file ends inside it.
    Torn,
}

impl Block {
    /// A block in which no line begins, and that is passed up to `end`.
    pub(super) fn empty(end: u64) -> Self {
        Self {
            begin: None,
            end,
            overlong: None,
            tags: Vec::new(),
            columns: Vec::new(),
            tag: Vec::new(),
            value: Vec::new(),
            rows: Vec::new(),
            junk: Vec::new(),
            others: 0,
            odd: Vec::new(),
            found: Vec::new(),
        }
    }
}

/// Parses whole lines that stand at `base` in the file; where it is `torn`, the last one may have no end.
pub(super) fn parse(bytes: &[u8], base: u64, torn: bool, dialect: &dyn Dialect) -> Block {
    let mut block = Block { begin: Some(base), ..Block::empty(base) };
    // As many as there may be where a value takes so many bytes; most take a little more.
    block.tag.reserve(bytes.len() / BYTES);
    block.value.reserve(bytes.len() / BYTES);
    let (spells, media) = (dialect.spells_floats(), dialect.has_media());
    let keys = Keys::new();
    let mut parser = Parser { dialect, spells, media, bytes, base, keys, block, line: 0, draft: Draft::default() };
    let mut at = if base == 0 && bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    while at < bytes.len() {
        at = parser.line(at, torn);
    }
    parser.block.tags = parser.keys.tags;
    parser.block.columns.resize(parser.block.tags.len(), Column::default());
    parser.block
}

struct Parser<'a> {
    dialect: &'a dyn Dialect,
    spells: bool,
    media: bool,
    bytes: &'a [u8],
    base: u64,
    keys: Keys,
    block: Block,
    /// The number of the object, from 1.
    line: usize,
    draft: Draft<'a>,
}

/// What an object said so far.
#[derive(Default)]
struct Draft<'a> {
    step: Option<i64>,
    iter: Option<i64>,
    epoch: Option<Stated>,
    wall_time: Option<f64>,
    mode: Mode,
    others: u64,
    texts: Vec<(u32, &'a [u8])>,
    odd: Vec<(usize, &'a [u8])>,
    /// Whether a value is dead.
    dead: bool,
}

impl<'a> Parser<'a> {
    /// Reads the line that begins at `begin`, and says where the next one does.
    fn line(&mut self, begin: usize, torn: bool) -> usize {
        let mut cursor = Cursor::lines(self.bytes, begin);
        let (mut objects, mut tried) = (0, false);
        loop {
            let Ok(next) = cursor.peek() else {
                self.block.end = self.base + self.bytes.len() as u64;
                return self.bytes.len();
            };
            let start = cursor.at;
            match next {
                b'\n' => {
                    self.block.end = self.base + start as u64 + 1;
                    return start + 1;
                }
                b'{' if self.whole(&mut cursor) => {
                    objects += 1;
                    self.block.end = self.base + cursor.at as u64;
                    continue;
                }
                // As in an array that has a line an object.
                b',' if objects > 0 => {
                    cursor.at += 1;
                    continue;
                }
                _ => {}
            }
            let Some(found) = memchr(b'\n', &self.bytes[start..]) else {
                let sort = if torn { Sort::Torn } else { Sort::Text };
                self.junk(sort, start, self.bytes.len());
                return self.bytes.len();
            };
            let stop = start + found + 1;
            if is_marker(&self.bytes[begin..stop]) {
                self.junk(Sort::Marker, begin, stop);
            } else if let Some(next) = (!tried).then(|| self.resumes(start, stop)).flatten() {
                tried = true;
                self.junk(Sort::Text, start, next);
                cursor.at = next;
                continue;
            } else {
                self.junk(Sort::Text, start, stop);
            }
            self.block.end = self.base + stop as u64;
            return stop;
        }
    }

    fn junk(&mut self, sort: Sort, begin: usize, end: usize) {
        let example = shown(&self.bytes[begin..end]);
        let (begin, end) = (self.base + begin as u64, self.base + end as u64);
        self.block.junk.push(Junk { sort, begin, end, example });
    }

    /// Where whole objects begin behind something torn, and go on to the line's end.
    fn resumes(&self, start: usize, stop: usize) -> Option<usize> {
        let line = &self.bytes[start..stop];
        let places = memmem::find_iter(&line[1..], b"{\"").map(|at| at + 1).filter(|&at| {
            // Where an object may stand inside another one, it is no line's own.
            !matches!(line[..at].trim_ascii_end().last(), Some(b':' | b',' | b'[' | b'{'))
        });
        places.take(TRIES).map(|at| start + at).find(|&at| {
            let mut cursor = Cursor::lines(self.bytes, at);
            loop {
                match cursor.peek() {
                    Ok(b'\n') => return true,
                    Ok(b'{') if cursor.value().is_ok() => {}
                    _ => return false,
                }
            }
        })
    }

    /// Reads an object and keeps what it holds, or nothing of it.
    fn whole(&mut self, cursor: &mut Cursor<'a>) -> bool {
        let (start, values) = (cursor.at, self.block.value.len());
        self.line += 1;
        self.keys.begin();
        let read = self.object(cursor, ROOT, DEPTH);
        let draft = std::mem::take(&mut self.draft);
        if read.is_err() {
            self.block.tag.truncate(values);
            self.block.value.truncate(values);
            cursor.at = start;
            return false;
        }
        if draft.dead {
            self.bury(values);
        }
        let (begin, length) = (self.base + start as u64, (cursor.at - start) as u64);
        self.block.others += draft.others + draft.texts.len() as u64;
        for &(tag, raw) in &draft.texts {
            let column = self.column(tag);
            match &mut column.texts {
                Some(texts) => texts.count += 1,
                none => *none = Some(Texts { count: 1, example: shown(raw), begin, length }),
            }
        }
        let mut odd = false;
        for &(key, raw) in &draft.odd {
            let (role, tag) = (self.keys.all[key].role, self.keys.all[key].tag);
            odd |= role == Role::Step;
            let name = tag.map_or("", |tag| &self.keys.tags[tag as usize]);
            if let Some(odd) = self.block.odd.iter_mut().find(|odd| odd.name == name) {
                odd.texts.count += 1;
            } else {
                let texts = Texts { count: 1, example: shown(raw), begin, length };
                self.block.odd.push(Odd { role, name: name.to_owned(), texts });
            }
        }
        self.block.rows.push(Row {
            begin,
            length,
            upto: self.block.value.len(),
            step: draft.step,
            odd,
            iter: draft.iter,
            epoch: draft.epoch,
            wall_time: draft.wall_time.unwrap_or(f64::NAN),
            mode: draft.mode,
        });
        true
    }

    /// Takes the dead out of the values from `from` on.
    fn bury(&mut self, from: usize) {
        let mut kept = from;
        for index in from..self.block.value.len() {
            if self.block.tag[index] != DEAD {
                self.block.tag.swap(kept, index);
                self.block.value.swap(kept, index);
                kept += 1;
            }
        }
        self.block.tag.truncate(kept);
        self.block.value.truncate(kept);
    }

    fn column(&mut self, tag: u32) -> &mut Column {
        let index = tag as usize;
        if self.block.columns.len() <= index {
            self.block.columns.resize(index + 1, Column::default());
        }
        &mut self.block.columns[index]
    }

    /// An object whose brace comes next.
    fn object(&mut self, cursor: &mut Cursor<'a>, parent: usize, depth: u32) -> Result<(), Fault> {
        let depth = depth.checked_sub(1).ok_or(Fault::Syntax)?;
        cursor.at += 1;
        if cursor.take(b'}')? {
            return Ok(());
        }
        loop {
            cursor.peek()?;
            let key = self.key(cursor, parent)?;
            self.member(cursor, key, depth)?;
            match cursor.peek()? {
                b',' => cursor.at += 1,
                b'}' => {
                    cursor.at += 1;
                    return Ok(());
                }
                _ => return Err(Fault::Syntax),
            }
        }
    }

    fn key(&mut self, cursor: &mut Cursor<'a>, parent: usize) -> Result<usize, Fault> {
        if let Some((key, quoted)) = self.keys.expected(parent)
            && cursor.take_name(quoted)
        {
            self.keys.came(key);
            return Ok(key);
        }
        let raw = cursor.string()?;
        cursor.expect(b':')?;
        let key = self.keys.find(parent, raw, self.dialect).ok_or(Fault::Syntax)?;
        let role = self.keys.all[key].role;
        if role != Role::Value && !self.block.found.contains(&role) {
            self.block.found.push(role);
        }
        Ok(key)
    }

    /// The value of a key.
    fn member(&mut self, cursor: &mut Cursor<'a>, key: usize, depth: u32) -> Result<(), Fault> {
        let begins = cursor.peek()?;
        let from = self.block.value.len();
        let (role, line) = (self.keys.all[key].role, self.line);
        let known = &mut self.keys.all[key];
        let tag = known.tag;
        let before = if known.line == line { known.values.clone() } else { 0..0 };
        (known.line, known.values) = (line, from..from);
        if !before.is_empty() {
            // The last of several values of a key counts, as in every reader of JSON.
            self.kill(before);
        }
        if role != Role::Value {
            return self.counter(cursor, key, role);
        }
        match begins {
            b'-' | b'0'..=b'9' | b'N' | b'I' => {
                let value = cursor.float()?;
                self.number(tag, value);
            }
            b'"' => {
                let raw = cursor.string()?;
                let spelled = if self.spells { spelled(raw) } else { None };
                match (spelled, tag) {
                    (Some(value), _) => self.number(tag, value),
                    (None, Some(tag)) => {
                        self.medium(key);
                        self.draft.texts.push((tag, raw));
                    }
                    (None, None) => self.draft.others += 1,
                }
            }
            b'{' => {
                let (texts, others) = (self.draft.texts.len(), self.draft.others);
                self.object(cursor, key, depth)?;
                if self.keys.all[key].medium == line {
                    self.kill(from..self.block.value.len());
                    self.draft.texts.truncate(texts);
                    self.draft.others = others + 1;
                }
            }
            _ => {
                if cursor.value()? != Value::Null {
                    self.draft.others += 1;
                }
            }
        }
        self.keys.all[key].values.end = self.block.value.len();
        Ok(())
    }

    fn number(&mut self, tag: Option<u32>, value: f64) {
        let Some(tag) = tag else {
            self.draft.others += 1;
            return;
        };
        self.column(tag).numbers = true;
        self.block.tag.push(tag);
        self.block.value.push(value);
    }

    fn kill(&mut self, values: std::ops::Range<usize>) {
        self.draft.dead |= !values.is_empty();
        self.block.tag[values].fill(DEAD);
    }

    /// A text came: it may say that the object which it is in is a medium.
    fn medium(&mut self, key: usize) {
        let parent = self.keys.all[key].parent;
        if self.media && parent != ROOT && self.keys.is_type(key) {
            self.keys.all[parent].medium = self.line;
        }
    }

    /// The value of a key that says where the object stands.
    fn counter(&mut self, cursor: &mut Cursor<'a>, key: usize, role: Role) -> Result<(), Fault> {
        let begin = cursor.at;
        if let Some(number) = if role == Role::Mode { None } else { cursor.short_integer() } {
            #[expect(clippy::cast_precision_loss, reason = "short of where floats lack integers")]
            match role {
                Role::Step => self.draft.step = Some(number),
                Role::Iter => self.draft.iter = Some(number),
                Role::Epoch => self.draft.epoch = Some(Stated::integer(number)),
                _ => self.draft.wall_time = Some(number as f64),
            }
            return Ok(());
        }
        if role == Role::Mode && cursor.peek()? == b'"' {
            self.draft.mode = match cursor.string()? {
                b"train" => Mode::Train,
                b"val" => Mode::Validation,
                _ => Mode::None,
            };
            return Ok(());
        }
        let read = cursor.value()?;
        if role == Role::Mode {
            self.draft.mode = Mode::None;
            return Ok(());
        }
        let stated = if let Value::Number { text, .. } = read { Stated::parse(text) } else { None };
        let (whole, draft) = (stated.and_then(Stated::whole), &mut self.draft);
        let sound = match role {
            Role::Step => {
                draft.step = whole;
                whole.is_some()
            }
            Role::Iter => {
                draft.iter = whole;
                whole.is_some()
            }
            Role::Epoch => {
                draft.epoch = stated;
                stated.is_some()
            }
            _ => {
                draft.wall_time = if let Value::Number { value, .. } = read { Some(value) } else { None };
                draft.wall_time.is_some()
            }
        };
        if !sound && read != Value::Null {
            draft.odd.push((key, &self.bytes[begin..cursor.at]));
        }
        Ok(())
    }
}

/// A float that is written as text.
fn spelled(raw: &[u8]) -> Option<f64> {
    match raw {
        b"NaN" => Some(f64::NAN),
        b"Infinity" => Some(f64::INFINITY),
        b"-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// Whether a line is one of those that git puts around what two sides wrote.
pub(super) fn is_marker(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    line == b"=======" || [&b"<<<<<<< "[..], b">>>>>>> ", b"||||||| "].iter().any(|marker| line.starts_with(marker))
}

/// The beginning of a text, for people.
fn shown(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw.get(..120).unwrap_or(raw));
    text.trim().chars().take(40).collect()
}
