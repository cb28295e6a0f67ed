//! Parses objects into rows and values.

use super::block::{ParsedBlock, TagColumn, UnreadableCounter};
use super::dialect::{Dialect, JsonRow, KeyRole, LineMode};
use super::keys::{KeyTable, ROOT};
use super::line_template::LineTemplate;
use crate::shared::value_tally::ValueTally;
use stepbridge_io::json::{JsonCursor, JsonFault, JsonValue};
use stepbridge_records::{Decimal, TooManyTags};

/// Objects nested deeper than this are refused. No log nests so deeply, and a forged file must not exhaust the stack.
pub(super) const DEPTH: u32 = 64;
/// How many bytes a value mostly takes at least, with its name, and how many a line takes.
const BYTES: usize = 24;
const LINE: usize = 96;
/// The tag of a value that a later value of the same key replaced.
const DEAD: u32 = u32::MAX;

/// Parses complete lines at `base` in the file. If it is `torn`, the last line may have no end.
pub(super) fn parse(bytes: &[u8], base: u64, torn: bool, dialect: &dyn Dialect) -> Result<ParsedBlock, TooManyTags> {
    let mut block = ParsedBlock { begin: Some(base), ..ParsedBlock::empty(base) };
    // The most values and rows for this size. Mostly there are a few less.
    block.tag.reserve(bytes.len() / BYTES);
    block.value.reserve(bytes.len() / BYTES);
    block.rows.reserve(bytes.len() / LINE);
    let (spells, media, converts_steps) = (dialect.spells_floats(), dialect.has_media(), dialect.converts_steps());
    let keys = KeyTable::new();
    let (shape, draft) = (LineTemplate::default(), RowDraft::default());
    let mut parser =
        BlockParser { dialect, spells, media, converts_steps, bytes, base, keys, shape, block, line: 0, draft };
    let mut at = if base == 0 && bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    while at < bytes.len() {
        at = parser.line(at, torn);
    }
    parser.block.tags = parser.keys.tags.into_names()?;
    parser.block.counters = parser.keys.counters.into_iter().map(|(_, name)| name).collect();
    parser.block.columns.resize(parser.block.tags.len(), TagColumn::default());
    Ok(parser.block)
}

pub(super) struct BlockParser<'a> {
    dialect: &'a dyn Dialect,
    spells: bool,
    media: bool,
    converts_steps: bool,
    pub(super) bytes: &'a [u8],
    pub(super) base: u64,
    pub(super) keys: KeyTable,
    pub(super) shape: LineTemplate,
    pub(super) block: ParsedBlock,
    /// The number of the object, from 1.
    pub(super) line: usize,
    draft: RowDraft<'a>,
}

/// What is known so far of an object.
#[derive(Default)]
struct RowDraft<'a> {
    step: Option<i64>,
    iter: Option<i64>,
    epoch: Option<Decimal>,
    wall_time: Option<f64>,
    mode: LineMode,
    others: u64,
    texts: Vec<(u32, &'a [u8])>,
    odd: Vec<(usize, &'a [u8])>,
    /// Whether some value was replaced.
    dead: bool,
}

impl<'a> BlockParser<'a> {
    /// Reads an object and keeps all of it, or nothing.
    pub(super) fn whole(&mut self, cursor: &mut JsonCursor<'a>) -> bool {
        let (start, values) = (cursor.at, self.block.value.len());
        self.line += 1;
        self.keys.begin();
        let read = self.top(cursor);
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
                none => *none = Some(ValueTally::one(&shown(raw), begin..begin + length)),
            }
        }
        let mut odd = false;
        for &(key, raw) in &draft.odd {
            let (role, name) = (self.keys.all[key].role, self.keys.counter(key));
            odd |= role == KeyRole::Step;
            if let Some(odd) = self.block.odd.iter_mut().find(|odd| odd.name == name) {
                odd.texts.count += 1;
            } else {
                let texts = ValueTally::one(&shown(raw), begin..begin + length);
                self.block.odd.push(UnreadableCounter { role, name: name.to_owned(), texts });
            }
        }
        self.block.rows.push(JsonRow {
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

    /// Removes the replaced values from `from` on.
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

    #[inline]
    fn column(&mut self, tag: u32) -> &mut TagColumn {
        let index = tag as usize;
        if self.block.columns.len() <= index {
            self.block.columns.resize(index + 1, TagColumn::default());
        }
        &mut self.block.columns[index]
    }

    /// Reads an object. Its brace comes next.
    fn object(&mut self, cursor: &mut JsonCursor<'a>, parent: usize, depth: u32) -> Result<(), JsonFault> {
        let depth = depth.checked_sub(1).ok_or(JsonFault::Syntax)?;
        cursor.at += 1;
        if cursor.take(b'}')? { Ok(()) } else { self.members(cursor, parent, depth, true) }
    }

    /// Reads the members of an object, the first ones or further ones, and its end.
    pub(super) fn members(
        &mut self,
        cursor: &mut JsonCursor<'a>,
        parent: usize,
        depth: u32,
        mut first: bool,
    ) -> Result<(), JsonFault> {
        loop {
            let begin = cursor.at;
            let key = match self.keys.expected(parent) {
                Some((key, between)) if cursor.take_text(between) => {
                    self.keys.came(key);
                    key
                }
                _ => {
                    if !first {
                        match cursor.peek()? {
                            b',' => cursor.at += 1,
                            b'}' => {
                                cursor.at += 1;
                                return Ok(());
                            }
                            _ => return Err(JsonFault::Syntax),
                        }
                    }
                    let key = self.key(cursor, parent)?;
                    cursor.peek()?;
                    self.keys.found(key, &self.bytes[begin..cursor.at]);
                    key
                }
            };
            first = false;
            self.member(cursor, key, depth)?;
        }
    }

    fn key(&mut self, cursor: &mut JsonCursor<'a>, parent: usize) -> Result<usize, JsonFault> {
        cursor.peek()?;
        let raw = cursor.string()?;
        cursor.expect(b':')?;
        let key = self.keys.find(parent, raw, self.dialect).ok_or(JsonFault::Syntax)?;
        let role = self.keys.all[key].role;
        if role != KeyRole::Value && !self.block.found.contains(&role) {
            self.block.found.push(role);
        }
        Ok(key)
    }

    /// Reads the value of a key.
    fn member(&mut self, cursor: &mut JsonCursor<'a>, key: usize, depth: u32) -> Result<(), JsonFault> {
        let begins = cursor.peek()?;
        let from = self.block.value.len();
        let (role, line) = (self.keys.all[key].role, self.line);
        let known = &mut self.keys.all[key];
        let tag = known.tag;
        let before = if known.line == line { known.values.clone() } else { 0..0 };
        (known.line, known.values) = (line, from..from);
        if !before.is_empty() {
            // Of several values of a key the last one counts, as in every JSON parser.
            self.kill(before);
        }
        if role != KeyRole::Value {
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
                if cursor.value()? != JsonValue::Null {
                    self.draft.others += 1;
                }
            }
        }
        self.keys.all[key].values.end = self.block.value.len();
        Ok(())
    }

    #[inline]
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

    /// Takes a text, which may say that its object is a medium.
    fn medium(&mut self, key: usize) {
        let parent = self.keys.all[key].parent;
        if self.media && parent != ROOT && self.keys.all[key].is_type {
            self.keys.all[parent].medium = self.line;
        }
    }

    /// Reads the value of a counter.
    pub(super) fn counter(&mut self, cursor: &mut JsonCursor<'a>, key: usize, role: KeyRole) -> Result<(), JsonFault> {
        let begin = cursor.at;
        if let Some(number) = if role == KeyRole::Mode { None } else { cursor.short_integer() } {
            #[expect(clippy::cast_precision_loss, reason = "short of where floats lack integers")]
            match role {
                KeyRole::Step if self.converts_steps => self.draft.step = self.dialect.step(Decimal::integer(number)),
                KeyRole::Step => self.draft.step = Some(number),
                KeyRole::Iter => self.draft.iter = Some(number),
                KeyRole::Epoch => self.draft.epoch = Some(Decimal::integer(number)),
                _ => self.draft.wall_time = Some(number as f64),
            }
            return Ok(());
        }
        if role == KeyRole::Mode && cursor.peek()? == b'"' {
            self.draft.mode = match cursor.string()? {
                b"train" => LineMode::Train,
                b"val" => LineMode::Validation,
                _ => LineMode::None,
            };
            return Ok(());
        }
        let read = cursor.value()?;
        if role == KeyRole::Mode {
            self.draft.mode = LineMode::None;
            return Ok(());
        }
        let stated = if let JsonValue::Number { text, .. } = read { Decimal::parse(text) } else { None };
        let dialect = self.dialect;
        let (whole, draft) = (stated.and_then(Decimal::whole), &mut self.draft);
        let sound = match role {
            KeyRole::Step => {
                draft.step = stated.and_then(|stated| dialect.step(stated));
                draft.step.is_some()
            }
            KeyRole::Iter => {
                draft.iter = whole;
                whole.is_some()
            }
            KeyRole::Epoch => {
                draft.epoch = stated;
                stated.is_some()
            }
            _ => {
                draft.wall_time = if let JsonValue::Number { value, .. } = read { Some(value) } else { None };
                draft.wall_time.is_some()
            }
        };
        if !sound && read != JsonValue::Null {
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

/// The beginning of a text, for people.
pub(super) fn shown(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw.get(..120).unwrap_or(raw));
    text.trim().chars().take(40).collect()
}
