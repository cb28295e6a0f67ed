//! Where a reader puts what it finds.

use std::io;

use super::input::Mark;
use crate::piece::{Facts, Piece};
use crate::problem::{Problem, ProblemKind};
use crate::thin::Thinner;
use stepbridge_io::progress::Progress;

/// Takes what a reader finds in one file, in the file's order.
pub(crate) struct Sink<'a> {
    file: &'a str,
    emit: &'a mut dyn FnMut(Piece),
    progress: &'a Progress,
    /// How many bytes of the file are behind the reader.
    pub(crate) read: u64,
    pub(crate) problems: Vec<Problem>,
    pub(crate) facts: Facts,
    /// Whether the file turned out to be of another sort than it looked like, which only a look inside could tell.
    pub(crate) another: bool,
    /// For a reader that can go on where it stopped, once the file has grown.
    pub(crate) mark: Option<Mark>,
    /// What leaves records out that tell nothing of others; `None` where all are kept.
    pub(crate) thinner: Option<Thinner>,
}

impl<'a> Sink<'a> {
    /// The file, as problems call it.
    pub(crate) fn file(&self) -> &'a str {
        self.file
    }

    pub(crate) fn new(file: &'a str, size: u64, progress: &'a Progress, emit: &'a mut dyn FnMut(Piece)) -> Self {
        let facts = Facts { bytes: size, ..Facts::default() };
        Self { file, emit, progress, read: 0, problems: Vec::new(), facts, another: false, mark: None, thinner: None }
    }

    /// Takes records. A reader hands them on in pieces of at most about a hundred thousand, so that memory stays bounded.
    pub(crate) fn piece(&mut self, piece: Piece) {
        self.facts.records += piece.chunk.len() as u64;
        let piece = match &mut self.thinner {
            Some(thinner) => thinner.thin(piece, &self.facts.starts),
            None => piece,
        };
        (self.emit)(piece);
    }

    /// Takes down a range that holds no record, or one that is not sound.
    pub(crate) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// The same, of the bytes from `begin` up to `end`.
    pub(crate) fn report(&mut self, kind: ProblemKind, begin: u64, end: u64, reason: impl Into<String>) {
        self.problem(Problem::new(self.file, kind, reason).at(begin, end - begin));
    }

    /// Says that the reader has come to `offset`.
    ///
    /// Fails where the caller wants no more; the reader hands that on at once.
    pub(crate) fn came_to(&mut self, offset: u64) -> io::Result<()> {
        self.read = self.read.max(offset);
        self.progress.check()
    }
}
