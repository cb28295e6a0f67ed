//! `_core.Table`: a table with Arrow's `PyCapsule` interface.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatchIterator};
use arrow_schema::DataType;
use arrow_schema::ffi::FFI_ArrowSchema;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyFileNotFoundError, PyKeyboardInterrupt, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use stepbridge_index::reindex::ReindexResult;
use stepbridge_index::{Output, Table, WriteError};

use crate::interruptible::interruptible;
use crate::logs::threads;
use crate::request::kept;
use crate::rewrite::{axis_named, rewrite_error};

#[pyclass(name = "Table", module = "stepbridge._core", frozen)]
pub(crate) struct PyTable {
    pub(crate) inner: Table,
}

#[pymethods]
impl PyTable {
    /// The table of no records.
    #[staticmethod]
    #[pyo3(signature = (*, keep_superseded))]
    fn empty(keep_superseded: bool) -> PyResult<Self> {
        let places = Arc::new(ReindexResult::default());
        let inner = Table::new(&Arc::default(), Some(&places), kept(keep_superseded), 1);
        inner.map(|inner| Self { inner }).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    fn __len__(&self) -> usize {
        self.inner.rows()
    }

    fn column_names(&self) -> Vec<String> {
        self.inner.schema().fields().iter().map(|field| field.name().clone()).collect()
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(self.inner.schema().as_ref())
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        PyCapsule::new_with_value(py, schema, c"arrow_schema")
    }

    /// The interface lets a producer decline a requested schema. A table has only one schema.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        drop(requested_schema);
        // Batches share their columns: nothing is copied.
        let batches = self.inner.batches().to_vec().into_iter().map(Ok);
        let reader = RecordBatchIterator::new(batches, self.inner.schema().clone());
        PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(reader)), c"arrow_array_stream")
    }

    /// The first rows, at most `count` of them.
    fn head(&self, count: usize) -> Self {
        Self { inner: self.inner.head(count) }
    }

    /// The cells of each row.
    fn rows<'py>(&self, py: Python<'py>) -> PyResult<Vec<Vec<Bound<'py, PyAny>>>> {
        let rows = self.inner.batches().iter().flat_map(|batch| {
            (0..batch.num_rows()).map(|row| batch.columns().iter().map(|column| cell(py, column, row)).collect())
        });
        rows.collect()
    }

    /// How many records have no place, by the name of their run.
    fn without_place(&self, py: Python<'_>) -> BTreeMap<String, u64> {
        py.detach(|| self.inner.without_place())
    }

    /// One column a tag; of these tags alone where they are given.
    #[pyo3(signature = (tags=None))]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 hands over")]
    fn pivot(&self, py: Python<'_>, tags: Option<Vec<String>>) -> PyResult<Self> {
        let inner = py.detach(|| self.inner.pivot(tags.as_deref()));
        inner.map(|inner| Self { inner }).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Writes event files into a folder.
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 hands over")]
    #[pyo3(signature = (path, axis, watch=None))]
    fn write_events(&self, py: Python<'_>, path: PathBuf, axis: &str, watch: Option<Bound<'_, PyAny>>) -> PyResult<()> {
        let axis = axis_named(axis)?;
        let written =
            interruptible(py, watch.as_ref(), |progress| self.inner.write_events(&path, axis, progress, threads()))?;
        written.map_err(rewrite_error)
    }

    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 hands over")]
    #[pyo3(signature = (path, watch=None))]
    fn write(&self, py: Python<'_>, path: PathBuf, watch: Option<Bound<'_, PyAny>>) -> PyResult<()> {
        interruptible(py, watch.as_ref(), |progress| self.inner.write(&path, progress))?.map_err(write_error)
    }
}

/// A cell as Python has it: None where it is empty.
fn cell<'py>(py: Python<'py>, column: &ArrayRef, row: usize) -> PyResult<Bound<'py, PyAny>> {
    if column.is_null(row) {
        return Ok(py.None().into_bound(py));
    }
    match column.data_type() {
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into_bound_py_any(py),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).into_bound_py_any(py),
        DataType::Boolean => column.as_boolean().value(row).into_bound_py_any(py),
        _ => {
            let names = column.as_dictionary::<Int32Type>();
            let name = names.key(row).map(|key| names.values().as_string::<i32>().value(key));
            name.into_bound_py_any(py)
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
pub(crate) fn write_error(error: WriteError) -> PyErr {
    let text = error.to_string();
    match error {
        WriteError::NoFolder { .. } => PyFileNotFoundError::new_err(text),
        WriteError::Io { .. } => PyOSError::new_err(text),
        // The caller who cancelled raises its own exception.
        WriteError::Cancelled { .. } => PyKeyboardInterrupt::new_err(text),
        WriteError::UnknownOutput { .. }
        | WriteError::Encoding { .. }
        | WriteError::Link { .. }
        | WriteError::NotAFile { .. }
        | WriteError::Input { .. } => PyValueError::new_err(text),
    }
}

/// Refuses an output that cannot be written, as far as that is known before there is anything to write.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 hands over")]
fn check_output(path: PathBuf) -> PyResult<()> {
    Output::at(&path).map(drop).map_err(write_error)
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("OUTPUTS", Output::ALL.map(|(ending, _)| ending))?;
    module.add_function(wrap_pyfunction!(check_output, module)?)?;
    module.add_class::<PyTable>()
}
