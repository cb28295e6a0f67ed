//! Amounts with a unit, as exact rationals, and their text form: `"3ep"`, `"12_000ba"`, `"10%"`, `"1/3ep"`.

use std::fmt;

use crate::error::{Error, MAX_COUNT};
use crate::unit::Unit;

/// A rational number in lowest terms that is not negative; numerator and denominator are at most 2^63 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ratio {
    num: u64,
    den: u64,
}

impl Ratio {
    /// `num / den` in lowest terms. Refuses a `den` of 0, and a numerator or denominator past 2^63 - 1.
    pub fn new(num: u128, den: u128) -> Result<Self, Error> {
        if den == 0 {
            return Err(Error::invalid("an amount cannot have the denominator 0"));
        }
        let shared = gcd(num, den);
        let narrow = |part: u128| {
            u64::try_from(part)
                .ok()
                .filter(|part| *part <= MAX_COUNT)
                .ok_or_else(|| Error::overflow("an amount's numerator or denominator"))
        };
        Ok(Self { num: narrow(num / shared)?, den: narrow(den / shared)? })
    }

    /// The whole amount `value`.
    #[must_use]
    pub fn whole(value: u64) -> Self {
        Self { num: value, den: 1 }
    }

    /// The numerator.
    #[must_use]
    pub fn num(self) -> u64 {
        self.num
    }

    /// The denominator, at least 1.
    #[must_use]
    pub fn den(self) -> u64 {
        self.den
    }

    /// The whole numbers next to it, below and above; both are it, if it is whole.
    pub(crate) fn whole_around(self) -> (Self, Option<Self>) {
        (Self::whole(self.num / self.den), Some(Self::whole(self.num.div_ceil(self.den))))
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (u128::from(self.num) * u128::from(other.den)).cmp(&(u128::from(other.num) * u128::from(self.den)))
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.den == 1 { write!(f, "{}", self.num) } else { write!(f, "{}/{}", self.num, self.den) }
    }
}

pub(crate) fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

/// An amount of one unit. It always counts from the start of the run, so that a base never applies to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quantity {
    /// How much.
    pub value: Ratio,
    /// Of what.
    pub unit: Unit,
}

impl Quantity {
    /// `value` of `unit`. Refuses a fraction of a unit that only comes whole.
    pub fn new(value: Ratio, unit: Unit) -> Result<Self, Error> {
        if unit.is_counted() && value.den != 1 {
            return Err(Error::Quantity(format!(
                "{value}{}: {} come whole; a fraction is possible of epochs (ep) and of the duration (dur)",
                unit.symbol(),
                unit.plural()
            )));
        }
        Ok(Self { value, unit })
    }

    /// A whole amount.
    #[must_use]
    pub fn whole(value: u64, unit: Unit) -> Self {
        Self { value: Ratio::whole(value), unit }
    }

    /// Reads `"3ep"`, `"3 epochs"`, `"500st"`, `"12_000ba"`, `"300Btok"`, `"2.5ep"`, `"1/3ep"` or `"10%"` (of the planned run),
    /// exactly. k, M, B and T are powers of 1000.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let trimmed = text.trim();
        let split = trimmed.find(|c: char| c.is_alphabetic() || c == '%').unwrap_or(trimmed.len());
        let (number, unit) = (trimmed[..split].trim_end(), &trimmed[split..]);
        if number.is_empty() {
            let why = if trimmed.is_empty() {
                "it is empty".to_owned()
            } else {
                format!("there is no number before {unit:?}")
            };
            return Err(not_understood(text, &why));
        }
        if unit.is_empty() {
            return Err(not_understood(text, &format!("{number:?} has no unit")));
        }
        let large = || Error::overflow(format!("the amount {:?}", shown(text)));
        let (unit, scale, times) = match (unit, Unit::parse(unit)) {
            ("%", _) => (Unit::Duration, 100, 1),
            (_, Ok(unit)) => (unit, 1, 1),
            (unit, Err(_)) => match multiplied(unit) {
                Some((unit, times)) => (unit, 1, times),
                None => return Err(not_understood(text, &format!("{:?} is not a unit", shown(unit)))),
            },
        };
        let (num, den) = parse_number(number).map_err(|why| match why {
            NumberError::Text(part) => not_understood(text, &format!("{:?} is not a number", shown(&part))),
            NumberError::Zero => not_understood(text, "its denominator is 0"),
            NumberError::Large => large(),
        })?;
        let value = den
            .checked_mul(scale)
            .ok_or_else(large)
            .and_then(|den| {
                let num = num.checked_mul(times).ok_or_else(large)?;
                Ratio::new(num, den)
            })
            .map_err(|error| match error {
                Error::Overflow { .. } => large(),
                other => other,
            })?;
        Self::new(value, unit).map_err(|_| not_understood(text, &format!("{} come whole", unit.plural())))
    }
}

/// Writes a quantity as a person would: `3ep`, `2.5ep`, `1/3ep`, `10%`. `parse` reads it back.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (num, den) = (u128::from(self.value.num), u128::from(self.value.den));
        if self.unit == Unit::Duration && (num * 100).is_multiple_of(den) {
            return write!(f, "{}%", num * 100 / den);
        }
        let thousandths = num * 1000 / den;
        if den > 1 && (num * 1000).is_multiple_of(den) {
            let digits = format!("{:03}", thousandths % 1000);
            return write!(f, "{}.{}{}", thousandths / 1000, digits.trim_end_matches('0'), self.unit.symbol());
        }
        write!(f, "{}{}", self.value, self.unit.symbol())
    }
}

/// As much of a text as a message shows.
fn shown(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn not_understood(text: &str, why: &str) -> Error {
    let text = shown(text);
    Error::Quantity(format!(
        "{text:?} is not a quantity: {why}; expected a number and a unit, such as \"3ep\", \"500st\", \"12_000ba\", \"1/3ep\" or \"10%\" (units: samples (sp), tokens (tok), batches (ba), steps (st), epochs (ep), durations (dur), each also after k, M, B or T)"
    ))
}

/// A unit after a power of 1000: `Btok`, `k steps`.
fn multiplied(text: &str) -> Option<(Unit, u128)> {
    let mut rest = text.chars();
    let power = match rest.next()?.to_ascii_lowercase() {
        'k' => 1,
        'm' => 2,
        'b' => 3,
        't' => 4,
        _ => return None,
    };
    let unit = Unit::parse(rest.as_str().trim_start()).ok()?;
    Some((unit, 1000_u128.pow(power)))
}

enum NumberError {
    Text(String),
    Zero,
    Large,
}

/// `12_000`, `2.5` or `1/3` as numerator and denominator.
fn parse_number(text: &str) -> Result<(u128, u128), NumberError> {
    if let Some((num, den)) = text.split_once('/') {
        let (num, den) = (parse_digits(num.trim_end(), text)?, parse_digits(den.trim_start(), text)?);
        return if den == 0 { Err(NumberError::Zero) } else { Ok((num, den)) };
    }
    let Some((whole, fraction)) = text.split_once('.') else {
        return Ok((parse_digits(text, text)?, 1));
    };
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        return Ok((parse_digits(whole, text)?, 1));
    }
    let places =
        u32::try_from(fraction.chars().filter(char::is_ascii_digit).count()).map_err(|_| NumberError::Large)?;
    let den = 10_u128.checked_pow(places).ok_or(NumberError::Large)?;
    let num = parse_digits(whole, text)?
        .checked_mul(den)
        .and_then(|num| parse_digits(fraction, text).ok().and_then(|part| num.checked_add(part)));
    match num {
        Some(num) => Ok((num, den)),
        None if parse_digits(fraction, text).is_ok() => Err(NumberError::Large),
        None => Err(NumberError::Text(text.into())),
    }
}

/// Digits, with single underscores between them.
fn parse_digits(digits: &str, whole: &str) -> Result<u128, NumberError> {
    let sound = !digits.is_empty()
        && digits.split('_').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    if !sound {
        return Err(NumberError::Text(whole.into()));
    }
    digits
        .bytes()
        .filter(|b| *b != b'_')
        .try_fold(0_u128, |value, digit| value.checked_mul(10)?.checked_add(u128::from(digit - b'0')))
        .ok_or(NumberError::Large)
}
