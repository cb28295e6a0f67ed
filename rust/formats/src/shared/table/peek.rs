//! The first rows of a table, from which formats are recognised.

use super::cells::{Cell, value, whole_number};
use super::header::{has_open_quote, names_of, unquoted};
use super::layout::{position, separator};
use super::row_cutter::split;
use crate::shared::head::{FileHead, few};

/// How many rows are looked at.
const ROWS: usize = 50;
/// How many lines may come before the line of names: warnings of the program, and damage.
const LINES_BEFORE: usize = 8;

/// The line of names of a table, and what comes after it.
pub(crate) struct TableHead<'a> {
    pub(crate) names: Vec<String>,
    separator: u8,
    /// The lines after it.
    after: Vec<&'a [u8]>,
    /// How many lines come before it.
    skipped: usize,
    /// Where it begins, after a byte order mark.
    pub(super) begin: usize,
    /// Whether the last of those lines has an end.
    ended: bool,
}

/// The next rows.
pub(crate) struct FirstRows {
    /// The first row, whatever is in it.
    first: Option<Vec<Vec<u8>>>,
    /// Rows with a cell for each name.
    rows: Vec<Vec<Vec<u8>>>,
    /// How many lines have more or fewer cells.
    damaged: usize,
}

/// The first number of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FirstCount {
    pub(crate) count: i64,
    /// Whether it is that of the first row.
    pub(crate) is_first: bool,
}

/// Looks at a file as a table with the separator that occurs most often in its line of names, or with `given`.
///
/// `None` if it does not begin with a line of two or more names. A few damaged lines may come before it.
pub(crate) fn peek<'a>(head: &FileHead<'a>, given: Option<u8>) -> Option<TableHead<'a>> {
    peek_with(head, |line| given.or_else(|| Some(separator(line))))
}

/// The same with the separator that a line of names shows; `None` if it cannot be one.
pub(crate) fn peek_with<'a>(head: &FileHead<'a>, separator: impl Fn(&[u8]) -> Option<u8>) -> Option<TableHead<'a>> {
    let lines: Vec<&[u8]> = head.raw_lines().take(LINES_BEFORE + ROWS).collect();
    let ended = head.bytes.ends_with(b"\n") || head.bytes.ends_with(b"\r") || lines.len() == LINES_BEFORE + ROWS;
    let mut best = None;
    for (skipped, line) in lines.iter().enumerate().take(LINES_BEFORE) {
        let Some((separator, names)) = separator(line).and_then(|by| Some((by, names(line, by)?))) else { continue };
        let after = lines[skipped + 1..].iter().copied().take(ROWS).collect();
        let begin = line.as_ptr().addr() - head.text().as_ptr().addr();
        let table = TableHead { names, separator, after, skipped, begin, ended };
        // Mostly the first line is that of names, and the next one its first row.
        if skipped == 0 && table.after.first().is_none_or(|next| table.is_row(next)) {
            return Some(table);
        }
        let rank = table.rank();
        if best.as_ref().is_none_or(|(_, highest)| rank > *highest) {
            best = Some((table, rank));
        }
    }
    best.map(|(table, _)| table).filter(|table| table.skipped == 0 || table.rank() > (true, 0))
}

/// The names in a line, if it has two or more and nothing else.
fn names(line: &[u8], separator: u8) -> Option<Vec<String>> {
    if line.starts_with(b"\0") || line.starts_with(b"{") || line.starts_with(b"[") {
        return None;
    }
    let cells = cells(line, separator);
    let names = names_of(&cells.iter().map(Vec::as_slice).collect::<Vec<_>>());
    (names.len() > 1 && names.iter().all(|name| value(name.as_bytes(), None) == Cell::Text)).then_some(names)
}

fn cells(line: &[u8], separator: u8) -> Vec<Vec<u8>> {
    if has_open_quote(line) {
        return unquoted(line, separator);
    }
    if line.contains(&b'"') {
        return split(line, separator).iter().map(<[u8]>::to_vec).collect();
    }
    line.split(|byte| *byte == separator).map(<[u8]>::to_vec).collect()
}

impl TableHead<'_> {
    /// Whether there is a column of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        position(&self.names, name).is_some()
    }

    /// The first rows.
    pub(crate) fn below(&self) -> FirstRows {
        let mut rows: Vec<_> = self.after.iter().map(|line| cells(line, self.separator)).collect();
        // The last line may be cut.
        if rows.len() < ROWS && !self.ended {
            rows.pop();
        }
        let all = rows.len();
        let first = rows.first().cloned();
        rows.retain(|row| row.len() == self.names.len());
        FirstRows { first, damaged: all - rows.len(), rows }
    }

    /// Whether a line has a number, and a cell for each name.
    fn is_row(&self, line: &[u8]) -> bool {
        let cells = cells(line, self.separator);
        cells.len() == self.names.len() && cells.iter().any(|cell| matches!(value(cell, None), Cell::Number(_)))
    }

    /// How much this looks like the line of names: whether it has a counter, and how many rows fit it.
    fn rank(&self) -> (bool, usize) {
        const COUNTERS: [&str; 3] = ["epoch", "step", "iter"];
        let is_counter = |name: &String| COUNTERS.iter().any(|word| name.to_ascii_lowercase().contains(word));
        let rows = self.after.iter().filter(|line| self.is_row(line)).count();
        (rows > 0 && self.names.iter().any(is_counter), rows)
    }
}

impl FirstRows {
    /// Whether too many lines have more or fewer cells than there are names.
    pub(crate) fn is_ragged(&self) -> bool {
        !few(self.damaged, self.rows.len())
    }

    /// How many lines have more or fewer cells than there are names.
    pub(crate) const fn damaged(&self) -> usize {
        self.damaged
    }

    /// The cells of a column.
    fn column(&self, column: usize) -> impl Iterator<Item = &[u8]> {
        self.rows.iter().filter_map(move |row| Some(row.get(column)?.trim_ascii()))
    }

    /// The numbers of a column of integers from 0 on and empty cells, each with which cells of its row are filled; `None` if
    /// more than a few cells hold something else.
    pub(crate) fn counts(&self, column: usize) -> Option<Vec<(i64, Vec<bool>)>> {
        let filled = |row: &[Vec<u8>]| row.iter().map(|cell| !cell.trim_ascii().is_empty()).collect();
        let (mut counts, mut damaged) = (Vec::new(), 0);
        for row in &self.rows {
            let cell = row[column].trim_ascii();
            match whole_number(cell).filter(|count| *count >= 0) {
                Some(count) => counts.push((count, filled(row))),
                None if cell.is_empty() => {}
                None => damaged += 1,
            }
        }
        few(damaged, counts.len()).then_some(counts)
    }

    /// The numbers of two columns in the rows that have both.
    pub(crate) fn pairs(&self, one: usize, other: usize) -> Vec<(i64, i64)> {
        let number = |row: &[Vec<u8>], column: usize| whole_number(row[column].trim_ascii());
        self.rows.iter().filter_map(|row| Some((number(row, one)?, number(row, other)?))).collect()
    }

    /// Whether a column counts epochs in fractions: from the first one on, each a part of an epoch after the one before.
    pub(crate) fn counts_fractions(&self, column: usize) -> bool {
        let number = |cell: &[u8]| match value(cell, None) {
            Cell::Number(number) => Some(number),
            _ => None,
        };
        let all: Vec<f64> = self.column(column).filter_map(number).collect();
        let begins = all.first().is_some_and(|first| (0.0..=1.0).contains(first));
        let goes_on = |pair: &[f64]| (0.0..=1.0).contains(&(pair[1] - pair[0])) || pair[1] <= all[0];
        begins && all.iter().any(|number| number.fract() != 0.0) && all.windows(2).all(goes_on)
    }

    /// The number of a column in the first row, also if the rest of that row is damaged; else in the next row that has one.
    pub(crate) fn first_count(&self, column: usize) -> Option<FirstCount> {
        let first = self.first.as_ref()?;
        let whole = first.len() > column + 1 || self.rows.first() == Some(first);
        match first.get(column).filter(|_| whole).and_then(|cell| whole_number(cell.trim_ascii())) {
            Some(count) => Some(FirstCount { count, is_first: true }),
            None => self.counts(column)?.first().map(|&(count, _)| FirstCount { count, is_first: false }),
        }
    }

    /// Whether a column holds numbers, and no more than a few texts.
    pub(crate) fn is_numeric(&self, column: usize) -> bool {
        let values: Vec<Cell> = self.column(column).map(|cell| value(cell, None)).collect();
        let count = |wanted: fn(&Cell) -> bool| values.iter().filter(|cell| wanted(cell)).count();
        let numbers = count(|cell| matches!(cell, Cell::Number(_)));
        numbers > 0 && few(count(|cell| *cell == Cell::Text), numbers)
    }
}
