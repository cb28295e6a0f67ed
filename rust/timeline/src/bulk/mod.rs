//! Arrays: the locations of millions of numbers, and the numbers of many locations.

mod closed_form;
mod divisor;
mod mapper;

use crate::error::Error;
use crate::locate::Location;
use crate::number::{check_base, index_of, number_of};
use crate::timeline::Timeline;
use crate::unit::Unit;
pub use mapper::{Invalid, MASKED, Mapper};

/// Shorter arrays are located by one thread: to start another one takes longer.
const PARALLEL: usize = 1 << 18;

impl Timeline {
    /// Finds where each of `values` is, and returns how many were masked. Values, epochs and iters count from `base`. All
    /// three slices must have one length.
    pub fn locate_all(
        &self,
        unit: Unit,
        base: i64,
        values: &[i64],
        epoch: &mut [i64],
        iter: &mut [i64],
        invalid: Invalid,
    ) -> Result<usize, Error> {
        let mapper = Mapper::new(self, unit, base, invalid)?;
        in_parts(values.len(), |threads| {
            let part = values.len().div_ceil(threads).max(1);
            let jobs = values.chunks(part).zip(epoch.chunks_mut(part)).zip(iter.chunks_mut(part));
            std::thread::scope(|scope| {
                let running: Vec<_> = jobs
                    .enumerate()
                    .map(|(index, ((values, epoch), iter))| {
                        let mut mapper = mapper.clone();
                        let mut job =
                            move || mapper.map(values, epoch, iter).map_err(|error| at_offset(error, index * part));
                        // This thread works on the last part.
                        if index + 1 < threads { Job::Thread(scope.spawn(job)) } else { Job::Done(job()) }
                    })
                    .collect();
                running.into_iter().map(Job::wait).collect()
            })
        })
    }

    /// Finds the number of the batch, step or first sample at each location; the inverse of `locate_all`.
    pub fn index_all(
        &self,
        unit: Unit,
        base: i64,
        epoch: &[i64],
        iter: &[i64],
        out: &mut [i64],
        invalid: Invalid,
    ) -> Result<usize, Error> {
        check_base(base)?;
        let mut masked = 0;
        for (at, ((out, &epoch), &iter)) in out.iter_mut().zip(epoch).zip(iter).enumerate() {
            let found = self.index_one(unit, base, epoch, iter);
            *out = match found {
                Ok(index) => index,
                Err(error) if invalid == Invalid::Mask && error.is_no_index() => {
                    masked += 1;
                    MASKED
                }
                Err(error @ Error::Invalid(_)) => return Err(error),
                Err(error) => return Err(Error::Element { index: at, error: Box::new(error) }),
            };
        }
        Ok(masked)
    }

    fn index_one(&self, unit: Unit, base: i64, epoch: i64, iter: i64) -> Result<i64, Error> {
        let at = Location { epoch: index_of("epoch", epoch, base)?, iter: index_of("iter", iter, base)? };
        let index = self.index(unit, at)?;
        number_of(index, base, || format!("the {} at epoch {epoch}, iter {iter}", unit.name()))
    }
}

fn at_offset(error: Error, offset: usize) -> Error {
    match error {
        Error::Element { index, error } => Error::Element { index: index + offset, error },
        other => other,
    }
}

enum Job<'scope> {
    Thread(std::thread::ScopedJoinHandle<'scope, Result<usize, Error>>),
    Done(Result<usize, Error>),
}

impl Job<'_> {
    fn wait(self) -> Result<usize, Error> {
        match self {
            Self::Done(result) => result,
            Self::Thread(handle) => handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        }
    }
}

/// Runs `work` with as many threads as make it faster. Of several errors, that of the earliest part is returned.
fn in_parts(length: usize, work: impl FnOnce(usize) -> Vec<Result<usize, Error>>) -> Result<usize, Error> {
    let threads = if length < PARALLEL {
        1
    } else {
        std::thread::available_parallelism().map_or(1, usize::from).min(length / (PARALLEL / 2))
    };
    work(threads).into_iter().sum()
}
