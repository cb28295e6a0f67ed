//! `_core.Table`: a table with Arrow's `PyCapsule` interface.

use std::path::PathBuf;

use arrow_array::RecordBatchIterator;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_schema::ffi::FFI_ArrowSchema;
use pyo3::exceptions::{PyFileNotFoundError, PyKeyboardInterrupt, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use stepbridge_index::{Output, Table, WriteError};

use crate::interruptible::interruptible;

#[pyclass(name = "Table", module = "stepbridge._core", frozen)]
pub(crate) struct PyTable {
    pub(crate) inner: Table,
}

#[pymethods]
impl PyTable {
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

    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 hands over")]
    #[pyo3(signature = (path, watch=None))]
    fn write(&self, py: Python<'_>, path: PathBuf, watch: Option<Bound<'_, PyAny>>) -> PyResult<()> {
        interruptible(py, watch.as_ref(), |progress| self.inner.write(&path, progress))?.map_err(write_error)
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
        WriteError::UnknownOutput { .. } | WriteError::Encoding { .. } => PyValueError::new_err(text),
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
