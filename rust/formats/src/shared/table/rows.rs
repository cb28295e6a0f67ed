//! Makes records of rows, and collects what is wrong with them.

use std::collections::BTreeMap;

use super::cells::{Cell, stated, value, whole_number};
use super::header::{ColumnRole, Header};
use crate::shared::record_builder::{RecordBuilder, RowPlace, used_names};
use crate::shared::value_tally::ValueTally;
use stepbridge_records::{ColumnBatch, Format, TaggedBatch};

/// How many records make a batch.
const PIECE: usize = 1 << 16;

/// A range of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ByteRange {
    pub(super) begin: u64,
    pub(super) end: u64,
}

/// Why a row gave no records, or not all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RowFaultReason {
    /// It has this many cells.
    Width(usize),
    /// Its step is this text.
    Step(String),
    /// Its epoch is this text.
    Epoch(String),
    /// The file ends inside it. The complete cells were taken.
    Torn,
    /// The file ends inside it, before the cell with this name.
    TornBefore(&'static str),
    /// The file ends inside a repeated header.
    TornHeader,
}

/// A row that gave no records, or not all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CsvRowFault {
    pub(super) range: ByteRange,
    /// The index of the row among these rows.
    pub(super) row: u64,
    pub(super) why: RowFaultReason,
}

/// The cells of one column that are not numbers, and the index of the first one's row among these rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CellTexts {
    pub(super) tally: ValueTally,
    pub(super) row: u64,
}

/// What consecutive rows gave.
#[derive(Debug, Default)]
pub(super) struct TableRows {
    pub(super) batches: Vec<TaggedBatch>,
    pub(super) faults: Vec<CsvRowFault>,
    /// By column.
    pub(super) texts: BTreeMap<usize, CellTexts>,
    /// How many rows there are, including those without records.
    pub(super) count: u64,
    pub(super) sound: u64,
    open: RecordBuilder,
    /// The texts of the current row, by column.
    pending: Vec<(usize, String)>,
    place: RowPlace,
    bad: Option<RowFaultReason>,
}

impl TableRows {
    /// Makes room for about as many records.
    pub(super) fn expect(&mut self, records: usize) {
        let records = records.min(PIECE + PIECE / 4);
        self.open.reserve(records);
    }

    /// Begins a row.
    #[inline]
    pub(super) fn begin(&mut self) {
        self.place = RowPlace::default();
    }

    /// Takes a cell that is not empty.
    #[inline]
    pub(super) fn cell(&mut self, header: &Header, column: usize, cell: &[u8]) {
        match header.roles[column] {
            ColumnRole::Tag(tag) => match value(cell, header.blank) {
                Cell::Number(value) => self.open.push(tag, value),
                Cell::Blank => {}
                Cell::Text => self.text(column, cell),
            },
            role => self.position(role, column, cell.trim_ascii(), header.blank),
        }
    }

    fn position(&mut self, role: ColumnRole, column: usize, cell: &[u8], blank: Option<&str>) {
        if cell.is_empty() {
            return;
        }
        match role {
            ColumnRole::Step => match whole_number(cell) {
                Some(step) => self.place.step = Some(step),
                None => self.bad = Some(RowFaultReason::Step(shown(cell))),
            },
            ColumnRole::Epoch => match stated(cell) {
                Some(epoch) => self.place.epoch = Some(epoch),
                None => self.bad = Some(RowFaultReason::Epoch(shown(cell))),
            },
            ColumnRole::WallTime => match value(cell, blank) {
                Cell::Number(time) => self.place.wall_time = time,
                Cell::Blank => {}
                Cell::Text => self.text(column, cell),
            },
            ColumnRole::Tag(_) => {}
        }
    }

    #[cold]
    fn text(&mut self, column: usize, cell: &[u8]) {
        self.pending.push((column, shown(cell.trim_ascii())));
    }

    /// Whether the step and the epoch of the current row can be read, as far as it has them.
    pub(super) fn is_placed(&self) -> bool {
        self.bad.is_none()
    }

    /// Whether the current row has cells that should be numbers and are not.
    pub(super) fn has_texts(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Ends a complete row.
    #[inline]
    pub(super) fn end(&mut self, header: &Header, format: Format, range: ByteRange) {
        if let Some(why) = self.bad.take() {
            return self.leave_out(range, why);
        }
        if !self.pending.is_empty() {
            self.keep_texts(range);
        }
        self.open.end_row(self.place);
        self.count += 1;
        self.sound += 1;
        if self.open.len() >= PIECE {
            self.close(header, format);
        }
    }

    /// Ends a row whose first cells were taken.
    pub(super) fn end_torn(&mut self, range: ByteRange) {
        if let Some(why) = self.bad.take() {
            return self.leave_out(range, why);
        }
        self.keep_texts(range);
        self.open.end_row(self.place);
        self.faults.push(CsvRowFault { range, row: self.count, why: RowFaultReason::Torn });
        self.count += 1;
    }

    /// Ends a row that gives no records.
    #[cold]
    pub(super) fn leave_out(&mut self, range: ByteRange, why: RowFaultReason) {
        self.forget();
        self.faults.push(CsvRowFault { range, row: self.count, why });
        self.count += 1;
    }

    /// Drops a line that is not a row.
    pub(super) fn forget(&mut self) {
        self.open.forget_row();
        self.pending.clear();
        self.bad = None;
    }

    #[cold]
    fn keep_texts(&mut self, range: ByteRange) {
        for (column, example) in self.pending.drain(..) {
            let (row, tally) = (self.count, ValueTally::one(&example, range.begin..range.end));
            match self.texts.get_mut(&column) {
                Some(known) => known.tally.add(&tally),
                None => drop(self.texts.insert(column, CellTexts { tally, row })),
            }
        }
    }

    /// Makes a batch of the records since the last batch.
    pub(super) fn close(&mut self, header: &Header, format: Format) {
        let records = std::mem::take(&mut self.open);
        if records.is_empty() {
            return;
        }
        let batch = ColumnBatch { meaning: header.meaning, ..records.into_columns(format) };
        if batch.len() <= 2 * PIECE {
            return self.batches.push(piece(header, batch));
        }
        // A row may have a million cells.
        for begin in (0..batch.len()).step_by(PIECE) {
            let part = batch.slice(begin..batch.len().min(begin + PIECE));
            self.batches.push(piece(header, part));
        }
    }
}

/// A cell as a report shows it.
fn shown(cell: &[u8]) -> String {
    const LONGEST: usize = 80;
    match cell.get(..LONGEST) {
        Some(begin) => format!("{}...", String::from_utf8_lossy(begin)),
        None => String::from_utf8_lossy(cell).into_owned(),
    }
}

/// A batch with the names of its tags; only of those with records, if many have none.
fn piece(header: &Header, mut batch: ColumnBatch) -> TaggedBatch {
    if header.tags.len() <= batch.len() {
        return TaggedBatch::new(header.tags.clone(), batch);
    }
    let tags = used_names(&mut batch.tag, &header.tags);
    TaggedBatch::new(tags, batch)
}
