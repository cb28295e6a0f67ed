//! Where the summaries of an event file are, noted while it is read.

use std::io;

use super::READER;
use super::event::OtherValue;
use crate::shared::record_builder::RecordBuilder;
use stepbridge_records::{SummaryLayout, TagTable, TaggedBatch};

/// Notes where summaries are, part by part.
#[derive(Debug, Default)]
pub(super) struct LayoutBuilder {
    blocks: Vec<(u64, u64)>,
    malformed: Vec<u64>,
    tags: TagTable,
    others: RecordBuilder,
    ordinals: Vec<u64>,
}

impl LayoutBuilder {
    /// Begins a part at `offset`, after so many scalars; frames that are intact and not events begin at `malformed`.
    pub(super) fn block(&mut self, offset: u64, scalars: u64, malformed: impl Iterator<Item = u64>) {
        self.blocks.push((offset, scalars + self.ordinals.len() as u64));
        self.malformed.extend(malformed);
    }

    /// Adds the values of the part that are not scalars. `names` are its tags, `scalars` come before it.
    pub(super) fn others(&mut self, values: &[OtherValue], names: &[String], scalars: u64) {
        for value in values {
            let tag = self.tags.number(names[value.tag as usize].as_bytes());
            self.others.push_timed(tag, value.step, value.wall_time, f64::NAN);
            self.ordinals.push(scalars + value.before);
        }
    }

    /// All of a file of `size` bytes, which was read up to `end` and has so many scalars.
    pub(super) fn finish(self, end: u64, size: u64, scalars: u64) -> io::Result<SummaryLayout> {
        let count = scalars + self.ordinals.len() as u64;
        let mut columns = self.others.into_columns(READER.format());
        columns.ordinals = Some(self.ordinals);
        let others = TaggedBatch::new(self.tags.into_names()?, columns);
        Ok(SummaryLayout { blocks: self.blocks, end, size, count, malformed: self.malformed, others })
    }
}
