//! Division of many numbers by the same one, as one multiplication each.

/// Divides any `n < 2^63` by a fixed `1 <= d < 2^63`, exactly.
///
/// With `l = ceil(log2 d)` and `m = floor(2^(63+l) / d) + 1`, `floor(m * n / 2^(63+l)) = floor(n / d)` for all such `n`
/// (Granlund and Montgomery, "Division by Invariant Integers using Multiplication", 1994, theorem 4.2), and `m` fits in
/// 64 bits. `n` is doubled, so that the shift by 63 becomes one by 64, which is the high half of the product.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Divisor {
    value: u64,
    multiplier: u64,
    shift: u32,
}

impl Divisor {
    pub(crate) fn new(value: u64) -> Self {
        let value = value.max(1);
        let shift = u64::BITS - (value - 1).leading_zeros();
        let multiplier = (1_u128 << (63 + shift)) / u128::from(value) + 1;
        Self { value, multiplier: u64::try_from(multiplier).unwrap_or(u64::MAX), shift }
    }

    pub(crate) fn value(self) -> u64 {
        self.value
    }

    /// Quotient and remainder.
    #[inline]
    pub(crate) fn divide(self, n: u64) -> (u64, u64) {
        let quotient = ((u128::from(self.multiplier) * u128::from(n << 1)) >> 64) as u64 >> self.shift;
        (quotient, n - quotient * self.value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX_COUNT: u64 = i64::MAX as u64;

    fn check(n: u64, d: u64) {
        assert_eq!(Divisor::new(d).divide(n), (n / d, n % d), "{n} / {d}");
    }

    #[test]
    fn at_the_edges() {
        let edges = [
            1,
            2,
            3,
            5,
            7,
            (1 << 31) - 1,
            1 << 31,
            (1 << 32) + 1,
            (1 << 62) - 1,
            1 << 62,
            (1 << 62) + 1,
            MAX_COUNT - 1,
            MAX_COUNT,
        ];
        for d in edges {
            for n in edges.into_iter().chain([0]).flat_map(|n| [n, n / d * d, (n / d * d).saturating_sub(1)]) {
                check(n, d);
            }
        }
    }

    proptest! {
        #[test]
        fn divides_as_the_processor_does(n in 0..=MAX_COUNT, d in 1..=MAX_COUNT, small in 1..100_000_u64) {
            check(n, d);
            check(n, small);
            check(n / small * small, small);
        }
    }
}
