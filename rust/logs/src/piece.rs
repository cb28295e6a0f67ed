//! What a reader gives of one file, before it is put together with the others.

use crate::problem::Problem;
use crate::record::Chunk;

/// Everything that was read of one file.
#[derive(Debug, Default)]
pub(crate) struct FileRead {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) facts: Facts,
}

/// Records that stand next to each other. `chunk.tag` counts in `tags`; `chunk.run` and `chunk.source` are not set yet.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Names by number. Some may be of no record.
    pub(crate) tags: Vec<String>,
    pub(crate) chunk: Chunk,
}

/// What a file holds besides its records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its size in bytes.
    pub bytes: u64,
    /// Sound units of the format: events, rows, entries.
    pub sound: u64,
    /// Values that are no numbers by their nature: images, histograms, texts.
    pub others: u64,
    /// Where a session says that it starts: how many records of the file stand before, and the step that it names.
    pub starts: Vec<(u64, i64)>,
}
