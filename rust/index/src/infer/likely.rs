//! Timelines that are likely and not proven: each epoch that the log shows has a record at its very end.

use stepbridge_timeline::{Plan, Timeline};

use super::failure::InferenceFailure;
use super::fit::agree;
use super::hypothesis::{EpochForm, Hypothesis};
use super::pairs::Pairs;

/// How many epochs must have a record at their end.
const ENOUGH: usize = 2;

/// The likely timeline of a run, and why it is likely.
pub(super) fn of_run(pairs: &Pairs, why: &InferenceFailure) -> Option<(Timeline, String)> {
    let meanings = || pairs.candidates.likely.iter().chain(&pairs.candidates.others);
    let mut found = match why {
        InferenceFailure::AnyIndexed { low, .. } => {
            meanings().filter_map(|meaning| indexed(pairs, *meaning, *low)).collect::<Vec<_>>()
        }
        InferenceFailure::AnyLength { .. } => meanings().filter_map(|meaning| elapsed(pairs, *meaning)).collect(),
        _ => Vec::new(),
    };
    found.dedup_by(|one, other| one.0 == other.0);
    if found.len() == 1 { found.pop() } else { None }
}

/// Epochs that are integers: every epoch has a record at its end.
fn indexed(pairs: &Pairs, meaning: Hypothesis, length: u64) -> Option<(Timeline, String)> {
    let (plain, _) = pairs.under(meaning).ok().filter(|_| meaning.form() == EpochForm::Index)?;
    let mut last: std::collections::BTreeMap<u64, u64> = std::collections::BTreeMap::new();
    for pair in &plain.list {
        let step = last.entry(pair.stated.count()?).or_default();
        *step = pair.step.max(*step);
    }
    let ends =
        |(epoch, step): (&u64, &u64)| step.checked_add(1) == epoch.checked_add(1).and_then(|n| n.checked_mul(length));
    (last.len() >= ENOUGH && last.iter().all(ends)).then_some(())?;
    likely(pairs, meaning, length, last.len())
}

/// Epochs with a fraction: those printed as integers are at multiples of one length.
fn elapsed(pairs: &Pairs, meaning: Hypothesis) -> Option<(Timeline, String)> {
    let (plain, _) = pairs.under(meaning).ok().filter(|_| meaning.form() == EpochForm::Elapsed)?;
    let wholes =
        plain.list.iter().filter_map(|pair| Some((pair.step, pair.stated.count().filter(|count| *count > 0)?)));
    let wholes: Vec<(u64, u64)> = wholes.collect();
    let (step, epoch) = *wholes.first()?;
    let length = step.is_multiple_of(epoch).then(|| step / epoch).filter(|length| *length > 0)?;
    let mut epochs: Vec<u64> = wholes.iter().map(|(_, epoch)| *epoch).collect();
    epochs.sort_unstable();
    epochs.dedup();
    let at_ends = wholes.iter().all(|(step, epoch)| epoch.checked_mul(length) == Some(*step));
    (epochs.len() >= ENOUGH && at_ends).then_some(())?;
    likely(pairs, meaning, length, epochs.len())
}

fn likely(pairs: &Pairs, meaning: Hypothesis, length: u64, ends: usize) -> Option<(Timeline, String)> {
    let timeline = Timeline::plan(&Plan { batches: Some(length), ..Plan::default() }).ok()?;
    let (plain, _) = pairs.under(meaning).ok()?;
    agree(&timeline, meaning.form(), &plain).ok()?;
    Some((timeline, format!("with {length} steps an epoch, {ends} epochs have a record at their very end")))
}
