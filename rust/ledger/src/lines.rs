//! The lines of a ledger file, before they are parsed. One line is in memory at a time.

use std::io::{self, BufRead};

use stepbridge_records::{Problem, ProblemKind};

/// A longer line is not one that a clock writes. It is not taken into memory.
const LONGEST: usize = 16 << 20;

/// A line and its place in the file.
pub(crate) struct LedgerLine<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) place: LinePlace,
    /// Whether its bytes were left out, because there are too many.
    pub(crate) too_long: bool,
}

/// Where a line is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinePlace {
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) number: u64,
    /// Whether a newline ends it.
    pub(crate) whole: bool,
}

impl LinePlace {
    /// A problem of this line.
    pub(crate) fn problem(self, file: &str, kind: ProblemKind, reason: String) -> Problem {
        Problem::new(file, kind, reason).at(self.offset, self.length).of_record(self.number)
    }
}

/// The lines of a file that are not blank.
pub(crate) struct LedgerLines<R> {
    source: R,
    buffer: Vec<u8>,
    /// How many bytes were read.
    pub(crate) at: u64,
    number: u64,
    /// Whether the last byte that was read is a newline, or nothing was read.
    pub(crate) ended: bool,
}

impl<R: BufRead> LedgerLines<R> {
    pub(crate) fn new(source: R) -> Self {
        Self { source, buffer: Vec::new(), at: 0, number: 0, ended: true }
    }

    /// The next line.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<LedgerLine<'_>>> {
        loop {
            let offset = self.at;
            let length = self.fill()?;
            if self.at == offset {
                return Ok(None);
            }
            let too_long = length > self.buffer.len() as u64;
            if too_long || !self.buffer.trim_ascii().is_empty() {
                self.number += 1;
                let place = LinePlace { offset, length, number: self.number - 1, whole: self.ended };
                return Ok(Some(LedgerLine { bytes: &self.buffer, place, too_long }));
            }
        }
    }

    /// Reads one line into the buffer, as far as it has room. Returns the length of the line, without its newline.
    fn fill(&mut self) -> io::Result<u64> {
        self.buffer.clear();
        let mut length = 0;
        loop {
            let bytes = match self.source.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if bytes.is_empty() {
                return Ok(length);
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            self.buffer.extend_from_slice(&part[..part.len().min(LONGEST - self.buffer.len())]);
            length += part.len() as u64;
            let used = part.len() + usize::from(end.is_some());
            self.source.consume(used);
            self.at += used as u64;
            self.ended = end.is_some();
            if self.ended {
                return Ok(length);
            }
        }
    }
}
