//! Finds the timeline of a run from the epochs that its own log states.
//!
//! There are two kinds of logged epochs: the index of the epoch that a step is in (`integer_epochs`), and how many epochs
//! were complete after it, with a fraction (`fractional_epochs`). In both, each record allows a range of lengths; the ranges
//! are intersected in integers, and there is an answer if one length is left. The answer is then checked against each record
//! through the timeline. Steps inside their epochs, and lengths that the log states itself, are a third source
//! (`step_in_epoch`). If the log does not say that steps begin again with each epoch, the records show it (`step_resets`).
//!
//! Superseded records do not count. If no single timeline fits the others, each session has its own (`session_timelines`).

mod config;
mod evidence;
mod failure;
mod failure_text;
mod fit;
mod fractional_epochs;
mod hypothesis;
mod inferred;
mod integer_epochs;
mod likely;
mod pairs;
mod ratio;
mod segment;
mod session_timelines;
mod share_timeline;
mod step_in_epoch;
mod step_resets;
mod step_word;
mod twins;

use std::collections::BTreeMap;

use stepbridge_records::{EpochMeaning, Records, StepMeaning};
use stepbridge_timeline::Timeline;

use crate::second_counters::SecondCounters;
use failure::InferenceFailure;
use fit::Fit;
use hypothesis::Hypothesis;
use pairs::Pairs;

pub(crate) use evidence::MOST_STRETCHES;
pub(crate) use inferred::StepHint;
pub use inferred::{InferenceOutcome, TimelineInference};
pub(crate) use ratio::PrintedRange;
pub(crate) use step_resets::may_restart;
pub use step_word::StepWord;

/// Finds the timeline of every run, by name. `word` is what the caller says of the steps of all runs.
#[must_use]
pub fn infer(records: &Records, word: StepWord) -> BTreeMap<String, TimelineInference> {
    evidence_of(records, word).infer(records)
}

/// The same; a run that does not show its timeline takes that of the others, if they all have the same and nothing in its own
/// log contradicts it.
#[must_use]
pub fn infer_shared(records: &Records, word: StepWord) -> BTreeMap<String, TimelineInference> {
    let evidence = evidence_of(records, word);
    let mut found = evidence.infer(records);
    evidence.share_timeline(records, &mut found);
    found
}

fn evidence_of(records: &Records, word: StepWord) -> EpochEvidence<'_> {
    EpochEvidence::new(records, &SecondCounters::of(records, 1), &vec![word; records.runs.len()], 1)
}

/// What the logs of all runs state of their epochs.
pub(crate) struct EpochEvidence<'a> {
    /// By the number of the run.
    pairs: BTreeMap<u32, Pairs<'a>>,
}

impl<'a> EpochEvidence<'a> {
    /// Folds the records, on up to `threads` threads; `words` are what the caller says of the steps of each run, or empty.
    pub(crate) fn new(records: &'a Records, counters: &SecondCounters, words: &[StepWord], threads: usize) -> Self {
        Self { pairs: pairs::of_runs(records, &evidence::gather(records, counters, threads), words) }
    }

    /// The timeline of every run, by name.
    pub(crate) fn infer(&self, records: &Records) -> BTreeMap<String, TimelineInference> {
        let name = |run: u32| records.runs.get(run as usize).map_or("", String::as_str).to_owned();
        let mut found = self.pairs.iter().map(|(run, pairs)| (name(*run), of_run(pairs))).collect();
        twins::lend(&self.pairs, records, &mut found);
        found
    }

    /// What in the log of a run contradicts a timeline that the caller gives: most of its pairs of step and epoch do, whatever
    /// they may mean. One clause for people.
    pub(crate) fn contradiction(&self, run: u32, given: &Timeline, hint: Option<StepHint>) -> Option<String> {
        let pairs = self.pairs.get(&run)?.only(|pair| !pair.superseded);
        let stated = hint.map(|hint| Hypothesis { base: hint.step.base, epoch: hint.epoch });
        let meanings = pairs.candidates.likely.iter().chain(&pairs.candidates.others).copied().chain(stated);
        let mut least: Option<(usize, usize, usize)> = None;
        for meaning in meanings {
            let (against, of, first) = fit::against(given, meaning, &pairs)?;
            if least.is_none_or(|(fewest, ..)| against < fewest) {
                least = Some((against, of, first));
            }
        }
        let (against, of, first) = least.filter(|(against, of, _)| against * 2 > *of)?;
        Some(format!(
            "{against} of the {of} pairs of step and epoch that can be compared contradict it, the first is {}",
            pairs.describe(first)
        ))
    }

    /// What the logged epochs of a run mean, where all meanings of its steps agree on it.
    pub(crate) fn epoch(&self, run: u32) -> Option<EpochMeaning> {
        let candidates = &self.pairs.get(&run)?.candidates;
        let mut all = candidates.likely.iter().chain(&candidates.others).map(|meaning| meaning.epoch);
        let first = all.next()?;
        all.all(|other| other == first).then_some(first)
    }

    /// What the logged epochs of a run most likely show of its steps, if its format does not say it. Whether any timeline fits
    /// is not looked at.
    pub(crate) fn hint(&self, run: u32) -> Option<StepHint> {
        let pairs = self.pairs.get(&run)?;
        if pairs.restarts.is_some() {
            return pairs.restarts;
        }
        let candidates = &pairs.candidates;
        let alone = candidates.others.first().filter(|_| candidates.others.len() == 1);
        Some(hint(pairs, *candidates.likely.first().or(alone)?))
    }
}

fn hint(pairs: &Pairs, meaning: Hypothesis) -> StepHint {
    let meaning = pairs.as_said(meaning);
    StepHint { step: StepMeaning::of_run(pairs.unit, meaning.base), epoch: meaning.epoch }
}

fn of_run(pairs: &Pairs) -> TimelineInference {
    let mut found = timeline_of(pairs);
    found.contradiction = found.contradiction.or_else(|| config::more_epochs(pairs, found.epoch));
    found
}

fn timeline_of(pairs: &Pairs) -> TimelineInference {
    if !pairs.inside.is_empty() {
        match pairs.inside.solve() {
            Ok((timeline, evidence, checked)) => {
                return TimelineInference::of(InferenceOutcome::Known { timeline, evidence, checked });
            }
            Err(why) if pairs.list.is_empty() => return TimelineInference::unknown(why.text(pairs)),
            // Epochs of steps over the whole run may show what steps inside epochs do not.
            Err(_) => {}
        }
    }
    let kept = pairs.only(|pair| !pair.superseded);
    match best(&kept, fit::solve, |fit| fit.timeline.segments().len() == 1) {
        Ok((meaning, fit)) => {
            let refuting = pairs.inside.refuting(&fit.timeline);
            if let Some(epoch) = refuting {
                return TimelineInference::unknown(InferenceFailure::Outside { epoch }.text(pairs));
            }
            let contradiction = config::contradiction(pairs, &fit.timeline);
            let Fit { timeline, evidence, checked, ratio_only, open_epoch } = fit;
            let outcome = InferenceOutcome::Known { timeline, evidence, checked };
            let found = TimelineInference { contradiction, ratio_only, open_epoch, ..TimelineInference::of(outcome) };
            found.meaning(hint(pairs, meaning))
        }
        Err(why) => {
            if let Ok((meaning, outcome)) = best(pairs, session_timelines::solve, |_| true) {
                return TimelineInference::of(outcome).meaning(hint(pairs, meaning));
            }
            let mut found = config::settled(&kept, &why).unwrap_or_else(|| {
                let likely = likely::of_run(&kept, &why);
                TimelineInference { likely, ..TimelineInference::unknown(why.text(&kept)) }
            });
            if matches!((&found.outcome, why), (InferenceOutcome::Unknown { .. }, InferenceFailure::FirstEpoch { .. }))
            {
                found.open_epoch = Some(0);
            }
            found
        }
    }
}

/// The solution under the likeliest hypothesis that has one; of equally likely hypotheses, the only one that has. A single
/// length of all epochs (`plain`) comes before lengths that change, because those easily fit a wrong hypothesis.
fn best<T>(
    pairs: &Pairs,
    solve: impl Fn(&Pairs, Hypothesis) -> Result<T, InferenceFailure>,
    plain: impl Fn(&T) -> bool,
) -> Result<(Hypothesis, T), InferenceFailure> {
    if pairs.two_units {
        return Err(InferenceFailure::TwoUnits);
    }
    let tried = |meanings: &[Hypothesis]| -> Vec<(Hypothesis, Result<T, InferenceFailure>)> {
        meanings.iter().map(|&meaning| (meaning, solve(pairs, meaning))).collect()
    };
    let mut likely = tried(&pairs.candidates.likely);
    let is_plain = |(_, found): &(Hypothesis, Result<T, InferenceFailure>)| found.as_ref().is_ok_and(&plain);
    if let Some(at) = likely.iter().position(is_plain) {
        let (meaning, found) = likely.swap_remove(at);
        return found.map(|found| (meaning, found));
    }
    let is_open = |(_, found): &(Hypothesis, Result<T, InferenceFailure>)| {
        matches!(
            found,
            Err(InferenceFailure::AnyLength { .. }
                | InferenceFailure::AnyIndexed { .. }
                | InferenceFailure::TwoRates { .. })
        )
    };
    let others = if likely.iter().any(is_open) { Vec::new() } else { tried(&pairs.candidates.others) };
    let no_other = if pairs.list.is_empty() { InferenceFailure::NoPairs } else { InferenceFailure::TwoMeanings };
    // The likeliest hypothesis gives the reason.
    let reason = likely.iter().chain(&others).find_map(|(_, found)| found.as_ref().err().cloned()).unwrap_or(no_other);
    let lengths_change = likely.into_iter().find_map(|(meaning, found)| Some((meaning, found.ok()?)));
    let (uniform, rest): (Vec<_>, Vec<_>) = others.into_iter().partition(|found| is_plain(found) || is_open(found));
    let only = |found: Vec<(Hypothesis, Result<T, InferenceFailure>)>| {
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (Some((first, _)), Some((second, _))) => Err(InferenceFailure::TwoBases { first, second }),
            (Some((meaning, Ok(fit))), None) => Ok(Some((meaning, fit))),
            (Some((_, Err(why))), None) => Err(why),
            (None, _) => Ok(None),
        }
    };
    if let Some(found) = only(uniform)? {
        return Ok(found);
    }
    let changing = rest.into_iter().filter(|(_, found)| found.is_ok()).collect();
    match lengths_change {
        Some(found) => Ok(found),
        None => only(changing)?.ok_or(reason),
    }
}
