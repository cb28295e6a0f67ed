//! Where the n-th batch, step or sample is, one at a time. `bulk` does it for arrays.

use crate::compiled_segment::CompiledSegment;
use crate::error::{Error, MAX_COUNT, total};
use crate::segment::Segment;
use crate::timeline::Timeline;
use crate::undetermined::{NO_TOKENS, not_counted, sizes_unknown};
use crate::unit::Unit;

/// Where a batch is: indices from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// The epoch's index.
    pub epoch: u64,
    /// The batch's index inside it.
    pub iter: u64,
}

impl CompiledSegment {
    /// Where a batch of the segment, counted from its begin, is.
    pub(crate) fn location(&self, batch: u64) -> Location {
        Location { epoch: self.epoch0 + batch / self.batches, iter: self.iter0 + batch % self.batches }
    }
}

impl Timeline {
    /// Finds where the batch, step or sample with index `index` (from 0) is. A step is where the batch that closes it is.
    pub fn locate(&self, unit: Unit, index: u64) -> Result<Location, Error> {
        self.locate_from(unit, index, 0)
    }

    /// The same for a caller whose numbers count from `base`, so that errors name the caller's number.
    pub fn locate_from(&self, unit: Unit, index: u64, base: u64) -> Result<Location, Error> {
        let (segment, batch) = self.find_from(unit, index, base)?;
        self.location_in(segment, batch)
    }

    /// Where a batch of a segment, counted from its begin, is.
    pub(crate) fn location_in(&self, segment: &CompiledSegment, batch: u64) -> Result<Location, Error> {
        if self.is_stream() { self.stream_location(segment, batch) } else { Ok(segment.location(batch)) }
    }

    /// The segment of the batch, step or sample with index `index`, and the batch, counted from the segment's begin.
    pub(crate) fn find(&self, unit: Unit, index: u64) -> Result<(&CompiledSegment, u64), Error> {
        self.find_from(unit, index, 0)
    }

    pub(crate) fn find_from(&self, unit: Unit, index: u64, base: u64) -> Result<(&CompiledSegment, u64), Error> {
        let compiled = &self.compiled;
        if let Some(reached) = self.reached(unit)?
            && index >= reached
        {
            if unit == Unit::Token && !self.marks.is_empty() && self.tokens().is_none() {
                return Err(Error::Undetermined(not_counted(index, reached)));
            }
            return Err(self.past_end(unit, index, base, reached));
        }
        match (unit, self.tokens_per_sample()) {
            (Unit::Token, Some(each)) => return self.find_from(Unit::Sample, index / each, 0),
            (Unit::Token, None) => {
                let batch = self.marks.batch_of(index);
                let batch = batch.ok_or_else(|| {
                    Error::Undetermined(format!("the batch of token {index} is not known: tokens are counted at marks"))
                })?;
                return self.find_from(Unit::Batch, batch, 0);
            }
            _ => {}
        }
        let begins = |segment: &CompiledSegment| match unit {
            Unit::Batch => Some(segment.batch0),
            Unit::Step => Some(segment.step0),
            _ => segment.sample0,
        };
        let after = compiled.all.partition_point(|segment| begins(segment).is_some_and(|begin| begin <= index));
        let Some(segment) = after.checked_sub(1).and_then(|at| compiled.all.get(at)) else {
            return Err(self.past_end(unit, index, base, 0));
        };
        let within = index - begins(segment).unwrap_or_default();
        let batch = match unit {
            Unit::Batch => Some(within),
            Unit::Step => Some(segment.closing_batch(within)),
            _ => segment.batch_of_sample(within).filter(|batch| *batch < segment.width),
        };
        batch.map(|batch| (segment, batch)).ok_or_else(|| sizes_unknown(&format!("the location of sample {index}")))
    }

    /// The end of the indices of `unit` that have a location; `None` if it is not known.
    pub(crate) fn reached(&self, unit: Unit) -> Result<Option<u64>, Error> {
        let compiled = &self.compiled;
        match unit {
            Unit::Batch => Ok(Some(compiled.batches)),
            Unit::Step => Ok(Some(compiled.steps)),
            Unit::Sample => Ok(compiled.samples.or_else(|| compiled.open.then_some(MAX_COUNT))),
            Unit::Token if self.tokens_per_sample().is_some() => {
                let each = self.tokens_per_sample().unwrap_or(1);
                let all = compiled.samples.map(|samples| samples.saturating_mul(each).min(MAX_COUNT));
                Ok(all.or_else(|| compiled.open.then_some(MAX_COUNT)))
            }
            Unit::Token => {
                self.marks.last().map(|mark| Some(mark.token)).ok_or_else(|| Error::Undetermined(NO_TOKENS.into()))
            }
            Unit::Epoch | Unit::Duration => Err(no_location(unit)),
        }
    }

    /// Finds the index (from 0) of the batch at a location, of the step to which it contributes, or of its first sample.
    pub fn index(&self, unit: Unit, at: Location) -> Result<u64, Error> {
        let (segment, batch) = self.find_location(at)?;
        self.index_in(segment, batch, unit, || format!("epoch {}, iter {}", at.epoch, at.iter))
    }

    /// Finds the batch (an index in the run) in which the batch, step, sample or token with index `index` is; of a step, the
    /// one that closes it. Streams know it without their epochs.
    pub fn batch_with(&self, unit: Unit, index: u64) -> Result<u64, Error> {
        let (segment, batch) = self.find(unit, index)?;
        Ok(segment.batch0 + batch)
    }

    /// The same as [`Self::index`] of a batch of which only the index in the run is known.
    pub fn index_of_batch(&self, unit: Unit, batch: u64) -> Result<u64, Error> {
        let (segment, within) = self.find(Unit::Batch, batch)?;
        self.index_in(segment, within, unit, || format!("batch {batch}"))
    }

    fn index_in(
        &self,
        segment: &CompiledSegment,
        batch: u64,
        unit: Unit,
        name: impl Fn() -> String,
    ) -> Result<u64, Error> {
        match unit {
            Unit::Batch => Ok(segment.batch0 + batch),
            Unit::Step => segment.contributes_to(batch).map(|step| segment.step0 + step).ok_or_else(|| {
                Error::OutOfRange(format!(
                    "the batch at {} (indices from 0) contributes to no step: its accumulation window never closes",
                    name()
                ))
            }),
            Unit::Sample => match (segment.sample0, segment.samples_within(batch)) {
                // The sample itself is counted, too.
                (Some(before), Some(within)) => Ok(total(u128::from(before) + within + 1, Unit::Sample)? - 1),
                _ => Err(sizes_unknown(&format!("the first sample of {}", name()))),
            },
            Unit::Token if !self.marks.is_empty() => {
                let done = segment.batch0 + batch;
                self.marks.exact(done).ok_or_else(|| {
                    Error::Undetermined(format!(
                        "the tokens of the first {done} batches are not known: no mark is there"
                    ))
                })
            }
            Unit::Token => {
                let Some(each) = self.tokens_per_sample() else { return Err(Error::Undetermined(NO_TOKENS.into())) };
                let sample = self.index_in(segment, batch, Unit::Sample, name)?;
                // The token itself is counted, too.
                Ok(total(u128::from(sample) * u128::from(each) + 1, Unit::Token)? - 1)
            }
            Unit::Epoch | Unit::Duration => Err(no_location(unit)),
        }
    }

    /// The segment of the batch at a location, and the batch, counted from the segment's begin.
    pub(crate) fn find_location(&self, at: Location) -> Result<(&CompiledSegment, u64), Error> {
        if self.is_stream() {
            return self.find(Unit::Batch, self.stream_batch(at)?);
        }
        let compiled = &self.compiled.all;
        let after = compiled.partition_point(|segment| (segment.epoch0, segment.iter0) <= (at.epoch, at.iter));
        // The parts of one epoch are in the order of iter; a segment of whole epochs has all iters of each.
        let segment = after.checked_sub(1).and_then(|index| compiled.get(index));
        if let Some(segment) = segment {
            let (epoch, iter) = (at.epoch - segment.epoch0, at.iter.wrapping_sub(segment.iter0));
            if epoch < segment.epochs && iter < segment.batches {
                let batch = u128::from(epoch) * u128::from(segment.batches) + u128::from(iter);
                // The last epoch of an open end may pass the limit of counts.
                let done = total(u128::from(segment.batch0) + batch + 1, Unit::Batch)?;
                return Ok((segment, done - 1 - segment.batch0));
            }
        }
        if at.epoch >= self.compiled.epochs || segment.is_none() {
            let more = |tail: Segment| tail.epochs.is_none_or(|more| at.epoch - self.compiled.epochs < more);
            if self.compiled.unknown.is_some_and(more) {
                return Err(Error::Undetermined(format!("the length of epoch {} is not known", at.epoch)));
            }
            return Err(self.past_end(Unit::Epoch, at.epoch, 0, self.compiled.epochs));
        }
        let length = self.epoch_length(at.epoch);
        Err(match length {
            Some(length) => Error::OutOfRange(format!(
                "iter {} (an index from 0) is past the end of epoch {}, which has {length} batches",
                at.iter, at.epoch
            )),
            None => Error::Undetermined(format!("the length of epoch {} is not known", at.epoch)),
        })
    }

    /// Why a number at or past the end has no location.
    pub(crate) fn past_end(&self, unit: Unit, index: u64, base: u64, reached: u64) -> Error {
        let number = index.saturating_add(base);
        if self.compiled.open {
            return Error::overflow(format!("{} {number}, or a count at it,", unit.name()));
        }
        if self.compiled.unknown.is_some() {
            return Error::Undetermined(format!(
                "where {} {number} is depends on the length of an epoch that is not known yet",
                unit.name()
            ));
        }
        Error::OutOfRange(format!(
            "{} {number} (counting from {base}) is past the end: the timeline has {reached} {}",
            unit.name(),
            if reached == 1 { unit.name() } else { unit.plural() }
        ))
    }
}

pub(crate) fn no_location(unit: Unit) -> Error {
    Error::invalid(format!("a {} has no location: expected unit \"batch\", \"step\" or \"sample\"", unit.name()))
}
