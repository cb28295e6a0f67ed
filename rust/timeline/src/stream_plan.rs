//! Plans of streams, and ramps: batch sizes that change at amounts of data.

use crate::epoch_shape::positive;
use crate::error::{Error, MAX_COUNT, total};
use crate::plan::Plan;
use crate::quantity::Quantity;
use crate::segment::{Entry, Segment, StreamEnd};
use crate::timeline::Timeline;
use crate::unit::{Boundary, OnCut, Unit};

/// A batch size, and the amount from which on it holds: at the first batch that begins there or later.
pub type RampStep = (Quantity, u64);

/// What is planned for a stream.
#[derive(Debug, Clone)]
pub struct StreamPlan<'a> {
    /// Batch sizes; the first one holds from 0 on.
    pub ramp: &'a [RampStep],
    /// The samples of one pass over the data.
    pub samples: Option<u64>,
    /// Tokens in each sample.
    pub tokens_per_sample: Option<u64>,
    /// Batches per step.
    pub accumulate: u64,
    /// Where it ends: an amount of steps or tokens.
    pub end: Option<Quantity>,
}

impl Timeline {
    /// Plans a stream.
    pub fn stream(plan: &StreamPlan) -> Result<Self, Error> {
        positive("samples", plan.samples)?;
        positive("tokens_per_sample", plan.tokens_per_sample)?;
        positive("accumulate", Some(plan.accumulate))?;
        check_ramp(plan.ramp)?;
        let end = match plan.end {
            None => StreamEnd::Endless,
            Some(Quantity { unit: Unit::Step, .. }) => StreamEnd::Steps,
            Some(quantity) => StreamEnd::Samples(samples_at(quantity, plan.tokens_per_sample, plan.samples)?),
        };
        let whole = |quantity: Quantity| quantity.value.num() / quantity.value.den();
        // What is left until the end, in batches and in samples.
        let (mut batches_left, mut samples_left) = (None, None);
        match plan.end {
            Some(quantity) if quantity.unit == Unit::Step => {
                positive("steps", Some(whole(quantity)))?;
                batches_left = Some(total(u128::from(whole(quantity)) * u128::from(plan.accumulate), Unit::Batch)?);
            }
            Some(quantity) => {
                positive("tokens", Some(whole(quantity)))?;
                samples_left = Some(samples_at(quantity, plan.tokens_per_sample, plan.samples)?);
            }
            None => {}
        }
        let mut segments = Vec::with_capacity(plan.ramp.len());
        let (mut batch, mut sample) = (0_u64, 0_u64);
        for (at, &(_, size)) in plan.ramp.iter().enumerate() {
            let until = plan.ramp.get(at + 1).map(|(quantity, _)| *quantity);
            let wanted = until.map(|quantity| match quantity.unit {
                Unit::Batch => Ok(whole(quantity).saturating_sub(batch)),
                Unit::Step => {
                    let at = total(u128::from(whole(quantity)) * u128::from(plan.accumulate), Unit::Batch)?;
                    Ok(at.saturating_sub(batch))
                }
                _ => {
                    let at = samples_at(quantity, plan.tokens_per_sample, plan.samples)?;
                    Ok(at.saturating_sub(sample).div_ceil(size))
                }
            });
            let wanted = wanted.transpose()?;
            let most = batches_left.or(samples_left.map(|left: u64| left.div_ceil(size)));
            let batches = match (wanted, most) {
                (Some(wanted), Some(most)) => Some(wanted.min(most)),
                (wanted, most) => wanted.or(most),
            };
            if batches != Some(0) {
                segments.push(Segment {
                    epochs: Some(1),
                    batches,
                    batch_size: Some(size),
                    last_batch_size: batches.and(Some(size)),
                    samples: plan.samples,
                    drop_last: false,
                    accumulate: plan.accumulate,
                    boundary: Boundary::Carry,
                    joins: !segments.is_empty(),
                    cut: false,
                    on_cut: OnCut::Carry,
                    entry: Entry::Continue,
                    stream: Some(end),
                    tokens_per_sample: plan.tokens_per_sample,
                });
            }
            let Some(batches) = batches else { break };
            let samples = total(u128::from(batches) * u128::from(size), Unit::Sample)?;
            batch = total(u128::from(batch) + u128::from(batches), Unit::Batch)?;
            sample = total(u128::from(sample) + u128::from(samples), Unit::Sample)?;
            batches_left = batches_left.map(|left| left - batches);
            samples_left = samples_left.map(|left| left.saturating_sub(samples));
            if batches_left == Some(0) || samples_left == Some(0) {
                break;
            }
        }
        Self::from_segments(segments)
    }

    /// Plans a run of equal epochs over a data set, in batches of sizes that change. The time is that of one pass over the ramp.
    pub fn plan_ramp(plan: &Plan, ramp: &[RampStep]) -> Result<Self, Error> {
        check_ramp(ramp)?;
        let first = Self::plan(&Plan { batch_size: ramp.first().map(|(_, size)| *size), ..*plan })?;
        if ramp.len() < 2 {
            return Ok(first);
        }
        let (Some(template), Some(samples)) = (first.segments().first().copied(), plan.samples) else {
            return Err(Error::invalid("a batch_size that changes needs samples, the size of the data set"));
        };
        if plan.batches.is_some() {
            return Err(Error::invalid(
                "with a batch_size that changes, batches_per_epoch follows from samples: leave it out",
            ));
        }
        let mut builder = RampBuilder {
            plan: *plan,
            template,
            samples,
            segments: Vec::new(),
            batch: 0,
            sample: 0,
            epochs: 0,
            done: 0,
        };
        for (at, &(_, size)) in ramp.iter().enumerate() {
            builder.add(size, ramp.get(at + 1).map(|(quantity, _)| *quantity))?;
        }
        Self::from_segments(builder.segments)
    }
}

/// The epochs of a ramp so far.
struct RampBuilder {
    plan: Plan,
    template: Segment,
    samples: u64,
    segments: Vec<Segment>,
    batch: u64,
    sample: u64,
    /// Complete epochs, and samples of the running one.
    epochs: u64,
    done: u64,
}

impl RampBuilder {
    /// Adds batches of one size until a quantity, or to the end of the run.
    fn add(&mut self, size: u64, until: Option<Quantity>) -> Result<(), Error> {
        let goal = match until {
            None => None,
            Some(quantity) if quantity.unit == Unit::Batch => Some((Unit::Batch, quantity.value.num())),
            Some(quantity) => {
                Some((Unit::Sample, samples_at(quantity, self.plan.tokens_per_sample, Some(self.samples))?))
            }
        };
        // Batches of this size from here until the goal.
        let wanted = |this: &Self| match goal {
            None => u64::MAX,
            Some((Unit::Batch, at)) => at.saturating_sub(this.batch),
            Some((_, at)) => at.saturating_sub(this.sample).div_ceil(size),
        };
        let ended = |this: &Self| this.plan.epochs.is_some_and(|all| this.epochs >= all);
        if self.done > 0 && wanted(self) > 0 && !ended(self) {
            self.part(size, wanted(self))?;
        }
        if ended(self) || wanted(self) == 0 {
            return Ok(());
        }
        let whole = if self.plan.drop_last { self.samples / size } else { self.samples.div_ceil(size) };
        if whole == 0 {
            return Err(Error::invalid(format!(
                "drop_last leaves no batch: {} samples are fewer than one batch of {size}",
                self.samples
            )));
        }
        let taken = if self.plan.drop_last { whole * size } else { self.samples };
        let fit = match goal {
            None => None,
            Some((Unit::Batch, at)) => Some((at - self.batch) / whole),
            Some((_, at)) => Some((at - self.sample) / taken),
        };
        let left = self.plan.epochs.map(|all| all - self.epochs);
        let epochs = match (fit, left) {
            (Some(fit), Some(left)) => Some(fit.min(left)),
            (fit, left) => fit.or(left),
        };
        if epochs != Some(0) {
            let last = taken - (whole - 1) * size;
            self.segments.push(Segment {
                epochs,
                batches: Some(whole),
                batch_size: Some(size),
                last_batch_size: Some(last),
                ..self.template
            });
        }
        let Some(epochs) = epochs else { return Ok(()) };
        self.epochs += epochs;
        self.batch = total(u128::from(self.batch) + u128::from(epochs) * u128::from(whole), Unit::Batch)?;
        self.sample = total(u128::from(self.sample) + u128::from(epochs) * u128::from(taken), Unit::Sample)?;
        if !ended(self) && wanted(self) > 0 {
            self.part(size, wanted(self))?;
        }
        Ok(())
    }

    /// Adds at most `most` batches to the running epoch, or to one that begins.
    fn part(&mut self, size: u64, most: u64) -> Result<(), Error> {
        let left = self.samples - self.done;
        let whole = if self.plan.drop_last { left / size } else { left.div_ceil(size) };
        let batches = most.min(whole);
        let ends = batches == whole;
        let taken = if ends && !self.plan.drop_last { left } else { batches * size };
        if batches > 0 {
            self.segments.push(Segment {
                epochs: Some(1),
                batches: Some(batches),
                batch_size: Some(size),
                last_batch_size: Some(taken - (batches - 1) * size),
                joins: self.done > 0,
                ..self.template
            });
        }
        self.batch = total(u128::from(self.batch) + u128::from(batches), Unit::Batch)?;
        self.sample = total(u128::from(self.sample) + u128::from(taken), Unit::Sample)?;
        (self.epochs, self.done) = if ends { (self.epochs + 1, 0) } else { (self.epochs, self.done + taken) };
        Ok(())
    }
}

/// The samples that an amount of data is, rounded up.
fn samples_at(quantity: Quantity, tokens_per_sample: Option<u64>, samples: Option<u64>) -> Result<u64, Error> {
    let (num, den) = (u128::from(quantity.value.num()), u128::from(quantity.value.den()));
    let unsaid = |what: &str| Err(Error::invalid(format!("{quantity} needs {what}")));
    match (quantity.unit, tokens_per_sample, samples) {
        (Unit::Sample, ..) => total(num, Unit::Sample),
        (Unit::Token, Some(each), _) => total(num.div_ceil(u128::from(each)), Unit::Sample),
        (Unit::Token, None, _) => unsaid("tokens_per_sample"),
        (Unit::Epoch, _, Some(pass)) => total((num * u128::from(pass)).div_ceil(den), Unit::Sample),
        (Unit::Epoch, _, None) => unsaid("samples, those of one pass over the data"),
        _ => Err(Error::invalid(format!(
            "{quantity}: a batch_size changes at an amount of samples, tokens, batches or epochs"
        ))),
    }
}

/// Refuses a ramp that does not begin at 0 or that goes back.
fn check_ramp(ramp: &[RampStep]) -> Result<(), Error> {
    let Some((begin, _)) = ramp.first() else {
        return Err(Error::invalid("batch_size has no entry: give a number, or pairs of an amount and a number"));
    };
    if begin.value.num() != 0 {
        return Err(Error::invalid(format!("the first batch_size holds from 0 on, not from {begin}")));
    }
    for (_, size) in ramp {
        positive("batch_size", Some(*size))?;
    }
    for pair in ramp.windows(2) {
        let [(before, _), (next, _)] = pair else { continue };
        let back = next.value.num() == 0 || (before.unit == next.unit && next.value <= before.value);
        if back {
            return Err(Error::invalid(format!("batch_size goes back: {next} comes after {before}")));
        }
        if next.value.num() > MAX_COUNT {
            return Err(Error::overflow(format!("the amount {next}")));
        }
    }
    Ok(())
}
