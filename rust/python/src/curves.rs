//! Curves as arrays for Python.

use numpy::PyArray1;
use pyo3::prelude::*;
use stepbridge_index::{Curve, CurvePoint, Curves, Done};
use stepbridge_records::Records;

use crate::timeline::PyTimeline;

type Column<'py> = Bound<'py, PyArray1<f64>>;

/// Run, tag, session, whether it is superseded, how many records, and the columns: value, step, time, epoch, iter, epochs, batches,
/// samples, tokens. What is not known is NaN.
type CurveRow<'py> = (String, String, u32, bool, usize, Vec<Column<'py>>);

/// For each run its name, its timeline, and where its epochs end, in batches, samples and tokens.
type RunRow = (String, Option<PyTimeline>, Vec<(Option<u64>, Option<u64>, Option<u64>)>);

pub(crate) type CurvesRow<'py> = (Vec<CurveRow<'py>>, Vec<RunRow>);

pub(crate) fn curves_row<'py>(py: Python<'py>, records: &Records, found: Curves) -> CurvesRow<'py> {
    let Curves { curves, timelines, epoch_ends } = found;
    let runs = records.runs.iter().zip(timelines).zip(epoch_ends).map(|((run, timeline), ends)| {
        let timeline = timeline.map(|timeline| PyTimeline { inner: std::sync::Arc::unwrap_or_clone(timeline) });
        let ends = ends.into_iter().map(|Done { batches, samples, tokens }| (batches, samples, tokens)).collect();
        (run.clone(), timeline, ends)
    });
    (curves.iter().map(|curve| curve_row(py, records, curve)).collect(), runs.collect())
}

fn curve_row<'py>(py: Python<'py>, records: &Records, curve: &Curve) -> CurveRow<'py> {
    let column = |get: fn(&CurvePoint) -> Option<f64>| {
        PyArray1::from_iter(py, curve.points.iter().map(|point| get(point).unwrap_or(f64::NAN)))
    };
    let columns = vec![
        column(|point| Some(point.value)),
        column(|point| point.step.map(signed)),
        column(|point| point.wall_time),
        column(|point| point.epoch.map(count)),
        column(|point| point.iter.map(count)),
        column(|point| point.epoch_float),
        column(|point| point.done.batches.map(count)),
        column(|point| point.done.samples.map(count)),
        column(|point| point.done.tokens.map(count)),
    ];
    let name = |names: &[String], number: u32| names.get(number as usize).cloned().unwrap_or_default();
    let (run, tag) = (name(&records.runs, curve.run), name(&records.tags, curve.tag));
    (run, tag, curve.session, curve.superseded, curve.records, columns)
}

#[expect(clippy::cast_precision_loss, reason = "a number to draw")]
fn count(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "a number to draw")]
fn signed(number: i64) -> f64 {
    number as f64
}
