//! Quotients of 128-bit integers: compared exactly, and rounded to a float once.

use std::cmp::Ordering;

use crate::quantity::{Ratio, gcd};

/// `num / den`, not reduced. A point inside a batch is one of these, and may need more than the 64 bits of an amount.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fraction {
    pub(crate) num: u128,
    pub(crate) den: u128,
}

impl Fraction {
    pub(crate) const ZERO: Self = Self { num: 0, den: 1 };

    /// The value at this share of the way from `low` to `high`; `None` if it takes more than 128 bits to work out.
    pub(crate) fn between(self, low: Ratio, high: Ratio) -> Option<Ratio> {
        let (low_num, low_den) = (u128::from(low.num()), u128::from(low.den()));
        let (high_num, high_den) = (u128::from(high.num()), u128::from(high.den()));
        let way = reduced((high_num * low_den).checked_sub(low_num * high_den)?, low_den * high_den);
        let share = reduced(self.num, self.den);
        let more = reduced(way.num.checked_mul(share.num)?, way.den.checked_mul(share.den)?);
        let num = low_num.checked_mul(more.den)?.checked_add(more.num.checked_mul(low_den)?)?;
        Ratio::new(num, low_den.checked_mul(more.den)?).ok()
    }
}

fn reduced(num: u128, den: u128) -> Fraction {
    let shared = gcd(num, den);
    Fraction { num: num / shared, den: den / shared }
}

impl PartialEq for Fraction {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Fraction {}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Fraction {
    /// Compares whole parts, then the reciprocals of what is left, so that no product can pass 128 bits.
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut left, mut right) = (*self, *other);
        let mut swapped = false;
        loop {
            let whole = (left.num / left.den).cmp(&(right.num / right.den));
            let (a, b) = (left.num % left.den, right.num % right.den);
            let order = match (a, b) {
                _ if whole != Ordering::Equal => whole,
                (0, 0) => Ordering::Equal,
                (0, _) => Ordering::Less,
                (_, 0) => Ordering::Greater,
                _ => {
                    // a / left.den < b / right.den exactly if the reciprocals compare the other way round.
                    (left, right) = (Self { num: left.den, den: a }, Self { num: right.den, den: b });
                    swapped = !swapped;
                    continue;
                }
            };
            return if swapped { order.reverse() } else { order };
        }
    }
}

/// `num / den` as the nearest float; `num` is below 2^127.
#[inline]
pub(crate) fn to_float(num: u128, den: u64) -> f64 {
    const EXACT: u128 = 1 << 53;
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "both are exact, and one rounding is left"
    )]
    if num < EXACT && u128::from(den) < EXACT {
        return num as u64 as f64 / den as f64;
    }
    rounded(num, u128::from(den))
}

/// The quotient has at least 64 bits, and its last one says whether something is left, so that rounding it is rounding `num / den`.
#[cold]
fn rounded(num: u128, den: u128) -> f64 {
    let shift = num.leading_zeros();
    let shifted = num.checked_shl(shift).unwrap_or(0);
    let quotient = (shifted / den) | u128::from(!shifted.is_multiple_of(den));
    #[expect(clippy::cast_precision_loss, reason = "the one rounding")]
    let float = quotient as f64;
    float / 2_f64.powi(shift.cast_signed())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn compares_as_products_do(a in any::<u64>(), b in 1..u64::MAX, c in any::<u64>(), d in 1..u64::MAX) {
            let (a, b, c, d) = (u128::from(a), u128::from(b), u128::from(c), u128::from(d));
            prop_assert_eq!(Fraction { num: a, den: b }.cmp(&Fraction { num: c, den: d }), (a * d).cmp(&(c * b)));
            prop_assert_eq!(Fraction { num: a * 3, den: b * 3 }, Fraction { num: a, den: b });
        }

        #[test]
        fn both_ways_of_rounding_agree(num in 0..1_u64 << 53, den in 1..1_u64 << 53) {
            #[expect(clippy::cast_precision_loss, reason = "both are exact")]
            let float = num as f64 / den as f64;
            prop_assert_eq!(rounded(u128::from(num), u128::from(den)).to_bits(), float.to_bits());
        }
    }

    #[test]
    fn a_large_quotient_is_rounded_once() {
        assert!((to_float((1 << 60) + 1, 1 << 60) - 1.0).abs() < f64::EPSILON);
        assert!((to_float(3 << 100, 1 << 62) - 3.0 * 2_f64.powi(38)).abs() < f64::EPSILON);
    }
}
