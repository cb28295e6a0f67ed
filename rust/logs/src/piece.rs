//! What a reader gives of one file, before it is put together with the others.

use crate::formats::{Mark, Sink};
use crate::problem::Problem;
use crate::record::Chunk;

/// Everything that was read of one file.
#[derive(Default)]
pub(crate) struct FileRead {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) facts: Facts,
    /// Where its reader can go on, once the file has grown.
    pub(crate) mark: Option<Mark>,
}

impl FileRead {
    /// Hands on what was read of a file that is one document.
    pub(crate) fn hand_to(self, sink: &mut Sink) {
        self.pieces.into_iter().for_each(|piece| sink.piece(piece));
        self.problems.into_iter().for_each(|problem| sink.problem(problem));
        sink.facts = Facts { bytes: sink.facts.bytes, records: sink.facts.records, ..self.facts };
    }
}

/// Records that stand next to each other. `chunk.tag` counts in `tags`; `chunk.run` and `chunk.source` are not set yet.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Names by number. Some may be of no record.
    pub(crate) tags: Vec<String>,
    pub(crate) chunk: Chunk,
    pub(crate) run: RunOf,
}

/// Whose records they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum RunOf {
    /// The run that the file's folder is.
    #[default]
    Folder,
    /// The run that the folder so many above it is: 1 is the folder that holds the file's own.
    Above(usize),
    /// One of several of the file's folder, by its name.
    Named(String),
}

impl Piece {
    /// Records of the run that the file's folder is.
    pub(crate) fn new(tags: Vec<String>, chunk: Chunk) -> Self {
        Self { tags, chunk, run: RunOf::Folder }
    }
}

/// What a file holds besides its records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its size in bytes.
    pub bytes: u64,
    /// How many records it holds.
    pub records: u64,
    /// Sound units of the format: events, rows, entries.
    pub sound: u64,
    /// Values that are no numbers by their nature: images, histograms, texts.
    pub others: u64,
    /// Lines of text that have no shape, and hold no record.
    pub prose: u64,
    /// The shape that the lines of a text log have, by its name; `pattern` where it is the caller's.
    pub shape: Option<&'static str>,
    /// Where a session says that it starts: how many records of the file stand before, and the step that it names.
    pub starts: Vec<(u64, i64)>,
}
