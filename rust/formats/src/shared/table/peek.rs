//! The first rows of a table, from which formats are recognised.

use super::cells::{Cell, value, whole_number};
use super::header::names_of;
use super::layout::{position, separator};
use super::row_cutter::split;
use crate::shared::head::FileHead;

/// How many rows are looked at.
const ROWS: usize = 50;

/// The first line of a table.
pub(crate) struct TableHead {
    pub(crate) names: Vec<String>,
    separator: u8,
}

/// The next rows.
pub(crate) struct FirstRows {
    /// Complete rows.
    rows: Vec<Vec<Vec<u8>>>,
    /// Whether a row has another number of cells than there are names.
    pub(crate) ragged: bool,
}

/// Looks at a file as a table with the separator that occurs most often in its first line, or with `given`.
///
/// `None` if it does not begin with a line of two or more names.
pub(crate) fn peek(head: &FileHead, given: Option<u8>) -> Option<TableHead> {
    let line = head.lines().next()?;
    let separator = given.unwrap_or_else(|| separator(line.as_bytes()));
    let names = cells(line, separator);
    let names = names_of(&names.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let all_names = names.len() > 1 && names.iter().all(|name| value(name.as_bytes(), None) == Cell::Text);
    all_names.then_some(TableHead { names, separator })
}

fn cells(line: &str, separator: u8) -> Vec<Vec<u8>> {
    if line.contains('"') {
        return split(line.as_bytes(), separator).iter().map(<[u8]>::to_vec).collect();
    }
    line.as_bytes().split(|byte| *byte == separator).map(<[u8]>::to_vec).collect()
}

impl TableHead {
    /// Whether there is a column of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        position(&self.names, name).is_some()
    }

    /// The first rows.
    pub(crate) fn below(&self, head: &FileHead) -> FirstRows {
        let lines = head.lines().skip(1).take(ROWS);
        let mut rows: Vec<_> = lines.map(|line| cells(line, self.separator)).collect();
        // The last line may be cut.
        if rows.len() < ROWS && !head.bytes.ends_with(b"\n") && !head.bytes.ends_with(b"\r") {
            rows.pop();
        }
        let ragged = rows.iter().any(|row| row.len() != self.names.len());
        FirstRows { rows, ragged }
    }
}

impl FirstRows {
    /// The cells of a column.
    fn column(&self, column: usize) -> impl Iterator<Item = &[u8]> {
        self.rows.iter().filter_map(move |row| Some(row.get(column)?.trim_ascii()))
    }

    /// The numbers of a column of integers from 0 on and empty cells; `None` if a cell holds something else.
    pub(crate) fn counts(&self, column: usize) -> Option<Vec<i64>> {
        let cells = self.column(column).filter(|cell| !cell.is_empty());
        cells.map(|cell| whole_number(cell).filter(|count| *count >= 0)).collect()
    }

    /// Whether a column holds numbers, and no texts.
    pub(crate) fn is_numeric(&self, column: usize) -> bool {
        let values: Vec<Cell> = self.column(column).map(|cell| value(cell, None)).collect();
        !values.contains(&Cell::Text) && values.iter().any(|value| matches!(value, Cell::Number(_)))
    }
}
