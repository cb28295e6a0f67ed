//! Reads plain rows in blocks: the rows that begin between two offsets, on any thread, independent of what comes before.
//!
//! Blocks end at the first quote: a quoted cell may hold separators and line ends, so where a row begins is known only when
//! reading from the beginning. They also end at a line that is a new header.

use std::io;

use memchr::{memchr, memchr2, memrchr};

use super::header::{Header, is_ruler};
use super::layout::{TableKind, TableLimits};
use super::rows::{ByteRange, RowFaultReason, TableRows};
use crate::shared::options::ReadOptions;
use stepbridge_io::bytes::{ReadAt, from_before, read_up_to};

/// The rows of a block.
pub(super) struct BlockRows {
    pub(super) rows: TableRows,
    /// Where the first row begins that was not taken; `None` if no row begins in the block.
    pub(super) end: Option<u64>,
    /// Whether the rest must be read row by row.
    pub(super) stops: bool,
}

/// The rows of a file, to be cut into blocks.
#[derive(Clone, Copy)]
pub(super) struct BlockSource<'a> {
    pub(super) bytes: &'a dyn ReadAt,
    /// Where the first row begins.
    pub(super) begin: u64,
    pub(super) size: u64,
    pub(super) limits: TableLimits,
}

/// Reads rows that are plain lines.
#[derive(Clone, Copy)]
pub(super) struct PlainRows<'a> {
    pub(super) kind: &'a TableKind,
    pub(super) options: &'a ReadOptions,
    pub(super) header: &'a Header,
}

impl BlockSource<'_> {
    /// How many blocks there are.
    pub(super) fn blocks(&self) -> usize {
        let blocks = self.size.saturating_sub(self.begin).div_ceil(self.limits.block as u64);
        usize::try_from(blocks).unwrap_or(usize::MAX)
    }

    /// Reads the rows that begin in block `index` and have an end.
    pub(super) fn read(&self, index: usize, reading: PlainRows) -> io::Result<BlockRows> {
        let block = self.limits.block as u64;
        let begin = self.begin + index as u64 * block;
        let end = self.size.min(begin + block);
        let from = from_before(begin);
        let before = usize::try_from(begin - from).unwrap_or(0);
        let mut bytes = Vec::new();
        let nothing = BlockRows { rows: TableRows::default(), end: None, stops: false };
        let mut whole = self.extend(&mut bytes, from, end - from)?;
        let first = match bytes.get(before..) {
            // The file became shorter.
            None => return Ok(BlockRows { end: (index == 0).then_some(begin), stops: index == 0, ..nothing }),
            Some(_) if index == 0 => before,
            Some(_) => match memchr(b'\n', &bytes[before - 1..]) {
                Some(at) if begin + (at as u64) < end => before + at,
                _ => return Ok(nothing),
            },
        };
        // The last row ends at the first line end from the last byte of the block on.
        let mut searched = bytes.len().saturating_sub(1);
        let last = loop {
            if let Some(at) = memchr(b'\n', &bytes[searched..]) {
                break searched + at + 1;
            }
            searched = bytes.len();
            if !whole || bytes.len() > self.limits.row {
                // A row without an end, or with one that is too far, is left to the reader of single rows.
                break memrchr(b'\n', &bytes).map_or(first, |at| first.max(at + 1));
            }
            let more = (bytes.len() as u64).min(1 << 16).min(self.size - from - bytes.len() as u64);
            whole = more > 0 && self.extend(&mut bytes, from, more)?;
        };
        let lines = &bytes[first..last];
        let at = from + first as u64;
        if memchr(b'"', lines).is_some() {
            return Ok(BlockRows { end: Some(at), stops: true, ..nothing });
        }
        let mut rows = TableRows::default();
        // A record takes about 16 bytes: two numbers and a few empty cells.
        rows.expect(lines.len() / 16);
        let taken = reading.plain(lines, at, &mut rows);
        rows.close(reading.header, reading.kind.format);
        let stops = taken < lines.len() || at + (taken as u64) < end;
        Ok(BlockRows { rows, end: Some(at + taken as u64), stops })
    }

    /// Reads this many more bytes; false if the file ends before.
    fn extend(&self, bytes: &mut Vec<u8>, from: u64, more: u64) -> io::Result<bool> {
        let mut filled = bytes.len();
        // It is at most a block or a row.
        bytes.resize(filled + usize::try_from(more).unwrap_or(0), 0);
        filled = read_up_to(self.bytes, from, bytes, filled)?;
        let whole = filled == bytes.len();
        bytes.truncate(filled);
        Ok(whole)
    }
}

impl PlainRows<'_> {
    /// Takes lines without quotes at `offset` in the file, as far as they are rows under this header. Returns how many bytes
    /// they have.
    fn plain(self, lines: &[u8], offset: u64, rows: &mut TableRows) -> usize {
        let mut at = 0;
        while let Some(length) = memchr2(b'\n', b'\r', &lines[at..]) {
            let end = at + length;
            let next = match lines[end..] {
                [b'\r', b'\n', ..] => end + 2,
                [b'\n', ..] => end + 1,
                // A line end of old systems, or a stray carriage return.
                _ => return at,
            };
            let range = ByteRange { begin: offset + at as u64, end: offset + next as u64 };
            if !self.line(&lines[at..end], range, rows) {
                return at;
            }
            at = next;
        }
        at
    }

    /// Takes a line; false if it is a new header.
    #[inline]
    fn line(self, line: &[u8], range: ByteRange, rows: &mut TableRows) -> bool {
        let header = self.header;
        let columns = header.roles.len();
        if line.is_empty() {
            return true;
        }
        rows.begin();
        let (mut at, mut column) = (0, 0);
        let fits = loop {
            if column == columns {
                break false;
            }
            // Most cells are empty.
            if line.get(at) != Some(&header.separator) {
                let length = memchr(header.separator, &line[at..]).unwrap_or(line.len() - at);
                if length > 0 {
                    rows.cell(header, column, &line[at..at + length]);
                }
                at += length;
            }
            column += 1;
            if at == line.len() {
                break column == columns;
            }
            at += 1;
        };
        if fits && rows.is_placed() && (header.places.any() || !rows.has_texts()) {
            rows.end(header, self.kind.format, range);
            return true;
        }
        self.odd(line, fits, range, rows)
    }

    /// Takes a line that is not a row of this table; false if it is a new header.
    #[cold]
    fn odd(self, line: &[u8], fits: bool, range: ByteRange, rows: &mut TableRows) -> bool {
        let cells: Vec<&[u8]> = line.split(|byte| *byte == self.header.separator).collect();
        if line.trim_ascii().is_empty() || is_ruler(&cells) || self.header.is(&cells) {
            rows.forget();
        } else if self.header.is_followed_by(self.kind, self.options, &cells) {
            rows.forget();
            return false;
        } else if fits {
            rows.end(self.header, self.kind.format, range);
        } else {
            rows.leave_out(range, RowFaultReason::Width(cells.len()));
        }
        true
    }
}
