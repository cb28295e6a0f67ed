//! Records as Arrow tables. The tables share the memory of the columns with the records.

mod pivot;
mod view;

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use arrow_buffer::{
    ArrowNativeType, BooleanBuffer, Buffer, MutableBuffer, NullBuffer, NullBufferBuilder, ScalarBuffer, ToByteSlice,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use bytes::Bytes;

use crate::logs::Logs;
use crate::reindex::{Places, ReindexResult, Resolutions};
use stepbridge_io::parallel;
use stepbridge_records::{ColumnBatch, Decimal, EpochColumn, Records};

pub use pivot::PivotError;
pub(crate) use view::count_without_place;

/// Smaller batches are joined, because a thousand small files should not be a thousand batches.
const SMALL: usize = 1 << 12;
/// Batches up to this many rows share their zeros.
const LARGE: usize = 1 << 20;

/// What to do with records that a later session superseded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Superseded {
    /// Leave them out.
    #[default]
    LeftOut,
    /// Keep them, and add the columns `session` and `superseded`.
    Kept,
}

/// A table of records, in batches.
#[derive(Debug, Clone)]
pub struct Table {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    /// The logs that it was made of.
    pub(crate) logs: Arc<Logs>,
    /// What is known of its records, if they have the places that it gives them.
    pub(crate) resolutions: Option<Arc<Resolutions>>,
}

impl Table {
    /// The records of `logs`, with the columns of `places` if it is given, built on up to `threads` threads.
    ///
    /// `places` must be those of these records.
    pub fn new(
        logs: &Arc<Logs>,
        places: Option<&Arc<ReindexResult>>,
        superseded: Superseded,
        threads: usize,
    ) -> Result<Self, ArrowError> {
        let form = TableForm::new(logs, places.map(AsRef::as_ref), superseded)?;
        let batches = &logs.records.batches;
        let held: Vec<usize> = (0..batches.len()).filter(|&index| !batches[index].is_empty()).collect();
        let groups = group(&held, |index| batches[index].len());
        let batches = parallel::map(groups.len(), threads, |index| {
            let batches: Result<Vec<_>, _> =
                groups[index].iter().map(|&batch| form.batch(logs, places, batch)).collect();
            match batches?.as_slice() {
                [one] => Ok(one.clone()),
                several => concat_batches(&form.schema, several),
            }
        });
        let mut batches = batches.into_iter().collect::<Result<Vec<_>, _>>()?;
        batches.retain(|batch| batch.num_rows() > 0);
        Ok(Self { batches, schema: form.schema, logs: Arc::clone(logs), resolutions: None })
    }

    /// The table with what is known of its records, which event files need; it must be what the places were found by.
    #[must_use]
    pub fn placed_by(self, resolutions: Resolutions) -> Self {
        Self { resolutions: Some(Arc::new(resolutions)), ..self }
    }

    /// Names and types of the columns.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The rows, in order.
    #[must_use]
    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

/// Groups of neighbours that together are no longer small.
fn group(held: &[usize], rows: impl Fn(usize) -> usize) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut open = 0;
    for &index in held {
        let rows = rows(index);
        match groups.last_mut() {
            Some(last) if open + rows <= SMALL => last.push(index),
            _ => {
                groups.push(vec![index]);
                open = 0;
            }
        }
        open += rows;
    }
    groups
}

/// What all batches of a table share: the columns, and the names that they refer to.
pub(crate) struct TableForm {
    schema: SchemaRef,
    superseded: Superseded,
    runs: ArrayRef,
    tags: ArrayRef,
    sources: ArrayRef,
    /// The elements of columns that a batch does not have.
    zeros: Buffer,
}

/// Makes batches of one form.
struct BatchMaker<'a> {
    form: &'a TableForm,
    logs: &'a Arc<Logs>,
    places: Option<&'a Arc<ReindexResult>>,
}

impl TableForm {
    /// The form of a table of these logs.
    pub(crate) fn new(logs: &Logs, places: Option<&ReindexResult>, superseded: Superseded) -> Result<Self, ArrowError> {
        let Records { runs, tags, sources, batches, .. } = &logs.records;
        if places.is_some_and(|places| places.batches.len() != batches.len()) {
            return Err(ArrowError::InvalidArgumentError("the places are those of other records".to_owned()));
        }
        let extra = |chosen: fn(&Places) -> bool| places.is_some_and(|places| places.batches.iter().any(chosen));
        let name = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let mut fields = vec![
            Field::new("run", name.clone(), false),
            Field::new("tag", name.clone(), false),
            Field::new("step", DataType::Int64, true),
        ];
        if places.is_some() {
            fields.push(Field::new("epoch", DataType::Int64, true));
            fields.push(Field::new("iter", DataType::Int64, true));
            fields.push(Field::new("epoch_float", DataType::Float64, true));
        }
        if extra(|places| places.batch.is_some()) {
            fields.push(Field::new("batch", DataType::Int64, true));
        }
        if extra(|places| places.sample.is_some()) {
            fields.push(Field::new("sample", DataType::Int64, true));
        }
        if extra(|places| places.token.is_some()) {
            fields.push(Field::new("token", DataType::Int64, true));
        }
        if superseded == Superseded::Kept {
            fields.push(Field::new("session", DataType::Int64, false));
            fields.push(Field::new("superseded", DataType::Boolean, false));
        }
        fields.extend([
            Field::new("epoch_logged", DataType::Float64, true),
            Field::new("wall_time", DataType::Float64, true),
            Field::new("value", DataType::Float64, false),
            Field::new("source", name, false),
        ]);
        let strings = |names: &[String]| Arc::new(StringArray::from_iter_values(names)) as ArrayRef;
        let schema = Arc::new(Schema::new(fields));
        let longest = batches.iter().map(ColumnBatch::len).max().unwrap_or(0).min(LARGE);
        let zeros: Buffer = MutableBuffer::from_len_zeroed(longest * size_of::<i64>()).into();
        Ok(Self { schema, superseded, runs: strings(runs), tags: strings(tags), sources: strings(sources), zeros })
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// A column of nulls.
    fn no_integers(&self, rows: usize) -> ArrayRef {
        integers(self.nothing(rows), Some(NullBuffer::new_null(rows)))
    }

    /// A column of nulls.
    fn no_floats(&self, rows: usize) -> ArrayRef {
        floats(self.nothing(rows), Some(NullBuffer::new_null(rows)))
    }

    /// One number, repeated.
    fn constant(&self, number: u32, rows: usize) -> Buffer {
        match number {
            0 => self.nothing(rows).slice_with_length(0, rows * size_of::<u32>()),
            _ => Buffer::from_vec(vec![number; rows]),
        }
    }

    /// Zeros, which batches share.
    fn nothing(&self, rows: usize) -> Buffer {
        let length = rows * size_of::<i64>();
        if length <= self.zeros.len() {
            self.zeros.slice_with_length(0, length)
        } else {
            MutableBuffer::from_len_zeroed(length).into()
        }
    }

    /// The records of one batch of `logs`, with the dictionaries of this table.
    pub(crate) fn batch(
        &self,
        logs: &Arc<Logs>,
        places: Option<&Arc<ReindexResult>>,
        index: usize,
    ) -> Result<RecordBatch, ArrowError> {
        BatchMaker { form: self, logs, places }.batch(index)
    }
}

impl BatchMaker<'_> {
    /// The records of one batch. Columns are shared and not copied, unless some records are left out.
    fn batch(&self, index: usize) -> Result<RecordBatch, ArrowError> {
        let records = &self.logs.records.batches[index];
        let rows = records.len();
        let run = names(self.form.constant(records.run, rows), &self.form.runs)?;
        let columns: Result<Vec<ArrayRef>, ArrowError> = self
            .form
            .schema
            .fields()
            .iter()
            .map(|field| match field.name().as_str() {
                "run" => Ok(Arc::new(run.clone()) as ArrayRef),
                "source" => Ok(Arc::new(self.sources(index, &run)?) as ArrayRef),
                "tag" => Ok(Arc::new(names(self.column(index, |batch| &batch.tag), &self.form.tags)?) as ArrayRef),
                "value" => Ok(floats(self.column(index, |batch| &batch.value), None)),
                "step" => Ok(self.steps(index)),
                "session" => Ok(Arc::new(Int64Array::from_value(i64::from(records.session), rows)) as ArrayRef),
                "superseded" => Ok(Arc::new(BooleanArray::new(superseded(records), None)) as ArrayRef),
                "epoch_logged" => Ok(records.epoch.as_ref().map_or_else(|| self.form.no_floats(rows), stated)),
                "wall_time" => Ok(match &records.wall_time {
                    None => self.form.no_floats(rows),
                    Some(time) => floats(
                        self.column(index, |batch| batch.wall_time.as_deref().unwrap_or_default()),
                        valid(time, |time| !time.is_nan()),
                    ),
                }),
                name => Ok(self.place(index, name, rows)),
            })
            .collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.form.schema), columns?)?;
        if records.superseded_from.is_none() || self.form.superseded == Superseded::Kept {
            return Ok(batch);
        }
        let kept = !&superseded(records);
        // If no record is kept, arrow's filter returns a new dictionary without names. All batches of a table must share one
        // dictionary, because an Arrow file holds only one for each column.
        if kept.count_set_bits() == 0 {
            return Ok(batch.slice(0, 0));
        }
        filter_record_batch(&batch, &BooleanArray::new(kept, None))
    }

    /// Mostly each run has one file, and their numbers are equal. Then both columns share their keys.
    fn sources(
        &self,
        index: usize,
        run: &DictionaryArray<Int32Type>,
    ) -> Result<DictionaryArray<Int32Type>, ArrowError> {
        let TableForm { runs, sources, .. } = self.form;
        let batch = &self.logs.records.batches[index];
        if batch.source == batch.run && sources.len() >= runs.len() {
            return Ok(run.with_values(Arc::clone(sources)));
        }
        names(self.form.constant(batch.source, batch.len()), sources)
    }

    fn steps(&self, index: usize) -> ArrayRef {
        let batch = &self.logs.records.batches[index];
        if batch.step.is_none() {
            return self.form.no_integers(batch.len());
        }
        let missing = batch.step_missing.as_ref();
        integers(
            self.column(index, |batch| batch.step.as_deref().unwrap_or_default()),
            missing.and_then(|missing| valid(missing, |missing| !missing)),
        )
    }

    /// A column that re-indexing added; all null if the run of the batch has no timeline.
    fn place(&self, index: usize, name: &str, rows: usize) -> ArrayRef {
        let view: fn(&Places) -> Option<&[i64]> = match name {
            "epoch" => |places| Some(&places.epoch),
            "iter" => |places| Some(&places.iter),
            "batch" => |places| places.batch.as_deref(),
            "sample" => |places| places.sample.as_deref(),
            "token" => |places| places.token.as_deref(),
            _ => return self.epoch_floats(index, rows),
        };
        let Some((places, column)) = self.places.and_then(|places| Some((places, view(&places.batches[index])?)))
        else {
            return self.form.no_integers(rows);
        };
        if column.len() != rows {
            return self.form.no_integers(rows);
        }
        let complete = places.batches[index].complete && matches!(name, "epoch" | "iter");
        let nulls = if complete { None } else { valid(column, |number| *number >= 0) };
        integers(shared(places, move |places| view(&places.batches[index]).unwrap_or_default()), nulls)
    }

    fn epoch_floats(&self, index: usize, rows: usize) -> ArrayRef {
        match self.places {
            Some(places) if places.batches[index].epoch_float.len() == rows => {
                let found = &places.batches[index];
                let nulls = if found.complete { None } else { valid(&found.epoch_float, |number| !number.is_nan()) };
                floats(shared(places, move |places| &places.batches[index].epoch_float), nulls)
            }
            _ => self.form.no_floats(rows),
        }
    }

    /// A shared column of a batch.
    fn column<N: ArrowNativeType>(
        &self,
        index: usize,
        view: impl Fn(&ColumnBatch) -> &[N] + Send + Sync + 'static,
    ) -> Buffer {
        shared(self.logs, move |logs| view(&logs.records.batches[index]))
    }
}

/// Part of a shared value, as bytes.
struct SharedSlice<T, F> {
    owner: Arc<T>,
    view: F,
}

impl<T, N: ArrowNativeType, F: Fn(&T) -> &[N]> AsRef<[u8]>
    for SharedSlice<T, (F, std::marker::PhantomData<fn() -> N>)>
{
    fn as_ref(&self) -> &[u8] {
        (self.view.0)(&self.owner).to_byte_slice()
    }
}

/// A slice of `owner` as a buffer, which keeps `owner` alive.
fn shared<T: Send + Sync + 'static, N: ArrowNativeType>(
    owner: &Arc<T>,
    view: impl Fn(&T) -> &[N] + Send + Sync + 'static,
) -> Buffer {
    let held = SharedSlice { owner: Arc::clone(owner), view: (view, std::marker::PhantomData) };
    Buffer::from(Bytes::from_owner(held))
}

fn integers(column: Buffer, nulls: Option<NullBuffer>) -> ArrayRef {
    Arc::new(Int64Array::new(column.into(), nulls))
}

fn floats(column: Buffer, nulls: Option<NullBuffer>) -> ArrayRef {
    Arc::new(Float64Array::new(column.into(), nulls))
}

/// Which elements are not null; `None` if all are not.
fn valid<T>(column: &[T], is_there: impl Fn(&T) -> bool) -> Option<NullBuffer> {
    // Without a branch for each element, several are looked at in one instruction.
    let all = |block: &[T]| block.iter().fold(true, |all, element| all & is_there(element));
    if column.chunks(1 << 10).all(all) {
        return None;
    }
    Some(NullBuffer::new(BooleanBuffer::collect_bool(column.len(), |index| is_there(&column[index]))))
}

/// The logged epochs.
fn stated(epochs: &EpochColumn) -> ArrayRef {
    let mut column = Vec::with_capacity(epochs.len());
    let mut there = NullBufferBuilder::new(epochs.len());
    for (range, stated) in epochs.ranges() {
        column.extend(std::iter::repeat_n(stated.map_or(0.0, Decimal::to_f64), range.len()));
        if stated.is_some() {
            there.append_n_non_nulls(range.len());
        } else {
            there.append_n_nulls(range.len());
        }
    }
    floats(Buffer::from_vec(column), there.finish())
}

/// Which records are superseded.
pub(crate) fn superseded(batch: &ColumnBatch) -> BooleanBuffer {
    match batch.superseded_from {
        None => BooleanBuffer::new_unset(batch.len()),
        Some(_) => BooleanBuffer::collect_bool(batch.len(), |index| batch.is_superseded(index)),
    }
}

/// A dictionary column with these keys.
fn names(keys: Buffer, names: &ArrayRef) -> Result<DictionaryArray<Int32Type>, ArrowError> {
    DictionaryArray::try_new(Int32Array::new(ScalarBuffer::from(keys), None), Arc::clone(names))
}
