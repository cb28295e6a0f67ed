//! Finds the timeline of a run from the epochs that its own log states.
//!
//! There are two kinds of logged epochs: the index of the epoch that a step is in (`integer_epochs`), and how many epochs
//! were complete after it, with a fraction (`fractional_epochs`). In both, each record allows a range of lengths; the ranges
//! are intersected in integers, and there is an answer if one length is left. The answer is then checked against each record
//! through the timeline. Steps inside their epochs, and lengths that the log states itself, are a third source
//! (`step_in_epoch`). If the log does not say that steps begin again with each epoch, the records show it (`step_resets`).
//!
//! Superseded records do not count. If no single timeline fits the others, each session has its own (`session_timelines`).

mod failure;
mod failure_text;
mod fit;
mod fractional_epochs;
mod hypothesis;
mod inferred;
mod integer_epochs;
mod pairs;
mod ratio;
mod segments;
mod session_timelines;
mod share_timeline;
mod step_in_epoch;
mod step_resets;

use std::collections::BTreeMap;

use stepbridge_records::{Records, StepMeaning};

use failure::InferenceFailure;
use hypothesis::Hypothesis;
use pairs::Pairs;

pub(crate) use inferred::StepHint;
pub use inferred::{InferenceOutcome, TimelineInference};
pub(crate) use ratio::PrintedRange;
pub use share_timeline::share_timeline;
pub(crate) use step_resets::may_restart;

/// Finds the timeline of every run, by name.
#[must_use]
pub fn infer(records: &Records) -> BTreeMap<String, TimelineInference> {
    pairs::gather(records).into_iter().map(|(run, pairs)| (run.to_owned(), of_run(&pairs))).collect()
}

/// What the logged epochs of each run most likely show of its steps, if the format does not say it. Whether any timeline fits
/// is not looked at.
pub(crate) fn steps(records: &Records) -> BTreeMap<&str, StepHint> {
    if records.batches.iter().all(|batch| batch.meaning.step.is_some()) {
        let name = |run: u32| records.runs.get(run as usize).map(String::as_str);
        return pairs::restarts(records).into_iter().filter_map(|(run, hint)| Some((name(run)?, hint))).collect();
    }
    let hints = pairs::gather(records).into_iter().filter_map(|(run, pairs)| {
        if let Some(hint) = pairs.restarts {
            return Some((run, hint));
        }
        let candidates = &pairs.candidates;
        let alone = candidates.others.first().filter(|_| candidates.others.len() == 1);
        Some((run, hint(&pairs, *candidates.likely.first().or(alone)?)))
    });
    hints.collect()
}

fn hint(pairs: &Pairs, meaning: Hypothesis) -> StepHint {
    let meaning = pairs.as_said(meaning);
    StepHint { step: StepMeaning::of_run(pairs.unit, meaning.base), epoch: meaning.epoch }
}

fn of_run(pairs: &Pairs) -> TimelineInference {
    let unknown = |why: String| TimelineInference {
        outcome: InferenceOutcome::Unknown { why },
        step: None,
        epoch: None,
        shared_by: None,
    };
    if !pairs.inside.is_empty() {
        match pairs.inside.solve() {
            Ok((timeline, evidence, checked)) => {
                let outcome = InferenceOutcome::Known { timeline, evidence, checked };
                return TimelineInference { outcome, step: None, epoch: None, shared_by: None };
            }
            Err(why) if pairs.list.is_empty() => return unknown(why.text(pairs)),
            // Epochs of steps over the whole run may show what steps inside epochs do not.
            Err(_) => {}
        }
    }
    let kept = pairs.only(|pair| !pair.superseded);
    match best(&kept, fit::solve, |(timeline, ..)| timeline.segments().len() == 1) {
        Ok((meaning, (timeline, evidence, checked))) => {
            let refuting = pairs.inside.refuting(&timeline);
            if let Some(epoch) = refuting {
                return unknown(InferenceFailure::Outside { epoch }.text(pairs));
            }
            let StepHint { step, epoch } = hint(pairs, meaning);
            let outcome = InferenceOutcome::Known { timeline, evidence, checked };
            TimelineInference { outcome, step: Some(step), epoch: Some(epoch), shared_by: None }
        }
        Err(why) => match best(pairs, session_timelines::solve, |_| true) {
            Ok((meaning, outcome)) => {
                let StepHint { step, epoch } = hint(pairs, meaning);
                TimelineInference { outcome, step: Some(step), epoch: Some(epoch), shared_by: None }
            }
            Err(_) => unknown(why.text(&kept)),
        },
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
