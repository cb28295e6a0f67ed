//! What can go wrong with a timeline, as kinds; the Python face decides which exception each becomes.

use crate::unit::Unit;

/// The largest count that stepbridge speaks of: what an int64 column holds.
pub const MAX_COUNT: u64 = i64::MAX as u64;

/// Why a timeline cannot be built, or a question about it not be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An argument is wrong by itself or beside another one.
    #[error("{0}")]
    Invalid(String),
    /// A count passes 2^63 - 1.
    #[error("{what} would pass 2**63 - 1, the largest count that stepbridge holds")]
    Overflow {
        /// The count, in words.
        what: String,
    },
    /// A number has no place on the timeline.
    #[error("{0}")]
    OutOfRange(String),
    /// The answer depends on a length or a size that nobody stated.
    #[error("{0}")]
    Unknown(String),
    /// An array holds a number that has no place on the timeline.
    #[error("{error} (the first of them at index {index})")]
    Element {
        /// Where in the array, counted flat from 0.
        index: usize,
        /// What is wrong with it, with the value.
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
    /// Whether it says that a number has no location, which a mask may stand for.
    #[must_use]
    pub fn is_no_location(&self) -> bool {
        matches!(self, Self::OutOfRange(_) | Self::Unknown(_) | Self::Overflow { .. })
    }

    /// Whether it says that a location has no number, which a mask may stand for.
    #[must_use]
    pub fn is_no_index(&self) -> bool {
        matches!(self, Self::OutOfRange(_) | Self::Unknown(_))
    }

    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }

    pub(crate) fn overflow(what: impl Into<String>) -> Self {
        Self::Overflow { what: what.into() }
    }
}

/// Refuses a count that an int64 could not hold; arithmetic is done in `u128` before.
pub(crate) fn count(value: u128, what: impl FnOnce() -> String) -> Result<u64, Error> {
    match u64::try_from(value) {
        Ok(small) if small <= MAX_COUNT => Ok(small),
        _ => Err(Error::overflow(what())),
    }
}

/// `count` for a total of `unit`s.
pub(crate) fn total(value: u128, unit: Unit) -> Result<u64, Error> {
    count(value, || format!("the number of {}", unit.plural()))
}
