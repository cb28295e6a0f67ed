//! The line of names, and what each column is for.

use super::cells::{Cell, value};
use super::layout::{PlaceColumns, TableKind};
use crate::shared::options::ReadOptions;
use stepbridge_records::{SeriesMeaning, TagTable, TooManyTags};

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnRole {
    Step,
    Epoch,
    WallTime,
    /// A tag, by its number.
    Tag(u32),
}

/// A line of names.
#[derive(Debug, Clone)]
pub(super) struct Header {
    /// Its cells, without white space around them. Writers that append repeat them.
    cells: Vec<Vec<u8>>,
    pub(super) separator: u8,
    pub(super) names: Vec<String>,
    pub(super) roles: Vec<ColumnRole>,
    pub(super) tags: Vec<String>,
    pub(super) places: PlaceColumns,
    pub(super) blank: Option<&'static str>,
    pub(super) meaning: SeriesMeaning,
}

/// The names of columns.
pub(super) fn names_of(cells: &[&[u8]]) -> Vec<String> {
    let name = |(index, cell): (usize, &&[u8])| match cell.trim_ascii() {
        // The index column of pandas.
        b"" => format!("Unnamed: {index}"),
        name => String::from_utf8_lossy(name).replace('\0', "\u{fffd}"),
    };
    cells.iter().enumerate().map(name).collect()
}

/// Whether a row is the line under the names of a table in Markdown: `|---|:--|`.
pub(super) fn is_ruler(cells: &[&[u8]]) -> bool {
    let is_rule = |cell: &&[u8]| cell.trim_ascii().iter().all(|byte| matches!(byte, b'-' | b':'));
    cells.iter().all(is_rule) && cells.iter().any(|cell| cell.contains(&b'-'))
}

/// Whether a quote in a line is not closed in it.
pub(super) fn has_open_quote(line: &[u8]) -> bool {
    memchr::memchr_iter(b'"', line).count() % 2 == 1
}

/// The cells of a line of names, of which a quote is damaged.
pub(super) fn unquoted(line: &[u8], separator: u8) -> Vec<Vec<u8>> {
    let cell = |cell: &[u8]| cell.iter().copied().filter(|byte| *byte != b'"').collect();
    line.split(|byte| *byte == separator).map(cell).collect()
}

impl Header {
    pub(super) fn new(
        kind: &TableKind,
        options: &ReadOptions,
        separator: u8,
        cells: &[&[u8]],
    ) -> Result<Self, TooManyTags> {
        let names = names_of(cells);
        let places = (kind.places)(&names, options);
        let mut tags = TagTable::default();
        let role = |(index, name): (usize, &String)| {
            let index = Some(index);
            if index == places.step {
                return ColumnRole::Step;
            } else if index == places.epoch {
                return ColumnRole::Epoch;
            } else if index == places.wall_time {
                return ColumnRole::WallTime;
            }
            ColumnRole::Tag(tags.number(name.as_bytes()))
        };
        let roles = names.iter().enumerate().map(role).collect();
        Ok(Self {
            separator,
            roles,
            tags: tags.into_names()?,
            places,
            blank: kind.blank,
            meaning: (kind.meaning)(&names, None),
            names,
            cells: cells.iter().map(|cell| cell.trim_ascii().to_vec()).collect(),
        })
    }

    /// Whether the cells of a column are values and not counters.
    pub(super) fn holds_values(&self, column: usize) -> bool {
        matches!(self.roles.get(column), Some(ColumnRole::Tag(_)))
    }

    /// Whether these are the same cells again.
    pub(super) fn is(&self, cells: &[&[u8]]) -> bool {
        self.cells.len() == cells.len() && self.begins_with(cells)
    }

    /// Whether these are the first of its cells.
    pub(super) fn begins_with(&self, cells: &[&[u8]]) -> bool {
        self.cells.len() >= cells.len() && self.cells.iter().zip(cells).all(|(own, other)| own == other.trim_ascii())
    }

    /// Whether these cells, which are not a row of this table, are the names of another table in the same file: each is a
    /// text and occurs once, and the columns with the counters are among them.
    pub(super) fn is_followed_by(&self, kind: &TableKind, options: &ReadOptions, cells: &[&[u8]]) -> bool {
        if cells.len() < 2 || cells.iter().any(|cell| value(cell, None) != Cell::Text) {
            return false;
        }
        let names = names_of(cells);
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        let places = (kind.places)(&names, options);
        let same = |own: Option<usize>, other: Option<usize>| own.is_some() == other.is_some();
        sorted.len() == names.len()
            && places.any()
            && same(self.places.step, places.step)
            && same(self.places.epoch, places.epoch)
    }
}
