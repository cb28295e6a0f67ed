//! Ultralytics' `results.csv`: a row an epoch, written at its end.
//!
//! `YOLOv5` and the first versions of 8 count epochs from 0, later ones from 1; both padded names and cells with blanks at
//! first. So the first row's epoch says which it is, and where the table begins later, its names: `YOLOv5`'s `x/lr0`. A
//! resumed run appends. `time` is seconds since the training began: a value, not the time of day.

use std::cmp::Ordering;

use crate::shared::config::{ConfigFile, NamedItem, Setting};
use crate::shared::example::{Example, Examples};
use crate::shared::input::Input;
use crate::shared::reader::FormatReader;
use crate::shared::sink::Sink;
use crate::shared::table::{self, PlaceColumns, TableKind, peek, position};
use crate::shared::yaml::yaml_settings;
use stepbridge_records::{ConfigItem, EpochMeaning, FormatDescription, SeriesMeaning};

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "ultralytics",
        title: "Ultralytics results.csv",
        writer: Some("Ultralytics"),
        meaning: SeriesMeaning { step: None, epoch: Some(EpochMeaning::Ends(1)) },
        ..FormatDescription::UNKNOWN
    },
    // The name is anybody's.
    matches: |head| {
        peek(head, Some(b',')).is_some_and(|table| {
            let begins = |with: &str| table.names.iter().any(|name| name.starts_with(with));
            table.names[0] == "epoch" && begins("train/") && (begins("metrics/") || begins("lr/pg") || begins("x/lr"))
        })
    },
    read: |input: &mut Input, sink: &mut Sink| table::read(&KIND, input, sink),
    examples: Examples::rows(
        "results.csv",
        &[
            Example::text("      epoch,   train/box_loss, metrics/mAP50(B)\n", |i, one, other| {
                format!("          {i},   {one},      {other}")
            }),
            Example::text("epoch,time,train/loss,x/lr0\n", |i, one, other| format!("{},{one},{other},0.5", i + 1)),
        ],
    ),
    configs: &[ConfigFile { names: &["args.yaml"], below: None, settings: args, item: args_item }],
    ..FormatReader::NONE
};

/// The numbers of `args.yaml`. A step accumulates `nbs` samples, in whole batches; in the epochs of the warm-up it accumulates
/// fewer, so that no one number holds.
fn args(name: &str, text: &str) -> Vec<Setting> {
    let mut settings = yaml_settings(name, text);
    let of = |key: &str| settings.iter().find(|(name, _)| name == key).map(|(_, value)| *value);
    if let (Some(batch @ 1..), Some(nominal), Some(0)) = (of("batch"), of("nbs"), of("warmup_epochs")) {
        settings.push(("nbs / batch".to_owned(), rounded(nominal, batch).max(1)));
    }
    settings
}

/// The nearest whole number; of two that are equally near, the even one, as Python rounds.
fn rounded(number: u64, divisor: u64) -> u64 {
    let (whole, rest) = (number / divisor, number % divisor);
    let up = (rest * 2).cmp(&divisor).then(if whole % 2 == 1 { Ordering::Greater } else { Ordering::Less }).is_gt();
    whole + u64::from(up)
}

/// `batch` is that of all devices together.
fn args_item(key: &str) -> Option<NamedItem> {
    Some(match key {
        "batch" => (ConfigItem::Batch, true),
        "epochs" => (ConfigItem::Epochs, true),
        "nbs / batch" => (ConfigItem::Accumulate, true),
        _ => return None,
    })
}

static KIND: TableKind = TableKind {
    format: READER.format(),
    separator: |_| b',',
    places: |names, _| {
        let mut places = PlaceColumns { epoch: position(names, "epoch"), ..PlaceColumns::default() };
        if places.epoch.is_none() {
            places.missing.push("the table has no column 'epoch': its records state no epoch".to_owned());
        }
        places
    },
    blank: None,
    meaning: |names, first| {
        let from_zero = match first.and_then(stepbridge_records::Decimal::whole) {
            Some(0) => true,
            Some(1) => false,
            _ => names.iter().any(|name| name == "x/lr0"),
        };
        SeriesMeaning { step: None, epoch: Some(EpochMeaning::Ends(u8::from(!from_zero))) }
    },
    in_folder: table::as_read,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::head::FileHead;
    use crate::shared::options::ReadOptions;
    use crate::test_reading::read_for_test;

    #[test]
    fn the_first_row_says_from_where_epochs_count() {
        let padded = "   epoch,  train/box_loss,   metrics/mAP50(B)\n";
        for (text, base) in [
            (format!("{padded}   0,  1.5,   0.25\n   1,  1,   0.5\n"), 0),
            (format!("{padded}   1,  1.5,   0.25\n"), 1),
            (format!("{padded}   7,  1.5,   0.25\n"), 1),
            ("epoch,train/box_loss,x/lr0\n7,1.5,0.25\n".to_owned(), 0),
            ("epoch,time,train/loss,metrics/accuracy_top1\n1,2.5,3,4\n".to_owned(), 1),
        ] {
            assert!((READER.matches)(&FileHead { name: "results.csv", folder: &[], bytes: text.as_bytes() }), "{text}");
            let options = ReadOptions::default();
            let read = read_for_test(&READER, "results.csv", text.as_bytes(), &options, 1);
            assert!(read.problems.is_empty());
            let batch = &read.batches[0].columns;
            assert_eq!(batch.meaning, SeriesMeaning { step: None, epoch: Some(EpochMeaning::Ends(base)) }, "{text}");
            assert_eq!(batch.step, None);
            assert_eq!(read.batches[0].tags.iter().find(|tag| tag.contains(' ')), None);
        }
        for text in ["epoch,train/loss\n1,2\n", "train/loss,metrics/a\n1,2\n", "epoch,price\n1,2\n"] {
            assert!(
                !(READER.matches)(&FileHead { name: "results.csv", folder: &[], bytes: text.as_bytes() }),
                "{text}"
            );
        }
    }

    #[test]
    fn the_arguments_say_what_a_step_accumulates_without_a_warm_up() {
        let said = |text: &str| {
            let entries = (READER.configs[0]).read("args.yaml", "args.yaml", text);
            entries.into_iter().map(|entry| (entry.item, entry.value)).collect::<Vec<_>>()
        };
        let (batch, epochs) = ((ConfigItem::Batch, 24), (ConfigItem::Epochs, 100));
        assert_eq!(said("batch: 24\nepochs: 100\nnbs: 64\nwarmup_epochs: 3.0\n"), [batch, epochs]);
        let without = said("batch: 24\nepochs: 100\nnbs: 64\nwarmup_epochs: 0.0\n");
        assert_eq!(without, [batch, epochs, (ConfigItem::Accumulate, 3)]);
        // An automatic batch size.
        assert_eq!(said("batch: -1\nepochs: 100\n"), [epochs]);
        assert_eq!([(64, 128), (64, 16), (5, 2), (7, 2), (64, 200)].map(|(n, d)| rounded(n, d)), [0, 4, 2, 4, 0]);
    }
}
