//! Ultralytics' `results.csv`: a row an epoch, written at its end.
//!
//! `YOLOv5` and the first versions of 8 count epochs from 0, later ones from 1; both padded names and cells with blanks at
//! first. So the first row's epoch says which it is, and where the table begins later, its names: `YOLOv5`'s `x/lr0`. A
//! resumed run appends. `time` is seconds since the training began: a value, not the time of day.

use crate::shared::example::{Example, Examples};
use crate::shared::input::Input;
use crate::shared::reader::FormatReader;
use crate::shared::sink::Sink;
use crate::shared::table::{self, PlaceColumns, TableKind, peek, position};
use stepbridge_records::{EpochMeaning, FormatDescription, SeriesMeaning};

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
    ..FormatReader::NONE
};

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
}
