//! Logged epochs with a fraction: after the n-th update, the batches done over the batches of an epoch.
//!
//! With N batches an epoch and k a step, such a log shows only x = k/N. After step s it states, by the rule for a window that
//! is open at the end of an epoch (E: the epochs complete before step s; r: the number of step s in its epoch):
//! - carry: s x;
//! - flush: E + min(r x, 1), with ceil(N/k) steps an epoch;
//! - drop: E + r x, with floor(N/k) steps an epoch.
//!
//! Each printed number allows a range of x, and the ranges intersect. The simplest k/N in the intersection is the answer,
//! unless another one is nearly as simple. If k = 1 fits, the three rules are the same.

use stepbridge_timeline::Boundary;

use super::failure::{EpochRate, InferenceFailure};
use super::pairs::{Pair, Pairs};
use super::ratio::{PrintedRange, Ratio};

/// The largest k that is tried.
const MOST_ACCUMULATED: u64 = 4096;
/// No other k up to this many times the one that was found may fit.
const MARGIN: u64 = 8;

/// The rate that fits the pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateFit {
    pub(crate) rate: EpochRate,
    /// The log ends within its first epoch, so it does not show the rule for an open window at the end of an epoch.
    pub(crate) first_epoch_only: bool,
}

/// Finds the one rate that fits all the pairs.
pub(crate) fn solve(pairs: &Pairs) -> Result<RateFit, InferenceFailure> {
    fit(&pairs.list)?.ok_or_else(|| InferenceFailure::Refuted { by: first_refuting(&pairs.list) })
}

/// The index of the first pair with which no rate fits any more.
fn first_refuting(pairs: &[Pair]) -> usize {
    let (mut sound, mut refuted) = (0, pairs.len());
    while refuted - sound > 1 {
        let middle = usize::midpoint(sound, refuted);
        if matches!(fit(&pairs[..middle]), Ok(None)) {
            refuted = middle;
        } else {
            sound = middle;
        }
    }
    sound
}

/// The rate that fits; `Ok(None)` if none does.
fn fit(pairs: &[Pair]) -> Result<Option<RateFit>, InferenceFailure> {
    let plain = RateFamily::of(pairs, Boundary::Carry, 0)?;
    if !plain.high.is_positive() {
        return Ok(None);
    }
    let whole = plain.lengths(1)?;
    let Some(high) = whole.high else { return Err(InferenceFailure::AnyLength { low: whole.low, high: None }) };
    if whole.low < high {
        return Err(InferenceFailure::AnyLength { low: whole.low, high: Some(high) });
    }
    if whole.low == high {
        let rate = EpochRate { batches: high, accumulate: 1, boundary: Boundary::Flush };
        return Ok(Some(RateFit { rate, first_epoch_only: false }));
    }
    // Compared with the plain ratio, flush gives at most one step an epoch more, and drop at most one fewer.
    let mut families = vec![plain];
    for steps in whole.low.saturating_sub(1).max(1)..=high.saturating_add(1) {
        families.push(RateFamily::of(pairs, Boundary::Flush, steps)?);
        families.push(RateFamily::of(pairs, Boundary::Drop, steps)?);
    }
    families.retain(|family| family.low <= family.high);
    simplest(pairs, &families)
}

/// The fit with the smallest k, if no other fit has a k near it.
fn simplest(pairs: &[Pair], families: &[RateFamily]) -> Result<Option<RateFit>, InferenceFailure> {
    let mut found: Option<RateFit> = None;
    let mut accumulate = 1;
    while accumulate < found.map_or(MOST_ACCUMULATED, |found| found.rate.accumulate * MARGIN) {
        accumulate += 1;
        for family in families {
            let lengths = family.lengths(accumulate)?;
            let Some(high) = lengths.high.filter(|high| lengths.low <= *high) else { continue };
            let rate = |batches| EpochRate { batches, accumulate, boundary: family.boundary };
            let Some(known) = found.as_mut() else {
                if lengths.low < high {
                    return Err(InferenceFailure::TwoRates { first: rate(lengths.low), second: rate(high) });
                }
                found = Some(RateFit { rate: rate(high), first_epoch_only: false });
                continue;
            };
            let ratio = |rate: EpochRate| Ratio::new(i128::from(rate.batches), i128::from(rate.accumulate));
            let other = if ratio(rate(lengths.low)) == ratio(known.rate) { rate(high) } else { rate(lengths.low) };
            let same = ratio(other) == ratio(known.rate);
            let in_first_epoch = pairs.iter().all(|pair| pair.step <= known.rate.batches / known.rate.accumulate);
            match (same, other.boundary == known.rate.boundary) {
                (true, true) => {}
                (true, false) if in_first_epoch => known.first_epoch_only = true,
                _ => return Err(InferenceFailure::TwoRates { first: known.rate, second: other }),
            }
        }
    }
    Ok(found)
}

/// All x that fit under one rule and one number of steps an epoch, or under carry.
struct RateFamily {
    boundary: Boundary,
    /// Steps an epoch; 0 under carry, because it is not one number there.
    steps: u64,
    low: Ratio,
    high: Ratio,
}

/// The integers from `low` to `high`: none if `high` is below `low`, without end if there is no `high`.
struct WholeRange {
    low: u64,
    high: Option<u64>,
}

impl RateFamily {
    fn of(pairs: &[Pair], boundary: Boundary, steps: u64) -> Result<Self, InferenceFailure> {
        let most = Ratio::new(i128::from(MOST_ACCUMULATED), 1);
        let mut family = Self { boundary, steps, low: Ratio::new(0, 1), high: most };
        for pair in pairs {
            family.narrow(pair).ok_or(InferenceFailure::TooLarge)?;
        }
        Ok(family)
    }

    fn narrow(&mut self, pair: &Pair) -> Option<()> {
        let span = PrintedRange::of(pair.stated)?;
        let last = pair.step.saturating_sub(1);
        let epoch = last.checked_div(self.steps).unwrap_or(0);
        let step = pair.step - epoch * self.steps;
        let flushed = self.boundary == Boundary::Flush && step == self.steps;
        if step == 0 || flushed {
            // The number does not depend on x: it is right or wrong.
            if !span.holds(epoch, u64::from(flushed), 1)? {
                self.high = Ratio::new(-1, 1);
            }
            return Some(());
        }
        self.low = self.low.max(span.low.minus(epoch)?.over(step)?);
        self.high = self.high.min(span.high.minus(epoch)?.over(step)?);
        Some(())
    }

    /// The N for which k/N fits.
    fn lengths(&self, accumulate: u64) -> Result<WholeRange, InferenceFailure> {
        let clamp = |value: i128| u64::try_from(value.max(0)).unwrap_or(u64::MAX);
        let mut low = clamp(self.high.ceil_of(accumulate).ok_or(InferenceFailure::TooLarge)?).max(1);
        let mut high = None;
        if self.low.is_positive() {
            high = Some(clamp(self.low.floor_of(accumulate).ok_or(InferenceFailure::TooLarge)?));
        }
        // A window is open at the end of each epoch; otherwise k = 1 would have fitted.
        let between = match self.boundary {
            Boundary::Carry => None,
            Boundary::Flush => Some((self.steps - 1, self.steps)),
            Boundary::Drop | Boundary::Spill => Some((self.steps, self.steps.saturating_add(1))),
        };
        if let Some((fewer, more)) = between {
            low = low.max(fewer.saturating_mul(accumulate).saturating_add(1));
            let most = more.saturating_mul(accumulate) - 1;
            high = Some(high.map_or(most, |high| high.min(most)));
        }
        Ok(WholeRange { low, high })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solved(pairs: &[(u64, &str)]) -> Result<RateFit, InferenceFailure> {
        solve(&Pairs::of_test(pairs))
    }

    fn rate(batches: u64, accumulate: u64, boundary: Boundary) -> EpochRate {
        EpochRate { batches, accumulate, boundary }
    }

    /// What a writer logs: batch by batch, with the rule spelled out.
    fn log(rate: EpochRate, epochs: u64, every: u64, digits: Option<usize>) -> Vec<(u64, String)> {
        let mut lines = Vec::new();
        let (mut step, mut open) = (0, 0);
        for epoch in 0..epochs {
            for batch in 1..=rate.batches {
                open += 1;
                let last = batch == rate.batches && rate.boundary == Boundary::Flush;
                if open == rate.accumulate || last {
                    (step, open) = (step + 1, 0);
                    #[expect(clippy::cast_precision_loss, reason = "a writer's own float")]
                    let value = epoch as f64 + batch as f64 / rate.batches as f64;
                    let text = digits.map_or_else(|| value.to_string(), |digits| format!("{value:.digits$}"));
                    if step % every == 0 {
                        lines.push((step, text));
                    }
                }
            }
            if rate.boundary == Boundary::Drop {
                open = 0;
            }
        }
        lines
    }

    fn solved_log(
        rate: EpochRate,
        epochs: u64,
        every: u64,
        digits: Option<usize>,
    ) -> Result<RateFit, InferenceFailure> {
        let lines = log(rate, epochs, every, digits);
        solved(&lines.iter().map(|(step, text)| (*step, text.as_str())).collect::<Vec<_>>())
    }

    #[test]
    fn a_whole_ratio_needs_one_exact_number() {
        let found = solved(&[(500, "0.17421602787456447")]).unwrap();
        assert_eq!(found, RateFit { rate: rate(2870, 1, Boundary::Flush), first_epoch_only: false });
    }

    #[test]
    fn each_rule_is_found_from_exact_numbers() {
        for boundary in [Boundary::Carry, Boundary::Flush, Boundary::Drop] {
            for (batches, accumulate) in [(1647, 4), (50_207, 16), (103, 8), (7, 3)] {
                let truth = rate(batches, accumulate, boundary);
                let found = solved_log(truth, 5, 1, None).unwrap();
                assert_eq!(found, RateFit { rate: truth, first_epoch_only: false });
            }
        }
    }

    #[test]
    fn two_digits_are_enough_where_there_are_many_records() {
        // A carry adds up over the epochs; the other rules begin anew with each, and leave more to choose from.
        let truth = rate(1647, 4, Boundary::Carry);
        assert_eq!(solved_log(truth, 24, 10, Some(2)).unwrap().rate, truth);
        let why = solved_log(rate(1647, 4, Boundary::Flush), 24, 10, Some(2)).unwrap_err();
        assert!(matches!(why, InferenceFailure::TwoRates { .. }), "{why:?}");
    }

    #[test]
    fn a_common_factor_cannot_be_seen() {
        let found = solved_log(rate(100, 8, Boundary::Flush), 3, 1, None).unwrap();
        assert_eq!(found.rate, rate(25, 2, Boundary::Flush));
        let found = solved_log(rate(512, 4, Boundary::Flush), 1, 1, None).unwrap();
        assert_eq!(found.rate, rate(128, 1, Boundary::Flush));
    }

    #[test]
    fn the_rule_is_unknown_within_the_first_epoch() {
        let found = solved_log(rate(103, 8, Boundary::Carry), 1, 1, None).unwrap();
        assert_eq!((found.rate.batches, found.rate.accumulate, found.first_epoch_only), (103, 8, true));
    }

    #[test]
    fn several_lengths_are_unknown_with_their_range() {
        assert_eq!(solved(&[(10, "0.1"), (20, "0.2")]), Err(InferenceFailure::AnyLength { low: 80, high: Some(133) }));
        assert_eq!(solved(&[(10, "0.0")]), Err(InferenceFailure::AnyLength { low: 200, high: None }));
        assert_eq!(solved(&[(0, "0")]), Err(InferenceFailure::AnyLength { low: 1, high: None }));
    }

    #[test]
    fn a_ratio_that_is_not_alone_is_unknown() {
        // 5/2, 7/3 and 8/3 steps an epoch.
        let why = solved(&[(1, "0.4")]).unwrap_err();
        assert!(matches!(why, InferenceFailure::TwoRates { .. }), "{why:?}");
    }

    #[test]
    fn the_first_contradiction_is_named() {
        let pairs = [(100, "1.0"), (200, "2.0"), (250, "2.5"), (300, "3.5"), (350, "4.0")];
        assert_eq!(solved(&pairs), Err(InferenceFailure::Refuted { by: 3 }));
        assert_eq!(solved(&[(0, "1.0")]), Err(InferenceFailure::Refuted { by: 0 }));
        assert_eq!(solved(&[(5, "-1.0")]), Err(InferenceFailure::Refuted { by: 0 }));
    }

    #[test]
    fn numbers_past_128_bits_are_too_large() {
        let tiny = format!("0.{}1", "0".repeat(36));
        assert_eq!(solved(&[(u64::MAX, &tiny), (u64::MAX, "1.0")]), Err(InferenceFailure::TooLarge));
    }
}
