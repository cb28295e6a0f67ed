//! `_core.Timeline`: the core's timeline for plain numbers, strings and arrays.

use numpy::{PyArray1, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use stepbridge_timeline::{
    Answer, Boundary, Change, Counter, Entry, Error, History, Invalid, Kind, Location, OnCut, Pending, Plan, Quantity,
    RampStep, Ratio, Role, Segment, StreamEnd, StreamPlan, Timeline, Unit, check_base, index_of, number_of,
};

use crate::arrays::{self, Input, Output};
use crate::errors::timeline_error;

/// A quantity as Python sees it: numerator, denominator, unit symbol.
pub(crate) type Amount = (u64, u64, String);

/// What becomes of pending batches, as Python says it: a rule's name, or how many count.
#[derive(FromPyObject)]
pub(crate) enum PendingGiven {
    Count(u64),
    Rule(String),
}

impl PendingGiven {
    pub(crate) fn into_core(self) -> PyResult<Pending> {
        match self {
            Self::Count(pending) => Ok(Pending::Count(pending)),
            Self::Rule(rule) => Pending::parse(&rule).map_err(timeline_error),
        }
    }
}

/// A counter as conventions.py declares it: name, role, kind ("index" or "count"), base.
type Declared = (String, String, String, i64);

#[pyclass(name = "Timeline", module = "stepbridge._core", frozen)]
pub(crate) struct PyTimeline {
    pub(crate) inner: Timeline,
}

fn wrap(result: Result<Timeline, Error>) -> PyResult<PyTimeline> {
    result.map(|inner| PyTimeline { inner }).map_err(timeline_error)
}

fn unit(text: &str) -> PyResult<Unit> {
    Unit::parse(text).map_err(timeline_error)
}

fn invalid(text: &str) -> PyResult<Invalid> {
    match text {
        "raise" => Ok(Invalid::Raise),
        "mask" => Ok(Invalid::Mask),
        _ => Err(PyValueError::new_err(format!("unknown invalid={text:?}: expected \"raise\" or \"mask\""))),
    }
}

pub(crate) fn quantity((num, den, symbol): Amount) -> PyResult<Quantity> {
    let value = Ratio::new(u128::from(num), u128::from(den)).map_err(timeline_error)?;
    Quantity::new(value, unit(&symbol)?).map_err(timeline_error)
}

pub(crate) fn amount(quantity: &Quantity) -> Amount {
    (quantity.value.num(), quantity.value.den(), quantity.unit.symbol().to_owned())
}

/// `None` for what an array masks.
fn maskable<T>(found: Result<T, Error>, invalid: Invalid, may_mask: fn(&Error) -> bool) -> PyResult<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if invalid == Invalid::Mask && may_mask(&error) => Ok(None),
        Err(error) => Err(timeline_error(error)),
    }
}

fn counter((name, role, kind, base): Declared) -> PyResult<Counter> {
    let kind = match kind.as_str() {
        "index" => Kind::Index(base),
        "count" => Kind::Count,
        _ => {
            return Err(PyValueError::new_err(format!(
                "unknown kind {kind:?} of counter {name}: expected \"index\" or \"count\""
            )));
        }
    };
    Ok(Counter { role: Role::parse(&role).map_err(timeline_error)?, kind, name })
}

#[pymethods]
impl PyTimeline {
    /// A plan whose batch size changes: `ramp` has pairs of an amount and a batch size.
    #[staticmethod]
    #[pyo3(signature = (ramp, *, samples, batches, epochs, drop_last, accumulate, boundary, on_cut, tokens_per_sample))]
    #[expect(clippy::too_many_arguments, reason = "the arguments of the Python method")]
    fn plan_ramp(
        ramp: Vec<(Amount, u64)>,
        samples: Option<u64>,
        batches: Option<u64>,
        epochs: Option<u64>,
        drop_last: bool,
        accumulate: u64,
        boundary: &str,
        on_cut: &str,
        tokens_per_sample: Option<u64>,
    ) -> PyResult<Self> {
        let boundary = Boundary::parse(boundary).map_err(timeline_error)?;
        let on_cut = OnCut::parse(on_cut).map_err(timeline_error)?;
        let plan = Plan {
            samples,
            batches,
            batch_size: None,
            epochs,
            drop_last,
            accumulate,
            boundary,
            on_cut,
            tokens_per_sample,
        };
        wrap(Timeline::plan_ramp(&plan, &ramp_steps(ramp)?))
    }

    #[staticmethod]
    #[pyo3(signature = (ramp, *, samples, tokens_per_sample, accumulate, end))]
    fn stream(
        ramp: Vec<(Amount, u64)>,
        samples: Option<u64>,
        tokens_per_sample: Option<u64>,
        accumulate: u64,
        end: Option<Amount>,
    ) -> PyResult<Self> {
        let ramp = ramp_steps(ramp)?;
        let end = end.map(quantity).transpose()?;
        wrap(Timeline::stream(&StreamPlan { ramp: &ramp, samples, tokens_per_sample, accumulate, end }))
    }

    #[staticmethod]
    #[pyo3(signature = (*, samples, batches, batch_size, epochs, drop_last, accumulate, boundary, on_cut, tokens_per_sample))]
    #[expect(clippy::too_many_arguments, reason = "the arguments of the Python method")]
    fn plan(
        samples: Option<u64>,
        batches: Option<u64>,
        batch_size: Option<u64>,
        epochs: Option<u64>,
        drop_last: bool,
        accumulate: u64,
        boundary: &str,
        on_cut: &str,
        tokens_per_sample: Option<u64>,
    ) -> PyResult<Self> {
        let boundary = Boundary::parse(boundary).map_err(timeline_error)?;
        let on_cut = OnCut::parse(on_cut).map_err(timeline_error)?;
        wrap(Timeline::plan(&Plan {
            samples,
            batches,
            batch_size,
            epochs,
            drop_last,
            accumulate,
            boundary,
            on_cut,
            tokens_per_sample,
        }))
    }

    #[staticmethod]
    #[pyo3(signature = (lengths, *, samples, batch_size, accumulate, boundary, on_cut, cut, tokens_per_sample))]
    #[expect(clippy::too_many_arguments, reason = "the arguments of the Python method")]
    fn from_epochs(
        py: Python<'_>,
        lengths: &Bound<'_, PyAny>,
        samples: Option<&Bound<'_, PyAny>>,
        batch_size: Option<u64>,
        accumulate: u64,
        boundary: &str,
        on_cut: &str,
        cut: bool,
        tokens_per_sample: Option<u64>,
    ) -> PyResult<Self> {
        let lengths = counts(lengths, "lengths")?;
        let samples = samples.map(|samples| counts(samples, "samples")).transpose()?;
        let boundary = Boundary::parse(boundary).map_err(timeline_error)?;
        let on_cut = OnCut::parse(on_cut).map_err(timeline_error)?;
        wrap(py.detach(|| {
            Timeline::from_epochs(&History {
                lengths: &lengths,
                samples: samples.as_deref(),
                batch_size,
                accumulate,
                boundary,
                on_cut,
                cut,
                tokens_per_sample,
            })
        }))
    }

    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        wrap(py.detach(|| Timeline::from_json(text)))
    }

    #[pyo3(signature = (*, tokens = true))]
    fn to_json(&self, py: Python<'_>, tokens: bool) -> String {
        py.detach(|| if tokens { self.inner.to_json() } else { self.inner.to_json_without_tokens() })
    }

    fn tokens_to_json(&self) -> Option<String> {
        self.inner.tokens_to_json()
    }

    fn with_tokens_json(&self, text: &str) -> PyResult<Self> {
        wrap(self.inner.clone().with_tokens_json(text))
    }

    fn describe(&self) -> String {
        self.inner.to_string()
    }

    fn equals(&self, other: &Self) -> bool {
        self.inner == other.inner
    }

    #[getter]
    fn epochs(&self) -> Option<u64> {
        self.inner.epochs()
    }

    #[getter]
    fn batches(&self) -> Option<u64> {
        self.inner.batches()
    }

    #[getter]
    fn steps(&self) -> Option<u64> {
        self.inner.steps()
    }

    #[getter]
    fn samples(&self) -> Option<u64> {
        self.inner.samples()
    }

    #[getter]
    fn tokens(&self) -> Option<u64> {
        self.inner.tokens()
    }

    #[getter]
    fn tokens_per_sample(&self) -> Option<u64> {
        self.inner.tokens_per_sample()
    }

    #[getter]
    fn is_stream(&self) -> bool {
        self.inner.is_stream()
    }

    fn segments<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        self.inner.segments().iter().map(|segment| segment_dict(py, segment)).collect()
    }

    fn epoch_length(&self, epoch: u64) -> Option<u64> {
        self.inner.epoch_length(epoch)
    }

    fn locate(&self, index: i64, unit_name: &str, base: i64, on_invalid: &str) -> PyResult<Option<(i64, i64)>> {
        let (unit, invalid) = (unit(unit_name)?, invalid(on_invalid)?);
        let found = check_base(base)
            .and_then(|()| index_of(unit.name(), index, base))
            .and_then(|index| self.inner.locate_from(unit, index, u64::from(base == 1)))
            .and_then(|at| {
                let number = |index, name: &str| number_of(index, base, || name.to_owned());
                Ok((number(at.epoch, "the epoch")?, number(at.iter, "the iter")?))
            });
        maskable(found, invalid, Error::is_no_location)
    }

    fn index(&self, epoch: i64, iter: i64, unit_name: &str, base: i64, on_invalid: &str) -> PyResult<Option<i64>> {
        let (unit, invalid) = (unit(unit_name)?, invalid(on_invalid)?);
        let found = check_base(base)
            .and_then(|()| Ok(Location { epoch: index_of("epoch", epoch, base)?, iter: index_of("iter", iter, base)? }))
            .and_then(|at| self.inner.index(unit, at))
            .and_then(|index| number_of(index, base, || unit.name().to_owned()));
        maskable(found, invalid, Error::is_no_index)
    }

    #[expect(clippy::too_many_arguments, reason = "the arguments of the Python method")]
    fn locate_array(
        &self,
        py: Python<'_>,
        values: &Bound<'_, PyAny>,
        unit_name: &str,
        base: i64,
        epoch: &Bound<'_, PyAny>,
        iter: &Bound<'_, PyAny>,
        on_invalid: &str,
    ) -> PyResult<usize> {
        let (mut epoch, mut iter) = (Output::new(epoch)?, Output::new(iter)?);
        let values = Input::new(values)?;
        arrays::locate(py, &self.inner, unit(unit_name)?, base, invalid(on_invalid)?, &values, &mut epoch, &mut iter)
    }

    #[expect(clippy::too_many_arguments, reason = "the arguments of the Python method")]
    fn index_array(
        &self,
        py: Python<'_>,
        epoch: &Bound<'_, PyAny>,
        iter: &Bound<'_, PyAny>,
        unit_name: &str,
        base: i64,
        out: &Bound<'_, PyArray1<i64>>,
        on_invalid: &str,
    ) -> PyResult<usize> {
        let (epoch, iter) = (Input::new(epoch)?.to_vec("epoch")?, Input::new(iter)?.to_vec("iter")?);
        let (unit, invalid) = (unit(unit_name)?, invalid(on_invalid)?);
        let mut out = out.try_readwrite().map_err(|error| PyValueError::new_err(error.to_string()))?;
        let out = out.as_slice_mut()?;
        py.detach(|| self.inner.index_all(unit, base, &epoch, &iter, out, invalid)).map_err(timeline_error)
    }

    /// `("exact", amount)`, `("between", lower, upper or None)`, `("past_end", end)` or `("undetermined", why)`.
    fn convert<'py>(&self, py: Python<'py>, from: Amount, unit_name: &str) -> PyResult<Bound<'py, PyTuple>> {
        match self.inner.convert(quantity(from)?, unit(unit_name)?).map_err(timeline_error)? {
            Answer::Exact(exact) => ("exact", amount(&exact)).into_pyobject(py),
            Answer::Between(lower, upper) => ("between", amount(&lower), upper.as_ref().map(amount)).into_pyobject(py),
            Answer::PastEnd(end) => ("past_end", amount(&end)).into_pyobject(py),
            Answer::Undetermined(why) => ("undetermined", why).into_pyobject(py),
        }
    }

    fn compare(&self, left: Amount, right: Amount) -> PyResult<i8> {
        self.inner.compare(quantity(left)?, quantity(right)?).map(|order| order as i8).map_err(timeline_error)
    }

    fn translate(&self, given: Vec<(Declared, i64)>, wanted: Vec<Declared>) -> PyResult<Vec<Option<i64>>> {
        let given: Vec<_> =
            given.into_iter().map(|(declared, value)| Ok((counter(declared)?, value))).collect::<PyResult<_>>()?;
        let wanted: Vec<_> = wanted.into_iter().map(counter).collect::<PyResult<_>>()?;
        self.inner.translate(&given, &wanted).map_err(timeline_error)
    }

    #[pyo3(signature = (at, *, batch_size, accumulate, batches, samples, pending))]
    fn change(
        &self,
        at: Amount,
        batch_size: Option<u64>,
        accumulate: Option<u64>,
        batches: Option<u64>,
        samples: Option<u64>,
        pending: Option<PendingGiven>,
    ) -> PyResult<Self> {
        let pending = pending.map(PendingGiven::into_core).transpose()?;
        wrap(self.inner.change(quantity(at)?, &Change { batch_size, accumulate, batches, samples, pending }))
    }
}

fn ramp_steps(ramp: Vec<(Amount, u64)>) -> PyResult<Vec<RampStep>> {
    ramp.into_iter().map(|(amount, size)| Ok((quantity(amount)?, size))).collect()
}

/// The counts in an integer array; a negative one is refused with its place.
fn counts(array: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<u64>> {
    let refuse = |(at, value): (usize, i64)| {
        u64::try_from(value)
            .map_err(|_| timeline_error(Error::Invalid(format!("{name} cannot be negative: {value} at index {at}"))))
    };
    Input::new(array)?.to_vec(name)?.into_iter().enumerate().map(refuse).collect()
}

pub(crate) fn segment_dict<'py>(py: Python<'py>, segment: &Segment) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    fields.set_item("epochs", segment.epochs)?;
    fields.set_item("batches", segment.batches)?;
    fields.set_item("batch_size", segment.batch_size)?;
    fields.set_item("last_batch_size", segment.last_batch_size)?;
    fields.set_item("samples", segment.samples)?;
    fields.set_item("drop_last", segment.drop_last)?;
    fields.set_item("accumulate", segment.accumulate)?;
    fields.set_item("boundary", segment.boundary.name())?;
    fields.set_item("joins", segment.joins)?;
    fields.set_item("cut", segment.cut)?;
    fields.set_item("on_cut", segment.on_cut.name())?;
    fields.set_item("stream", segment.stream.map(StreamEnd::name))?;
    fields.set_item("tokens_per_sample", segment.tokens_per_sample)?;
    let (entry, phase) = match segment.entry {
        Entry::Continue => ("continue", None),
        Entry::Flush => ("flush", None),
        Entry::Drop => ("drop", None),
        Entry::Phase(phase) => ("phase", Some(phase)),
    };
    fields.set_item("entry", entry)?;
    fields.set_item("phase", phase)?;
    Ok(fields)
}

/// Reads a quantity's text: numerator, denominator, unit symbol.
#[pyfunction]
fn parse_quantity(text: &str) -> PyResult<Amount> {
    Quantity::parse(text).map(|quantity| amount(&quantity)).map_err(timeline_error)
}

/// Writes a quantity as a person would; `parse_quantity` reads it back.
#[pyfunction]
fn format_quantity(amount: Amount) -> PyResult<String> {
    quantity(amount).map(|quantity| quantity.to_string())
}

/// Reads a unit's name or symbol: symbol, name, whether it only comes whole.
#[pyfunction]
fn parse_unit(text: &str) -> PyResult<(&'static str, &'static str, bool)> {
    unit(text).map(|unit| (unit.symbol(), unit.name(), unit.is_counted()))
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyTimeline>()?;
    module.add_function(wrap_pyfunction!(parse_quantity, module)?)?;
    module.add_function(wrap_pyfunction!(format_quantity, module)?)?;
    module.add_function(wrap_pyfunction!(parse_unit, module)?)
}
