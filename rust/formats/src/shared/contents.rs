//! What a reader gives of one file, before it is merged with the others.

use stepbridge_records::{FileFacts, ProblemList, TaggedBatch};

use super::mark::Mark;
use super::sink::Sink;

/// Everything that was read of one file.
#[derive(Default)]
pub struct FileContents {
    /// The records.
    pub batches: Vec<TaggedBatch>,
    /// What could not be read.
    pub problems: ProblemList,
    /// What else it holds.
    pub facts: FileFacts,
    /// Where its reader can go on, once the file has grown.
    pub mark: Option<Mark>,
}

impl FileContents {
    /// Passes on what was read of a file that is one document.
    pub(crate) fn emit_to(self, sink: &mut Sink) {
        self.batches.into_iter().for_each(|batch| sink.emit(batch));
        self.problems.into_iter().for_each(|problem| sink.problem(problem));
        sink.facts = FileFacts { bytes: sink.facts.bytes, records: sink.facts.records, ..self.facts };
    }
}
