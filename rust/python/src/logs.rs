//! `_core.Logs`: what was read below a path, and its ways out.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use pyo3::exceptions::{PyFileNotFoundError, PyKeyboardInterrupt, PyOSError, PyPermissionError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use stepbridge_logs::infer::{Inferred, Outcome, infer, lend};
use stepbridge_logs::reindex::{Assumed, Options, Origin, Steps, reindex, steps};
use stepbridge_logs::{Format, FoundLedger, Logs, Problem, ReadError, ReadOptions, StepMeaning, Table, read};

use crate::errors::{NoLogsError, PatternError, timeline_error};
use crate::ledger;
use crate::request::{ReadRequest, ReindexRequest, kept};
use crate::table::PyTable;
use crate::timeline::PyTimeline;
use crate::watched::watched;

/// file, offset, record, kind, reason, length.
pub(crate) type ProblemRow = (String, Option<u64>, Option<u64>, &'static str, String, Option<u64>);

/// source, run, format, bytes, sound units, values that are no numbers, the shape of its lines, lines without one.
type FileRow = (String, String, &'static str, u64, u64, u64, Option<&'static str>, u64);

/// A run: its name, records, tags, the range of its steps, that of the epochs it states.
type OverviewRow = (String, u64, usize, Option<(i64, i64)>, Option<(f64, f64)>);

/// Unit symbol and base.
type Step = (&'static str, u8);

/// The same, and over what they are counted.
type Scoped = (&'static str, u8, &'static str);

/// The timeline, those of sessions, the sentence that explains it or its absence, how many records it was checked against,
/// the steps, the run that lent it.
type InferredRow = (Option<PyTimeline>, Vec<(u32, PyTimeline)>, String, usize, Option<Step>, Option<String>);

/// The run, the format, the steps, what that rests on, and why.
pub(crate) type StepsRow = (String, &'static str, Scoped, &'static str, String);

/// The run, its steps, and why they were taken to be that.
pub(crate) type AssumedRow = (String, Scoped, String);

/// The run, where its timeline comes from, and the ledger's file, or the run that lent it, where it is that.
pub(crate) type OriginRow = (String, &'static str, Option<String>);

/// The problems, what was assumed, where the timelines come from, what the steps are.
pub(crate) type FoundRow = (Vec<ProblemRow>, Vec<AssumedRow>, Vec<OriginRow>, Vec<StepsRow>);

/// A ledger's file, its runs, its sessions, its problems.
type LedgerRow<'py> = (String, Vec<String>, Vec<Bound<'py, PyDict>>, Vec<ProblemRow>);

#[pyclass(name = "Logs", module = "stepbridge._core", frozen)]
pub(crate) struct PyLogs {
    pub(crate) inner: Arc<Logs>,
    path: PathBuf,
    options: ReadOptions,
}

impl PyLogs {
    /// Logs that were read some other way.
    pub(crate) fn of(inner: Arc<Logs>) -> Self {
        Self { inner, path: PathBuf::new(), options: ReadOptions::default() }
    }
}

#[pymethods]
impl PyLogs {
    /// `watch` is called a few times a second with the bytes that were read and those that there are.
    #[staticmethod]
    #[pyo3(signature = (path, options, watch=None))]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 hands over")]
    fn read(py: Python<'_>, path: PathBuf, options: ReadRequest, watch: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
        let options = options.into_core()?;
        let logs = watched(py, watch.as_ref(), |progress| read(&path, &options, progress, threads()))?;
        Ok(Self { inner: Arc::new(logs.map_err(read_error)?), path, options })
    }

    /// The same logs read again; None where nothing was added.
    #[pyo3(signature = (watch=None))]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 hands over")]
    fn refresh(&self, py: Python<'_>, watch: Option<Bound<'_, PyAny>>) -> PyResult<Option<Self>> {
        let (path, options) = (&self.path, &self.options);
        let again = watched(py, watch.as_ref(), |progress| self.inner.again(path, options, progress, threads()))?;
        let again = again.map_err(read_error)?;
        Ok(again.map(|logs| Self { inner: Arc::new(logs), path: path.clone(), options: options.clone() }))
    }

    fn __len__(&self) -> usize {
        self.inner.records.len()
    }

    fn runs(&self) -> Vec<String> {
        self.inner.records.runs.clone()
    }

    /// Of each run: its name, records, tags, the lowest and the highest step, the same of stated epochs.
    fn overview(&self) -> Vec<OverviewRow> {
        let runs = self.inner.records.runs.iter().zip(self.inner.overview());
        runs.map(|(run, found)| (run.clone(), found.records, found.tags, found.steps, found.epochs)).collect()
    }

    fn tags(&self) -> Vec<String> {
        self.inner.records.tags.clone()
    }

    fn problems(&self) -> Vec<ProblemRow> {
        rows(&self.inner.records.problems)
    }

    fn files(&self) -> Vec<FileRow> {
        let records = &self.inner.records;
        let files = records.sources.iter().zip(&self.inner.files);
        files
            .map(|(source, file)| {
                let run = records.runs[file.run as usize].clone();
                let facts = &file.facts;
                let (format, shape) = (file.format.name(), facts.shape);
                (source.clone(), run, format, facts.bytes, facts.sound, facts.others, shape, facts.prose)
            })
            .collect()
    }

    fn ledgers<'py>(&self, py: Python<'py>) -> PyResult<Vec<LedgerRow<'py>>> {
        let Logs { records, ledgers, ledger_of, .. } = &*self.inner;
        let of = |index: usize| {
            let runs = records.runs.iter().zip(ledger_of).filter(move |(_, of)| **of == Some(index));
            runs.map(|(run, _)| run.clone()).collect()
        };
        let row = |(index, found): (usize, &FoundLedger)| {
            let sessions = ledger::sessions(py, &found.ledger)?;
            Ok((found.file.clone(), of(index), sessions, rows(&found.ledger.problems)))
        };
        ledgers.iter().enumerate().map(row).collect()
    }

    #[pyo3(signature = (*, keep_superseded))]
    fn table(&self, py: Python<'_>, keep_superseded: bool) -> PyResult<PyTable> {
        table(py.detach(|| Table::new(&self.inner, None, kept(keep_superseded), threads())))
    }

    #[pyo3(signature = (*, share_timeline))]
    fn infer(&self, py: Python<'_>, share_timeline: bool) -> BTreeMap<String, InferredRow> {
        let found = py.detach(|| {
            let mut found = infer(&self.inner.records);
            if share_timeline {
                lend(&self.inner.records, &mut found);
            }
            found
        });
        found.into_iter().map(|(run, inferred)| (run, inferred_row(inferred))).collect()
    }

    /// What the steps of each run are, and from where that is known.
    fn steps(&self, py: Python<'_>) -> Vec<StepsRow> {
        let ledgers = self.inner.run_ledgers();
        steps_rows(py.detach(|| steps(&self.inner.records, &ledgers, Options::default())))
    }

    /// Of each run how many sessions it has, and how many records a later one took the place of.
    fn sessions(&self, py: Python<'_>) -> Vec<(String, u32, u64)> {
        let runs = self.inner.records.runs.iter().cloned();
        let counts = py.detach(|| self.inner.records.sessions());
        runs.zip(counts).map(|(run, (sessions, superseded))| (run, sessions, superseded)).collect()
    }

    fn reindex(&self, py: Python<'_>, request: ReindexRequest) -> PyResult<(PyTable, FoundRow)> {
        let request = request.into_core()?;
        let (built, places) = py.detach(|| {
            let ledgers = self.inner.run_ledgers();
            let places = reindex(&self.inner.records, &ledgers, request.timelines(), request.options, threads());
            let places = Arc::new(places.map_err(timeline_error)?);
            Ok::<_, PyErr>((Table::new(&self.inner, Some(&places), request.superseded, threads()), places))
        })?;
        let origins = origin_rows(&self.inner.records.runs, &places.origins);
        let steps = steps_rows(places.steps.clone());
        Ok((table(built)?, (rows(&places.problems), assumed_rows(&places.assumed), origins, steps)))
    }
}

pub(crate) fn assumed_rows(assumed: &[Assumed]) -> Vec<AssumedRow> {
    assumed.iter().map(|assumed| (assumed.run.clone(), scoped(assumed.step), assumed.why.clone())).collect()
}

pub(crate) fn origin_rows(runs: &[String], origins: &[Origin]) -> Vec<OriginRow> {
    let row = |(run, origin): (&String, &Origin)| match origin {
        Origin::Given => (run.clone(), "given", None),
        Origin::Ledger(file) => (run.clone(), "ledger", Some(file.clone())),
        Origin::Inferred => (run.clone(), "inferred", None),
        Origin::Lent(lender) => (run.clone(), "shared", Some(lender.clone())),
        Origin::None => (run.clone(), "none", None),
    };
    runs.iter().zip(origins).map(row).collect()
}

pub(crate) fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

fn table(built: Result<Table, arrow_schema::ArrowError>) -> PyResult<PyTable> {
    built.map(|inner| PyTable { inner }).map_err(|error| PyValueError::new_err(error.to_string()))
}

pub(crate) fn rows(problems: &[Problem]) -> Vec<ProblemRow> {
    problems
        .iter()
        .map(|problem| {
            let Problem { file, offset, length, record, kind, reason } = problem.clone();
            (file, offset, record, kind.name(), reason, length)
        })
        .collect()
}

fn step(meaning: StepMeaning) -> Step {
    (meaning.unit.symbol(), meaning.base)
}

fn scoped(meaning: StepMeaning) -> Scoped {
    (meaning.unit.symbol(), meaning.base, meaning.scope.name())
}

pub(crate) fn steps_rows(found: Vec<Steps>) -> Vec<StepsRow> {
    let row = |found: Steps| (found.run, found.format.name(), scoped(found.step), found.basis.name(), found.why);
    found.into_iter().map(row).collect()
}

fn inferred_row(inferred: Inferred) -> InferredRow {
    let meaning = inferred.step.map(step);
    let (timeline, sessions, text, checked) = match inferred.outcome {
        Outcome::Known { timeline, evidence, checked } => {
            (Some(PyTimeline { inner: timeline }), Vec::new(), evidence, checked)
        }
        Outcome::Sessions { timelines, evidence, checked } => {
            let own = timelines.into_iter().map(|(session, inner)| (session, PyTimeline { inner }));
            (None, own.collect(), evidence, checked)
        }
        Outcome::Unknown { why } => (None, Vec::new(), why, 0),
    };
    (timeline, sessions, text, checked, meaning, inferred.lent_by)
}

pub(crate) fn read_error(error: ReadError) -> PyErr {
    let text = error.to_string();
    match error {
        ReadError::NotFound { .. } => PyFileNotFoundError::new_err(text),
        ReadError::Unreadable { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            PyPermissionError::new_err(text)
        }
        ReadError::Unreadable { .. } => PyOSError::new_err(text),
        // Who ended it raises what it was ended for.
        ReadError::Cancelled => PyKeyboardInterrupt::new_err(text),
        ReadError::Pattern { .. } => PatternError::new_err(text),
        ReadError::EmptyFolder { .. }
        | ReadError::NoLogs { .. }
        | ReadError::NotALog { .. }
        | ReadError::OnlyLedger { .. }
        | ReadError::NothingReadable { .. } => NoLogsError::new_err(text),
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("FORMATS", Format::ALL.map(Format::name))?;
    module.add_class::<PyLogs>()
}
