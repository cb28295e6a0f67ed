//! What is found in a block of lines.

use super::dialect::{JsonRow, KeyRole};

/// What a block holds.
pub(super) struct ParsedBlock {
    /// Where the first line that begins in it does so.
    pub(super) begin: Option<u64>,
    /// How far it was read: behind a line, or behind the last object of one that has no end.
    pub(super) end: u64,
    /// Where a line begins that is too long to be read: the block's last one.
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
    /// Values that are no numbers.
    pub(super) others: u64,
    /// Counters that are no numbers, or no whole ones.
    pub(super) odd: Vec<UnreadableCounter>,
    /// Which roles had a key.
    pub(super) found: Vec<KeyRole>,
}

/// What the values of a tag are.
#[derive(Debug, Clone, Default)]
pub(super) struct TagColumn {
    /// Whether there is a number among them.
    pub(super) numbers: bool,
    /// Whether it was a value of any sort: a counter is not.
    pub(super) texts: Option<TextValues>,
}

/// Texts among the values of a key: how many, and the first one.
#[derive(Debug, Clone)]
pub(super) struct TextValues {
    pub(super) count: u64,
    pub(super) example: String,
    pub(super) begin: u64,
    pub(super) length: u64,
}

/// The values of a counter that cannot be read.
#[derive(Debug, Clone)]
pub(super) struct UnreadableCounter {
    pub(super) role: KeyRole,
    pub(super) name: String,
    pub(super) texts: TextValues,
}

/// A range that holds no object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NonObject {
    pub(super) sort: NonObjectKind,
    pub(super) begin: u64,
    pub(super) end: u64,
    /// How it begins.
    pub(super) example: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NonObjectKind {
    /// It is no JSON object.
    Text,
    /// A line that git leaves in a file that two sides changed.
    Marker,
    /// The file ends inside it.
    Torn,
}

impl ParsedBlock {
    /// A block in which no line begins, and that is passed up to `end`.
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
