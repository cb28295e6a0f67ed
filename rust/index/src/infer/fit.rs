//! Finds the timeline that fits the pairs of a run under one hypothesis.

use stepbridge_timeline::{Boundary, History, OnCut, Plan, Timeline, Unit};

use super::failure::InferenceFailure;
use super::fractional_epochs::{self, RateFit};
use super::hypothesis::{EpochForm, Hypothesis};
use super::integer_epochs::{self, EpochLengths};
use super::pairs::{Pair, Pairs};
use super::ratio::PrintedRange;
use super::segment::segment;

/// Epochs of this many batches, without an end.
pub(super) fn uniform(batches: u64) -> Option<Timeline> {
    Timeline::from_segments([segment(None, batches)]).ok()
}

/// A timeline that fits.
#[derive(Debug, Clone)]
pub(super) struct Fit {
    pub(super) timeline: Timeline,
    pub(super) evidence: String,
    /// How many statements it was checked against.
    pub(super) checked: usize,
    /// Whether only the ratio of batches to steps is known.
    pub(super) ratio_only: bool,
    /// The epoch that the log ends in, if its length is not known.
    pub(super) open_epoch: Option<u64>,
}

pub(super) fn solve(pairs: &Pairs, meaning: Hypothesis) -> Result<Fit, InferenceFailure> {
    let (plain, shown) = pairs.under(meaning)?;
    solve_plain(&plain, &shown, meaning.form())
}

/// The timeline that fits `plain`, which people see as `shown`.
pub(super) fn solve_plain(plain: &Pairs, shown: &Pairs, form: EpochForm) -> Result<Fit, InferenceFailure> {
    if plain.list.is_empty() {
        return Err(InferenceFailure::NoPairs);
    }
    if form == EpochForm::Elapsed {
        // If that fails, the number of digits may have changed within the log. Then each number is taken with its own digits.
        let exact = fitting(&plain.with_all_digits(), shown, form);
        if !matches!(exact, Err(InferenceFailure::Refuted { .. })) {
            return exact;
        }
    }
    fitting(plain, shown, form)
}

fn fitting(pairs: &Pairs, shown: &Pairs, form: EpochForm) -> Result<Fit, InferenceFailure> {
    let (mut ratio_only, mut open_epoch) = (false, None);
    let (timeline, evidence) = match form {
        EpochForm::Index => {
            let epochs = integer_epochs::solve(pairs)?;
            if let EpochLengths::Observed(lengths) = &epochs {
                if let [least] = lengths.as_slice() {
                    return Err(InferenceFailure::FirstEpoch { least: *least });
                }
                open_epoch = Some(lengths.len() as u64 - 1);
            }
            (epochs.timeline()?, epochs.evidence(shown))
        }
        EpochForm::Elapsed => {
            let found = fractional_epochs::solve(pairs)?;
            ratio_only = found.rate.accumulate > 1;
            (found.timeline()?, found.evidence(shown))
        }
    };
    agree(&timeline, form, pairs)?;
    Ok(Fit { timeline, evidence, checked: pairs.list.len(), ratio_only, open_epoch })
}

/// Checks every pair against a timeline.
pub(super) fn agree(timeline: &Timeline, form: EpochForm, pairs: &Pairs) -> Result<(), InferenceFailure> {
    agree_in(timeline, Unit::Step, form, pairs)
}

/// The same, of steps that count this unit.
pub(super) fn agree_in(
    timeline: &Timeline,
    unit: Unit,
    form: EpochForm,
    pairs: &Pairs,
) -> Result<(), InferenceFailure> {
    for (by, pair) in pairs.list.iter().enumerate() {
        if !agrees_in(timeline, form, pair, unit).ok_or(InferenceFailure::TooLarge)? {
            return Err(InferenceFailure::Refuted { by });
        }
    }
    Ok(())
}

/// How many pairs contradict a timeline under a hypothesis, of how many that it locates, and the first that does. `None` if
/// the numbers cannot be compared.
pub(super) fn against(timeline: &Timeline, meaning: Hypothesis, pairs: &Pairs) -> Option<(usize, usize, usize)> {
    let (plain, _) = pairs.under(meaning).ok()?;
    let (mut against, mut of, mut first) = (0, 0, 0);
    for pair in &plain.list {
        let index = if meaning.form() == EpochForm::Index { Some(pair.step) } else { pair.step.checked_sub(1) };
        // A record past the end is reported by itself.
        if index.is_none_or(|index| timeline.locate(pairs.unit, index).is_err()) {
            continue;
        }
        of += 1;
        if !agrees_in(timeline, meaning.form(), pair, pairs.unit)? {
            against += 1;
            if against == 1 {
                let raw = |other: &&Pair| (other.source, other.session) == (pair.source, pair.session);
                first =
                    pairs.list.iter().position(|other| raw(&other) && same_record(other, pair, meaning)).unwrap_or(0);
            }
        }
    }
    Some((against, of, first))
}

/// Whether a pair as it was logged is this one in its plain form.
fn same_record(logged: &Pair, plain: &Pair, meaning: Hypothesis) -> bool {
    let apart = logged.step.abs_diff(plain.step);
    apart <= 1 && (meaning.form() == EpochForm::Index || logged.stated == plain.stated)
}

/// Whether a pair whose step counts this unit agrees with a timeline; `None` if the numbers are too large.
fn agrees_in(timeline: &Timeline, form: EpochForm, pair: &Pair, unit: Unit) -> Option<bool> {
    let index = match form {
        EpochForm::Index => Some(pair.step),
        EpochForm::Elapsed => pair.step.checked_sub(1),
    };
    let Some(index) = index else { return PrintedRange::of(pair.stated)?.holds(0, 0, 1) };
    let Ok(at) = timeline.locate(unit, index) else { return Some(false) };
    match form {
        EpochForm::Index => Some(pair.stated.count() == Some(at.epoch)),
        EpochForm::Elapsed => {
            PrintedRange::of(pair.stated)?.holds(at.epoch, at.iter + 1, timeline.epoch_length(at.epoch)?)
        }
    }
}

/// What such a log never shows.
pub(super) fn unseen(pairs: &Pairs) -> &'static str {
    match pairs.unit {
        _ if pairs.calls => "steps, and so iter, count calls of the logger where the caller gave it none",
        Unit::Batch => "steps are batches",
        _ => "iter counts updates, for accumulation leaves no trace in this log",
    }
}

impl EpochLengths {
    fn timeline(&self) -> Result<Timeline, InferenceFailure> {
        let built = match self {
            Self::Uniform(length) => Timeline::plan(&Plan { batches: Some(*length), ..Plan::default() }),
            Self::Observed(lengths) => Timeline::from_epochs(&History {
                lengths,
                samples: None,
                batch_size: None,
                accumulate: 1,
                boundary: Boundary::Flush,
                on_cut: OnCut::Carry,
                tokens_per_sample: None,
                cut: true,
            }),
            Self::Changed { count, before, after } => {
                Timeline::from_segments([segment(Some(*count), *before), segment(None, *after)])
            }
        };
        built.map_err(|_| InferenceFailure::TooLarge)
    }

    fn evidence(&self, pairs: &Pairs) -> String {
        let (all, unseen) = (pairs.describe_all(), unseen(pairs));
        match self {
            Self::Uniform(length) => format!("{length} steps an epoch is the only length that fits {all}; {unseen}"),
            Self::Observed(lengths) => format!(
                "the log shows where each of its {} epochs begins, the last one has no end in it: {all}; {unseen}",
                lengths.len()
            ),
            Self::Changed { count, before, after } => format!(
                "{before} steps an epoch in the first {count} epochs and {after} in the later ones is the only change \
                 of length that fits {all}; {unseen}"
            ),
        }
    }
}

impl RateFit {
    fn timeline(&self) -> Result<Timeline, InferenceFailure> {
        // If the log does not reach the end of the epoch, take the steps that every rule gives: those of `drop`.
        let (boundary, epochs) =
            if self.first_epoch_only { (Boundary::Drop, Some(1)) } else { (self.rate.boundary, None) };
        let plan = Plan {
            batches: Some(self.rate.batches),
            accumulate: self.rate.accumulate,
            boundary,
            epochs,
            ..Plan::default()
        };
        Timeline::plan(&plan).map_err(|_| InferenceFailure::TooLarge)
    }

    fn evidence(&self, pairs: &Pairs) -> String {
        let (all, unseen) = (pairs.describe_all(), unseen(pairs));
        let (batches, accumulate) = (self.rate.batches, self.rate.accumulate);
        if accumulate == 1 {
            return format!("{batches} steps an epoch is the only whole number that fits {all}; {unseen}");
        }
        let multiple = "only the ratio of the two can be seen, so any multiple of both would fit as well";
        if self.first_epoch_only {
            return format!(
                "{batches} batches an epoch with {accumulate} a step is the simplest ratio that fits {all}; {multiple}; what \
                 becomes of the window that is open at an epoch's end does not show in the first one, so the timeline ends there"
            );
        }
        format!("{} is the simplest that fits {all}, no other is nearly as simple; {multiple}", self.rate)
    }
}
