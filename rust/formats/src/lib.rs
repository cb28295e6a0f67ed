//! The formats of training logs: a file or a folder each, and a line in the [registry](registry).
//!
//! A reader takes an [`Input`] and passes what it finds to a [`Sink`]: records batch by batch, in file order, and every range
//! that holds no record as a problem. One damaged range of a file never costs the valid records around it. Mechanisms that
//! several formats need are in [`shared`]: tables, JSON lines, protobuf.

#![forbid(unsafe_code)]

mod csv;
mod detectron2;
mod jsonl;
mod keras_csv;
mod lightning_csv;
mod mlflow;
mod mlflow_db;
mod mmcv;
mod mmengine;
mod registry;
mod resemblance;
mod sb3;
mod shared;
#[cfg(test)]
mod shrinking;
#[cfg(test)]
mod test_reading;
mod text;
mod tfevents;
mod trainer_state;
mod ultralytics;
mod wandb;
mod wandb_history;

pub use csv::has_named_columns;
pub use jsonl::has_named_keys;
pub use registry::{SniffedFormat, reader, sniff};
pub use resemblance::{Lookalike, Resemblance, lookalike};
pub use shared::contents::FileContents;
pub use shared::head::{FileHead, HEAD, placeholder};
pub use shared::input::{Input, Mark};
pub use shared::options::{NamedColumns, ReadOptions};
pub use shared::reader::FormatReader;
pub use shared::sink::{BatchFilter, Sink};
pub use text::{PatternError, check_pattern, is_text_log, text_head_size};
