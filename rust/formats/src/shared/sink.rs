//! Where a reader puts what it finds.

use std::cell::Cell;
use std::io;

use stepbridge_io::progress::Progress;
use stepbridge_records::{ConfigEntry, FileFacts, Problem, ProblemKind, ProblemList, TaggedBatch};

use crate::shared::mark::Mark;

/// Leaves records out of a batch. It also gets the session starts of the file so far ([`FileFacts::starts`]).
pub type BatchFilter<'a> = dyn FnMut(TaggedBatch, &[(u64, i64)]) -> TaggedBatch + 'a;

/// Takes what a reader finds in one file, in the file's order.
pub struct Sink<'a> {
    file: &'a str,
    emit: &'a mut dyn FnMut(TaggedBatch),
    progress: &'a Progress,
    /// Leaves out records that the caller does not want; `None` if the caller wants all.
    pub filter: Option<&'a mut BatchFilter<'a>>,
    /// Set once the caller wants no more of the file.
    pub ended: Option<&'a Cell<bool>>,
    /// How many bytes of the file were read.
    pub read: u64,
    /// The problems so far.
    pub problems: ProblemList,
    /// What the file holds so far.
    pub facts: FileFacts,
    /// Numbers of the run's configuration that the next batch takes along.
    pub config: Vec<ConfigEntry>,
    /// Whether the file turned out to be something else than its first bytes promised.
    pub another: bool,
    /// Where the reader can go on, once the file has grown.
    pub mark: Option<Mark>,
}

impl<'a> Sink<'a> {
    /// A sink for a file of `size` bytes, whose batches go to `emit`.
    pub fn new(file: &'a str, size: u64, progress: &'a Progress, emit: &'a mut dyn FnMut(TaggedBatch)) -> Self {
        let facts = FileFacts { bytes: size, ..FileFacts::default() };
        Self {
            file,
            emit,
            progress,
            filter: None,
            ended: None,
            read: 0,
            problems: ProblemList::default(),
            facts,
            config: Vec::new(),
            another: false,
            mark: None,
        }
    }

    /// The name of the file in problems.
    #[must_use]
    pub fn file(&self) -> &'a str {
        self.file
    }

    /// Takes records. A reader emits batches of at most about a hundred thousand records, so that memory stays bounded.
    pub fn emit(&mut self, mut batch: TaggedBatch) {
        batch.columns.config.append(&mut self.config);
        self.facts.records += batch.columns.len() as u64;
        let batch = match &mut self.filter {
            Some(filter) => filter(batch, &self.facts.starts),
            None => batch,
        };
        (self.emit)(batch);
    }

    /// Takes a problem: a range without records, or something in it that is not valid.
    pub fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Takes a problem of the bytes from `begin` up to `end`.
    pub fn report(&mut self, kind: ProblemKind, begin: u64, end: u64, reason: impl Into<String>) {
        self.problem(Problem::new(self.file, kind, reason).at(begin, end - begin));
    }

    /// Notes that the reader has come to `offset`.
    ///
    /// Fails if the caller cancelled the reading, or wants no more of the file; the reader returns the error at once.
    pub fn came_to(&mut self, offset: u64) -> io::Result<()> {
        self.read = self.read.max(offset);
        if self.ended.is_some_and(Cell::get) {
            return Err(io::Error::other("no more is wanted"));
        }
        self.progress.check()
    }
}
