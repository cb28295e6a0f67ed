//! Records of training logs: columns, the meaning of their steps and epochs, problems, and the description of a format.
//!
//! Readers make records, and re-indexing gives them places. Both know them from here.

#![forbid(unsafe_code)]

mod batch;
mod decimal;
mod epoch_column;
mod facts;
mod format;
mod meaning;
mod order_key;
mod problem;
mod problem_list;
mod records;

pub use batch::{BatchRun, ColumnBatch, TaggedBatch};
pub use decimal::{Decimal, Precision};
pub use epoch_column::{EpochColumn, EpochReader};
pub use facts::FileFacts;
pub use format::{Format, ResumeSigns};
pub use meaning::{EpochMeaning, SeriesMeaning, StepMeaning, StepScope, epoch_tag};
pub use order_key::{OrderKey, OrderKeys, SupersededFrom};
pub use problem::{Problem, ProblemKind};
pub use problem_list::{LISTED, ProblemList};
pub use records::Records;
/// The units of steps, so that readers need not know the arithmetic of timelines.
pub use stepbridge_timeline::Unit;
