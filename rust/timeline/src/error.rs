//! What can go wrong with a timeline. The Python module decides which exception each kind becomes.

use crate::unit::Unit;

/// The largest count: what an int64 column can hold.
pub const MAX_COUNT: u64 = i64::MAX as u64;

/// Why a timeline cannot be built, or a question about it cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An argument is wrong, alone or together with another one.
    #[error("{0}")]
    Invalid(String),
    /// A count passes 2^63 - 1.
    #[error("{what} would pass 2**63 - 1, the largest count that stepbridge holds")]
    Overflow {
        /// The count, in words.
        what: String,
    },
    /// A number is outside the timeline.
    #[error("{0}")]
    OutOfRange(String),
    /// The answer depends on a length or a size that was not stated.
    #[error("{0}")]
    Undetermined(String),
    /// An array has a number for which there is an error.
    #[error("{error} (the first of them at index {index})")]
    Element {
        /// The index of the first such number in the flat array.
        index: usize,
        /// The error for it.
        error: Box<Error>,
    },
    /// A quantity's text could not be read.
    #[error("{0}")]
    Quantity(String),
    /// A serialised timeline could not be read.
    #[error("{0}")]
    Json(String),
}

impl Error {
    /// Whether it means that a number has no location, so that it can be masked.
    #[must_use]
    pub fn is_no_location(&self) -> bool {
        matches!(self, Self::OutOfRange(_) | Self::Undetermined(_) | Self::Overflow { .. })
    }

    /// Whether it means that a location has no number, so that it can be masked.
    #[must_use]
    pub fn is_no_index(&self) -> bool {
        matches!(self, Self::OutOfRange(_) | Self::Undetermined(_))
    }

    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }

    pub(crate) fn overflow(what: impl Into<String>) -> Self {
        Self::Overflow { what: what.into() }
    }
}

/// Refuses a count past the limit. Arithmetic is done in `u128` before.
pub(crate) fn count(value: u128, what: impl FnOnce() -> String) -> Result<u64, Error> {
    match u64::try_from(value) {
        Ok(small) if small <= MAX_COUNT => Ok(small),
        _ => Err(Error::overflow(what())),
    }
}

/// `count` for a number of `unit`s.
pub(crate) fn total(value: u128, unit: Unit) -> Result<u64, Error> {
    count(value, || format!("the number of {}", unit.plural()))
}
