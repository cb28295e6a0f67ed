//! The lines of a ledger file, before they are parsed.

use stepbridge_records::{Problem, ProblemKind};

/// A line and its place in the file.
pub(crate) struct LedgerLine<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) offset: u64,
    pub(crate) number: u64,
    /// Whether a newline ends it.
    pub(crate) whole: bool,
}

impl LedgerLine<'_> {
    /// A problem of this line.
    pub(crate) fn problem(&self, file: &str, kind: ProblemKind, reason: String) -> Problem {
        Problem::new(file, kind, reason).at(self.offset, self.bytes.len() as u64).of_record(self.number)
    }
}

/// The lines of a file that are not blank.
pub(crate) struct LedgerLines<'a> {
    bytes: &'a [u8],
    at: usize,
    number: u64,
}

impl<'a> LedgerLines<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, number: 0 }
    }
}

impl<'a> Iterator for LedgerLines<'a> {
    type Item = LedgerLine<'a>;

    fn next(&mut self) -> Option<LedgerLine<'a>> {
        loop {
            let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
            let end = rest.iter().position(|byte| *byte == b'\n');
            let line = &rest[..end.unwrap_or(rest.len())];
            let offset = self.at as u64;
            self.at += line.len() + 1;
            if !line.trim_ascii().is_empty() {
                self.number += 1;
                return Some(LedgerLine { bytes: line, offset, number: self.number - 1, whole: end.is_some() });
            }
        }
    }
}
