//! Rows of a Parquet file, gathered run by run.

use std::collections::{BTreeMap, HashMap};
use std::io;

use parquet::column::reader::ColumnReader;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::reader::RowGroupReader;

use super::cells::{Number, numbers, texts};
use super::layout::{TableColumn, TableLayout, ValueColumns};
use super::{READER, ROWS};
use crate::shared::axes::{AxisTable, LoggedRow};
use crate::shared::config::{common_item, entries};
use crate::shared::record_builder::{RecordBuilder, RowPlace};
use crate::shared::sink::Sink;
use stepbridge_records::{BatchRun, ConfigEntry, Decimal, Problem, ProblemKind, TagTable, TaggedBatch};

/// How many records are gathered before they are emitted.
const PIECE: usize = 100_000;

/// The rows that were read and not yet emitted.
pub(super) struct TableRows<'a> {
    file: &'a str,
    layout: TableLayout,
    /// By the order in which the runs come first.
    runs: BTreeMap<usize, RunRows>,
    numbers: HashMap<Vec<u8>, usize>,
    count: usize,
    rows: u64,
    /// Rows whose step is not a whole number, and the first.
    odd: (u64, u64),
}

#[derive(Default)]
struct RunRows {
    name: Option<String>,
    tags: TagTable,
    records: RecordBuilder,
    /// The values and rows of a table of calls, which may have axes.
    calls: (Vec<u32>, Vec<f64>),
    rows: Vec<LoggedRow>,
    axes: AxisTable,
    config: Vec<ConfigEntry>,
}

/// A block of rows of the columns that say where a row is.
struct PlaceBlock {
    run: Option<Vec<Option<ByteArray>>>,
    step: Option<Vec<Option<Number>>>,
    epoch: Option<Vec<Option<Number>>>,
    wall_time: Option<Vec<Option<Number>>>,
}

/// A column that is being read.
struct OpenColumn {
    reader: ColumnReader,
    column: TableColumn,
}

impl OpenColumn {
    fn of(group: &dyn RowGroupReader, column: &TableColumn) -> Result<Self, ParquetError> {
        Ok(Self { reader: group.get_column_reader(column.index)?, column: column.clone() })
    }

    fn numbers(&mut self, rows: usize) -> Result<Vec<Option<Number>>, ParquetError> {
        let found = numbers(&mut self.reader, self.column.kind, self.column.levels, rows)?;
        if found.len() == rows { Ok(found) } else { Err(self.short()) }
    }

    fn texts(&mut self, rows: usize) -> Result<Vec<Option<ByteArray>>, ParquetError> {
        let found = texts(&mut self.reader, self.column.levels, rows)?;
        if found.len() == rows { Ok(found) } else { Err(self.short()) }
    }

    fn short(&self) -> ParquetError {
        ParquetError::General(format!("column {} has fewer rows than the others", self.column.name))
    }
}

impl<'a> TableRows<'a> {
    pub(super) fn new(file: &'a str, layout: TableLayout) -> Self {
        let (runs, numbers) = (BTreeMap::new(), HashMap::new());
        Self { file, layout, runs, numbers, count: 0, rows: 0, odd: (0, 0) }
    }

    /// Takes a row group, block by block.
    pub(super) fn group(&mut self, group: &dyn RowGroupReader, sink: &mut Sink) -> Result<(), ParquetError> {
        let layout = self.layout.clone();
        let open =
            |column: &Option<TableColumn>| column.as_ref().map(|column| OpenColumn::of(group, column)).transpose();
        let (mut run, mut step) = (open(&layout.run)?, open(&layout.step)?);
        let (mut epoch, mut wall_time) = (open(&layout.epoch)?, open(&layout.wall_time)?);
        let mut values: Vec<OpenColumn> = match &layout.values {
            ValueColumns::Long { tag, value, kind } => {
                let columns = [Some(tag), Some(value), kind.as_ref()];
                columns.into_iter().flatten().map(|column| OpenColumn::of(group, column)).collect::<Result<_, _>>()?
            }
            ValueColumns::Wide(columns) => {
                columns.iter().map(|column| OpenColumn::of(group, column)).collect::<Result<_, _>>()?
            }
        };
        let mut left = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
        while left > 0 {
            let rows = left.min(ROWS);
            left -= rows;
            let number =
                |column: &mut Option<OpenColumn>| column.as_mut().map(|column| column.numbers(rows)).transpose();
            let places = PlaceBlock {
                run: run.as_mut().map(|column| column.texts(rows)).transpose()?,
                step: number(&mut step)?,
                epoch: number(&mut epoch)?,
                wall_time: number(&mut wall_time)?,
            };
            match (&layout.values, &mut values[..]) {
                (ValueColumns::Long { .. }, [tag, value, kind @ ..]) => {
                    let (tags, values) = (tag.texts(rows)?, value.numbers(rows)?);
                    let kinds = kind.first_mut().map(|kind| kind.texts(rows)).transpose()?;
                    self.long(&places, &tags, &values, kinds.as_deref());
                }
                (_, columns) => {
                    let blocks =
                        columns.iter_mut().map(|column| column.numbers(rows)).collect::<Result<Vec<_>, _>>()?;
                    self.wide(&places, &blocks, rows);
                }
            }
            sink.facts.records_ok += rows as u64;
            if self.count >= PIECE {
                self.emit(sink).map_err(|error| ParquetError::External(Box::new(error)))?;
            }
        }
        Ok(())
    }

    /// Rows of one value each.
    fn long(
        &mut self,
        places: &PlaceBlock,
        tags: &[Option<ByteArray>],
        values: &[Option<Number>],
        kinds: Option<&[Option<ByteArray>]>,
    ) {
        for (index, (tag, value)) in tags.iter().zip(values).enumerate() {
            let place = self.place(places, index);
            let kind = kinds.map(|kinds| kinds[index].as_ref().map_or(&b""[..], ByteArray::data));
            let (Some(tag), Some(value)) = (tag, value) else { continue };
            let file = self.file;
            let run = self.run(places, index);
            if kind.is_some_and(|kind| !kind.ends_with(b"_series")) {
                // A parameter of the run.
                let name = String::from_utf8_lossy(tag.data()).into_owned();
                let setting = value.whole.and_then(|value| Some((name, u64::try_from(value).ok()?)));
                run.config.extend(entries(file, setting, common_item));
                continue;
            }
            let tag = run.tags.number(tag.data());
            run.records.push(tag, value.value);
            run.records.end_row(place);
            self.count += 1;
        }
    }

    /// Rows with a column for each series.
    fn wide(&mut self, places: &PlaceBlock, columns: &[Vec<Option<Number>>], rows: usize) {
        let ValueColumns::Wide(named) = &self.layout.values else { return };
        let names: Vec<String> = named.iter().map(|column| column.name.clone()).collect();
        for index in 0..rows {
            let place = self.place(places, index);
            let run = self.run(places, index);
            let mut held = 0;
            for (name, column) in names.iter().zip(columns) {
                if let Some(number) = column[index] {
                    let tag = run.tags.number(name.as_bytes());
                    run.calls.0.push(tag);
                    run.calls.1.push(number.value);
                    held += 1;
                }
            }
            if place.epoch.is_some() {
                // A row with an epoch has the step that it states.
                let from = run.calls.0.len() - held;
                let values = run.calls.0.drain(from..).zip(run.calls.1.drain(from..)).collect::<Vec<_>>();
                for (tag, value) in values {
                    run.records.push(tag, value);
                }
                run.records.end_row(place);
            } else {
                run.rows.push(LoggedRow { upto: run.calls.1.len(), step: place.step, wall_time: place.wall_time });
            }
            self.count += held;
        }
    }

    fn place(&mut self, places: &PlaceBlock, index: usize) -> RowPlace {
        let number = |column: &Option<Vec<Option<Number>>>| column.as_ref().and_then(|column| column[index]);
        let step = number(&places.step);
        self.rows += 1;
        if step.is_some_and(|step| step.whole.is_none() && !step.value.is_nan()) {
            if self.odd.0 == 0 {
                self.odd.1 = self.rows - 1;
            }
            self.odd.0 += 1;
        }
        let epoch = number(&places.epoch).filter(|epoch| epoch.value.is_finite());
        let wall_time = number(&places.wall_time).map_or(f64::NAN, |time| time.value);
        let epoch =
            epoch.and_then(|epoch| epoch.whole.map(Decimal::integer).or_else(|| Decimal::of_float(epoch.value)));
        RowPlace { step: step.and_then(|step| step.whole), epoch, wall_time }
    }

    fn run(&mut self, places: &PlaceBlock, index: usize) -> &mut RunRows {
        let name = places.run.as_ref().and_then(|runs| runs[index].as_ref()).map_or(&b""[..], ByteArray::data);
        let next = self.numbers.len();
        let number = match self.numbers.get(name) {
            Some(&number) => number,
            None => *self.numbers.entry(name.to_vec()).or_insert(next),
        };
        self.runs.entry(number).or_insert_with(|| {
            // Our own tables call the folder itself ".".
            let name = Some(String::from_utf8_lossy(name).into_owned()).filter(|name| !matches!(&**name, "" | "."));
            RunRows { name, ..RunRows::default() }
        })
    }

    /// Emits the rows so far. The names and the axes of a run stay known.
    fn emit(&mut self, sink: &mut Sink) -> io::Result<()> {
        self.count = 0;
        for run in self.runs.values_mut() {
            let of = || run.name.clone().map_or(BatchRun::Folder, BatchRun::Named);
            let names = run.tags.clone().into_names()?;
            let mut batches = Vec::new();
            if !run.records.is_empty() {
                batches.push(std::mem::take(&mut run.records).into_columns(READER.format()));
            }
            let (calls, rows) = (std::mem::take(&mut run.calls), std::mem::take(&mut run.rows));
            if !rows.is_empty() {
                batches.extend(run.axes.place(&run.tags, calls, &rows, READER.format()));
            }
            for mut columns in batches {
                columns.config.append(&mut run.config);
                sink.emit(TaggedBatch { tags: names.clone(), columns, run: of() });
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self, sink: &mut Sink) -> io::Result<()> {
        self.emit(sink)?;
        if let (count @ 1.., first) = self.odd {
            let reason = format!("{count} rows have a step that is not a whole number; their values have no step");
            sink.problem(Problem::new(self.file, ProblemKind::NotANumber, reason).of_record(first));
        }
        Ok(())
    }
}
