//! Inside one segment the location of a number has a closed form: one division, or two.

use super::divisor::Divisor;
use crate::compiled_segment::{CompiledSegment, Size};
use crate::error::MAX_COUNT;
use crate::locate::Location;
use crate::timeline::Timeline;
use crate::unit::Unit;

/// The closed form of one segment for one unit: valid for `width` numbers from `start` on.
#[derive(Clone, Copy)]
pub(super) struct ClosedForm {
    start: u64,
    width: u64,
    epoch: u64,
    iter: u64,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// One epoch, one number per batch.
    OneEpoch,
    /// Equal epochs, one number per batch.
    Batches(Divisor),
    /// Steps of equal epochs that have accumulation windows of their own.
    StepsPerEpoch { per_epoch: Divisor, accumulate: u64, most: u64 },
    /// Steps whose windows run through all epochs.
    StepsThrough { epoch: Divisor, accumulate: u64, phase: u64, width: u64 },
    /// Samples in equal batches.
    Samples { per_epoch: Divisor, batch: Divisor },
    /// Batches, steps or samples of a stream, whose epochs are amounts of samples.
    Stream(Stream),
}

/// A segment of a stream.
#[derive(Clone, Copy)]
struct Stream {
    unit: Unit,
    /// Samples of a batch, and of a pass over the data.
    size: Divisor,
    pass: Divisor,
    /// Tokens in a sample, where tokens are located.
    tokens: Divisor,
    accumulate: u64,
    phase: u64,
    width: u64,
    sample0: u64,
    batch0: u64,
    /// The first batch of the epoch in which the segment begins.
    first0: u64,
}

impl Stream {
    /// The location of a number that counts from the begin of the segment.
    #[inline]
    fn locate(&self, x: u64) -> (u64, u64) {
        let batch = match self.unit {
            Unit::Batch => x,
            Unit::Step => ((x + 1).saturating_mul(self.accumulate) - self.phase).min(self.width) - 1,
            Unit::Token => self.size.divide(self.tokens.divide(x).0).0,
            _ => self.size.divide(x).0,
        };
        let (epoch, over) = self.pass.divide(self.sample0 + batch * self.size.value());
        let begin = self.sample0 + batch * self.size.value() - over;
        let first = if begin <= self.sample0 {
            self.first0
        } else {
            let (whole, rest) = self.size.divide(begin - self.sample0);
            self.batch0 + whole + u64::from(rest > 0)
        };
        (epoch, self.batch0 + batch - first)
    }
}

impl ClosedForm {
    /// Has no number, so that the first one is looked up.
    pub(super) const EMPTY: Self = Self { start: 0, width: 0, epoch: 0, iter: 0, kind: Kind::OneEpoch };

    /// One number at a location.
    pub(super) fn of_one(number: u64, at: Location) -> Self {
        Self { start: number, width: 1, epoch: at.epoch, iter: at.iter, kind: Kind::OneEpoch }
    }

    /// Whether it locates an index.
    pub(super) fn has(&self, index: u64) -> bool {
        index.wrapping_sub(self.start) < self.width
    }

    /// The numbers of a segment, all of them below `end`. `None` if samples have no closed form there.
    pub(super) fn of(segment: &CompiledSegment, unit: Unit, end: u64) -> Option<Self> {
        let windowed = unit == Unit::Step && (segment.accumulate > 1 || segment.window0.pending > 0);
        let (start, width) = match unit {
            Unit::Batch => (segment.batch0, segment.width),
            Unit::Step => (segment.step0, segment.steps()),
            _ => (
                segment.sample0.unwrap_or(0),
                segment.samples_within(segment.width).map_or(0, |all| u64::try_from(all).unwrap_or(u64::MAX)),
            ),
        };
        // An open end has samples past the limit of counts, and a difference that wrapped would be among them.
        let width = width.min(end.saturating_sub(start));
        let kind = match (unit, segment.size) {
            (Unit::Sample, Size::Batch { batch, .. }) => Kind::Samples {
                per_epoch: Divisor::new(segment.samples_per_epoch().unwrap_or(1)),
                batch: Divisor::new(batch),
            },
            // Tokens of a run of epochs are located one by one.
            (Unit::Sample | Unit::Token, _) => return None,
            _ if windowed && segment.per_epoch => Kind::StepsPerEpoch {
                per_epoch: Divisor::new(segment.steps_per_epoch()),
                accumulate: segment.accumulate,
                most: (segment.batches - 1).saturating_sub(segment.accumulate - 1),
            },
            _ if windowed => Kind::StepsThrough {
                epoch: Divisor::new(segment.batches),
                accumulate: segment.accumulate,
                phase: segment.window0.phase,
                width: segment.width,
            },
            _ if segment.epochs == 1 => Kind::OneEpoch,
            _ => Kind::Batches(Divisor::new(segment.batches)),
        };
        let iter = match kind {
            Kind::StepsPerEpoch { .. } => segment.iter0 + (segment.accumulate - 1).min(segment.batches - 1),
            _ => segment.iter0,
        };
        Some(Self { start, width, epoch: segment.epoch0, iter, kind })
    }

    /// The same for a segment of a stream. `None` if its epochs are not known, or it begins past the limit of counts.
    pub(super) fn of_stream(timeline: &Timeline, segment: &CompiledSegment, unit: Unit, end: u64) -> Option<Self> {
        let (pass, sample0, size) = (timeline.pass()?, segment.sample0?, segment.stream_size());
        let each = timeline.tokens_per_sample().unwrap_or(1);
        // Batches whose first sample has a number.
        let batches = segment.width.min(MAX_COUNT.checked_sub(sample0)? / size + 1);
        let (start, width) = match unit {
            Unit::Batch => (segment.batch0, batches),
            Unit::Step => {
                (segment.step0, if batches < segment.width { segment.steps_within(batches) } else { segment.steps() })
            }
            Unit::Sample => (sample0, segment.width.saturating_mul(size).min(MAX_COUNT - sample0)),
            Unit::Token => {
                let start = sample0.checked_mul(each).filter(|start| *start <= MAX_COUNT)?;
                (start, segment.width.saturating_mul(size).saturating_mul(each).min(MAX_COUNT - start))
            }
            Unit::Epoch | Unit::Duration => return None,
        };
        let epoch0 = sample0 / pass;
        let kind = Kind::Stream(Stream {
            unit,
            size: Divisor::new(size),
            pass: Divisor::new(pass),
            tokens: Divisor::new(each),
            accumulate: segment.accumulate,
            phase: segment.window0.phase,
            width: segment.width,
            sample0,
            batch0: segment.batch0,
            first0: timeline.first_batch(epoch0, pass)?,
        });
        Some(Self { start, width: width.min(end.saturating_sub(start)), epoch: 0, iter: 0, kind })
    }

    /// Locates values up to the first one that is not in the segment, and returns how many those are.
    #[inline]
    pub(super) fn map(&self, base: i64, values: &[i64], epoch: &mut [i64], iter: &mut [i64]) -> usize {
        let Some(&first) = values.first() else { return 0 };
        if first.wrapping_sub(base).cast_unsigned().wrapping_sub(self.start) >= self.width {
            return 0;
        }
        match self.kind {
            Kind::OneEpoch => self.each(base, values, epoch, iter, |x| (0, x)),
            Kind::Batches(by) => self.each(base, values, epoch, iter, move |x| by.divide(x)),
            Kind::StepsPerEpoch { per_epoch, accumulate, most } => {
                // The batches of all windows so far, minus those of earlier epochs. The products may wrap; their difference is
                // below `batches`. So neither multiplication waits for the other. `iter` holds where the first window ends.
                let windows = per_epoch.value().wrapping_mul(accumulate);
                self.each(base, values, epoch, iter, move |x| {
                    let (epoch, _) = per_epoch.divide(x);
                    (epoch, x.wrapping_mul(accumulate).wrapping_sub(epoch.wrapping_mul(windows)).min(most))
                })
            }
            Kind::StepsThrough { epoch: by, accumulate, phase, width } => {
                self.each(base, values, epoch, iter, move |x| {
                    by.divide(((x + 1).saturating_mul(accumulate) - phase).min(width) - 1)
                })
            }
            Kind::Stream(stream) => self.each(base, values, epoch, iter, move |x| stream.locate(x)),
            Kind::Samples { per_epoch, batch } => self.each(base, values, epoch, iter, move |x| {
                let (epoch, rest) = per_epoch.divide(x);
                (epoch, batch.divide(rest).0)
            }),
        }
    }

    #[inline]
    fn each(
        &self,
        base: i64,
        values: &[i64],
        epoch: &mut [i64],
        iter: &mut [i64],
        of: impl Fn(u64) -> (u64, u64),
    ) -> usize {
        // In two's complement, base and begin are one subtraction, and the bases of the outputs one addition.
        let base = base.cast_unsigned();
        let begin = self.start.wrapping_add(base);
        let (epoch0, iter0) = (self.epoch.wrapping_add(base), self.iter.wrapping_add(base));
        for (at, ((&value, epoch), iter)) in values.iter().zip(epoch).zip(iter).enumerate() {
            let x = value.cast_unsigned().wrapping_sub(begin);
            if x >= self.width {
                return at;
            }
            let (e, i) = of(x);
            *epoch = e.wrapping_add(epoch0).cast_signed();
            *iter = i.wrapping_add(iter0).cast_signed();
        }
        values.len()
    }
}
