//! Logged epochs that are integers: the index of the epoch in which the update with index s happened.
//!
//! With N steps an epoch, a record (s, e) says e N <= s < (e + 1) N. A row of a validation or a test after training has the
//! total as its step and the next epoch, and says the same. If no single N fits, the lengths that the log shows outright are
//! taken, else one length up to some epoch and another one from there on.

use super::failure::InferenceFailure;
use super::pairs::{Pair, Pairs};

/// The epochs that the pairs show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EpochLengths {
    /// All have this many steps.
    Uniform(u64),
    /// They have these numbers of steps, as far as the log goes. The last epoch is cut at its last record.
    Observed(Vec<u64>),
    /// The first `count` epochs have `before` steps each, all later ones `after`.
    Changed { count: u64, before: u64, after: u64 },
}

/// How many pairs are looked at, at most, to find where the length changes.
const MOST_WORK: usize = 50_000_000;

/// Finds the epochs that fit all the pairs.
pub(crate) fn solve(pairs: &Pairs) -> Result<EpochLengths, InferenceFailure> {
    let rows = pairs.list.iter().map(EpochRow::of).enumerate();
    let rows: Vec<EpochRow> =
        rows.map(|(at, row)| row.ok_or(InferenceFailure::Nonsense { at })).collect::<Result<_, _>>()?;
    let mut range = LengthRange::default();
    for (by, row) in rows.iter().enumerate() {
        range.narrow(row.step, row.epoch);
        if range.is_empty() {
            return irregular(&rows).map_or_else(|| changed(&rows, by), Ok);
        }
    }
    match range.high {
        Some(high) if high == range.low => Ok(EpochLengths::Uniform(high)),
        Some(high) => Err(InferenceFailure::AnyIndexed { low: range.low, high, ends: ends(&rows, range.low) }),
        // The log never leaves epoch 0: the epoch is as long as the log, and was cut there.
        None => Ok(EpochLengths::Observed(vec![range.low])),
    }
}

/// A pair whose epoch is an integer.
#[derive(Debug, Clone, Copy)]
struct EpochRow {
    step: u64,
    epoch: u64,
}

impl EpochRow {
    fn of(pair: &Pair) -> Option<Self> {
        Some(Self { step: pair.step, epoch: pair.stated.count()? })
    }
}

/// The lengths N that rows allow. `high` is `None` while nothing limits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LengthRange {
    low: u64,
    high: Option<u64>,
}

impl Default for LengthRange {
    fn default() -> Self {
        Self { low: 1, high: None }
    }
}

impl LengthRange {
    /// Takes a record that is `step` steps after the start of these epochs, in the one with index `epoch`.
    fn narrow(&mut self, step: u64, epoch: u64) {
        if let Some(most) = step.checked_div(epoch) {
            self.high = Some(self.high.map_or(most, |high| high.min(most)));
        }
        self.low = self.low.max(epoch.checked_add(1).map_or(1, |next| step / next + 1));
    }

    fn is_empty(&self) -> bool {
        self.high.is_some_and(|high| high < self.low)
    }
}

/// How many epochs have a record at their end, if all have this length.
fn ends(rows: &[EpochRow], length: u64) -> usize {
    let at_end = rows.iter().filter(|row| (row.step + 1) % length == 0 && (row.step + 1) / length == row.epoch + 1);
    at_end.map(|row| row.epoch).collect::<std::collections::BTreeSet<_>>().len()
}

/// The length of every epoch, if the log shows where each one begins.
fn irregular(rows: &[EpochRow]) -> Option<EpochLengths> {
    let last = rows.iter().map(|row| row.epoch).max().and_then(|last| usize::try_from(last).ok());
    // Each epoch has a row, so there are at most as many epochs as rows.
    let last = last.filter(|last| *last < rows.len())?;
    let mut seen: Vec<Option<(u64, u64)>> = vec![None; last + 1];
    for row in rows {
        let epoch = &mut seen[usize::try_from(row.epoch).ok()?];
        let (first, last) = epoch.unwrap_or((row.step, row.step));
        *epoch = Some((first.min(row.step), last.max(row.step)));
    }
    let mut lengths = Vec::with_capacity(seen.len());
    let mut start = 0;
    for epoch in seen {
        let (first, last) = epoch.filter(|(first, _)| *first == start)?;
        lengths.push(last - first + 1);
        start = last.checked_add(1)?;
    }
    Some(EpochLengths::Observed(lengths))
}

/// One length up to some epoch and another one from there on, if that fits in one way only.
fn changed(rows: &[EpochRow], refuted_by: usize) -> Result<EpochLengths, InferenceFailure> {
    let mut rows_by_epoch = rows.to_vec();
    rows_by_epoch.sort_unstable_by_key(|row| row.epoch);
    let rows = &rows_by_epoch[..];
    let mut before = LengthRange::default();
    let mut found = None;
    let mut work = 0;
    let mut begin = 0;
    while begin < rows.len() && !before.is_empty() {
        let epoch = rows[begin].epoch;
        // The first epoch of the new length is above the epochs of the rows so far, and at most that of the next rows.
        let first = begin.checked_sub(1).map_or(1, |previous| rows[previous].epoch + 1);
        // The last step at which the later epochs can begin.
        let start = rows[begin..].iter().map(|row| row.step).min().unwrap_or(0);
        for count in first..=epoch.min(start / before.low) {
            let high = before.high.map_or(start / count, |high| high.min(start / count));
            for length in before.low..=high {
                work += rows.len() - begin;
                if work > MOST_WORK {
                    return Err(InferenceFailure::TwoPieces { refuted_by });
                }
                let after = after(&rows[begin..], count, length * count);
                match after.high {
                    Some(high) if high < after.low => {}
                    Some(high) if high == after.low && found.is_none() => {
                        found = Some(EpochLengths::Changed { count, before: length, after: high });
                    }
                    _ => return Err(InferenceFailure::TwoPieces { refuted_by }),
                }
            }
        }
        while begin < rows.len() && rows[begin].epoch == epoch {
            before.narrow(rows[begin].step, epoch);
            begin += 1;
        }
    }
    found.ok_or(InferenceFailure::Refuted { by: refuted_by })
}

/// The lengths that rows allow from epoch `count` on, which begins with step `start`.
fn after(rows: &[EpochRow], count: u64, start: u64) -> LengthRange {
    let mut range = LengthRange::default();
    for row in rows {
        range.narrow(row.step - start, row.epoch - count);
        if range.is_empty() {
            break;
        }
    }
    range
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solved(pairs: &[(u64, u64)]) -> Result<EpochLengths, InferenceFailure> {
        let texts: Vec<_> = pairs.iter().map(|(step, epoch)| (*step, epoch.to_string())).collect();
        let pairs: Vec<_> = texts.iter().map(|(step, epoch)| (*step, epoch.as_str())).collect();
        solve(&Pairs::of_test(&pairs))
    }

    /// Rows as Lightning writes them: each `every` steps, and one at each epoch's end.
    fn rows(lengths: &[u64], every: u64) -> Vec<(u64, u64)> {
        let mut rows = Vec::new();
        let mut start = 0;
        for (epoch, length) in (0..).zip(lengths) {
            rows.extend((start..start + length).filter(|step| (step + 1) % every == 0).map(|step| (step, epoch)));
            start += length;
            rows.push((start - 1, epoch));
        }
        rows
    }

    #[test]
    fn one_length_that_alone_fits_is_found() {
        assert_eq!(solved(&rows(&[151; 100], 50)), Ok(EpochLengths::Uniform(151)));
        assert_eq!(solved(&[(49, 4), (99, 9), (149, 14), (199, 19)]), Ok(EpochLengths::Uniform(10)));
    }

    #[test]
    fn a_row_after_training_has_the_next_epoch() {
        let mut rows = rows(&[1719; 5], 50);
        rows.extend([(8595, 5), (8595, 5)]);
        assert_eq!(solved(&rows), Ok(EpochLengths::Uniform(1719)));
    }

    #[test]
    fn a_run_may_begin_late() {
        let rows: Vec<_> = rows(&[14_074; 14], 50).into_iter().filter(|(step, _)| *step >= 140_740).collect();
        assert_eq!(solved(&rows), Ok(EpochLengths::Uniform(14_074)));
    }

    #[test]
    fn a_range_of_lengths_is_unknown() {
        assert_eq!(solved(&[(49, 4), (99, 9)]), Err(InferenceFailure::AnyIndexed { low: 10, high: 11, ends: 2 }));
        assert_eq!(solved(&[(4000, 10)]), Err(InferenceFailure::AnyIndexed { low: 364, high: 400, ends: 0 }));
        assert_eq!(solved(&rows(&[1719; 5], 50)), Err(InferenceFailure::AnyIndexed { low: 1719, high: 1724, ends: 5 }));
    }

    #[test]
    fn epoch_0_alone_is_cut_at_its_last_record() {
        assert_eq!(solved(&[(49, 0), (2499, 0)]), Ok(EpochLengths::Observed(vec![2500])));
        assert_eq!(solved(&[(0, 0)]), Ok(EpochLengths::Observed(vec![1])));
    }

    #[test]
    fn lengths_that_are_seen_need_no_rule() {
        assert_eq!(solved(&rows(&[5, 2, 2, 7], 1)), Ok(EpochLengths::Observed(vec![5, 2, 2, 7])));
    }

    #[test]
    fn one_change_of_length_is_found_where_it_is_certain() {
        let lengths: Vec<_> = [100; 10].into_iter().chain([50; 10]).collect();
        let expected = EpochLengths::Changed { count: 10, before: 100, after: 50 };
        let mut rows = rows(&lengths, 10);
        rows.push((1500, 20));
        assert_eq!(solved(&rows), Ok(expected));
    }

    #[test]
    fn a_change_that_could_be_elsewhere_is_unknown() {
        // 100 each, then 50 each, logged too rarely to show since when.
        let why = solved(&[(99, 0), (199, 1), (299, 2), (360, 4), (415, 5)]).unwrap_err();
        assert_eq!(why, InferenceFailure::TwoPieces { refuted_by: 3 });
    }

    #[test]
    fn the_first_contradiction_is_named() {
        assert_eq!(solved(&[(99, 0), (100, 1), (0, 1)]), Err(InferenceFailure::Refuted { by: 2 }));
        assert_eq!(solved(&[(0, 0), (5, 3), (2, 4)]), Err(InferenceFailure::Refuted { by: 1 }));
        let why = solve(&Pairs::of_test(&[(1, "0"), (2, "0.5")]));
        assert_eq!(why, Err(InferenceFailure::Nonsense { at: 1 }));
    }

    #[test]
    fn the_ends_of_the_range_of_counts_are_no_trap() {
        let most = u64::try_from(i64::MAX).unwrap();
        assert_eq!(solved(&[(most, most), (most, 0)]), Err(InferenceFailure::Refuted { by: 1 }));
        assert_eq!(solved(&[(most, 0)]), Ok(EpochLengths::Observed(vec![most + 1])));
    }
}
