//! From any unit to any other, with typed answers: exact, between two, beyond the end, or unknown.

use std::cmp::Ordering;

use crate::error::{Error, total};
use crate::locate::sizes_unknown;
use crate::piece::Piece;
use crate::quantity::{Quantity, Ratio};
use crate::timeline::Timeline;
use crate::unit::Unit;

/// What a quantity is in another unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Exactly this much.
    Exact(Quantity),
    /// The target unit has no amount there: the nearest ones below and above (`None`: none is reached any more).
    Between(Quantity, Option<Quantity>),
    /// Past the end of the run, which is here.
    Beyond(Quantity),
    /// It depends on what nobody stated.
    Unknown(String),
}

/// A point of the batch axis: `batch` completed ones and a `fraction` (below 1) of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    pub(crate) batch: u64,
    pub(crate) fraction: Ratio,
}

impl Point {
    fn at(batch: u64) -> Self {
        Self { batch, fraction: Ratio::whole(0) }
    }

    /// `whole + num / den` batches.
    fn within(whole: u64, num: u128, den: u128) -> Result<Self, Error> {
        let batch = total(u128::from(whole) + num / den, Unit::Batch)?;
        Ok(Self { batch, fraction: Ratio::new(num % den, den)? })
    }

    pub(crate) fn is_whole(self) -> bool {
        self.fraction.num() == 0
    }
}

/// Where a quantity lies, or why it lies nowhere.
enum Place {
    Point(Point),
    Beyond,
    Unknown(String),
}

impl Timeline {
    /// Converts an amount from the start of the run into another unit.
    pub fn convert(&self, quantity: Quantity, unit: Unit) -> Result<Answer, Error> {
        let point = match self.place(quantity)? {
            Place::Point(point) => point,
            Place::Beyond => return Ok(self.end(unit).map_or_else(Answer::Unknown, Answer::Beyond)),
            Place::Unknown(why) => return Ok(Answer::Unknown(why)),
        };
        if quantity.unit == unit {
            return Ok(Answer::Exact(quantity));
        }
        let (lower, upper) = match self.amount(point, unit)? {
            Ok(neighbours) => neighbours,
            Err(why) => return Ok(Answer::Unknown(why)),
        };
        let quantity = |value| Quantity { value, unit };
        Ok(if upper == Some(lower) {
            Answer::Exact(quantity(lower))
        } else {
            Answer::Between(quantity(lower), upper.map(quantity))
        })
    }

    /// Compares two amounts by where they lie on the timeline.
    pub fn compare(&self, left: Quantity, right: Quantity) -> Result<Ordering, Error> {
        if left.unit == right.unit {
            return Ok(left.value.cmp(&right.value));
        }
        match (self.place(left)?, self.place(right)?) {
            (Place::Point(left), Place::Point(right)) => Ok(left.cmp(&right)),
            (Place::Beyond, Place::Point(_)) => Ok(Ordering::Greater),
            (Place::Point(_), Place::Beyond) => Ok(Ordering::Less),
            (Place::Unknown(why), _) | (_, Place::Unknown(why)) => {
                Err(Error::Unknown(format!("{left} and {right} cannot be compared: {why}")))
            }
            (Place::Beyond, Place::Beyond) => Err(Error::OutOfRange(format!(
                "{left} and {right} cannot be compared: both are past the end of the timeline"
            ))),
        }
    }

    /// The point of a quantity that must lie at the end of a whole batch.
    pub(crate) fn exact_batch(&self, quantity: Quantity, name: &str) -> Result<u64, Error> {
        match self.place(quantity)? {
            Place::Point(point) if point.is_whole() => Ok(point.batch),
            Place::Point(point) => {
                let neighbours = format!("{}ba and {}ba", point.batch, point.batch + 1);
                Err(Error::invalid(format!(
                    "{name}=\"{quantity}\" is inside a batch, between {neighbours}: give one of them"
                )))
            }
            Place::Beyond => Err(Error::OutOfRange(format!(
                "{name}=\"{quantity}\" is past the end of the timeline, {}ba",
                self.pieces.batches
            ))),
            Place::Unknown(why) => Err(Error::Unknown(format!("{name}=\"{quantity}\": {why}"))),
        }
    }

    fn end(&self, unit: Unit) -> Result<Quantity, String> {
        let whole = |value| Ok(Quantity::whole(value, unit));
        match unit {
            Unit::Batch => whole(self.pieces.batches),
            Unit::Step => whole(self.pieces.steps),
            Unit::Epoch => whole(self.pieces.epochs),
            Unit::Duration => whole(1),
            Unit::Sample => {
                self.pieces.samples.map_or_else(|| Err(sizes_unknown("the number of samples").to_string()), whole)
            }
            Unit::Token => Err(no_tokens()),
        }
    }

    /// Past the last thing counted: beyond a known end, past the limit of counts, or unknown.
    fn past(&self, quantity: Quantity) -> Result<Place, Error> {
        if self.pieces.open {
            return Err(Error::overflow(format!("a count at {quantity}")));
        }
        Ok(match self.pieces.unknown {
            Some(_) => Place::Unknown(format!("{quantity} depends on the length of an epoch that is not known yet")),
            None => Place::Beyond,
        })
    }

    fn place(&self, quantity: Quantity) -> Result<Place, Error> {
        let pieces = &self.pieces;
        let value = quantity.value;
        // Counts come whole; `Quantity::new` sees to it.
        let count = value.num() / value.den();
        match quantity.unit {
            Unit::Batch if count <= pieces.batches => Ok(Place::Point(Point::at(count))),
            Unit::Step if count == 0 => Ok(Place::Point(Point::at(0))),
            Unit::Step if count <= pieces.steps => {
                let (piece, batch) = self.find(Unit::Step, count - 1)?;
                Ok(Place::Point(Point::at(piece.batch0 + batch + 1)))
            }
            Unit::Sample => self.place_sample(quantity, count),
            Unit::Epoch => self.place_epoch(quantity),
            Unit::Duration if !self.is_bounded() => Ok(Place::Unknown(format!(
                "{quantity} is a fraction of the planned run, which is open-ended or of unknown length"
            ))),
            Unit::Duration if value > Ratio::whole(1) => Ok(Place::Beyond),
            Unit::Duration => {
                Point::within(0, u128::from(value.num()) * u128::from(pieces.batches), u128::from(value.den()))
                    .map(Place::Point)
            }
            Unit::Token => Ok(Place::Unknown(no_tokens())),
            Unit::Batch | Unit::Step => self.past(quantity),
        }
    }

    fn place_sample(&self, quantity: Quantity, count: u64) -> Result<Place, Error> {
        if count == 0 {
            return Ok(Place::Point(Point::at(0)));
        }
        if let Some(reached) = self.pieces.samples {
            if count == reached {
                return Ok(Place::Point(Point::at(self.pieces.batches)));
            }
            if count > reached {
                return self.past(quantity);
            }
        }
        let (piece, batch) = match self.find(Unit::Sample, count) {
            Ok(found) => found,
            Err(Error::Unknown(why)) => return Ok(Place::Unknown(why)),
            Err(error) => return Err(error),
        };
        let within =
            |batch| piece.samples_within(batch).zip(piece.sample0).map(|(within, before)| u128::from(before) + within);
        let (Some(first), Some(next)) = (within(batch), within(batch + 1)) else {
            // The only sample that has a place here is an epoch's first, whose batch begins with it.
            return match within(batch) {
                Some(first) if first == u128::from(count) => Ok(Place::Point(Point::at(piece.batch0 + batch))),
                _ => Ok(Place::Unknown(sizes_unknown(&format!("the place of sample {count}")).to_string())),
            };
        };
        Point::within(piece.batch0 + batch, u128::from(count) - first, next - first).map(Place::Point)
    }

    fn place_epoch(&self, quantity: Quantity) -> Result<Place, Error> {
        let pieces = &self.pieces;
        let (num, den) = (quantity.value.num(), quantity.value.den());
        let (epoch, rest) = (num / den, num % den);
        if epoch > pieces.epochs || (epoch == pieces.epochs && rest > 0) {
            let planned = self.epochs().is_some_and(|epochs| Ratio::whole(epochs) < quantity.value);
            return if planned { Ok(Place::Beyond) } else { self.past(quantity) };
        }
        if epoch == pieces.epochs {
            let running = pieces.unknown.is_some_and(|tail| tail.joins);
            let uncounted = pieces.open && pieces.all.last().is_some_and(Piece::is_cut_off);
            return if running || uncounted {
                self.past(quantity)
            } else {
                Ok(Place::Point(Point::at(pieces.batches)))
            };
        }
        let after = pieces.all.partition_point(|piece| piece.epoch0 <= epoch);
        let Some(piece) = after.checked_sub(1).and_then(|at| pieces.all.get(at)) else { return self.past(quantity) };
        let begin = piece.batch0 + (epoch - piece.epoch0) * piece.batches - piece.iter0;
        match piece.epoch_length {
            Some(length) => {
                Point::within(begin, u128::from(rest) * u128::from(length), u128::from(den)).map(Place::Point)
            }
            None if rest == 0 => Ok(Place::Point(Point::at(begin))),
            None => self.past(quantity),
        }
    }

    /// The amounts of `unit` at a point: twice the same where it is exact, else the neighbours; `Err` says what is unknown.
    fn amount(&self, point: Point, unit: Unit) -> Result<Result<(Ratio, Option<Ratio>), String>, Error> {
        if unit == Unit::Step {
            return Ok(Ok(self.step_amount(point)));
        }
        let lower = match self.amount_at(point.batch, unit)? {
            Ok(lower) => lower,
            Err(why) => return Ok(Err(why)),
        };
        if point.is_whole() {
            return Ok(Ok((lower, Some(lower))));
        }
        Ok(self.amount_at(point.batch + 1, unit)?.map(|upper| (lower, Some(upper))))
    }

    /// Steps are exact only where no window is open.
    fn step_amount(&self, point: Point) -> (Ratio, Option<Ratio>) {
        let pieces = &self.pieces;
        let (done, open) = match self.piece_at(point.batch) {
            Some((piece, batch)) => (piece.step0 + piece.steps_within(batch), piece.is_open(batch)),
            None => (pieces.steps, pieces.window.pending > 0),
        };
        let lower = Ratio::whole(done);
        if !open && point.is_whole() {
            return (lower, Some(lower));
        }
        let more = done < pieces.steps || pieces.unknown.is_some();
        (lower, more.then(|| Ratio::whole(done + 1)))
    }

    /// Everything but steps, at the end of a whole batch.
    fn amount_at(&self, batch: u64, unit: Unit) -> Result<Result<Ratio, String>, Error> {
        let pieces = &self.pieces;
        let found = self.piece_at(batch);
        match unit {
            Unit::Batch | Unit::Step => Ok(Ok(Ratio::whole(batch))),
            Unit::Sample => {
                let samples = match found {
                    Some((piece, within)) => piece
                        .sample0
                        .zip(piece.samples_within(within))
                        .map(|(before, within)| u128::from(before) + within),
                    None => pieces.samples.map(u128::from),
                };
                match samples {
                    Some(samples) => total(samples, Unit::Sample).map(|samples| Ok(Ratio::whole(samples))),
                    None => Ok(Err(sizes_unknown(&format!("the number of samples in {batch} batches")).to_string())),
                }
            }
            Unit::Epoch => match found {
                Some((piece, within)) => {
                    let (epoch, iter) = (piece.epoch0 + within / piece.batches, piece.iter0 + within % piece.batches);
                    match piece.epoch_length {
                        Some(length) => {
                            Ratio::new(u128::from(epoch) * u128::from(length) + u128::from(iter), u128::from(length))
                                .map(Ok)
                        }
                        None if iter == 0 => Ok(Ok(Ratio::whole(epoch))),
                        None => Ok(Err(format!("the length of epoch {epoch} is not known yet"))),
                    }
                }
                None if pieces.unknown.is_some_and(|tail| tail.joins) => {
                    Ok(Err(format!("the length of epoch {} is not known yet", pieces.epochs.saturating_sub(1))))
                }
                None => Ok(Ok(Ratio::whole(pieces.epochs))),
            },
            Unit::Duration if !self.is_bounded() => {
                Ok(Err("fractions of the planned run are not known: it is open-ended or of unknown length".into()))
            }
            Unit::Duration if pieces.batches == 0 => Ok(Err("a run of no batches has no fractions".into())),
            Unit::Duration => Ratio::new(u128::from(batch), u128::from(pieces.batches)).map(Ok),
            Unit::Token => Ok(Err(no_tokens())),
        }
    }

    /// The piece that the batch after the first `batch` ones lies in, and the batches of it done; `None` at the end.
    pub(crate) fn piece_at(&self, batch: u64) -> Option<(&Piece, u64)> {
        if batch >= self.pieces.batches {
            // An open end has a piece there all the same: its last one goes on.
            return self.pieces.all.last().filter(|_| self.pieces.open).map(|piece| (piece, batch - piece.batch0));
        }
        self.find(Unit::Batch, batch).ok()
    }
}

fn no_tokens() -> String {
    "tokens are known only where the run counted them".into()
}
