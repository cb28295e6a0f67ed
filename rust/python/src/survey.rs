//! `_core.Survey`: re-indexes logs of any size into a file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use stepbridge_index::{StreamError, Survey};

use crate::errors::{TimelineError, timeline_error};
use crate::interruptible::interruptible;
use crate::logs::{PyLogs, read_error, threads};
use crate::request::{PathsRequest, ReadRequest, ReindexRequest};
use crate::rows::{ReportRow, assumption_rows, problem_rows, source_rows, step_rows};
use crate::table::write_error;

#[pyclass(name = "Survey", module = "stepbridge._core", frozen)]
pub(crate) struct PySurvey {
    inner: Survey,
}

#[pymethods]
impl PySurvey {
    /// Calls `watch` a few times a second with how many bytes are read and how many there are. `in_pieces`: reads small logs
    /// as large ones are read.
    #[staticmethod]
    #[pyo3(signature = (paths, options, watch=None, *, in_pieces=false))]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 hands over")]
    fn read(
        py: Python<'_>,
        paths: PathsRequest,
        options: ReadRequest,
        watch: Option<Bound<'_, PyAny>>,
        in_pieces: bool,
    ) -> PyResult<Self> {
        let (paths, options) = (paths.into_core(), options.into_core()?);
        let new = if in_pieces { Survey::in_pieces } else { Survey::new };
        let survey = interruptible(py, watch.as_ref(), |progress| new(&paths, &options, progress, threads()))?;
        Ok(Self { inner: survey.map_err(read_error)? })
    }

    /// What is known of the logs. They hold only some of the records.
    fn logs(&self) -> PyLogs {
        PyLogs::of(Arc::clone(self.inner.logs()))
    }

    /// Whether the logs hold all records.
    fn is_whole(&self) -> bool {
        self.inner.is_whole()
    }

    /// How many records there are.
    fn __len__(&self) -> usize {
        let records: u64 = self.inner.logs().files.iter().map(|file| file.facts.records).sum();
        usize::try_from(records).unwrap_or(usize::MAX)
    }

    #[pyo3(signature = (output, request, watch=None))]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 hands over")]
    fn write(
        &self,
        py: Python<'_>,
        output: PathBuf,
        request: ReindexRequest,
        watch: Option<Bound<'_, PyAny>>,
    ) -> PyResult<(u64, BTreeMap<String, u64>, ReportRow)> {
        let request = request.into_core()?;
        let written = interruptible(py, watch.as_ref(), |progress| {
            self.inner.write(request.timelines(), &request.options, request.superseded, &output, progress, threads())
        })?;
        let written = written.map_err(stream_error)?;
        let origins = source_rows(&self.inner.logs().records.runs, &written.origins);
        Ok((
            written.rows,
            written.without_place,
            (problem_rows(&written.problems), assumption_rows(&written.assumed), origins, step_rows(written.steps)),
        ))
    }
}

fn stream_error(error: StreamError) -> PyErr {
    let text = error.to_string();
    match error {
        StreamError::Timeline(error) => timeline_error(error),
        StreamError::NoTimeline(_) => TimelineError::new_err(text),
        StreamError::Write(error) => write_error(error),
        StreamError::Table(_) => PyRuntimeError::new_err(text),
        // The caller who cancelled raises its own exception.
        StreamError::Cancelled => PyKeyboardInterrupt::new_err(text),
        StreamError::Gone { .. } => PyOSError::new_err(text),
    }
}
