//! Records as Arrow tables, which share the columns' memory with the records they are made of.

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

use crate::epochs::Epochs;
use crate::parallel;
use crate::read::Logs;
use crate::record::{Chunk, Records, Stated};
use crate::reindex::{Places, Reindexed};

pub use pivot::PivotError;

/// Chunks below this many rows are put together: a thousand small files should not be a thousand batches.
const SMALL: usize = 1 << 12;
/// Chunks up to so many rows share what they have in common.
const LARGE: usize = 1 << 20;

/// What becomes of the records that a later session of their run took the place of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Superseded {
    /// They are left out.
    #[default]
    LeftOut,
    /// They stand among the others, with columns that tell them: `session` and `superseded`.
    Kept,
}

/// A table of records, in batches.
#[derive(Debug, Clone)]
pub struct Table {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

impl Table {
    /// The records of `logs`, with the columns of `places` if there are some, built on up to `threads` threads.
    ///
    /// `places` must have been made of these records.
    pub fn new(
        logs: &Arc<Logs>,
        places: Option<&Arc<Reindexed>>,
        superseded: Superseded,
        threads: usize,
    ) -> Result<Self, ArrowError> {
        let form = Form::new(logs, places.map(AsRef::as_ref), superseded)?;
        let chunks = &logs.records.chunks;
        let held: Vec<usize> = (0..chunks.len()).filter(|&index| !chunks[index].is_empty()).collect();
        let groups = group(&held, |index| chunks[index].len());
        let batches = parallel::map(groups.len(), threads, |index| {
            let batches: Result<Vec<_>, _> =
                groups[index].iter().map(|&chunk| form.batch(logs, places, chunk)).collect();
            match batches?.as_slice() {
                [one] => Ok(one.clone()),
                several => concat_batches(&form.schema, several),
            }
        });
        Ok(Self { batches: batches.into_iter().collect::<Result<_, _>>()?, schema: form.schema })
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

/// Neighbours put together until they are no longer small.
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

/// What all batches of a table share: its columns, and the names that they refer to.
pub(crate) struct Form {
    schema: SchemaRef,
    superseded: Superseded,
    runs: ArrayRef,
    tags: ArrayRef,
    sources: ArrayRef,
    /// What stands in the columns that a chunk has nothing in.
    zeros: Buffer,
}

/// Makes batches of one form.
struct Maker<'a> {
    form: &'a Form,
    logs: &'a Arc<Logs>,
    places: Option<&'a Arc<Reindexed>>,
}

impl Form {
    /// The form of a table of these logs.
    pub(crate) fn new(logs: &Logs, places: Option<&Reindexed>, superseded: Superseded) -> Result<Self, ArrowError> {
        let Records { runs, tags, sources, chunks, .. } = &logs.records;
        if places.is_some_and(|places| places.chunks.len() != chunks.len()) {
            return Err(ArrowError::InvalidArgumentError("the places are those of other records".to_owned()));
        }
        let extra = |chosen: fn(&Places) -> bool| places.is_some_and(|places| places.chunks.iter().any(chosen));
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
        let longest = chunks.iter().map(Chunk::len).max().unwrap_or(0).min(LARGE);
        let zeros: Buffer = MutableBuffer::from_len_zeroed(longest * size_of::<i64>()).into();
        Ok(Self { schema, superseded, runs: strings(runs), tags: strings(tags), sources: strings(sources), zeros })
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// So many integers that are not there.
    fn no_integers(&self, rows: usize) -> ArrayRef {
        integers(self.nothing(rows), Some(NullBuffer::new_null(rows)))
    }

    /// So many floats that are not there.
    fn no_floats(&self, rows: usize) -> ArrayRef {
        floats(self.nothing(rows), Some(NullBuffer::new_null(rows)))
    }

    /// One number in so many rows.
    fn constant(&self, number: u32, rows: usize) -> Buffer {
        match number {
            0 => self.nothing(rows).slice_with_length(0, rows * size_of::<u32>()),
            _ => Buffer::from_vec(vec![number; rows]),
        }
    }

    /// So many zeros; chunks share them.
    fn nothing(&self, rows: usize) -> Buffer {
        let length = rows * size_of::<i64>();
        if length <= self.zeros.len() {
            self.zeros.slice_with_length(0, length)
        } else {
            MutableBuffer::from_len_zeroed(length).into()
        }
    }

    /// The records of one chunk of `logs`, which refer to the names of this form.
    pub(crate) fn batch(
        &self,
        logs: &Arc<Logs>,
        places: Option<&Arc<Reindexed>>,
        index: usize,
    ) -> Result<RecordBatch, ArrowError> {
        Maker { form: self, logs, places }.batch(index)
    }
}

impl Maker<'_> {
    /// One chunk, without a copy of what both hold in the same form, unless some of its records are left out.
    fn batch(&self, index: usize) -> Result<RecordBatch, ArrowError> {
        let chunk = &self.logs.records.chunks[index];
        let rows = chunk.len();
        let run = names(self.form.constant(chunk.run, rows), &self.form.runs)?;
        let columns: Result<Vec<ArrayRef>, ArrowError> = self
            .form
            .schema
            .fields()
            .iter()
            .map(|field| match field.name().as_str() {
                "run" => Ok(Arc::new(run.clone()) as ArrayRef),
                "source" => Ok(Arc::new(self.sources(index, &run)?) as ArrayRef),
                "tag" => Ok(Arc::new(names(self.column(index, |chunk| &chunk.tag), &self.form.tags)?) as ArrayRef),
                "value" => Ok(floats(self.column(index, |chunk| &chunk.value), None)),
                "step" => Ok(self.steps(index)),
                "session" => Ok(Arc::new(Int64Array::from_value(i64::from(chunk.session), rows)) as ArrayRef),
                "superseded" => Ok(Arc::new(BooleanArray::new(superseded(chunk), None)) as ArrayRef),
                "epoch_logged" => Ok(chunk.epoch.as_ref().map_or_else(|| self.form.no_floats(rows), stated)),
                "wall_time" => Ok(match &chunk.wall_time {
                    None => self.form.no_floats(rows),
                    Some(time) => floats(
                        self.column(index, |chunk| chunk.wall_time.as_deref().unwrap_or_default()),
                        if chunk.all_timed { None } else { valid(time, |time| !time.is_nan()) },
                    ),
                }),
                name => Ok(self.place(index, name, rows)),
            })
            .collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.form.schema), columns?)?;
        if chunk.redone.is_none() || self.form.superseded == Superseded::Kept {
            return Ok(batch);
        }
        filter_record_batch(&batch, &BooleanArray::new(!&superseded(chunk), None))
    }

    /// A run of one file is that file's number among the files, mostly: both columns have the same keys.
    fn sources(
        &self,
        index: usize,
        run: &DictionaryArray<Int32Type>,
    ) -> Result<DictionaryArray<Int32Type>, ArrowError> {
        let Form { runs, sources, .. } = self.form;
        let chunk = &self.logs.records.chunks[index];
        if chunk.source == chunk.run && sources.len() >= runs.len() {
            return Ok(run.with_values(Arc::clone(sources)));
        }
        names(self.form.constant(chunk.source, chunk.len()), sources)
    }

    fn steps(&self, index: usize) -> ArrayRef {
        let chunk = &self.logs.records.chunks[index];
        if chunk.step.is_none() {
            return self.form.no_integers(chunk.len());
        }
        let missing = chunk.step_missing.as_ref();
        integers(
            self.column(index, |chunk| chunk.step.as_deref().unwrap_or_default()),
            missing.and_then(|missing| valid(missing, |missing| !missing)),
        )
    }

    /// A column that re-indexing added; it is empty where the chunk's run has no timeline.
    fn place(&self, index: usize, name: &str, rows: usize) -> ArrayRef {
        let view: fn(&Places) -> Option<&[i64]> = match name {
            "epoch" => |places| Some(&places.epoch),
            "iter" => |places| Some(&places.iter),
            "batch" => |places| places.batch.as_deref(),
            "sample" => |places| places.sample.as_deref(),
            _ => return self.epoch_floats(index, rows),
        };
        let Some((places, column)) = self.places.and_then(|places| Some((places, view(&places.chunks[index])?))) else {
            return self.form.no_integers(rows);
        };
        if column.len() != rows {
            return self.form.no_integers(rows);
        }
        let complete = places.chunks[index].complete && matches!(name, "epoch" | "iter");
        let nulls = if complete { None } else { valid(column, |number| *number >= 0) };
        integers(shared(places, move |places| view(&places.chunks[index]).unwrap_or_default()), nulls)
    }

    fn epoch_floats(&self, index: usize, rows: usize) -> ArrayRef {
        match self.places {
            Some(places) if places.chunks[index].epoch_float.len() == rows => {
                let Places { epoch_float, complete, .. } = &places.chunks[index];
                let nulls = if *complete { None } else { valid(epoch_float, |number| !number.is_nan()) };
                floats(shared(places, move |places| &places.chunks[index].epoch_float), nulls)
            }
            _ => self.form.no_floats(rows),
        }
    }

    /// A column of a chunk, shared.
    fn column<N: ArrowNativeType>(
        &self,
        index: usize,
        view: impl Fn(&Chunk) -> &[N] + Send + Sync + 'static,
    ) -> Buffer {
        shared(self.logs, move |logs| view(&logs.records.chunks[index]))
    }
}

/// Part of a value that several own, as bytes.
struct Held<T, F> {
    owner: Arc<T>,
    view: F,
}

impl<T, N: ArrowNativeType, F: Fn(&T) -> &[N]> AsRef<[u8]> for Held<T, (F, std::marker::PhantomData<fn() -> N>)> {
    fn as_ref(&self) -> &[u8] {
        (self.view.0)(&self.owner).to_byte_slice()
    }
}

/// A slice of what `owner` holds, as a buffer that keeps it alive.
fn shared<T: Send + Sync + 'static, N: ArrowNativeType>(
    owner: &Arc<T>,
    view: impl Fn(&T) -> &[N] + Send + Sync + 'static,
) -> Buffer {
    let held = Held { owner: Arc::clone(owner), view: (view, std::marker::PhantomData) };
    Buffer::from(Bytes::from_owner(held))
}

fn integers(column: Buffer, nulls: Option<NullBuffer>) -> ArrayRef {
    Arc::new(Int64Array::new(column.into(), nulls))
}

fn floats(column: Buffer, nulls: Option<NullBuffer>) -> ArrayRef {
    Arc::new(Float64Array::new(column.into(), nulls))
}

/// Which elements are there; `None` where all are.
fn valid<T>(column: &[T], is_there: impl Fn(&T) -> bool) -> Option<NullBuffer> {
    if column.iter().all(&is_there) {
        return None;
    }
    Some(NullBuffer::new(BooleanBuffer::collect_bool(column.len(), |index| is_there(&column[index]))))
}

/// Epochs as the log states them.
fn stated(epochs: &Epochs) -> ArrayRef {
    let mut column = Vec::with_capacity(epochs.len());
    let mut there = NullBufferBuilder::new(epochs.len());
    for (range, stated) in epochs.runs() {
        column.extend(std::iter::repeat_n(stated.map_or(0.0, Stated::to_f64), range.len()));
        if stated.is_some() {
            there.append_n_non_nulls(range.len());
        } else {
            there.append_n_nulls(range.len());
        }
    }
    floats(Buffer::from_vec(column), there.finish())
}

/// Which records a later session took the place of.
fn superseded(chunk: &Chunk) -> BooleanBuffer {
    match chunk.redone {
        None => BooleanBuffer::new_unset(chunk.len()),
        Some(_) => BooleanBuffer::collect_bool(chunk.len(), |index| chunk.is_superseded(index)),
    }
}

/// A dictionary column of numbers that several rows share.
fn names(keys: Buffer, names: &ArrayRef) -> Result<DictionaryArray<Int32Type>, ArrowError> {
    DictionaryArray::try_new(Int32Array::new(ScalarBuffer::from(keys), None), Arc::clone(names))
}
