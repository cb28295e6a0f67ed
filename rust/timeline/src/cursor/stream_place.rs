//! In which epoch of its data a running stream is.

use crate::error::Error;
use crate::locate::Location;
use crate::timeline::Timeline;
use crate::unit::Unit;

/// The epoch of the last batch of a stream, and the first batch that is located in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct StreamPlace {
    /// The samples of one pass over the data, if known.
    pub(super) pass: Option<u64>,
    epoch: u64,
    first: u64,
    /// The first sample of the last batch; `None` before it.
    last_sample: Option<u64>,
}

impl StreamPlace {
    /// After the first `batch` batches of a timeline; `None` if that is not a stream.
    pub(super) fn of(timeline: &Timeline, batch: u64) -> Result<Option<Self>, Error> {
        if !timeline.is_stream() {
            return Ok(None);
        }
        let mut place = Self { pass: timeline.pass(), epoch: 0, first: 0, last_sample: None };
        if let (Some(last), Some(_)) = (batch.checked_sub(1), place.pass) {
            let (segment, within) = timeline.find(Unit::Batch, last)?;
            let at = timeline.stream_location(segment, within)?;
            (place.epoch, place.first) = (at.epoch, last - at.iter);
            place.last_sample = timeline.samples_after(last)?;
        }
        Ok(Some(place))
    }

    /// Goes on by `batches` batches of `size` samples, which begin at batch `batch` and sample `sample`.
    #[inline]
    pub(super) fn count(&mut self, batches: u64, size: u64, batch: u64, sample: u64) {
        let Some(pass) = self.pass else { return };
        let last = sample + (batches - 1) * size;
        let epoch = last / pass;
        if epoch != self.epoch {
            // The epoch may begin inside the batch before these.
            self.first = batch + (epoch * pass).saturating_sub(sample).div_ceil(size);
            self.epoch = epoch;
        }
        self.last_sample = Some(last);
    }

    /// Where the last batch is, which is number `iter` of the stream.
    pub(super) fn location(&self, iter: u64) -> Location {
        Location { epoch: self.epoch, iter: iter - self.first }
    }

    /// Complete epochs, and batches of the next one.
    pub(super) fn position(&self, batch: u64, sample: Option<u64>) -> Location {
        let (Some(pass), Some(sample)) = (self.pass, sample) else { return Location { epoch: 0, iter: batch } };
        let epoch = sample / pass;
        // A new epoch begins with the next batch.
        if self.last_sample.is_none() || epoch != self.epoch {
            return Location { epoch, iter: 0 };
        }
        Location { epoch, iter: batch - self.first }
    }
}
