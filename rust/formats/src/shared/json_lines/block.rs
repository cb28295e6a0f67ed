//! What a block of lines holds.

use super::dialect::{JsonRow, KeyRole};
use crate::shared::value_tally::ValueTally;

/// What a block holds.
pub(super) struct ParsedBlock {
    /// Where its first line begins.
    pub(super) begin: Option<u64>,
    /// How far it was read: to the end of a line, or of the last object of an incomplete line.
    pub(super) end: u64,
    /// Where a line begins that is too long to read. It is the last line of the block.
    pub(super) overlong: Option<u64>,
    pub(super) tags: Vec<String>,
    /// The names of the counters.
    pub(super) counters: Vec<String>,
    /// For each tag, what its values are.
    pub(super) columns: Vec<TagColumn>,
    pub(super) tag: Vec<u32>,
    pub(super) value: Vec<f64>,
    pub(super) rows: Vec<JsonRow>,
    pub(super) junk: Vec<NonObject>,
    /// How many values are not numbers.
    pub(super) others: u64,
    /// Counters that are not numbers, or not integers.
    pub(super) odd: Vec<UnreadableCounter>,
    /// The roles of the keys that occurred.
    pub(super) found: Vec<KeyRole>,
}

/// The kinds of values of a tag.
#[derive(Debug, Clone, Default)]
pub(super) struct TagColumn {
    /// Whether some value is a number.
    pub(super) numbers: bool,
    /// The texts among the values.
    pub(super) texts: Option<ValueTally>,
}

/// The values of a counter that cannot be read.
#[derive(Debug, Clone)]
pub(super) struct UnreadableCounter {
    pub(super) role: KeyRole,
    pub(super) name: String,
    pub(super) texts: ValueTally,
}

/// A range that does not hold an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NonObject {
    pub(super) sort: NonObjectKind,
    pub(super) begin: u64,
    pub(super) end: u64,
    /// Its first characters.
    pub(super) example: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NonObjectKind {
    /// It is not a JSON object.
    Text,
    /// A conflict marker of git.
    Marker,
    /// The file ends inside it.
    Torn,
}

impl ParsedBlock {
    /// A block in which no line begins, read up to `end`.
    pub(super) fn empty(end: u64) -> Self {
        Self {
            begin: None,
            end,
            overlong: None,
            tags: Vec::new(),
            counters: Vec::new(),
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
