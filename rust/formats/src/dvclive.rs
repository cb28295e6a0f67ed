//! `DVCLive`'s `plots/metrics/NAME.tsv`: a table for each metric, of a step, its value, and in some versions a time.
//!
//! The name of a metric may have slashes, so that it has folders of its own. The step is how often `next_step` was called, from
//! 0, unless the caller gave it. `timestamp` is in milliseconds.

use stepbridge_records::{BatchRun, ColumnBatch, FormatDescription, SeriesMeaning, TaggedBatch};

use crate::shared::example::{Example, Examples};
use crate::shared::reader::FormatReader;
use crate::shared::table::{self, PlaceColumns, TableKind, peek, position};

/// The folders that hold a run's metrics.
const FOLDERS: [&str; 2] = ["plots", "metrics"];

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "dvclive",
        title: "DVCLive plots",
        writer: Some("DVCLive"),
        step_counts_calls: true,
        ..FormatDescription::UNKNOWN
    },
    matches: |head| {
        let table = peek(head, Some(b'\t'));
        let is_metric = |names: &[String]| match names {
            [step, name] => step == "step" && Some(&name[..]) == head.name.strip_suffix(".tsv"),
            [time, step, name] => {
                time == "timestamp" && step == "step" && Some(&name[..]) == head.name.strip_suffix(".tsv")
            }
            _ => false,
        };
        table.is_some_and(|table| is_metric(&table.names))
    },
    folders_above: |_, folder| plots_of(folder).map_or(0, |plots| folder.len() - plots),
    read: |input, sink| table::read(&KIND, input, sink),
    examples: Examples::rows("loss.tsv", &[Example::text("step\tloss\n", |i, one, _| format!("{i}\t{one}"))]),
    ..FormatReader::NONE
};

static KIND: TableKind = TableKind {
    format: READER.format(),
    separator: |_| b'\t',
    places: |names, _| PlaceColumns {
        step: position(names, "step"),
        wall_time: position(names, "timestamp"),
        ..PlaceColumns::default()
    },
    blank: None,
    meaning: |_, _| SeriesMeaning { step: None, epoch: None },
    in_folder: metric_of,
};

/// Which of these folders is the `plots` of a run.
fn plots_of(folder: &[String]) -> Option<usize> {
    folder.windows(2).rposition(|two| two == FOLDERS)
}

/// The records of a metric in the folder of its run, under its whole name.
fn metric_of(folder: &[String], batch: TaggedBatch) -> TaggedBatch {
    let seconds = |milliseconds: f64| milliseconds / 1000.0;
    let wall_time = batch.columns.wall_time.map(|times| times.into_iter().map(seconds).collect());
    let columns = ColumnBatch { wall_time, ..batch.columns };
    let Some(plots) = plots_of(folder) else { return TaggedBatch { columns, ..batch } };
    let above = folder[plots + FOLDERS.len()..].join("/");
    let whole = |tag: String| if above.is_empty() { tag } else { format!("{above}/{tag}") };
    TaggedBatch {
        tags: batch.tags.into_iter().map(whole).collect(),
        columns,
        run: BatchRun::Above(folder.len() - plots),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{SniffedFormat, sniff};
    use crate::shared::head::FileHead;
    use crate::shared::options::ReadOptions;
    use crate::test_reading::read_for_test;

    #[test]
    fn a_file_is_a_metric() {
        let text = "timestamp\tstep\tloss\n1700000000500\t0\t0.5\n1700000001000\t1\t0.25\n";
        let head = FileHead { name: "loss.tsv", folder: &[], bytes: text.as_bytes() };
        assert_eq!(sniff(&head, &ReadOptions::default()), SniffedFormat::Log(&READER));
        let read = read_for_test(&READER, "loss.tsv", text.as_bytes(), &ReadOptions::default(), 1);
        let columns = &read.batches[0].columns;
        assert_eq!((&columns.step, &columns.value), (&Some(vec![0, 1]), &vec![0.5, 0.25]));
        assert_eq!(columns.wall_time, Some(vec![1_700_000_000.5, 1_700_000_001.0]));
        assert!(read.problems.is_empty(), "{:?}", read.problems);
    }

    #[test]
    fn folders_below_metrics_are_part_of_the_name() {
        let folder: Vec<String> = ["runs", "dvclive", "plots", "metrics", "train"].map(str::to_owned).into();
        let batch = TaggedBatch::new(vec!["loss".to_owned()], ColumnBatch::new(0, 0, READER.format()));
        let found = metric_of(&folder, TaggedBatch::new(batch.tags.clone(), batch.columns.clone()));
        assert_eq!((found.tags, found.run), (vec!["train/loss".to_owned()], BatchRun::Above(3)));
        let found = metric_of(&folder[..1], batch);
        assert_eq!((found.tags, found.run), (vec!["loss".to_owned()], BatchRun::Folder));
    }
}
