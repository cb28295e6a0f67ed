//! Streams: data without an end of epoch for the loader. Batches run on, and an epoch is an amount of samples.
//!
//! In segments a stream is one epoch in parts. Where an epoch of its data ends inside a batch, the batch is located in the epoch
//! of its first sample.

use crate::compiled_segment::{CompiledSegment, Size};
use crate::convert::Point;
use crate::data::Share;
use crate::error::{Error, MAX_COUNT, total};
use crate::fraction::to_float;
use crate::locate::Location;
use crate::timeline::Timeline;
use crate::undetermined::NO_PASS;
use crate::unit::Unit;

impl CompiledSegment {
    /// Samples of a batch of a stream.
    pub(crate) fn stream_size(&self) -> u64 {
        match self.size {
            Size::Batch { batch, .. } => batch,
            Size::Epoch(_) | Size::Unknown => 1,
        }
    }
}

impl Timeline {
    /// Whether it is a stream.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.segments().first().is_some_and(|first| first.stream.is_some())
    }

    /// Whether batches have an epoch. Those of a stream have one only where the samples of one pass are known.
    #[must_use]
    pub fn has_epochs(&self) -> bool {
        !self.is_stream() || self.pass().is_some()
    }

    /// The samples of one pass over the data of a stream, if known.
    pub(crate) fn pass(&self) -> Option<u64> {
        self.segments().first().filter(|first| first.stream.is_some()).and_then(|first| first.samples)
    }

    pub(crate) fn known_pass(&self) -> Result<u64, Error> {
        self.pass().ok_or_else(|| Error::Undetermined(NO_PASS.into()))
    }

    /// The first batch that is located in an epoch or a later one: the first that begins at or after the epoch's first sample.
    /// `None` if that is past the end.
    pub(crate) fn first_batch(&self, epoch: u64, pass: u64) -> Option<u64> {
        let begin = u64::try_from(u128::from(epoch) * u128::from(pass)).ok().filter(|begin| *begin <= MAX_COUNT)?;
        let all = &self.compiled.all;
        let after = all.partition_point(|segment| segment.sample0.is_some_and(|first| first <= begin));
        let segment = all.get(after.checked_sub(1)?)?;
        let within = (begin - segment.sample0?).div_ceil(segment.stream_size());
        (within <= segment.width).then_some(segment.batch0 + within)
    }

    /// Where the batch of a stream is that comes after `within` batches of a segment.
    pub(crate) fn stream_location(&self, segment: &CompiledSegment, within: u64) -> Result<Location, Error> {
        let pass = self.known_pass()?;
        let sample0 = segment.sample0.ok_or_else(|| Error::overflow("the first sample of a batch"))?;
        let sample = total(u128::from(sample0) + u128::from(within) * u128::from(segment.stream_size()), Unit::Sample)?;
        let epoch = sample / pass;
        let first = self.first_batch(epoch, pass).unwrap_or(segment.batch0);
        Ok(Location { epoch, iter: segment.batch0 + within - first })
    }

    /// The batch (index from 0) at a location of a stream.
    pub(crate) fn stream_batch(&self, at: Location) -> Result<u64, Error> {
        let pass = self.known_pass()?;
        let end = self.compiled.batches;
        let past = || {
            if self.compiled.open {
                return Error::overflow(format!("the first sample of epoch {}", at.epoch));
            }
            self.past_end(Unit::Epoch, at.epoch, 0, self.epochs().unwrap_or_default())
        };
        let first = self.first_batch(at.epoch, pass).filter(|first| *first < end).ok_or_else(past)?;
        let next = at.epoch.checked_add(1).and_then(|next| self.first_batch(next, pass)).unwrap_or(end);
        let batch = first.checked_add(at.iter).filter(|batch| *batch < next.min(end));
        batch.ok_or_else(|| {
            Error::OutOfRange(format!(
                "iter {} (an index from 0) is past the end of epoch {}, in which {} batches begin",
                at.iter,
                at.epoch,
                next.min(end) - first
            ))
        })
    }

    /// The batches of an epoch of a stream that begin in it, if it is complete.
    pub(crate) fn stream_epoch_length(&self, epoch: u64) -> Option<u64> {
        let pass = self.pass()?;
        let (first, next) = (self.first_batch(epoch, pass)?, self.first_batch(epoch.checked_add(1)?, pass)?);
        Some(next - first)
    }

    /// The point of `num / den` epochs of a stream; `None` if it is past the end.
    pub(crate) fn point_in_stream(&self, num: u64, den: u64, pass: u64) -> Result<Option<Point>, Error> {
        let (wanted, den) = (u128::from(num) * u128::from(pass), u128::from(den));
        self.point_at_sample(wanted, den)
    }

    /// How many epochs of a stream are done after `batch` batches.
    pub(crate) fn stream_done(&self, batch: u64) -> Result<Option<Share>, Error> {
        let Some(pass) = self.pass() else { return Ok(None) };
        Ok(self.samples_after(batch)?.map(|samples| Share { done: u128::from(samples), of: pass }))
    }

    /// The position after the batch at a location of a stream, in epochs.
    pub(crate) fn stream_float(&self, at: Location) -> Option<f64> {
        let batch = self.stream_batch(at).ok()?;
        self.stream_done(batch + 1).ok()?.map(|share| to_float(share.done, share.of))
    }
}
