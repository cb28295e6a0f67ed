//! What Python asks for: a dictionary each for reading and for re-indexing. `stepbridge.logs` describes their keys.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use stepbridge_formats::{ChainOption, FormatReader, NamedColumns, ReadOptions, readers};
use stepbridge_index::infer::StepWord;
use stepbridge_index::reindex::{ReindexOptions, RunRule, SeriesRule, Timelines};
use stepbridge_index::{LogPaths, Superseded};
use stepbridge_timeline::{Timeline, Unit};

use crate::errors::timeline_error;
use crate::timeline::PyTimeline;

/// A folder or file, or the root of several and these.
#[derive(FromPyObject)]
pub(crate) enum PathsRequest {
    One(PathBuf),
    Several(PathBuf, Vec<PathBuf>),
}

impl PathsRequest {
    pub(crate) fn into_core(self) -> LogPaths {
        match self {
            Self::One(root) => LogPaths { root, below: Vec::new() },
            Self::Several(root, below) => LogPaths { root, below },
        }
    }
}

/// How to read logs.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct ReadRequest {
    format: Option<String>,
    step_column: Option<String>,
    epoch_column: Option<String>,
    time_column: Option<String>,
    pattern: Option<String>,
    /// Pattern of runs, and offsets.
    chain: Vec<(String, Option<Vec<i64>>)>,
}

impl ReadRequest {
    pub(crate) fn into_core(self) -> PyResult<ReadOptions> {
        let Self { format, step_column: step, epoch_column: epoch, time_column: wall_time, pattern, chain } = self;
        let format = format.as_deref().map(named).transpose()?;
        let chain = chain.into_iter().map(|(runs, offsets)| ChainOption { runs, offsets }).collect();
        Ok(ReadOptions { format, columns: NamedColumns { step, epoch, wall_time }, pattern, chain, summaries: false })
    }
}

/// The reader of the format with this name.
fn named(name: &str) -> PyResult<&'static FormatReader> {
    stepbridge_formats::named(name).ok_or_else(|| {
        let known: Vec<&str> = readers().iter().map(|reader| reader.description.name).collect();
        PyValueError::new_err(format!("there is no format {name:?}; expected one of {}", known.join(", ")))
    })
}

/// How to re-index.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
#[expect(clippy::struct_excessive_bools, reason = "keys of a dictionary")]
pub(crate) struct ReindexRequest {
    /// None, one for all, or a dictionary by run.
    timelines: Option<GivenTimelines>,
    unit: Option<String>,
    base: Option<i64>,
    /// Pattern, unit and base.
    series: Vec<(String, String, i64)>,
    batch: bool,
    sample: bool,
    token: bool,
    keep_superseded: bool,
    share_timeline: bool,
    likely: bool,
    strict: bool,
    some_place: bool,
    /// Pattern, timeline, unit, base and series.
    runs: Vec<GivenRule>,
}

/// The same, without objects of the interpreter.
pub(crate) struct ReindexCall {
    timelines: Option<OwnedTimelines>,
    pub(crate) options: ReindexOptions,
    pub(crate) superseded: Superseded,
}

impl ReindexRequest {
    pub(crate) fn into_core(self) -> PyResult<ReindexCall> {
        let Self {
            timelines,
            unit,
            base,
            series,
            batch,
            sample,
            token,
            keep_superseded,
            share_timeline,
            likely,
            strict,
            some_place,
            runs,
        } = self;
        let unit = unit.as_deref().map(Unit::parse).transpose().map_err(timeline_error)?;
        let base = base.map(zero_or_one).transpose()?;
        let series = series.into_iter().map(series_rule).collect::<PyResult<_>>()?;
        let runs = runs.into_iter().map(run_rule).collect::<PyResult<_>>()?;
        Ok(ReindexCall {
            timelines: timelines.map(GivenTimelines::into_core),
            options: ReindexOptions {
                unit,
                base,
                series,
                runs,
                strict,
                some_place,
                batch,
                sample,
                token,
                done: None,
                share_timeline,
                likely,
            },
            superseded: kept(keep_superseded),
        })
    }
}

impl ReindexCall {
    pub(crate) fn timelines(&self) -> Timelines<'_> {
        OwnedTimelines::borrowed(self.timelines.as_ref())
    }
}

pub(crate) fn kept(keep_superseded: bool) -> Superseded {
    if keep_superseded { Superseded::Kept } else { Superseded::LeftOut }
}

/// What the caller says of all steps.
pub(crate) fn step_word(unit: Option<&str>, base: Option<i64>) -> PyResult<StepWord> {
    let unit = unit.map(Unit::parse).transpose().map_err(timeline_error)?;
    Ok(StepWord { unit, base: base.map(zero_or_one).transpose()? })
}

/// Pattern of runs, timeline, unit, base, series.
type GivenRule = (String, Option<Py<PyTimeline>>, Option<String>, Option<i64>, Vec<(String, String, i64)>);

fn run_rule((runs, timeline, unit, base, series): GivenRule) -> PyResult<RunRule> {
    let StepWord { unit, base } = step_word(unit.as_deref(), base)?;
    let timeline = timeline.map(|timeline| timeline.get().inner.clone());
    let series = series.into_iter().map(series_rule).collect::<PyResult<_>>()?;
    Ok(RunRule { runs, timeline, unit, base, series })
}

fn series_rule((tags, unit, base): (String, String, i64)) -> PyResult<SeriesRule> {
    Ok(SeriesRule { tags, unit: Unit::parse(&unit).map_err(timeline_error)?, base: zero_or_one(base)? })
}

fn zero_or_one(base: i64) -> PyResult<u8> {
    match base {
        0 => Ok(0),
        1 => Ok(1),
        _ => Err(PyValueError::new_err(format!("base must be 0 or 1, not {base}"))),
    }
}

/// Timelines as Python passes them.
#[derive(FromPyObject)]
enum GivenTimelines {
    One(Py<PyTimeline>),
    Each(BTreeMap<String, Py<PyTimeline>>),
}

/// Timelines that need no interpreter.
#[expect(clippy::large_enum_variant, reason = "one a call")]
enum OwnedTimelines {
    One(Timeline),
    Each(BTreeMap<String, Timeline>),
}

impl OwnedTimelines {
    /// What the core takes. Without timelines, each run has its own.
    fn borrowed(given: Option<&Self>) -> Timelines<'_> {
        match given {
            None => Timelines::Own,
            Some(Self::One(timeline)) => Timelines::One(timeline),
            Some(Self::Each(by_run)) => Timelines::Each(by_run),
        }
    }
}

impl GivenTimelines {
    fn into_core(self) -> OwnedTimelines {
        match self {
            Self::One(timeline) => OwnedTimelines::One(timeline.get().inner.clone()),
            Self::Each(by_run) => OwnedTimelines::Each(
                by_run.into_iter().map(|(run, timeline)| (run, timeline.get().inner.clone())).collect(),
            ),
        }
    }
}
