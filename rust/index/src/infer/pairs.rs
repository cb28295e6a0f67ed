//! The pairs of step and stated epoch of each run, gathered from its records.

use std::collections::BTreeMap;

use stepbridge_timeline::Unit;

use super::failure::InferenceFailure;
use super::hypothesis::{EpochForm, Hypothesis};
use super::inferred::StepHint;
use super::step_in_epoch::StepsInEpochs;
use super::step_resets::{StepResets, may_restart};
use stepbridge_records::{ColumnBatch, Decimal, EpochColumn, EpochMeaning, Format, Records, StepMeaning, StepScope};

/// A step, and the epoch that the log states beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) step: u64,
    pub(crate) stated: Decimal,
    pub(super) source: u32,
    /// What its own log says that they are, as far as it does.
    pub(super) said: PairMeaning,
    pub(crate) session: u32,
    /// Whether a later session took the record's place.
    pub(crate) superseded: bool,
}

/// What a log says of the numbers of a pair.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PairMeaning {
    /// Where steps count from.
    base: Option<u8>,
    epoch: Option<EpochMeaning>,
}

/// What the numbers of pairs may be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Candidates {
    /// The likeliest first; the first that fits is taken.
    pub(crate) likely: Vec<Hypothesis>,
    /// Others, each as likely as the other; one is taken if it alone fits.
    pub(crate) others: Vec<Hypothesis>,
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
    pub(crate) inside: StepsInEpochs,
    /// What the run's steps are where its log does not say that they begin again with each epoch, and they do.
    pub(crate) restarts: Option<StepHint>,
    /// The most digits behind the point that a record states an epoch with.
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

    /// The same, with the zeros that a writer of so many digits leaves away: beside 0.0777, 0.4 is 0.4000.
    pub(crate) fn with_all_digits(&self) -> Self {
        self.map(|pair| Pair { stated: pair.stated.padded(self.digits), ..*pair })
    }

    /// Some of the pairs.
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

    /// The meaning as the numbers were logged: what their log says of them, where it says all.
    pub(crate) fn as_said(&self, meaning: Hypothesis) -> Hypothesis {
        let all = self.list.iter().all(|pair| pair.said.base.is_some() && pair.said.epoch.is_some());
        match self.list.first().filter(|_| all).map(|pair| pair.said) {
            Some(PairMeaning { base: Some(base), epoch: Some(epoch) }) => Hypothesis { base, epoch },
            _ => meaning,
        }
    }

    /// The pairs in the one form that is computed with: the index of an update and that of its epoch, or the number of
    /// an update and what was completed after it. Beside them those that they came from, as they were logged.
    ///
    /// A count before the first update says nothing of lengths.
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

/// Every run's pairs, by the runs' names. Runs without any are there, with none.
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
            (Some(StepMeaning { scope: StepScope::Epoch, base, .. }), _) => run.inside.add(batch, base, epoch_base),
            // An epoch beside itself, or beside a number that no length of an epoch in batches follows from.
            (Some(StepMeaning { unit: Unit::Epoch | Unit::Sample | Unit::Token | Unit::Duration, .. }), _) => {}
            _ if batch.epoch.is_some() || !batch.evidence.is_empty() => run.columns(batch),
            _ if batch.meaning.epoch.is_none() => run.tags(batch, &records.tags),
            _ => {}
        }
    }
    let name = |run: u32| records.runs.get(run as usize).map_or("", String::as_str);
    runs.into_iter().map(|(run, gathering)| (name(run), gathering.finish(&records.sources))).collect()
}

/// The runs whose steps begin again with each epoch though no log says that they do: all files of such a run are alike.
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
    /// What a format, or a fraction, says that the epochs mean.
    numbers: bool,
    elapsed: bool,
    /// What a tag's name says of whole numbers.
    named: Option<Hypothesis>,
    /// Whether some record's log does not say what its numbers are.
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
        // A step below 0 is nobody's count; it has no place, which re-indexing reports.
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
            // A tag whose numbers are whole, under the name of one that mostly means this.
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

    /// Whole numbers from 0 or 1, of steps from 0 or 1, as far as the log says neither and none stands below.
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
