//! Tables with one column a tag.
//!
//! A row is a place of a run: all columns but those of the tag, its value, the time and the file. Records of different tags
//! at one place share its row. A second record of a tag at that place opens another row with the same place, so that every
//! record has a cell; and a record that has no place at all has a row of its own, since nothing shows what belongs to it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, UInt64Array};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use arrow_select::concat::concat_batches;
use arrow_select::take::take;

use super::{Table, view};

/// What differs from record to record at one place.
const OF_A_RECORD: [&str; 4] = ["tag", "value", "wall_time", "source"];
/// Columns that say where a record is; one without any of them has no place.
const PLACE: [&str; 5] = ["step", "epoch", "iter", "epoch_float", "epoch_logged"];

/// Why a table cannot have one column a tag.
#[derive(Debug, thiserror::Error)]
pub enum PivotError {
    /// It has one already.
    #[error("this table has no columns 'tag' and 'value': it has one column a tag already")]
    NoTags,
    /// A tag that was asked for is not in it.
    #[error("the table has no tag {0:?}")]
    UnknownTag(String),
    /// The columns do not fit each other, which is a defect of this library.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

/// A cell of a place, as bits; `None` where it is empty.
type Cell = Option<u64>;

/// The rows of the new table while they are found.
#[derive(Default)]
struct Rows {
    /// The latest row of each place.
    latest: HashMap<Vec<Cell>, usize>,
    /// Which record each row takes its place from.
    origins: Vec<u64>,
    /// Cells that have a value: row, then tag.
    taken: HashSet<(usize, usize)>,
}

impl Rows {
    /// The row of a record: that of its place, unless the tag has a value there already.
    fn of(&mut self, place: Option<Vec<Cell>>, tag: usize, record: u64) -> usize {
        let known = place.as_ref().and_then(|place| self.latest.get(place)).copied();
        let row = match known {
            Some(row) if !self.taken.contains(&(row, tag)) => row,
            _ => {
                self.origins.push(record);
                self.origins.len() - 1
            }
        };
        self.taken.insert((row, tag));
        if let Some(place) = place {
            self.latest.insert(place, row);
        }
        row
    }
}

impl Table {
    /// The same records with one column a tag, of `tags` alone where they are given, in the order of their first records.
    ///
    /// A tag that is called like a column of the place gets `_tag` after its name.
    pub fn pivot(&self, tags: Option<&[String]>) -> Result<Self, PivotError> {
        if self.schema.index_of("tag").is_err() || self.schema.index_of("value").is_err() {
            return Err(PivotError::NoTags);
        }
        let mut columns = Columns::new(tags);
        let mut rows = Rows::default();
        let mut cells: Vec<Vec<(usize, f64)>> = Vec::new();
        let mut runs = Names::default();
        let mut record = 0;
        for batch in &self.batches {
            let place = Place::of(batch);
            let values = batch.column_by_name("value").and_then(|values| values.as_primitive_opt::<Float64Type>());
            for row in 0..batch.num_rows() {
                let (Some(tag), Some(values)) = (view::name(batch, "tag", row), values) else { continue };
                if let Some(tag) = columns.number(tag) {
                    let run = runs.number(view::name(batch, "run", row).unwrap_or_default());
                    let at = rows.of(place.cells(run, row), tag, record);
                    cells.resize_with(columns.tags.names.len(), Vec::new);
                    cells[tag].push((at, values.value(row)));
                }
                record += 1;
            }
        }
        columns.all_found(&cells)?;
        self.assembled(&rows, &columns, &cells)
    }

    /// Puts the new table together: the columns of the places, then one a tag.
    fn assembled(&self, rows: &Rows, columns: &Columns, cells: &[Vec<(usize, f64)>]) -> Result<Self, PivotError> {
        let kept: Vec<usize> = (0..self.schema.fields().len())
            .filter(|&index| !OF_A_RECORD.contains(&self.schema.field(index).name().as_str()))
            .collect();
        let places: Result<Vec<_>, _> = self.batches.iter().map(|batch| batch.project(&kept)).collect();
        let place_schema = Arc::new(self.schema.project(&kept)?);
        let places = concat_batches(&place_schema, &places?)?;
        let origins = UInt64Array::from(rows.origins.clone());
        let mut arrays: Vec<ArrayRef> =
            places.columns().iter().map(|column| take(column, &origins, None)).collect::<Result<_, _>>()?;
        let mut fields: Vec<Field> = place_schema.fields().iter().map(|field| field.as_ref().clone()).collect();
        let mut used: HashSet<String> = fields.iter().map(|field| field.name().clone()).collect();
        for (name, cells) in columns.tags.names.iter().zip(cells) {
            let mut name = name.clone();
            while !used.insert(name.clone()) {
                name.push_str("_tag");
            }
            fields.push(Field::new(name, DataType::Float64, true));
            arrays.push(Arc::new(spread(cells, rows.origins.len())));
        }
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
        Ok(Self { schema, batches: vec![batch], logs: Arc::clone(&self.logs), resolutions: None })
    }
}

/// Names, and the number of each in the order in which they came.
#[derive(Default)]
struct Names {
    names: Vec<String>,
    numbers: HashMap<String, usize>,
}

impl Names {
    fn number(&mut self, name: &str) -> usize {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.names.len();
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }
}

/// The tags that become columns.
struct Columns {
    tags: Names,
    /// Whether other tags are left out.
    chosen: bool,
}

impl Columns {
    fn new(chosen: Option<&[String]>) -> Self {
        let mut tags = Names::default();
        for tag in chosen.unwrap_or_default() {
            tags.number(tag);
        }
        Self { tags, chosen: chosen.is_some() }
    }

    /// The column of a tag; `None` where it is left out.
    fn number(&mut self, tag: &str) -> Option<usize> {
        if self.chosen { self.tags.numbers.get(tag).copied() } else { Some(self.tags.number(tag)) }
    }

    /// Fails with the first tag that was asked for and has no record.
    fn all_found(&self, cells: &[Vec<(usize, f64)>]) -> Result<(), PivotError> {
        let missing = (0..).zip(&self.tags.names).find(|(tag, _)| cells.get(*tag).is_none_or(Vec::is_empty));
        missing.map_or(Ok(()), |(_, name)| Err(PivotError::UnknownTag(name.clone())))
    }
}

/// The columns of a batch that say where its records are.
struct Place<'a> {
    columns: Vec<&'a ArrayRef>,
    /// Columns that distinguish rows of one place: sessions, and what they superseded.
    others: Vec<&'a ArrayRef>,
}

impl<'a> Place<'a> {
    fn of(batch: &'a RecordBatch) -> Self {
        let named = |names: &[&str]| names.iter().filter_map(|name| batch.column_by_name(name)).collect();
        Self { columns: named(&PLACE), others: named(&["session", "superseded"]) }
    }

    /// Where a record of a run is; `None` if it has no place.
    fn cells(&self, run: usize, row: usize) -> Option<Vec<Cell>> {
        let mut cells: Vec<Cell> = self.columns.iter().map(|column| bits(column, row)).collect();
        if cells.iter().all(Option::is_none) {
            return None;
        }
        cells.extend(self.others.iter().map(|column| bits(column, row)));
        cells.push(Some(run as u64));
        Some(cells)
    }
}

/// The bits of a number or a truth value.
fn bits(column: &ArrayRef, row: usize) -> Cell {
    if column.is_null(row) {
        return None;
    }
    match column.data_type() {
        DataType::Float64 => Some(column.as_primitive::<Float64Type>().value(row).to_bits()),
        DataType::Boolean => Some(u64::from(column.as_boolean().value(row))),
        _ => Some(column.as_primitive::<Int64Type>().value(row).cast_unsigned()),
    }
}

/// The values of a tag in its column; the cells are in the order of the records, not of the rows.
fn spread(cells: &[(usize, f64)], rows: usize) -> Float64Array {
    let mut column: Vec<Option<f64>> = vec![None; rows];
    for &(row, value) in cells {
        column[row] = Some(value);
    }
    column.into()
}
