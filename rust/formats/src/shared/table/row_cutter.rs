//! Cuts rows one after the other, whatever they hold: quoted cells, line ends of any system, very long lines.

use std::io;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::memchr;

use super::rows::ByteRange;
use stepbridge_io::bytes::{ReadAt, Window};

/// How many bytes are looked at first. Most rows are shorter.
const GLANCE: usize = 1 << 12;

/// Cells of one row, unquoted.
#[derive(Debug, Default)]
pub(super) struct RowCells {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl RowCells {
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, &end)| &self.text[begin..end])
    }
}

/// What follows at an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextRow {
    /// A row, and its end.
    Row(ByteRange),
    /// A row that the file ends in.
    Torn(ByteRange),
    /// A line with a quote that is not closed within the length of a row.
    Open(ByteRange),
    /// A line that is longer than a row may be. Its cells were not kept.
    Long(ByteRange),
    /// The end of the file.
    End(u64),
}

/// Finds rows.
pub(super) struct RowCutter<'a> {
    window: Window<'a, dyn ReadAt + 'a>,
    reader: Reader,
    separator: u8,
    /// The largest size of a row in bytes.
    limit: usize,
    cells: RowCells,
    row: Vec<u8>,
    ends: Vec<usize>,
}

impl<'a> RowCutter<'a> {
    pub(super) fn new(window: Window<'a, dyn ReadAt + 'a>, separator: u8, limit: usize) -> Self {
        Self {
            window,
            reader: reader(separator),
            separator,
            limit,
            cells: RowCells::default(),
            row: vec![0; GLANCE],
            ends: vec![0; 64],
        }
    }

    /// Sets the separator of cells.
    pub(super) fn separated_by(&mut self, separator: u8) {
        self.reader = reader(separator);
        self.separator = separator;
    }

    /// The size of the file, as far as it is known.
    pub(super) fn size(&self) -> u64 {
        self.window.size()
    }

    /// The bytes from an offset on: at least `wanted`, if the file has them.
    pub(super) fn bytes(&mut self, offset: u64, wanted: usize) -> io::Result<&[u8]> {
        self.window.at(offset, wanted)
    }

    /// The cells of the row that was found last.
    pub(super) fn cells(&self) -> &RowCells {
        &self.cells
    }

    /// Finds the row that begins at an offset, after empty lines.
    pub(super) fn find(&mut self, offset: u64) -> io::Result<NextRow> {
        let mut begin = offset;
        loop {
            let bytes = self.window.at(begin, 1)?;
            let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            begin += blank as u64;
            if bytes.is_empty() {
                return Ok(NextRow::End(begin));
            }
            if blank < bytes.len() {
                break;
            }
        }
        let mut wanted = GLANCE.min(self.limit);
        loop {
            let bytes = self.window.at(begin, wanted)?;
            let held = bytes.len().min(self.limit);
            let at_end = held < wanted;
            let bytes = &bytes[..held];
            if let Some(length) = parse(&mut self.reader, bytes, &mut self.row, &mut self.ends, &mut self.cells) {
                // A line feed after a carriage return belongs to the same line end.
                let returns = bytes[length - 1] == b'\r';
                let both = returns && self.window.at(begin, length + 1)?.get(length) == Some(&b'\n');
                let end = begin + length as u64 + u64::from(both);
                return Ok(NextRow::Row(ByteRange { begin, end }));
            }
            // A line end that does not end a row is inside quotes.
            if at_end || held == self.limit {
                if let Some(line) = memchr(b'\n', bytes) {
                    return Ok(NextRow::Open(ByteRange { begin, end: begin + line as u64 + 1 }));
                }
                if at_end {
                    finish(&mut self.reader, &mut self.row, &mut self.ends, &mut self.cells, bytes);
                    return Ok(NextRow::Torn(ByteRange { begin, end: begin + held as u64 }));
                }
                return Ok(NextRow::Long(ByteRange { begin, end: self.line_end(begin + held as u64)? }));
            }
            wanted = held.max(wanted).saturating_mul(2).min(self.limit);
        }
    }

    /// Whether every quote of a row is where writers put them: around a whole cell, or twice inside it.
    fn is_well_quoted(&mut self, row: ByteRange) -> io::Result<bool> {
        let length = usize::try_from(row.end - row.begin).unwrap_or(usize::MAX);
        let separator = self.separator;
        let bytes = self.window.at(row.begin, length)?;
        let mut bytes = bytes[..length.min(bytes.len())].iter().copied().peekable();
        let (mut quoted, mut at_begin) = (false, true);
        while let Some(byte) = bytes.next() {
            let ends_cell = |byte: u8| byte == separator || matches!(byte, b'\n' | b'\r');
            match byte {
                b'"' if !quoted && !at_begin => return Ok(false),
                b'"' if !quoted => quoted = true,
                b'"' if bytes.peek() == Some(&b'"') => drop(bytes.next()),
                b'"' if bytes.peek().is_none_or(|next| ends_cell(*next)) => quoted = false,
                b'"' => return Ok(false),
                _ => {}
            }
            at_begin = !quoted && ends_cell(byte);
        }
        Ok(!quoted)
    }

    /// Whether a row has several lines.
    pub(super) fn has_lines(&mut self, row: ByteRange) -> io::Result<bool> {
        Ok(self.first_line_end(row)?.is_some())
    }

    fn first_line_end(&mut self, row: ByteRange) -> io::Result<Option<u64>> {
        let length = usize::try_from(row.end - row.begin).unwrap_or(usize::MAX);
        let bytes = self.window.at(row.begin, length)?;
        let line = memchr(b'\n', &bytes[..length.min(bytes.len())]);
        Ok(line.map(|line| row.begin + line as u64 + 1).filter(|end| *end < row.end))
    }

    /// Where the first line of a row ends, if the row has several because a quote is where no writer puts one.
    pub(super) fn stray_line_end(&mut self, row: ByteRange) -> io::Result<Option<u64>> {
        let end = self.first_line_end(row)?;
        Ok(if end.is_some() && !self.is_well_quoted(row)? { end } else { None })
    }

    /// Whether nothing but line ends is between two offsets.
    pub(super) fn is_blank(&mut self, begin: u64, end: u64) -> io::Result<bool> {
        let length = usize::try_from(end - begin).unwrap_or(usize::MAX);
        let bytes = self.window.at(begin, length)?;
        Ok(bytes[..length.min(bytes.len())].iter().all(u8::is_ascii_whitespace))
    }

    /// The end of the line that contains an offset.
    fn line_end(&mut self, offset: u64) -> io::Result<u64> {
        let mut at = offset;
        loop {
            let bytes = self.window.at(at, 1)?;
            match memchr(b'\n', bytes) {
                Some(end) => return Ok(at + end as u64 + 1),
                None if bytes.is_empty() => return Ok(at),
                None => at += bytes.len() as u64,
            }
        }
    }
}

/// The cells of one line, without its end.
pub(super) fn split(line: &[u8], separator: u8) -> RowCells {
    let mut cells = RowCells::default();
    finish(&mut reader(separator), &mut vec![0; 64], &mut vec![0; 16], &mut cells, line);
    cells
}

fn reader(separator: u8) -> Reader {
    ReaderBuilder::new().delimiter(separator).build()
}

/// Takes the row at the beginning of `bytes`. Returns its length with its line end, or with the first byte of the line end;
/// `None` if the row does not end within `bytes`.
fn parse(
    reader: &mut Reader,
    bytes: &[u8],
    row: &mut Vec<u8>,
    ends: &mut Vec<usize>,
    cells: &mut RowCells,
) -> Option<usize> {
    loop {
        reader.reset();
        // At the beginning of its input the reader skips a byte order mark. This row is anywhere in the file, so begin with a
        // blank.
        let _ = reader.read_record(b" ", &mut [], &mut []);
        let (result, taken, written, count) = reader.read_record(bytes, row, ends);
        match result {
            ReadRecordResult::Record => {
                keep(cells, &row[..written], &ends[..count]);
                return Some(taken);
            }
            ReadRecordResult::OutputFull => row.resize(2 * row.len(), 0),
            ReadRecordResult::OutputEndsFull => ends.resize(2 * ends.len(), 0),
            ReadRecordResult::InputEmpty | ReadRecordResult::End => return None,
        }
    }
}

/// Takes all of `bytes` as a row that ends with them.
fn finish(reader: &mut Reader, row: &mut Vec<u8>, ends: &mut Vec<usize>, cells: &mut RowCells, bytes: &[u8]) {
    if bytes.is_empty() {
        return keep(cells, &[], &[]);
    }
    let mut ended = bytes.to_vec();
    ended.push(b'\n');
    if parse(reader, &ended, row, ends, cells).is_none() {
        // Close the open quote.
        ended.insert(bytes.len(), b'"');
        let _ = parse(reader, &ended, row, ends, cells);
    }
}

fn keep(cells: &mut RowCells, row: &[u8], ends: &[usize]) {
    cells.text.clear();
    cells.text.extend_from_slice(row);
    cells.ends.clear();
    cells.ends.extend_from_slice(ends);
}
