//! Lightning's `metrics.csv`: a row a logging call, its empty cells meaning "not logged in this call".
//!
//! The columns `step` and `epoch` stand anywhere; every other one is a tag. Rows of some callbacks lack the epoch.

use std::io::{self, Read};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::{Format, Input, Reader as FormatReader, Sink};
use crate::columns::{Columns, Place};
use crate::piece::FileRead;
use crate::problem::{Problem, ProblemKind};
use crate::record::Stated;

/// Reads rows up to the end, or to where reading fails.
pub(crate) fn read(source: impl Read, size: u64, file: &str) -> FileRead {
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).from_reader(Watched { source, last: b'\n' });
    let mut rows = Rows::new(file, size);
    // A row is taken when the one behind it was seen: only the last one may be torn.
    let (mut row, mut ahead) = (ByteRecord::new(), ByteRecord::new());
    let mut fault = None;
    let mut held = false;
    loop {
        match reader.read_byte_record(&mut ahead) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                fault = Some(error);
                break;
            }
        }
        if held {
            rows.row(&row, start(&ahead), false);
        }
        std::mem::swap(&mut row, &mut ahead);
        held = true;
    }
    if held {
        let torn = fault.is_some() || !reader.get_ref().at_line_end();
        rows.row(&row, end(&reader), torn);
    }
    if let Some(fault) = fault {
        rows.unreadable(end(&reader), &fault);
    }
    rows.finish()
}

pub(super) static READER: FormatReader = FormatReader {
    format: Format::LightningCsv,
    promised: |name| name == "metrics.csv",
    // Both counters, and something to count.
    recognised: |head| {
        head.columns(',').is_some_and(|names| names.len() > 2 && names.contains(&"step") && names.contains(&"epoch"))
    },
    otherwise: |head| match head.columns(',') {
        Some(names) if names.contains(&"step") || names.contains(&"epoch") => None,
        Some(_) => Some((
            ProblemKind::MissingColumn,
            "the table has neither a column 'step' nor a column 'epoch': its rows cannot be placed",
        )),
        None => Some((ProblemKind::NotALog, "it is called metrics.csv and does not begin with a line of text")),
    },
    read: |input: &mut Input, sink: &mut Sink| {
        read(&input.whole()?[..], input.size, input.file).hand_to(sink);
        Ok(())
    },
};

fn start(row: &ByteRecord) -> u64 {
    row.position().map_or(0, csv::Position::byte)
}

fn end<R: Read>(reader: &Reader<R>) -> u64 {
    reader.position().byte()
}

/// A source whose last byte is remembered.
struct Watched<R> {
    source: R,
    last: u8,
}

impl<R> Watched<R> {
    fn at_line_end(&self) -> bool {
        matches!(self.last, b'\n' | b'\r')
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.last = buffer[..count].last().copied().unwrap_or(self.last);
        Ok(count)
    }
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Step,
    Epoch,
    Tag(u32),
}

/// The rows read so far.
struct Rows<'a> {
    file: &'a str,
    header: Option<Header>,
    columns: Columns,
    read: FileRead,
    /// How many were seen, the header not counted.
    count: u64,
}

struct Header {
    row: ByteRecord,
    roles: Vec<Role>,
    /// For each column: how many cells are no numbers, with what the first one is and where.
    texts: Vec<Option<Text>>,
}

struct Text {
    count: u64,
    example: String,
    row: u64,
    begin: u64,
    length: u64,
}

/// A range of the file.
#[derive(Clone, Copy)]
struct Range {
    begin: u64,
    end: u64,
}

impl<'a> Rows<'a> {
    fn new(file: &'a str, size: u64) -> Self {
        let mut read = FileRead::default();
        read.facts.bytes = size;
        Self { file, header: None, columns: Columns::default(), read, count: 0 }
    }

    /// Takes a row that reaches to `end`. Of a torn one the last cell may be incomplete.
    fn row(&mut self, row: &ByteRecord, end: u64, torn: bool) {
        let range = Range { begin: start(row), end };
        match self.header.take() {
            None if torn => self.report(ProblemKind::Truncated, range, "the file ends inside its header".to_owned()),
            None => self.header = Some(self.begin(row)),
            Some(mut header) => {
                // Appending writers repeat the header.
                if header.row != *row {
                    self.cells(&mut header, row, range, torn);
                    self.count += 1;
                }
                self.header = Some(header);
            }
        }
    }

    fn begin(&mut self, row: &ByteRecord) -> Header {
        let roles: Vec<Role> = row
            .iter()
            .map(|name| match name.trim_ascii() {
                b"step" => Role::Step,
                b"epoch" => Role::Epoch,
                other => Role::Tag(self.columns.number(&String::from_utf8_lossy(other))),
            })
            .collect();
        for (role, name, what) in [(Role::Step, "step", "have no step"), (Role::Epoch, "epoch", "state no epoch")] {
            if !roles.contains(&role) {
                let reason = format!("the table has no column '{name}': its records {what}");
                self.read.problems.push(Problem::new(self.file, ProblemKind::MissingColumn, reason));
            }
        }
        let texts = roles.iter().map(|_| None).collect();
        Header { row: row.clone(), roles, texts }
    }

    fn cells(&mut self, header: &mut Header, row: &ByteRecord, range: Range, torn: bool) {
        let expected = header.roles.len();
        if row.len() > expected || row.len() < expected && !torn {
            let reason = format!("a row has {} cells where the header has {expected}; it was left out", row.len());
            self.report(ProblemKind::Corrupt, range, reason);
            return;
        }
        let whole = row.len() - usize::from(torn);
        let Some(place) = self.place(header, row, whole, range) else {
            return;
        };
        for ((cell, role), text) in row.iter().zip(&header.roles).zip(&mut header.texts).take(whole) {
            let Role::Tag(tag) = *role else { continue };
            let cell = cell.trim_ascii();
            if cell.is_empty() {
                continue;
            }
            match std::str::from_utf8(cell).ok().and_then(|cell| cell.parse().ok()) {
                Some(value) => self.columns.push(tag, place, value),
                None => match text {
                    Some(text) => text.count += 1,
                    None => {
                        *text = Some(Text {
                            count: 1,
                            example: String::from_utf8_lossy(cell).into_owned(),
                            row: self.count,
                            begin: range.begin,
                            length: range.end - range.begin,
                        });
                    }
                },
            }
        }
        if torn {
            let reason = "the file ends inside a row: it is still being written, or its writer was stopped; the row's \
                          last cell was left out"
                .to_owned();
            self.report(ProblemKind::Truncated, range, reason);
        } else {
            self.read.facts.sound += 1;
        }
    }

    /// Where a row says that it stands; `None`, and a problem, where its cells for that cannot be read.
    fn place(&mut self, header: &Header, row: &ByteRecord, whole: usize, range: Range) -> Option<Place> {
        let mut place = Place::default();
        for (index, role) in header.roles.iter().enumerate() {
            let name = match role {
                Role::Tag(_) => continue,
                Role::Step => "step",
                Role::Epoch => "epoch",
            };
            let Some(cell) = row.get(index).filter(|_| index < whole) else {
                let reason = format!("the file ends inside a row, before its {name}; it was left out");
                self.report(ProblemKind::Truncated, range, reason);
                return None;
            };
            let cell = cell.trim_ascii();
            if cell.is_empty() {
                continue;
            }
            let stated = std::str::from_utf8(cell).ok().and_then(Stated::parse);
            match (role, stated, stated.and_then(Stated::whole)) {
                (Role::Step, _, Some(step)) => place.step = Some(step),
                (Role::Epoch, Some(epoch), _) => place.epoch = Some(epoch),
                _ => {
                    let kind = if *role == Role::Step { "whole number" } else { "number" };
                    let cell = String::from_utf8_lossy(cell);
                    let reason = format!("the {name} of a row is '{cell}', not a {kind}; the row was left out");
                    self.report(ProblemKind::Corrupt, range, reason);
                    return None;
                }
            }
        }
        Some(place)
    }

    fn report(&mut self, kind: ProblemKind, range: Range, reason: String) {
        let problem = Problem::new(self.file, kind, reason).at(range.begin, range.end - range.begin);
        self.read.problems.push(problem.of_record(self.count));
    }

    fn unreadable(&mut self, at: u64, fault: &csv::Error) {
        let reason = format!("the system does not give the rest ({fault}); the rows before were read");
        let left = self.read.facts.bytes.saturating_sub(at);
        self.read.problems.push(Problem::new(self.file, ProblemKind::Unreadable, reason).at(at, left));
    }

    fn finish(mut self) -> FileRead {
        if let Some(header) = self.header {
            for (name, text) in header.row.iter().zip(header.texts) {
                let Some(text) = text else { continue };
                let name = String::from_utf8_lossy(name.trim_ascii());
                let (count, example) = (text.count, text.example);
                let reason = format!("{count} cells of column '{name}' are no numbers (the first: '{example}')");
                let problem = Problem::new(self.file, ProblemKind::NotANumber, reason);
                self.read.problems.push(problem.at(text.begin, text.length).of_record(text.row));
                self.read.facts.others += count;
            }
        }
        self.read.pieces.push(self.columns.into_piece(Format::LightningCsv));
        self.read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_text(text: &str) -> FileRead {
        read(text.as_bytes(), text.len() as u64, "metrics.csv")
    }

    /// Records as (tag, step, epoch, value).
    fn records(read: &FileRead) -> Vec<(&str, Option<i64>, Option<f64>, f64)> {
        let piece = &read.pieces[0];
        (0..piece.chunk.len())
            .map(|i| {
                let epoch = piece.chunk.epoch.as_ref().and_then(|epoch| epoch[i]).map(Stated::to_f64);
                (&*piece.tags[piece.chunk.tag[i] as usize], piece.chunk.step_of(i), epoch, piece.chunk.value[i])
            })
            .collect()
    }

    fn kinds(read: &FileRead) -> Vec<(ProblemKind, Option<u64>, Option<u64>)> {
        read.problems.iter().map(|problem| (problem.kind, problem.offset, problem.record)).collect()
    }

    #[test]
    fn sparse_rows_become_records() {
        let read = read_text("loss,epoch,acc,step\r\n0.5,0,,49\r\n,0,0.25,50\r\n0.125,,,51\r\n");
        assert_eq!(
            records(&read),
            [("loss", Some(49), Some(0.0), 0.5), ("acc", Some(50), Some(0.0), 0.25), ("loss", Some(51), None, 0.125)]
        );
        assert_eq!(read.facts.sound, 3);
        assert!(read.problems.is_empty());
    }

    #[test]
    fn nan_and_infinity_are_values_and_other_text_is_reported_once() {
        let read = read_text("step,epoch,a,b\n0,0,nan,Infinity\n1,0,-inf,yes\n2,0,1,no\n");
        let values: Vec<f64> = records(&read).iter().map(|record| record.3).collect();
        assert!(values[0].is_nan());
        assert_eq!(values[1..], [f64::INFINITY, f64::NEG_INFINITY, 1.0]);
        assert_eq!(kinds(&read), [(ProblemKind::NotANumber, Some(32), Some(1))]);
        assert_eq!(read.problems[0].reason, "2 cells of column 'b' are no numbers (the first: 'yes')");
    }

    #[test]
    fn a_missing_column_is_named_and_the_rest_kept() {
        let read = read_text("epoch,loss\n0,0.5\n");
        assert_eq!(records(&read), [("loss", None, Some(0.0), 0.5)]);
        assert_eq!(kinds(&read), [(ProblemKind::MissingColumn, None, None)]);
        assert_eq!(read.pieces[0].chunk.step, None);
        let read = read_text("step,loss\n7,0.5\n");
        assert_eq!(records(&read), [("loss", Some(7), None, 0.5)]);
        assert_eq!(kinds(&read), [(ProblemKind::MissingColumn, None, None)]);
    }

    #[test]
    fn steps_that_pandas_wrote_again_and_steps_that_are_none() {
        let read = read_text("step,epoch,loss\n49.0,0.0,1\n5.5,0,2\nx,0,3\n,0,4\n9223372036854775808,0,5\n");
        assert_eq!(records(&read), [("loss", Some(49), Some(0.0), 1.0), ("loss", None, Some(0.0), 4.0)]);
        assert_eq!(
            kinds(&read),
            [
                (ProblemKind::Corrupt, Some(27), Some(1)),
                (ProblemKind::Corrupt, Some(35), Some(2)),
                (ProblemKind::Corrupt, Some(46), Some(4))
            ]
        );
    }

    #[test]
    fn a_repeated_header_is_no_row_and_a_row_of_another_width_is_left_out() {
        let read = read_text("step,epoch,loss\n0,0,1\nstep,epoch,loss\n1,0,2,3\n2,0\n3,0,4\n");
        assert_eq!(records(&read).len(), 2);
        assert_eq!(
            kinds(&read),
            [(ProblemKind::Corrupt, Some(38), Some(1)), (ProblemKind::Corrupt, Some(46), Some(2))]
        );
    }

    #[test]
    fn a_torn_tail_loses_its_last_cell_alone() {
        let whole = "step,epoch,loss,acc\n0,0,0.5,0.25\n1,0,0.75,0.875\n";
        let all = read_text(whole);
        let rows = [whole.find("0,0").expect("row 0"), whole.find("1,0").expect("row 1")];
        for end in 0..whole.len() {
            let read = read_text(&whole[..end]);
            let (seen, expected) = (records(&read), records(&all));
            assert_eq!(seen, expected[..seen.len()], "cut at {end}");
            // Nothing is lost that the cut does not touch, and a cut is silent only between two rows.
            let cells = whole[rows[0].min(end)..end].bytes().filter(|byte| matches!(byte, b',' | b'\n')).count();
            assert_eq!(seen.len(), cells / 4 * 2 + (cells % 4).saturating_sub(2), "cut at {end}");
            let between = end == 0 || whole.as_bytes()[end - 1] == b'\n';
            assert_eq!(read.problems.is_empty(), between, "cut at {end}: {:?}", read.problems);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_reported(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&bytes[..], bytes.len() as u64, "metrics.csv");
        }

        #[test]
        fn any_table_is_read_or_reported(text in "(step|epoch|,|\n|\"|[0-9.]|nan){0,60}") {
            let _ = read_text(&text);
        }
    }
}
