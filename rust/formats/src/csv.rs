//! Any other table, whose columns say what they are by name: to the caller, or to everybody.
//!
//! Columns that the caller named are taken; else those called `step`, `global_step`, `iteration`, `iter` and `epoch`,
//! whatever their case. What a step counts, and from where, only its writer knows. An epoch counts from 0 or from 1, as the
//! first row's does; in a table without steps a row closes its epoch.
//!
//! A table is taken for a log where it has such a column, which counts upwards, and another that is named as metrics are.
//! Data sets with a column `epoch` or `step` are common, and are not logs.

use std::collections::BTreeMap;

use crate::lightning_csv;
use crate::shared::example::{Example, Examples};
use crate::shared::head::FileHead;
use crate::shared::input::Input;
use crate::shared::options::{NamedColumns, ReadOptions};
use crate::shared::reader::FormatReader;
use crate::shared::sink::Sink;
use crate::shared::table::{
    self, FirstRows, PlaceColumns, STEPS, TableHead, TableKind, is_step, peek, position, separator,
};
use stepbridge_records::{Decimal, EpochMeaning, FormatDescription, FormatOptions, SeriesMeaning};

const EPOCHS: [&str; 1] = ["epoch"];
/// The second is `TensorBoard`'s, in the tables that its page offers.
const TIMES: [&str; 2] = ["wall_time", "wall time"];

/// Words, or parts of words, in the names of metrics that are hardly in those of other data.
const METRICS: [&str; 12] = [
    "loss",
    "accuracy",
    "perplexity",
    "reward",
    "learning_rate",
    "learning rate",
    "grad_norm",
    "rouge",
    "bleu",
    "psnr",
    "rmse",
    "f1score",
];
/// Words that say so only alone.
const WORDS: [&str; 11] = ["acc", "lr", "mse", "mae", "ppl", "nll", "elbo", "auc", "iou", "miou", "dice"];
/// Words that a metric has next to others, and other data as well.
const WEAK: [&str; 9] = ["train", "val", "valid", "validation", "eval", "test", "f1", "precision", "recall"];
/// Words that no metric has: columns that number things (`train_id`).
const NUMBERING: [&str; 6] = ["id", "ids", "no", "number", "index", "name"];

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "csv",
        title: "CSV",
        writer: None,
        options: FormatOptions { columns: true, pattern: false },
        ..FormatDescription::UNKNOWN
    },
    matches,
    matches_options: |head, options| has_named_columns(head, &options.columns),
    read: |input: &mut Input, sink: &mut Sink| table::read(&KIND, input, sink),
    examples: Examples::rows(
        "table.csv",
        &[
            Example::text("step,loss,lr\n", |i, one, other| format!("{i},{one},{other}")),
            Example::text("epoch|train loss|val loss\n", |i, one, other| format!("{i}|{one}|{other}")),
            Example::text("Wall time,Step,loss\n", |i, one, _| format!("1700000000.5,{i},{one}")),
        ],
    ),
    ..FormatReader::NONE
};

static KIND: TableKind =
    TableKind { format: READER.format(), separator, places, blank: None, meaning, in_folder: table::as_read };

fn places(names: &[String], options: &ReadOptions) -> PlaceColumns {
    let named = &options.columns;
    let mut missing = Vec::new();
    let mut find = |named: Option<&String>, known: &[&str]| match named {
        None => known.iter().find_map(|known| names.iter().position(|name| name.eq_ignore_ascii_case(known))),
        Some(name) => {
            let found = position(names, name);
            if found.is_none() {
                missing.push(format!("there is no column '{name}'; there are {}", listed(names)));
            }
            found
        }
    };
    let (step, epoch) = (find(named.step.as_ref(), &STEPS), find(named.epoch.as_ref(), &EPOCHS));
    let wall_time = find(named.wall_time.as_ref(), &TIMES);
    if step.is_none() && epoch.is_none() && missing.is_empty() {
        missing.push(format!(
            "no column is called step, global_step, iteration, iter or epoch: its records have no place; name the one that holds \
             it (there are {})",
            listed(names)
        ));
    }
    PlaceColumns { step, epoch, wall_time, missing }
}

/// Names, as many as one reads.
pub(super) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut list = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        list = format!("{list} and {} more", names.len() - SHOWN);
    }
    list
}

/// Epochs are counted from the first row's. A row closes its epoch where there is no step.
fn meaning(names: &[String], first: Option<Decimal>) -> SeriesMeaning {
    let has_steps = places(names, &ReadOptions::default()).step.is_some();
    let base = first.and_then(Decimal::whole).and_then(|first| u8::try_from(first).ok()).filter(|first| *first < 2);
    let has_fraction = first.is_some_and(|first| first.whole().is_none());
    let epoch = match base {
        Some(base) if has_steps => Some(EpochMeaning::In(base)),
        Some(base) => Some(EpochMeaning::Ends(base)),
        // So much is done.
        None => (has_fraction && !has_steps).then_some(EpochMeaning::Elapsed),
    };
    SeriesMeaning { step: None, epoch }
}

/// Whether a file is a table that has a column which the caller named for its step or its epoch.
fn has_named_columns(head: &FileHead, columns: &NamedColumns) -> bool {
    columns.counters().next().is_some()
        && peek(head, None).is_some_and(|table| columns.counters().any(|name| table.has(name)))
}

fn matches(head: &FileHead) -> bool {
    // Lightning's name: a missing column is reported as such.
    let has_counter = |table: TableHead| table.has("step") || table.has("epoch");
    if (lightning_csv::READER.claims_name)(head.name)
        && peek(head, Some(b',')).is_some_and(has_counter)
        && !lightning_csv::counts_otherwise(head)
    {
        return false;
    }
    let Some(table) = peek(head, None) else { return false };
    if table.names == ["Wall time", "Step", "Value"] {
        return true;
    }
    let PlaceColumns { step, epoch, .. } = places(&table.names, &ReadOptions::default());
    let Some(place) = step.or(epoch) else { return false };
    let candidates: Vec<usize> = metrics(&table).collect();
    if candidates.is_empty() || !are_metrics(&table.names) {
        return false;
    }
    let below = table.below();
    let rises = |column: usize| {
        below.counts(column).is_some_and(|counts| counts_upwards(&counts, step.is_none(), below.damaged()))
            || step.is_none() && below.counts_fractions(column)
    };
    !below.is_ragged()
        && rises(place)
        && candidates.into_iter().any(|column| below.is_numeric(column))
        && mostly(&table, &below)
}

/// Whether numbers rise, but for beginnings from the start and what damage explains; by one each where each is an epoch. Rows
/// in which other cells are filled (training by step, validation by epoch) may have a counter of their own.
fn counts_upwards(counts: &[(i64, Vec<bool>)], by_one: bool, damaged: usize) -> bool {
    /// Among so many numbers, one may be damaged; epochs show by themselves how they go on.
    const COUNTS_PER_DAMAGED: usize = 8;
    const EPOCHS_PER_DAMAGED: usize = 4;
    if counts.is_empty() {
        return false;
    }
    let allowed = damaged + counts.len() / if by_one { EPOCHS_PER_DAMAGED } else { COUNTS_PER_DAMAGED };
    let breaks = |counts: &[i64]| {
        let rises = |from: i64, to: i64| if by_one { to == from + 1 } else { to >= from };
        let goes_on = |pair: &&[i64]| rises(pair[0], pair[1]) || pair[1] < pair[0] && pair[1] <= counts[0];
        counts.windows(2).filter(|pair| !goes_on(pair)).count()
    };
    let all: Vec<i64> = counts.iter().map(|(count, _)| *count).collect();
    let mut by_filled: BTreeMap<&[bool], Vec<i64>> = BTreeMap::new();
    for (count, filled) in counts {
        by_filled.entry(filled).or_default().push(*count);
    }
    let several = 2 * by_filled.len() <= counts.len();
    breaks(&all) <= allowed || several && by_filled.values().map(|counts| breaks(counts)).sum::<usize>() <= allowed
}

/// The columns whose names are those of metrics.
fn metrics(table: &TableHead) -> impl Iterator<Item = usize> {
    table.names.iter().enumerate().filter(|(_, name)| is_metric(name)).map(|(column, _)| column)
}

/// Whether this is the name of a metric.
pub(super) fn is_metric(name: &str) -> bool {
    strength(name) != MetricStrength::None
}

/// How much a name shows that it is a metric's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MetricStrength {
    None,
    /// A word that other data have as well, alone.
    Weak,
    Strong,
}

fn strength(name: &str) -> MetricStrength {
    let name = name.trim().to_ascii_lowercase();
    let words: Vec<&str> = name.split(|letter: char| !letter.is_ascii_alphanumeric()).collect();
    let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
    if METRICS.iter().any(|metric| name.contains(metric)) || has(&WORDS) {
        MetricStrength::Strong
    } else if !has(&WEAK) || has(&NUMBERING) {
        MetricStrength::None
    } else if words.len() > 1 {
        MetricStrength::Strong
    } else {
        MetricStrength::Weak
    }
}

/// Whether names of columns are those of a log: `val` alone, or `f1` among coordinates, may be data. Two such words, or nothing
/// but them, are a log's.
pub(super) fn are_metrics(names: &[String]) -> bool {
    let of = |sought: MetricStrength| names.iter().filter(|name| strength(name) == sought).count();
    let is_place = |name: &&String| {
        is_step(name) || name.eq_ignore_ascii_case("epoch") || TIMES.iter().any(|time| name.eq_ignore_ascii_case(time))
    };
    let others = names.len() - names.iter().filter(is_place).count();
    of(MetricStrength::Strong) > 0 || of(MetricStrength::Weak) > 1 || of(MetricStrength::Weak) == others
}

/// Whether most columns hold numbers, or nothing.
pub(super) fn mostly(table: &TableHead, below: &FirstRows) -> bool {
    let numeric = (0..table.names.len()).filter(|&column| below.is_numeric(column)).count();
    2 * numeric > table.names.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{SniffedFormat, sniff};
    use crate::shared::contents::FileContents;
    use crate::test_reading::read_for_test;
    use stepbridge_records::ProblemKind;

    fn read(text: &str, options: &ReadOptions) -> FileContents {
        read_for_test(&READER, "t.csv", text.as_bytes(), options, 1)
    }

    fn head(text: &str) -> FileHead<'_> {
        FileHead { name: "t.csv", folder: &[], bytes: text.as_bytes() }
    }

    fn is_log(text: &str) -> bool {
        matches(&head(text))
    }

    #[test]
    fn data_is_no_log() {
        for (text, expected) in [
            ("step,loss\n0,1\n10,2\n", true),
            ("Step;Train Loss\n0;1\n10;2\n0;1\n", true),
            ("\"Step\",\"run - loss\",\"run - loss__MIN\"\n\"1\",\"2\",\"2\"\n", true),
            ("Wall time,Step,Value\n1700000000.5,10,0.5\n", true),
            ("epoch,train_loss,val_loss\n1,1,2\n2,1,2\n", true),
            ("iteration\tlr\tnote\n1\t1\tx\n", true),
            ("epoch,loss\n0.25,1\n0.5,1\n1.0,1\n", true),
            ("epoch,loss\n2015.5,1\n2016.5,1\n", false),
            ("epoch,loss\n0.5,1\n7.5,1\n8,1\n", false),
            // Steps that fall, epochs that stand still or are years, no metric, no number, no column.
            ("step,loss\n5,1\n10,2\n7,1\n", false),
            ("time,condition,epoch,EEG 001,train\n-200,left,1,2.5,1\n-199,left,1,2.5,1\n", false),
            ("epoch,train_loss\n1,1\n1,2\n", false),
            ("ra,dec,epoch,accuracy\n1,2,2015.5,3\n", false),
            ("step,price,volume\n1,2,3\n", false),
            ("epoch,train,val\n1,0.5,0.6\n2,0.4,0.5\n", true),
            ("epoch,val\n1,0.5\n2,0.4\n", true),
            ("epoch,val_top1\n1,0.5\n2,0.4\n", true),
            ("id,step,price,val\n0,0,9.5,1\n1,0,9.25,0\n2,1,9.0,1\n", false),
            ("step,train_id,speed,valid\n0,7,80.5,1\n1,7,81.5,0\n", false),
            ("iteration,x,y,f1\n0,1,2,0.5\n1,1,2,0.25\n", false),
            ("epoch,ra,dec,mag,train\n0,1,2,0.5,1\n1,1,2,0.25,0\n", false),
            ("step,loss\n1,high\n", false),
            ("step,loss\n", false),
            ("steps,loss\n1,2\n", false),
            ("step,loss\n1,2,3\n", false),
            ("1,2\n3,4\n", false),
            ("", false),
        ] {
            assert_eq!(is_log(text), expected, "{text}");
        }
    }

    #[test]
    fn columns_are_what_the_caller_says() {
        let columns = |step: &str, wall_time: Option<&str>| NamedColumns {
            step: Some(step.to_owned()),
            wall_time: wall_time.map(str::to_owned),
            ..NamedColumns::default()
        };
        let text = "it,when,step,x\n1,1700000000.25,9,0.5\n2,,8,0.25\n";
        assert_eq!(sniff(&head(text), &ReadOptions::default()), SniffedFormat::Unknown);
        let options = ReadOptions { columns: columns("it", Some("when")), ..ReadOptions::default() };
        assert!(has_named_columns(&head(text), &options.columns));
        let contents = read(text, &options);
        let batch = &contents.batches[0].columns;
        assert_eq!(contents.batches[0].tags, ["step", "x"]);
        assert_eq!(batch.step, Some(vec![1, 1, 2, 2]));
        let times = batch.wall_time.as_ref().expect("times");
        assert_eq!(times[..2], [1_700_000_000.25; 2]);
        assert!(times[2].is_nan() && times[3].is_nan());
        assert_eq!(batch.meaning, SeriesMeaning { step: None, epoch: None });
        let options = ReadOptions { format: Some(&READER), columns: columns("iter", None), ..options };
        let contents = read(text, &options);
        let problem = &contents.problems[0];
        assert_eq!(problem.kind, ProblemKind::MissingColumn);
        assert_eq!(problem.reason, "there is no column 'iter'; there are it, when, step, x");
        assert_eq!(contents.batches[0].columns.step, None);
    }

    #[test]
    fn an_epoch_counts_from_where_the_first_one_does() {
        for (text, expected) in [
            ("epoch,loss,x\n1,1,2\n", Some(EpochMeaning::Ends(1))),
            ("x,epoch,loss\n0,0,2\n1,1,2\n", Some(EpochMeaning::Ends(0))),
            ("epoch,loss,global_step\n1,1,20\n", Some(EpochMeaning::In(1))),
            ("epoch,loss,global_step\n5,1,20\n", None),
            // A first 0.0 of epochs in fractions is not a number of an epoch.
            ("epoch,loss\n0.0,1\n0.5,1\n1.0,1\n", Some(EpochMeaning::Elapsed)),
            ("epoch,loss,global_step\n0.0,1,0\n0.5,1,50\n1.0,1,100\n", None),
            ("x,epoch,loss\n0,0,1\n0,1,1\n0,2,1\n0,2.5,1\n0,4,1\n0,5,1\n", Some(EpochMeaning::Ends(0))),
        ] {
            assert_eq!(sniff(&head(text), &ReadOptions::default()), SniffedFormat::Log(&READER));
            let contents = read(text, &ReadOptions::default());
            let meaning = contents.batches[0].columns.meaning;
            assert_eq!(meaning, SeriesMeaning { step: None, epoch: expected }, "{text}");
        }
    }
}
