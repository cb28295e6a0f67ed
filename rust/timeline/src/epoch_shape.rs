//! How the samples of an epoch are divided into batches.

use crate::error::{Error, MAX_COUNT, total};
use crate::unit::Unit;

/// Refuses a size of 0, and one past the limit of counts.
pub(crate) fn positive(name: &str, value: Option<u64>) -> Result<(), Error> {
    match value {
        Some(0) => Err(Error::invalid(format!("{name} must be at least 1, not 0"))),
        Some(value) if value > MAX_COUNT => Err(Error::overflow(name)),
        _ => Ok(()),
    }
}

/// How an epoch is divided into batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EpochShape {
    pub(crate) batches: Option<u64>,
    pub(crate) last: Option<u64>,
}

impl EpochShape {
    /// Works out what follows from `samples`, `batches` and `batch_size`, and refuses three that contradict each other.
    pub(crate) fn new(
        samples: Option<u64>,
        batches: Option<u64>,
        size: Option<u64>,
        drop_last: bool,
    ) -> Result<Self, Error> {
        match (samples, batches, size) {
            (Some(samples), stated, Some(size)) => {
                let batches = if drop_last { samples / size } else { samples.div_ceil(size) };
                if batches == 0 {
                    return Err(Error::invalid(format!(
                        "drop_last leaves no batch: {samples} samples are fewer than one batch of {size}"
                    )));
                }
                if stated.is_some_and(|stated| stated != batches) {
                    let stated = stated.unwrap_or_default();
                    return Err(Error::invalid(format!(
                        "{samples} samples in batches of {size} are {batches} batches per epoch, not {stated}: give two of samples, batch_size and batches_per_epoch, or three that agree"
                    )));
                }
                let last = if drop_last { size } else { samples - (batches - 1) * size };
                Ok(Self { batches: Some(batches), last: Some(last) })
            }
            (Some(samples), Some(batches), None) => {
                total(u128::from(samples), Unit::Sample)?;
                Ok(Self { batches: Some(batches), last: None })
            }
            (Some(_), None, None) => Err(Error::invalid(
                "samples alone do not say how many batches an epoch has: give batch_size or batches_per_epoch as well",
            )),
            (None, Some(batches), size) => Ok(Self { batches: Some(batches), last: size }),
            (None, None, _) => Ok(Self { batches: None, last: None }),
        }
    }
}

/// Samples in the last of `batches` batches that have `samples` in all, if all others have `size`.
pub(crate) fn last_batch(batches: u64, samples: u64, size: u64) -> Result<Option<u64>, Error> {
    let most = u128::from(batches) * u128::from(size);
    let fits = u128::from(samples) <= most && (batches == 0 || u128::from(samples) > most - u128::from(size));
    if !fits {
        return Err(Error::invalid(format!("{samples} samples do not make {batches} batches of {size}")));
    }
    if batches == 0 {
        return Ok(None);
    }
    Ok(Some(samples - (batches - 1) * size))
}
