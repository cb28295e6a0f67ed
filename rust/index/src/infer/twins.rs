//! Two logs of one run: a text log that states how many batches its epochs have, and a file of values that does not.
//!
//! They are known to be of one run by what they hold: they are in one folder, or one is in a folder below the other, and the same
//! values are at the same places, as far as their digits go.

use std::collections::{BTreeMap, HashMap};

use stepbridge_records::{Records, StepScope};
use stepbridge_timeline::Timeline;

use super::fit::agree_in;
use super::hint;
use super::hypothesis::Hypothesis;
use super::inferred::{InferenceOutcome, TimelineInference};
use super::pairs::Pairs;

/// How many places must hold the same value.
const ENOUGH: usize = 2;

/// By tag and by the place in the run.
type PlacedValues<'a> = HashMap<(&'a str, u64), f64>;

/// Gives each run that does not show its timeline that of its twin, if it has one.
pub(super) fn lend(pairs: &BTreeMap<u32, Pairs>, records: &Records, found: &mut BTreeMap<String, TimelineInference>) {
    let name = |run: u32| records.runs.get(run as usize).map_or("", String::as_str);
    let stating: Vec<(u32, u64)> = pairs.iter().filter_map(|(run, own)| Some((*run, stated(own)?))).collect();
    if stating.is_empty() {
        return;
    }
    for (&run, own) in pairs {
        let unknown = |found: &TimelineInference| matches!(found.outcome, InferenceOutcome::Unknown { .. });
        if own.list.is_empty() || !found.get(name(run)).is_some_and(unknown) {
            continue;
        }
        let kept = own.only(|pair| !pair.superseded);
        let mut twins = stating.iter().filter_map(|&(other, length)| {
            let timeline = super::fit::uniform(length)?;
            let meaning = meaning(&kept, &timeline)?;
            let base = own.as_said(meaning).base;
            let same = of_one_folder(records, run, other)
                && same_values(&over_run(records, run, base), &in_epochs(records, other, length));
            same.then_some((other, length, timeline, meaning))
        });
        let Some((other, length, timeline, meaning)) = twins.next() else { continue };
        if twins.any(|(_, another, ..)| another != length) {
            continue;
        }
        let evidence = format!(
            "run {} holds the same values, and says that an epoch has {length} batches: it is another log of this run",
            name(other)
        );
        let outcome = InferenceOutcome::Known { timeline, evidence, checked: kept.list.len() };
        let shared_by = Some(name(other).to_owned());
        let twin = TimelineInference { shared_by, ..TimelineInference::of(outcome) }.meaning(hint(own, meaning));
        found.insert(name(run).to_owned(), twin);
    }
}

/// The one length of all epochs that a log states.
fn stated(pairs: &Pairs) -> Option<u64> {
    let (timeline, ..) = pairs.inside.solve().ok().filter(|_| !pairs.inside.is_empty())?;
    let [one] = timeline.segments() else { return None };
    one.batches
}

/// The only meaning of the numbers of a log under which they agree with a timeline.
fn meaning(pairs: &Pairs, timeline: &Timeline) -> Option<Hypothesis> {
    let all = pairs.candidates.likely.iter().chain(&pairs.candidates.others).copied();
    let mut fitting = all.filter(|meaning| {
        pairs.under(*meaning).is_ok_and(|(plain, _)| agree_in(timeline, pairs.unit, meaning.form(), &plain).is_ok())
    });
    fitting.next().filter(|_| fitting.next().is_none())
}

/// Whether the files of two runs are in one folder, or those of one in a folder below the other.
fn of_one_folder(records: &Records, run: u32, other: u32) -> bool {
    let folder = |run: u32| {
        let batch = records.batches.iter().find(|batch| batch.run == run)?;
        let source = records.sources.get(batch.source as usize)?;
        Some(source.rsplit_once('/').map_or("", |(folder, _)| folder))
    };
    let below = |inner: &str, outer: &str| {
        inner == outer || inner.strip_prefix(outer).is_some_and(|rest| outer.is_empty() || rest.starts_with('/'))
    };
    folder(run).zip(folder(other)).is_some_and(|(one, other)| below(one, other) || below(other, one))
}

/// The values of a run whose steps count over the run from `base`.
fn over_run(records: &Records, run: u32, base: u8) -> PlacedValues<'_> {
    let mut values = PlacedValues::new();
    for batch in records.batches.iter().filter(|batch| batch.run == run) {
        for (index, &tag) in batch.tag.iter().enumerate() {
            let place = batch.step_of(index).and_then(|step| u64::try_from(step).ok()?.checked_sub(u64::from(base)));
            if let Some(place) = place {
                values.insert((tag_name(records, tag), place), batch.value[index]);
            }
        }
    }
    values
}

/// The values of a run whose steps begin again with each epoch of this length.
fn in_epochs(records: &Records, run: u32, length: u64) -> PlacedValues<'_> {
    let mut values = PlacedValues::new();
    for batch in records.batches.iter().filter(|batch| batch.run == run) {
        let Some(step) = batch.meaning.step.filter(|step| step.scope == StepScope::Epoch) else { continue };
        let epoch_base = batch.meaning.epoch.and_then(stepbridge_records::EpochMeaning::base).unwrap_or(0);
        for (index, &tag) in batch.tag.iter().enumerate() {
            let iter =
                batch.step_of(index).and_then(|iter| u64::try_from(iter).ok()?.checked_sub(u64::from(step.base)));
            let epoch = batch.epoch_of(index).and_then(|epoch| epoch.count()?.checked_sub(u64::from(epoch_base)));
            let place = epoch.zip(iter).and_then(|(epoch, iter)| epoch.checked_mul(length)?.checked_add(iter));
            if let Some(place) = place {
                values.insert((tag_name(records, tag), place), batch.value[index]);
            }
        }
    }
    values
}

/// The name of a tag. Event files call `train/loss` what a text log calls `loss`.
fn tag_name(records: &Records, tag: u32) -> &str {
    let name = records.tags.get(tag as usize).map_or("", String::as_str);
    name.strip_prefix("train/").unwrap_or(name)
}

/// Whether a series has the same values at the same places, and none has another one.
fn same_values(one: &PlacedValues, other: &PlacedValues) -> bool {
    let mut equal: HashMap<&str, usize> = HashMap::new();
    for (&(tag, place), &value) in one {
        let Some(&twin) = other.get(&(tag, place)) else { continue };
        if !agree_in_digits(value, twin) {
            return false;
        }
        *equal.entry(tag).or_default() += 1;
    }
    equal.values().any(|count| *count >= ENOUGH)
}

/// Whether two numbers are the same as far as both were printed.
fn agree_in_digits(one: f64, other: f64) -> bool {
    if one.is_nan() || other.is_nan() {
        return one.is_nan() && other.is_nan();
    }
    let digits = |value: f64| value.to_string().split_once('.').map_or(0, |(_, digits)| digits.len());
    let digits = i32::try_from(digits(one).min(digits(other))).unwrap_or(0);
    // A trailing zero is not seen, so that a number may have been printed with a digit more.
    (one - other).abs() <= 0.500_001 * 10_f64.powi(-digits) + one.abs() * 1e-6
}
