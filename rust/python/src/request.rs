//! How Python asks for logs to be read and re-indexed: a dictionary each, whose keys `stepbridge.logs` describes.

use std::collections::BTreeMap;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use stepbridge_logs::reindex::{Options, Timelines};
use stepbridge_logs::{Format, NamedColumns, ReadOptions, Superseded};
use stepbridge_timeline::{Timeline, Unit};

use crate::errors::timeline_error;
use crate::timeline::PyTimeline;

/// How the logs are to be read.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct ReadRequest {
    format: Option<String>,
    step_column: Option<String>,
    epoch_column: Option<String>,
    time_column: Option<String>,
    pattern: Option<String>,
}

impl ReadRequest {
    pub(crate) fn into_core(self) -> PyResult<ReadOptions> {
        let Self { format, step_column: step, epoch_column: epoch, time_column: wall_time, pattern } = self;
        let format = format.as_deref().map(named).transpose()?;
        Ok(ReadOptions { format, columns: NamedColumns { step, epoch, wall_time }, pattern })
    }
}

/// The format of a name.
fn named(name: &str) -> PyResult<Format> {
    Format::named(name).ok_or_else(|| {
        let known: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
        PyValueError::new_err(format!("there is no format {name:?}; expected one of {}", known.join(", ")))
    })
}

/// How they are to be re-indexed.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
#[expect(clippy::struct_excessive_bools, reason = "keys of a dictionary")]
pub(crate) struct ReindexRequest {
    /// None, one for all, or a dictionary by run.
    timelines: Option<Given>,
    unit: Option<String>,
    base: Option<i64>,
    batch: bool,
    sample: bool,
    keep_superseded: bool,
    share_timeline: bool,
}

/// The same without the interpreter.
pub(crate) struct Request {
    timelines: Option<Owned>,
    pub(crate) options: Options,
    pub(crate) superseded: Superseded,
}

impl ReindexRequest {
    pub(crate) fn into_core(self) -> PyResult<Request> {
        let Self { timelines, unit, base, batch, sample, keep_superseded, share_timeline } = self;
        let unit = unit.as_deref().map(Unit::parse).transpose().map_err(timeline_error)?;
        let base = base.map(zero_or_one).transpose()?;
        Ok(Request {
            timelines: timelines.map(Given::into_core),
            options: Options { unit, base, batch, sample, lend: share_timeline },
            superseded: kept(keep_superseded),
        })
    }
}

impl Request {
    pub(crate) fn timelines(&self) -> Timelines<'_> {
        Owned::lent(self.timelines.as_ref())
    }
}

pub(crate) fn kept(keep_superseded: bool) -> Superseded {
    if keep_superseded { Superseded::Kept } else { Superseded::LeftOut }
}

fn zero_or_one(base: i64) -> PyResult<u8> {
    match base {
        0 => Ok(0),
        1 => Ok(1),
        _ => Err(PyValueError::new_err(format!("base must be 0 or 1, not {base}"))),
    }
}

/// Timelines as Python hands them over.
#[derive(FromPyObject)]
enum Given {
    One(Py<PyTimeline>),
    Each(BTreeMap<String, Py<PyTimeline>>),
}

/// Timelines that need no interpreter.
#[expect(clippy::large_enum_variant, reason = "one a call")]
enum Owned {
    One(Timeline),
    Each(BTreeMap<String, Timeline>),
}

impl Owned {
    /// What the core takes; nothing given is each run's own.
    fn lent(given: Option<&Self>) -> Timelines<'_> {
        match given {
            None => Timelines::Own,
            Some(Self::One(timeline)) => Timelines::One(timeline),
            Some(Self::Each(by_run)) => Timelines::Each(by_run),
        }
    }
}

impl Given {
    fn into_core(self) -> Owned {
        match self {
            Self::One(timeline) => Owned::One(timeline.get().inner.clone()),
            Self::Each(by_run) => {
                Owned::Each(by_run.into_iter().map(|(run, timeline)| (run, timeline.get().inner.clone())).collect())
            }
        }
    }
}
