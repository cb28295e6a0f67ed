//! Every output takes every log: the records of several sessions, superseded ones left out or kept, in memory and streamed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type};
use arrow_ipc::reader::FileReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use stepbridge_formats::ReadOptions;
use stepbridge_index::reindex::{ReindexOptions, Timelines, reindex};
use stepbridge_index::{Output, Superseded, Survey, Table, read};
use stepbridge_io::progress::Progress;

/// The run, the tag and the value of a record.
type Row = (String, String, f64);

/// The epochs of each run's table, row by row. An epoch that is not above the one before begins a session; one that is not above
/// the first one begins another attempt.
const RUNS: [(&str, &[u32]); 5] = [
    ("all_again", &[0, 1, 0, 1]),
    ("some_again", &[0, 1, 2, 3, 2, 3, 4]),
    ("never_again", &[0, 1, 2]),
    ("twice_again", &[0, 1, 2, 0, 1, 0, 1, 2, 3]),
    ("only_again", &[5, 4, 3, 2, 1, 0]),
];

/// Writes a table of Keras' `CSVLogger` for each run, and a longer one, so that there are several batches.
fn write_logs(folder: &Path, superseded: Superseded) -> Vec<Row> {
    let long: Vec<u32> = (0..3000).chain(1500..4500).collect();
    let mut runs: Vec<(String, &[u32])> =
        (0..4).flat_map(|copy| RUNS.map(|(name, epochs)| (format!("{name}_{copy}"), epochs))).collect();
    runs.push(("long".to_owned(), &long));
    runs.sort();
    let mut rows = Vec::new();
    for (run, epochs) in runs {
        fs::create_dir(folder.join(&run)).unwrap();
        let mut text = "epoch,acc,loss\n".to_owned();
        let (mut attempt, mut first) = (1, epochs[0]);
        let mut attempts = Vec::new();
        for (row, &epoch) in epochs.iter().enumerate() {
            if row > 0 && epoch <= first {
                (attempt, first) = (attempt + 1, epoch);
            }
            attempts.push(attempt);
        }
        for (row, epoch) in epochs.iter().enumerate() {
            writeln!(text, "{epoch},{row},{row}.5").unwrap();
            let name = if attempts[row] == 1 { run.clone() } else { format!("{run}#{}", attempts[row]) };
            let goes_back = |at: usize| epochs[at] < epochs[at - 1];
            let again = (row + 1..epochs.len())
                .take_while(|later| attempts[*later] == attempts[row])
                .any(|later| epochs[later] <= *epoch && (row + 1..=later).any(goes_back));
            if superseded == Superseded::Kept || !again {
                #[expect(clippy::cast_precision_loss, reason = "a small number")]
                let value = row as f64;
                rows.push((name.clone(), "acc".to_owned(), value));
                rows.push((name, "loss".to_owned(), value + 0.5));
            }
        }
        fs::write(folder.join(run).join("training.log"), text).unwrap();
    }
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    rows
}

/// The records of batches, whose names may be dictionaries or text.
fn rows_of(batches: &[RecordBatch]) -> Vec<Row> {
    let name = |batch: &RecordBatch, column: &str, row: usize| {
        let column = batch.column_by_name(column).unwrap().as_dictionary::<Int32Type>();
        column.values().as_string::<i32>().value(usize::try_from(column.keys().value(row)).unwrap()).to_owned()
    };
    let rows = batches.iter().flat_map(|batch| {
        let values = batch.column_by_name("value").unwrap().as_primitive::<Float64Type>();
        (0..batch.num_rows()).map(move |row| (name(batch, "run", row), name(batch, "tag", row), values.value(row)))
    });
    rows.collect()
}

/// The records of a file.
fn rows_in(path: &Path, output: Output) -> Vec<Row> {
    let text = || fs::read_to_string(path).unwrap();
    match output {
        Output::Arrow => {
            let reader = FileReader::try_new(File::open(path).unwrap(), None).unwrap();
            rows_of(&reader.map(Result::unwrap).collect::<Vec<_>>())
        }
        Output::Parquet => {
            let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
            rows_of(&reader.build().unwrap().map(Result::unwrap).collect::<Vec<_>>())
        }
        Output::Csv => {
            let text = text();
            let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
            let header = lines.next().unwrap();
            let at = |name: &str| header.iter().position(|column| *column == name).unwrap();
            let (run, tag, value) = (at("run"), at("tag"), at("value"));
            lines.map(|cells| (cells[run].into(), cells[tag].into(), cells[value].parse().unwrap())).collect()
        }
        Output::JsonLines => {
            let rows = text();
            let rows = rows.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
            let text = |name: &serde_json::Value| name.as_str().unwrap().to_owned();
            rows.map(|row| (text(&row["run"]), text(&row["tag"]), row["value"].as_f64().unwrap())).collect()
        }
    }
}

#[test]
fn every_output_takes_every_log() {
    for superseded in [Superseded::LeftOut, Superseded::Kept] {
        let folder = tempfile::tempdir().unwrap();
        let logs_folder = folder.path().join("logs");
        fs::create_dir(&logs_folder).unwrap();
        let expected = write_logs(&logs_folder, superseded);
        let (options, progress) = (ReadOptions::default(), Progress::default());
        let logs = Arc::new(read(&logs_folder.as_path().into(), &options, &progress, 2).unwrap());
        let places = Arc::new(
            reindex(&logs.records, &logs.run_ledgers(), Timelines::Own, &ReindexOptions::default(), 2).unwrap(),
        );
        let plain = Table::new(&logs, None, superseded, 2).unwrap();
        let placed = Table::new(&logs, Some(&places), superseded, 2).unwrap();
        let survey = Survey::in_pieces(&logs_folder.as_path().into(), &options, &progress, 2).unwrap();
        for (ending, output) in Output::ALL {
            for (name, table) in [("plain", &plain), ("placed", &placed)] {
                assert!(table.batches().len() > 1, "several batches share a dictionary");
                let path = folder.path().join(format!("{name}{ending}"));
                table.write(&path, &progress).unwrap();
                assert_eq!(rows_in(&path, output), expected, "{name}{ending}, {superseded:?}");
            }
            let path = folder.path().join(format!("streamed{ending}"));
            let written =
                survey.write(Timelines::Own, &ReindexOptions::default(), superseded, &path, &progress, 2).unwrap();
            assert_eq!(written.rows, expected.len() as u64);
            assert_eq!(rows_in(&path, output), expected, "streamed{ending}, {superseded:?}");
        }
    }
}
