//! Integer arrays of any layout in, integer arrays of any width out, block by block through the core's int64.

use std::fmt::Display;

use numpy::ndarray::{ArrayView1, ArrayViewMut1};
use numpy::{Element, PyArray1, PyArrayMethods, PyReadonlyArray1, PyReadwriteArray1};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use stepbridge_timeline::{Error, Invalid, Mapper, Timeline, Unit};

use crate::errors::timeline_error;

/// Values converted at a time where the layout or the width is not the core's own: three blocks stay in the L1 cache.
const BLOCK: usize = 1024;

/// An integer type of an array.
trait Integer: Element + Copy + Display + Send + Sync {
    const NAME: &'static str;
    fn widen(self) -> Option<i64>;
    fn narrow(value: i64) -> Option<Self>;
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Integer for $type {
            const NAME: &'static str = stringify!($type);
            #[inline]
            fn widen(self) -> Option<i64> { i64::try_from(self).ok() }
            #[inline]
            fn narrow(value: i64) -> Option<Self> { Self::try_from(value).ok() }
        }
    )*};
}

integers!(i8, i16, i32, i64, u8, u16, u32, u64);

/// A one-dimensional view of an integer array, held for the length of a call.
pub(crate) enum Input<'py> {
    I8(PyReadonlyArray1<'py, i8>),
    I16(PyReadonlyArray1<'py, i16>),
    I32(PyReadonlyArray1<'py, i32>),
    I64(PyReadonlyArray1<'py, i64>),
    U8(PyReadonlyArray1<'py, u8>),
    U16(PyReadonlyArray1<'py, u16>),
    U32(PyReadonlyArray1<'py, u32>),
    U64(PyReadonlyArray1<'py, u64>),
}

/// Runs `$body` with `$array` bound to the typed array in any of an enum's variants.
macro_rules! with_array {
    ($any:expr, $enum:ident, $array:ident => $body:expr) => {
        match $any {
            $enum::I8($array) => $body,
            $enum::I16($array) => $body,
            $enum::I32($array) => $body,
            $enum::I64($array) => $body,
            $enum::U8($array) => $body,
            $enum::U16($array) => $body,
            $enum::U32($array) => $body,
            $enum::U64($array) => $body,
        }
    };
}

impl<'py> Input<'py> {
    pub(crate) fn new(array: &Bound<'py, PyAny>) -> PyResult<Self> {
        macro_rules! first_that_fits {
            ($($variant:ident: $type:ty),*) => {$(
                if let Ok(array) = array.cast::<PyArray1<$type>>() {
                    return Ok(Self::$variant(array.try_readonly().map_err(|_| overlap())?));
                }
            )*};
        }
        first_that_fits!(I64: i64, I32: i32, U32: u32, U64: u64, I16: i16, U16: u16, I8: i8, U8: u8);
        Err(not_integers(array))
    }

    fn len(&self) -> usize {
        with_array!(self, Input, array => array.as_array().len())
    }

    /// All values as int64, for what is not worth a block at a time.
    pub(crate) fn to_vec(&self, name: &str) -> PyResult<Vec<i64>> {
        with_array!(self, Input, array => array.as_array().iter().enumerate().map(|(at, value)| value.widen().ok_or_else(|| too_large(name, value, at))).collect())
    }
}

/// A one-dimensional array to write to, held for the length of a call.
pub(crate) enum Output<'py> {
    I8(PyReadwriteArray1<'py, i8>),
    I16(PyReadwriteArray1<'py, i16>),
    I32(PyReadwriteArray1<'py, i32>),
    I64(PyReadwriteArray1<'py, i64>),
    U8(PyReadwriteArray1<'py, u8>),
    U16(PyReadwriteArray1<'py, u16>),
    U32(PyReadwriteArray1<'py, u32>),
    U64(PyReadwriteArray1<'py, u64>),
}

impl<'py> Output<'py> {
    pub(crate) fn new(array: &Bound<'py, PyAny>) -> PyResult<Self> {
        macro_rules! first_that_fits {
            ($($variant:ident: $type:ty),*) => {$(
                if let Ok(array) = array.cast::<PyArray1<$type>>() {
                    return Ok(Self::$variant(array.try_readwrite().map_err(|error| match error {
                        numpy::BorrowError::NotWriteable => PyValueError::new_err("out= holds a read-only array: give one that can be written"),
                        _ => overlap(),
                    })?));
                }
            )*};
        }
        first_that_fits!(I64: i64, I32: i32, U32: u32, U64: u64, I16: i16, U16: u16, I8: i8, U8: u8);
        Err(not_integers(array))
    }

    fn len(&self) -> usize {
        with_array!(self, Output, array => array.as_array().len())
    }
}

fn overlap() -> PyErr {
    PyValueError::new_err("out= overlaps the input or itself: give two arrays of their own")
}

fn not_integers(array: &Bound<'_, PyAny>) -> PyErr {
    let kind = array.getattr("dtype").map_or_else(|_| array.get_type().to_string(), |dtype| dtype.to_string());
    PyTypeError::new_err(format!(
        "expected a one-dimensional array of integers in the machine's byte order, got {kind}"
    ))
}

fn too_large(name: &str, value: impl Display, at: usize) -> PyErr {
    PyOverflowError::new_err(format!(
        "{name} holds {value} at index {at}, past 2**63 - 1, the largest count that stepbridge holds"
    ))
}

/// Locates every value of `input`; returns how many were masked. The interpreter is released meanwhile.
#[expect(clippy::too_many_arguments, reason = "a question, its rules, and three arrays")]
pub(crate) fn locate(
    py: Python<'_>,
    timeline: &Timeline,
    unit: Unit,
    base: i64,
    invalid: Invalid,
    input: &Input<'_>,
    epoch: &mut Output<'_>,
    iter: &mut Output<'_>,
) -> PyResult<usize> {
    if input.len() != epoch.len() || input.len() != iter.len() {
        return Err(PyValueError::new_err(format!(
            "out= has {} and {} elements, the input {}",
            epoch.len(),
            iter.len(),
            input.len()
        )));
    }
    if let (Input::I64(input), Output::I64(epoch), Output::I64(iter)) = (input, &mut *epoch, &mut *iter)
        && let (Ok(input), Ok(epoch), Ok(iter)) = (input.as_slice(), epoch.as_slice_mut(), iter.as_slice_mut())
    {
        return py.detach(|| timeline.locate_all(unit, base, input, epoch, iter, invalid)).map_err(timeline_error);
    }
    let mapper = Mapper::new(timeline, unit, base, invalid).map_err(timeline_error)?;
    with_array!(input, Input, input => {
        let input = input.as_array();
        with_array!(epoch, Output, epoch => {
            let epoch = epoch.as_array_mut();
            with_array!(iter, Output, iter => {
                let iter = iter.as_array_mut();
                py.detach(|| locate_blocks(mapper, input, epoch, iter))
            })
        })
    })
}

/// Widens, maps and narrows a block at a time.
#[expect(clippy::needless_pass_by_value, reason = "an array view is a reference")]
fn locate_blocks<I: Integer, E: Integer, J: Integer>(
    mut mapper: Mapper<'_>,
    input: ArrayView1<'_, I>,
    mut epoch: ArrayViewMut1<'_, E>,
    mut iter: ArrayViewMut1<'_, J>,
) -> PyResult<usize> {
    let (mut values, mut epochs, mut iters) = ([0; BLOCK], [0; BLOCK], [0; BLOCK]);
    let mut masked = 0;
    for begin in (0..input.len()).step_by(BLOCK) {
        let end = input.len().min(begin + BLOCK);
        let span = end - begin;
        for (at, value) in values[..span].iter_mut().enumerate() {
            // What an int64 cannot hold has no place either; below every base it is refused, or masked, as such.
            *value = input[begin + at].widen().unwrap_or(i64::MIN);
        }
        masked +=
            mapper.map(&values[..span], &mut epochs[..span], &mut iters[..span]).map_err(|error| match error {
                Error::Element { index, .. } if input[begin + index].widen().is_none() => {
                    too_large("the input", input[begin + index], begin + index)
                }
                Error::Element { index, error } => timeline_error(Error::Element { index: begin + index, error }),
                other => timeline_error(other),
            })?;
        for at in 0..span {
            epoch[begin + at] =
                E::narrow(epochs[at]).ok_or_else(|| too_narrow::<E>("epoch", epochs[at], begin + at))?;
            iter[begin + at] = J::narrow(iters[at]).ok_or_else(|| too_narrow::<J>("iter", iters[at], begin + at))?;
        }
    }
    Ok(masked)
}

fn too_narrow<T: Integer>(name: &str, value: i64, at: usize) -> PyErr {
    let bits = T::NAME;
    let (sign, width) = bits.split_at(1);
    let dtype = if sign == "i" { "int" } else { "uint" };
    PyOverflowError::new_err(format!(
        "{name} {value} (at index {at}) does not fit out='s {dtype}{width}: give a wider type, signed where numbers are masked"
    ))
}
