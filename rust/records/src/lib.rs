//! Records of training logs: columns, the meaning of their steps and epochs, problems, and the description of a format.
//!
//! Readers make records, and re-indexing gives them places. Both know them from here.

#![forbid(unsafe_code)]

mod batch;
mod config;
mod decimal;
mod epoch_column;
mod facts;
mod format;
mod meaning;
mod order_key;
mod problem;
mod problem_list;
mod records;
mod tag_table;
mod writer_tags;

pub use batch::{BatchRun, ColumnBatch, TaggedBatch};
pub use config::{ConfigEntry, ConfigItem};
pub use decimal::{Decimal, Precision};
pub use epoch_column::{EpochColumn, EpochReader};
pub use facts::{CounterMark, FileFacts, SeriesCounter, SummaryLayout};
pub use format::{Format, FormatDescription, FormatOptions, RepeatedRecords, ResumeSigns};
pub use meaning::{EpochMeaning, SeriesMeaning, StepMeaning, StepScope, epoch_tag};
pub use order_key::{OrderKey, OrderKeys, SupersededFrom};
pub use problem::{Problem, ProblemKind};
pub use problem_list::{LISTED, ProblemList};
pub use records::Records;
/// The units of steps, so that readers need not know the arithmetic of timelines.
pub use stepbridge_timeline::Unit;
pub use tag_table::{TagTable, TooManyTags};
pub use writer_tags::TaggingWriter;
