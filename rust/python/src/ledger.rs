//! Ledgers: makes their lines for the writer in Python, and reads a ledger.

use std::io;
use std::path::PathBuf;

use pyo3::exceptions::{PyFileNotFoundError, PyOSError, PyPermissionError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use stepbridge_ledger::{
    self as ledger, ChangeLine, Counts, EndOf, EntryLine, EpochEntered, EpochLine, Ledger, LedgerError, LineKind,
    LoggedAs, LoggedAsLine, MarkLine, SeriesLine, SeriesStep, Session, SessionLine, StopLine, Supersedes,
};
use stepbridge_timeline::{Segment, Unit, segments_version};

use crate::errors::timeline_error;
use crate::rows::{ProblemRow, problem_rows};
use crate::timeline::{PyTimeline, segment_dict};

/// Batches, complete epochs, steps and samples: counts.
type At = (u64, u64, u64, Option<u64>);

/// The number of a session, and that of the line in it.
type LineOf = (u64, u64);

/// Updates that really happened, tokens, padding: counts.
type ExtraCounts = (u64, u64, u64);

fn position((batch, epochs, step, sample): At) -> Counts {
    Counts { batch, epochs, step, sample }
}

fn segments(json: &str) -> PyResult<Vec<Segment>> {
    ledger::parse_segments(json).map_err(PyValueError::new_err)
}

#[pyfunction]
#[pyo3(signature = (session, time, *, name, at, extra, timeline, supersedes, after))]
#[expect(clippy::too_many_arguments, reason = "the fields of the line")]
fn ledger_session(
    session: u64,
    time: f64,
    name: String,
    at: At,
    extra: ExtraCounts,
    timeline: &PyTimeline,
    supersedes: Option<u64>,
    after: Option<u64>,
) -> String {
    let (applied, token, padding) = extra;
    let at = position(at);
    ledger::write_line(&SessionLine {
        stepclock: segments_version(timeline.inner.segments()),
        kind: LineKind::Session,
        session,
        time,
        name,
        library: env!("CARGO_PKG_VERSION").into(),
        at,
        applied: Some(applied),
        token,
        padding,
        segments: timeline.inner.segments().to_vec(),
        tokens: timeline.inner.marks().all().to_vec(),
        supersedes: supersedes.map(|session| Supersedes { session, from: at }),
        after,
    })
}

#[pyfunction]
#[pyo3(signature = (line, time, *, at, extra, cut, segments, skipped))]
fn ledger_epoch(
    line: LineOf,
    time: f64,
    at: At,
    extra: ExtraCounts,
    cut: bool,
    segments: &str,
    skipped: Vec<(u64, u64)>,
) -> PyResult<String> {
    let (session, n) = line;
    let Counts { batch, epochs, step, sample } = position(at);
    let (applied, token, padding) = extra;
    let epoch = epochs.checked_sub(1).ok_or_else(|| PyValueError::new_err("no epoch has ended"))?;
    let end = if cut { EndOf::Cut } else { EndOf::Exhausted };
    Ok(ledger::write_line(&EpochLine {
        kind: LineKind::Epoch,
        session,
        n: Some(n),
        time,
        epoch,
        batch,
        step,
        sample,
        applied: Some(applied),
        token,
        padding,
        end,
        segments: self::segments(segments)?,
        skipped,
    }))
}

#[pyfunction]
#[pyo3(signature = (line, time, *, batch, epoch, iter, step, segments, done=None))]
#[expect(clippy::too_many_arguments, reason = "the fields of the line")]
fn ledger_change(
    line: LineOf,
    time: f64,
    batch: u64,
    epoch: u64,
    iter: u64,
    step: u64,
    segments: &str,
    done: Option<&str>,
) -> PyResult<String> {
    let (session, n) = line;
    let segments = self::segments(segments)?;
    let done = done.map(self::segments).transpose()?.unwrap_or_default();
    Ok(ledger::write_line(&ChangeLine {
        kind: LineKind::Change,
        session,
        n: Some(n),
        time,
        batch,
        epoch,
        iter,
        step,
        segments,
        done,
    }))
}

#[pyfunction]
#[pyo3(signature = (line, time, *, unit, base, stated, by))]
fn ledger_logged_as(line: LineOf, time: f64, unit: &str, base: u8, stated: bool, by: String) -> PyResult<String> {
    let (session, n) = line;
    let unit = Unit::parse(unit).map_err(timeline_error)?.symbol().to_owned();
    let logged = LoggedAs { unit, base, stated, by };
    Ok(ledger::write_line(&LoggedAsLine { kind: LineKind::LoggedAs, session, n: Some(n), time, logged }))
}

#[pyfunction]
#[pyo3(signature = (line, time, *, batch, epoch, unit, at, repeated, left_out))]
#[expect(clippy::too_many_arguments, reason = "the fields of a line, by name")]
fn ledger_enter(
    line: LineOf,
    time: f64,
    batch: u64,
    epoch: u64,
    unit: &str,
    at: u64,
    repeated: u64,
    left_out: u64,
) -> PyResult<String> {
    let (session, n) = line;
    let unit = Unit::parse(unit).map_err(timeline_error)?.symbol().to_owned();
    let entry = EpochEntered { batch, epoch, unit, at, repeated, left_out };
    Ok(ledger::write_line(&EntryLine { kind: LineKind::Enter, session, n: Some(n), time, entry }))
}

#[pyfunction]
#[pyo3(signature = (line, time, *, tag, unit, base, by))]
fn ledger_series(line: LineOf, time: f64, tag: String, unit: Option<&str>, base: u8, by: String) -> PyResult<String> {
    let (session, n) = line;
    let unit = unit.map(Unit::parse).transpose().map_err(timeline_error)?.map(|unit| unit.symbol().to_owned());
    let series = SeriesStep { tag, unit, base, by };
    Ok(ledger::write_line(&SeriesLine { kind: LineKind::Series, session, n: Some(n), time, series }))
}

#[pyfunction]
#[pyo3(signature = (line, time, *, batch, token))]
fn ledger_mark(line: LineOf, time: f64, batch: u64, token: u64) -> String {
    let (session, n) = line;
    ledger::write_line(&MarkLine { kind: LineKind::Mark, session, n: Some(n), time, batch, token })
}

#[pyfunction]
#[pyo3(signature = (line, time, *, at, extra, segments))]
fn ledger_stop(line: LineOf, time: f64, at: At, extra: ExtraCounts, segments: &str) -> PyResult<String> {
    let (session, n) = line;
    let (applied, token, padding) = extra;
    Ok(ledger::write_line(&StopLine {
        kind: LineKind::Stop,
        session,
        n: Some(n),
        time,
        at: position(at),
        applied: Some(applied),
        token,
        padding,
        segments: self::segments(segments)?,
    }))
}

/// The sessions as dictionaries, the problems, and whether the last line has no newline.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 hands over")]
fn read_ledger(py: Python<'_>, path: PathBuf) -> PyResult<(Vec<Bound<'_, PyDict>>, Vec<ProblemRow>, bool)> {
    let ledger = py.detach(|| Ledger::open(&path)).map_err(ledger_error)?;
    Ok((sessions(py, &ledger)?, problem_rows(&ledger.problems), ledger.open_line))
}

pub(crate) fn sessions<'py>(py: Python<'py>, ledger: &Ledger) -> PyResult<Vec<Bound<'py, PyDict>>> {
    ledger.sessions.iter().map(|session| session_dict(py, session)).collect()
}

fn at(position: &Counts) -> At {
    (position.batch, position.epochs, position.step, position.sample)
}

fn session_dict<'py>(py: Python<'py>, session: &Session) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    fields.set_item("number", session.number)?;
    fields.set_item("time", session.time)?;
    fields.set_item("name", &session.name)?;
    fields.set_item("library", &session.library)?;
    fields.set_item("start", at(&session.start))?;
    fields.set_item("end", at(&session.end))?;
    fields.set_item("applied", session.applied)?;
    fields.set_item("token", session.token)?;
    fields.set_item("padding", session.padding)?;
    fields.set_item("timeline", PyTimeline { inner: session.timeline.clone() })?;
    fields.set_item("damaged", session.damaged)?;
    let changes: PyResult<Vec<_>> = session
        .changes
        .iter()
        .map(|change| {
            let segments: PyResult<Vec<_>> = change.segments.iter().map(|segment| segment_dict(py, segment)).collect();
            Ok((change.batch, change.epoch, change.iter, change.step, segments?))
        })
        .collect();
    fields.set_item("changes", changes?)?;
    fields.set_item("skipped", session.skipped.clone())?;
    fields.set_item("supersedes", session.supersedes.map(|it| (it.session, at(&it.from))))?;
    let logged = session.logged_as.as_ref().map(|it| (it.unit.as_str(), it.base, it.stated, it.by.as_str()));
    fields.set_item("logged_as", logged)?;
    let entries: Vec<_> = session
        .entries
        .iter()
        .map(|it| (it.batch, it.epoch, it.unit.as_str(), it.at, it.repeated, it.left_out))
        .collect();
    fields.set_item("entries", entries)?;
    let series: Vec<_> =
        session.series.iter().map(|it| (it.tag.as_str(), it.unit.as_deref(), it.base, it.by.as_str())).collect();
    fields.set_item("series", series)?;
    fields.set_item("stopped", session.stopped)?;
    fields.set_item("lines", session.lines)?;
    Ok(fields)
}

fn ledger_error(error: LedgerError) -> PyErr {
    let text = error.to_string();
    match error {
        LedgerError::NotFound { .. } => PyFileNotFoundError::new_err(text),
        LedgerError::Unreadable { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            PyPermissionError::new_err(text)
        }
        LedgerError::Unreadable { .. } => PyOSError::new_err(text),
        LedgerError::Newer { .. } | LedgerError::NoLedger { .. } => PyValueError::new_err(text),
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(ledger_session, module)?)?;
    module.add_function(wrap_pyfunction!(ledger_epoch, module)?)?;
    module.add_function(wrap_pyfunction!(ledger_change, module)?)?;
    module.add_function(wrap_pyfunction!(ledger_logged_as, module)?)?;
    module.add_function(wrap_pyfunction!(ledger_enter, module)?)?;
    module.add_function(wrap_pyfunction!(ledger_series, module)?)?;
    module.add_function(wrap_pyfunction!(ledger_stop, module)?)?;
    module.add_function(wrap_pyfunction!(ledger_mark, module)?)?;
    module.add_function(wrap_pyfunction!(read_ledger, module)?)
}
