//! The pairs of step and stated epoch of each run, gathered from its records.

use std::collections::BTreeMap;

use stepbridge_timeline::Unit;

use super::Hint;
use super::inside::Inside;
use super::restarts::{Restarts, may_restart};
use super::why::{Why, decimal};
use crate::epochs::Epochs;
use crate::formats::{EpochMeaning, Format, Scope, StepMeaning};
use crate::record::{Chunk, Precision, Records, Stated};

/// A step, and the epoch that the log states beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) step: u64,
    pub(crate) stated: Stated,
    pub(super) source: u32,
    /// What its own log says that they are, as far as it does.
    pub(super) said: Said,
    pub(crate) session: u32,
    /// Whether a later session took the record's place.
    pub(crate) superseded: bool,
}

/// What a log says of the numbers of a pair.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// Where steps count from.
    base: Option<u8>,
    epoch: Option<EpochMeaning>,
}

/// What the numbers of pairs are, where their log does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// Where steps count from.
    pub(crate) base: u8,
    /// A number from 0 or 1, or what was completed.
    pub(crate) epoch: EpochMeaning,
}

/// The two ways in which epochs are stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A whole number: the epoch in which the update happened (Lightning).
    Index,
    /// What was completed after the update, in epochs (Hugging Face).
    Elapsed,
}

impl Meaning {
    /// The index of the epoch in which the update with index `step` happened: Lightning's.
    pub(crate) const INDEX: Self = Self { base: 0, epoch: EpochMeaning::In(0) };
    /// What was completed after `step` updates, in epochs: Hugging Face's.
    pub(crate) const ELAPSED: Self = Self { base: 1, epoch: EpochMeaning::Elapsed };

    pub(crate) const fn form(self) -> Form {
        match self.epoch {
            EpochMeaning::Elapsed => Form::Elapsed,
            EpochMeaning::In(_) | EpochMeaning::Ends(_) => Form::Index,
        }
    }
}

/// What the numbers of pairs may be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Candidates {
    /// The likeliest first; the first that fits is taken.
    pub(crate) likely: Vec<Meaning>,
    /// Others, each as likely as the other; one is taken if it alone fits.
    pub(crate) others: Vec<Meaning>,
}

/// The pairs of one run, in the order of its records, without those that repeat the one before.
#[derive(Debug, Clone)]
pub(crate) struct Pairs<'a> {
    pub(crate) list: Vec<Pair>,
    /// None where files of the run contradict each other in this.
    pub(crate) candidates: Candidates,
    /// What the steps count.
    pub(crate) unit: Unit,
    /// Some of its files count updates, some batches.
    pub(crate) two_units: bool,
    /// The pairs are of a log whose steps count calls of the logger.
    pub(crate) calls: bool,
    /// What records say whose step is one inside the epoch.
    pub(crate) inside: Inside,
    /// What the run's steps are where its log does not say that they begin again with each epoch, and they do.
    pub(crate) restarts: Option<Hint>,
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
        self.map(|pair| Pair { stated: padded(pair.stated, self.digits), ..*pair })
    }

    /// Some of the pairs.
    pub(crate) fn only(&self, keep: impl Fn(&Pair) -> bool) -> Self {
        Self { list: self.list.iter().copied().filter(|pair| keep(pair)).collect(), ..self.clone_empty() }
    }

    pub(crate) fn map(&self, each: impl Fn(&Pair) -> Pair) -> Self {
        Self { list: self.list.iter().map(each).collect(), ..self.clone_empty() }
    }

    fn clone_empty(&self) -> Self {
        let inside = Inside::default();
        Pairs { list: Vec::new(), candidates: self.candidates.clone(), inside, ..*self }
    }

    /// The meaning as the numbers were logged: what their log says of them, where it says all.
    pub(crate) fn as_said(&self, meaning: Meaning) -> Meaning {
        let all = self.list.iter().all(|pair| pair.said.base.is_some() && pair.said.epoch.is_some());
        match self.list.first().filter(|_| all).map(|pair| pair.said) {
            Some(Said { base: Some(base), epoch: Some(epoch) }) => Meaning { base, epoch },
            _ => meaning,
        }
    }

    /// The pairs in the one form that is computed with: the index of an update and that of its epoch, or the number of
    /// an update and what was completed after it. Beside them those that they came from, as they were logged.
    ///
    /// A count before the first update says nothing of lengths.
    pub(crate) fn under(&self, meaning: Meaning) -> Result<(Self, Self), Why> {
        let form = meaning.form();
        let (mut plain, mut shown) = (self.clone_empty(), self.clone_empty());
        for (at, pair) in self.list.iter().enumerate() {
            let base = pair.said.base.unwrap_or(meaning.base);
            let epoch = pair.said.epoch.unwrap_or(meaning.epoch);
            let (step, stated) = match form {
                Form::Index => {
                    let Some(step) = pair.step.checked_sub(u64::from(base)) else { continue };
                    let less = pair.stated.minus(epoch.base().unwrap_or(0));
                    (step, less.ok_or(Why::Nonsense { at })?)
                }
                Form::Elapsed => {
                    let step = pair.step.checked_add(u64::from(1 - base.min(1)));
                    (step.ok_or(Why::TooLarge)?, pair.stated)
                }
            };
            plain.list.push(Pair { step, stated, ..*pair });
            shown.list.push(*pair);
        }
        Ok((plain, shown))
    }

    #[cfg(test)]
    pub(crate) fn of_test(pairs: &[(u64, &str)]) -> Self {
        let pair = |&(step, text): &(u64, &str)| Pair {
            step,
            stated: Stated::parse(text).unwrap(),
            source: 0,
            said: Said::default(),
            session: 0,
            superseded: false,
        };
        Pairs {
            list: pairs.iter().map(pair).collect(),
            candidates: Candidates::default(),
            unit: Unit::Step,
            two_units: false,
            calls: false,
            inside: Inside::default(),
            restarts: None,
            digits: 0,
            sources: &[],
        }
    }
}

/// Every run's pairs, by the runs' names. Runs without any are there, with none.
pub(crate) fn gather(records: &Records) -> BTreeMap<&str, Pairs<'_>> {
    let mut runs: BTreeMap<u32, Gathering> = BTreeMap::new();
    for (run, restarts) in restarts(records) {
        runs.entry(run).or_default().restarts = Some(restarts);
    }
    for chunk in &records.chunks {
        let run = runs.entry(chunk.run).or_default();
        let epoch_base = chunk.meaning.epoch.and_then(EpochMeaning::base).unwrap_or(0);
        match (chunk.meaning.step, run.restarts) {
            (_, Some(Hint { step, epoch })) if may_restart(chunk) => {
                run.inside.add(chunk, step.base, epoch.base().unwrap_or(epoch_base));
            }
            (Some(StepMeaning { scope: Scope::Epoch, base, .. }), _) => run.inside.add(chunk, base, epoch_base),
            // An epoch beside itself, or beside a number that no length of an epoch in batches follows from.
            (Some(StepMeaning { unit: Unit::Epoch | Unit::Sample | Unit::Token | Unit::Duration, .. }), _) => {}
            _ if chunk.epoch.is_some() || !chunk.evidence.is_empty() => run.columns(chunk),
            _ if chunk.meaning.epoch.is_none() => run.tags(chunk, &records.tags),
            _ => {}
        }
    }
    let name = |run: u32| records.runs.get(run as usize).map_or("", String::as_str);
    runs.into_iter().map(|(run, gathering)| (name(run), gathering.finish(&records.sources))).collect()
}

/// The runs whose steps begin again with each epoch though no log says that they do: all files of such a run are alike.
pub(crate) fn restarts(records: &Records) -> BTreeMap<u32, Hint> {
    let mut files: BTreeMap<(u32, u32), Restarts> = BTreeMap::new();
    for chunk in records.chunks.iter().filter(|chunk| may_restart(chunk)) {
        files.entry((chunk.run, chunk.source)).or_default().add(chunk);
    }
    let mut runs: BTreeMap<u32, Option<Hint>> = BTreeMap::new();
    for ((run, _), file) in files {
        let hint = file.hint();
        let known = runs.entry(run).or_insert(hint);
        *known = known.filter(|known| Some(*known) == hint);
    }
    runs.into_iter().filter_map(|(run, hint)| Some((run, hint?))).collect()
}

/// What the values of a tag say if they are epochs, and all of them whole: Lightning's name for it, and Hugging Face's.
/// With a fraction they are always what was completed.
fn meaning_of_tag(name: &str) -> Option<Meaning> {
    match name {
        "epoch" | "trainer/epoch" => Some(Meaning::INDEX),
        "train/epoch" => Some(Meaning::ELAPSED),
        _ => None,
    }
}

/// Whether the values of a tag are epochs.
pub(crate) fn is_epoch_tag(name: &str) -> bool {
    meaning_of_tag(name).is_some()
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
    numbers: bool,
    elapsed: bool,
    /// What a tag's name says of whole numbers.
    named: Option<Meaning>,
    /// Whether some record's log does not say what its numbers are.
    unsaid: Option<Said>,
    units: [bool; 2],
    calls: bool,
    inside: Inside,
    restarts: Option<Hint>,
    digits: i16,
}

impl Gathering {
    fn columns(&mut self, chunk: &Chunk) {
        let before = self.list.len();
        let epoch = chunk.meaning.epoch;
        let said = Said { base: chunk.meaning.step.map(|step| step.base), epoch };
        for (index, stated) in chunk.epoch.iter().flat_map(Epochs::iter).enumerate() {
            if let (Some(step), Some(stated)) = (chunk.step_of(index), stated) {
                self.digits = self.digits.max(stated.scale);
                self.elapsed |= epoch.is_none() && whole(stated).is_none();
                self.push(step, stated, chunk, said, chunk.is_superseded(index));
            }
        }
        for &(step, stated) in &chunk.evidence {
            self.push(step, stated, chunk, said, false);
        }
        if self.list.len() > before {
            match epoch {
                Some(EpochMeaning::Elapsed) => self.elapsed = true,
                Some(EpochMeaning::In(_) | EpochMeaning::Ends(_)) => self.numbers = true,
                None => {}
            }
            if said.base.is_none() || said.epoch.is_none() {
                self.unsaid = Some(said);
            }
            self.counts(chunk);
        }
    }

    fn tags(&mut self, chunk: &Chunk, tags: &[String]) {
        let named = (0_u32..).zip(tags).filter_map(|(number, name)| Some((number, meaning_of_tag(name)?)));
        for (number, meaning) in named {
            for index in (0..chunk.len()).filter(|&index| chunk.tag[index] == number) {
                if let (Some(step), Some(stated)) = (chunk.step_of(index), stated_of(chunk.value[index])) {
                    self.digits = self.digits.max(stated.scale);
                    self.named.get_or_insert(meaning);
                    self.elapsed |= whole(stated).is_none();
                    let said = Said { base: chunk.meaning.step.map(|step| step.base), epoch: None };
                    self.push(step, stated, chunk, said, chunk.is_superseded(index));
                    self.counts(chunk);
                }
            }
        }
    }

    fn counts(&mut self, chunk: &Chunk) {
        let unit = chunk.meaning.step.map(|step| step.unit);
        self.units[usize::from(unit == Some(Unit::Batch))] |= unit.is_some();
        self.calls |= unit.is_none() && matches!(chunk.format, Format::Wandb | Format::WandbHistory);
    }

    fn push(&mut self, step: i64, stated: Stated, chunk: &Chunk, said: Said, superseded: bool) {
        // A step below 0 is nobody's count; it has no place, which re-indexing reports.
        let Ok(step) = u64::try_from(step) else { return };
        let pair = Pair { step, stated, source: chunk.source, said, session: chunk.session, superseded };
        if self.list.last() != Some(&pair) {
            self.list.push(pair);
        }
    }

    fn finish(self, sources: &[String]) -> Pairs<'_> {
        let candidates = self.candidates();
        Pairs {
            list: self.list,
            candidates,
            unit: if self.units == [false, true] { Unit::Batch } else { Unit::Step },
            two_units: self.units == [true, true],
            calls: self.calls,
            inside: self.inside,
            restarts: self.restarts,
            digits: self.digits,
            sources,
        }
    }

    fn candidates(&self) -> Candidates {
        let likely = |likely: &[Meaning]| Candidates { likely: likely.to_vec(), others: Vec::new() };
        match (self.numbers, self.elapsed, self.named) {
            (true, true, _) => return Candidates::default(),
            _ if self.unsaid.is_some() || self.list.is_empty() => {}
            (true, false, _) => return likely(&[Meaning::INDEX]),
            (false, true, _) => return likely(&[Meaning::ELAPSED]),
            // A tag whose numbers are whole, under the name of one that mostly means this.
            (false, false, Some(named)) => {
                let other = if named == Meaning::INDEX { Meaning::ELAPSED } else { Meaning::INDEX };
                return Candidates { likely: vec![named, other], others: self.numbers_from(None) };
            }
            (false, false, None) => {}
        }
        let Some(said) = self.unsaid else { return Candidates::default() };
        if self.elapsed {
            let bases = said.base.map_or_else(|| vec![1, 0], |base| vec![base]);
            let elapsed = |base| Meaning { base, epoch: EpochMeaning::Elapsed };
            return Candidates { likely: Vec::new(), others: bases.into_iter().map(elapsed).collect() };
        }
        Candidates { likely: Vec::new(), others: self.numbers_from(Some(said)) }
    }

    /// Whole numbers from 0 or 1, of steps from 0 or 1, as far as the log says neither and none stands below.
    fn numbers_from(&self, said: Option<Said>) -> Vec<Meaning> {
        let step_0 = self.list.iter().any(|pair| pair.step == 0);
        let epoch_0 = self.list.iter().any(|pair| whole(pair.stated) == Some(0));
        let of_tag = said.is_none();
        let said = said.unwrap_or_default();
        let bases = |said: Option<u8>, zero: bool| match (said, zero) {
            (Some(base), _) => vec![base],
            (None, true) => vec![0],
            (None, false) => vec![0, 1],
        };
        let epochs = bases(said.epoch.and_then(EpochMeaning::base), epoch_0);
        let steps = bases(said.base, step_0);
        let both = |base: u8| epochs.iter().map(move |&epoch| Meaning { base, epoch: EpochMeaning::In(epoch) });
        steps.into_iter().flat_map(both).filter(|meaning| !of_tag || *meaning != Meaning::INDEX).collect()
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
