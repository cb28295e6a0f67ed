//! How much of a unit is done at each place, for an axis that all runs have in common.

use stepbridge_timeline::{Answer, Location, MASKED, Quantity, Timeline, Unit};

use super::places::Places;
use stepbridge_records::{ColumnBatch, StepMeaning, StepScope};

/// How much of a unit is done after the batch at each place, or at the end of each epoch that is a place; -1 if it is not known.
pub(super) fn at_places(timeline: &Timeline, unit: Unit, places: &Places) -> Vec<i64> {
    // Values of several tags at one place follow one another.
    let mut last = ((MASKED, MASKED, 0_u64), MASKED);
    let columns = places.epoch.iter().zip(&places.iter).zip(&places.epoch_float);
    let done = columns.map(|((&epoch, &iter), &epochs)| {
        let place = (epoch, iter, epochs.to_bits());
        if last.0 != place {
            last = (place, at(timeline, unit, epoch, iter, epochs).unwrap_or(MASKED));
        }
        last.1
    });
    done.collect()
}

fn at(timeline: &Timeline, unit: Unit, epoch: i64, iter: i64, epochs: f64) -> Option<i64> {
    match (u64::try_from(epoch), u64::try_from(iter)) {
        (Ok(epoch), Ok(iter)) => {
            after_batch(timeline, unit, timeline.index(Unit::Batch, Location { epoch, iter }).ok()?)
        }
        // The end of an epoch, or the start of the run.
        _ => after(timeline, unit, Quantity::whole(whole(epochs)?, Unit::Epoch)),
    }
}

/// How much of a unit is done after a batch of the run, if it is known.
pub(super) fn after_batch(timeline: &Timeline, unit: Unit, batch: u64) -> Option<i64> {
    after(timeline, unit, Quantity::whole(batch.checked_add(1)?, Unit::Batch))
}

fn after(timeline: &Timeline, unit: Unit, amount: Quantity) -> Option<i64> {
    let done = match timeline.convert(amount, unit).ok()? {
        Answer::Exact(done) => done,
        // Inside a window, the updates before it are done.
        Answer::Between(done, _) if unit == Unit::Step => done,
        _ => return None,
    };
    (done.value.den() == 1).then(|| i64::try_from(done.value.num()).ok()).flatten()
}

/// A float that is a whole number which floats hold exactly.
fn whole(number: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and in this range")]
    (number.fract() == 0.0 && (0.0..EXACT).contains(&number)).then_some(number as u64)
}

/// The same for steps of the run that count this unit themselves: no timeline is needed.
pub(super) fn by_steps(batch: &ColumnBatch, step: StepMeaning, unit: Unit) -> Vec<i64> {
    let counts = step.unit == unit && step.scope == StepScope::Run;
    let more = 1 - i64::from(step.base);
    let done = |index| batch.step_of(index).filter(|_| counts)?.checked_add(more).filter(|done| *done >= 0);
    (0..batch.len()).map(|index| done(index).unwrap_or(MASKED)).collect()
}
