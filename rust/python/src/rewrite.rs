//! `_core.rewrite`: writes logs on another axis, as event files.

use std::path::PathBuf;

use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError, PyValueError};
use pyo3::prelude::*;
use stepbridge_index::rewrite::{self, Axis, LeftOut, RewriteError, RewriteRequest, RewriteResult};

use crate::errors::{TimelineError, timeline_error};
use crate::interruptible::interruptible;
use crate::logs::{read_error, threads};
use crate::request::{PathsRequest, ReadRequest, ReindexRequest};
use crate::rows::{ReportRow, assumption_rows, problem_rows, source_rows, step_rows};

/// The run, the series, the reason, how many values.
type LeftOutRow = (String, Option<String>, &'static str, u64);

/// How many values and files were written, the runs, what was left out, what there is to say.
type RewriteRow = (u64, usize, Vec<String>, Vec<LeftOutRow>, ReportRow);

/// Calls `watch` a few times a second with how many bytes are read and how many there are.
#[pyfunction(name = "rewrite")]
#[pyo3(signature = (paths, options, output, request, axis, watch=None, *, also=false))]
#[expect(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "what PyO3 hands over")]
fn rewrite_logs(
    py: Python<'_>,
    paths: PathsRequest,
    options: ReadRequest,
    output: PathBuf,
    request: ReindexRequest,
    axis: &str,
    watch: Option<Bound<'_, PyAny>>,
    also: bool,
) -> PyResult<RewriteRow> {
    let paths = paths.into_core();
    let (options, call, axis) = (options.into_core()?, request.into_core()?, axis_named(axis)?);
    let request = RewriteRequest { output: &output, axis, also };
    let written = interruptible(py, watch.as_ref(), |progress| {
        rewrite::rewrite(&paths, &options, call.timelines(), &call.options, &request, progress, threads())
    })?;
    let RewriteResult { values, files, runs, left_out, problems, assumed, steps, origins } =
        written.map_err(rewrite_error)?;
    let left_out = left_out.into_iter().map(|LeftOut { run, series, reason, values }| (run, series, reason, values));
    let origins = source_rows(&runs, &origins);
    let report = (problem_rows(&problems), assumption_rows(&assumed), origins, step_rows(steps));
    Ok((values, files, runs, left_out.collect(), report))
}

pub(crate) fn axis_named(name: &str) -> PyResult<Axis> {
    Axis::parse(name).ok_or_else(|| {
        let known: Vec<&str> = Axis::ALL.iter().map(|(name, _)| *name).collect();
        PyValueError::new_err(format!("there is no axis '{name}'; expected one of {}", known.join(", ")))
    })
}

pub(crate) fn rewrite_error(error: RewriteError) -> PyErr {
    let text = error.to_string();
    match error {
        RewriteError::Read(error) => read_error(error),
        RewriteError::Timeline(error) => timeline_error(error),
        RewriteError::Unplaced(_) | RewriteError::Nothing { .. } => TimelineError::new_err(text),
        RewriteError::NoColumn { .. } | RewriteError::InPlace { .. } => PyValueError::new_err(text),
        RewriteError::NotEmpty { .. }
        | RewriteError::NotAFolder { .. }
        | RewriteError::Io { .. }
        | RewriteError::Gone { .. } => PyOSError::new_err(text),
        // The caller who cancelled raises its own exception.
        RewriteError::Cancelled => PyKeyboardInterrupt::new_err(text),
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let names: Vec<&str> = Axis::ALL.iter().map(|(name, _)| *name).collect();
    module.add("AXES", names)?;
    module.add_function(wrap_pyfunction!(rewrite_logs, module)?)
}
