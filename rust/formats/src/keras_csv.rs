//! The table of Keras' `CSVLogger`: a row an epoch, whose number counts from 0 and whose end the row is.
//!
//! The epoch comes first, then the metrics, sorted; any character may separate them, and lines end with CRLF. With
//! `append=True` the next `fit()` writes more rows, so that the epoch goes back where it does not go on, and no line of
//! names unless the file was empty: rows of other metrics are then under names that are not theirs. Where those are more
//! or fewer, the rows are left out and reported. "NA" is written where an epoch has no such metric; a metric of several
//! numbers is written as a text.

use crate::shared::example::{Example, Examples};
use crate::shared::head::FileHead;
use crate::shared::input::Input;
use crate::shared::reader::FormatReader;
use crate::shared::sink::Sink;
use crate::shared::table::{
    self, FirstCount, PlaceColumns, TableHead, TableKind, is_step, peek_with, position, separator,
};
use stepbridge_records::{EpochMeaning, FormatDescription, SeriesMeaning};

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "keras_csv",
        title: "Keras CSVLogger table",
        writer: Some("Keras"),
        meaning: SeriesMeaning { step: None, epoch: Some(EpochMeaning::Ends(0)) },
        ..FormatDescription::UNKNOWN
    },
    // Its name is the author's.
    matches,
    read: |input: &mut Input, sink: &mut Sink| table::read(&KIND, input, sink),
    examples: Examples::rows(
        "log.csv",
        &[
            Example::text("epoch,accuracy,loss\r\n", |i, one, other| format!("{i},{one},{other}\r")),
            Example::text("epoch;accuracy;loss;val_loss\n", |i, one, other| format!("{i};{one};{other};NA")),
            Example::text("epoch\tloss\n", |i, one, _| format!("{i}\t{one}")),
        ],
    ),
    ..FormatReader::NONE
};

static KIND: TableKind = TableKind {
    format: READER.format(),
    separator: |header| behind_epoch(header).unwrap_or_else(|| separator(header)),
    places: |names, _| {
        let mut places = PlaceColumns { epoch: position(names, "epoch"), ..PlaceColumns::default() };
        if places.epoch.is_none() {
            places.missing.push("the table has no column 'epoch': its records state no epoch".to_owned());
        }
        places
    },
    blank: Some("NA"),
    meaning: |_, _| READER.format().meaning(),
    in_folder: table::as_read,
};

/// The character after the first name, which is the same in every such table.
fn behind_epoch(header: &[u8]) -> Option<u8> {
    let next = *header.strip_prefix(b"epoch")?.first()?;
    (next.is_ascii() && !next.is_ascii_alphanumeric() && !matches!(next, b'_' | b'/' | b'.' | b'-')).then_some(next)
}

fn matches(head: &FileHead) -> bool {
    // Lightning's name, with a column or more lost.
    if head.name == "metrics.csv" {
        return false;
    }
    let Some(table) = peek_with(head, behind_epoch) else { return false };
    // A row of Keras closes an epoch: it has no step.
    if !is_sorted_as_keras(&table) || table.names.iter().any(|name| is_step(name)) {
        return false;
    }
    // Whoever counts from 1 is not Keras, whose columns anyone may have; what begins later may count from 0 or from 1.
    let below = table.below();
    let begins = below.first_count(0).is_some_and(|FirstCount { count, .. }| count == 0);
    begins && !below.counts_fractions(0)
}

/// Whether these are an epoch and the metrics of a `fit()`: sorted, a loss among them; those of a validation may follow in
/// the order of the others.
fn is_sorted_as_keras(table: &TableHead) -> bool {
    let metrics = &table.names[1..];
    let (own, validation) = metrics.split_at(metrics.len() / 2);
    let mirrored = validation.iter().zip(own).all(|(other, own)| other.strip_prefix("val_") == Some(own));
    table.has("loss") && (metrics.is_sorted() || own.len() == validation.len() && own.is_sorted() && mirrored)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::options::ReadOptions;
    use crate::test_reading::read_for_test;
    use stepbridge_records::{Decimal, EpochMeaning, ProblemKind};

    fn is_keras(name: &str, bytes: &[u8]) -> bool {
        matches(&FileHead { name, folder: &[], bytes })
    }

    #[test]
    fn tables_of_others_are_not_taken_for_one() {
        for (text, expected) in [
            ("epoch,acc,loss\r\n0,0.5,1\r\n", true),
            ("epoch;loss;val_loss\n0;1;2\n", true),
            ("epoch\tloss\n3\t1\n", false),
            ("epoch\tloss\n0\t1\n", true),
            ("epoch,accuracy,loss,val_accuracy,val_loss\n0,1,1,NA,NA\n", true),
            ("epoch,loss,mae,val_loss,val_mae\n0,1,1,NA,NA\n", true),
            ("epoch,acc,loss\n1,0.5,1\n", false),
            ("epoch,loss,acc\n0,0.5,1\n", false),
            ("epoch,flux,magnitude\n0,0.5,1\n", false),
            ("epoch,loss\n0.5,1\n", false),
            ("epoch,loss\n", false),
            ("epoch_time,loss\n0,1\n", false),
            ("epochs,loss\n0,1\n", false),
            ("epoch\n0\n", false),
            ("", false),
        ] {
            assert_eq!(is_keras("training.log", text.as_bytes()), expected, "{text}");
        }
        assert!(!is_keras("metrics.csv", b"epoch,loss\n0,1\n"));
    }

    #[test]
    fn runs_that_were_appended_are_read_on() {
        let text =
            "epoch;acc;loss\r\n0;0.5;1\r\n1;NA;0.5\r\nepoch;acc;loss\r\n0;0.25;2\r\n1;1;2;3\r\n2;\"[1, 2]\";4\r\n";
        for threads in [1, 3] {
            let read = read_for_test(&READER, "a.log", text.as_bytes(), &ReadOptions::default(), threads);
            let seen: Vec<_> = read
                .batches
                .iter()
                .flat_map(|tagged| {
                    assert_eq!(tagged.columns.meaning.epoch, Some(EpochMeaning::Ends(0)));
                    let epochs = tagged.columns.epoch.as_ref().expect("epochs").iter();
                    let epochs = epochs.map(|epoch| epoch.and_then(Decimal::whole).expect("a whole one"));
                    let tags = tagged.columns.tag.iter().map(|tag| &*tagged.tags[*tag as usize]);
                    epochs.zip(tags).zip(tagged.columns.value.clone()).collect::<Vec<_>>()
                })
                .collect();
            let expected = [
                ((0, "acc"), 0.5),
                ((0, "loss"), 1.0),
                ((1, "loss"), 0.5),
                ((0, "acc"), 0.25),
                ((0, "loss"), 2.0),
                ((2, "loss"), 4.0),
            ];
            assert_eq!(seen, expected);
            let kinds: Vec<_> = read.problems.iter().map(|problem| (problem.kind, problem.record)).collect();
            assert_eq!(kinds, [(ProblemKind::Corrupt, Some(3)), (ProblemKind::NotANumber, Some(4))]);
            assert_eq!((read.facts.records_ok, read.facts.non_numeric), (4, 1));
        }
    }
}
