//! `_core.Logs`: what was read below a path, and what can be made of it.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use pyo3::exceptions::{PyFileNotFoundError, PyKeyboardInterrupt, PyOSError, PyPermissionError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use stepbridge_formats::{ReadOptions, readers};
use stepbridge_index::infer::{infer, infer_shared};
use stepbridge_index::reindex::{ReindexOptions, reindex_resolved, steps};
use stepbridge_index::{CurveOptions, LedgerFile, LogPaths, Logs, ReadError, Table, read, read_run};
use stepbridge_records::{ConfigEntry, Records};

use crate::curves::{CurvesRow, curves_row};
use crate::errors::{NoLogsError, PatternError, timeline_error};
use crate::interruptible::interruptible;
use crate::ledger;
use crate::request::{PathsRequest, ReadRequest, ReindexRequest, kept, step_word};
use crate::rows::{
    FileRow, InferenceRow, OverviewRow, ProblemRow, ReportRow, StepsRow, UnreadRow, assumption_rows, inference_row,
    problem_rows, source_rows, step_rows, unread_rows,
};
use crate::step::{QueryGiven, StepAnswerRow, answer_row};
use crate::table::PyTable;

/// The file of a ledger, its runs, its sessions, its problems.
type LedgerRow<'py> = (String, Vec<String>, Vec<Bound<'py, PyDict>>, Vec<ProblemRow>);

#[pyclass(name = "Logs", module = "stepbridge._core", frozen)]
pub(crate) struct PyLogs {
    pub(crate) inner: Arc<Logs>,
    paths: LogPaths,
    options: ReadOptions,
}

impl PyLogs {
    /// Logs that cannot be refreshed.
    pub(crate) fn of(inner: Arc<Logs>) -> Self {
        Self { inner, paths: LogPaths::default(), options: ReadOptions::default() }
    }
}

#[pymethods]
impl PyLogs {
    /// Calls `watch` a few times a second with how many bytes are read and how many there are.
    #[staticmethod]
    #[pyo3(signature = (paths, options, watch=None))]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 hands over")]
    fn read(
        py: Python<'_>,
        paths: PathsRequest,
        options: ReadRequest,
        watch: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let (paths, options) = (paths.into_core(), options.into_core()?);
        let logs = interruptible(py, watch.as_ref(), |progress| read(&paths, &options, progress, threads()))?;
        Ok(Self { inner: Arc::new(logs.map_err(read_error)?), paths, options })
    }

    /// Reads the logs of one run of those below a path.
    #[staticmethod]
    #[pyo3(signature = (path, run, options, watch=None))]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 hands over")]
    fn read_run(
        py: Python<'_>,
        path: PathBuf,
        run: &str,
        options: ReadRequest,
        watch: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let options = options.into_core()?;
        let logs = interruptible(py, watch.as_ref(), |progress| read_run(&path, run, &options, progress, threads()))?;
        Ok(Self::of(Arc::new(logs.map_err(read_error)?)))
    }

    /// Reads the same logs a while later; None if nothing was added.
    #[pyo3(signature = (watch=None))]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 hands over")]
    fn refresh(&self, py: Python<'_>, watch: Option<Bound<'_, PyAny>>) -> PyResult<Option<Self>> {
        let (paths, options) = (&self.paths, &self.options);
        let again =
            interruptible(py, watch.as_ref(), |progress| self.inner.refresh(paths, options, progress, threads()))?;
        let again = again.map_err(read_error)?;
        Ok(again.map(|logs| Self { inner: Arc::new(logs), paths: paths.clone(), options: options.clone() }))
    }

    fn __len__(&self) -> usize {
        self.inner.records.len()
    }

    fn runs(&self) -> Vec<String> {
        self.inner.records.runs.clone()
    }

    /// For each run: its name, records, tags, the range of its steps, the range of its logged epochs.
    fn overview(&self) -> Vec<OverviewRow> {
        let runs = self.inner.records.runs.iter().zip(self.inner.overview());
        runs.map(|(run, found)| (run.clone(), found.records, found.tags, found.steps, found.epochs)).collect()
    }

    fn tags(&self) -> Vec<String> {
        self.inner.records.tags.clone()
    }

    fn problems(&self) -> Vec<ProblemRow> {
        problem_rows(&self.inner.records.problems)
    }

    fn files(&self) -> Vec<FileRow> {
        let records = &self.inner.records;
        let files = records.sources.iter().zip(&self.inner.files);
        files
            .map(|(source, file)| {
                let run = records.runs[file.run as usize].clone();
                let facts = &file.facts;
                let (format, shape) = (file.format.name(), facts.shape);
                (
                    source.clone(),
                    run,
                    format,
                    facts.bytes,
                    facts.records_ok,
                    facts.non_numeric,
                    shape,
                    facts.plain_lines,
                )
            })
            .collect()
    }

    /// For each file that looks like a log and was not read: its name, what it looks like, what to do, a line of it.
    fn unread(&self) -> Vec<UnreadRow> {
        unread_rows(&self.inner.unread)
    }

    /// For each pair of files of a run that hold the same series: the run, the two files, how many series.
    fn repeated_series(&self, py: Python<'_>) -> Vec<(String, String, String, usize)> {
        let found = py.detach(|| self.inner.repeated_series());
        found.into_iter().map(|found| (found.run, found.file, found.other, found.tags)).collect()
    }

    /// For each run that was chained: its name, the names that its parts had, what was added to their steps.
    fn chains(&self) -> Vec<(String, Vec<(String, i64)>)> {
        self.inner.chains.iter().map(|chain| (chain.run.clone(), chain.parts.clone())).collect()
    }

    /// For each number of the configuration of a run: the run, what it says, the number, its key, its file, whether that is sure.
    fn config(&self) -> Vec<(String, &'static str, u64, String, String, bool)> {
        let Records { runs, batches, .. } = &self.inner.records;
        let entries = batches.iter().flat_map(|batch| batch.config.iter().map(|entry| (batch.run, entry)));
        let mut rows: Vec<(String, &str, u64, String, String, bool)> = Vec::new();
        for (run, entry) in entries {
            let ConfigEntry { item, key, value, file, sure } = entry.clone();
            let row = (runs[run as usize].clone(), item.name(), value, key, file, sure);
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
        rows
    }

    fn ledgers<'py>(&self, py: Python<'py>) -> PyResult<Vec<LedgerRow<'py>>> {
        let Logs { records, ledgers, ledger_of, .. } = &*self.inner;
        let of = |index: usize| {
            let runs = records.runs.iter().zip(ledger_of).filter(move |(_, of)| **of == Some(index));
            runs.map(|(run, _)| run.clone()).collect()
        };
        let row = |(index, found): (usize, &LedgerFile)| {
            let sessions = ledger::sessions(py, &found.ledger)?;
            Ok((found.file.clone(), of(index), sessions, problem_rows(&found.ledger.problems)))
        };
        ledgers.iter().enumerate().map(row).collect()
    }

    #[pyo3(signature = (*, keep_superseded))]
    fn table(&self, py: Python<'_>, keep_superseded: bool) -> PyResult<PyTable> {
        table(py.detach(|| Table::new(&self.inner, None, kept(keep_superseded), threads())))
    }

    #[pyo3(signature = (*, share_timeline, unit, base))]
    fn infer(
        &self,
        py: Python<'_>,
        share_timeline: bool,
        unit: Option<&str>,
        base: Option<i64>,
    ) -> PyResult<BTreeMap<String, InferenceRow>> {
        let word = step_word(unit, base)?;
        let records = &self.inner.records;
        let found = py.detach(|| if share_timeline { infer_shared(records, word) } else { infer(records, word) });
        Ok(found.into_iter().map(|(run, inferred)| (run, inference_row(inferred))).collect())
    }

    /// What the steps of each run are, and what that rests on.
    fn steps(&self, py: Python<'_>) -> Vec<StepsRow> {
        let ledgers = self.inner.run_ledgers();
        step_rows(py.detach(|| steps(&self.inner.records, &ledgers, &ReindexOptions::default())))
    }

    /// For each run, how many sessions it has and how many of its records are superseded.
    fn sessions(&self, py: Python<'_>) -> Vec<(String, u32, u64)> {
        let runs = self.inner.records.runs.iter().cloned();
        let counts = py.detach(|| self.inner.records.sessions());
        runs.zip(counts).map(|(run, (sessions, superseded))| (run, sessions, superseded)).collect()
    }

    /// What is known of a step of a run: a number in its log, or an amount.
    fn locate_step(
        &self,
        py: Python<'_>,
        run: &str,
        query: QueryGiven,
        request: ReindexRequest,
    ) -> PyResult<StepAnswerRow> {
        let (query, request) = (query.into_core()?, request.into_core()?);
        let runs = &self.inner.records.runs;
        let number = (0..).zip(runs).find(|(_, name)| *name == run).map(|(number, _)| number);
        let number = number.ok_or_else(|| PyValueError::new_err(format!("there is no run {run:?}")))?;
        let answer = py.detach(|| self.inner.locate_step(number, query, request.timelines(), &request.options));
        Ok(answer_row(runs, run, answer.map_err(timeline_error)?))
    }

    /// The series as curves of at most so many points; `tags` are patterns, all tags if there are none. `together` limits the points of
    /// all curves of a tag, and those of all curves.
    #[pyo3(signature = (request, tags, *, points, smooth, together=None))]
    fn curves<'py>(
        &self,
        py: Python<'py>,
        request: ReindexRequest,
        tags: Vec<String>,
        points: usize,
        smooth: f64,
        together: Option<(usize, usize)>,
    ) -> PyResult<CurvesRow<'py>> {
        let (request, asked) = (request.into_core()?, CurveOptions { tags, points, together, smooth });
        let found = py.detach(|| self.inner.curves(request.timelines(), &request.options, &asked, threads()));
        Ok(curves_row(py, &self.inner.records, found.map_err(timeline_error)?))
    }

    fn reindex(&self, py: Python<'_>, request: ReindexRequest) -> PyResult<(PyTable, ReportRow)> {
        let request = request.into_core()?;
        let (built, places) = py.detach(|| {
            let (ledgers, timelines) = (self.inner.run_ledgers(), request.timelines());
            let found = reindex_resolved(&self.inner.records, &ledgers, timelines, &request.options, threads());
            let (places, resolutions) = found.map_err(timeline_error)?;
            let places = Arc::new(places);
            let built = Table::new(&self.inner, Some(&places), request.superseded, threads());
            Ok::<_, PyErr>((built.map(|built| built.placed_by(resolutions)), places))
        })?;
        let origins = source_rows(&self.inner.records.runs, &places.origins);
        let steps = step_rows(places.steps.clone());
        Ok((table(built)?, (problem_rows(&places.problems), assumption_rows(&places.assumed), origins, steps)))
    }
}

pub(crate) fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

fn table(built: Result<Table, arrow_schema::ArrowError>) -> PyResult<PyTable> {
    built.map(|inner| PyTable { inner }).map_err(|error| PyValueError::new_err(error.to_string()))
}

pub(crate) fn read_error(error: ReadError) -> PyErr {
    let text = error.to_string();
    match error {
        ReadError::NotFound { .. } => PyFileNotFoundError::new_err(text),
        ReadError::Unreadable { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            PyPermissionError::new_err(text)
        }
        ReadError::Unreadable { .. } => PyOSError::new_err(text),
        // The caller who cancelled raises its own exception.
        ReadError::Cancelled => PyKeyboardInterrupt::new_err(text),
        ReadError::Pattern(_) => PatternError::new_err(text),
        ReadError::Chain { .. } | ReadError::NoColumns { .. } | ReadError::Outside { .. } => {
            PyValueError::new_err(text)
        }
        ReadError::EmptyFolder { .. }
        | ReadError::NoLogs { .. }
        | ReadError::NotALog { .. }
        | ReadError::OnlyLedger { .. }
        | ReadError::OwnTable { .. } => NoLogsError::new_err(text),
        ReadError::NothingReadable { problems, .. } => NoLogsError::new_err((text, problem_rows(&problems))),
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let names: Vec<&str> = readers().iter().map(|reader| reader.description.name).collect();
    module.add("FORMATS", names)?;
    module.add_class::<PyLogs>()
}
