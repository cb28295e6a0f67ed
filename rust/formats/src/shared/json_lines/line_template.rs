//! The object of a line: as far as it has the members of the one before, little is asked of each.

use super::block::TagColumn;
use super::dialect::KeyRole;
use super::keys::{KeyTable, ROOT};
use super::parser::{BlockParser, DEPTH};
use stepbridge_io::json::{JsonCursor, JsonFault};

/// The members that objects begin with, each of another key.
#[derive(Default)]
pub(super) struct LineTemplate {
    members: Vec<TemplateMember>,
    /// What stands before each value: one text after the other.
    texts: Vec<u8>,
}

#[derive(Clone, Copy)]
struct TemplateMember {
    key: usize,
    /// Of the text before its value, where that ends.
    text: usize,
    /// What its numbers are values of; `None` for a counter.
    tag: Option<u32>,
}

impl LineTemplate {
    /// Takes over the members of the object that was read last, up to one that had no number yet.
    fn learn(&mut self, keys: &KeyTable, columns: &[TagColumn]) {
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

impl<'a> BlockParser<'a> {
    /// The object of a line, whose brace comes next.
    pub(super) fn top(&mut self, cursor: &mut JsonCursor<'a>) -> Result<(), JsonFault> {
        let values = self.block.value.len();
        cursor.at += 1;
        let alike = self.alike(cursor)?;
        if alike == self.shape.members.len() && alike > 0 && cursor.take_text(b"}") {
            return Ok(());
        }
        // It goes on in another way. What its other members may ask of those before is taken down.
        let (mut from, mut begin) = (values, 0);
        for &TemplateMember { key, text, tag } in &self.shape.members[..alike] {
            let known = &mut self.keys.all[key];
            (known.line, known.values) = (self.line, from..from + usize::from(tag.is_some()));
            from = known.values.end;
            self.keys.found(key, &self.shape.texts[begin..text]);
            begin = text;
        }
        if alike > 0 || !cursor.take(b'}')? {
            self.members(cursor, ROOT, DEPTH, alike == 0)?;
        }
        self.shape.learn(&self.keys, &self.block.columns);
        Ok(())
    }

    /// Reads members as long as they are those of the object before, and says how many.
    fn alike(&mut self, cursor: &mut JsonCursor<'a>) -> Result<usize, JsonFault> {
        let (mut alike, mut text) = (0, 0);
        while let Some(&member) = self.shape.members.get(alike) {
            let begin = cursor.at;
            if !cursor.take_text(&self.shape.texts[text..member.text]) {
                break;
            }
            if let Some(tag) = member.tag {
                if !cursor.is_at_number() {
                    cursor.at = begin;
                    break;
                }
                let value = cursor.float()?;
                self.block.tag.push(tag);
                self.block.value.push(value);
            } else {
                self.counter(cursor, member.key, self.keys.all[member.key].role)?;
            }
            text = member.text;
            alike += 1;
        }
        Ok(alike)
    }
}
