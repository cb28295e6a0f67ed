//! The registry: one line a format, in the order in which they are tried.

use stepbridge_records::{Format, ProblemKind};

use crate::shared::head::{FileHead, placeholder};
use crate::shared::reader::FormatReader;
use crate::{
    csv, detectron2, jsonl, keras_csv, lightning_csv, mlflow, mlflow_db, mmcv, mmengine, sb3, text, tfevents,
    trainer_state, ultralytics, wandb, wandb_history,
};

/// Every reader. The first that matches a file reads it, so the more specific formats come first.
static READERS: &[&FormatReader] = &[
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
    // These match any file with common names of columns, keys or values.
    &jsonl::READER,
    &csv::READER,
    &text::READER,
];

/// The reader of a format.
#[must_use]
pub fn reader(format: Format) -> &'static FormatReader {
    // A test checks that every format has one.
    READERS.iter().find(|reader| reader.format == format).copied().unwrap_or(&lightning_csv::READER)
}

/// What the first bytes of a file show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SniffedFormat {
    /// It is a log of this format.
    Log(Format),
    /// It is not a log, and its name does not say that it is one.
    Unknown,
    /// Its name says that it is a log, but this is wrong with it.
    Broken(ProblemKind, &'static str),
}

/// Finds the format of a file from its first bytes; the name only says what to expect.
#[must_use]
pub fn sniff(head: &FileHead) -> SniffedFormat {
    let claimed = READERS.iter().find(|reader| (reader.claims_name)(head.name)).copied();
    if claimed.is_some()
        && let Some((kind, reason)) = placeholder(head.bytes)
    {
        return SniffedFormat::Broken(kind, reason);
    }
    if let Some(reader) = READERS.iter().find(|reader| (reader.matches)(head)) {
        return SniffedFormat::Log(reader.format);
    }
    match claimed {
        None => SniffedFormat::Unknown,
        Some(reader) => match (reader.explain_mismatch)(head) {
            None => SniffedFormat::Log(reader.format),
            Some((kind, reason)) => SniffedFormat::Broken(kind, reason),
        },
    }
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

    #[test]
    fn content_decides_and_names_only_promise() {
        let events = b"\x18\0\0\0\0\0\0\0\xa3\x7fK\"\x09\0\0\xc0\x9c\x1f\xe0\xd5A\x1a\x0dbrain.Event:2\xec\xa1\xd7\xbe";
        for (name, head, expected) in [
            ("events.out.tfevents.1.host", &events[..], SniffedFormat::Log(Format::TfEvents)),
            ("renamed.bin", events, SniffedFormat::Log(Format::TfEvents)),
            ("events.out.tfevents.1.host", b"damaged", SniffedFormat::Log(Format::TfEvents)),
            ("state.json", b" {\"epoch\": 1, \"log_history\": [", SniffedFormat::Log(Format::TrainerState)),
            ("trainer_state.json", b"{", SniffedFormat::Log(Format::TrainerState)),
            ("metrics.csv", b"step,epoch,loss\n", SniffedFormat::Log(Format::LightningCsv)),
            ("copy.csv", b"loss,\"epoch\",step\r\n1", SniffedFormat::Log(Format::LightningCsv)),
            ("metrics.csv", b"epoch,loss\n", SniffedFormat::Log(Format::LightningCsv)),
            ("results.csv", b"epoch,loss\n", SniffedFormat::Unknown),
            ("run.jsonl", b"{\"step\":1,", SniffedFormat::Unknown),
            ("notes.json", b"{\"a\": 1}", SniffedFormat::Unknown),
            ("empty.txt", b"", SniffedFormat::Unknown),
        ] {
            assert_eq!(sniff(&FileHead { name, folder: &[], bytes: head }), expected, "{name}");
        }
        for (name, head, kind) in [
            ("x.tfevents.y", &b""[..], ProblemKind::Empty),
            ("x.tfevents.y", b"version https://git-lfs.github.com/spec/v1\n", ProblemKind::LfsPointer),
            ("trainer_state.json", b"[]", ProblemKind::NotALog),
            ("metrics.csv", b"a,b\n", ProblemKind::MissingColumn),
            ("metrics.csv", b"\xff\xfe\0", ProblemKind::NotALog),
        ] {
            assert!(
                matches!(sniff(&FileHead { name, folder: &[], bytes: head }), SniffedFormat::Broken(found, _) if found == kind),
                "{name}"
            );
        }
    }
}
