//! What is known of a step, as rows for Python.

use std::sync::Arc;

use pyo3::prelude::*;
use stepbridge_index::{StepAnswer, StepPlace, StepQuery, StepReading, StepRecord};

use crate::rows::{SourceRow, StepsRow, source_row, step_row};
use crate::timeline::{Amount, PyTimeline, amount, quantity};

/// Epoch, iter, epochs complete, batch, sample, token, what is complete.
type PlaceRow = (Option<u64>, Option<u64>, Option<f64>, Option<u64>, Option<u64>, Option<u64>, Option<Amount>);

/// Tag, value, step, logged epoch, time, session, whether it is superseded, file, epoch, iter.
type RecordRow = (String, f64, Option<i64>, Option<f64>, Option<f64>, u32, bool, String, Option<u64>, Option<u64>);

/// What the step is; the timeline; the place, or why there is none; the records; the nearest logged steps.
type ReadingRow =
    (StepsRow, Option<PyTimeline>, Option<PlaceRow>, Option<String>, Vec<RecordRow>, (Option<i64>, Option<i64>));

/// How many sessions, where the timeline comes from, and the readings.
pub(crate) type StepAnswerRow = (u32, SourceRow, Vec<ReadingRow>);

/// A number in the log, or an amount.
#[derive(FromPyObject)]
pub(crate) enum QueryGiven {
    Logged(i64),
    Amount(Amount),
}

impl QueryGiven {
    pub(crate) fn into_core(self) -> PyResult<StepQuery> {
        Ok(match self {
            Self::Logged(number) => StepQuery::Logged(number),
            Self::Amount(given) => StepQuery::Amount(quantity(given)?),
        })
    }
}

pub(crate) fn answer_row(runs: &[String], run: &str, answer: StepAnswer) -> StepAnswerRow {
    let StepAnswer { sessions, source, readings } = answer;
    (sessions, source_row(run, &source), readings.into_iter().map(|reading| reading_row(runs, reading)).collect())
}

fn reading_row(runs: &[String], reading: StepReading) -> ReadingRow {
    let StepReading { resolution, place, records, nearest } = reading;
    let step = step_row(resolution.info(runs));
    let timeline = resolution.timeline.map(|timeline| PyTimeline { inner: Arc::unwrap_or_clone(timeline) });
    let (place, missing) = match place {
        Ok(place) => (Some(place_row(&place)), None),
        Err(why) => (None, Some(why)),
    };
    (step, timeline, place, missing, records.into_iter().map(record_row).collect(), nearest)
}

fn place_row(place: &StepPlace) -> PlaceRow {
    let &StepPlace { epoch, iter, epoch_float, batch, sample, token, ref done } = place;
    (epoch, iter, epoch_float, batch, sample, token, done.as_ref().map(amount))
}

fn record_row(record: StepRecord) -> RecordRow {
    let StepRecord { tag, value, step, epoch_logged, wall_time, session, superseded, source, epoch, iter } = record;
    (tag, value, step, epoch_logged, wall_time, session, superseded, source, epoch, iter)
}
