//! Steps that begin again with each epoch, in logs that do not say so: a loop that counts its batches by `enumerate(loader)`.
//! A count over the whole run never falls when the epoch rises.

use stepbridge_timeline::Unit;

use super::evidence::EpochStretch;
use super::inferred::StepHint;
use stepbridge_records::{ColumnBatch, EpochMeaning, StepMeaning};

/// Whether the steps of a batch may begin again: their meaning is not known, or only likely.
pub(crate) fn may_restart(batch: &ColumnBatch) -> bool {
    let open = batch.meaning.step.is_none() || batch.format.description().step_may_restart;
    open && batch.step.is_some() && batch.epoch.is_some()
}

/// What the records of a file show, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct StepResets {
    /// The epoch of the last record, and the highest step in it.
    last: Option<(u64, i64)>,
    /// The lowest epoch, and the lowest step.
    first: Option<(u64, i64)>,
    /// Whether a step fell when the epoch rose.
    fell: bool,
    /// Whether a step did not, or cannot be a step inside an epoch.
    against: bool,
}

impl StepResets {
    pub(super) fn add(&mut self, stretches: &[EpochStretch]) {
        for EpochStretch { first, low, high, .. } in stretches {
            let (first, least, most) = (first.step, low.step, high.step);
            let Some(epoch) = low.stated.count().filter(|_| least >= 0) else {
                self.against = true;
                return;
            };
            let (of_epoch, of_step) = self.first.unwrap_or((epoch, least));
            self.first = Some((of_epoch.min(epoch), of_step.min(least)));
            self.last = Some(match self.last {
                Some((before, highest)) if epoch == before => (epoch, highest.max(most)),
                Some((before, highest)) if epoch > before => {
                    self.against |= first > highest;
                    self.fell |= first < highest;
                    (epoch, most)
                }
                // A later process went back, or this is the first record.
                _ => (epoch, most),
            });
        }
    }

    /// The meaning of the numbers, if steps begin again with each epoch. Steps count from 0 if there is a 0.
    pub(super) fn hint(&self) -> Option<StepHint> {
        let (epoch, step) = self.first.filter(|_| self.fell && !self.against)?;
        let base = u8::try_from(epoch).ok().filter(|base| *base < 2)?;
        let step = StepMeaning::of_epoch(Unit::Batch, u8::from(step > 0));
        Some(StepHint { step, epoch: EpochMeaning::In(base) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::evidence;
    use super::*;
    use crate::second_counters::SecondCounters;
    use stepbridge_records::{Decimal, Records};

    fn hint(pairs: &[(i64, i64)], format: &str) -> Option<(u8, Option<u8>)> {
        // Pieces of a file, as small as they may be.
        let batches = pairs.chunks(2).map(|pair| ColumnBatch {
            step: Some(pair.iter().map(|pair| pair.1).collect()),
            epoch: Some(pair.iter().map(|pair| Some(Decimal::integer(pair.0))).collect()),
            value: vec![0.0; pair.len()],
            tag: vec![0; pair.len()],
            ..ColumnBatch::new(0, 0, stepbridge_formats::named(format).expect("a format").format())
        });
        let records = Records { batches: batches.collect(), ..Records::default() };
        let evidence = evidence::gather(&records, &SecondCounters::default(), 1);
        let [file] = evidence.as_slice() else { panic!("one file") };
        assert!(file.may_restart);
        let mut restarts = StepResets::default();
        restarts.add(&file.stretches);
        restarts.hint().map(|hint| (hint.step.base, hint.epoch.base()))
    }

    #[test]
    fn steps_that_fall_with_every_epoch_begin_again() {
        for (pairs, expected) in [
            (&[(0, 0), (0, 1), (1, 0), (1, 1)][..], Some((0, Some(0)))),
            (&[(1, 1), (1, 2), (2, 1), (3, 1)], Some((1, Some(1)))),
            (&[(0, 50), (0, 100), (1, 50), (1, 100), (2, 50)], Some((1, Some(0)))),
            // Validation has its own count, behind that of training.
            (&[(0, 9), (0, 19), (0, 0), (0, 4), (1, 9), (1, 19)], Some((0, Some(0)))),
            // A process that goes on from the epoch before.
            (&[(0, 0), (0, 5), (1, 0), (1, 5), (1, 0), (2, 0), (0, 0), (0, 3), (1, 0)], Some((0, Some(0)))),
            // A count over the run; one record an epoch; the first epoch is neither 0 nor 1; one epoch.
            (&[(0, 0), (0, 4), (1, 5), (1, 9), (2, 10)], None),
            (&[(0, 0), (0, 4), (1, 0), (1, 9), (2, 10)], None),
            (&[(0, 5), (1, 5), (2, 5)], None),
            (&[(3, 0), (3, 5), (4, 0)], None),
            (&[(0, 0), (0, 5)], None),
            (&[(0, 0), (0, 5), (1, -1)], None),
        ] {
            for format in ["csv", "lightning_csv"] {
                assert_eq!(hint(pairs, format), expected, "{pairs:?}");
            }
        }
    }
}
