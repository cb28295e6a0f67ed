//! The run's own configuration: what it says of the length of an epoch.
//!
//! The length follows from the samples of an epoch, the batch size, the ranks and the accumulation; from the steps that the planned
//! epochs take (Hugging Face writes both into each state); or it is stated. A length that does not follow exactly (a number that is
//! missing, or whose name may mean two things) is likely at best.
//!
//! What the log shows by itself counts more. The configuration settles which length it is if the epochs of the log leave several,
//! and only if it is one of them.

use stepbridge_records::{ConfigEntry, ConfigItem, Decimal, EpochMeaning};
use stepbridge_timeline::{Boundary, Plan, Timeline};

use super::failure::InferenceFailure;
use super::fit::agree_in;
use super::hint;
use super::hypothesis::Hypothesis;
use super::inferred::{InferenceOutcome, TimelineInference};
use super::pairs::Pairs;

/// The timelines that the configuration allows.
struct PlannedEpochs<'a> {
    /// More than one if the rest of a division may be dropped or not.
    timelines: Vec<Timeline>,
    /// The numbers that they follow from.
    entries: Vec<&'a ConfigEntry>,
    /// What is not known for sure; empty if they follow exactly.
    doubts: Vec<String>,
}

/// A number, if the configuration gives one and only one.
#[derive(Default)]
struct Numbers<'a> {
    used: Vec<&'a ConfigEntry>,
    doubts: Vec<String>,
}

impl<'a> Numbers<'a> {
    /// A number, if there is only one. A sure name counts more than one that may mean two things.
    fn get(&mut self, config: &'a [ConfigEntry], item: ConfigItem) -> Option<u64> {
        let of = |sure: bool| config.iter().filter(move |entry| entry.item == item && entry.sure == sure);
        let entry = of(true).next().or_else(|| of(false).next())?;
        if of(entry.sure).any(|other| other.value != entry.value) {
            return None;
        }
        if !entry.sure {
            let other = match item {
                ConfigItem::Batch => "may be that of one rank",
                ConfigItem::Samples => "may count more than the training data",
                ConfigItem::EpochSteps => "may count batches",
                _ => "may mean something else",
            };
            self.doubts.push(format!("{} {other}", entry.key));
        }
        self.used.push(entry);
        Some(entry.value)
    }

    /// The same, or 1 with a doubt.
    fn or_one(&mut self, config: &'a [ConfigEntry], item: ConfigItem) -> u64 {
        self.get(config, item).unwrap_or_else(|| {
            self.doubts.push(format!("{} is not stated and taken to be 1", item.name()));
            1
        })
    }
}

impl PlannedEpochs<'_> {
    /// What the configuration of a run says, by the first of these ways that has its numbers.
    fn of(config: &[ConfigEntry]) -> Option<PlannedEpochs<'_>> {
        of_planned_steps(config).or_else(|| stated(config)).or_else(|| of_samples(config))
    }

    /// For example "`max_steps` / `num_train_epochs` of `run/trainer_state.json`".
    fn source(&self) -> String {
        let mut keys: Vec<&str> = Vec::new();
        let mut files: Vec<&str> = Vec::new();
        for entry in &self.entries {
            keys.push(&entry.key);
            if !files.contains(&&*entry.file) {
                files.push(&entry.file);
            }
        }
        format!("{} of {}", keys.join(" / "), files.join(" and "))
    }

    /// For example "`max_steps` 6100, `num_train_epochs` 5".
    fn values(&self) -> String {
        self.entries.iter().map(|entry| format!("{} {}", entry.key, entry.value)).collect::<Vec<_>>().join(", ")
    }
}

/// Steps planned over epochs planned, of one file: the last, because earlier ones may be of a run that was planned anew.
fn of_planned_steps(config: &[ConfigEntry]) -> Option<PlannedEpochs<'_>> {
    let (steps, epochs) = planned_steps(config)?;
    let length = steps.value.is_multiple_of(epochs.value).then(|| steps.value / epochs.value)?;
    let timelines = plans([Plan { batches: Some(length), ..Plan::default() }]);
    Some(PlannedEpochs { timelines, entries: vec![steps, epochs], doubts: Vec::new() })
}

fn planned_steps(config: &[ConfigEntry]) -> Option<(&ConfigEntry, &ConfigEntry)> {
    let last = |item: ConfigItem| config.iter().rev().find(|entry| entry.item == item);
    let (steps, epochs) = (last(ConfigItem::Steps)?, last(ConfigItem::Epochs)?);
    (steps.file == epochs.file && steps.value > 0 && epochs.value > 0).then_some((steps, epochs))
}

/// The length of an epoch, as it is stated.
fn stated(config: &[ConfigEntry]) -> Option<PlannedEpochs<'_>> {
    let mut numbers = Numbers::default();
    let plans = if let Some(batches) = numbers.get(config, ConfigItem::EpochBatches) {
        let accumulate = numbers.or_one(config, ConfigItem::Accumulate);
        windows(Plan { batches: Some(batches), accumulate, ..Plan::default() }, batches)
    } else {
        let steps = numbers.get(config, ConfigItem::EpochSteps)?;
        plans([Plan { batches: Some(steps), ..Plan::default() }])
    };
    Some(PlannedEpochs { timelines: plans, entries: numbers.used, doubts: numbers.doubts })
}

/// The samples of an epoch over those of a batch or a step.
fn of_samples(config: &[ConfigEntry]) -> Option<PlannedEpochs<'_>> {
    let mut numbers = Numbers::default();
    let samples = numbers.get(config, ConfigItem::Samples)?;
    let plan = Plan { samples: Some(samples), ..Plan::default() };
    let timelines = if let Some(of_step) = numbers.get(config, ConfigItem::StepSamples) {
        // How many batches a step has is not known, so that a step is taken as one.
        batches(Plan { batch_size: Some(of_step), ..plan }, samples, of_step)
    } else {
        let batch = match numbers.get(config, ConfigItem::RankBatch) {
            Some(of_rank) => of_rank.checked_mul(numbers.or_one(config, ConfigItem::Ranks))?,
            None => numbers.get(config, ConfigItem::Batch)?,
        };
        let accumulate = numbers.or_one(config, ConfigItem::Accumulate);
        batches(Plan { batch_size: Some(batch), accumulate, ..plan }, samples, batch)
    };
    Some(PlannedEpochs { timelines, entries: numbers.used, doubts: numbers.doubts })
}

/// Plans of an epoch of samples: a last batch that is not full may be dropped.
fn batches(plan: Plan, samples: u64, size: u64) -> Vec<Timeline> {
    let mut timelines = windows(plan, samples.div_ceil(size));
    if !samples.is_multiple_of(size) && samples > size {
        timelines.extend(windows(Plan { drop_last: true, ..plan }, samples / size));
    }
    timelines
}

/// Plans of an epoch of batches: an open window at its end is treated in one of several ways.
fn windows(plan: Plan, batches: u64) -> Vec<Timeline> {
    if batches.is_multiple_of(plan.accumulate.max(1)) {
        return plans([plan]);
    }
    plans([Boundary::Flush, Boundary::Carry, Boundary::Drop, Boundary::Spill].map(|boundary| Plan { boundary, ..plan }))
}

fn plans(plans: impl IntoIterator<Item = Plan>) -> Vec<Timeline> {
    plans.into_iter().filter_map(|plan| Timeline::plan(&plan).ok()).collect()
}

/// The timeline that the configuration settles, or makes likely, if the epochs of the log leave several or there are none.
pub(super) fn settled(pairs: &Pairs, why: &InferenceFailure) -> Option<TimelineInference> {
    let leaves_several = matches!(
        why,
        InferenceFailure::AnyLength { .. }
            | InferenceFailure::AnyIndexed { .. }
            | InferenceFailure::FirstEpoch { .. }
            | InferenceFailure::TwoBases { .. }
            | InferenceFailure::TwoRates { .. }
    );
    let without_pairs = pairs.list.is_empty() && pairs.inside.is_empty() && *why == InferenceFailure::NoPairs;
    if !leaves_several && !without_pairs {
        return None;
    }
    let planned = PlannedEpochs::of(&pairs.config)?;
    if without_pairs {
        return without_epochs(pairs, planned, why);
    }
    let fitting: Vec<(&Timeline, Hypothesis)> = planned
        .timelines
        .iter()
        .flat_map(|timeline| meanings(pairs, timeline).into_iter().map(move |meaning| (timeline, meaning)))
        .collect();
    let [(timeline, meaning)] = fitting[..] else { return None };
    let evidence = format!(
        "{}{} in {}; its epochs alone leave several ({})",
        length_text(timeline),
        planned.values(),
        planned.source(),
        why.text(pairs)
    );
    let text = why.text(pairs);
    if !planned.doubts.is_empty() {
        return Some(likely(text, timeline, &evidence, &planned.doubts));
    }
    let outcome = InferenceOutcome::Known { timeline: timeline.clone(), evidence, checked: pairs.list.len() };
    let config = Some(planned.source());
    Some(TimelineInference { config, ..TimelineInference::of(outcome) }.meaning(hint(pairs, meaning)))
}

/// The same of a log that states no epochs. Nothing checks the configuration then, nor what a step is; so it is taken as known only
/// if its numbers leave nothing open and the log itself says what its steps are.
fn without_epochs(pairs: &Pairs, planned: PlannedEpochs, why: &InferenceFailure) -> Option<TimelineInference> {
    let [timeline] = &planned.timelines[..] else { return None };
    let evidence = format!("{}{} in {}", length_text(timeline), planned.values(), planned.source());
    let config = Some(planned.source());
    let mut doubts = planned.doubts;
    // The steps that are planned may have been given instead of the epochs.
    if planned.entries.iter().any(|entry| entry.item == ConfigItem::Steps) {
        doubts.push("no epoch of the log confirms it".to_owned());
    }
    if !pairs.declared {
        doubts.push("the log does not say what its steps count".to_owned());
    }
    if !doubts.is_empty() {
        return Some(likely(why.text(pairs), timeline, &evidence, &doubts));
    }
    let outcome = InferenceOutcome::Known { timeline: timeline.clone(), evidence, checked: 0 };
    Some(TimelineInference { config, ..TimelineInference::of(outcome) })
}

/// A run whose timeline is not known, with one that is likely.
fn likely(why: String, timeline: &Timeline, evidence: &str, doubts: &[String]) -> TimelineInference {
    let likely = Some((timeline.clone(), format!("{evidence}, but {}", doubts.join("; "))));
    TimelineInference { likely, ..TimelineInference::unknown(why) }
}

/// The meanings of the numbers of a log under which all of them agree with a timeline.
fn meanings(pairs: &Pairs, timeline: &Timeline) -> Vec<Hypothesis> {
    let all = pairs.candidates.likely.iter().chain(&pairs.candidates.others).copied();
    all.filter(|meaning| {
        let agrees = |plain: &Pairs| agree_in(timeline, pairs.unit, meaning.form(), plain).is_ok();
        pairs.under(*meaning).is_ok_and(|(plain, _)| agrees(&plain))
    })
    .collect()
}

/// For example "1220 steps an epoch: "
fn length_text(timeline: &Timeline) -> String {
    match steps_of_epoch(timeline) {
        Some(steps) => format!("{steps} steps an epoch: "),
        None => String::new(),
    }
}

/// The steps of each epoch, if all have as many.
fn steps_of_epoch(timeline: &Timeline) -> Option<u64> {
    let [one] = timeline.segments() else { return None };
    let (batches, accumulate) = (one.batches?, one.accumulate.max(1));
    match one.boundary {
        Boundary::Flush => Some(batches.div_ceil(accumulate)),
        Boundary::Drop => Some(batches / accumulate),
        _ => batches.is_multiple_of(accumulate).then_some(batches / accumulate),
    }
}

/// Whether the log has more epochs than the configuration plans. Rows after the last epoch may have the number of the next one.
/// `found` is what the epochs of the log show of themselves; an epoch of which nothing is known counts from 1.
pub(super) fn more_epochs(pairs: &Pairs, found: Option<EpochMeaning>) -> Option<String> {
    /// Fractions are printed with as few digits.
    const ROUNDED: f64 = 0.01;
    let mut numbers = Numbers::default();
    let planned = numbers.get(&pairs.config, ConfigItem::Epochs).filter(|planned| *planned > 0)?;
    let entry = *numbers.used.first()?;
    #[expect(clippy::cast_precision_loss, reason = "no plan has so many epochs")]
    let most = planned as f64;
    let is_more = |(stated, said): &&(Decimal, Option<EpochMeaning>)| {
        let stated = stated.to_f64();
        match said.or(found) {
            Some(EpochMeaning::In(base)) => stated - f64::from(base) > most,
            Some(EpochMeaning::Ends(base)) => stated - f64::from(base) + 1.0 > most,
            Some(EpochMeaning::Elapsed) => stated > most + ROUNDED,
            None => stated - 1.0 > most,
        }
    };
    let (highest, _) = pairs.highest.iter().find(is_more)?;
    Some(format!(
        "{} of {} ({planned} epochs) contradicts the epochs of the log, which go up to {highest}: those of the log count",
        entry.key, entry.file
    ))
}

/// What the configuration says otherwise than the epochs of the log. A last epoch that is planned in part fits.
pub(super) fn contradiction(pairs: &Pairs, timeline: &Timeline) -> Option<String> {
    let [one] = timeline.segments() else { return None };
    let per_epoch = one.batches?.div_ceil(one.accumulate.max(1));
    let says = if let Some((steps, epochs)) = planned_steps(&pairs.config) {
        // Accumulation may round the steps of an epoch either way.
        let least = epochs.value.checked_sub(1)?.checked_mul(per_epoch.saturating_sub(1))?;
        let most = epochs.value.checked_mul(per_epoch.checked_add(1)?)?;
        if (least..=most).contains(&steps.value) {
            return None;
        }
        let (keys, file) = (format!("{} / {}", steps.key, epochs.key), &steps.file);
        format!("{keys} of {file} ({} steps, {} epochs)", steps.value, epochs.value)
    } else {
        let planned = PlannedEpochs::of(&pairs.config).filter(|planned| planned.doubts.is_empty())?;
        let lengths: Option<Vec<u64>> = planned.timelines.iter().map(steps_of_epoch).collect();
        // Lengths that are not the same in each epoch are not compared.
        let lengths = lengths.filter(|lengths| !lengths.is_empty())?;
        if lengths.contains(&per_epoch) {
            return None;
        }
        format!("{} ({})", planned.source(), planned.values())
    };
    Some(format!(
        "{says} contradicts the epochs of the log, which show {per_epoch} steps an epoch: those of the log count"
    ))
}
