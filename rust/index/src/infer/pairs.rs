//! The pairs of step and logged epoch of each run, gathered from its records.

use std::collections::BTreeMap;

use stepbridge_timeline::Unit;

use super::failure::InferenceFailure;
use super::hypothesis::{EpochForm, Hypothesis};
use super::inferred::StepHint;
use super::step_in_epoch::StepsInEpochs;
use super::step_resets::{StepResets, may_restart};
use stepbridge_records::{ColumnBatch, Decimal, EpochColumn, EpochMeaning, Format, Records, StepMeaning, StepScope};

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

/// The pairs of a run, in the order of its records, without repetitions of the previous pair.
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
        Pairs { list: Vec::new(), candidates: self.candidates.clone(), inside, ..*self }
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
            sources: &[],
        }
    }
}

/// The pairs of every run, by its name. Runs without pairs are included.
pub(crate) fn gather(records: &Records) -> BTreeMap<&str, Pairs<'_>> {
    let mut runs: BTreeMap<u32, PairGatherer> = BTreeMap::new();
    for (run, restarts) in restarts(records) {
        runs.entry(run).or_default().restarts = Some(restarts);
    }
    for batch in &records.batches {
        let run = runs.entry(batch.run).or_default();
        let epoch_base = batch.meaning.epoch.and_then(EpochMeaning::base).unwrap_or(0);
        match (batch.meaning.step, run.restarts) {
            (_, Some(StepHint { step, epoch })) if may_restart(batch) => {
                run.inside.add(batch, step.base, epoch.base().unwrap_or(epoch_base));
            }
            (Some(StepMeaning { scope: StepScope::Epoch, base, unit: Unit::Batch | Unit::Step }), _) => {
                run.inside.add(batch, base, epoch_base);
            }
            // The step is an epoch, or a number from which the length of an epoch in batches does not follow.
            (Some(StepMeaning { unit: Unit::Epoch | Unit::Sample | Unit::Token | Unit::Duration, .. }), _) => {}
            _ if batch.epoch.is_some() || !batch.evidence.is_empty() => run.columns(batch),
            _ if batch.meaning.epoch.is_none() => run.tags(batch, &records.tags),
            _ => {}
        }
    }
    let name = |run: u32| records.runs.get(run as usize).map_or("", String::as_str);
    runs.into_iter().map(|(run, gathering)| (name(run), gathering.finish(&records.sources))).collect()
}

/// The runs whose steps begin again with each epoch though no log says so. All files of such a run agree.
pub(crate) fn restarts(records: &Records) -> BTreeMap<u32, StepHint> {
    let mut files: BTreeMap<(u32, u32), StepResets> = BTreeMap::new();
    for batch in records.batches.iter().filter(|batch| may_restart(batch)) {
        files.entry((batch.run, batch.source)).or_default().add(batch);
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
}

impl PairGatherer {
    fn columns(&mut self, batch: &ColumnBatch) {
        let before = self.list.len();
        let epoch = batch.meaning.epoch;
        let said = PairMeaning { base: batch.meaning.step.map(|step| step.base), epoch };
        for (index, stated) in batch.epoch.iter().flat_map(EpochColumn::iter).enumerate() {
            if let (Some(step), Some(stated)) = (batch.step_of(index), stated) {
                self.digits = self.digits.max(stated.scale);
                self.elapsed |= epoch.is_none() && stated.count().is_none();
                self.push(step, stated, batch, said, batch.is_superseded(index));
            }
        }
        for &(step, stated) in &batch.evidence {
            self.push(step, stated, batch, said, false);
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
            self.counts(batch);
        }
    }

    fn tags(&mut self, batch: &ColumnBatch, tags: &[String]) {
        let named = (0_u32..).zip(tags).filter_map(|(number, name)| Some((number, Hypothesis::of_tag(name)?)));
        for (number, meaning) in named {
            for index in (0..batch.len()).filter(|&index| batch.tag[index] == number) {
                if let (Some(step), Some(stated)) = (batch.step_of(index), Decimal::of_float(batch.value[index])) {
                    self.digits = self.digits.max(stated.scale);
                    self.named.get_or_insert(meaning);
                    self.elapsed |= stated.count().is_none();
                    let said = PairMeaning { base: batch.meaning.step.map(|step| step.base), epoch: None };
                    self.push(step, stated, batch, said, batch.is_superseded(index));
                    self.counts(batch);
                }
            }
        }
    }

    fn counts(&mut self, batch: &ColumnBatch) {
        let unit = batch.meaning.step.map(|step| step.unit);
        self.units[usize::from(unit == Some(Unit::Batch))] |= unit.is_some();
        self.calls |= unit.is_none() && matches!(batch.format, Format::Wandb | Format::WandbHistory);
    }

    fn push(&mut self, step: i64, stated: Decimal, batch: &ColumnBatch, said: PairMeaning, superseded: bool) {
        // A step below 0 is not a count. It has no place, and re-indexing reports it.
        let Ok(step) = u64::try_from(step) else { return };
        let pair = Pair { step, stated, source: batch.source, said, session: batch.session, superseded };
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
