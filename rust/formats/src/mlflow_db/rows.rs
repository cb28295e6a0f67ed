//! Rows of a table, gathered run by run.

use std::collections::{BTreeMap, HashMap};
use std::io;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::shared::record_builder::{RecordBuilder, RowPlace};
use crate::shared::sink::Sink;
use crate::shared::sqlite::text;
use crate::shared::wall_time::milliseconds;
use stepbridge_records::{BatchRun, ColumnBatch, ConfigEntry, Problem, ProblemKind, TagTable, TaggedBatch};

/// How many records are gathered before they are handed on.
const PIECE: usize = 100_000;

/// The rows that were read and not yet handed on, by run.
#[derive(Default)]
pub(super) struct MetricRows<'a> {
    file: &'a str,
    names: HashMap<String, String>,
    /// The configuration of each run, by its id, until its first records are emitted.
    configs: HashMap<String, Vec<ConfigEntry>>,
    /// By the order in which the runs first logged.
    runs: BTreeMap<usize, MetricRun>,
    numbers: HashMap<String, usize>,
    count: usize,
    /// Rows whose value is not a number, and those whose step is not: how many, and the id of the first.
    odd: [(u64, i64); 2],
}

/// Rows of one run.
struct MetricRun {
    id: String,
    tags: TagTable,
    records: RecordBuilder,
}

impl<'a> MetricRows<'a> {
    pub(super) fn new(
        names: HashMap<String, String>,
        configs: HashMap<String, Vec<ConfigEntry>>,
        file: &'a str,
    ) -> Self {
        Self { file, names, configs, ..Self::default() }
    }

    pub(super) fn row(&mut self, row: &Row, sink: &mut Sink) -> io::Result<()> {
        let value = match (row.get_ref(3), row.get_ref(6)) {
            (_, Ok(ValueRef::Integer(1..))) => Some(f64::NAN),
            (Ok(ValueRef::Real(value)), _) => Some(unbounded(value)),
            (Ok(ValueRef::Integer(value)), _) => {
                #[expect(clippy::cast_precision_loss, reason = "a float that SQLite stores as an integer to save room")]
                let value = value as f64;
                Some(value)
            }
            _ => None,
        };
        let Some(value) = value else {
            sink.facts.non_numeric += 1;
            count(&mut self.odd[0], row);
            return Ok(());
        };
        let step = match row.get_ref(5) {
            Ok(ValueRef::Integer(step)) => Some(step),
            Ok(ValueRef::Null) => None,
            _ => {
                count(&mut self.odd[1], row);
                None
            }
        };
        let time = match row.get_ref(4) {
            Ok(ValueRef::Integer(time)) => milliseconds(time),
            _ => f64::NAN,
        };
        let run = self.run(&text(row, 1));
        let tag = run.tags.number(text(row, 2).as_bytes());
        run.records.push(tag, value);
        run.records.end_row(RowPlace { step, epoch: None, wall_time: time });
        sink.facts.records_ok += 1;
        self.count += 1;
        if self.count >= PIECE {
            self.hand_on(sink)?;
        }
        Ok(())
    }

    fn run(&mut self, id: &str) -> &mut MetricRun {
        let next = self.numbers.len();
        let number = match self.numbers.get(id) {
            Some(&number) => number,
            None => *self.numbers.entry(id.to_owned()).or_insert(next),
        };
        self.runs.entry(number).or_insert_with(|| MetricRun {
            id: id.to_owned(),
            tags: TagTable::default(),
            records: RecordBuilder::default(),
        })
    }

    fn hand_on(&mut self, sink: &mut Sink) -> io::Result<()> {
        self.count = 0;
        for MetricRun { id, tags, records } in std::mem::take(&mut self.runs).into_values() {
            let config = self.configs.remove(&id).unwrap_or_default();
            let name = self.names.get(&id).cloned().unwrap_or(id);
            let columns = ColumnBatch { config, ..records.into_columns(super::READER.format()) };
            sink.emit(TaggedBatch { tags: tags.into_names()?, columns, run: BatchRun::Named(name) });
        }
        Ok(())
    }

    pub(super) fn finish(mut self, sink: &mut Sink) -> io::Result<()> {
        self.hand_on(sink)?;
        let whats = [
            "have a value that is not a number; they were left out",
            "have a step that is not a whole number; their values have none",
        ];
        for ((count, id), what) in self.odd.into_iter().zip(whats) {
            if count > 0 {
                let reason = format!("{count} rows of table metrics {what} (the first has id {id})");
                sink.problem(Problem::new(self.file, ProblemKind::NotANumber, reason));
            }
        }
        Ok(())
    }
}

/// Counts a row whose content is odd.
fn count(odd: &mut (u64, i64), row: &Row) {
    if odd.0 == 0 {
        odd.1 = row.get(0).unwrap_or(0);
    }
    odd.0 += 1;
}

/// What `MLflow` meant: it writes the largest float for infinity.
fn unbounded(value: f64) -> f64 {
    if value.abs() >= f64::MAX { f64::INFINITY.copysign(value) } else { value }
}
