//! The run's own configuration: steps planned over epochs planned are the steps of an epoch, where whole epochs were planned.
//!
//! Hugging Face writes `max_steps` and `num_train_epochs` into each state. The epochs of its log are rounded and may leave
//! several lengths; the configuration settles which, if it is one of them. What the log shows by itself counts more.

use stepbridge_records::{ConfigEntry, ConfigItem};
use stepbridge_timeline::{Plan, Timeline};

use super::failure::InferenceFailure;
use super::fit::agree;
use super::hint;
use super::hypothesis::Hypothesis;
use super::inferred::{InferenceOutcome, TimelineInference};
use super::pairs::Pairs;

/// Steps and epochs planned, as one file states them.
struct PlannedRun<'a> {
    file: u32,
    steps: &'a ConfigEntry,
    epochs: &'a ConfigEntry,
}

impl PlannedRun<'_> {
    /// The plan that the last file of a run states; earlier ones may be of a run that was planned anew.
    fn of<'a>(pairs: &'a Pairs) -> Option<PlannedRun<'a>> {
        let last = |item: ConfigItem| pairs.config.iter().rev().find(|(_, entry)| entry.item == item);
        let (file, steps) = last(ConfigItem::Steps)?;
        let (other, epochs) = last(ConfigItem::Epochs)?;
        (file == other && steps.value > 0 && epochs.value > 0).then_some(PlannedRun { file: *file, steps, epochs })
    }

    /// For example "`max_steps` / `num_train_epochs` of `run/trainer_state.json`".
    fn source(&self, pairs: &Pairs) -> String {
        let file = pairs.source(self.file);
        format!("{} / {} of {file}", self.steps.key, self.epochs.key)
    }
}

/// The timeline that the configuration settles, if the epochs of the log leave several.
pub(super) fn settled(pairs: &Pairs, why: &InferenceFailure) -> Option<TimelineInference> {
    let leaves_several = matches!(
        why,
        InferenceFailure::AnyLength { .. }
            | InferenceFailure::AnyIndexed { .. }
            | InferenceFailure::FirstEpoch { .. }
            | InferenceFailure::TwoBases { .. }
    );
    let planned = PlannedRun::of(pairs).filter(|_| leaves_several)?;
    let (steps, epochs) = (planned.steps.value, planned.epochs.value);
    if !steps.is_multiple_of(epochs) {
        return None;
    }
    let length = steps / epochs;
    let timeline = Timeline::plan(&Plan { batches: Some(length), ..Plan::default() }).ok()?;
    let meanings: Vec<Hypothesis> = pairs
        .candidates
        .likely
        .iter()
        .chain(&pairs.candidates.others)
        .copied()
        .filter(|meaning| {
            pairs.under(*meaning).is_ok_and(|(plain, _)| agree(&timeline, meaning.form(), &plain).is_ok())
        })
        .collect();
    let [meaning] = meanings[..] else { return None };
    let source = planned.source(pairs);
    let evidence = format!(
        "{length} steps an epoch: {} {steps} over {} {epochs} in {}; its epochs alone leave several ({})",
        planned.steps.key,
        planned.epochs.key,
        pairs.source(planned.file),
        why.text(pairs)
    );
    let outcome = InferenceOutcome::Known { timeline, evidence, checked: pairs.list.len() };
    Some(TimelineInference { config: Some(source), ..TimelineInference::of(outcome).meaning(hint(pairs, meaning)) })
}

/// What the configuration says otherwise than the epochs of the log. A last epoch that is planned in part fits.
pub(super) fn contradiction(pairs: &Pairs, timeline: &Timeline) -> Option<String> {
    let planned = PlannedRun::of(pairs)?;
    let (steps, epochs) = (planned.steps.value, planned.epochs.value);
    let per_epoch = match timeline.segments() {
        [one] => one.batches?.div_ceil(one.accumulate.max(1)),
        _ => return None,
    };
    // Accumulation may round the steps of an epoch either way.
    let least = epochs.checked_sub(1)?.checked_mul(per_epoch.saturating_sub(1))?;
    let most = epochs.checked_mul(per_epoch.checked_add(1)?)?;
    (steps < least || steps > most).then(|| {
        format!(
            "{} ({steps} steps, {epochs} epochs) contradicts the epochs of the log, which show {per_epoch} steps an epoch: \
             those of the log count",
            planned.source(pairs)
        )
    })
}
