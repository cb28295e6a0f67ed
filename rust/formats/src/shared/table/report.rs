//! Reports what is wrong with rows.

use std::collections::BTreeMap;

use super::header::Header;
use super::rows::{ByteRange, CellTexts, CsvRowFault, RowFaultReason};
use crate::shared::sink::Sink;
use stepbridge_records::{Problem, ProblemKind};

/// After this many faults, consecutive faults of one kind are reported as one problem, so that a table of another width is
/// not a million problems.
const EACH: usize = 100;

/// What was reported so far of the rows of a file.
#[derive(Debug)]
pub(super) struct RowReport<'a> {
    file: &'a str,
    faults: usize,
    /// The last fault, and how many rows have it.
    last: Option<(CsvRowFault, u64)>,
    /// By column.
    texts: BTreeMap<usize, CellTexts>,
}

impl<'a> RowReport<'a> {
    pub(super) fn new(file: &'a str) -> Self {
        Self { file, faults: 0, last: None, texts: BTreeMap::new() }
    }

    /// Takes a fault.
    pub(super) fn fault(&mut self, fault: CsvRowFault, header: &Header, sink: &mut Sink) {
        self.faults += 1;
        if self.faults > EACH
            && let Some((last, count)) = &mut self.last
            && last.range.end == fault.range.begin
            && last.why.is_like(&fault.why)
        {
            last.range.end = fault.range.end;
            *count += 1;
            return;
        }
        self.say(header, sink);
        self.last = Some((fault, 1));
    }

    /// Reports the last fault.
    pub(super) fn say(&mut self, header: &Header, sink: &mut Sink) {
        let Some((fault, count)) = self.last.take() else { return };
        let (kind, mut reason) = said(&fault.why, header.roles.len());
        if count > 1 {
            reason = format!("{reason}; the {} rows after it are the same", count - 1);
        }
        let ByteRange { begin, end } = fault.range;
        sink.problem(Problem::new(self.file, kind, reason).at(begin, end - begin).of_record(fault.row));
    }

    /// Reports a range that is not a row.
    pub(super) fn no_row(&mut self, range: ByteRange, reason: &str, header: &Header, sink: &mut Sink) {
        self.say(header, sink);
        sink.report(ProblemKind::Corrupt, range.begin, range.end, reason);
    }

    /// Takes texts where numbers should be.
    pub(super) fn texts(&mut self, texts: BTreeMap<usize, CellTexts>, rows_before: u64) {
        for (column, text) in texts {
            match self.texts.get_mut(&column) {
                Some(known) => known.tally.add(&text.tally),
                None => drop(self.texts.insert(column, CellTexts { row: text.row + rows_before, ..text })),
            }
        }
    }

    /// Reports everything that is known of the rows under this header.
    pub(super) fn finish(&mut self, header: &Header, sink: &mut Sink) {
        self.say(header, sink);
        for (column, CellTexts { tally, row }) in std::mem::take(&mut self.texts) {
            let of = format!("of column '{}'", header.names[column]);
            sink.problem(tally.problem(self.file, "cell", &of, "number").of_record(row));
            sink.facts.non_numeric += tally.count;
        }
    }
}

impl RowFaultReason {
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Width(own), Self::Width(other)) => own == other,
            (Self::Step(_), Self::Step(_)) | (Self::Epoch(_), Self::Epoch(_)) => true,
            _ => false,
        }
    }
}

fn said(why: &RowFaultReason, columns: usize) -> (ProblemKind, String) {
    match why {
        RowFaultReason::Width(cells) => {
            (ProblemKind::Corrupt, format!("a row has {cells} cells where the header has {columns}; it was left out"))
        }
        RowFaultReason::Step(cell) => {
            (ProblemKind::Corrupt, format!("the step of a row is '{cell}', not a whole number; the row was left out"))
        }
        RowFaultReason::Epoch(cell) => {
            (ProblemKind::Corrupt, format!("the epoch of a row is '{cell}', not a number; the row was left out"))
        }
        RowFaultReason::Torn => (
            ProblemKind::Truncated,
            "the file ends inside a row: it is still being written, or its writer was stopped; the row's last cell \
             was left out"
                .to_owned(),
        ),
        RowFaultReason::TornBefore(name) => {
            (ProblemKind::Truncated, format!("the file ends inside a row, before its {name}; it was left out"))
        }
        RowFaultReason::TornHeader => {
            (ProblemKind::Truncated, "the file ends inside the names of its columns, once more".to_owned())
        }
    }
}
