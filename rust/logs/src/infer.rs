//! Finds a run's timeline from the epochs that its own log states.
//!
//! Two kinds of epochs are stated: the index of the epoch that a step is in (`whole`), and what was completed after it, with
//! a fraction (`elapsed`). Either way each record allows a range of lengths; the ranges are intersected in integers, and
//! an answer is given where one length is left. What was found is then checked against each record through the timeline.

mod elapsed;
mod pairs;
mod ratio;
mod whole;
mod why;

use std::collections::BTreeMap;

use stepbridge_timeline::{Boundary, Entry, History, Plan, Segment, Timeline, Unit};

use crate::formats::{Format, StepMeaning};
use crate::record::Records;
use elapsed::Found;
use pairs::{Meaning, Pair, Pairs};
use whole::Epochs;
use why::Why;

pub(crate) use pairs::{meaning_of_tag, stated_of, whole};
pub(crate) use ratio::Span;
pub(crate) use why::decimal as stated_text;

/// What the log of one run says of its timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Inferred {
    /// The timeline, or why there is none.
    pub outcome: Outcome,
    /// What the run's steps are, as far as its epochs show.
    pub step: Option<StepMeaning>,
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
pub(crate) fn steps(records: &Records) -> BTreeMap<&str, StepMeaning> {
    if records.chunks.iter().all(|chunk| chunk.meaning.step.is_some()) {
        return BTreeMap::new();
    }
    let likely = |pairs: &Pairs| pairs.meanings.first().map(|meaning| step_of(*meaning));
    pairs::gather(records).into_iter().filter_map(|(run, pairs)| Some((run, likely(&pairs)?))).collect()
}

/// Whether a format states the index of a record's epoch, rather than what was completed.
pub(crate) fn states_index(format: Format) -> bool {
    pairs::meaning_of_format(format) == Some(Meaning::Index)
}

fn step_of(meaning: Meaning) -> StepMeaning {
    StepMeaning::of_run(Unit::Step, meaning.base())
}

fn of_run(pairs: &Pairs) -> Inferred {
    let mut reason = if pairs.list.is_empty() { Why::NoPairs } else { Why::TwoMeanings };
    for (at, &meaning) in pairs.meanings.iter().enumerate() {
        match solve(pairs, meaning) {
            Ok((timeline, evidence)) => {
                let outcome = Outcome::Known { timeline, evidence, checked: pairs.list.len() };
                return Inferred { outcome, step: Some(step_of(meaning)) };
            }
            // The likeliest meaning gives the reason.
            Err(why) if at == 0 => reason = why,
            Err(_) => {}
        }
    }
    Inferred { outcome: Outcome::Unknown { why: reason.text(pairs) }, step: None }
}

fn solve(pairs: &Pairs, meaning: Meaning) -> Result<(Timeline, String), Why> {
    if meaning == Meaning::Elapsed {
        // Where that fails, the log's digits may have changed on the way: each number then stands for itself.
        let exact = fitting(&pairs.with_all_digits(), pairs, meaning);
        if !matches!(exact, Err(Why::Refuted { .. })) {
            return exact;
        }
    }
    fitting(pairs, pairs, meaning)
}

/// What fits `pairs`, which people see as `shown`.
fn fitting(pairs: &Pairs, shown: &Pairs, meaning: Meaning) -> Result<(Timeline, String), Why> {
    let (timeline, evidence) = match meaning {
        Meaning::Index => {
            let epochs = whole::solve(pairs)?;
            (epochs.timeline()?, epochs.evidence(shown))
        }
        Meaning::Elapsed => {
            let found = elapsed::solve(pairs)?;
            (found.timeline()?, found.evidence(shown))
        }
    };
    for (by, pair) in pairs.list.iter().enumerate() {
        if !agrees(&timeline, meaning, pair).ok_or(Why::TooLarge)? {
            return Err(Why::Refuted { by });
        }
    }
    Ok((timeline, evidence))
}

/// Whether a pair is what the timeline says; `None` where the numbers are too large.
fn agrees(timeline: &Timeline, meaning: Meaning, pair: &Pair) -> Option<bool> {
    let Some(index) = pair.step.checked_sub(u64::from(meaning.base())) else {
        return Span::of(pair.stated)?.holds(0, 0, 1);
    };
    let Ok(at) = timeline.locate(Unit::Step, index) else { return Some(false) };
    match meaning {
        Meaning::Index => Some(pairs::whole(pair.stated) == Some(at.epoch)),
        Meaning::Elapsed => Span::of(pair.stated)?.holds(at.epoch, at.iter + 1, timeline.epoch_length(at.epoch)?),
    }
}

/// What such a log never shows.
const UPDATES: &str = "iter counts updates, for accumulation leaves no trace in this log";

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
        let all = pairs.describe_all();
        match self {
            Self::Uniform(length) => format!("{length} steps an epoch is the only length that fits {all}; {UPDATES}"),
            Self::Observed(lengths) if lengths.len() == 1 => {
                format!("the log never leaves epoch 0: one epoch, cut at its last record, fits {all}; {UPDATES}")
            }
            Self::Observed(lengths) => format!(
                "the log shows where each of its {} epochs begins, the last one is cut at its last record: {all}; {UPDATES}",
                lengths.len()
            ),
            Self::Changed { count, before, after } => format!(
                "{before} steps an epoch in the first {count} epochs and {after} in the later ones is the only change \
                 of length that fits {all}; {UPDATES}"
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
        let all = pairs.describe_all();
        let (batches, accumulate) = (self.rate.batches, self.rate.accumulate);
        if accumulate == 1 {
            return format!("{batches} steps an epoch is the only whole number that fits {all}; {UPDATES}");
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
