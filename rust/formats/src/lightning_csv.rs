//! Lightning's `metrics.csv`: a row a logging call, its empty cells meaning "not logged in this call".
//!
//! The columns `step` and `epoch` stand anywhere; every other one is a tag. Rows of some callbacks lack the epoch. The step
//! is the 0-based index of the update; what is logged at the end of an epoch bears the last one's, and what is logged
//! after the last epoch the next epoch's number. Lightning 1.x parts lines by CRLF or LF as its Python did, writes the
//! columns in the order of their first use, and newer ones sorted; a metric that comes late makes it write the file anew.

use crate::shared::config::{ConfigFile, common_item};
use crate::shared::example::{Example, Examples};
use crate::shared::head::FileHead;
use crate::shared::input::Input;
use crate::shared::reader::FormatReader;
use crate::shared::sink::Sink;
use crate::shared::table::{self, PlaceColumns, TableKind, is_step, peek, position};
use crate::shared::yaml::yaml_settings;
use stepbridge_records::{EpochMeaning, FormatDescription, ProblemKind, ResumeSigns, SeriesMeaning, StepMeaning, Unit};

/// What Lightning calls it.
const NAME: &str = "metrics.csv";

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "lightning_csv",
        title: "Lightning metrics.csv",
        writer: Some("Lightning"),
        meaning: SeriesMeaning { step: Some(StepMeaning::of_run(Unit::Step, 0)), epoch: Some(EpochMeaning::In(0)) },
        // A resumed run writes into another folder; another fit with the same logger may append to the file.
        resume_signs: ResumeSigns::APPENDED,
        step_may_restart: true,
        ..FormatDescription::UNKNOWN
    },
    claims_name: |name| name == NAME,
    // Both counters, and something to count. Other programs write such columns too, and count in their own ways.
    matches: |head| {
        let Some(table) = peek(head, Some(b',')) else { return false };
        head.name == NAME && table.names.len() > 2 && table.has("step") && table.has("epoch") && !counts_otherwise(head)
    },
    explain_mismatch: |head| match peek(head, Some(b',')) {
        Some(table) if table.has("step") || table.has("epoch") => None,
        Some(_) => Some((
            ProblemKind::MissingColumn,
            "the table has neither a column 'step' nor a column 'epoch': its rows cannot be placed",
        )),
        None => Some((ProblemKind::NotALog, "it is called metrics.csv and does not begin with a line of names")),
    },
    read: |input: &mut Input, sink: &mut Sink| table::read(&KIND, input, sink),
    configs: &[ConfigFile {
        names: &["hparams.yaml", "config.yaml"],
        below: None,
        settings: yaml_settings,
        item: common_item,
    }],
    examples: Examples::rows(
        "metrics.csv",
        &[
            Example::text("epoch,step,loss,acc\n", |i, one, other| format!("{},{i},{one},{other}", i / 5)),
            Example::text("loss,epoch,val,step\r\n", |i, one, _| format!("{one},{},,{i}\r", i / 5)),
            Example::text("step,epoch,a,b\n", |i, one, other| format!("{i},,{one}e0,+{other}")),
            Example::text("step,epoch,\"a,b\",c\n", |i, one, other| format!("{i},0,\"{one}\",{other}")),
        ],
    ),
    ..FormatReader::NONE
};

/// Whether a table counts as Lightning does not: its step has another name, its epochs have fractions, its steps are multiples of
/// the first one (1, 2, 3 or 10, 20, 30; Lightning's would be 0, 1, 2 or 9, 19, 29), there are fewer than epochs, or they begin
/// again with an epoch.
pub(super) fn counts_otherwise(head: &FileHead) -> bool {
    let Some(table) = peek(head, Some(b',')) else { return false };
    let Some(step) = position(&table.names, "step") else { return table.names.iter().any(|name| is_step(name)) };
    let below = table.below();
    let Some(epoch) = position(&table.names, "epoch") else {
        return are_multiples(below.counts(step).unwrap_or_default().into_iter().map(|(step, _)| step));
    };
    let pairs = below.pairs(epoch, step);
    let begins_again = |pair: &[(i64, i64)]| pair[0].0 < pair[1].0 && pair[0].1 > pair[1].1;
    below.counts_fractions(epoch)
        || are_multiples(pairs.iter().map(|(_, step)| *step))
        || pairs.first().is_some_and(|(epoch, step)| step < epoch)
        || pairs.windows(2).any(begins_again)
}

/// Whether the second of three numbers or more is twice the first, and all are multiples of that. Two show nothing: Lightning's may
/// be 1, at the end of the second epoch of one batch, and 2, of a test after the last one.
fn are_multiples(steps: impl Iterator<Item = i64>) -> bool {
    let mut steps: Vec<i64> = steps.collect();
    steps.dedup();
    matches!(steps[..], [first, second, _, ..] if first > 0 && second == 2 * first && steps.iter().all(|step| step % first == 0))
}

pub(super) static KIND: TableKind = TableKind {
    format: READER.format(),
    separator: |_| b',',
    places: |names, _| PlaceColumns::named(names, "step", "epoch"),
    blank: None,
    meaning: |_, _| READER.format().meaning(),
    in_folder: table::as_read,
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::READER;
    use crate::shared::contents::FileContents;
    use crate::shared::options::ReadOptions;
    use crate::test_reading::read_for_test;
    use stepbridge_records::{Decimal, ProblemKind};

    fn read(bytes: &[u8]) -> FileContents {
        read_for_test(&READER, "metrics.csv", bytes, &ReadOptions::default(), 1)
    }

    fn read_text(text: &str) -> FileContents {
        read(text.as_bytes())
    }

    /// Records as (tag, step, epoch, value).
    fn records(read: &FileContents) -> Vec<(&str, Option<i64>, Option<f64>, f64)> {
        let mut records = Vec::new();
        for tagged in &read.batches {
            records.extend((0..tagged.columns.len()).map(|i| {
                let epoch = tagged.columns.epoch_of(i).map(Decimal::to_f64);
                (
                    &*tagged.tags[tagged.columns.tag[i] as usize],
                    tagged.columns.step_of(i),
                    epoch,
                    tagged.columns.value[i],
                )
            }));
        }
        records
    }

    fn kinds(read: &FileContents) -> Vec<(ProblemKind, Option<u64>, Option<u64>)> {
        read.problems.iter().map(|problem| (problem.kind, problem.offset, problem.record)).collect()
    }

    #[test]
    fn sparse_rows_become_records() {
        let read = read_text("loss,epoch,acc,step\r\n0.5,0,,49\r\n,0,0.25,50\r\n0.125,,,51\r\n");
        assert_eq!(
            records(&read),
            [("loss", Some(49), Some(0.0), 0.5), ("acc", Some(50), Some(0.0), 0.25), ("loss", Some(51), None, 0.125)]
        );
        assert_eq!(read.facts.records_ok, 3);
        assert!(read.problems.is_empty());
    }

    #[test]
    fn nan_and_infinity_are_values_and_other_text_is_reported_once() {
        let read = read_text("step,epoch,a,b\n0,0,nan,Infinity\n1,0,-inf,yes\n2,0,1,no\n");
        let values: Vec<f64> = records(&read).iter().map(|record| record.3).collect();
        assert!(values[0].is_nan());
        assert_eq!(values[1..], [f64::INFINITY, f64::NEG_INFINITY, 1.0]);
        assert_eq!(kinds(&read), [(ProblemKind::NotANumber, Some(32), Some(1))]);
        assert_eq!(read.problems[0].reason, "2 cells of column 'b' are not numbers (the first: 'yes')");
    }

    #[test]
    fn a_missing_column_is_named_and_the_rest_kept() {
        let read = read_text("epoch,loss\n0,0.5\n");
        assert_eq!(records(&read), [("loss", None, Some(0.0), 0.5)]);
        assert_eq!(kinds(&read), [(ProblemKind::MissingColumn, None, None)]);
        assert_eq!(read.batches[0].columns.step, None);
        let read = read_text("step,loss\n7,0.5\n");
        assert_eq!(records(&read), [("loss", Some(7), None, 0.5)]);
        assert_eq!(kinds(&read), [(ProblemKind::MissingColumn, None, None)]);
    }

    #[test]
    fn steps_that_pandas_wrote_again_and_steps_that_are_none() {
        let read = read_text("step,epoch,loss\n49.0,0.0,1\n5.5,0,2\nx,0,3\n,0,4\n9223372036854775808,0,5\n");
        assert_eq!(records(&read), [("loss", Some(49), Some(0.0), 1.0), ("loss", None, Some(0.0), 4.0)]);
        assert_eq!(
            kinds(&read),
            [
                (ProblemKind::Corrupt, Some(27), Some(1)),
                (ProblemKind::Corrupt, Some(35), Some(2)),
                (ProblemKind::Corrupt, Some(46), Some(4))
            ]
        );
    }

    #[test]
    fn a_repeated_header_is_no_row_and_a_row_of_another_width_is_left_out() {
        let read = read_text("step,epoch,loss\n0,0,1\nstep,epoch,loss\n1,0,2,3\n2,0\n3,0,4\n");
        assert_eq!(records(&read).len(), 2);
        assert_eq!(
            kinds(&read),
            [(ProblemKind::Corrupt, Some(38), Some(1)), (ProblemKind::Corrupt, Some(46), Some(2))]
        );
    }

    #[test]
    fn a_torn_tail_loses_its_last_cell_alone() {
        let whole = "step,epoch,loss,acc\n0,0,0.5,0.25\n1,0,0.75,0.875\n";
        let all = read_text(whole);
        let rows = [whole.find("0,0").expect("row 0"), whole.find("1,0").expect("row 1")];
        for end in 0..whole.len() {
            let read = read_text(&whole[..end]);
            let (seen, expected) = (records(&read), records(&all));
            assert_eq!(seen, expected[..seen.len()], "cut at {end}");
            // Nothing is lost that the cut does not touch, and a cut is silent only between two rows.
            let cells = whole[rows[0].min(end)..end].bytes().filter(|byte| matches!(byte, b',' | b'\n')).count();
            assert_eq!(seen.len(), cells / 4 * 2 + (cells % 4).saturating_sub(2), "cut at {end}");
            let between = end == 0 || whole.as_bytes()[end - 1] == b'\n';
            assert_eq!(read.problems.is_empty(), between, "cut at {end}: {:?}", read.problems);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_reported(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&bytes);
        }

        #[test]
        fn any_table_is_read_or_reported(text in "(step|epoch|,|\n|\"|[0-9.]|nan){0,60}") {
            let _ = read_text(&text);
        }
    }
}
