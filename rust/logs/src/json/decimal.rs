//! From decimal digits to the nearest float, exactly.

/// The digits of a number.
#[derive(Default)]
pub(super) struct Scan {
    /// The number that they make; nothing where there are more than fit.
    pub(super) mantissa: u64,
    pub(super) digits: usize,
}

/// The powers of ten that are floats themselves.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];
/// So many digits fit into 64 bits, as does the power of ten of that many zeros.
const DIGITS: usize = 19;

impl Scan {
    /// The nearest float to the digits times a power of ten, for the most common ones.
    pub(super) fn nearest(&self, exponent: i32) -> Option<f64> {
        let power = usize::try_from(exponent.unsigned_abs()).ok()?;
        if self.digits > DIGITS {
            return None;
        }
        if self.mantissa < 1 << 53 {
            // Both are floats, so that their product or quotient is rounded once.
            #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
            let mantissa = self.mantissa as f64;
            let power = POWERS.get(power)?;
            return Some(if exponent < 0 { mantissa / power } else { mantissa * power });
        }
        (exponent <= 0 && power <= DIGITS).then(|| quotient(self.mantissa, 10_u64.pow(exponent.unsigned_abs())))
    }
}

/// The nearest float to a quotient of numbers that are not 0.
fn quotient(number: u64, divisor: u64) -> f64 {
    let (up, down) = (number.leading_zeros(), divisor.leading_zeros());
    // Both with their highest bit set: the quotient of the shifted ones has 63 bits or 64.
    let (number, divisor) = (u128::from(number << up) << 63, u128::from(divisor << down));
    let (whole, rest) = (number / divisor, number % divisor);
    // What is left decides only between two floats that are equally near: any bit below them says that there is more.
    let sticky = u64::from(rest != 0);
    #[expect(clippy::cast_precision_loss, reason = "this is the one rounding: to the nearest, or the even one")]
    let nearest = (u64::try_from(whole).unwrap_or(u64::MAX) | sticky) as f64;
    // From 2^-126 to 2^0: such powers, and the products with them, are exact.
    let exponent = 1023 + u64::from(down) - u64::from(up) - 63;
    nearest * f64::from_bits(exponent << 52)
}

/// Eight digits as a number; `None` where one of them is none.
pub(super) fn eight(chunk: [u8; 8]) -> Option<u64> {
    const LOW: u64 = 0x0000_00ff_0000_00ff;
    let chunk = u64::from_le_bytes(chunk);
    let above = chunk.wrapping_add(0x4646_4646_4646_4646);
    let number = chunk.wrapping_sub(0x3030_3030_3030_3030);
    if (above | number) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    // Pairs of digits, then pairs of pairs: each step joins neighbours.
    let pairs = number.wrapping_mul(10).wrapping_add(number >> 8);
    let first = (pairs & LOW).wrapping_mul(0x000f_4240_0000_0064);
    let second = ((pairs >> 16) & LOW).wrapping_mul(0x0000_2710_0000_0001);
    Some(first.wrapping_add(second) >> 32)
}
