//! Tables as event files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use stepbridge_formats::ScalarEvents;
use stepbridge_io::progress::Progress;

use super::Axis;
use super::axis::micro_epochs;
use super::error::RewriteError;
use super::files::event_file_name;
use super::folder::OutputFolder;
use crate::logs::Logs;
use crate::table::Table;

/// The rows of a table that go to one file: the batch and the row of each.
type FileRows = Vec<(usize, usize)>;

impl Table {
    /// Writes the rows that have a place on the axis into event files in a folder: all files, or none. Rows that a later
    /// session superseded are left out.
    pub fn write_events(&self, output: &Path, axis: Axis, progress: &Progress) -> Result<(), RewriteError> {
        let folder = OutputFolder::at(output, &[input_of(&self.logs)])?;
        let batches: Vec<EventRows> =
            self.batches().iter().map(|batch| EventRows::of(batch, axis)).collect::<Result<_, _>>()?;
        let mut files: BTreeMap<(i32, i32), FileRows> = BTreeMap::new();
        for (number, rows) in batches.iter().enumerate() {
            for row in (0..rows.steps.len()).filter(|row| rows.steps[*row].is_some()) {
                files.entry((rows.run(row), rows.source(row))).or_default().push((number, row));
            }
        }
        if files.is_empty() && self.rows() > 0 {
            return Err(RewriteError::Nothing { axis: axis.name(), reason: axis.remedy().to_owned() });
        }
        let records = &self.logs.records;
        progress.expect(self.rows() as u64);
        for ((run, source), places) in files {
            if progress.is_cancelled() {
                return Err(RewriteError::Cancelled);
            }
            let name = |names: &[String], index: i32| {
                usize::try_from(index).ok().and_then(|index| names.get(index)).cloned().unwrap_or_default()
            };
            let log = name(&records.sources, source);
            let log = log.rsplit('/').next().unwrap_or(&log);
            let mut out = folder.create(&name(&records.runs, run), &event_file_name(log))?;
            let failed = |source| RewriteError::Io { path: output.to_owned(), source };
            let mut events = ScalarEvents::new(&mut out);
            for &(number, row) in &places {
                let rows = &batches[number];
                if let Some(step) = rows.steps[row] {
                    events.scalar(rows.tag(row), step, rows.time(row), rows.values[row]).map_err(failed)?;
                }
            }
            events.finish().map_err(failed)?;
            folder.add(out)?;
            progress.add(places.len() as u64);
        }
        folder.complete().map(drop)
    }
}

/// The columns of a batch that event files need.
struct EventRows<'a> {
    batch: &'a RecordBatch,
    steps: Vec<Option<i64>>,
    values: &'a [f64],
}

impl<'a> EventRows<'a> {
    fn of(batch: &'a RecordBatch, axis: Axis) -> Result<Self, RewriteError> {
        const REWRITE: &str = "stepbridge.rewrite() writes the logs themselves on this axis";
        const REINDEX: &str = "make the table with reindex(), and do not pivot it";
        let missing = |column, remedy| RewriteError::NoColumn { axis: axis.name(), column, remedy };
        let (column, remedy) = match axis {
            Axis::Epoch => ("epoch_float", REINDEX),
            Axis::Batch => ("batch", "make it with reindex(batch=True)"),
            // A table has the first sample of each batch, and not how many are done after it.
            Axis::Sample => return Err(missing("samples done", REWRITE)),
            Axis::Token => return Err(missing("tokens done", REWRITE)),
            Axis::Step => return Err(missing("updates done", REWRITE)),
        };
        let places = batch.column_by_name(column).ok_or_else(|| missing(column, remedy))?;
        let values = batch.column_by_name("value").ok_or_else(|| missing("value", REINDEX))?;
        let step = |row| match axis {
            Axis::Epoch => micro_epochs(places.as_primitive::<Float64Type>().value(row)),
            _ => places.as_primitive::<Int64Type>().value(row).checked_add(1),
        };
        let superseded = batch.column_by_name("superseded").map(AsArray::as_boolean);
        let is_kept = |row: usize| !places.is_null(row) && superseded.is_none_or(|superseded| !superseded.value(row));
        let steps = (0..batch.num_rows()).map(|row| if is_kept(row) { step(row) } else { None }).collect();
        Ok(Self { batch, steps, values: values.as_primitive::<Float64Type>().values() })
    }

    fn key(&self, column: &str, row: usize) -> i32 {
        self.batch.column_by_name(column).map_or(-1, |column| column.as_dictionary::<Int32Type>().keys().value(row))
    }

    fn run(&self, row: usize) -> i32 {
        self.key("run", row)
    }

    fn source(&self, row: usize) -> i32 {
        self.key("source", row)
    }

    fn tag(&self, row: usize) -> &str {
        let Some(tags) = self.batch.column_by_name("tag").and_then(|tags| tags.as_dictionary_opt::<Int32Type>()) else {
            return "";
        };
        let key = tags.key(row).unwrap_or(0);
        tags.values().as_string::<i32>().value(key)
    }

    fn time(&self, row: usize) -> Option<f64> {
        let times = self.batch.column_by_name("wall_time")?;
        (!times.is_null(row)).then(|| times.as_primitive::<Float64Type>().value(row))
    }
}

/// The folder that logs were read from; the file, if they are one file.
fn input_of(logs: &Logs) -> PathBuf {
    match logs.files.as_slice() {
        [one] if one.path.folder.is_empty() => one.path.path.to_path_buf(),
        [first, ..] => {
            first.path.path.ancestors().nth(first.path.folder.len() + 1).unwrap_or(Path::new("/")).to_owned()
        }
        [] => PathBuf::new(),
    }
}
