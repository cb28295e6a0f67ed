//! The registry: one line a format, in the order in which they are tried.

use std::io;
use std::sync::{PoisonError, RwLock};

use stepbridge_io::bytes::ReadAt;
use stepbridge_records::{ConfigEntry, ProblemKind};

use crate::shared::config::ConfigFile;
use crate::shared::head::{FileHead, placeholder};
use crate::shared::options::ReadOptions;
use crate::shared::reader::FormatReader;
use crate::{
    csv, detectron2, dvclive, jsonl, keras_csv, lightning_csv, llama_factory, mlflow, mlflow_db, mmcv, mmengine,
    monitor, parquet_table, rllib, sb3, stylegan, text, tfevents, trackio, trainer_state, ultralytics, wandb,
    wandb_history,
};

/// Every reader. The first that matches a file reads it, so the more specific formats come first.
static READERS: &[&FormatReader] = &[
    &tfevents::READER,
    &wandb::READER,
    &parquet_table::READER,
    // Any SQLite database may be MLflow's.
    &trackio::READER,
    &mlflow_db::READER,
    &trainer_state::READER,
    &wandb_history::READER,
    &mmcv::READER,
    &mmengine::READER,
    &detectron2::READER,
    &llama_factory::READER,
    &rllib::READER,
    &stylegan::READER,
    &sb3::READER,
    &monitor::READER,
    &dvclive::READER,
    &ultralytics::READER,
    &lightning_csv::READER,
    &keras_csv::READER,
    &mlflow::READER,
    // These match any file with common names of columns, keys or values.
    &jsonl::READER,
    &csv::READER,
    &text::READER,
];

/// Readers that were added to the table. They are tried first.
static ADDED: RwLock<Vec<&FormatReader>> = RwLock::new(Vec::new());

/// Adds a format, as a line in the table does. The tests use it to show that one reader is all that a format needs.
pub fn register(reader: &'static FormatReader) {
    ADDED.write().unwrap_or_else(PoisonError::into_inner).push(reader);
}

/// The readers of all formats, in the order in which they are tried.
#[must_use]
pub fn readers() -> Vec<&'static FormatReader> {
    let mut all = ADDED.read().unwrap_or_else(PoisonError::into_inner).clone();
    all.extend(READERS);
    all
}

/// The reader of the format with this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static FormatReader> {
    readers().into_iter().find(|reader| reader.description.name == name)
}

/// What logs are known, for people: `a log of TensorBoard, ... or W&B, or CSV, JSON lines or text with steps or epochs`.
#[must_use]
pub fn known_logs() -> String {
    let (mut writers, mut others) = (Vec::new(), Vec::new());
    for FormatReader { description, .. } in readers() {
        match description.writer {
            Some(writer) if !writers.contains(&writer) => writers.push(writer),
            Some(_) => {}
            None => others.push(description.title),
        }
    }
    format!("a log of {}, or {} with steps or epochs", either(&writers), either(&others))
}

/// Names, with "or" before the last.
fn either(names: &[&str]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        names => names.concat(),
    }
}

/// What the first bytes of a file show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SniffedFormat {
    /// It is a log of the format of this reader.
    Log(&'static FormatReader),
    /// It is not a log, and its name does not say that it is one.
    Unknown,
    /// Its name says that it is a log, but this is wrong with it.
    Broken(ProblemKind, &'static str),
}

/// Finds the format of a file from its first bytes and from what the caller says; the name only says what to expect.
#[must_use]
pub fn sniff(head: &FileHead, options: &ReadOptions) -> SniffedFormat {
    let readers = readers();
    let claimed = readers.iter().find(|reader| (reader.claims_name)(head.name));
    if claimed.is_some()
        && let Some((kind, reason)) = placeholder(head.bytes)
    {
        return SniffedFormat::Broken(kind, reason);
    }
    if let Some(reader) = readers.iter().find(|reader| (reader.matches)(head)) {
        return SniffedFormat::Log(reader);
    }
    let broken = match claimed.map(|reader| (reader, (reader.explain_mismatch)(head))) {
        Some((reader, None)) => return SniffedFormat::Log(reader),
        Some((_, Some((kind, reason)))) => Some((kind, reason)),
        None => None,
    };
    // What the caller says may replace a column that is missing.
    let may_be_said = matches!(broken, None | Some((ProblemKind::MissingColumn, _)));
    match (readers.iter().find(|reader| may_be_said && (reader.matches_options)(head, options)), broken) {
        (Some(reader), _) => SniffedFormat::Log(reader),
        (None, Some((kind, reason))) => SniffedFormat::Broken(kind, reason),
        (None, None) => SniffedFormat::Unknown,
    }
}

/// How many of the first bytes of a file with this name to look at if its head shows nothing.
#[must_use]
pub fn head_size(name: &str) -> u64 {
    readers().iter().map(|reader| (reader.head_size)(name)).max().unwrap_or(0)
}

/// The files of configuration that the writers of all formats leave next to their logs.
fn config_files() -> impl Iterator<Item = &'static ConfigFile> {
    readers().into_iter().flat_map(|reader| reader.configs)
}

/// The names that a file of a run's configuration may have.
#[must_use]
pub fn config_names() -> Vec<&'static str> {
    let mut names: Vec<&str> = config_files().flat_map(|file| file.names).copied().collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether a file with this name, in these folders, may hold the configuration of a run; if so, how many folders above it the run
/// may be.
#[must_use]
pub fn config_above(name: &str, folder: &[String]) -> Option<usize> {
    let above = |file: &ConfigFile| usize::from(file.below.is_some());
    config_files().filter(|file| file.claims(name, folder)).map(above).max()
}

/// What a file says of the configuration of a run. Several kinds of files may have one name; each number is read once.
#[must_use]
pub fn config_entries(file: &str, name: &str, folder: &[String], text: &str) -> Vec<ConfigEntry> {
    let mut entries: Vec<ConfigEntry> = Vec::new();
    for kind in config_files().filter(|kind| kind.claims(name, folder)) {
        for entry in kind.read(file, name, text) {
            if entries.iter().all(|known| known.key != entry.key) {
                entries.push(entry);
            }
        }
    }
    entries
}

/// Finds the format of a file of which [`sniff`] knows nothing from more of it than its head.
pub fn sniff_further(
    name: &str,
    bytes: &dyn ReadAt,
    size: u64,
    options: &ReadOptions,
) -> io::Result<Option<&'static FormatReader>> {
    for reader in readers() {
        if (reader.matches_further)(name, bytes, size, options)? {
            return Ok(Some(reader));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sniff_for_test(name: &str, bytes: &[u8]) -> SniffedFormat {
        sniff(&FileHead { name, folder: &[], bytes }, &ReadOptions::default())
    }

    #[test]
    fn every_format_has_a_name_of_its_own_and_says_what_it_is() {
        for reader in READERS {
            let description = &reader.description;
            assert_eq!(READERS.iter().filter(|other| *other == reader).count(), 1, "{}", description.name);
            assert_eq!(named(description.name), Some(*reader));
            assert!(!description.title.is_empty() && !reader.examples.all.is_empty(), "{}", description.name);
        }
        assert_eq!(named("parchment"), None);
    }

    #[test]
    fn an_error_lists_each_writer_once() {
        let known = known_logs();
        assert_eq!(known.matches("MLflow").count(), 1);
        assert!(known.starts_with("a log of TensorBoard, "), "{known}");
        assert!(known.ends_with("or Keras, or Parquet, JSON lines, CSV or text with steps or epochs"), "{known}");
    }

    #[test]
    fn content_decides_and_names_only_promise() {
        let events = b"\x18\0\0\0\0\0\0\0\xa3\x7fK\"\x09\0\0\xc0\x9c\x1f\xe0\xd5A\x1a\x0dbrain.Event:2\xec\xa1\xd7\xbe";
        for (name, head, expected) in [
            ("events.out.tfevents.1.host", &events[..], SniffedFormat::Log(&tfevents::READER)),
            ("renamed.bin", events, SniffedFormat::Log(&tfevents::READER)),
            ("events.out.tfevents.1.host", b"damaged", SniffedFormat::Log(&tfevents::READER)),
            ("state.json", b" {\"epoch\": 1, \"log_history\": [", SniffedFormat::Log(&trainer_state::READER)),
            ("trainer_state.json", b"{", SniffedFormat::Log(&trainer_state::READER)),
            ("metrics.csv", b"step,epoch,loss\n", SniffedFormat::Log(&lightning_csv::READER)),
            ("metrics.csv", b"loss,\"epoch\",step\r\n1", SniffedFormat::Log(&lightning_csv::READER)),
            ("copy.csv", b"loss,\"epoch\",step\r\n1,0,0\r\n0.5,0,1\r\n", SniffedFormat::Log(&csv::READER)),
            // These count from 1.
            ("metrics.csv", b"loss,epoch,step\n1,1,1\n0.5,1,2\n0.5,1,3\n", SniffedFormat::Log(&csv::READER)),
            ("metrics.csv", b"loss,epoch,step\n1,0,9\n0.5,0,19\n", SniffedFormat::Log(&lightning_csv::READER)),
            ("metrics.csv", b"epoch,loss\n", SniffedFormat::Log(&lightning_csv::READER)),
            ("results.csv", b"epoch,loss\n", SniffedFormat::Unknown),
            ("run.jsonl", b"{\"step\":1,", SniffedFormat::Unknown),
            ("notes.json", b"{\"a\": 1}", SniffedFormat::Unknown),
            ("empty.txt", b"", SniffedFormat::Unknown),
        ] {
            assert_eq!(sniff_for_test(name, head), expected, "{name}");
        }
        for (name, head, kind) in [
            ("x.tfevents.y", &b""[..], ProblemKind::Empty),
            ("x.tfevents.y", b"version https://git-lfs.github.com/spec/v1\n", ProblemKind::LfsPointer),
            ("trainer_state.json", b"[]", ProblemKind::NotALog),
            ("metrics.csv", b"a,b\n", ProblemKind::MissingColumn),
            ("metrics.csv", b"\xff\xfe\0", ProblemKind::NotALog),
        ] {
            assert!(matches!(sniff_for_test(name, head), SniffedFormat::Broken(found, _) if found == kind), "{name}");
        }
    }
}
