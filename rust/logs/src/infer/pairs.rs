//! The pairs of step and stated epoch of each run, gathered from its records.

use std::collections::BTreeMap;

use super::why::decimal;
use crate::formats::Format;
use crate::record::{Chunk, Precision, Records, Stated};

/// A step, and the epoch that the log states beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) step: u64,
    pub(crate) stated: Stated,
    source: u32,
}

/// What a stated epoch says, and with it what the step beside it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A whole number: the index of the epoch in which the update with index `step` happened (Lightning).
    Index,
    /// What was completed after `step` updates, in epochs (Hugging Face).
    Elapsed,
}

impl Meaning {
    /// What the step is, counted from.
    pub(crate) const fn base(self) -> u8 {
        match self {
            Self::Index => 0,
            Self::Elapsed => 1,
        }
    }
}

/// The pairs of one run, in the order of its records, without those that repeat the one before.
#[derive(Debug)]
pub(crate) struct Pairs<'a> {
    pub(crate) list: Vec<Pair>,
    /// What they may say, the likeliest first; none where files of the run contradict each other in this.
    pub(crate) meanings: &'static [Meaning],
    /// The most digits behind the point that a record states an epoch with.
    digits: i16,
    sources: &'a [String],
}

impl Pairs<'_> {
    /// "step 8595 with epoch 5 (`version_0/metrics.csv`)"
    pub(crate) fn describe(&self, index: usize) -> String {
        let pair = &self.list[index];
        let place = self.sources.get(pair.source as usize).map_or_else(String::new, |source| format!(" ({source})"));
        format!("step {} with epoch {}{place}", pair.step, decimal(pair.stated))
    }

    /// "all 178 pairs of step and epoch, up to step ..."
    pub(crate) fn describe_all(&self) -> String {
        let furthest = self.list.iter().map(|pair| pair.step).max();
        let at = self.list.iter().position(|pair| Some(pair.step) == furthest).unwrap_or(0);
        match self.list.len() {
            0 => String::new(),
            1 => format!("the only pair of step and epoch, {}", self.describe(0)),
            count => format!("all {count} pairs of step and epoch, up to {}", self.describe(at)),
        }
    }

    /// The same, with the zeros that a writer of so many digits leaves away: beside 0.0777, 0.4 is 0.4000.
    pub(crate) fn with_all_digits(&self) -> Self {
        let padded = |pair: &Pair| Pair { stated: padded(pair.stated, self.digits), ..*pair };
        Self { list: self.list.iter().map(padded).collect(), ..*self }
    }

    #[cfg(test)]
    pub(crate) fn of_test(pairs: &[(u64, &str)]) -> Self {
        let pair = |&(step, text): &(u64, &str)| Pair { step, stated: Stated::parse(text).unwrap(), source: 0 };
        Pairs { list: pairs.iter().map(pair).collect(), meanings: &[], digits: 0, sources: &[] }
    }
}

/// Every run's pairs, by the runs' names. Runs without any are there, with none.
pub(crate) fn gather(records: &Records) -> BTreeMap<&str, Pairs<'_>> {
    let mut runs: BTreeMap<u32, Gathering> = BTreeMap::new();
    for chunk in &records.chunks {
        let run = runs.entry(chunk.run).or_default();
        match meaning_of_format(chunk.format) {
            Some(meaning) => run.columns(chunk, meaning),
            None => run.tags(chunk, &records.tags),
        }
    }
    let name = |run: u32| records.runs.get(run as usize).map_or("", String::as_str);
    runs.into_iter().map(|(run, gathering)| (name(run), gathering.finish(&records.sources))).collect()
}

/// What the epochs in a format's own field say; `None` where it has none, and a tag may hold them.
pub(crate) const fn meaning_of_format(format: Format) -> Option<Meaning> {
    match format {
        Format::LightningCsv => Some(Meaning::Index),
        Format::TrainerState => Some(Meaning::Elapsed),
        _ => None,
    }
}

/// What the values of a tag of an event file say if they are epochs, and all of them whole: Lightning's name for it, and
/// Hugging Face's. With a fraction they are always what was completed.
pub(crate) fn meaning_of_tag(name: &str) -> Option<Meaning> {
    match name {
        "epoch" => Some(Meaning::Index),
        "train/epoch" => Some(Meaning::Elapsed),
        _ => None,
    }
}

/// A value of an event file as the number that was given to its writer: the shortest decimal that is this float, with
/// the two digits behind the point that every writer who rounds leaves at least.
pub(crate) fn stated_of(value: f64) -> Option<Stated> {
    #[expect(clippy::cast_possible_truncation, reason = "whether it was a 32-bit float is the question")]
    let single = value as f32;
    let is_single = f64::from(single).to_bits() == value.to_bits();
    let mut stated = Stated::parse(&if is_single { single.to_string() } else { value.to_string() })?;
    if is_single {
        stated.precision = Precision::F32;
    }
    Some(padded(stated, 2))
}

/// The number with zeros up to so many digits behind the point, or to as many as 64 bits hold.
fn padded(mut stated: Stated, digits: i16) -> Stated {
    while stated.scale < digits
        && let Some(mantissa) = stated.mantissa.checked_mul(10)
    {
        stated.mantissa = mantissa;
        stated.scale += 1;
    }
    stated
}

/// The whole number that is stated, if it is one from 0 on.
pub(crate) fn whole(stated: Stated) -> Option<u64> {
    let unit = 10_i64.checked_pow(u32::try_from(stated.scale).ok()?)?;
    if stated.mantissa % unit == 0 { u64::try_from(stated.mantissa / unit).ok() } else { None }
}

#[derive(Default)]
struct Gathering {
    list: Vec<Pair>,
    /// What a format, or a fraction, says that the epochs mean.
    declared: [bool; 2],
    /// What a tag's name says of whole numbers.
    named: Option<Meaning>,
    digits: i16,
}

impl Gathering {
    fn columns(&mut self, chunk: &Chunk, meaning: Meaning) {
        let before = self.list.len();
        for (index, stated) in chunk.epoch.iter().flatten().enumerate() {
            if let (Some(step), Some(stated)) = (chunk.step_of(index), *stated) {
                self.digits = self.digits.max(stated.scale);
                self.push(step, stated, chunk.source);
            }
        }
        for &(step, stated) in &chunk.evidence {
            self.push(step, stated, chunk.source);
        }
        if self.list.len() > before {
            self.declared[usize::from(meaning.base())] = true;
        }
    }

    fn tags(&mut self, chunk: &Chunk, tags: &[String]) {
        let named = (0_u32..).zip(tags).filter_map(|(number, name)| Some((number, meaning_of_tag(name)?)));
        for (number, meaning) in named {
            for index in (0..chunk.len()).filter(|&index| chunk.tag[index] == number) {
                if let (Some(step), Some(stated)) = (chunk.step_of(index), stated_of(chunk.value[index])) {
                    self.digits = self.digits.max(stated.scale);
                    self.named.get_or_insert(meaning);
                    self.declared[usize::from(Meaning::Elapsed.base())] |= whole(stated).is_none();
                    self.push(step, stated, chunk.source);
                }
            }
        }
    }

    fn push(&mut self, step: i64, stated: Stated, source: u32) {
        // A step below 0 is nobody's count; it has no place, which re-indexing reports.
        let Ok(step) = u64::try_from(step) else { return };
        let pair = Pair { step, stated, source };
        if self.list.last() != Some(&pair) {
            self.list.push(pair);
        }
    }

    fn finish(self, sources: &[String]) -> Pairs<'_> {
        let meanings: &[Meaning] = match (self.declared, self.named) {
            ([true, false], _) => &[Meaning::Index],
            ([false, true], _) => &[Meaning::Elapsed],
            ([false, false], Some(Meaning::Index)) => &[Meaning::Index, Meaning::Elapsed],
            ([false, false], Some(Meaning::Elapsed)) => &[Meaning::Elapsed, Meaning::Index],
            ([true, true], _) | ([false, false], None) => &[],
        };
        Pairs { list: self.list, meanings, digits: self.digits, sources }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_float_of_an_event_file_is_read_as_it_was_given() {
        let single = |mantissa, scale| Some(Stated { mantissa, scale, precision: Precision::F32 });
        assert_eq!(stated_of(f64::from(0.07_f32)), single(7, 2));
        assert_eq!(stated_of(3.0), single(300, 2));
        assert_eq!(stated_of(f64::from(24.286_583_f32)), single(24_286_583, 6));
        assert_eq!(stated_of(1.0 / 3.0).map(|stated| stated.precision), Some(Precision::F64));
        assert_eq!(stated_of(f64::NAN), None);
    }

    #[test]
    fn zeros_that_a_writer_leaves_away_are_filled_in_as_far_as_they_fit() {
        let padded = |text: &str, digits| padded(Stated::parse(text).unwrap(), digits);
        assert_eq!(padded("0.4", 4), Stated { mantissa: 4000, scale: 4, precision: Precision::Decimal });
        assert_eq!(padded("37.0", 99).scale, 17);
        assert_eq!(padded("0.125", 2).scale, 3);
    }

    #[test]
    fn whole_numbers_are_whole_with_digits_behind_the_point_too() {
        for (text, expected) in [("3", Some(3)), ("3.00", Some(3)), ("3.01", None), ("-1", None), ("0.0", Some(0))] {
            assert_eq!(whole(Stated::parse(text).unwrap()), expected, "{text}");
        }
    }
}
