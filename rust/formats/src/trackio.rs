//! Trackio's `SQLite` store: a file a project, a row a call of `trackio.log` with its values as JSON.
//!
//! `step` counts the calls, as in W&B, and a number of updates in the same row is the step of its series. A run is called as it is
//! in the store. Times without a zone are not known.

use std::collections::BTreeMap;
use std::io;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use stepbridge_io::json::JsonCursor;
use stepbridge_records::{BatchRun, ConfigEntry, FormatDescription, Problem, ProblemKind, TagTable, TaggedBatch};

use crate::shared::axes::{AxisTable, LoggedRow};
use crate::shared::config::{common_item, entries, json_settings};
use crate::shared::example::{Example, ExampleUnits, Examples, Framing};
use crate::shared::input::Input;
use crate::shared::logged_values::{LoggedValues, NESTED};
use crate::shared::metrics_table::MetricsTable;
use crate::shared::reader::FormatReader;
use crate::shared::sink::Sink;
use crate::shared::sqlite::{self, stored_columns, text};
use crate::shared::wall_time::iso;

/// How many records are gathered before they are emitted.
const PIECE: usize = 100_000;

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "trackio",
        title: "Trackio SQLite store",
        writer: Some("Trackio"),
        step_counts_calls: true,
        ..FormatDescription::UNKNOWN
    },
    // The names of its columns are in the first page.
    matches: |head| {
        head.bytes.starts_with(sqlite::MAGIC) && head.contains(b"run_name") && head.contains(b"metrics TEXT")
    },
    read,
    examples: Examples {
        file: "project.db",
        framing: Framing::Whole,
        all: &[Example { head: b"", units: ExampleUnits::Document(example), tail: "" }],
    },
    ..FormatReader::NONE
};

fn example() -> io::Result<Vec<u8>> {
    sqlite::bytes_of(
        "PRAGMA page_size = 512;
         CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL, run_name TEXT NOT NULL,
             step INTEGER NOT NULL, metrics TEXT NOT NULL);
         CREATE TABLE configs (id INTEGER PRIMARY KEY, run_name TEXT NOT NULL, config TEXT NOT NULL, created_at TEXT);
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
         INSERT INTO metrics (timestamp, run_name, step, metrics)
             SELECT '2025-08-01T12:00:00+00:00', iif(i % 3, 'brave-sky', 'calm-sea'), i, json_object('loss', i + 0.25) FROM n;",
    )
}

/// The calls of a run that were read and not yet emitted.
#[derive(Default)]
struct RunCalls {
    tags: TagTable,
    tag: Vec<u32>,
    value: Vec<f64>,
    rows: Vec<LoggedRow>,
    axes: AxisTable,
    /// What the store says of the run's configuration, until it is emitted.
    config: Vec<ConfigEntry>,
}

/// The calls of all runs.
#[derive(Default)]
struct Calls {
    runs: BTreeMap<String, RunCalls>,
    values: LoggedValues,
    gathered: usize,
    /// Rows whose values are not a JSON object, and the id of the first.
    odd: (u64, i64),
}

fn read(input: &mut Input, sink: &mut Sink) -> io::Result<()> {
    let opened = sqlite::open(input, sink)?;
    let wanted = ["run_name", "step", "metrics", "timestamp"];
    let columns = opened.as_ref().map(|opened| stored_columns(opened.connection(), "metrics"));
    let is_store = matches!(&columns, Ok(Ok(columns)) if wanted.iter().all(|name| columns.iter().any(|it| it == name)));
    let Some(opened) = opened.ok().filter(|_| is_store) else {
        let reason = "it is an SQLite database, and has no table metrics of Trackio's columns";
        sink.report(ProblemKind::NotALog, 0, input.size, reason);
        sink.another = true;
        return Ok(());
    };
    let mut calls = Calls::default();
    let table = MetricsTable::new(opened.connection(), "run_name, step, metrics, timestamp");
    table.each_row(input, sink, |row, sink| calls.row(row, sink))?;
    calls.configs(opened.connection(), input.file);
    calls.emit(sink)?;
    if let (count @ 1.., id) = calls.odd {
        let reason = format!(
            "{count} rows of table metrics are no JSON objects of values; they were left out (the first has id {id})"
        );
        sink.problem(Problem::new(input.file, ProblemKind::NotANumber, reason));
    }
    Ok(())
}

impl Calls {
    fn row(&mut self, row: &Row, sink: &mut Sink) -> io::Result<()> {
        let json = text(row, 3);
        let run = self.runs.entry(text(row, 1).into_owned()).or_default();
        let mut cursor = JsonCursor::new(json.as_bytes(), 0);
        self.values.clear();
        if self.values.object(&mut Vec::new(), &mut cursor, json.as_bytes(), &mut run.tags, NESTED).is_err() {
            if self.odd.0 == 0 {
                self.odd.1 = row.get(0).unwrap_or(0);
            }
            self.odd.0 += 1;
            return Ok(());
        }
        let step = match row.get_ref(2) {
            Ok(ValueRef::Integer(step)) => Some(step),
            _ => None,
        };
        run.tag.extend(self.values.numbers.iter().map(|(tag, _)| tag));
        run.value.extend(self.values.numbers.iter().map(|(_, value)| value));
        run.rows.push(LoggedRow { upto: run.value.len(), step, wall_time: iso(&text(row, 4)).unwrap_or(f64::NAN) });
        sink.facts.records_ok += 1;
        sink.facts.non_numeric += self.values.others;
        self.gathered += self.values.numbers.len();
        if self.gathered >= PIECE { self.emit(sink) } else { Ok(()) }
    }

    /// Takes the configurations of the runs that have calls. What cannot be read of them costs no record.
    fn configs(&mut self, connection: &Connection, file: &str) {
        let wanted = ["run_name", "config"];
        let stored = stored_columns(connection, "configs").unwrap_or_default();
        if !wanted.iter().all(|name| stored.iter().any(|it| it == name)) {
            return;
        }
        let Ok(mut ask) = connection.prepare("SELECT run_name, config FROM configs") else { return };
        let Ok(mut rows) = ask.query([]) else { return };
        while let Ok(Some(row)) = rows.next() {
            if let Some(run) = self.runs.get_mut(&*text(row, 0)) {
                run.config.extend(entries(file, json_settings(text(row, 1).as_bytes()), common_item));
            }
        }
    }

    /// Emits the calls so far. The names and the axes of a run stay known.
    fn emit(&mut self, sink: &mut Sink) -> io::Result<()> {
        self.gathered = 0;
        for (name, run) in &mut self.runs {
            let values = (std::mem::take(&mut run.tag), std::mem::take(&mut run.value));
            let rows = std::mem::take(&mut run.rows);
            let names = run.tags.clone().into_names()?;
            for mut columns in run.axes.place(&run.tags, values, &rows, READER.format()) {
                columns.config = std::mem::take(&mut run.config);
                let run = BatchRun::Named(name.clone());
                sink.emit(TaggedBatch { tags: names.clone(), columns, run });
            }
        }
        Ok(())
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
    fn runs_and_their_updates() {
        let bytes = sqlite::bytes_of(
            "CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL, project_name TEXT NOT NULL,
                 run_name TEXT NOT NULL, step INTEGER NOT NULL, metrics TEXT NOT NULL);
             INSERT INTO metrics (timestamp, project_name, run_name, step, metrics) VALUES
                 ('2025-08-01T12:00:00+00:00', 'p', 'a', 0, '{\"train/loss\": 0.5, \"train/global_step\": 10}'),
                 ('2025-08-01T12:00:01', 'p', 'b', 0, '{\"loss\": \"NaN\", \"n\": {\"x\": 2}, \"image\": {\"_type\": \"trackio.image\", \"w\": 3}}'),
                 ('2025-08-01T12:00:02+00:00', 'p', 'a', 1, '{\"train/loss\": 0.25, \"train/global_step\": 20}'),
                 ('2025-08-01T12:00:03+00:00', 'p', 'b', 1, 'nothing');",
        )
        .expect("a database");
        let options = ReadOptions::default();
        let head = FileHead { name: "p.db", folder: &[], bytes: &bytes };
        assert_eq!(sniff(&head, &options), SniffedFormat::Log(&READER));
        let read = read_for_test(&READER, "p.db", &bytes, &options, 1);
        let mut rows = Vec::new();
        for TaggedBatch { tags, columns, run } in &read.batches {
            for i in 0..columns.len() {
                let BatchRun::Named(run) = run else { panic!("a named run") };
                let base = columns.meaning.step.map(|step| step.base);
                rows.push((
                    &run[..],
                    &tags[columns.tag[i] as usize][..],
                    columns.step_of(i),
                    base,
                    columns.value[i].to_bits(),
                ));
            }
        }
        let expected = [
            ("a", "train/loss", Some(10), Some(1), 0.5_f64.to_bits()),
            ("a", "train/global_step", Some(10), Some(1), 10_f64.to_bits()),
            ("a", "train/loss", Some(20), Some(1), 0.25_f64.to_bits()),
            ("a", "train/global_step", Some(20), Some(1), 20_f64.to_bits()),
            ("b", "loss", Some(0), None, f64::NAN.to_bits()),
            ("b", "n.x", Some(0), None, 2_f64.to_bits()),
        ];
        assert_eq!(rows, expected);
        assert_eq!(read.batches[0].columns.wall_time.as_ref().map(|times| times[0]), Some(1_754_049_600.0));
        assert_eq!((read.problems.len(), read.facts.non_numeric), (1, 1));
    }
}
