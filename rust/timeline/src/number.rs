//! Numbers that count from 0 or from 1, and the indices (always from 0) that the arithmetic uses.

use crate::error::Error;

/// Refuses a base other than 0 and 1.
pub fn check_base(base: i64) -> Result<(), Error> {
    if (0..=1).contains(&base) { Ok(()) } else { Err(Error::invalid(format!("base must be 0 or 1, not {base}"))) }
}

/// The index of a number that counts from `base`; `name` is what an error calls the number.
pub fn index_of(name: &str, number: i64, base: i64) -> Result<u64, Error> {
    let index = number.checked_sub(base).and_then(|index| u64::try_from(index).ok());
    index.ok_or_else(|| Error::OutOfRange(format!("{name} {number} is below the base {base}")))
}

/// An index as a number that counts from `base`; `name` is what an error calls it.
pub fn number_of(index: u64, base: i64, name: impl FnOnce() -> String) -> Result<i64, Error> {
    let number = i64::try_from(index).ok().and_then(|index| index.checked_add(base));
    number.ok_or_else(|| Error::overflow(name()))
}
