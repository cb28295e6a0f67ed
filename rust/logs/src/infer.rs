//! Finds a run's timeline from the epochs that its own log states.
//!
//! Two kinds of epochs are stated: the index of the epoch that a step is in (`whole`), and what was completed after it, with
//! a fraction (`elapsed`). Either way each record allows a range of lengths; the ranges are intersected in integers, and
//! an answer is given where one length is left. What was found is then checked against each record through the timeline.
//! Steps inside their epochs, and lengths that the log states itself, are a third source (`inside`); that steps are such
//! is seen where nobody says it (`restarts`).
//!
//! What later sessions of a run did again counts no more. Where no one timeline fits what is left, each session has its own
//! (`sessions`).

mod elapsed;
mod inside;
mod lend;
mod pairs;
mod ratio;
mod restarts;
mod sessions;
mod whole;
mod why;

use std::collections::BTreeMap;

use stepbridge_timeline::{Boundary, Entry, History, Plan, Segment, Timeline, Unit};

use elapsed::Found;
use pairs::{Form, Hypothesis, Pair, Pairs};
use stepbridge_records::{EpochMeaning, Records, StepMeaning};
use whole::Epochs;
use why::Why;

pub use lend::lend;
pub(crate) use pairs::whole;
pub(crate) use ratio::Span;
pub(crate) use restarts::may_restart;

/// What the log of one run says of its timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Inferred {
    /// The timeline, or why there is none.
    pub outcome: Outcome,
    /// What the run's steps are, as far as its epochs show.
    pub step: Option<StepMeaning>,
    /// What its epochs are; the same.
    pub epoch: Option<EpochMeaning>,
    /// The run whose timeline it is, where it was asked to take another one's.
    pub lent_by: Option<String>,
}

/// What the stated epochs of a run say of its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hint {
    pub(crate) step: StepMeaning,
    pub(crate) epoch: EpochMeaning,
}

impl Inferred {
    pub(crate) fn hint(&self) -> Option<Hint> {
        Some(Hint { step: self.step?, epoch: self.epoch? })
    }
}

/// A timeline, or why there is none.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one a run: a box would cost more in reading than it saves")]
pub enum Outcome {
    /// One timeline fits.
    Known {
        /// Open-ended, since a log cannot say where its plan ends; except where it shows only what was seen.
        timeline: Timeline,
        /// What it was found from, and what cannot be seen in it.
        evidence: String,
        /// How many pairs of step and epoch it was checked against: all that there are.
        checked: usize,
    },
    /// Its sessions have timelines that are not one: sizes changed, and their epochs are numbered anew.
    Sessions {
        /// By the session's number, in order; later sessions of which nothing is known go on with the one before.
        timelines: Vec<(u32, Timeline)>,
        /// What they were found from.
        evidence: String,
        /// How many pairs of step and epoch they were checked against.
        checked: usize,
    },
    /// None fits, or several do.
    Unknown {
        /// One clause for people.
        why: String,
    },
}

/// Finds the timeline of every run, by name.
#[must_use]
pub fn infer(records: &Records) -> BTreeMap<String, Inferred> {
    pairs::gather(records).into_iter().map(|(run, pairs)| (run.to_owned(), of_run(&pairs))).collect()
}

/// What the stated epochs of each run most likely say of its steps, where the format does not, without a look at whether
/// any timeline fits.
pub(crate) fn steps(records: &Records) -> BTreeMap<&str, Hint> {
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

fn hint(pairs: &Pairs, meaning: Hypothesis) -> Hint {
    let meaning = pairs.as_said(meaning);
    Hint { step: StepMeaning::of_run(pairs.unit, meaning.base), epoch: meaning.epoch }
}

/// A timeline that fits, its evidence, and how many statements it was checked against.
type Fit = (Timeline, String, usize);

fn of_run(pairs: &Pairs) -> Inferred {
    let unknown = |why: String| Inferred { outcome: Outcome::Unknown { why }, step: None, epoch: None, lent_by: None };
    if !pairs.inside.is_empty() {
        match pairs.inside.solve() {
            Ok((timeline, evidence, checked)) => {
                let outcome = Outcome::Known { timeline, evidence, checked };
                return Inferred { outcome, step: None, epoch: None, lent_by: None };
            }
            Err(why) if pairs.list.is_empty() => return unknown(why.text(pairs)),
            // Epochs beside steps over the whole run may say what those inside do not.
            Err(_) => {}
        }
    }
    let kept = pairs.only(|pair| !pair.superseded);
    match best(&kept, solve, |(timeline, ..)| timeline.segments().len() == 1) {
        Ok((meaning, (timeline, evidence, checked))) => {
            let refuting = pairs.inside.refuting(&timeline);
            if let Some(epoch) = refuting {
                return unknown(Why::Outside { epoch }.text(pairs));
            }
            let Hint { step, epoch } = hint(pairs, meaning);
            let outcome = Outcome::Known { timeline, evidence, checked };
            Inferred { outcome, step: Some(step), epoch: Some(epoch), lent_by: None }
        }
        Err(why) => match best(pairs, sessions::solve, |_| true) {
            Ok((meaning, outcome)) => {
                let Hint { step, epoch } = hint(pairs, meaning);
                Inferred { outcome, step: Some(step), epoch: Some(epoch), lent_by: None }
            }
            Err(_) => unknown(why.text(&kept)),
        },
    }
}

/// What fits, by the likeliest meaning by which something does; of meanings that are alike the only one. One length of all
/// epochs (`plain`) comes before lengths that change, which fit a wrong meaning easily.
fn best<T>(
    pairs: &Pairs,
    solve: impl Fn(&Pairs, Hypothesis) -> Result<T, Why>,
    plain: impl Fn(&T) -> bool,
) -> Result<(Hypothesis, T), Why> {
    if pairs.two_units {
        return Err(Why::TwoUnits);
    }
    let tried = |meanings: &[Hypothesis]| -> Vec<(Hypothesis, Result<T, Why>)> {
        meanings.iter().map(|&meaning| (meaning, solve(pairs, meaning))).collect()
    };
    let mut likely = tried(&pairs.candidates.likely);
    let is_plain = |(_, found): &(Hypothesis, Result<T, Why>)| found.as_ref().is_ok_and(&plain);
    if let Some(at) = likely.iter().position(is_plain) {
        let (meaning, found) = likely.swap_remove(at);
        return found.map(|found| (meaning, found));
    }
    let is_open = |(_, found): &(Hypothesis, Result<T, Why>)| {
        matches!(found, Err(Why::AnyLength { .. } | Why::AnyIndexed { .. } | Why::TwoRates { .. }))
    };
    let others = if likely.iter().any(is_open) { Vec::new() } else { tried(&pairs.candidates.others) };
    let no_other = if pairs.list.is_empty() { Why::NoPairs } else { Why::TwoMeanings };
    // The likeliest meaning gives the reason.
    let reason = likely.iter().chain(&others).find_map(|(_, found)| found.as_ref().err().cloned()).unwrap_or(no_other);
    let lengths_change = likely.into_iter().find_map(|(meaning, found)| Some((meaning, found.ok()?)));
    let (uniform, rest): (Vec<_>, Vec<_>) = others.into_iter().partition(|found| is_plain(found) || is_open(found));
    let only = |found: Vec<(Hypothesis, Result<T, Why>)>| {
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (Some((first, _)), Some((second, _))) => Err(Why::TwoBases { first, second }),
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

fn solve(pairs: &Pairs, meaning: Hypothesis) -> Result<Fit, Why> {
    let (plain, shown) = pairs.under(meaning)?;
    solve_plain(&plain, &shown, meaning.form())
}

/// What fits `plain`, which people see as `shown`.
fn solve_plain(plain: &Pairs, shown: &Pairs, form: Form) -> Result<Fit, Why> {
    if plain.list.is_empty() {
        return Err(Why::NoPairs);
    }
    if form == Form::Elapsed {
        // Where that fails, the log's digits may have changed on the way: each number then stands for itself.
        let exact = fitting(&plain.with_all_digits(), shown, form);
        if !matches!(exact, Err(Why::Refuted { .. })) {
            return exact;
        }
    }
    fitting(plain, shown, form)
}

fn fitting(pairs: &Pairs, shown: &Pairs, form: Form) -> Result<Fit, Why> {
    let (timeline, evidence) = match form {
        Form::Index => {
            let epochs = whole::solve(pairs)?;
            (epochs.timeline()?, epochs.evidence(shown))
        }
        Form::Elapsed => {
            let found = elapsed::solve(pairs)?;
            (found.timeline()?, found.evidence(shown))
        }
    };
    agree(&timeline, form, pairs)?;
    Ok((timeline, evidence, pairs.list.len()))
}

/// Holds every pair against a timeline.
fn agree(timeline: &Timeline, form: Form, pairs: &Pairs) -> Result<(), Why> {
    for (by, pair) in pairs.list.iter().enumerate() {
        if !agrees(timeline, form, pair).ok_or(Why::TooLarge)? {
            return Err(Why::Refuted { by });
        }
    }
    Ok(())
}

/// Whether a pair is what the timeline says; `None` where the numbers are too large.
fn agrees(timeline: &Timeline, form: Form, pair: &Pair) -> Option<bool> {
    let index = match form {
        Form::Index => Some(pair.step),
        Form::Elapsed => pair.step.checked_sub(1),
    };
    let Some(index) = index else { return Span::of(pair.stated)?.holds(0, 0, 1) };
    let Ok(at) = timeline.locate(Unit::Step, index) else { return Some(false) };
    match form {
        Form::Index => Some(pairs::whole(pair.stated) == Some(at.epoch)),
        Form::Elapsed => Span::of(pair.stated)?.holds(at.epoch, at.iter + 1, timeline.epoch_length(at.epoch)?),
    }
}

/// What such a log never shows.
fn unseen(pairs: &Pairs) -> &'static str {
    match pairs.unit {
        _ if pairs.calls => "steps, and so iter, count calls of the logger where the caller gave it none",
        Unit::Batch => "steps are batches",
        _ => "iter counts updates, for accumulation leaves no trace in this log",
    }
}

impl Epochs {
    fn timeline(&self) -> Result<Timeline, Why> {
        let built = match self {
            Self::Uniform(length) => Timeline::plan(&Plan { batches: Some(*length), ..Plan::default() }),
            Self::Observed(lengths) => Timeline::from_epochs(&History {
                lengths,
                samples: None,
                batch_size: None,
                accumulate: 1,
                boundary: Boundary::Flush,
                cut: true,
            }),
            Self::Changed { count, before, after } => {
                Timeline::from_segments([segment(Some(*count), *before), segment(None, *after)])
            }
        };
        built.map_err(|_| Why::TooLarge)
    }

    fn evidence(&self, pairs: &Pairs) -> String {
        let (all, unseen) = (pairs.describe_all(), unseen(pairs));
        match self {
            Self::Uniform(length) => format!("{length} steps an epoch is the only length that fits {all}; {unseen}"),
            Self::Observed(lengths) if lengths.len() == 1 => {
                format!("the log never leaves epoch 0: one epoch, cut at its last record, fits {all}; {unseen}")
            }
            Self::Observed(lengths) => format!(
                "the log shows where each of its {} epochs begins, the last one is cut at its last record: {all}; {unseen}",
                lengths.len()
            ),
            Self::Changed { count, before, after } => format!(
                "{before} steps an epoch in the first {count} epochs and {after} in the later ones is the only change \
                 of length that fits {all}; {unseen}"
            ),
        }
    }
}

fn segment(epochs: Option<u64>, batches: u64) -> Segment {
    Segment {
        epochs,
        batches: Some(batches),
        batch_size: None,
        last_batch_size: None,
        samples: None,
        drop_last: false,
        accumulate: 1,
        boundary: Boundary::Flush,
        joins: false,
        cut: false,
        entry: Entry::Continue,
    }
}

impl Found {
    fn timeline(&self) -> Result<Timeline, Why> {
        // Of an epoch whose end nobody saw, the steps that every rule gives it: those of `drop`.
        let (boundary, epochs) =
            if self.first_epoch_only { (Boundary::Drop, Some(1)) } else { (self.rate.boundary, None) };
        let plan = Plan {
            batches: Some(self.rate.batches),
            accumulate: self.rate.accumulate,
            boundary,
            epochs,
            ..Plan::default()
        };
        Timeline::plan(&plan).map_err(|_| Why::TooLarge)
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
