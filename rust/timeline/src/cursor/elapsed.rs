//! How much is done in any unit, and what the last event crossed.

use super::{Counts, Cursor};
use crate::error::{Error, count};
use crate::quantity::{Quantity, Ratio};
use crate::undetermined::NO_PASS;
use crate::unit::Unit;

impl Cursor {
    /// Whether `quantity` is done.
    pub fn reached(&self, quantity: Quantity) -> Result<bool, Error> {
        Ok(quantity.value.num() == 0 || self.multiples_at(&self.now, quantity)? > 0)
    }

    /// Whether the last event crossed a multiple of `quantity`.
    pub fn crossed_every(&mut self, quantity: Quantity) -> Result<bool, Error> {
        if quantity.value.num() == 0 {
            return Err(Error::invalid(format!("every {quantity} would always be true: give more than 0")));
        }
        let before = self.before_of(quantity);
        Ok(self.multiples_at(&self.now, quantity)? > self.multiples_at(&before, quantity)?)
    }

    /// Whether the last event reached `quantity`.
    pub fn crossed_at(&mut self, quantity: Quantity) -> Result<bool, Error> {
        if quantity.value.num() == 0 {
            return Ok(false);
        }
        let before = self.before_of(quantity);
        Ok(self.multiples_at(&self.now, quantity)? > 0 && self.multiples_at(&before, quantity)? == 0)
    }

    /// The counts before the last event, for a trigger.
    fn before_of(&mut self, quantity: Quantity) -> Counts {
        if quantity.unit != Unit::Token {
            return self.before;
        }
        Counts { token: self.tokens_asked_from(quantity), ..self.before }
    }

    /// How often `quantity` fits into what is done.
    pub fn multiples(&self, quantity: Quantity) -> Result<u64, Error> {
        if quantity.value.num() == 0 {
            return Err(Error::invalid(format!("every {quantity} would always be true: give more than 0")));
        }
        count(self.multiples_at(&self.now, quantity)?, || format!("the multiples of {quantity}"))
    }

    /// How much of `unit` is done, as an exact fraction.
    pub fn elapsed(&self, unit: Unit) -> Result<Ratio, Error> {
        let (done, of) = self.done_in(&self.now, unit, false).map_err(|why| {
            Error::Undetermined(format!("how much of the {} is done cannot be known: {why}", unit.plural()))
        })?;
        Ratio::new(done, of)
    }

    /// How often `quantity` fits into what was done at one moment.
    fn multiples_at(&self, counts: &Counts, quantity: Quantity) -> Result<u128, Error> {
        let (num, den) = (u128::from(quantity.value.num()), u128::from(quantity.value.den()));
        let (done, of) = self
            .done_in(counts, quantity.unit, den == 1)
            .map_err(|why| Error::Undetermined(format!("when {quantity} is reached cannot be known: {why}")))?;
        if let Some(scaled) = done.checked_mul(den) {
            return Ok(scaled / (of * num));
        }
        // Whole units first, so that no product passes 128 bits.
        let (whole, part) = (done / of, done % of);
        let (often, rest) = (whole * den / num, whole * den % num);
        Ok(often + (rest * of + part * den) / (of * num))
    }

    /// How much of `unit` was done at one moment, as numerator and denominator. `whole`: only whole epochs are needed.
    fn done_in(&self, counts: &Counts, unit: Unit, whole: bool) -> Result<(u128, u128), &'static str> {
        Ok(match unit {
            Unit::Batch => (u128::from(counts.batch), 1),
            Unit::Step => (u128::from(counts.step), 1),
            Unit::Token => match self.tokens_per_sample.zip(counts.sample) {
                Some((each, samples)) => (u128::from(each) * u128::from(samples), 1),
                None => (u128::from(counts.token), 1),
            },
            Unit::Sample => (u128::from(counts.sample.ok_or("the clock has no batch_size")?), 1),
            Unit::Duration => {
                let run = self.planned.run.ok_or("the plan has no end, or no lengths")?;
                match run.samples.zip(counts.sample) {
                    Some((all, done)) => (u128::from(done), u128::from(all)),
                    None => (u128::from(counts.batch), u128::from(run.batches.max(1))),
                }
            }
            Unit::Epoch if self.is_stream() => {
                let pass = self.stream.and_then(|stream| stream.pass).ok_or(NO_PASS)?;
                (u128::from(counts.sample.ok_or("the clock has no batch_size")?), u128::from(pass))
            }
            Unit::Epoch => {
                let (epoch, iter) = counts.position();
                // Fractions are amounts of data; batches are counted where sizes are not known.
                let (done, all) = match counts.sample_in_epoch.zip(counts.epoch_samples) {
                    Some((done, all)) => (done, Some(all)),
                    None => (iter, counts.length),
                };
                match all {
                    Some(all) if iter > 0 => (u128::from(epoch) * u128::from(all) + u128::from(done), u128::from(all)),
                    None if iter > 0 && !whole => return Err("the length of the epoch is not known"),
                    _ => (u128::from(epoch), 1),
                }
            }
        })
    }
}
