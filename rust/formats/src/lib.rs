//! The formats of training logs: a file or a folder each, and a line in the [registry](registry).
//!
//! A reader takes an [`Input`] and passes what it finds to a [`Sink`]: records batch by batch, in file order, and every range
//! that holds no record as a problem. One damaged range of a file never costs the valid records around it. Mechanisms that
//! several formats need are in [`shared`]: tables, JSON lines, protobuf.

#![forbid(unsafe_code)]

mod csv;
mod detectron2;
mod dvclive;
mod jsonl;
mod keras_csv;
mod lightning_csv;
mod llama_factory;
mod mlflow;
mod mlflow_db;
mod mmcv;
mod mmengine;
mod monitor;
mod parquet_table;
mod registry;
mod resemblance;
mod rllib;
mod sb3;
mod shared;
#[cfg(test)]
mod shrinking;
mod stylegan;
#[cfg(test)]
mod test_reading;
mod text;
mod tfevents;
mod trackio;
mod trainer_state;
mod ultralytics;
mod wandb;
mod wandb_history;

pub use parquet_table::OWN_TABLE;
pub use registry::{
    SniffedFormat, config_above, config_entries, config_names, head_size, known_logs, named, readers, register, sniff,
    sniff_further,
};
pub use resemblance::{Lookalike, Resemblance, lookalike};
pub use shared::config::ConfigFile;
pub use shared::contents::FileContents;
pub use shared::copy::{CopySummaries, SummaryCopy};
pub use shared::example::{Example, ExampleUnits, Examples, Framing};
pub use shared::head::{FileHead, HEAD, placeholder};
pub use shared::input::Input;
pub use shared::mark::Mark;
pub use shared::options::{ChainOption, NamedColumns, ReadOptions};
pub use shared::reader::FormatReader;
pub use shared::sink::{BatchFilter, Sink};
pub use text::{PatternError, check_pattern};
pub use tfevents::ScalarEvents;
