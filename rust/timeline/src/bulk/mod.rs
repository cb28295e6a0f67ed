//! Arrays: millions of numbers to their locations, and back.
//!
//! Inside one piece the answer is closed form, with a multiplication for the division. A history of many irregular epochs
//! is looked up in a table of their starts (`starts`). Either way the piece or epoch found last is tried first, then the
//! next one: logs are mostly sorted.

mod marks;
mod reciprocal;
mod starts;

use crate::error::{Error, MAX_COUNT};
use crate::locate::Location;
use crate::piece::{Piece, Size};
use crate::timeline::Timeline;
use crate::unit::Unit;
use reciprocal::Reciprocal;
use starts::Starts;

/// What to do about a number that has no place on the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// Stop with an error that names the first one.
    Raise,
    /// Write -1 for it.
    Mask,
}

/// What stands for a number that has no place, in both outputs.
pub const MASKED: i64 = -1;

/// Arrays shorter than this are mapped by one thread: starting another costs more.
const PARALLEL: usize = 1 << 18;

/// Epochs a piece, on average, up to which a table of all epochs' starts is worth its memory.
const DENSE: u64 = 8;

/// Lookup tables, made when an array is first mapped: where batches are looked up, and where steps are the same thing.
pub(crate) type Index = Option<Starts>;

impl Timeline {
    /// The table of epoch starts, where the history is irregular enough to need one.
    fn starts(&self) -> Option<&Starts> {
        self.index
            .get_or_init(|| {
                let pieces = &self.pieces;
                let few = (pieces.all.len() as u64).saturating_mul(DENSE);
                if pieces.all.len() < 3 || pieces.open || pieces.epochs > few {
                    return None;
                }
                let mut starts = Vec::with_capacity(usize::try_from(pieces.epochs).ok()? + 1);
                for piece in pieces.all.iter().filter(|piece| piece.iter0 == 0) {
                    starts.extend((0..piece.epochs).map(|epoch| piece.batch0 + epoch * piece.batches));
                }
                starts.push(pieces.batches);
                Starts::new(starts)
            })
            .as_ref()
    }

    /// Finds where each of `values` (counting from `base`) is; writes epochs and iters that count from `base` too, and
    /// returns how many were masked. All three slices have one length.
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
                        // The last part is this thread's own.
                        if index + 1 < threads { Job::Thread(scope.spawn(job)) } else { Job::Done(job()) }
                    })
                    .collect();
                running.into_iter().map(Job::wait).collect()
            })
        })
    }

    /// Finds the index (counting from `base`) of what is at each location; the inverse of `locate_all`.
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
        let from_base = |name: &str, value: i64| {
            value
                .checked_sub(base)
                .and_then(|index| u64::try_from(index).ok())
                .ok_or_else(|| Error::OutOfRange(format!("{name} {value} is below the base {base}")))
        };
        let at = Location { epoch: from_base("epoch", epoch)?, iter: from_base("iter", iter)? };
        let index = self.index(unit, at)?;
        to_base(index, base)
            .ok_or_else(|| Error::overflow(format!("the {} at epoch {epoch}, iter {iter}", unit.name())))
    }

    /// The position after each location (indices from 0), in epochs, as a number to plot: `epoch + (iter + 1) / batches`.
    /// NaN where the location is masked or its epoch's length is not known; returns whether it is known of all.
    pub fn epoch_floats(&self, epoch: &[i64], iter: &[i64], out: &mut [f64]) -> bool {
        let (mut all, mut length) = (true, f64::NAN);
        // A step that is logged under several tags is at the same place several times: only the first one divides.
        let (mut last, mut float) = ((MASKED, MASKED), f64::NAN);
        for ((out, &epoch), &iter) in out.iter_mut().zip(epoch).zip(iter) {
            if epoch != last.0 {
                let known = u64::try_from(epoch).ok().and_then(|epoch| self.epoch_length(epoch));
                length = known.map_or(f64::NAN, to_float);
            }
            if (epoch, iter) != last {
                // Of a masked one, and of one in an epoch of no known length, it is NaN.
                float = to_float(epoch.cast_unsigned()) + to_float((iter + 1).cast_unsigned()) / length;
                last = (epoch, iter);
            }
            all &= !float.is_nan();
            *out = float;
        }
        all
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number to plot, not to count with")]
fn to_float(value: u64) -> f64 {
    value as f64
}

/// Refuses a base that nothing counts from.
pub fn check_base(base: i64) -> Result<(), Error> {
    if (0..=1).contains(&base) { Ok(()) } else { Err(Error::invalid(format!("base must be 0 or 1, not {base}"))) }
}

/// An index as a number that counts from `base`.
pub(crate) fn to_base(index: u64, base: i64) -> Option<i64> {
    i64::try_from(index).ok()?.checked_add(base)
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

/// Runs `work` over as many threads as pay; of several errors the one of the earliest part counts.
fn in_parts(length: usize, work: impl FnOnce(usize) -> Vec<Result<usize, Error>>) -> Result<usize, Error> {
    let threads = if length < PARALLEL {
        1
    } else {
        std::thread::available_parallelism().map_or(1, usize::from).min(length / (PARALLEL / 2))
    };
    work(threads).into_iter().sum()
}

/// Maps blocks of numbers one after the other, and remembers where the last one was.
#[derive(Clone)]
pub struct Mapper<'a> {
    timeline: &'a Timeline,
    unit: Unit,
    base: i64,
    invalid: Invalid,
    /// Numbers from here on have no place.
    reached: u64,
    starts: Option<&'a Starts>,
    /// With `starts`: the epoch found last.
    last: usize,
    kernel: Kernel,
}

impl<'a> Mapper<'a> {
    /// Prepares to locate `unit`s that count from `base`.
    pub fn new(timeline: &'a Timeline, unit: Unit, base: i64, invalid: Invalid) -> Result<Self, Error> {
        check_base(base)?;
        let pieces = &timeline.pieces;
        let reached = timeline.reached(unit)?.unwrap_or(MAX_COUNT);
        let steps_are_batches = || pieces.all.iter().all(|piece| piece.accumulate == 1 && piece.pending == 0);
        let dense = unit == Unit::Batch || (unit == Unit::Step && steps_are_batches());
        let starts = if dense { timeline.starts() } else { None };
        Ok(Self { timeline, unit, base, invalid, reached, starts, last: 0, kernel: Kernel::NOWHERE })
    }

    /// Writes where each value is; the three slices have one length.
    pub fn map(&mut self, values: &[i64], epoch: &mut [i64], iter: &mut [i64]) -> Result<usize, Error> {
        let length = values.len().min(epoch.len()).min(iter.len());
        let (values, epoch, iter) = (&values[..length], &mut epoch[..length], &mut iter[..length]);
        let mut masked = 0;
        let mut done = 0;
        while done < length {
            let (values_left, epoch_left, iter_left) = (&values[done..], &mut epoch[done..], &mut iter[done..]);
            done += match self.starts {
                Some(starts) => starts.map(self.base, &mut self.last, values_left, epoch_left, iter_left),
                None => self.kernel.run(self.base, values_left, epoch_left, iter_left),
            };
            if done == length {
                break;
            }
            // A number below the base wraps to one past any end.
            let index = values[done].wrapping_sub(self.base).cast_unsigned();
            let enters = self.starts.is_none() && index < self.reached && self.enter(index);
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

    /// Moves the kernel to where `index` is; false where that cannot be known.
    fn enter(&mut self, index: u64) -> bool {
        let Ok((piece, batch)) = self.timeline.find(self.unit, index) else { return false };
        self.kernel = Kernel::new(piece, self.unit, self.reached);
        // Where only an epoch's samples are known, its first sample has a location and the others have none.
        if self.kernel.width == 0 {
            let at = piece.location(batch);
            self.kernel = Kernel { start: index, width: 1, epoch: at.epoch, iter: at.iter, form: Form::Flat };
        }
        true
    }

    /// Why a number has no place.
    fn reason(&self, value: i64) -> Error {
        let out_of_range = |what: &str| Error::OutOfRange(format!("{} {value} {what}", self.unit.name()));
        match value.checked_sub(self.base).and_then(|index| u64::try_from(index).ok()) {
            None => out_of_range(&format!("is below the base {}", self.base)),
            Some(index) => match self.timeline.locate_from(self.unit, index, u64::from(self.base == 1)) {
                Err(error) => error,
                Ok(_) => out_of_range("has no location"),
            },
        }
    }
}

/// The closed form of one piece (or epoch) along one axis: valid for `width` numbers from `start` on.
#[derive(Clone, Copy)]
struct Kernel {
    start: u64,
    width: u64,
    epoch: u64,
    iter: u64,
    form: Form,
}

#[derive(Clone, Copy)]
enum Form {
    /// One epoch, a number a batch.
    Flat,
    /// Equal epochs, a number a batch.
    Batches(Reciprocal),
    /// Equal epochs with accumulation windows of their own.
    StepsPerEpoch { per_epoch: Reciprocal, accumulate: u64, most: u64 },
    /// Windows that run through.
    StepsThrough { epoch: Reciprocal, accumulate: u64, phase: u64, width: u64 },
    /// Samples in equal batches.
    Samples { per_epoch: Reciprocal, batch: Reciprocal },
}

impl Kernel {
    /// Holds nothing, so that the first number asks for the right one.
    const NOWHERE: Self = Self { start: 0, width: 0, epoch: 0, iter: 0, form: Form::Flat };

    /// The numbers of a piece, none of them at or past `reached`.
    fn new(piece: &Piece, unit: Unit, reached: u64) -> Self {
        let windowed = unit == Unit::Step && (piece.accumulate > 1 || piece.pending > 0);
        let (start, width) = match unit {
            Unit::Batch => (piece.batch0, piece.width),
            Unit::Step => (piece.step0, piece.steps()),
            _ => (
                piece.sample0.unwrap_or(0),
                piece.samples_within(piece.width).map_or(0, |all| u64::try_from(all).unwrap_or(u64::MAX)),
            ),
        };
        // An open end has samples past the limit; differences that wrapped would lie among them.
        let width = width.min(reached.saturating_sub(start));
        let form = match (unit, piece.size) {
            (Unit::Sample, Size::Batch { batch, .. }) => Form::Samples {
                per_epoch: Reciprocal::new(piece.samples_per_epoch().unwrap_or(1)),
                batch: Reciprocal::new(batch),
            },
            (Unit::Sample, _) => return Self { width: 0, ..Self::NOWHERE },
            _ if windowed && piece.per_epoch => Form::StepsPerEpoch {
                per_epoch: Reciprocal::new(piece.steps_per_epoch()),
                accumulate: piece.accumulate,
                most: (piece.batches - 1).saturating_sub(piece.accumulate - 1),
            },
            _ if windowed => Form::StepsThrough {
                epoch: Reciprocal::new(piece.batches),
                accumulate: piece.accumulate,
                phase: piece.phase,
                width: piece.width,
            },
            _ if piece.epochs == 1 => Form::Flat,
            _ => Form::Batches(Reciprocal::new(piece.batches)),
        };
        let iter = match form {
            Form::StepsPerEpoch { .. } => piece.iter0 + (piece.accumulate - 1).min(piece.batches - 1),
            _ => piece.iter0,
        };
        Self { start, width, epoch: piece.epoch0, iter, form }
    }

    /// Maps values as long as they lie inside; returns how many did.
    #[inline]
    fn run(&self, base: i64, values: &[i64], epoch: &mut [i64], iter: &mut [i64]) -> usize {
        let Some(&first) = values.first() else { return 0 };
        if first.wrapping_sub(base).cast_unsigned().wrapping_sub(self.start) >= self.width {
            return 0;
        }
        match self.form {
            Form::Flat => self.each(base, values, epoch, iter, |x| (0, x)),
            Form::Batches(by) => self.each(base, values, epoch, iter, move |x| by.divide(x)),
            Form::StepsPerEpoch { per_epoch, accumulate, most } => {
                // The batches of all windows so far, less those of the epochs before: the products may wrap, their difference is
                // below `batches`. So neither multiplication waits for the other. Where a window ends is in the kernel's iter.
                let windows = per_epoch.divisor().wrapping_mul(accumulate);
                self.each(base, values, epoch, iter, move |x| {
                    let (epoch, _) = per_epoch.divide(x);
                    (epoch, x.wrapping_mul(accumulate).wrapping_sub(epoch.wrapping_mul(windows)).min(most))
                })
            }
            Form::StepsThrough { epoch: by, accumulate, phase, width } => {
                self.each(base, values, epoch, iter, move |x| {
                    by.divide(((x + 1).saturating_mul(accumulate) - phase).min(width) - 1)
                })
            }
            Form::Samples { per_epoch, batch } => self.each(base, values, epoch, iter, move |x| {
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
        form: impl Fn(u64) -> (u64, u64),
    ) -> usize {
        // In two's complement the base and the piece's begin are one subtraction, and the outputs' bases one addition.
        let base = base.cast_unsigned();
        let begin = self.start.wrapping_add(base);
        let (epoch0, iter0) = (self.epoch.wrapping_add(base), self.iter.wrapping_add(base));
        for (at, ((&value, epoch), iter)) in values.iter().zip(epoch).zip(iter).enumerate() {
            let x = value.cast_unsigned().wrapping_sub(begin);
            if x >= self.width {
                return at;
            }
            let (e, i) = form(x);
            *epoch = e.wrapping_add(epoch0).cast_signed();
            *iter = i.wrapping_add(iter0).cast_signed();
        }
        values.len()
    }
}
