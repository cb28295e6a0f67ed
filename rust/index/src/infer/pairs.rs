//! The pairs of step and logged epoch of each run, gathered from its records.

use std::collections::BTreeMap;

use stepbridge_timeline::Unit;

use super::evidence::{FileEvidence, StatedEpoch};
use super::failure::InferenceFailure;
use super::hypothesis::{EpochForm, Hypothesis};
use super::inferred::StepHint;
use super::step_in_epoch::StepsInEpochs;
use super::step_resets::StepResets;
use super::step_word::StepWord;
use stepbridge_records::{ConfigEntry, Decimal, EpochMeaning, Records, StepMeaning, StepScope};

/// A step, and its logged epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) step: u64,
    pub(crate) stated: Decimal,
    pub(super) source: u32,
    /// What its log says of the two numbers.
    pub(super) said: PairMeaning,
    pub(crate) session: u32,
    /// Whether a later session superseded the record.
    pub(crate) superseded: bool,
}

/// What a log says of the numbers of a pair.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PairMeaning {
    /// The number of the first step.
    base: Option<u8>,
    epoch: Option<EpochMeaning>,
}

/// The hypotheses to try.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Candidates {
    /// The likeliest first; the first that fits is taken.
    pub(crate) likely: Vec<Hypothesis>,
    /// Others, all equally likely. One is taken if it alone fits.
    pub(crate) others: Vec<Hypothesis>,
}

/// The pairs of a run, in the order of its records: of records next to each other that state one epoch, the ends.
#[derive(Debug, Clone)]
pub(crate) struct Pairs<'a> {
    pub(crate) list: Vec<Pair>,
    /// Empty if files of the run contradict each other.
    pub(crate) candidates: Candidates,
    /// What the steps count.
    pub(crate) unit: Unit,
    /// Whether some of its files count updates and some batches.
    pub(crate) two_units: bool,
    /// Whether the pairs are of a log whose steps count calls of the logger.
    pub(crate) calls: bool,
    /// The records whose steps are inside their epochs.
    pub(crate) inside: StepsInEpochs,
    /// The meaning of the steps, if they begin again with each epoch and the log does not say so.
    pub(crate) restarts: Option<StepHint>,
    /// The largest number of digits after the point of a logged epoch.
    digits: i16,
    /// What the run's own configuration states.
    pub(crate) config: Vec<ConfigEntry>,
    /// The highest epoch that each of its files states, and what the file says of it.
    pub(crate) highest: Vec<(Decimal, Option<EpochMeaning>)>,
    /// Whether all of the run's files say what their steps count, or the caller does.
    pub(crate) declared: bool,
    sources: &'a [String],
}

impl Pairs<'_> {
    /// "step 8595 with epoch 5 (`version_0/metrics.csv`)"
    pub(crate) fn describe(&self, index: usize) -> String {
        let pair = &self.list[index];
        let place = self.sources.get(pair.source as usize).map_or_else(String::new, |source| format!(" ({source})"));
        format!("step {} with epoch {}{place}", pair.step, pair.stated)
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

    /// The same pairs with the zeros that a writer of this many digits omits: next to 0.0777, 0.4 is 0.4000.
    pub(crate) fn with_all_digits(&self) -> Self {
        self.map(|pair| Pair { stated: pair.stated.padded(self.digits), ..*pair })
    }

    /// The pairs that `keep` accepts.
    pub(crate) fn only(&self, keep: impl Fn(&Pair) -> bool) -> Self {
        Self { list: self.list.iter().copied().filter(|pair| keep(pair)).collect(), ..self.clone_empty() }
    }

    pub(crate) fn map(&self, each: impl Fn(&Pair) -> Pair) -> Self {
        Self { list: self.list.iter().map(each).collect(), ..self.clone_empty() }
    }

    fn clone_empty(&self) -> Self {
        let inside = StepsInEpochs::default();
        let (config, highest) = (self.config.clone(), self.highest.clone());
        Pairs { list: Vec::new(), candidates: self.candidates.clone(), inside, config, highest, ..*self }
    }

    /// The meaning of the numbers as they were logged: what their log says, if it says everything.
    pub(crate) fn as_said(&self, meaning: Hypothesis) -> Hypothesis {
        let all = self.list.iter().all(|pair| pair.said.base.is_some() && pair.said.epoch.is_some());
        match self.list.first().filter(|_| all).map(|pair| pair.said) {
            Some(PairMeaning { base: Some(base), epoch: Some(epoch) }) => Hypothesis { base, epoch },
            _ => meaning,
        }
    }

    /// The pairs in one form: the index of an update and of its epoch, or the number of an update and how many epochs were
    /// complete after it. The second result is the same pairs as they were logged.
    ///
    /// A count before the first update tells nothing of lengths, and is left out.
    pub(crate) fn under(&self, meaning: Hypothesis) -> Result<(Self, Self), InferenceFailure> {
        let form = meaning.form();
        let (mut plain, mut shown) = (self.clone_empty(), self.clone_empty());
        for (at, pair) in self.list.iter().enumerate() {
            let base = pair.said.base.unwrap_or(meaning.base);
            let epoch = pair.said.epoch.unwrap_or(meaning.epoch);
            let (step, stated) = match form {
                EpochForm::Index => {
                    let Some(step) = pair.step.checked_sub(u64::from(base)) else { continue };
                    let less = pair.stated.minus(epoch.base().unwrap_or(0));
                    (step, less.ok_or(InferenceFailure::Nonsense { at })?)
                }
                EpochForm::Elapsed => {
                    let step = pair.step.checked_add(u64::from(1 - base.min(1)));
                    (step.ok_or(InferenceFailure::TooLarge)?, pair.stated)
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
            stated: Decimal::parse(text).unwrap(),
            source: 0,
            said: PairMeaning::default(),
            session: 0,
            superseded: false,
        };
        Pairs {
            list: pairs.iter().map(pair).collect(),
            candidates: Candidates::default(),
            unit: Unit::Step,
            two_units: false,
            calls: false,
            inside: StepsInEpochs::default(),
            restarts: None,
            digits: 0,
            config: Vec::new(),
            highest: Vec::new(),
            declared: false,
            sources: &[],
        }
    }
}

/// The pairs of every run, by its number. Runs without pairs are included.
pub(crate) fn of_runs<'a>(
    records: &'a Records,
    evidence: &[FileEvidence],
    words: &[StepWord],
) -> BTreeMap<u32, Pairs<'a>> {
    let mut runs: BTreeMap<u32, PairGatherer> = BTreeMap::new();
    for (run, restarts) in restarts(evidence, words) {
        runs.entry(run).or_default().restarts = Some(restarts);
    }
    for file in evidence {
        let run = runs.entry(file.run).or_default();
        run.config.extend(file.config.iter().cloned());
        run.highest.extend(file.highest.map(|highest| (highest, file.meaning.epoch)));
        let word = StepWord::of(words, file.run);
        let step = word.of_step(file.meaning.step);
        run.undeclared |= step.is_none() && word.unit.is_none();
        let epoch_base = file.meaning.epoch.and_then(EpochMeaning::base).unwrap_or(0);
        match (step, run.restarts) {
            (_, Some(StepHint { step, epoch })) if file.may_restart => {
                run.inside.add(file, step.base, epoch.base().unwrap_or(epoch_base));
            }
            (Some(StepMeaning { scope: StepScope::Epoch, base, unit: Unit::Batch | Unit::Step }), _) => {
                run.inside.add(file, base, epoch_base);
            }
            // The step is an epoch, or a number from which the length of an epoch in batches does not follow.
            (Some(StepMeaning { unit: Unit::Epoch | Unit::Sample | Unit::Token | Unit::Duration, .. }), _) => {}
            (None, _) if matches!(word.unit, Some(Unit::Epoch | Unit::Sample | Unit::Token | Unit::Duration)) => {}
            _ => run.file(file, word),
        }
    }
    runs.into_iter().map(|(run, gathering)| (run, gathering.finish(&records.sources))).collect()
}

/// The runs whose steps begin again with each epoch though no log says so. All files of such a run agree.
fn restarts(evidence: &[FileEvidence], words: &[StepWord]) -> BTreeMap<u32, StepHint> {
    let mut files: BTreeMap<(u32, u32), StepResets> = BTreeMap::new();
    // A caller who says what steps count means a count over the run.
    let open = |file: &&FileEvidence| file.may_restart && StepWord::of(words, file.run).unit.is_none();
    for file in evidence.iter().filter(open) {
        files.entry((file.run, file.source)).or_default().add(&file.stretches);
    }
    let mut runs: BTreeMap<u32, Option<StepHint>> = BTreeMap::new();
    for ((run, _), file) in files {
        let hint = file.hint();
        let known = runs.entry(run).or_insert(hint);
        *known = known.filter(|known| Some(*known) == hint);
    }
    runs.into_iter().filter_map(|(run, hint)| Some((run, hint?))).collect()
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of the log, and independent of the others")]
struct PairGatherer {
    list: Vec<Pair>,
    /// Whether a format, or a fraction, shows that epochs are numbered or elapsed.
    numbers: bool,
    elapsed: bool,
    /// What the name of a tag says of integers.
    named: Option<Hypothesis>,
    /// The meaning in a log that does not say everything, if there is one.
    unsaid: Option<PairMeaning>,
    units: [bool; 2],
    calls: bool,
    inside: StepsInEpochs,
    restarts: Option<StepHint>,
    digits: i16,
    config: Vec<ConfigEntry>,
    highest: Vec<(Decimal, Option<EpochMeaning>)>,
    /// Whether some of its files do not say what their steps count, and the caller does not either.
    undeclared: bool,
}

impl PairGatherer {
    fn file(&mut self, file: &FileEvidence, word: StepWord) {
        let before = self.list.len();
        let epoch = file.meaning.epoch;
        let base = word.base.or(file.meaning.step.map(|step| step.base));
        let said = PairMeaning { base, epoch };
        for record in file.stretches.iter().flat_map(super::evidence::EpochStretch::ends) {
            self.digits = self.digits.max(record.stated.scale);
            self.elapsed |= epoch.is_none() && record.stated.count().is_none();
            self.push(record, file, said);
        }
        for &(step, stated) in &file.outside {
            self.push(StatedEpoch { step, stated, superseded: false }, file, said);
        }
        if self.list.len() == before {
            return;
        }
        if let Some(named) = file.named {
            self.named.get_or_insert(named);
        } else {
            match epoch {
                Some(EpochMeaning::Elapsed) => self.elapsed = true,
                Some(EpochMeaning::In(_) | EpochMeaning::Ends(_)) => self.numbers = true,
                None => {}
            }
            if said.base.is_none() || said.epoch.is_none() {
                self.unsaid = Some(said);
            }
        }
        let unit = word.unit.or(file.meaning.step.map(|step| step.unit));
        self.units[usize::from(unit == Some(Unit::Batch))] |= unit.is_some();
        self.calls |= unit.is_none() && file.format.description().step_counts_calls;
    }

    fn push(&mut self, record: StatedEpoch, file: &FileEvidence, said: PairMeaning) {
        // A step below 0 is not a count. It has no place, and re-indexing reports it.
        let Ok(step) = u64::try_from(record.step) else { return };
        let StatedEpoch { stated, superseded, .. } = record;
        let pair = Pair { step, stated, source: file.source, said, session: file.session, superseded };
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
            config: self.config,
            highest: self.highest,
            declared: !self.undeclared,
            sources,
        }
    }

    fn candidates(&self) -> Candidates {
        let likely = |likely: &[Hypothesis]| Candidates { likely: likely.to_vec(), others: Vec::new() };
        match (self.numbers, self.elapsed, self.named) {
            (true, true, _) => return Candidates::default(),
            _ if self.unsaid.is_some() || self.list.is_empty() => {}
            (true, false, _) => return likely(&[Hypothesis::INDEX]),
            (false, true, _) => return likely(&[Hypothesis::ELAPSED]),
            // The values of a tag are integers, and its name mostly means this.
            (false, false, Some(named)) => {
                let other = if named == Hypothesis::INDEX { Hypothesis::ELAPSED } else { Hypothesis::INDEX };
                return Candidates { likely: vec![named, other], others: self.numbers_from(None) };
            }
            (false, false, None) => {}
        }
        let Some(said) = self.unsaid else { return Candidates::default() };
        if self.elapsed {
            let bases = said.base.map_or_else(|| vec![1, 0], |base| vec![base]);
            let elapsed = |base| Hypothesis { base, epoch: EpochMeaning::Elapsed };
            return Candidates { likely: Vec::new(), others: bases.into_iter().map(elapsed).collect() };
        }
        Candidates { likely: Vec::new(), others: self.numbers_from(Some(said)) }
    }

    /// The hypotheses for numbered epochs: steps and epochs each from 0 or 1, unless the log says it or has a 0.
    fn numbers_from(&self, said: Option<PairMeaning>) -> Vec<Hypothesis> {
        let step_0 = self.list.iter().any(|pair| pair.step == 0);
        let epoch_0 = self.list.iter().any(|pair| pair.stated.count() == Some(0));
        let of_tag = said.is_none();
        let said = said.unwrap_or_default();
        let bases = |said: Option<u8>, zero: bool| match (said, zero) {
            (Some(base), _) => vec![base],
            (None, true) => vec![0],
            (None, false) => vec![0, 1],
        };
        let epochs = bases(said.epoch.and_then(EpochMeaning::base), epoch_0);
        let steps = bases(said.base, step_0);
        let both = |base: u8| epochs.iter().map(move |&epoch| Hypothesis { base, epoch: EpochMeaning::In(epoch) });
        steps.into_iter().flat_map(both).filter(|meaning| !of_tag || *meaning != Hypothesis::INDEX).collect()
    }
}
