//! Converts decimal digits to the nearest float.

/// The digits of a number.
#[derive(Default)]
pub(super) struct Scan {
    /// The number that the digits make; without meaning if there are more than fit.
    pub(super) mantissa: u64,
    /// How many digits there are, without leading zeros.
    pub(super) digits: usize,
}

/// The powers of ten that a float holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];
/// Numbers below this are often exact quotients, which only a division finds. For larger numbers a division costs more.
const SHORT: u64 = 1 << 40;
/// The factor for a number to which this many digits are appended.
const SHIFTS: [u64; 9] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
/// `2^shift` divided by a power of ten, rounded down to 128 bits.
#[derive(Clone, Copy)]
struct Reciprocal {
    bits: u128,
    shift: u32,
}

/// The reciprocals by power of ten. The one of 0 is not used.
const RECIPROCALS: [Reciprocal; 39] = {
    let mut all = [Reciprocal { bits: 0, shift: 0 }; 39];
    let mut power = 1_u32;
    while (power as usize) < all.len() {
        all[power as usize] = Reciprocal::of(10_u128.pow(power));
        power += 1;
    }
    all
};

impl Reciprocal {
    /// Long division, one bit a step.
    const fn of(divisor: u128) -> Self {
        // The divisor is not a power of two, so the quotient has 128 bits.
        let shift = 127 + (128 - divisor.leading_zeros());
        let (mut bits, mut rest, mut step) = (0, 1, 0);
        while step < shift {
            rest *= 2;
            bits *= 2;
            if rest >= divisor {
                rest -= divisor;
                bits += 1;
            }
            step += 1;
        }
        Self { bits, shift }
    }
}

impl Scan {
    /// This many digits fit into 64 bits, and so does the power of ten with this many zeros.
    pub(super) const MOST: usize = 19;

    /// Takes the digits that a text begins with, and returns what comes after them.
    #[inline]
    pub(super) fn take<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let mut rest = text;
        // Mostly there are eight digits, eight more, and a few. The processor predicts the loop; the count of the few is
        // computed.
        while let Some((&chunk, after)) = rest.split_first_chunk() {
            let digits = Digits::of(chunk);
            if digits.count == chunk.len() {
                self.mantissa = self.mantissa.wrapping_mul(SHIFTS[8]).wrapping_add(digits.number());
                rest = after;
            } else {
                self.mantissa = self.mantissa.wrapping_mul(SHIFTS[digits.count]).wrapping_add(digits.number());
                rest = &rest[digits.count..];
                break;
            }
        }
        while let [digit @ b'0'..=b'9', after @ ..] = rest {
            self.mantissa = self.mantissa.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            rest = after;
        }
        self.digits += text.len() - rest.len();
        rest
    }

    /// The nearest float to the digits times a power of ten; `None` for numbers that are rare.
    #[inline]
    pub(super) fn nearest(&self, exponent: i32) -> Option<f64> {
        let power = usize::try_from(exponent.unsigned_abs()).ok()?;
        if self.digits > Self::MOST {
            return None;
        }
        let multiplied =
            if self.mantissa < SHORT || exponent >= 0 { None } else { product(self.mantissa, RECIPROCALS.get(power)?) };
        multiplied.or_else(|| self.divided(exponent, power))
    }

    #[cold]
    fn divided(&self, exponent: i32, power: usize) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "to the nearest, which below 2^53 is the number itself")]
        let mantissa = self.mantissa as f64;
        match exponent {
            0 => Some(mantissa),
            // A float holds both exactly, so their product or quotient is rounded once.
            ..0 if self.mantissa < 1 << 53 => Some(mantissa / POWERS.get(power)?),
            _ if self.mantissa < 1 << 53 => Some(mantissa * POWERS.get(power)?),
            ..0 if power <= Self::MOST => Some(quotient(self.mantissa, 10_u64.pow(exponent.unsigned_abs()))),
            _ => None,
        }
    }
}

/// The number that a text begins with, as a person or a program prints it (`-0.5`, `.5`, `1e-05`, `007`), and how many bytes it
/// has. `None` if there is none, and for numbers that are rare, such as those of more than 19 digits.
///
/// ```
/// use stepbridge_io::json::leading_float;
///
/// assert_eq!(leading_float(b"0.25, step 3"), Some((0.25, 4)));
/// assert_eq!(leading_float(b"nan"), None);
/// ```
#[must_use]
#[inline]
pub fn leading_float(text: &[u8]) -> Option<(f64, usize)> {
    let unsigned = match text {
        [b'-' | b'+', rest @ ..] => rest,
        _ => text,
    };
    let mut scan = Scan::default();
    let mut rest = scan.take(unsigned);
    let mut exponent = 0;
    if let [b'.', after @ ..] = rest {
        let before = scan.digits;
        rest = scan.take(after);
        exponent = -i32::try_from(scan.digits - before).ok()?;
    }
    if scan.digits == 0 {
        return None;
    }
    if let [b'e' | b'E', after @ ..] = rest {
        let (minus, digits) = match after {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] => (false, digits),
            _ => (false, after),
        };
        let mut power = Scan::default();
        let after = power.take(digits);
        if power.digits > 4 {
            return None;
        }
        // Without digits it is a letter after the number.
        if power.digits > 0 {
            let power = i32::try_from(power.mantissa).ok()?;
            exponent += if minus { -power } else { power };
            rest = after;
        }
    }
    let number = scan.nearest(exponent)?;
    Some((if text[0] == b'-' { -number } else { number }, text.len() - rest.len()))
}

/// The number at the beginning of a text and its length in bytes, if it has the form in which most floats are printed: one
/// digit, the point, up to 24 digits, perhaps an exponent of two digits, and then a comma or a brace.
///
/// Nothing branches on how many digits there are, which the processor could not predict.
#[inline]
pub(super) fn printed(text: &[u8]) -> Option<(f64, usize)> {
    const WINDOW: usize = 32;
    let window: &[u8; WINDOW] = text.first_chunk()?;
    let (&[first, b'.'], rest) = window.split_first_chunk()? else { return None };
    let (&[one, two, three], _) = rest.as_chunks().0.split_first_chunk()?;
    let [one, two, three] = [Digits::of(one), Digits::of(two), Digits::of(three)];
    // What comes after something else than a digit is not a part of the number.
    let two = two.first(if one.count == 8 { two.count } else { 0 });
    let three = three.first(if two.count == 8 { three.count } else { 0 });
    let count = one.count + two.count + three.count;
    let first = u64::from(first.wrapping_sub(b'0'));
    if first > 9 || count == 0 {
        return None;
    }
    let mantissa = (first * SHIFTS[one.count] + one.number()) * SHIFTS[two.count] + two.number();
    let mantissa = mantissa.checked_mul(SHIFTS[three.count])?.checked_add(three.number())?;
    let end = 2 + count;
    let (power, length) = match *window.get(end..end + 5)? {
        [b',' | b'}', ..] => (count, end),
        [b'e', b'-', tens @ b'0'..=b'9', ones @ b'0'..=b'9', b',' | b'}'] => {
            (count + usize::from(10 * (tens - b'0') + (ones - b'0')), end + 4)
        }
        _ => return None,
    };
    let value = if mantissa < SHORT {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let mantissa = mantissa as f64;
        // A float holds both exactly.
        mantissa / POWERS.get(power)?
    } else {
        product(mantissa, RECIPROCALS.get(power)?)?
    };
    Some((value, length))
}

/// The nearest float to a number other than 0 divided by a power of ten, by two multiplications, as in Lemire, "Number parsing
/// at a gigabyte per second" (2021). `None` if they do not decide it, which is one case in 2^62, and if the quotient is exact.
#[inline]
fn product(number: u64, reciprocal: &Reciprocal) -> Option<f64> {
    let up = number.leading_zeros();
    let number = u128::from(number << up);
    let (high, low) = (reciprocal.bits >> 64, reciprocal.bits & u128::from(u64::MAX));
    // The error of this product and of the reciprocal together is less than 2 in the last bit.
    let bits = number * high + ((number * low) >> 64);
    let rest = bits & u128::from(u64::MAX);
    if rest == 0 || rest >= u128::from(u64::MAX) - 1 {
        return None;
    }
    // There is a rest, so the lowest bit is set in any case. Without the sign's bit, the conversion to a float does not branch.
    let half = i64::try_from(bits >> 65).unwrap_or(i64::MAX);
    Some(scaled(half | 1, 1024 + 128 - u64::from(reciprocal.shift) - u64::from(up)))
}

/// The nearest float to a quotient of two numbers other than 0.
fn quotient(number: u64, divisor: u64) -> f64 {
    let (up, down) = (number.leading_zeros(), divisor.leading_zeros());
    // With the highest bit of both set, the quotient has 63 or 64 bits.
    let (number, divisor) = (u128::from(number << up) << 63, u128::from(divisor << down));
    let (whole, rest) = (number / divisor, number % divisor);
    // The rest decides only between two floats that are equally near. One bit below them tells whether there is a rest.
    let sticky = rest != 0;
    let sticky = sticky || whole & 1 != 0;
    let half = i64::try_from(whole >> 1).unwrap_or(i64::MAX);
    scaled(half | i64::from(sticky), 1024 + u64::from(down) - u64::from(up) - 63)
}

/// A number of 61 bits or more times a power of two, given as the exponent of a float.
#[inline]
fn scaled(number: i64, exponent: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "this is the one rounding: to the nearest, ties to even")]
    let nearest = number as f64;
    // These powers and products are far from the smallest floats, so they are exact.
    nearest * f64::from_bits(exponent << 52)
}

/// The digits at the beginning of eight bytes.
#[derive(Clone, Copy)]
pub(super) struct Digits {
    pub(super) count: usize,
    /// Each digit as a number in a byte of its own; the first in the lowest byte.
    each: u64,
}

impl Digits {
    /// Only so many of them.
    #[inline]
    fn first(self, count: usize) -> Self {
        Self { count, ..self }
    }

    #[inline]
    pub(super) fn of(chunk: [u8; 8]) -> Self {
        let chunk = u64::from_le_bytes(chunk);
        // A byte that is not a digit has its highest bit set in one of these. It changes only the bytes after it.
        let above = chunk.wrapping_add(0x4646_4646_4646_4646);
        let each = chunk.wrapping_sub(0x3030_3030_3030_3030);
        let count = ((above | each) & 0x8080_8080_8080_8080).trailing_zeros() / 8;
        Self { count: count as usize, each }
    }

    /// The number that the digits make.
    #[inline]
    pub(super) fn number(&self) -> u64 {
        const LOW: u64 = 0x0000_00ff_0000_00ff;
        // Move the digits to the top: zeros come before them, and the bytes after them are dropped.
        let digits = if self.count == 0 { 0 } else { self.each << (64 - 8 * self.count) };
        // Join digits to pairs, and pairs to groups of four and eight.
        let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
        let first = (pairs & LOW).wrapping_mul(0x000f_4240_0000_0064);
        let second = ((pairs >> 16) & LOW).wrapping_mul(0x0000_2710_0000_0001);
        first.wrapping_add(second) >> 32
    }
}
