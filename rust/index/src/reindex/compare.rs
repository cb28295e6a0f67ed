//! Compares logged epochs with those that placing found.

use stepbridge_timeline::{MASKED, Timeline};

use super::part::PlaceTallies;
use super::places::Places;
use crate::infer::PrintedRange;
use stepbridge_records::{ColumnBatch, Decimal, EpochMeaning};

/// What a logged epoch may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EpochForms {
    /// The number of the epoch, counted from this base.
    number: Option<u8>,
    /// How many epochs were complete.
    elapsed: bool,
}

impl EpochForms {
    /// The forms of a field with this meaning.
    fn of(epoch: Option<EpochMeaning>) -> Self {
        match epoch {
            Some(EpochMeaning::In(base) | EpochMeaning::Ends(base)) => Self { number: Some(base), elapsed: false },
            Some(EpochMeaning::Elapsed) => Self { number: None, elapsed: true },
            None => Self { number: Some(0), elapsed: true },
        }
    }
}

impl EpochForms {
    /// The index of the epoch that a printed integer names. Most logs state such numbers, and they are compared quickly.
    fn index(self, stated: Decimal) -> Option<i64> {
        let index = stated.mantissa.checked_sub(i64::from(self.number?))?;
        (stated.scale == 0 && index != MASKED).then_some(index)
    }
}

/// Whether a value is the number of the epoch that was found. Below 2^53, floats hold both exactly.
fn is_index(value: f64, epoch: i64, base: u8) -> bool {
    const EXACT: i64 = 1 << 53;
    #[expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "below 2^53 both are exact")]
    let same = (0..EXACT).contains(&epoch) && value == (epoch + i64::from(base)) as f64;
    same
}

/// Counts the records whose logged epoch differs from the one that was found. Records without a place are not compared,
/// except before the first step, where no epoch is complete. `epoch_tags` says for each tag whether its values are epochs; it
/// is empty if no tag has epochs.
pub(super) fn check(
    batch: &ColumnBatch,
    timeline: &Timeline,
    epoch: Option<EpochMeaning>,
    epoch_tags: &[bool],
    places: &Places,
    seen: &mut PlaceTallies,
) {
    let mut checker = EpochChecker { timeline, last: None };
    if let Some(stated) = &batch.epoch {
        let forms = EpochForms::of(epoch);
        for (range, stated) in stated.ranges() {
            let Some(stated) = stated else { continue };
            if forms.index(stated).is_some_and(|index| places.epoch[range.clone()].iter().all(|&epoch| epoch == index))
            {
                continue;
            }
            for index in range.filter(|&index| !checker.agrees(places, index, stated, forms)) {
                seen.disagrees.add(index);
            }
        }
    }
    // Event files hold epochs as the values of a tag.
    if !epoch_tags.is_empty() && batch.epoch.is_none() && batch.meaning.epoch.is_none() {
        let base = epoch.and_then(EpochMeaning::base).unwrap_or(0);
        let either = EpochForms { number: Some(base), elapsed: true };
        // Finding out how a number was printed is expensive, and epochs repeat.
        let mut known: Option<(u64, Option<Decimal>)> = None;
        let mut agreed = (f64::NAN, MASKED);
        for (index, &tag) in batch.tag.iter().enumerate() {
            if epoch_tags.get(tag as usize) != Some(&true) {
                continue;
            }
            let (value, epoch) = (batch.value[index], places.epoch[index]);
            if (value, epoch) == agreed {
                continue;
            }
            if is_index(value, epoch, base) {
                agreed = (value, epoch);
                continue;
            }
            let stated = match known {
                Some((bits, stated)) if bits == value.to_bits() => stated,
                _ => Decimal::of_float(value),
            };
            known = Some((value.to_bits(), stated));
            if let Some(stated) = stated
                && !checker.agrees(places, index, stated, either)
            {
                seen.disagrees.add(index);
            }
        }
    }
}

struct EpochChecker<'a> {
    timeline: &'a Timeline,
    /// The previous comparison. The metrics of one row repeat it.
    last: Option<(i64, i64, Decimal, bool)>,
}

impl EpochChecker<'_> {
    fn agrees(&mut self, places: &Places, index: usize, stated: Decimal, forms: EpochForms) -> bool {
        let (epoch, iter) = (places.epoch[index], places.iter[index]);
        if epoch == MASKED {
            // No epoch is complete, or there is no place at all.
            let first = forms.number.is_some_and(|base| stated.count() == Some(u64::from(base)));
            return places.epoch_float[index].is_nan() || first || contains(stated, 0, 0, 1);
        }
        if let Some((last_epoch, last_iter, last_stated, agrees)) = self.last
            && (last_epoch, last_iter, last_stated) == (epoch, iter, stated)
        {
            return agrees;
        }
        let agrees = self.compare(epoch, iter, stated, forms);
        self.last = Some((epoch, iter, stated, agrees));
        agrees
    }

    fn compare(&self, epoch: i64, iter: i64, stated: Decimal, forms: EpochForms) -> bool {
        let (Ok(epoch), Ok(iter)) = (u64::try_from(epoch), u64::try_from(iter)) else { return false };
        let number = |base: u8| epoch.checked_add(u64::from(base));
        let same = forms.number.is_some_and(|base| stated.count().is_some_and(|stated| number(base) == Some(stated)));
        same || forms.elapsed
            && self.timeline.epoch_length(epoch).is_some_and(|length| contains(stated, epoch, iter + 1, length))
    }
}

/// Whether `whole + num / den` may have been printed as `stated`.
fn contains(stated: Decimal, whole: u64, num: u64, den: u64) -> bool {
    PrintedRange::of(stated).and_then(|span| span.holds(whole, num, den)).unwrap_or(false)
}
