//! What every reader gives: columns, in file order.
//!
//! A log of millions of values is columns from the first moment on: nothing here is an object a record. Names are
//! written once (`runs`, `tags`, `sources`) and referred to by number.

use std::sync::Arc;

use crate::epochs::Epochs;
use crate::formats::{Format, Meaning};
use crate::problem::Problem;
use crate::sessions::{Position, Redone};

/// Everything that was read below one path.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Records {
    /// Names of runs: the folder relative to the path that was asked for, `.` for that path itself.
    pub runs: Vec<String>,
    /// Names of tags (the series of values), over all runs.
    pub tags: Vec<String>,
    /// The files, relative to the path that was asked for (the file's own name where that is a file).
    pub sources: Vec<String>,
    /// The records, in the order of the files. A large file gives several chunks, one after the other.
    pub chunks: Vec<Chunk>,
    /// What could not be read, in the same order.
    pub problems: Vec<Problem>,
}

impl Records {
    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunks.iter().map(Chunk::len).sum()
    }

    /// Of each run how many sessions it has, and how many records a later one took the place of.
    #[must_use]
    pub fn sessions(&self) -> Vec<(u32, u64)> {
        let mut found = vec![(1, 0); self.runs.len()];
        for chunk in &self.chunks {
            let Some((sessions, superseded)) = found.get_mut(chunk.run as usize) else { continue };
            *sessions = (chunk.session + 1).max(*sessions);
            if chunk.redone.is_some() {
                *superseded += (0..chunk.len()).filter(|&index| chunk.is_superseded(index)).count() as u64;
            }
        }
        found
    }

    /// Whether there is no record at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.iter().all(Chunk::is_empty)
    }
}

/// Records of one file that stand next to each other in it. All columns have the same length.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// Index into [`Records::runs`].
    pub run: u32,
    /// Index into [`Records::sources`].
    pub source: u32,
    /// The format that the file is in.
    pub format: Format,
    /// What `step` and `epoch` are: what the format says, or what these records say of themselves.
    pub meaning: Meaning,
    /// Indices into [`Records::tags`].
    pub tag: Vec<u32>,
    /// The step as it was logged; `None` where the file has none.
    pub step: Option<Vec<i64>>,
    /// True where a record has no step (its cell is empty); `None` where every record has one.
    pub step_missing: Option<Vec<bool>>,
    /// The epoch that the log states beside the step; `None` where the file has none.
    pub epoch: Option<Epochs>,
    /// Seconds since 1970, NaN where a record has none; `None` where the file has none.
    pub wall_time: Option<Vec<f64>>,
    /// True only where every record has a time: nobody needs to look for those that have none.
    pub all_timed: bool,
    /// The values. NaN and infinities are values like others.
    pub value: Vec<f64>,
    /// Pairs of (step, epoch) that the file states outside its records, as `trainer_state.json` does of itself.
    pub evidence: Vec<(i64, Stated)>,
    /// How many batches an epoch has, where the file says it (`Step [10/1549]`): by the epoch as it is numbered there,
    /// `None` where it is said of all.
    pub lengths: Vec<(Option<i64>, u64)>,
    /// Which records of the file they are, where others between them were left out.
    pub ordinals: Option<Vec<u64>>,
    /// Which session of its run wrote them, from 0.
    pub session: u32,
    /// Where later sessions took their place; `None` where none did.
    pub redone: Option<Arc<Redone>>,
}

impl Chunk {
    /// An empty chunk of a file.
    #[must_use]
    pub fn new(run: u32, source: u32, format: Format) -> Self {
        Self {
            run,
            source,
            format,
            meaning: format.meaning(),
            tag: Vec::new(),
            step: None,
            step_missing: None,
            epoch: None,
            wall_time: None,
            all_timed: false,
            value: Vec::new(),
            evidence: Vec::new(),
            lengths: Vec::new(),
            ordinals: None,
            session: 0,
            redone: None,
        }
    }

    /// How many records it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.value.len()
    }

    /// Whether it holds no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.value.is_empty()
    }

    /// Some of its records, as a chunk of their own.
    #[must_use]
    pub(crate) fn part(&self, range: std::ops::Range<usize>) -> Self {
        Self {
            tag: self.tag[range.clone()].to_vec(),
            step: self.step.as_ref().map(|step| step[range.clone()].to_vec()),
            step_missing: self.step_missing.as_ref().map(|missing| missing[range.clone()].to_vec()),
            epoch: self.epoch.as_ref().map(|epoch| epoch.part(range.clone())),
            wall_time: self.wall_time.as_ref().map(|time| time[range.clone()].to_vec()),
            ordinals: self.ordinals.as_ref().map(|ordinals| ordinals[range.clone()].to_vec()),
            all_timed: self.all_timed,
            value: self.value[range].to_vec(),
            meaning: self.meaning,
            session: self.session,
            redone: self.redone.clone(),
            ..Self::new(self.run, self.source, self.format)
        }
    }

    /// Whether a later session took the place of record `index`.
    #[must_use]
    pub fn is_superseded(&self, index: usize) -> bool {
        self.redone.as_ref().is_some_and(|redone| redone.holds(self.tag[index], Position::of(self, index)))
    }

    /// Some of its records, in their order, with all that is known of it as a whole.
    pub(crate) fn taken(self, indices: &[usize]) -> Self {
        fn pick<T: Copy>(column: &[T], indices: &[usize]) -> Vec<T> {
            indices.iter().map(|&index| column[index]).collect()
        }
        Self {
            tag: pick(&self.tag, indices),
            step: self.step.as_ref().map(|step| pick(step, indices)),
            step_missing: self.step_missing.as_ref().map(|missing| pick(missing, indices)),
            epoch: self.epoch.as_ref().map(|epoch| epoch.taken(indices)),
            wall_time: self.wall_time.as_ref().map(|time| pick(time, indices)),
            value: pick(&self.value, indices),
            ordinals: self.ordinals.as_ref().map(|ordinals| pick(ordinals, indices)),
            ..self
        }
    }

    /// The step of record `index`, if it has one.
    #[must_use]
    pub fn step_of(&self, index: usize) -> Option<i64> {
        let missing = self.step_missing.as_ref().is_some_and(|missing| missing[index]);
        if missing { None } else { self.step.as_ref().map(|step| step[index]) }
    }

    /// The epoch that record `index` states, if it does.
    #[must_use]
    pub fn stated_of(&self, index: usize) -> Option<Stated> {
        self.epoch.as_ref().and_then(|epoch| epoch.get(index))
    }
}

/// A number as it was printed: `mantissa * 10^-scale`, exactly, so that "within half of its last printed digit" is
/// decided in integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stated {
    /// The digits, without the point.
    pub mantissa: i64,
    /// How many of them stand behind the point. 0: an integer, as printed. Never negative.
    pub scale: i16,
    /// How exact the writer's own number was.
    pub precision: Precision,
}

/// How exact the number was that a writer printed or stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Text of at most 14 significant digits: what was printed is all that is known.
    Decimal,
    /// A 32-bit float.
    F32,
    /// A 64-bit float, or text of 15 significant digits and more: that is such a float, printed in full.
    F64,
}

/// From this many significant digits on a decimal text says more than a 64-bit float holds.
const DIGITS_OF_F64: u32 = 15;

impl Stated {
    /// An integer.
    #[must_use]
    pub fn integer(value: i64) -> Self {
        Self { mantissa: value, scale: 0, precision: Precision::Decimal }
    }

    /// Reads a decimal number (`3`, `2.9977`, `1e-05`) digit by digit, never through a float.
    ///
    /// `None` for what is no finite number, or one beyond the range of 64 bits. Digits behind the point that no longer
    /// fit (there are none in the text of a 64-bit float) are left away.
    ///
    /// ```
    /// use stepbridge_logs::Stated;
    ///
    /// let epoch = Stated::parse("2.9977").unwrap();
    /// assert_eq!((epoch.mantissa, epoch.scale), (29_977, 4));
    /// assert_eq!(Stated::parse("nan"), None);
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
        let precision = if significant < DIGITS_OF_F64 { Precision::Decimal } else { Precision::F64 };
        Some(Self { mantissa, scale, precision })
    }

    /// The number less a small whole one; `None` where that is below 0 or does not fit.
    pub(crate) fn minus(self, less: u8) -> Option<Self> {
        if less == 0 {
            return Some(self);
        }
        let unit = 10_i64.checked_pow(u32::try_from(self.scale).ok()?)?;
        let mantissa = self.mantissa.checked_sub(unit.checked_mul(i64::from(less))?)?;
        (mantissa >= 0).then_some(Self { mantissa, ..self })
    }

    /// The number, if it is whole.
    #[must_use]
    pub fn whole(self) -> Option<i64> {
        let divisor = u32::try_from(self.scale).ok().and_then(|scale| 10_i64.checked_pow(scale));
        match divisor {
            Some(divisor) => (self.mantissa % divisor == 0).then(|| self.mantissa / divisor),
            None => (self.mantissa == 0).then_some(0),
        }
    }

    /// The nearest 64-bit float.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        /// Up to this power of ten, and up to 2^53, both parts are exact floats and their quotient is the nearest one.
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

/// `number` with one more decimal digit, away from 0; `None` where it is no digit, or does not fit.
fn push_digit(number: i64, digit: u8, negative: bool) -> Option<i64> {
    if !digit.is_ascii_digit() {
        return None;
    }
    let (number, digit) = (number.checked_mul(10)?, i64::from(digit - b'0'));
    // The lowest number has no positive one that it could be made of.
    if negative { number.checked_sub(digit) } else { number.checked_add(digit) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DECIMAL: Precision = Precision::Decimal;
    const F64: Precision = Precision::F64;

    #[test]
    fn parses_what_is_printed() {
        for (text, expected) in [
            ("3", Some((3, 0, DECIMAL))),
            ("-0.50", Some((-50, 2, DECIMAL))),
            ("1e-05", Some((1, 5, DECIMAL))),
            ("1.5E+3", Some((1500, 0, DECIMAL))),
            (".5", Some((5, 1, DECIMAL))),
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
            let stated = Stated::parse(text);
            assert_eq!(stated.map(|it| (it.mantissa, it.scale, it.precision)), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_float_that_fits_survives_its_text(value in -1e15_f64..1e15) {
            let text = format!("{value}");
            let stated = Stated::parse(&text).expect("a decimal");
            // Rust prints all digits; up to 17 significant ones always fit.
            if text.bytes().filter(u8::is_ascii_digit).count() <= 17 {
                prop_assert_eq!(stated.to_f64().to_bits(), value.to_bits());
            }
        }

        #[test]
        fn any_text_is_refused_or_read(text in ".*") {
            let _ = Stated::parse(&text);
        }
    }
}
