//! Rows of a table, gathered run by run.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::shared::sink::Sink;
use crate::shared::wall_time::milliseconds;
use stepbridge_records::{BatchRun, ColumnBatch, Problem, ProblemKind, TaggedBatch};

/// How many records are gathered before they are handed on.
const PIECE: usize = 100_000;

/// The rows that were read and not yet handed on, by run.
#[derive(Default)]
pub(super) struct MetricRows<'a> {
    file: &'a str,
    names: HashMap<String, String>,
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
    tags: Vec<String>,
    numbers: HashMap<String, u32>,
    batch: ColumnBatch,
    missing: Vec<bool>,
}

impl<'a> MetricRows<'a> {
    pub(super) fn new(file: &'a str, names: HashMap<String, String>) -> Self {
        Self { file, names, ..Self::default() }
    }

    pub(super) fn row(&mut self, id: i64, row: &Row, sink: &mut Sink) {
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
            count(&mut self.odd[0], id);
            return;
        };
        let step = match row.get_ref(5) {
            Ok(ValueRef::Integer(step)) => Some(step),
            Ok(ValueRef::Null) => None,
            _ => {
                count(&mut self.odd[1], id);
                None
            }
        };
        let time = match row.get_ref(4) {
            Ok(ValueRef::Integer(time)) => milliseconds(time),
            _ => f64::NAN,
        };
        let run = self.run(&text(row, 1));
        let tag = run.tag(&text(row, 2));
        run.batch.tag.push(tag);
        run.batch.step.get_or_insert_default().push(step.unwrap_or(0));
        run.missing.push(step.is_none());
        run.batch.wall_time.get_or_insert_default().push(time);
        run.batch.value.push(value);
        sink.facts.records_ok += 1;
        self.count += 1;
        if self.count >= PIECE {
            self.hand_on(sink);
        }
    }

    fn run(&mut self, id: &str) -> &mut MetricRun {
        let next = self.numbers.len();
        let number = match self.numbers.get(id) {
            Some(&number) => number,
            None => *self.numbers.entry(id.to_owned()).or_insert(next),
        };
        self.runs.entry(number).or_insert_with(|| MetricRun {
            id: id.to_owned(),
            tags: Vec::new(),
            numbers: HashMap::new(),
            batch: ColumnBatch::new(0, 0, super::READER.format()),
            missing: Vec::new(),
        })
    }

    fn hand_on(&mut self, sink: &mut Sink) {
        self.count = 0;
        for run in std::mem::take(&mut self.runs).into_values() {
            let MetricRun { id, tags, mut batch, missing, .. } = run;
            if !missing.contains(&false) {
                batch.step = None;
            } else if missing.contains(&true) {
                batch.step_missing = Some(missing);
            }
            let name = self.names.get(&id).cloned().unwrap_or(id);
            sink.emit(TaggedBatch { tags, columns: batch, run: BatchRun::Named(name) });
        }
    }

    pub(super) fn finish(mut self, sink: &mut Sink) {
        self.hand_on(sink);
        let whats = [
            "have a value that is no number; they were left out",
            "have a step that is no whole number; their values have none",
        ];
        for ((count, id), what) in self.odd.into_iter().zip(whats) {
            if count > 0 {
                let reason = format!("{count} rows of table metrics {what} (the first has id {id})");
                sink.problem(Problem::new(self.file, ProblemKind::NotANumber, reason));
            }
        }
    }
}

impl MetricRun {
    fn tag(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = u32::try_from(self.tags.len()).unwrap_or(u32::MAX);
        self.tags.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }
}

fn count(odd: &mut (u64, i64), id: i64) {
    if odd.0 == 0 {
        odd.1 = id;
    }
    odd.0 += 1;
}

/// What `MLflow` meant: it writes the largest float for infinity.
fn unbounded(value: f64) -> f64 {
    if value.abs() >= f64::MAX { f64::INFINITY.copysign(value) } else { value }
}

/// A column that should be text.
fn text<'a>(row: &'a Row, index: usize) -> Cow<'a, str> {
    match row.get_ref(index) {
        Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => String::from_utf8_lossy(bytes),
        Ok(ValueRef::Integer(number)) => number.to_string().into(),
        _ => "".into(),
    }
}
