//! One block of numbers after the other: the segment or epoch found last is tried first, since logs are mostly sorted.

use super::closed_form::ClosedForm;
use crate::epoch_starts::EpochStarts;
use crate::error::{Error, MAX_COUNT};
use crate::number::{check_base, index_of};
use crate::timeline::Timeline;
use crate::unit::Unit;

/// What to do if a number has no location, or a location no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// Fail with an error that names the first one.
    Raise,
    /// Write -1 for it.
    Mask,
}

/// What is written to the outputs for a number that has no location.
pub const MASKED: i64 = -1;

/// Locates blocks of numbers one after the other, and remembers where the last number was.
#[derive(Clone)]
pub struct Mapper<'a> {
    timeline: &'a Timeline,
    unit: Unit,
    base: i64,
    invalid: Invalid,
    /// Numbers from here on have no location.
    end: u64,
    epoch_starts: Option<&'a EpochStarts>,
    /// With `epoch_starts`: the epoch found last.
    last_epoch: usize,
    /// Without: the segment found last.
    form: ClosedForm,
}

impl<'a> Mapper<'a> {
    /// Prepares to locate `unit`s that count from `base`.
    pub fn new(timeline: &'a Timeline, unit: Unit, base: i64, invalid: Invalid) -> Result<Self, Error> {
        check_base(base)?;
        let end = timeline.reached(unit)?.unwrap_or(MAX_COUNT);
        let every_batch_steps = || {
            let mut segments = timeline.compiled.all.iter();
            segments.all(|segment| segment.accumulate == 1 && segment.window0.pending == 0)
        };
        let by_batch = unit == Unit::Batch || (unit == Unit::Step && every_batch_steps());
        let epoch_starts = if by_batch { timeline.epoch_starts() } else { None };
        Ok(Self { timeline, unit, base, invalid, end, epoch_starts, last_epoch: 0, form: ClosedForm::EMPTY })
    }

    /// Writes where each value is; the three slices have one length.
    pub fn map(&mut self, values: &[i64], epoch: &mut [i64], iter: &mut [i64]) -> Result<usize, Error> {
        let length = values.len().min(epoch.len()).min(iter.len());
        let (values, epoch, iter) = (&values[..length], &mut epoch[..length], &mut iter[..length]);
        let mut masked = 0;
        let mut done = 0;
        while done < length {
            let (values_left, epoch_left, iter_left) = (&values[done..], &mut epoch[done..], &mut iter[done..]);
            done += match self.epoch_starts {
                Some(starts) => starts.map(self.base, &mut self.last_epoch, values_left, epoch_left, iter_left),
                None => self.form.map(self.base, values_left, epoch_left, iter_left),
            };
            if done == length {
                break;
            }
            // A number below the base wraps to one past every end.
            let index = values[done].wrapping_sub(self.base).cast_unsigned();
            let enters = self.epoch_starts.is_none() && index < self.end && self.enter(index);
            if !enters {
                if self.invalid == Invalid::Raise {
                    return Err(Error::Element { index: done, error: Box::new(self.reason(values[done])) });
                }
                (epoch[done], iter[done]) = (MASKED, MASKED);
                masked += 1;
                done += 1;
            }
        }
        Ok(masked)
    }

    /// Goes over to the segment that has `index`; false if it is not known which.
    fn enter(&mut self, index: u64) -> bool {
        let Ok((segment, batch)) = self.timeline.find(self.unit, index) else { return false };
        let form = if self.unit == Unit::Token && !self.timeline.marks.is_empty() {
            None
        } else if self.timeline.is_stream() {
            ClosedForm::of_stream(self.timeline, segment, self.unit, self.end)
        } else {
            ClosedForm::of(segment, self.unit, self.end)
        };
        // If only the samples of whole epochs are known, an epoch's first sample has a location and the others have none.
        match form.map_or_else(|| self.timeline.location_in(segment, batch).map(|at| ClosedForm::of_one(index, at)), Ok)
        {
            Ok(form) if form.has(index) => self.form = form,
            _ => return false,
        }
        true
    }

    /// Why a number has no location.
    fn reason(&self, number: i64) -> Error {
        let base = u64::from(self.base == 1);
        let found = index_of(self.unit.name(), number, self.base)
            .and_then(|index| self.timeline.locate_from(self.unit, index, base));
        let unexpected = |_| Error::OutOfRange(format!("{} {number} has no location", self.unit.name()));
        found.map_or_else(|error| error, unexpected)
    }
}
