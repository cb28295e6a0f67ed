//! From any unit to any other, with typed answers: exact, between two amounts, past the end, or undetermined.

use std::cmp::Ordering;

use crate::compiled_segment::CompiledSegment;
use crate::error::{Error, total};
use crate::fraction::Fraction;
use crate::marks::TokenPlace;
use crate::quantity::{Quantity, Ratio};
use crate::timeline::Timeline;
use crate::undetermined::{NO_PASS, NO_TOKENS, not_counted, sizes_unknown};
use crate::unit::Unit;

/// What a quantity is in another unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Exactly this much.
    Exact(Quantity),
    /// The target unit has no amount there: the nearest ones below and above (`None`: the run has none above).
    Between(Quantity, Option<Quantity>),
    /// Past the end of the run, which is at this amount.
    PastEnd(Quantity),
    /// It depends on something that was not stated; the text says on what.
    Undetermined(String),
}

/// A point of the batch axis: `batch` complete batches and a `fraction` (below 1) of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    pub(crate) batch: u64,
    pub(crate) fraction: Fraction,
}

impl Point {
    pub(crate) fn at(batch: u64) -> Self {
        Self { batch, fraction: Fraction::ZERO }
    }

    /// `whole + num / den` batches.
    pub(crate) fn within(whole: u64, num: u128, den: u128) -> Result<Self, Error> {
        // The end of the batch in which the point is has a number, too.
        let end = total(u128::from(whole) + num.div_ceil(den), Unit::Batch)?;
        let fraction = Fraction { num: num % den, den };
        Ok(Self { batch: end - u64::from(fraction.num > 0), fraction })
    }

    pub(crate) fn is_whole(self) -> bool {
        self.fraction.num == 0
    }
}

/// Where a quantity is on the batch axis.
enum Place {
    Point(Point),
    /// After more batches than the first number, and fewer than the second.
    Within(u64, u64),
    PastEnd,
    Undetermined(String),
}

impl Timeline {
    /// Converts an amount from the start of the run into another unit.
    pub fn convert(&self, quantity: Quantity, unit: Unit) -> Result<Answer, Error> {
        let place = self.place(quantity)?;
        if quantity.unit == unit && matches!(place, Place::Point(_) | Place::Within(..)) {
            return Ok(Answer::Exact(quantity));
        }
        let around = match place {
            Place::Point(point) => self.amounts_around(point, unit)?,
            Place::Within(begin, end) => self.amounts_between(begin, end, unit)?,
            Place::PastEnd => return Ok(self.end(unit).map_or_else(Answer::Undetermined, Answer::PastEnd)),
            Place::Undetermined(why) => return Ok(Answer::Undetermined(why)),
        };
        let (mut lower, mut upper) = match around {
            Ok(neighbours) => neighbours,
            Err(why) => return Ok(Answer::Undetermined(why)),
        };
        // An amount of data is the same amount in another unit of data, also inside a batch.
        if let Place::Point(point) = place
            && self.measures_data(unit)
            && let Some(end) = upper
            && let Some(value) = point.fraction.between(lower, end)
        {
            (lower, upper) = if unit.is_counted() { value.whole_around() } else { (value, Some(value)) };
        }
        let quantity = |value| Quantity { value, unit };
        Ok(if upper == Some(lower) {
            Answer::Exact(quantity(lower))
        } else {
            Answer::Between(quantity(lower), upper.map(quantity))
        })
    }

    /// Whether amounts of a unit are amounts of data, which grow evenly inside a batch.
    fn measures_data(&self, unit: Unit) -> bool {
        match unit {
            Unit::Sample | Unit::Epoch | Unit::Duration => true,
            Unit::Token => self.marks.is_empty(),
            Unit::Batch | Unit::Step => false,
        }
    }

    /// Compares two amounts by where they are on the timeline.
    pub fn compare(&self, left: Quantity, right: Quantity) -> Result<Ordering, Error> {
        if left.unit == right.unit {
            return Ok(left.value.cmp(&right.value));
        }
        match (self.place(left)?, self.place(right)?) {
            (Place::Point(left), Place::Point(right)) => Ok(left.cmp(&right)),
            (Place::PastEnd, Place::Point(_) | Place::Within(..)) => Ok(Ordering::Greater),
            (Place::Point(_) | Place::Within(..), Place::PastEnd) => Ok(Ordering::Less),
            (Place::Undetermined(why), _) | (_, Place::Undetermined(why)) => {
                Err(Error::Undetermined(format!("{left} and {right} cannot be compared: {why}")))
            }
            // A number of tokens between two marks is neither at the one nor at the other.
            (Place::Within(begin, end), Place::Point(point))
                if point <= Point::at(begin) || point >= Point::at(end) =>
            {
                Ok(if point <= Point::at(begin) { Ordering::Greater } else { Ordering::Less })
            }
            (Place::Point(point), Place::Within(begin, end))
                if point <= Point::at(begin) || point >= Point::at(end) =>
            {
                Ok(if point <= Point::at(begin) { Ordering::Less } else { Ordering::Greater })
            }
            (Place::Within(..), _) | (_, Place::Within(..)) => Err(Error::Undetermined(format!(
                "{left} and {right} cannot be compared: tokens are counted at marks, and both are between two of them"
            ))),
            (Place::PastEnd, Place::PastEnd) => Err(Error::OutOfRange(format!(
                "{left} and {right} cannot be compared: both are past the end of the timeline"
            ))),
        }
    }

    /// The point of a quantity, which must be at the end of a whole batch.
    pub(crate) fn exact_batch(&self, quantity: Quantity, name: &str) -> Result<u64, Error> {
        match self.place(quantity)? {
            Place::Point(point) if point.is_whole() => Ok(point.batch),
            Place::Point(point) => {
                let neighbours = format!("{}ba and {}ba", point.batch, point.batch + 1);
                Err(Error::invalid(format!(
                    "{name}=\"{quantity}\" is inside a batch, between {neighbours}: give one of them"
                )))
            }
            Place::Within(begin, end) => Err(Error::invalid(format!(
                "{name}=\"{quantity}\" is between {begin}ba and {end}ba, where tokens are counted: give one of them"
            ))),
            Place::PastEnd => Err(Error::OutOfRange(format!(
                "{name}=\"{quantity}\" is past the end of the timeline, {}ba",
                self.compiled.batches
            ))),
            Place::Undetermined(why) => Err(Error::Undetermined(format!("{name}=\"{quantity}\": {why}"))),
        }
    }

    fn end(&self, unit: Unit) -> Result<Quantity, String> {
        let whole = |value| Ok(Quantity::whole(value, unit));
        match unit {
            Unit::Batch => whole(self.compiled.batches),
            Unit::Step => whole(self.compiled.steps),
            Unit::Epoch if self.is_stream() => {
                let end = self.compiled.samples.zip(self.pass());
                let share = end.map(|(samples, pass)| Ratio::new(u128::from(samples), u128::from(pass)));
                match share {
                    Some(Ok(value)) => Ok(Quantity { value, unit }),
                    _ => Err(NO_PASS.into()),
                }
            }
            Unit::Epoch => whole(self.compiled.epochs),
            Unit::Duration => whole(1),
            Unit::Sample => {
                self.compiled.samples.map_or_else(|| Err(sizes_unknown("the number of samples").to_string()), whole)
            }
            Unit::Token => self.tokens().map_or_else(|| Err(NO_TOKENS.into()), whole),
        }
    }

    /// The place of a quantity past the last batch that is counted.
    fn past(&self, quantity: Quantity) -> Result<Place, Error> {
        if self.compiled.open {
            return Err(Error::overflow(format!("a count at {quantity}")));
        }
        Ok(match self.compiled.unknown {
            Some(_) => {
                Place::Undetermined(format!("{quantity} depends on the length of an epoch that is not known yet"))
            }
            None => Place::PastEnd,
        })
    }

    fn place(&self, quantity: Quantity) -> Result<Place, Error> {
        let compiled = &self.compiled;
        let value = quantity.value;
        // Counts come whole; `Quantity::new` sees to it.
        let count = value.num() / value.den();
        match quantity.unit {
            Unit::Batch if count <= compiled.batches => Ok(Place::Point(Point::at(count))),
            Unit::Step if count == 0 => Ok(Place::Point(Point::at(0))),
            Unit::Step if count <= compiled.steps => {
                let (segment, batch) = self.find(Unit::Step, count - 1)?;
                Ok(Place::Point(Point::at(segment.batch0 + batch + 1)))
            }
            Unit::Sample => self.place_sample(quantity, count),
            Unit::Epoch if self.is_stream() => self.place_in_stream(quantity),
            Unit::Epoch => self.place_epoch(quantity),
            Unit::Duration if !self.is_bounded() => Ok(Place::Undetermined(format!(
                "{quantity} is a fraction of the planned run, which is open-ended or of unknown length"
            ))),
            Unit::Duration if value > Ratio::whole(1) => Ok(Place::PastEnd),
            Unit::Duration => self.point_in_run(value).map(Place::Point),
            Unit::Token => self.place_tokens(quantity, count),
            Unit::Batch | Unit::Step => self.past(quantity),
        }
    }

    fn place_sample(&self, quantity: Quantity, count: u64) -> Result<Place, Error> {
        if count == 0 {
            return Ok(Place::Point(Point::at(0)));
        }
        if let Some(reached) = self.compiled.samples {
            if count == reached {
                return Ok(Place::Point(Point::at(self.compiled.batches)));
            }
            if count > reached {
                return self.past(quantity);
            }
        }
        let (segment, batch) = match self.find(Unit::Sample, count) {
            Ok(found) => found,
            Err(Error::Undetermined(why)) => return Ok(Place::Undetermined(why)),
            Err(error) => return Err(error),
        };
        let within = |batch| {
            segment.samples_within(batch).zip(segment.sample0).map(|(within, before)| u128::from(before) + within)
        };
        let (Some(first), Some(next)) = (within(batch), within(batch + 1)) else {
            // Here only the first sample of an epoch has a location, as its batch begins with it.
            return match within(batch) {
                Some(first) if first == u128::from(count) => Ok(Place::Point(Point::at(segment.batch0 + batch))),
                _ => Ok(Place::Undetermined(sizes_unknown(&format!("the location of sample {count}")).to_string())),
            };
        };
        Point::within(segment.batch0 + batch, u128::from(count) - first, next - first).map(Place::Point)
    }

    fn place_tokens(&self, quantity: Quantity, count: u64) -> Result<Place, Error> {
        if !self.marks.is_empty() {
            return Ok(match self.marks.place(count) {
                TokenPlace::At(batch) => Place::Point(Point::at(batch)),
                TokenPlace::Within(begin, end) => Place::Within(begin, end),
                TokenPlace::Past(_) if self.tokens().is_some() => Place::PastEnd,
                TokenPlace::Past(reached) => Place::Undetermined(not_counted(count, reached)),
            });
        }
        let Some(each) = self.tokens_per_sample() else { return Ok(Place::Undetermined(NO_TOKENS.into())) };
        match self.point_at_sample(u128::from(count), u128::from(each)) {
            Ok(Some(point)) => Ok(Place::Point(point)),
            Ok(None) if self.compiled.samples.is_some() => self.past(quantity),
            Ok(None) => Ok(Place::Undetermined(sizes_unknown(&format!("the location of token {count}")).to_string())),
            Err(Error::Undetermined(why)) => Ok(Place::Undetermined(why)),
            Err(error) => Err(error),
        }
    }

    fn place_in_stream(&self, quantity: Quantity) -> Result<Place, Error> {
        let Some(pass) = self.pass() else { return Ok(Place::Undetermined(NO_PASS.into())) };
        match self.point_in_stream(quantity.value.num(), quantity.value.den(), pass)? {
            Some(point) => Ok(Place::Point(point)),
            None => self.past(quantity),
        }
    }

    fn place_epoch(&self, quantity: Quantity) -> Result<Place, Error> {
        let compiled = &self.compiled;
        let (num, den) = (quantity.value.num(), quantity.value.den());
        let (epoch, rest) = (num / den, num % den);
        if epoch > compiled.epochs || (epoch == compiled.epochs && rest > 0) {
            let planned = self.epochs().is_some_and(|epochs| Ratio::whole(epochs) < quantity.value);
            return if planned { Ok(Place::PastEnd) } else { self.past(quantity) };
        }
        if epoch == compiled.epochs {
            let running = compiled.unknown.is_some_and(|tail| tail.joins);
            let uncounted = compiled.open && compiled.all.last().is_some_and(CompiledSegment::is_cut_off);
            return if running || uncounted {
                self.past(quantity)
            } else {
                Ok(Place::Point(Point::at(compiled.batches)))
            };
        }
        let after = compiled.all.partition_point(|segment| segment.epoch0 <= epoch);
        let Some(segment) = after.checked_sub(1).and_then(|at| compiled.all.get(at)) else {
            return self.past(quantity);
        };
        if rest == 0 {
            let begin = segment.batch0 + (epoch - segment.epoch0) * segment.batches - segment.iter0;
            return Ok(Place::Point(Point::at(begin)));
        }
        match self.point_in_epoch(segment, epoch, rest, den)? {
            Some(point) => Ok(Place::Point(point)),
            None => self.past(quantity),
        }
    }

    /// The amounts of `unit` next to a point, which are equal if the amount there is exact. The inner `Err` says what is not
    /// known.
    fn amounts_around(&self, point: Point, unit: Unit) -> Result<Result<(Ratio, Option<Ratio>), String>, Error> {
        if unit == Unit::Step {
            return Ok(Ok(self.steps_around(point)));
        }
        if unit == Unit::Token && !self.marks.is_empty() {
            let end = point.batch + u64::from(!point.is_whole());
            let bounds = self.marks.around(point.batch, end);
            return Ok(match bounds.upper {
                Some(upper) => Ok((Ratio::whole(bounds.lower), Some(Ratio::whole(upper)))),
                None => Err(format!(
                    "the tokens of {end} batches are not counted: {} are, up to the last mark",
                    bounds.lower
                )),
            });
        }
        let lower = match self.amount_at(point.batch, unit)? {
            Ok(lower) => lower,
            Err(why) => return Ok(Err(why)),
        };
        if point.is_whole() {
            return Ok(Ok((lower, Some(lower))));
        }
        let upper = self.amount_at(point.batch + 1, unit)?;
        // A batch ends within its epoch; epochs without batches that come after it are not part of it.
        let most = (unit == Unit::Epoch && !self.is_stream()).then(|| Ratio::whole(lower.num() / lower.den() + 1));
        Ok(upper.map(|upper| (lower, Some(most.map_or(upper, |most| most.min(upper))))))
    }

    /// The amounts of `unit` at a point between the ends of two batches.
    fn amounts_between(
        &self,
        begin: u64,
        end: u64,
        unit: Unit,
    ) -> Result<Result<(Ratio, Option<Ratio>), String>, Error> {
        let first = self.amounts_around(Point::at(begin), unit)?;
        let last = self.amounts_around(Point::at(end), unit)?;
        Ok(first.and_then(|(lower, _)| last.map(|(_, upper)| (lower, upper))))
    }

    /// A number of steps is exact only where no window is open.
    fn steps_around(&self, point: Point) -> (Ratio, Option<Ratio>) {
        let compiled = &self.compiled;
        let (done, open) = match self.segment_at(point.batch) {
            Some((segment, batch)) => (segment.step0 + segment.steps_within(batch), segment.is_open(batch)),
            None => (compiled.steps, compiled.window.pending > 0),
        };
        let lower = Ratio::whole(done);
        if !open && point.is_whole() {
            return (lower, Some(lower));
        }
        let more = done < compiled.steps || compiled.unknown.is_some();
        (lower, more.then(|| Ratio::whole(done + 1)))
    }

    /// The amount of any unit but steps at the end of a whole batch.
    fn amount_at(&self, batch: u64, unit: Unit) -> Result<Result<Ratio, String>, Error> {
        let compiled = &self.compiled;
        let found = self.segment_at(batch);
        match unit {
            Unit::Batch | Unit::Step => Ok(Ok(Ratio::whole(batch))),
            Unit::Sample => {
                let samples = match found {
                    Some((segment, within)) => segment
                        .sample0
                        .zip(segment.samples_within(within))
                        .map(|(before, within)| u128::from(before) + within),
                    None => compiled.samples.map(u128::from),
                };
                match samples {
                    Some(samples) => total(samples, Unit::Sample).map(|samples| Ok(Ratio::whole(samples))),
                    None => Ok(Err(sizes_unknown(&format!("the number of samples in {batch} batches")).to_string())),
                }
            }
            Unit::Epoch if self.is_stream() => match self.stream_done(batch)? {
                Some(share) => Ratio::new(share.done, u128::from(share.of)).map(Ok),
                None => Ok(Err(NO_PASS.into())),
            },
            Unit::Epoch => match found {
                Some((segment, within)) => {
                    let Some(share) = Self::epochs_done(segment, within) else {
                        let epoch = segment.epoch0 + within / segment.batches;
                        return Ok(Err(format!("the length of epoch {epoch} is not known yet")));
                    };
                    Ratio::new(share.done, u128::from(share.of)).map(Ok)
                }
                None if compiled.unknown.is_some_and(|tail| tail.joins) => {
                    Ok(Err(format!("the length of epoch {} is not known yet", compiled.epochs.saturating_sub(1))))
                }
                None => Ok(Ok(Ratio::whole(compiled.epochs))),
            },
            Unit::Duration if !self.is_bounded() => {
                Ok(Err("fractions of the planned run are not known: it is open-ended or of unknown length".into()))
            }
            Unit::Duration if compiled.batches == 0 => Ok(Err("a run of no batches has no fractions".into())),
            Unit::Duration => {
                let share = self.run_done(batch)?;
                Ratio::new(share.done, u128::from(share.of)).map(Ok)
            }
            Unit::Token => {
                let Some(each) = self.tokens_per_sample() else { return Ok(Err(NO_TOKENS.into())) };
                // Samples come whole.
                let tokens = |samples: Ratio| total(u128::from(samples.num()) * u128::from(each), Unit::Token);
                self.amount_at(batch, Unit::Sample)?
                    .map(|samples| tokens(samples).map(Ratio::whole))
                    .map_or_else(|why| Ok(Err(why)), |tokens| tokens.map(Ok))
            }
        }
    }

    /// The segment of the batch after the first `batch` batches, and how many batches of it are done; `None` at the end.
    pub(crate) fn segment_at(&self, batch: u64) -> Option<(&CompiledSegment, u64)> {
        if batch >= self.compiled.batches {
            // The last segment of an open end has no end.
            return self
                .compiled
                .all
                .last()
                .filter(|_| self.compiled.open)
                .map(|segment| (segment, batch - segment.batch0));
        }
        self.find(Unit::Batch, batch).ok()
    }
}
