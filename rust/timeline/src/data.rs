//! Fractions of an epoch and of the run are amounts of data: samples done over samples in all, so that a change of the batch
//! size does not move them. Where the size of a batch is not known, batches are counted instead.

use crate::bulk::MASKED;
use crate::compiled_segment::{CompiledSegment, Size};
use crate::convert::Point;
use crate::error::{Error, total};
use crate::fraction::to_float;
use crate::locate::Location;
use crate::quantity::Ratio;
use crate::timeline::Timeline;
use crate::unit::Unit;

/// An amount done and the amount in all, of samples or of batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) done: u128,
    pub(crate) of: u64,
}

impl CompiledSegment {
    /// The samples in the first `iter` batches (at most all) of one of its epochs, if the size of every batch is known.
    fn samples_in_epoch(&self, iter: u64) -> Option<u128> {
        match self.size {
            _ if iter == 0 => Some(0),
            Size::Batch { batch, .. } if iter < self.batches => Some(u128::from(iter) * u128::from(batch)),
            _ => self.samples_per_epoch().filter(|_| self.knows_sizes()).map(u128::from),
        }
    }

    /// How much is done after the first `iter` batches of its epoch `epoch`, counted from its begin, in epochs since the
    /// begin of the run. `None` if the length of the epoch is not known.
    fn epochs_done(&self, epoch: u64, iter: u64) -> Option<Share> {
        let epoch = u128::from(self.epoch0) + u128::from(epoch);
        let samples = self.epoch_samples.zip(self.sample_in_epoch0).zip(self.samples_in_epoch(iter));
        if let Some(((all, before), within)) = samples.filter(|((all, _), _)| *all > 0) {
            return Some(Share { done: epoch * u128::from(all) + u128::from(before) + within, of: all });
        }
        let length = self.epoch_length.filter(|length| *length > 0)?;
        Some(Share { done: epoch * u128::from(length) + u128::from(self.iter0) + u128::from(iter), of: length })
    }

    /// The batch of one of its epochs that has the sample `sample` of that epoch: its iter from the segment's begin, its first
    /// sample and its size.
    fn batch_in_epoch(&self, sample: u64) -> Option<(u64, u64, u64)> {
        let within = sample - self.sample_in_epoch0?;
        match self.size {
            Size::Batch { batch, last } => {
                let iter = (within / batch).min(self.batches.checked_sub(1)?);
                Some((iter, sample - (within - iter * batch), if iter + 1 == self.batches { last } else { batch }))
            }
            Size::Epoch(samples) => Some((0, self.sample_in_epoch0?, samples)),
            Size::Unknown => None,
        }
    }
}

impl Timeline {
    /// The samples of the whole run, if the size of every batch is known.
    pub(crate) fn sized_run(&self) -> Option<u64> {
        self.samples().filter(|samples| self.compiled.knows_sizes && *samples > 0)
    }

    /// The samples of an epoch up to the batch at a location, and of the whole epoch, as far as sizes are known.
    pub(crate) fn samples_of_epoch(&self, at: Location) -> (Option<u64>, Option<u64>) {
        let Some(part) = self.part_at(at.epoch, at.iter) else { return (None, None) };
        let within = part.samples_in_epoch(at.iter - part.iter0 + 1).and_then(|within| u64::try_from(within).ok());
        // Past the limit of counts the samples of an open end are not known.
        (part.sample_in_epoch0.zip(within).and_then(|(before, within)| before.checked_add(within)), part.epoch_samples)
    }

    /// The point `num / den` (below 1) into the epoch `epoch`, of which `segment` is the last part.
    pub(crate) fn point_in_epoch(
        &self,
        segment: &CompiledSegment,
        epoch: u64,
        num: u64,
        den: u64,
    ) -> Result<Option<Point>, Error> {
        if let Some(all) = segment.epoch_samples {
            let wanted = u128::from(num) * u128::from(all);
            // It is below the samples of the epoch.
            let sample = u64::try_from(wanted / u128::from(den)).unwrap_or(u64::MAX);
            let after = self.compiled.all.partition_point(|part| {
                (part.epoch0, part.sample_in_epoch0.unwrap_or(u64::MAX)) <= (epoch, sample) || part.epoch0 < epoch
            });
            let part = after.checked_sub(1).and_then(|at| self.compiled.all.get(at));
            if let Some(part) = part
                && let Some((iter, first, size)) = part.batch_in_epoch(sample)
            {
                let batch = part.batch0 + (epoch - part.epoch0) * part.batches + iter;
                let over = wanted - u128::from(first) * u128::from(den);
                return Point::within(batch, over, u128::from(den) * u128::from(size)).map(Some);
            }
        }
        let begin = segment.batch0 + (epoch - segment.epoch0) * segment.batches - segment.iter0;
        let Some(length) = segment.epoch_length else { return Ok(None) };
        Point::within(begin, u128::from(num) * u128::from(length), u128::from(den)).map(Some)
    }

    /// The point `value` (at most 1) into the run, which has an end.
    pub(crate) fn point_in_run(&self, value: Ratio) -> Result<Point, Error> {
        let (num, den) = (u128::from(value.num()), u128::from(value.den()));
        let Some(all) = self.sized_run() else {
            return Point::within(0, num * u128::from(self.compiled.batches), den);
        };
        let point = self.point_at_sample(num * u128::from(all), den)?;
        Ok(point.unwrap_or(Point::at(self.compiled.batches)))
    }

    /// The point after `num / den` samples of a run in which the size of every batch is known; `None` if it is past the end.
    pub(crate) fn point_at_sample(&self, num: u128, den: u128) -> Result<Option<Point>, Error> {
        let sample = total(num / den, Unit::Sample)?;
        if let Some(all) = self.compiled.samples
            && sample >= all
        {
            let exactly = sample == all && num.is_multiple_of(den);
            return Ok(exactly.then(|| Point::at(self.compiled.batches)));
        }
        let (segment, batch) = self.find(Unit::Sample, sample)?;
        let begins = |batch| Some(u128::from(segment.sample0?) + segment.samples_within(batch)?);
        let Some((first, next)) = begins(batch).zip(begins(batch + 1)) else { return Ok(None) };
        Point::within(segment.batch0 + batch, num - first * den, den * (next - first)).map(Some)
    }

    /// How much of the run is done after `batch` batches; it has an end and at least one batch.
    pub(crate) fn run_done(&self, batch: u64) -> Result<Share, Error> {
        Ok(match self.sized_run().zip(self.samples_after(batch)?) {
            Some((of, done)) => Share { done: u128::from(done), of },
            None => Share { done: u128::from(batch), of: self.compiled.batches.max(1) },
        })
    }

    /// How many epochs are done after the first `within` batches of a segment. `None` inside an epoch of unknown length.
    pub(crate) fn epochs_done(segment: &CompiledSegment, within: u64) -> Option<Share> {
        let (epoch, iter) = (within / segment.batches, within % segment.batches);
        if iter == 0 && segment.iter0 == 0 {
            return Some(Share { done: u128::from(segment.epoch0) + u128::from(epoch), of: 1 });
        }
        segment.epochs_done(epoch, iter)
    }

    /// The position after the batch at a location (indices from 0), in epochs, as the float nearest to it. `None` if there is no
    /// such location or the length of its epoch is not known.
    #[must_use]
    pub fn epoch_float(&self, epoch: u64, iter: u64) -> Option<f64> {
        if self.is_stream() {
            return self.stream_float(Location { epoch, iter });
        }
        let part = self.part_at(epoch, iter)?;
        let done = part.epochs_done(epoch - part.epoch0, iter - part.iter0 + 1)?;
        Some(to_float(done.done, done.of))
    }

    /// `epoch_float` of many locations. NaN where it is not known or the location is masked. Returns whether all are known.
    pub fn epoch_floats(&self, epoch: &[i64], iter: &[i64], out: &mut [f64]) -> bool {
        let (mut all, stream) = (true, self.is_stream());
        // A step that is logged under several tags is at the same location several times: only the first one divides.
        let (mut last, mut float) = ((MASKED, MASKED), f64::NAN);
        let mut part: Option<&CompiledSegment> = None;
        let mut pace = EpochPace::default();
        for ((out, &epoch), &iter) in out.iter_mut().zip(epoch).zip(iter) {
            if (epoch, iter) != last {
                let at = u64::try_from(epoch).ok().zip(u64::try_from(iter).ok());
                float = if let Some(float) = pace.after(epoch, iter) {
                    float
                } else if stream {
                    at.and_then(|(epoch, iter)| self.epoch_float(epoch, iter)).unwrap_or(f64::NAN)
                } else {
                    part = at.and_then(|(epoch, iter)| {
                        part.filter(|part| part.has(epoch, iter)).or_else(|| self.part_at(epoch, iter))
                    });
                    let done = part
                        .zip(at)
                        .and_then(|(part, (epoch, iter))| part.epochs_done(epoch - part.epoch0, iter - part.iter0 + 1));
                    // Steps in random order are in another epoch each time.
                    let stays = part.filter(|_| epoch == last.0);
                    pace = stays.and_then(|part| EpochPace::of(part, epoch)).unwrap_or_default();
                    done.map_or(f64::NAN, |done| to_float(done.done, done.of))
                };
                last = (epoch, iter);
            }
            all &= !float.is_nan();
            *out = float;
        }
        all
    }

    /// The segment with a location.
    fn part_at(&self, epoch: u64, iter: u64) -> Option<&CompiledSegment> {
        let after = self.compiled.all.partition_point(|segment| (segment.epoch0, segment.iter0) <= (epoch, iter));
        self.compiled.all.get(after.checked_sub(1)?).filter(|segment| segment.has(epoch, iter))
    }
}

/// How the position grows inside an epoch, where each batch adds as much as the one before it: after the batch `iter` of the
/// range, `(first + (iter - begin) * each) / of`, and these numbers are exact as floats. Finding it takes a few divisions less
/// than a position does.
#[derive(Debug, Default)]
struct EpochPace {
    epoch: i64,
    iters: std::ops::Range<i64>,
    first: i64,
    each: i64,
    of: i64,
}

impl EpochPace {
    /// The pace in all batches but the last one of a part of an epoch.
    fn of(part: &CompiledSegment, epoch: i64) -> Option<Self> {
        const EXACT: i64 = 1 << 53;
        let number = u64::try_from(epoch).ok()?.checked_sub(part.epoch0)?;
        let done = |batches: u64| {
            let Share { done, of } = part.epochs_done(number, batches)?;
            Some((i64::try_from(done).ok()?, i64::try_from(of).ok()?))
        };
        let most = part.batches.checked_sub(1).filter(|most| *most > 1)?;
        let ((first, of), (second, of_second), (last, of_last)) = (done(1)?, done(2)?, done(most)?);
        let (each, begin) = (second - first, i64::try_from(part.iter0).ok()?);
        let batches = i64::try_from(most).ok()?;
        let even = of == of_second && of == of_last && first.checked_add(each.checked_mul(batches - 1)?)? == last;
        let iters = begin..begin.checked_add(batches)?;
        (even && last < EXACT && of < EXACT).then_some(Self { epoch, iters, first, each, of })
    }

    /// The position after a batch, if it is one of these.
    fn after(&self, epoch: i64, iter: i64) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "both are exact, and one rounding is left")]
        let float = || (self.first + (iter - self.iters.start) * self.each) as f64 / self.of as f64;
        (epoch == self.epoch && self.iters.contains(&iter)).then(float)
    }
}

impl CompiledSegment {
    /// Whether a location is in it.
    fn has(&self, epoch: u64, iter: u64) -> bool {
        let (epoch, iter) = (epoch.wrapping_sub(self.epoch0), iter.wrapping_sub(self.iter0));
        epoch < self.epochs && iter < self.batches
    }
}
