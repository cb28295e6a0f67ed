//! Merges blocks in the order of the file: batches of records, and problems.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use super::block::{NonObject, NonObjectKind, ParsedBlock, TagColumn, UnreadableCounter};
use super::dialect::{Dialect, JsonRow, KeyRole, RecordKind, RowPlacement, RowsBefore};
use crate::shared::record_builder::{RecordBuilder, RowPlace, used_names};
use crate::shared::sink::Sink;
use crate::shared::value_tally::ValueTally;
use stepbridge_records::{ColumnBatch, Problem, ProblemKind, TaggedBatch};

/// Where a reader stopped, and what it knew.
#[derive(Debug, Clone, Default)]
pub(crate) struct JsonLinesMark {
    /// How many bytes of the file were read.
    pub(super) at: u64,
    before: RowsBefore,
    /// Where the first text is that is not an object.
    damage: Option<u64>,
    /// The names that had numbers.
    numeric: HashSet<String>,
    found: Vec<KeyRole>,
    names: Vec<String>,
}

/// Consecutive rows of one kind, with their values. Rows that are not records have no kind.
struct RowGroup {
    kind: Option<usize>,
    rows: Range<usize>,
    values: Range<usize>,
}

/// How many names a problem lists.
const TOLD: usize = 12;

pub(super) struct BlockMerge<'a> {
    dialect: &'a dyn Dialect,
    kinds: Vec<RecordKind>,
    carried: JsonLinesMark,
    /// Consecutive lines without an object, and how many lines they are.
    junk: Option<(NonObject, u64)>,
    /// Where a line begins that is too long.
    overlong: Option<u64>,
    texts: HashMap<String, ValueTally>,
    odd: Vec<UnreadableCounter>,
    unplaced: Option<ValueTally>,
}

impl<'a> BlockMerge<'a> {
    pub(super) fn new(dialect: &'a dyn Dialect, carried: JsonLinesMark) -> Self {
        Self {
            dialect,
            kinds: dialect.kinds(),
            carried,
            junk: None,
            overlong: None,
            texts: HashMap::new(),
            odd: Vec::new(),
            unplaced: None,
        }
    }

    pub(super) fn take(&mut self, mut block: ParsedBlock, sink: &mut Sink) {
        if let (Some(begin), Some(end)) = (self.overlong, block.begin) {
            self.overlong = None;
            self.too_long(begin, end, sink);
        }
        for junk in std::mem::take(&mut block.junk) {
            // A line without an end may be whole when the file is read again.
            if junk.sort != NonObjectKind::Torn {
                self.carried.damage.get_or_insert(junk.begin);
            }
            self.junk(junk, sink);
        }
        self.overlong = self.overlong.or(block.overlong);
        if block.begin.is_some() {
            self.carried.at = self.carried.at.max(block.end);
        }
        for role in &block.found {
            if !self.carried.found.contains(role) {
                self.carried.found.push(*role);
            }
        }
        sink.facts.records_ok += block.rows.len() as u64;
        sink.facts.non_numeric += block.others;
        self.columns(&block);
        for odd in std::mem::take(&mut block.odd) {
            match self.odd.iter_mut().find(|known| known.name == odd.name) {
                Some(known) => known.texts.add(&odd.texts),
                None => self.odd.push(odd),
            }
        }
        self.rows(block, sink);
    }

    /// Takes over the block's names.
    fn columns(&mut self, block: &ParsedBlock) {
        for name in block.counters.iter().chain(&block.tags) {
            if self.carried.names.len() < TOLD && !self.carried.names.contains(name) {
                self.carried.names.push(name.clone());
            }
        }
        for (name, column) in block.tags.iter().zip(&block.columns) {
            let TagColumn { numbers, texts } = column;
            if *numbers && !self.carried.numeric.contains(name) {
                self.carried.numeric.insert(name.clone());
            }
            let Some(texts) = texts else { continue };
            if let Some(known) = self.texts.get_mut(name) {
                known.add(texts);
            } else {
                self.texts.insert(name.clone(), texts.clone());
            }
        }
    }

    /// Emits the records. Consecutive rows of one kind are a batch.
    fn rows(&mut self, block: ParsedBlock, sink: &mut Sink) {
        let ParsedBlock { tags, tag, value, mut rows, .. } = block;
        let mut groups: Vec<RowGroup> = Vec::new();
        let mut from = 0;
        for (index, row) in rows.iter_mut().enumerate() {
            self.carried.before.damaged = self.carried.damage.is_some_and(|at| at < row.begin);
            let settled = self.dialect.settle(&mut self.carried.before, row);
            let values = from..row.upto;
            from = row.upto;
            if values.is_empty() {
                continue;
            }
            if let RowPlacement::Unplaced(_) = settled {
                match &mut self.unplaced {
                    Some(texts) => texts.count += 1,
                    none => {
                        let (begin, length) = (row.begin, row.length);
                        *none = Some(ValueTally::one("", begin..begin + length));
                    }
                }
            }
            let kind = match settled {
                RowPlacement::Kind(kind) | RowPlacement::Unplaced(kind) => Some(kind),
                RowPlacement::Header => {
                    sink.facts.non_numeric += values.len() as u64;
                    None
                }
            };
            match groups.last_mut() {
                Some(group) if group.kind == kind => {
                    group.rows.end = index + 1;
                    group.values.end = values.end;
                }
                _ => groups.push(RowGroup { kind, rows: index..index + 1, values }),
            }
        }
        if let [RowGroup { kind: Some(kind), rows: range, values }] = &groups[..]
            && values.len() == value.len()
        {
            let (kind, range) = (&self.kinds[*kind], range.clone());
            sink.emit(self.piece(kind, &rows[range], 0, self.tags(tags, kind), (tag, value)));
            return;
        }
        for RowGroup { kind, rows: range, values } in groups {
            let Some(kind) = kind.map(|kind| &self.kinds[kind]) else { continue };
            // A batch has only the names of its own records, because there may be many.
            let mut own = tag[values.clone()].to_vec();
            let names = used_names(&mut own, &tags);
            let columns = (own, value[values.clone()].to_vec());
            sink.emit(self.piece(kind, &rows[range], values.start, self.tags(names, kind), columns));
        }
    }

    /// The names of tags, given those of their keys.
    fn tags(&self, keys: Vec<String>, kind: &RecordKind) -> Vec<String> {
        let tag = |key: String| {
            let tag = self.dialect.tag(&key);
            if kind.prefix.is_empty() && tag.len() == key.len() { key } else { format!("{}{tag}", kind.prefix) }
        };
        keys.into_iter().map(tag).collect()
    }

    /// The records of rows. Their values begin at `from`.
    fn piece(
        &self,
        kind: &RecordKind,
        rows: &[JsonRow],
        from: usize,
        tags: Vec<String>,
        columns: (Vec<u32>, Vec<f64>),
    ) -> TaggedBatch {
        let mut builder = RecordBuilder::of_values(columns.0, columns.1);
        for row in rows {
            // Rows without values may come before the first row with values.
            let end = row.upto.max(from) - from;
            builder.end_row_at(end, RowPlace { step: row.step, epoch: row.epoch, wall_time: row.wall_time });
        }
        let columns = ColumnBatch { meaning: kind.meaning, ..builder.into_columns(self.dialect.format()) };
        TaggedBatch::new(tags, columns)
    }

    /// Takes a range without an object. Adjacent ranges of text are joined.
    fn junk(&mut self, junk: NonObject, sink: &mut Sink) {
        if let Some((known, lines)) = &mut self.junk
            && (known.sort, junk.sort, known.end) == (NonObjectKind::Text, NonObjectKind::Text, junk.begin)
        {
            known.end = junk.end;
            *lines += 1;
            return;
        }
        self.flush(sink);
        self.junk = Some((junk, 1));
    }

    fn flush(&mut self, sink: &mut Sink) {
        let Some((NonObject { sort, begin, end, example }, lines)) = self.junk.take() else { return };
        let (kind, reason) = match sort {
            NonObjectKind::Marker => (
                ProblemKind::Corrupt,
                format!("a conflict marker of git ('{example}'); the lines around it, of both sides, were read"),
            ),
            NonObjectKind::Torn => (
                ProblemKind::Truncated,
                "the file ends inside a line: it is still being written, or its writer was stopped".to_owned(),
            ),
            NonObjectKind::Text => {
                let what = if lines == 1 { "this is".to_owned() } else { format!("these {lines} lines are") };
                (ProblemKind::Corrupt, format!("{what} no JSON object of one line (it begins '{example}')"))
            }
        };
        sink.report(kind, begin, end, reason);
    }

    fn too_long(&mut self, begin: u64, end: u64, sink: &mut Sink) {
        self.flush(sink);
        let reason = "a line is too long for a log, and was not read";
        sink.report(ProblemKind::Corrupt, begin, end, reason);
    }

    /// Reports what is known only at the end, and leaves a mark. `whole` says that all of the file was read.
    pub(super) fn finish(mut self, whole: bool, sink: &mut Sink) {
        self.flush(sink);
        if let (Some(begin), true) = (self.overlong, whole) {
            self.too_long(begin, sink.facts.bytes, sink);
        }
        // In the order of the file, whatever the blocks are.
        let mut columns: Vec<(String, ValueTally)> = std::mem::take(&mut self.texts).into_iter().collect();
        columns.sort_by(|(one, at), (other, than)| (at.range.start, one).cmp(&(than.range.start, other)));
        self.odd.sort_by(|one, other| (one.texts.range.start, &one.name).cmp(&(other.texts.range.start, &other.name)));
        for (name, texts) in columns {
            if self.carried.numeric.contains(&name) {
                sink.problem(texts.problem(sink.file(), "value", &format!("of key '{name}'"), "number"));
            }
        }
        for UnreadableCounter { role, name, texts } in std::mem::take(&mut self.odd) {
            let what = if matches!(role, KeyRole::Step | KeyRole::Iter) { "whole number" } else { "number" };
            let of = format!("of key '{name}', which the records there lack,");
            sink.problem(texts.problem(sink.file(), "value", &of, what));
        }
        if let (Some(texts), Some(what)) = (self.unplaced.take(), self.dialect.unplaced()) {
            let ValueTally { count, range, .. } = texts;
            let lines = if count == 1 { "line" } else { "lines" };
            let problem = Problem::new(sink.file(), ProblemKind::MissingColumn, format!("{count} {lines} {what}"));
            sink.problem(problem.at(range.start, range.end - range.start));
        }
        for (role, name) in self.dialect.named() {
            if whole && !self.carried.found.contains(&role) {
                let names = self.carried.names.join("', '");
                let reason = format!("no object has the key '{name}'; there are '{names}'");
                sink.problem(Problem::new(sink.file(), ProblemKind::MissingColumn, reason));
            }
        }
        sink.mark = Some(Arc::new(self.carried));
    }
}
