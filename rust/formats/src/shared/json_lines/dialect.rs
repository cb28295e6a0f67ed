//! How a writer uses JSON objects.

use stepbridge_records::{Decimal, Format, SeriesMeaning};

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyRole {
    /// Its numbers are values, and its name is their tag.
    Value,
    Step,
    Epoch,
    WallTime,
    /// A second count of steps, which is not a value.
    Iter,
    /// Whether the line is of training or of validation.
    Mode,
}

/// The mode of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LineMode {
    #[default]
    None,
    Train,
    Validation,
}

/// One object: its place in the file, and its counters.
#[derive(Debug, Clone)]
pub(crate) struct JsonRow {
    /// Where it begins in the file, and its length.
    pub(crate) begin: u64,
    pub(crate) length: u64,
    /// The end of its values among those of the block; they begin at the end of the previous row.
    pub(crate) upto: usize,
    pub(crate) step: Option<i64>,
    /// Whether it has a step that could not be read; that is reported separately.
    pub(crate) odd: bool,
    pub(crate) iter: Option<i64>,
    pub(crate) epoch: Option<Decimal>,
    pub(crate) wall_time: f64,
    pub(crate) mode: LineMode,
}

/// What the rows before one say that matters for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RowsBefore {
    /// The counters of the last row of training.
    pub(crate) step: Option<i64>,
    pub(crate) epoch: Option<i64>,
    /// Whether there is something between them that is not an object.
    pub(crate) damaged: bool,
    /// How the first row with an epoch and no step was placed, which decides for those after it.
    pub(crate) closing: Option<RowPlacement>,
}

/// What to do with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowPlacement {
    /// Its values are records of this kind, by its index in [`Dialect::kinds`].
    Kind(usize),
    /// The same, but the row has no step.
    Unplaced(usize),
    /// It describes the run and holds no records.
    Header,
}

/// Records with the same meaning.
pub(crate) struct RecordKind {
    pub(crate) meaning: SeriesMeaning,
    /// The prefix of the names of its tags.
    pub(crate) prefix: &'static str,
}

/// How a writer uses the objects.
pub(crate) trait Dialect: Sync {
    fn format(&self) -> Format;

    /// What the key with this name is for.
    fn role(&self, name: &str) -> KeyRole;

    /// What joins the names of nested objects: what the writer's own tools show.
    fn separator(&self) -> &'static str {
        "."
    }

    /// Whether `"NaN"` and `"Infinity"` are written as text.
    fn spells_floats(&self) -> bool {
        false
    }

    /// Whether objects with a `_type` are media and not values.
    fn has_media(&self) -> bool {
        false
    }

    /// Whether a step is not the number itself; [`Self::step`] says what it is.
    fn converts_steps(&self) -> bool {
        false
    }

    /// The step that a number is for; `None` if it is not one.
    fn step(&self, stated: Decimal) -> Option<i64> {
        stated.whole()
    }

    /// The tag of the values of a key.
    fn tag<'a>(&self, key: &'a str) -> &'a str {
        key
    }

    /// The kinds of records.
    fn kinds(&self) -> Vec<RecordKind> {
        vec![RecordKind { meaning: self.format().meaning(), prefix: "" }]
    }

    /// What to do with a row, given the rows before it. It may correct the counters of the row.
    fn settle(&self, _before: &mut RowsBefore, row: &mut JsonRow) -> RowPlacement {
        if row.step.is_none() && !row.odd { RowPlacement::Unplaced(0) } else { RowPlacement::Kind(0) }
    }

    /// The reason to report for rows without a step; `None` if that is not a problem.
    fn unplaced(&self) -> Option<&'static str> {
        None
    }

    /// The keys that the caller named, each with its role.
    fn named(&self) -> Vec<(KeyRole, &str)> {
        Vec::new()
    }
}
