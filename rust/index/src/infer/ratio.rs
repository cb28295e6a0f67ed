//! Exact fractions, and the range of numbers that a printed number may mean.

use std::cmp::Ordering;

use stepbridge_records::{Decimal, Precision};

/// A fraction with a positive denominator, not necessarily reduced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ratio {
    num: i128,
    den: i128,
}

impl Ratio {
    /// `num / den`; `den` is positive.
    pub(crate) const fn new(num: i128, den: i128) -> Self {
        Self { num, den }
    }

    pub(crate) const fn is_positive(self) -> bool {
        self.num > 0
    }

    /// `self - whole`; `None` if that does not fit into 128 bits, as everywhere here.
    pub(crate) fn minus(self, whole: u64) -> Option<Self> {
        let num = self.num.checked_sub(self.den.checked_mul(i128::from(whole))?)?;
        Some(Self { num, den: self.den })
    }

    /// `self / divisor`.
    pub(crate) fn over(self, divisor: u64) -> Option<Self> {
        Some(Self { num: self.num, den: self.den.checked_mul(i128::from(divisor))? })
    }

    /// The largest integer that is not above `dividend / self`, for a positive `self`.
    pub(crate) fn floor_of(self, dividend: u64) -> Option<i128> {
        Some(self.den.checked_mul(i128::from(dividend))?.div_euclid(self.num))
    }

    /// The smallest integer that is not below `dividend / self`, for a positive `self`.
    pub(crate) fn ceil_of(self, dividend: u64) -> Option<i128> {
        let num = self.den.checked_mul(i128::from(dividend))?;
        Some(num.div_euclid(self.num) + i128::from(num.rem_euclid(self.num) != 0))
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Some(left), Some(right)) = (self.num.checked_mul(other.den), other.num.checked_mul(self.den)) {
            return left.cmp(&right);
        }
        // The products do not fit into 128 bits: compare the continued fractions, term by term.
        let (mut left, mut right) = (*self, *other);
        loop {
            let whole = left.num.div_euclid(left.den).cmp(&right.num.div_euclid(right.den));
            let rest = (left.num.rem_euclid(left.den), right.num.rem_euclid(right.den));
            if whole.is_ne() || rest.0 == 0 || rest.1 == 0 {
                return whole.then((rest.0 != 0).cmp(&(rest.1 != 0)));
            }
            // Compare the inverses of the remainders, the other way round.
            (left, right) = (Self::new(right.den, rest.1), Self::new(left.den, rest.0));
        }
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ratio {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ratio {}

/// The range of numbers that a printed number may mean, with both ends: half of its last digit either way, or two units in
/// the last place of the float that its writer computed with, whichever is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PrintedRange {
    pub(crate) low: Ratio,
    pub(crate) high: Ratio,
}

impl PrintedRange {
    /// `None` if the number has too many digits for 128 bits.
    pub(crate) fn of(stated: Decimal) -> Option<Self> {
        // For a float x with p bits after the first, a unit in the last place is at most |x| / 2^p.
        let bits = if stated.precision == Precision::F32 { 23 } else { 52 };
        let den = 10_i128.checked_pow(u32::try_from(stated.scale).ok()?)?.checked_mul(2)?;
        let twice = i128::from(stated.mantissa) * 2;
        // Two of these units, in halves of the last digit: 2 * |mantissa| * 2 / 2^p, rounded up.
        let two_ulps = (twice.abs() * 2 + (1 << bits) - 1) >> bits;
        let slack = two_ulps.max(1);
        Some(Self { low: Ratio::new(twice - slack, den), high: Ratio::new(twice + slack, den) })
    }

    /// The epoch that the whole range is inside; `None` if the range touches an integer.
    pub(crate) fn inside(&self) -> Option<u64> {
        let below = self.low.num.div_euclid(self.low.den);
        let same = self.high.num.div_euclid(self.high.den) == below && self.low.num.rem_euclid(self.low.den) != 0;
        if same { u64::try_from(below).ok() } else { None }
    }

    /// Whether `whole + num / den` is in the range; `None` if that does not fit into 128 bits.
    pub(crate) fn holds(&self, whole: u64, num: u64, den: u64) -> Option<bool> {
        let num = i128::from(whole).checked_mul(i128::from(den))?.checked_add(i128::from(num))?;
        let place = Ratio::new(num, i128::from(den));
        Some(self.low <= place && place <= self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stated(text: &str) -> Decimal {
        Decimal::parse(text).expect("a number")
    }

    #[test]
    fn a_span_is_half_the_last_digit_or_two_ulps() {
        let span = PrintedRange::of(stated("24.29")).unwrap();
        assert_eq!(span.low, Ratio::new(24_285, 1000));
        assert_eq!(span.high, Ratio::new(24_295, 1000));
        assert_eq!(PrintedRange::of(stated("0.0")).unwrap().high, Ratio::new(5, 100));
        // 10000 * 4 / 1647, printed by a 64-bit float in full: not off by half a digit, but by a few.
        let span = PrintedRange::of(stated("24.286581663630844")).unwrap();
        assert_eq!(span.holds(0, 40_000, 1647), Some(true));
        assert_eq!(span.holds(0, 40_000_000_001, 1_647_000_000), Some(false));
    }

    #[test]
    fn a_32_bit_float_is_as_exact_as_it_is() {
        let text = format!("{}", 10_000.0_f32 / 411.75);
        let single = Decimal { precision: Precision::F32, ..stated(&text) };
        assert_eq!(PrintedRange::of(single).unwrap().holds(0, 40_000, 1647), Some(true));
        assert_eq!(PrintedRange::of(single).unwrap().holds(0, 40_001, 1647), Some(false));
    }

    #[test]
    fn more_digits_than_fit_are_refused_not_rounded() {
        let odd = Decimal { mantissa: 1, scale: 60, precision: Precision::F64 };
        assert_eq!(PrintedRange::of(odd), None);
        assert_eq!(Ratio::new(1, i128::MAX).over(2), None);
        assert_eq!(Ratio::new(1, i128::MAX).minus(2), None);
    }

    proptest! {
        #[test]
        fn comparison_is_the_same_by_product_and_by_continued_fraction(
            a in -1_000_i128..1_000, b in 1_i128..1_000, c in -1_000_i128..1_000, d in 1_i128..1_000,
        ) {
            // The same fractions, inflated until the products no longer fit.
            let inflate = i128::MAX / 1_000_000;
            let expected = (a * d).cmp(&(c * b));
            prop_assert_eq!(Ratio::new(a, b).cmp(&Ratio::new(c, d)), expected);
            prop_assert_eq!(Ratio::new(a * inflate, b * inflate).cmp(&Ratio::new(c * inflate, d * inflate)), expected);
        }

        #[test]
        fn division_rounds_both_ways(num in 1_i128..10_000, den in 1_i128..10_000, dividend in 0_u64..100_000) {
            let floor = Ratio::new(num, den).floor_of(dividend).unwrap();
            let ceil = Ratio::new(num, den).ceil_of(dividend).unwrap();
            prop_assert!(floor * num <= den * i128::from(dividend) && (floor + 1) * num > den * i128::from(dividend));
            prop_assert!(ceil * num >= den * i128::from(dividend) && (ceil - 1) * num < den * i128::from(dividend));
        }
    }
}
