//! Small intact files of a format. The tests read them, break them, and cut them short.

/// Small files of a format, in several variants.
#[derive(Debug)]
pub struct Examples {
    /// What a file of it is called.
    pub file: &'static str,
    /// How the parts of a file follow each other.
    pub framing: Framing,
    /// The files.
    pub all: &'static [Example],
}

/// What encloses each unit of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Rows of a table. Each unit has its line end.
    Rows,
    /// JSON objects, one a line. Each unit has its line end.
    Objects,
    /// Other lines. Each unit has its line end.
    Lines,
    /// The entries of a JSON list.
    List,
    /// The frames of an event file.
    Events,
    /// The records of wandb's `DataStore`.
    DataStore,
    /// The units cannot be distinguished.
    Whole,
}

/// A small file: what it begins with, its units, and what it ends with.
#[derive(Debug)]
pub struct Example {
    /// What comes before the first unit.
    pub head: &'static [u8],
    /// The units.
    pub units: ExampleUnits,
    /// What comes after the last unit.
    pub tail: &'static str,
}

/// The units of a small file. Each is made of its number and two values that no other unit has.
#[derive(Debug, Clone, Copy)]
pub enum ExampleUnits {
    /// Text, without the line end.
    Text(fn(number: u16, one: f64, other: f64) -> String),
    /// Bytes, without what encloses them.
    Bytes(fn(number: u16, one: f64, other: f64) -> Vec<u8>),
    /// A file that is one document.
    Document(fn() -> std::io::Result<Vec<u8>>),
}

impl Examples {
    pub(crate) const NONE: Self = Self { file: "", framing: Framing::Lines, all: &[] };

    /// Tables.
    pub(crate) const fn rows(file: &'static str, all: &'static [Example]) -> Self {
        Self { file, framing: Framing::Rows, all }
    }

    /// Files of JSON objects.
    pub(crate) const fn objects(file: &'static str, all: &'static [Example]) -> Self {
        Self { file, framing: Framing::Objects, all }
    }
}

impl Example {
    /// A file of text.
    #[must_use]
    pub const fn text(head: &'static str, unit: fn(u16, f64, f64) -> String) -> Self {
        Self { head: head.as_bytes(), units: ExampleUnits::Text(unit), tail: "" }
    }
}
