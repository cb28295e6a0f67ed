//! Walks through a file: the header, blocks of plain rows, and from their end on row by row.

use std::io;
use std::sync::Arc;

use super::block::{BlockRows, BlockSource, PlainRows};
use super::cells::{Cell, stated, value};
use super::header::{Header, has_open_quote, is_ruler, unquoted};
use super::layout::{TableKind, TableLimits};
use super::peek::peek_with;
use super::report::RowReport;
use super::row_cutter::{NextRow, RowCutter};
use super::rows::{ByteRange, RowFaultReason, TableRows};
use crate::shared::first_epochs::FirstEpochs;
use crate::shared::head::{FileHead, HEAD};
use crate::shared::input::Input;
use crate::shared::mark::Mark;
use crate::shared::options::ReadOptions;
use crate::shared::sink::Sink;
use stepbridge_io::parallel;
use stepbridge_records::{Decimal, Problem, ProblemKind};

/// How many bytes of a line of names are looked at for quotes that are not closed.
const LONGEST_NAMES: usize = 1 << 20;

/// Where a reader stopped.
struct TableMark {
    /// Where the first incomplete row begins.
    offset: u64,
    /// How many of its cells were taken already.
    cells: usize,
    /// How many rows come before it.
    rows: u64,
    header: Header,
}

/// The state of the walk.
struct TableWalk<'a> {
    kind: &'a TableKind,
    options: &'a ReadOptions,
    /// The names of the folders above the file.
    folder: &'a [String],
    header: Header,
    /// Where the next row begins.
    at: u64,
    /// How many of its cells were taken already.
    cells: usize,
    rows: u64,
    /// Whether rows that are added to the file can be read on their own.
    resumes: bool,
    report: RowReport<'a>,
}

/// Why the blocks ended before the file.
enum BlocksEnd {
    Odd,
    Failed(io::Error),
}

pub(super) fn walk(kind: &TableKind, limits: TableLimits, input: &mut Input, sink: &mut Sink) -> io::Result<()> {
    let mut slow = RowCutter::new(input.window(), b',', limits.row);
    let known = input.mark.take().and_then(|mark: Mark| mark.downcast::<TableMark>().ok());
    let mut walk = match known {
        Some(known) => {
            slow.separated_by(known.header.separator);
            sink.came_to(known.offset)?;
            let TableMark { offset: at, cells, rows, ref header } = *known;
            let report = RowReport::new(input.file);
            TableWalk {
                kind,
                options: input.options,
                folder: input.folder,
                header: header.clone(),
                at,
                cells,
                rows,
                resumes: true,
                report,
            }
        }
        None => match TableWalk::begin(kind, input, &mut slow, sink)? {
            Some(walk) => walk,
            None => return Ok(()),
        },
    };
    if walk.cells == 0 {
        walk.blocks(limits, input, sink)?;
    }
    walk.row_by_row(input, &mut slow, sink)?;
    let TableWalk { mut report, header, .. } = walk;
    report.finish(&header, sink);
    // The meaning of the epoch follows from the first rows, so they must all have been there.
    let settled = walk.rows >= if header.places.epoch.is_some() { FirstEpochs::MOST } else { 1 };
    if walk.resumes && settled {
        sink.mark = Some(Arc::new(TableMark { offset: walk.at, cells: walk.cells, rows: walk.rows, header }));
    }
    Ok(())
}

/// The line that begins at an offset, after blanks; of a very long one the first part.
fn line_at<'b>(begin: u64, size: u64, slow: &'b mut RowCutter) -> io::Result<&'b [u8]> {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let left = usize::try_from(size.saturating_sub(begin)).unwrap_or(usize::MAX).min(LONGEST_NAMES);
    let mut wanted = left.min(1 << 12);
    // The window may hold more than is wanted, so that only a line with an end, or all that may be looked at, is the same each time.
    while wanted < left && !slow.bytes(begin, wanted)?.trim_ascii_start().iter().any(is_end) {
        wanted = left.min(2 * wanted);
    }
    let bytes = slow.bytes(begin, wanted)?;
    let bytes = &bytes[..bytes.len().min(left)];
    Ok(bytes.trim_ascii_start().split(is_end).next().unwrap_or_default())
}

impl<'a> TableWalk<'a> {
    /// Reads the line of names.
    fn begin(
        kind: &'a TableKind,
        input: &Input<'a>,
        slow: &mut RowCutter,
        sink: &mut Sink,
    ) -> io::Result<Option<Self>> {
        let nothing = |sink: &mut Sink, kind, reason: &str| {
            sink.report(kind, 0, input.size, reason);
            Ok(None)
        };
        let head = slow.bytes(0, HEAD)?;
        let mark = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let head = FileHead { name: input.name, folder: input.folder, bytes: &head[..head.len().min(HEAD)] };
        // Damaged lines may come before the line of names.
        let table = peek_with(&head, |line| Some((kind.separator)(line)))
            .filter(|table| table.begin > 0 && (kind.places)(&table.names, input.options).any());
        let begin = mark + table.map_or(0, |table| table.begin as u64);
        let line = line_at(begin, input.size, slow)?;
        let separator = (kind.separator)(line);
        let (open, line) = (has_open_quote(line), unquoted(line, separator));
        slow.separated_by(separator);
        let (range, whole) = match slow.find(begin)? {
            NextRow::Row(range) => match slow.stray_line_end(range)? {
                None => (range, !open || slow.has_lines(range)?),
                Some(end) => (ByteRange { end, ..range }, false),
            },
            NextRow::Open(range) if line.len() > 1 => (range, false),
            NextRow::Torn(range) => {
                sink.report(ProblemKind::Truncated, range.begin, range.end, "the file ends inside its header");
                return Ok(None);
            }
            // An empty file was reported before, if its name is that of a log.
            NextRow::End(0) => return Ok(None),
            NextRow::End(_) => return nothing(sink, ProblemKind::NotALog, "there is no line of names in it"),
            NextRow::Open(_) | NextRow::Long(_) => {
                return nothing(sink, ProblemKind::NotALog, "it does not begin with a line of names that has an end");
            }
        };
        let cells: Vec<Vec<u8>> = if whole { slow.cells().iter().map(<[u8]>::to_vec).collect() } else { line };
        if !whole {
            let reason = "a quote in the line of names is not closed in it; the names were read without quotes";
            sink.report(ProblemKind::Corrupt, range.begin, range.end, reason);
        }
        if !slow.is_blank(mark, begin)? {
            let reason = "these lines come before the line of names; they were left out";
            sink.report(ProblemKind::Corrupt, mark, begin, reason);
        }
        let cells: Vec<&[u8]> = cells.iter().map(Vec::as_slice).collect();
        if cells.iter().all(|cell| value(cell.trim_ascii(), kind.blank) != Cell::Text) {
            return nothing(sink, ProblemKind::NotALog, "it begins with numbers, not with the names of its columns");
        }
        let mut header = Header::new(kind, input.options, separator, &cells)?;
        for reason in &header.places.missing {
            sink.problem(Problem::new(input.file, ProblemKind::MissingColumn, reason.clone()));
        }
        let first = match header.places.epoch {
            Some(column) => first_epoch(column, range.end, slow)?,
            None => None,
        };
        header.meaning = (kind.meaning)(&header.names, first);
        let (kind, options, report) = (kind, input.options, RowReport::new(input.file));
        Ok(Some(Self {
            kind,
            options,
            folder: input.folder,
            header,
            at: range.end,
            cells: 0,
            rows: 0,
            resumes: true,
            report,
        }))
    }

    /// Takes blocks as long as their rows are plain.
    fn blocks(&mut self, limits: TableLimits, input: &Input, sink: &mut Sink) -> io::Result<()> {
        let source = BlockSource { bytes: input.bytes, begin: self.at, size: input.size, limits };
        let header = self.header.clone();
        let reading = PlainRows { kind: self.kind, options: self.options, header: &header };
        let work = |index| source.read(index, reading);
        let take = |_, read: io::Result<BlockRows>| {
            let BlockRows { rows, end, stops } = read.map_err(BlocksEnd::Failed)?;
            if let Some(end) = end {
                self.take(rows, sink);
                self.at = end;
                sink.came_to(end).map_err(BlocksEnd::Failed)?;
            }
            if stops { Err(BlocksEnd::Odd) } else { Ok(()) }
        };
        match parallel::in_order(source.blocks(), input.threads, work, take) {
            Err(BlocksEnd::Failed(error)) => Err(error),
            Err(BlocksEnd::Odd) | Ok(()) => Ok(()),
        }
    }

    /// Takes the rest, one row at a time.
    fn row_by_row(&mut self, input: &Input, slow: &mut RowCutter, sink: &mut Sink) -> io::Result<()> {
        /// After this many bytes, the records are emitted.
        const STRIDE: u64 = 1 << 20;
        let mut rows = TableRows::default();
        let mut handed_on = self.at;
        loop {
            let found = slow.find(self.at)?;
            let end = match found {
                NextRow::Row(range) => match self.stray_quote(range, slow)? {
                    None => {
                        self.row(range, slow, &mut rows, sink);
                        range.end
                    }
                    Some(line) => {
                        self.hand_on(&mut rows, sink);
                        let reason = "a quote in a line is closed only after further rows; the line was left out";
                        self.report.no_row(line, reason, &self.header, sink);
                        line.end
                    }
                },
                NextRow::Open(range) => {
                    // The quote may be closed by what is added to the file; then the rows after it are inside the quote.
                    self.resumes = false;
                    self.hand_on(&mut rows, sink);
                    let reason = "a quote in a line is not closed anywhere near; the line was left out";
                    self.report.no_row(range, reason, &self.header, sink);
                    range.end
                }
                NextRow::Long(range) => {
                    self.hand_on(&mut rows, sink);
                    let reason = format!("a line of {} bytes is not a row; it was left out", range.end - range.begin);
                    self.report.no_row(range, &reason, &self.header, sink);
                    range.end
                }
                NextRow::Torn(range) => {
                    self.at = range.begin;
                    self.torn(range, slow, &mut rows);
                    self.hand_on(&mut rows, sink);
                    // The row is counted when it is complete.
                    self.rows -= 1;
                    break;
                }
                NextRow::End(end) => {
                    self.at = end;
                    break;
                }
            };
            self.cells = 0;
            self.at = end;
            if self.at - handed_on >= STRIDE {
                self.hand_on(&mut rows, sink);
                handed_on = self.at;
                sink.came_to(self.at)?;
            }
        }
        self.hand_on(&mut rows, sink);
        let end = slow.size();
        if end < input.size {
            let reason = "the file is shorter than when it was opened";
            sink.report(ProblemKind::Truncated, end, input.size, reason);
        }
        Ok(())
    }

    /// The first line of a row of several lines, if the next line is a row of its own: then a quote is damage.
    fn stray_quote(&mut self, range: ByteRange, slow: &mut RowCutter) -> io::Result<Option<ByteRange>> {
        let Some(end) = slow.stray_line_end(range)? else { return Ok(None) };
        let next = slow.find(end)?;
        // What is added to the file may show what an incomplete line is.
        self.resumes &= !matches!(next, NextRow::Torn(_));
        let mut numbers = 0;
        let mut count = 0;
        let mut is_row = matches!(next, NextRow::Row(_));
        for cell in slow.cells().iter() {
            match value(cell, self.header.blank) {
                Cell::Number(_) => numbers += 1,
                Cell::Blank => {}
                Cell::Text => is_row = false,
            }
            count += 1;
        }
        if is_row && numbers > 0 && count == self.header.roles.len() {
            return Ok(Some(ByteRange { begin: range.begin, end }));
        }
        slow.find(range.begin)?;
        Ok(None)
    }

    /// Takes a complete row.
    fn row(&mut self, range: ByteRange, slow: &RowCutter, rows: &mut TableRows, sink: &mut Sink) {
        let columns = self.header.roles.len();
        rows.begin();
        let mut count = 0;
        for cell in slow.cells().iter() {
            // Cells that were taken when the row was torn are not taken again.
            let is_new = count >= self.cells || !self.header.holds_values(count);
            if count < columns && !cell.is_empty() && is_new {
                rows.cell(&self.header, count, cell);
            }
            count += 1;
        }
        let fits = count == columns;
        if fits && rows.is_placed() {
            return rows.end(&self.header, self.kind.format, range);
        }
        let cells: Vec<&[u8]> = slow.cells().iter().collect();
        let is_blank = cells.iter().all(|cell| cell.trim_ascii().is_empty()) && count == 1;
        if is_blank || is_ruler(&cells) || self.header.is(&cells) {
            rows.forget();
        } else if self.header.is_followed_by(self.kind, self.options, &cells)
            && let Ok(header) = Header::new(self.kind, self.options, self.header.separator, &cells)
        {
            rows.forget();
            self.hand_on(rows, sink);
            self.report.finish(&self.header, sink);
            let meaning = self.header.meaning;
            self.header = header;
            // What epochs count from follows from the first row of the file.
            self.header.meaning = meaning;
        } else if fits {
            rows.end(&self.header, self.kind.format, range);
        } else {
            rows.leave_out(range, RowFaultReason::Width(count));
        }
    }

    /// Takes the row that the file ends in, without its last cell, which may be incomplete.
    fn torn(&mut self, range: ByteRange, slow: &RowCutter, rows: &mut TableRows) {
        let columns = self.header.roles.len();
        let count = slow.cells().iter().count();
        if count > columns {
            return rows.leave_out(range, RowFaultReason::Width(count));
        }
        let whole = count.saturating_sub(1);
        let first: Vec<&[u8]> = slow.cells().iter().take(whole).collect();
        if whole > 0 && self.header.begins_with(&first) {
            return rows.leave_out(range, RowFaultReason::TornHeader);
        }
        let places = &self.header.places;
        for (place, name) in [(places.step, "step"), (places.epoch, "epoch")] {
            if place.is_some_and(|column| column >= whole) {
                return rows.leave_out(range, RowFaultReason::TornBefore(name));
            }
        }
        rows.begin();
        for (column, cell) in first.into_iter().enumerate() {
            if !cell.is_empty() && (column >= self.cells || !self.header.holds_values(column)) {
                rows.cell(&self.header, column, cell);
            }
        }
        self.cells = if rows.is_placed() { whole } else { 0 };
        rows.end_torn(range);
    }

    /// Emits what was taken so far.
    fn hand_on(&mut self, rows: &mut TableRows, sink: &mut Sink) {
        let mut rows = std::mem::take(rows);
        rows.close(&self.header, self.kind.format);
        self.take(rows, sink);
    }

    /// Takes rows.
    fn take(&mut self, rows: TableRows, sink: &mut Sink) {
        rows.batches.into_iter().for_each(|tagged| sink.emit((self.kind.in_folder)(self.folder, tagged)));
        for mut fault in rows.faults {
            fault.row += self.rows;
            self.report.fault(fault, &self.header, sink);
        }
        self.report.texts(rows.texts, self.rows);
        self.rows += rows.count;
        sink.facts.records_ok += rows.sound;
    }
}

/// The epoch of the first row, which shows what epochs count from. Where that row is damaged, only a 0 after it does. If the
/// rows after it count in fractions, one of those: a first 0.0 does not number an epoch then.
fn first_epoch(column: usize, begin: u64, slow: &mut RowCutter) -> io::Result<Option<Decimal>> {
    let (mut at, mut damaged) = (begin, false);
    let (mut first, mut epochs) = (None, FirstEpochs::default());
    for _ in 0..FirstEpochs::MOST {
        let range = match slow.find(at)? {
            NextRow::Row(range) | NextRow::Open(range) | NextRow::Long(range) => range,
            NextRow::Torn(_) | NextRow::End(_) => break,
        };
        let cells: Vec<&[u8]> = slow.cells().iter().collect();
        if let Some(epoch) = cells.get(column).and_then(|cell| stated(cell.trim_ascii())) {
            first = first.or(Some(Some(epoch).filter(|epoch| !damaged || epoch.whole() == Some(0))));
            epochs.take(epoch);
        } else {
            damaged |= !is_ruler(&cells);
        }
        at = range.end;
    }
    Ok(epochs.fraction().or(first.flatten()))
}
