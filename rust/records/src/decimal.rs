//! Numbers as logs print them.

use std::fmt;

/// A number as a log prints it: `mantissa * 10^-scale`, exactly. So "within half of the last printed digit" is decided in
/// integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// The digits, without the point.
    pub mantissa: i64,
    /// How many of the digits come after the point: 0 for an integer as printed, never negative.
    pub scale: i16,
    /// How precise the number was that the writer had.
    pub precision: Precision,
}

/// How precise the number was that a writer printed or stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Text of at most 14 significant digits: nothing is known beyond the printed digits.
    Printed,
    /// A 32-bit float.
    F32,
    /// A 64-bit float, or text of 15 and more significant digits, which is such a float printed in full.
    F64,
}

/// Text with this many significant digits is a 64-bit float printed in full.
const DIGITS_OF_F64: u32 = 15;

impl Decimal {
    /// An integer.
    #[must_use]
    #[inline]
    pub fn integer(value: i64) -> Self {
        Self { mantissa: value, scale: 0, precision: Precision::Printed }
    }

    /// Reads a decimal number (`3`, `2.9977`, `1e-05`) digit by digit, never through a float.
    ///
    /// `None` if the text is not a finite number, or if the number is out of the range of 64 bits. Digits after the point that
    /// do not fit are dropped; in the text of a 64-bit float all digits fit.
    ///
    /// ```
    /// use stepbridge_records::Decimal;
    ///
    /// let epoch = Decimal::parse("2.9977").unwrap();
    /// assert_eq!((epoch.mantissa, epoch.scale), (29_977, 4));
    /// assert_eq!(Decimal::parse("nan"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, text) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (digits, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i16>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let mut mantissa = 0_i64;
        let mut significant = 0;
        for digit in whole.bytes() {
            mantissa = push_digit(mantissa, digit, negative)?;
            significant += u32::from(mantissa != 0);
        }
        let mut scale = 0_i16;
        let mut full = false;
        for digit in fraction.bytes() {
            if !digit.is_ascii_digit() {
                return None;
            }
            significant += u32::from(mantissa != 0 || digit != b'0');
            match push_digit(mantissa, digit, negative).filter(|_| !full) {
                Some(next) => {
                    mantissa = next;
                    scale += 1;
                }
                None => full = true,
            }
        }
        scale = scale.checked_sub(exponent)?;
        while scale < 0 {
            mantissa = mantissa.checked_mul(10)?;
            scale += 1;
        }
        let precision = if significant < DIGITS_OF_F64 { Precision::Printed } else { Precision::F64 };
        Some(Self { mantissa, scale, precision })
    }

    /// A float as the number that was given to the writer of an event file: the shortest decimal that is this float. It has at
    /// least two digits after the point, because every writer that rounds leaves at least two.
    #[must_use]
    pub fn of_float(value: f64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, reason = "whether it was a 32-bit float is the question")]
        let single = value as f32;
        let is_single = f64::from(single).to_bits() == value.to_bits();
        let mut decimal = Self::parse(&if is_single { single.to_string() } else { value.to_string() })?;
        if is_single {
            decimal.precision = Precision::F32;
        }
        Some(decimal.padded(2))
    }

    /// The number with zeros up to this many digits after the point, or as many as 64 bits hold.
    #[must_use]
    pub fn padded(mut self, digits: i16) -> Self {
        while self.scale < digits
            && let Some(mantissa) = self.mantissa.checked_mul(10)
        {
            self.mantissa = mantissa;
            self.scale += 1;
        }
        self
    }

    /// The number minus a small integer; `None` if the result is below 0 or does not fit.
    #[must_use]
    pub fn minus(self, less: u8) -> Option<Self> {
        if less == 0 {
            return Some(self);
        }
        let unit = 10_i64.checked_pow(u32::try_from(self.scale).ok()?)?;
        let mantissa = self.mantissa.checked_sub(unit.checked_mul(i64::from(less))?)?;
        (mantissa >= 0).then_some(Self { mantissa, ..self })
    }

    /// The number, if it is an integer.
    #[must_use]
    #[inline]
    pub fn whole(self) -> Option<i64> {
        let divisor = u32::try_from(self.scale).ok().and_then(|scale| 10_i64.checked_pow(scale));
        match divisor {
            Some(divisor) => (self.mantissa % divisor == 0).then(|| self.mantissa / divisor),
            None => (self.mantissa == 0).then_some(0),
        }
    }

    /// The number, if it is an integer from 0 on.
    #[must_use]
    #[inline]
    pub fn count(self) -> Option<u64> {
        self.whole().and_then(|whole| u64::try_from(whole).ok())
    }

    /// The nearest 64-bit float.
    #[must_use]
    #[inline]
    pub fn to_f64(self) -> f64 {
        /// Up to this power of ten, and up to 2^53, a float holds both parts exactly, and their quotient is the nearest float.
        const EXACT_POWER: i16 = 22;
        if self.scale <= EXACT_POWER && self.mantissa.unsigned_abs() < 1 << 53 {
            #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
            let mantissa = self.mantissa as f64;
            return mantissa / 10_f64.powi(i32::from(self.scale));
        }
        // The text of a finite decimal always parses.
        format!("{}e-{}", self.mantissa, self.scale).parse().unwrap_or(f64::NAN)
    }
}

/// As it was printed.
impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let digits = self.mantissa.unsigned_abs().to_string();
        let Ok(scale @ 1..) = usize::try_from(self.scale) else { return write!(formatter, "{sign}{digits}") };
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        write!(formatter, "{sign}{whole}.{fraction}")
    }
}

/// `number` with one more decimal digit, away from 0; `None` if `digit` is not a digit or the result does not fit.
fn push_digit(number: i64, digit: u8, negative: bool) -> Option<i64> {
    if !digit.is_ascii_digit() {
        return None;
    }
    let (number, digit) = (number.checked_mul(10)?, i64::from(digit - b'0'));
    // The lowest number has no positive counterpart, so negative numbers are built downwards.
    if negative { number.checked_sub(digit) } else { number.checked_add(digit) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PRINTED: Precision = Precision::Printed;
    const F64: Precision = Precision::F64;

    #[test]
    fn parses_what_is_printed() {
        for (text, expected) in [
            ("3", Some((3, 0, PRINTED))),
            ("-0.50", Some((-50, 2, PRINTED))),
            ("1e-05", Some((1, 5, PRINTED))),
            ("1.5E+3", Some((1500, 0, PRINTED))),
            (".5", Some((5, 1, PRINTED))),
            ("38.16793893129771", Some((3_816_793_893_129_771, 14, F64))),
            ("9223372036854775807", Some((i64::MAX, 0, F64))),
            ("9223372036854775808", None),
            ("-9223372036854775808", Some((i64::MIN, 0, F64))),
            ("-9223372036854775809", None),
            ("0.12345678901234567891", Some((1_234_567_890_123_456_789, 19, F64))),
            ("", None),
            (".", None),
            ("-", None),
            ("1e", None),
            ("1e99", None),
            ("NaN", None),
            ("Infinity", None),
            ("1_000", None),
            ("0x10", None),
            ("1.2.3", None),
        ] {
            let decimal = Decimal::parse(text);
            assert_eq!(decimal.map(|it| (it.mantissa, it.scale, it.precision)), expected, "{text}");
        }
    }

    #[test]
    fn a_float_of_an_event_file_is_read_as_it_was_given() {
        let single = |mantissa, scale| Some(Decimal { mantissa, scale, precision: Precision::F32 });
        assert_eq!(Decimal::of_float(f64::from(0.07_f32)), single(7, 2));
        assert_eq!(Decimal::of_float(3.0), single(300, 2));
        assert_eq!(Decimal::of_float(f64::from(24.286_583_f32)), single(24_286_583, 6));
        assert_eq!(Decimal::of_float(1.0 / 3.0).map(|decimal| decimal.precision), Some(F64));
        assert_eq!(Decimal::of_float(f64::NAN), None);
    }

    #[test]
    fn zeros_are_appended_as_far_as_they_fit() {
        let padded = |text: &str, digits| Decimal::parse(text).unwrap().padded(digits);
        assert_eq!(padded("0.4", 4), Decimal { mantissa: 4000, scale: 4, precision: PRINTED });
        assert_eq!(padded("37.0", 99).scale, 17);
        assert_eq!(padded("0.125", 2).scale, 3);
    }

    #[test]
    fn integers_are_integers_with_digits_after_the_point_too() {
        for (text, expected) in [("3", Some(3)), ("3.00", Some(3)), ("3.01", None), ("-1", None), ("0.0", Some(0))] {
            assert_eq!(Decimal::parse(text).unwrap().count(), expected, "{text}");
        }
    }

    #[test]
    fn a_number_is_shown_as_it_was_printed() {
        for text in ["0", "-1", "0.02", "-0.50", "24.286581663630844", "3.0"] {
            assert_eq!(Decimal::parse(text).unwrap().to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn any_float_that_fits_survives_its_text(value in -1e15_f64..1e15) {
            let text = format!("{value}");
            let decimal = Decimal::parse(&text).expect("a decimal");
            // Rust prints all digits. Up to 17 significant digits always fit.
            if text.bytes().filter(u8::is_ascii_digit).count() <= 17 {
                prop_assert_eq!(decimal.to_f64().to_bits(), value.to_bits());
            }
        }

        #[test]
        fn any_text_is_refused_or_read(text in ".*") {
            let _ = Decimal::parse(&text);
        }
    }
}
