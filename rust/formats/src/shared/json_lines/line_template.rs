//! The members that the objects of lines begin with, so that an object like the one before is read quickly.

use super::block::TagColumn;
use super::dialect::KeyRole;
use super::keys::KeyTable;

/// The members that the last object began with, each with another key.
#[derive(Default)]
pub(super) struct LineTemplate {
    pub(super) members: Vec<TemplateMember>,
    /// The text before each value, one after the other.
    pub(super) texts: Vec<u8>,
}

#[derive(Clone, Copy)]
pub(super) struct TemplateMember {
    pub(super) key: usize,
    /// The end of the text before its value.
    pub(super) text: usize,
    /// The tag of its numbers; `None` for a counter.
    pub(super) tag: Option<u32>,
}

impl LineTemplate {
    /// Takes the members of the object that was read last, up to the first that had no number yet.
    pub(super) fn learn(&mut self, keys: &KeyTable, columns: &[TagColumn]) {
        self.members.clear();
        self.texts.clear();
        for (key, between) in keys.last_object() {
            let (role, tag) = (keys.all[key].role, keys.all[key].tag);
            let number = tag.and_then(|tag| columns.get(tag as usize)).is_some_and(|column| column.numbers);
            if role == KeyRole::Value && !number {
                break;
            }
            self.texts.extend_from_slice(between);
            self.members.push(TemplateMember { key, text: self.texts.len(), tag });
        }
    }
}
