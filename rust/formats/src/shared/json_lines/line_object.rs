//! Reads the object of a line, quickly as far as it has the members of the one before.

use stepbridge_io::json::{JsonCursor, JsonFault};

use super::keys::ROOT;
use super::line_template::TemplateMember;
use super::parser::{BlockParser, DEPTH};

impl<'a> BlockParser<'a> {
    /// Reads the object of a line. Its brace comes next.
    pub(super) fn top(&mut self, cursor: &mut JsonCursor<'a>) -> Result<(), JsonFault> {
        let values = self.block.value.len();
        cursor.at += 1;
        let alike = self.alike(cursor)?;
        if alike == self.shape.members.len() && alike > 0 && cursor.take_text(b"}") {
            return Ok(());
        }
        // The object differs from the template here. Note what its other members need to know of the members before.
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

    /// Reads members as long as they are those of the template, and returns how many.
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
