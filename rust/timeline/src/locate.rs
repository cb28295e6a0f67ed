//! Where the n-th batch, step or sample is, one at a time; the array form is `bulk`.

use crate::error::{Error, MAX_COUNT, total};
use crate::piece::Piece;
use crate::segment::Segment;
use crate::timeline::Timeline;
use crate::unit::Unit;

/// Where a batch is: indices from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// The epoch's index.
    pub epoch: u64,
    /// The batch's index inside it.
    pub iter: u64,
}

impl Piece {
    /// Where a batch of the piece (counted inside it) is.
    pub(crate) fn location(&self, batch: u64) -> Location {
        Location { epoch: self.epoch0 + batch / self.batches, iter: self.iter0 + batch % self.batches }
    }
}

impl Timeline {
    /// Finds where the batch, step or sample with index `index` (from 0) is; a step is where the batch that closes it is.
    pub fn locate(&self, unit: Unit, index: u64) -> Result<Location, Error> {
        self.locate_from(unit, index, 0)
    }

    /// `locate` for a caller whose numbers count from `base`: errors name its number.
    pub fn locate_from(&self, unit: Unit, index: u64, base: u64) -> Result<Location, Error> {
        let (piece, batch) = self.find_from(unit, index, base)?;
        Ok(piece.location(batch))
    }

    /// The piece and the batch inside it of the batch, step or sample with index `index`.
    pub(crate) fn find(&self, unit: Unit, index: u64) -> Result<(&Piece, u64), Error> {
        self.find_from(unit, index, 0)
    }

    pub(crate) fn find_from(&self, unit: Unit, index: u64, base: u64) -> Result<(&Piece, u64), Error> {
        let pieces = &self.pieces;
        if let Some(reached) = self.reached(unit)?
            && index >= reached
        {
            return Err(self.past_end(unit, index, base, reached));
        }
        let begins = |piece: &Piece| match unit {
            Unit::Batch => Some(piece.batch0),
            Unit::Step => Some(piece.step0),
            _ => piece.sample0,
        };
        let after = pieces.all.partition_point(|piece| begins(piece).is_some_and(|begin| begin <= index));
        let Some(piece) = after.checked_sub(1).and_then(|at| pieces.all.get(at)) else {
            return Err(self.past_end(unit, index, base, 0));
        };
        let within = index - begins(piece).unwrap_or_default();
        let batch = match unit {
            Unit::Batch => Some(within),
            Unit::Step => Some(piece.closing_batch(within)),
            _ => piece.batch_of_sample(within).filter(|batch| *batch < piece.width),
        };
        batch.map(|batch| (piece, batch)).ok_or_else(|| sizes_unknown(&format!("the place of sample {index}")))
    }

    /// Numbers of `unit` that have a place: all below this; `None` where nobody knows how many have one.
    pub(crate) fn reached(&self, unit: Unit) -> Result<Option<u64>, Error> {
        let pieces = &self.pieces;
        match unit {
            Unit::Batch => Ok(Some(pieces.batches)),
            Unit::Step => Ok(Some(pieces.steps)),
            Unit::Sample => Ok(pieces.samples.or_else(|| pieces.open.then_some(MAX_COUNT))),
            Unit::Token | Unit::Epoch | Unit::Duration => Err(no_location(unit)),
        }
    }

    /// Finds the index (from 0) of the batch at a location, of the step that it contributes to, or of its first sample.
    pub fn index(&self, unit: Unit, at: Location) -> Result<u64, Error> {
        let (piece, batch) = self.find_location(at)?;
        match unit {
            Unit::Batch => Ok(piece.batch0 + batch),
            Unit::Step => piece.contributes_to(batch).map(|step| piece.step0 + step).ok_or_else(|| {
                Error::OutOfRange(format!(
                    "the batch at epoch {}, iter {} (indices from 0) contributes to no step: its accumulation window never closes",
                    at.epoch, at.iter
                ))
            }),
            Unit::Sample => match (piece.sample0, piece.samples_within(batch)) {
                (Some(before), Some(within)) => total(u128::from(before) + within, Unit::Sample),
                _ => Err(sizes_unknown(&format!("the first sample of epoch {}, iter {}", at.epoch, at.iter))),
            },
            Unit::Token | Unit::Epoch | Unit::Duration => Err(no_location(unit)),
        }
    }

    /// The piece and the batch inside it at a location.
    pub(crate) fn find_location(&self, at: Location) -> Result<(&Piece, u64), Error> {
        let pieces = &self.pieces.all;
        let after = pieces.partition_point(|piece| (piece.epoch0, piece.iter0) <= (at.epoch, at.iter));
        // Among the parts of one epoch the order is that of iter; a whole-epoch piece spans all iters of its epochs.
        let piece = after.checked_sub(1).and_then(|index| pieces.get(index));
        if let Some(piece) = piece {
            let (epoch, iter) = (at.epoch - piece.epoch0, at.iter.wrapping_sub(piece.iter0));
            if epoch < piece.epochs && iter < piece.batches {
                let batch = u128::from(epoch) * u128::from(piece.batches) + u128::from(iter);
                // The last epoch of an open end may reach past the limit.
                let done = total(u128::from(piece.batch0) + batch + 1, Unit::Batch)?;
                return Ok((piece, done - 1 - piece.batch0));
            }
        }
        if at.epoch >= self.pieces.epochs || piece.is_none() {
            let more = |tail: Segment| tail.epochs.is_none_or(|more| at.epoch - self.pieces.epochs < more);
            if self.pieces.unknown.is_some_and(more) {
                return Err(Error::Unknown(format!("the length of epoch {} is not known", at.epoch)));
            }
            return Err(self.past_end(Unit::Epoch, at.epoch, 0, self.pieces.epochs));
        }
        let length = self.epoch_length(at.epoch);
        Err(match length {
            Some(length) => Error::OutOfRange(format!(
                "iter {} (an index from 0) is past the end of epoch {}, which has {length} batches",
                at.iter, at.epoch
            )),
            None => Error::Unknown(format!("the length of epoch {} is not known", at.epoch)),
        })
    }

    /// Why a number at or past what was reached has no place.
    pub(crate) fn past_end(&self, unit: Unit, index: u64, base: u64, reached: u64) -> Error {
        let number = index.saturating_add(base);
        if self.pieces.open {
            return Error::overflow(format!("{} {number}, or a count at it,", unit.name()));
        }
        if self.pieces.unknown.is_some() {
            return Error::Unknown(format!(
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

pub(crate) fn sizes_unknown(what: &str) -> Error {
    Error::Unknown(format!("{what} is not known: the timeline has no batch_size there"))
}
