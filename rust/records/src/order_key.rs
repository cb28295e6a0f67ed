//! Keys that order the records of a run, and what later sessions superseded.

use std::collections::HashMap;

use crate::decimal::Decimal;
use crate::epoch_column::{EpochColumn, EpochReader};

/// The position of a record in its run, as it was logged. Keys of records with the same meaning can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey {
    /// The epoch, if the step begins again with each epoch; else 0.
    pub epoch: i64,
    /// The step; without a step, the fraction of the epoch.
    pub step: i64,
}

/// How many digits of a fraction are compared.
const DIGITS: u32 = 9;

impl OrderKey {
    /// The key of an epoch with a fraction.
    fn of_epoch(stated: Decimal) -> Option<Self> {
        if stated.scale == 0 {
            return Some(Self { epoch: stated.mantissa, step: 0 });
        }
        let scale = u32::try_from(stated.scale).ok()?;
        let unit = 10_i64.checked_pow(scale)?;
        let rest = stated.mantissa.rem_euclid(unit);
        let step = match scale.checked_sub(DIGITS) {
            None => rest * 10_i64.pow(DIGITS - scale),
            Some(more) => rest / 10_i64.checked_pow(more)?,
        };
        Some(Self { epoch: stated.mantissa.div_euclid(unit), step })
    }
}

/// The keys of the records of a batch.
pub struct OrderKeys<'a> {
    kind: OrderKeyKind<'a>,
    /// Which records have no step; `None` if all have one.
    missing: Option<&'a [bool]>,
}

enum OrderKeyKind<'a> {
    /// Steps over the whole run.
    Steps(&'a [i64]),
    /// Steps that begin again with each epoch, or whose meaning is not known, with an epoch.
    StepsInEpochs(&'a [i64], &'a EpochColumn, EpochReader<'a>),
    /// Epochs without steps.
    Epochs(EpochReader<'a>),
    /// Records without a position.
    Nothing,
}

impl<'a> OrderKeys<'a> {
    /// The keys of records with these columns. `over_run` says that steps are known to be counted over the whole run.
    pub(crate) fn new(
        steps: Option<&'a [i64]>,
        missing: Option<&'a [bool]>,
        epochs: Option<&'a EpochColumn>,
        over_run: bool,
    ) -> Self {
        let kind = match (steps, epochs) {
            (Some(steps), Some(epochs)) if !over_run => OrderKeyKind::StepsInEpochs(steps, epochs, epochs.reader()),
            (Some(steps), _) => OrderKeyKind::Steps(steps),
            (None, Some(epochs)) => OrderKeyKind::Epochs(epochs.reader()),
            (None, None) => OrderKeyKind::Nothing,
        };
        Self { kind, missing }
    }

    /// The key of record `index`; `None` if the record has no position.
    #[must_use]
    #[inline]
    pub fn at(&self, index: usize) -> Option<OrderKey> {
        let has_step = || self.missing.is_none_or(|missing| !missing[index]);
        match &self.kind {
            OrderKeyKind::Steps(steps) => has_step().then(|| OrderKey { epoch: 0, step: steps[index] }),
            OrderKeyKind::StepsInEpochs(steps, _, epochs) => {
                let epoch = OrderKey::of_epoch(epochs.get(index)?)?.epoch;
                has_step().then(|| OrderKey { epoch, step: steps[index] })
            }
            OrderKeyKind::Epochs(epochs) => OrderKey::of_epoch(epochs.get(index)?),
            OrderKeyKind::Nothing => None,
        }
    }

    /// Whether no key is below one before it, nor below `highest`, which is set to the highest key of these records.
    pub fn ascend(&self, highest: &mut Option<OrderKey>) -> bool {
        let mut follows = |first: OrderKey, last: OrderKey| {
            let before = highest.replace(last);
            before.is_none_or(|before| first >= before)
        };
        let mut ascends = |epoch: i64, steps: &[i64]| {
            let key = |step: i64| OrderKey { epoch, step };
            ends(steps).is_none_or(|(first, last)| steps.is_sorted() && follows(key(first), key(last)))
        };
        match &self.kind {
            OrderKeyKind::Steps(steps) if self.missing.is_none() => ascends(0, steps),
            OrderKeyKind::StepsInEpochs(steps, epochs, _) if self.missing.is_none() => {
                epochs.ranges().all(|(range, stated)| {
                    let epoch = stated.and_then(OrderKey::of_epoch);
                    epoch.is_none_or(|OrderKey { epoch, .. }| ascends(epoch, &steps[range]))
                })
            }
            OrderKeyKind::Steps(steps) | OrderKeyKind::StepsInEpochs(steps, ..) => {
                (0..steps.len()).filter_map(|index| self.at(index)).all(|key| follows(key, key))
            }
            OrderKeyKind::Epochs(epochs) => {
                (0..epochs.len()).filter_map(|index| self.at(index)).all(|key| follows(key, key))
            }
            OrderKeyKind::Nothing => true,
        }
    }
}

/// The first and the last of some numbers.
fn ends(numbers: &[i64]) -> Option<(i64, i64)> {
    Some((*numbers.first()?, *numbers.last()?))
}

/// The keys from which on records are superseded by later sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SupersededFrom {
    /// For every series.
    pub all: Option<OrderKey>,
    /// For one series, by the number of its tag.
    pub tags: HashMap<u32, OrderKey>,
}

impl SupersededFrom {
    /// Whether a record with this tag and key is superseded.
    #[must_use]
    pub fn holds(&self, tag: u32, key: Option<OrderKey>) -> bool {
        let from = |start: &OrderKey| key.is_some_and(|key| key >= *start);
        self.all.as_ref().is_some_and(from) || self.tags.get(&tag).is_some_and(from)
    }

    /// Whether no record is superseded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_none() && self.tags.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_compared_digit_by_digit() {
        let at = |text: &str| OrderKey::of_epoch(Decimal::parse(text).unwrap()).unwrap();
        for (less, more) in [("0.9", "1"), ("1.05", "1.5"), ("2.231362160654889", "2.231362161"), ("-0.5", "0")] {
            assert!(at(less) < at(more), "{less} {more}");
        }
        assert_eq!(at("3.50"), at("3.5"));
    }
}
