//! The formats: a file each, and the table of them.
//!
//! A reader takes an [`Input`] and hands what it finds to a [`Sink`]: records batch by batch, in file order, and every
//! range that holds none as a problem. What is common to several formats stands beside them: rows of a table
//! ([`table`]), objects a line ([`objects`]), lines of text ([`text`]).

mod contents;
mod csv;
mod detectron2;
mod input;
mod jsonl;
mod keras_csv;
mod lightning_csv;
mod mlflow;
mod mlflow_db;
mod mmcv;
mod mmengine;
mod objects;
mod proto;
mod sb3;
#[cfg(test)]
mod shrinking;
mod sink;
mod sniff;
mod table;
mod text;
mod tfevents;
mod trainer_state;
mod ultralytics;
mod wandb;
mod wandb_history;

use std::io;

use stepbridge_records::{Format, ProblemKind};

pub(crate) use contents::FileContents;
pub(crate) use csv::has_named_columns;
pub(crate) use input::{Input, Mark};
pub(crate) use jsonl::has_named_keys;
pub(crate) use sink::{BatchFilter, Sink};
pub(crate) use sniff::{HEAD, Head, Sniffed, placeholder, sniff};
pub(crate) use text::{check as check_pattern, recognised as recognised_text, wide as wide_head};

/// What a format can do. One is made a format, beside its code, and stands in [`READERS`].
pub(crate) struct Reader {
    pub(crate) format: Format,
    /// What it is by its name alone: what is called so and is something else is damaged, and not simply another file.
    pub(crate) promised: fn(name: &str) -> bool,
    /// Whether the first bytes are those of this format.
    pub(crate) recognised: fn(&Head) -> bool,
    /// What is wrong with a file of a promising name that begins otherwise; `None`: it is read all the same.
    pub(crate) otherwise: fn(&Head) -> Option<(ProblemKind, &'static str)>,
    /// Reads all of it.
    pub(crate) read: fn(&mut Input, &mut Sink) -> io::Result<()>,
}

/// Every reader. The first that recognises a file reads it, so that what is told by more stands before what is told by less.
pub(crate) static READERS: &[&Reader] = &[
    &tfevents::READER,
    &wandb::READER,
    &mlflow_db::READER,
    &trainer_state::READER,
    &wandb_history::READER,
    &mmcv::READER,
    &mmengine::READER,
    &detectron2::READER,
    &sb3::READER,
    &ultralytics::READER,
    &lightning_csv::READER,
    &keras_csv::READER,
    &mlflow::READER,
    // By what anyone may call a column or a key: behind all others.
    &jsonl::READER,
    &csv::READER,
    &text::READER,
];

/// The reader of a format.
pub(crate) fn reader(format: Format) -> &'static Reader {
    // A test sees to it that every format has one.
    READERS.iter().find(|reader| reader.format == format).copied().unwrap_or(&lightning_csv::READER)
}

/// A table's layout, to test what is common to all of them with.
#[cfg(test)]
pub(crate) fn lightning_kind_for_test() -> &'static table::Kind {
    &lightning_csv::KIND
}

/// Reads bytes as a file of this name and format, on so many threads: for the tests of the formats.
#[cfg(test)]
pub(crate) fn read_for_test(
    format: Format,
    name: &str,
    bytes: &[u8],
    options: &crate::options::ReadOptions,
    threads: usize,
) -> crate::formats::FileContents {
    let progress = stepbridge_io::progress::Progress::default();
    let mut batches = Vec::new();
    let mut emit = |tagged| batches.push(tagged);
    let size = bytes.len() as u64;
    let mut sink = Sink::new(name, size, &progress, &mut emit);
    let mut input = Input {
        file: name,
        path: std::path::Path::new(name),
        folder: &[],
        name,
        bytes: &bytes,
        size,
        threads,
        options,
        mark: None,
    };
    (reader(format).read)(&mut input, &mut sink).expect("bytes in memory can be read");
    let Sink { problems, facts, mark, .. } = sink;
    crate::formats::FileContents { batches, problems, facts, mark }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_a_reader_and_a_name_of_its_own() {
        for format in Format::ALL {
            assert_eq!(READERS.iter().filter(|reader| reader.format == format).count(), 1, "{format:?}");
            assert_eq!(Format::named(format.name()), Some(format));
        }
    }
}
