//! `_core.Clock`: the live counters of a loop. `stepbridge.StepClock` derives from it, so that reading one costs no detour.

use std::time::{Duration, Instant};

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString};
use stepbridge_ledger::parse_segments;
use stepbridge_timeline::{Change, Cursor, End, EpochEntry, Error, Location, MAX_COUNT, Quantity, Unit, segments_json};

use crate::errors::{TimelineError, timeline_error};
use crate::timeline::{Amount, PendingGiven, PyTimeline, quantity};

/// Texts of triggers, by the identity of their str: a loop asks with the same literal in every batch.
const REMEMBERED: usize = 16;

/// Between two marks of counted tokens that neither an epoch nor a change makes.
const MARK_EVERY: Duration = Duration::from_secs(60);

/// Calls of `add_tokens` after which the time is looked at, while batches are fast; if they are slow, at each call.
const LOOK_EVERY: u8 = 64;

/// Batches are fast if so many calls take less than this.
const FAST: Duration = Duration::from_secs(1);

#[pyclass(name = "Clock", module = "stepbridge._core", subclass)]
pub(crate) struct PyClock {
    cursor: Cursor,
    asked: Vec<(Py<PyString>, Quantity)>,
    /// When a mark was last made because of the time, and how long until the next one.
    marked: Instant,
    mark_every: Duration,
    /// When the time was last looked at, which takes longer than to add tokens, and calls until it is again.
    looked: Instant,
    unlooked: u8,
}

#[pymethods]
impl PyClock {
    #[new]
    #[pyo3(signature = (*_args, **_options))]
    fn new(_args: &Bound<'_, PyAny>, _options: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let nothing = stepbridge_timeline::Timeline::from_segments([]).map_err(timeline_error)?;
        let cursor = Cursor::new(&nothing, 0, 0).map_err(timeline_error)?;
        let now = Instant::now();
        Ok(Self { cursor, asked: Vec::new(), marked: now, mark_every: MARK_EVERY, looked: now, unlooked: 1 })
    }

    /// Sets the position after the first `batch` batches and `epochs` complete epochs of a timeline.
    fn _set_position(&mut self, timeline: &PyTimeline, batch: u64, epochs: u64) -> PyResult<()> {
        self.cursor = Cursor::new(&timeline.inner, batch, epochs).map_err(timeline_error)?;
        Ok(())
    }

    fn _begin_epoch(&mut self) -> PyResult<bool> {
        self.cursor.begin_epoch().map_err(timeline_error)
    }

    #[pyo3(signature = (last=false))]
    fn _advance(&mut self, last: bool) -> PyResult<bool> {
        self.cursor.advance(last).map_err(timeline_error)
    }

    /// Several batches that came as one event.
    #[pyo3(signature = (batches, last=false))]
    fn _advance_many(&mut self, batches: u64, last: bool) -> PyResult<bool> {
        self.cursor.advance_by(batches, last).map_err(timeline_error)
    }

    /// The batches that the epoch was planned to have, where the loader had fewer.
    fn _end_epoch(&mut self, cut: bool) -> PyResult<Option<u64>> {
        self.cursor.end_epoch(if cut { End::Cut } else { End::Exhausted }).map_err(timeline_error)
    }

    fn _timeline(&self) -> PyResult<PyTimeline> {
        self.cursor.timeline().map(|inner| PyTimeline { inner }).map_err(timeline_error)
    }

    #[pyo3(signature = (*, batch_size, accumulate, batches, samples, pending))]
    fn _change(
        &mut self,
        batch_size: Option<u64>,
        accumulate: Option<u64>,
        batches: Option<u64>,
        samples: Option<u64>,
        pending: Option<PendingGiven>,
    ) -> PyResult<()> {
        let pending = pending.map(PendingGiven::into_core).transpose()?;
        let change = Change { batch_size, accumulate, batches, samples, pending };
        self.cursor.change(&change).map_err(timeline_error)
    }

    /// Sets the plan from here on; its epochs are those of the whole run. `longer`: by so much the running epoch is longer.
    #[pyo3(signature = (plan, pending, longer=0))]
    fn _set_plan(&mut self, plan: &PyTimeline, pending: Option<PendingGiven>, longer: i64) -> PyResult<()> {
        let pending = pending.map(PendingGiven::into_core).transpose()?;
        self.cursor.replan(&plan.inner, pending, longer).map_err(timeline_error)
    }

    /// The running epoch goes on at `at` of its data, of which `from` was done.
    fn _enter(&mut self, from_: u64, at: u64) -> PyResult<()> {
        self.cursor.enter(EpochEntry { from: from_, at }).map_err(timeline_error)
    }

    /// What the running epoch is planned by: the samples of its data and of a batch, and whether a partial batch is dropped.
    #[getter]
    fn _epoch_shape(&self) -> Option<(Option<u64>, Option<u64>, bool)> {
        self.cursor.running_part().map(|part| (part.samples, part.batch_size, part.drop_last))
    }

    /// Batches in the accumulation window that is open.
    #[getter]
    fn _pending(&self) -> u64 {
        self.cursor.pending()
    }

    /// The epochs after a running one of unknown length, which its timeline cannot hold, as segments; None: it holds them.
    fn _later(&self) -> Option<String> {
        self.cursor.hides_later().then(|| segments_json(&self.cursor.later()))
    }

    /// Plans the epochs after a running one of unknown length: as `_later` gave them, or by a plan.
    fn _plan_later(&mut self, later: Option<&str>, plan: &PyTimeline) -> PyResult<()> {
        match later {
            Some(text) => {
                let later = parse_segments(text).map_err(TimelineError::new_err)?;
                stepbridge_timeline::Timeline::from_segments(later.iter().copied()).map_err(timeline_error)?;
                self.cursor.plan_later(later);
            }
            None => self.cursor.plan_later_by(&plan.inner),
        }
        Ok(())
    }

    /// The parts of the epoch that ended last, as the segments of a timeline's JSON.
    fn _observed_epoch(&self) -> String {
        segments_json(self.cursor.ended())
    }

    /// What is done of the running epoch, in the same form.
    fn _running(&self) -> String {
        segments_json(&self.cursor.running())
    }

    /// The same, if the running epoch is at the end of its plan or went on past it.
    fn _running_past_plan(&self) -> Option<String> {
        self.cursor.running_past_plan().map(|parts| segments_json(&parts))
    }

    /// What is planned from here on, in the same form.
    fn _planned(&self) -> String {
        segments_json(&self.cursor.planned())
    }

    #[pyo3(signature = (longer=0))]
    fn _restart_epoch(&mut self, longer: i64) -> PyResult<()> {
        self.cursor.restart_epoch(longer).map_err(timeline_error)
    }

    /// What follows until `_release` counts as one advance.
    fn _hold(&mut self) {
        self.cursor.begin_event();
    }

    fn _release(&mut self) {
        self.cursor.end_event();
    }

    #[getter]
    fn _is_whole(&self) -> bool {
        self.cursor.is_whole()
    }

    fn _reached(&self, amount: Amount) -> PyResult<bool> {
        self.cursor.reached(quantity(amount)?).map_err(timeline_error)
    }

    fn _elapsed(&self, unit_name: &str) -> PyResult<(u64, u64)> {
        let unit = Unit::parse(unit_name).map_err(timeline_error)?;
        self.cursor.elapsed(unit).map(|amount| (amount.num(), amount.den())).map_err(timeline_error)
    }

    #[getter]
    fn _at_end(&self) -> bool {
        self.cursor.at_end()
    }

    #[getter]
    fn _in_epoch(&self) -> bool {
        self.cursor.in_epoch()
    }

    #[getter]
    fn _looks_ahead(&self) -> bool {
        self.cursor.looks_ahead()
    }

    #[getter]
    fn _is_stream(&self) -> bool {
        self.cursor.is_stream()
    }

    /// Sets the tokens of a saved state.
    fn _set_tokens(&mut self, tokens: u64) -> PyResult<()> {
        self.cursor.set_tokens(tokens).map_err(timeline_error)
    }

    /// Sets after how many seconds counted tokens become a mark, for tests.
    fn _mark_every(&mut self, seconds: f64) -> PyResult<()> {
        self.mark_every =
            Duration::try_from_secs_f64(seconds).map_err(|error| PyValueError::new_err(error.to_string()))?;
        self.unlooked = 1;
        Ok(())
    }

    /// Makes the end of the batch at hand a mark of counted tokens.
    fn _mark(&mut self) {
        self.cursor.mark();
    }

    /// Marks of counted tokens that are not in the ledger yet: batches and tokens.
    fn _take_new_marks(&mut self) -> Vec<(u64, u64)> {
        self.cursor.take_new_marks().into_iter().map(Into::into).collect()
    }

    #[getter]
    fn _location(&self) -> Option<(u64, u64)> {
        self.cursor.location().map(|at| (at.epoch, at.iter))
    }

    #[getter]
    fn _position(&self) -> (u64, u64) {
        let at = self.cursor.position();
        (at.epoch, at.iter)
    }

    fn _multiples(&self, amount: Amount) -> PyResult<u64> {
        self.cursor.multiples(quantity(amount)?).map_err(timeline_error)
    }

    fn _skip(&mut self, steps: u64) -> PyResult<()> {
        self.cursor.skip(steps).map_err(timeline_error)
    }

    /// Adds the tokens of the batch at hand to ``token``.
    ///
    /// The clock's timeline knows their number where epochs end, plans change and the loop is left, and once a minute; so does the
    /// ledger. There tokens convert exactly, and to ``Between`` elsewhere. A negative number is a ``TimelineError``, and so are
    /// tokens where the plan states ``tokens_per_sample``.
    fn add_tokens(slf: &Bound<'_, Self>, tokens: &Bound<'_, PyAny>) -> PyResult<()> {
        // In every batch it is a plain number; what else it may be, Python checks.
        let plain = tokens.cast_exact::<PyInt>().ok().and_then(|number| number.extract::<u64>().ok());
        let tokens = match plain.filter(|number| *number <= MAX_COUNT) {
            Some(number) => number,
            None => slf.call_method1("_count_of_tokens", (tokens,))?.extract()?,
        };
        if slf.try_borrow_mut()?.count_tokens(tokens)? {
            slf.call_method0("_record_marks")?;
        }
        Ok(())
    }

    /// Batches taken so far, the one at hand included: a count.
    #[getter]
    fn batch(&self) -> u64 {
        self.cursor.batch()
    }

    /// Steps (updates) attempted so far, the one at hand included: a count. Look it up with ``plan.locate(n, base=1)``.
    #[getter]
    fn step(&self) -> u64 {
        self.cursor.step()
    }

    /// Steps that really happened: those attempted less those skipped.
    #[getter]
    fn applied(&self) -> u64 {
        self.cursor.applied()
    }

    /// Samples taken so far, the batch at hand included: a count; None where a batch's size is not known.
    #[getter]
    fn sample(&self) -> Option<u64> {
        self.cursor.sample()
    }

    /// Tokens counted so far with ``add_tokens``.
    #[getter]
    fn token(&self) -> u64 {
        self.cursor.token()
    }

    /// Where the batch at hand is: its epoch, an index from 0.
    #[getter]
    fn epoch(&self) -> PyResult<u64> {
        self.at_hand().map(|at| at.epoch)
    }

    /// Where the batch at hand is inside its epoch, an index from 0.
    #[getter]
    #[expect(clippy::iter_not_returning_iterator, reason = "the field's word for a batch's index in its epoch")]
    fn iter(&self) -> PyResult<u64> {
        self.at_hand().map(|at| at.iter)
    }

    /// Whether the batch at hand closes an accumulation window, so that the optimizer steps now.
    #[getter]
    fn closes_step(&self) -> bool {
        self.cursor.closes_step()
    }

    /// Whether the last advance crossed a multiple of ``quantity`` ("500st", "1ep", "10%"); asking twice is harmless.
    fn every(&mut self, quantity: &Bound<'_, PyAny>) -> PyResult<bool> {
        let quantity = self.quantity(quantity)?;
        self.cursor.crossed_every(quantity).map_err(timeline_error)
    }

    /// Whether the last advance reached ``quantity`` from the start of the run ("90%", "3ep").
    fn at(&mut self, quantity: &Bound<'_, PyAny>) -> PyResult<bool> {
        let quantity = self.quantity(quantity)?;
        self.cursor.crossed_at(quantity).map_err(timeline_error)
    }
}

impl PyClock {
    /// Returns whether there are marks that the ledger does not have.
    fn count_tokens(&mut self, tokens: u64) -> PyResult<bool> {
        self.cursor.add_tokens(tokens).map_err(timeline_error)?;
        self.unlooked -= 1;
        if self.unlooked == 0 {
            let now = Instant::now();
            let fast = now.duration_since(self.looked) < FAST && !self.mark_every.is_zero();
            (self.looked, self.unlooked) = (now, if fast { LOOK_EVERY } else { 1 });
            if now.duration_since(self.marked) >= self.mark_every {
                self.marked = now;
                self.cursor.mark_next();
            }
        }
        Ok(self.cursor.has_new_marks())
    }

    fn at_hand(&self) -> PyResult<Location> {
        if self.cursor.has_no_epochs() {
            return Err(timeline_error(Error::Undetermined(
                "the epochs of the stream are not known: give the plan samples=, the samples of one pass over the data"
                    .to_owned(),
            )));
        }
        self.cursor
            .location()
            .ok_or_else(|| PyRuntimeError::new_err("the clock has counted no batch yet, so there is none at hand"))
    }

    fn quantity(&mut self, asked: &Bound<'_, PyAny>) -> PyResult<Quantity> {
        for (text, quantity) in &self.asked {
            if text.is(asked) {
                return Ok(*quantity);
            }
        }
        let text = asked.str()?;
        let quantity = Quantity::parse(
            text.to_str().map_err(|_| PyValueError::new_err("a quantity's text must be valid Unicode"))?,
        )
        .map_err(timeline_error)?;
        if let Ok(text) = asked.cast_exact::<PyString>() {
            if self.asked.len() == REMEMBERED {
                self.asked.clear();
            }
            self.asked.push((text.clone().unbind(), quantity));
        }
        Ok(quantity)
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyClock>()
}
