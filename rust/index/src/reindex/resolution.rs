//! What is known of the series of each run before its records are placed: data, which [`super::resolve`] makes once.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use stepbridge_records::{ColumnBatch, EpochMeaning, Format, SeriesMeaning, StepMeaning, StepScope};
use stepbridge_timeline::{Timeline, Unit};

use super::basis::StepBasis;
use super::result::{StepAssumption, StepInfo, TimelineSource};
use super::series::SeriesClasses;
use crate::infer::may_restart;

/// What the records of a series, or of a run, mean: on whose word, on which timeline, and what contradicts it.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    /// The index of the run.
    pub run: u32,
    /// The format of its files.
    pub format: Format,
    /// The series, as a tag or a pattern; `None` for those of the run that have no resolution of their own.
    pub series: Option<String>,
    /// What the step means; of records without a step, what their epochs mean.
    pub step: StepMeaning,
    /// What a logged epoch means, as far as it is known.
    pub epoch: Option<EpochMeaning>,
    /// On whose word.
    pub basis: StepBasis,
    /// The same as one clause for people.
    pub why: String,
    /// The timeline.
    pub timeline: Option<Arc<Timeline>>,
    /// Why there is no timeline.
    pub unknown: Option<String>,
    /// Whether only the ratio of batches to steps is known, so that neither is a count of anything.
    pub ratio_only: bool,
    /// The epoch whose length is not known, because the log ends in it.
    pub open_epoch: Option<u64>,
    /// What the run's own configuration says otherwise.
    pub contradiction: Option<String>,
    /// Why columns that were asked for are empty: samples or tokens are not known.
    pub lacks: Option<String>,
    /// Whether its records have a step.
    pub has_step: bool,
    /// What the ledger claims of them, if their meaning rests on it.
    pub claim: Option<LedgerClaim>,
    /// Why its records have no place, though their steps could be located.
    pub withheld: Option<Withheld>,
}

/// What a ledger claims of steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerClaim {
    /// Who states or assumes it, as a clause.
    pub by: String,
    /// Whether a step 0 contradicts it.
    pub no_zero: bool,
    /// Whether a step past the end contradicts it.
    pub has_end: bool,
}

/// Why records have no place, though their steps could be located.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withheld {
    /// The log contradicts what the ledger only assumes.
    Refuted,
    /// Two meanings fit, and nothing decides. One clause for people.
    Undecided(String),
    /// Their lines state nothing that places them, or nothing says from what it counts. One clause for people.
    Unplaced(String),
    /// The log contradicts the timeline that the caller gives. One clause for people.
    Contradicted(String),
}

impl Resolution {
    /// Whether records need a timeline to have a place.
    #[must_use]
    pub fn needs_timeline(&self) -> bool {
        self.has_step && self.step.unit != Unit::Epoch && self.step.scope == StepScope::Run
    }

    /// Whether its records have places.
    #[must_use]
    pub fn is_placed(&self) -> bool {
        self.withheld.is_none() && (self.timeline.is_some() || !self.needs_timeline())
    }

    /// Whether something is to be reported of its run, whatever its records are.
    pub(crate) fn is_reported(&self) -> bool {
        let withheld = self.withheld.as_ref().is_some_and(|withheld| *withheld != Withheld::Refuted);
        withheld || self.contradiction.is_some() || self.timeline.is_none() && self.needs_timeline()
    }

    /// What had to be assumed of its steps, if its records have places.
    pub(super) fn assumption(&self, runs: &[String]) -> Option<StepAssumption> {
        let assumed = matches!(self.basis, StepBasis::Epochs | StepBasis::LedgerAssumed | StepBasis::Nothing);
        let run = runs.get(self.run as usize).cloned().unwrap_or_default();
        (assumed && self.has_step && self.is_placed()).then(|| StepAssumption {
            run,
            series: self.series.clone(),
            step: self.step,
            why: self.why.clone(),
        })
    }

    /// The same for people.
    #[must_use]
    pub fn info(&self, runs: &[String]) -> StepInfo {
        let in_epoch = self.has_step && self.step.scope == StepScope::Epoch;
        let undecided = match &self.withheld {
            Some(Withheld::Unplaced(_)) if in_epoch => None,
            Some(Withheld::Undecided(why) | Withheld::Unplaced(why)) => Some(why.clone()),
            _ => None,
        };
        let why = match &self.withheld {
            // The step is known, and its epoch is not.
            Some(Withheld::Unplaced(why)) if in_epoch => format!("{}; {why}", self.why),
            _ => self.why.clone(),
        };
        StepInfo {
            run: runs.get(self.run as usize).cloned().unwrap_or_default(),
            format: self.format,
            series: self.series.clone(),
            step: undecided.is_none().then_some(self.step),
            epoch: self.epoch,
            basis: if undecided.is_some() { StepBasis::Undecided } else { self.basis },
            why: undecided.unwrap_or(why),
        }
    }
}

/// What distinguishes the records of a run of which different things are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SeriesKind {
    pub(super) format: Format,
    pub(super) meaning: SeriesMeaning,
    pub(super) has_step: bool,
    pub(super) has_epoch: bool,
    pub(super) may_restart: bool,
    /// The class of their series; 0 for those that no rule names.
    pub(super) class: u16,
}

impl SeriesKind {
    pub(super) fn of(batch: &ColumnBatch, class: u16) -> Self {
        let &ColumnBatch { format, meaning, .. } = batch;
        let (has_step, has_epoch) = (batch.step.is_some(), batch.epoch.is_some());
        Self { format, meaning, has_step, has_epoch, may_restart: may_restart(batch), class }
    }
}

/// Records of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BatchRows {
    /// Next to each other.
    Range(Range<usize>),
    /// At these indices, in order.
    Indices(Vec<usize>),
}

impl BatchRows {
    /// The index in the batch of the n-th of these records.
    pub(crate) fn index(&self, nth: usize) -> usize {
        match self {
            Self::Range(range) => range.start + nth,
            Self::Indices(indices) => indices[nth],
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::Indices(indices) => indices.len(),
        }
    }
}

/// All that is known before records are placed.
#[derive(Debug, Clone, Default)]
pub struct Resolutions {
    /// In the order of their first records.
    pub list: Vec<Resolution>,
    /// Where the timeline of each run comes from.
    pub sources: Vec<TimelineSource>,
    pub(super) runs: Vec<RunPeriods>,
    pub(super) known: HashMap<(u32, SeriesKind, usize), usize>,
}

/// When which timeline of a run was in force, and which of its series have a meaning of their own.
#[derive(Debug, Clone, Default)]
pub(super) struct RunPeriods {
    /// When each period begins: seconds since 1970. At least one.
    pub(super) begins: Vec<f64>,
    /// The sessions of the periods, if records are not assigned to them by time.
    pub(super) sessions: Vec<u32>,
    /// Whether the periods are the sessions of a ledger, which records with a time are assigned to already.
    pub(super) of_ledger: bool,
    pub(super) classes: SeriesClasses,
}

impl Resolutions {
    /// The records of a batch, by what is known of them. Records without known meaning are in no part.
    pub(crate) fn parts(&self, batch: &ColumnBatch) -> Vec<(BatchRows, usize)> {
        let Some(run) = self.runs.get(batch.run as usize) else { return Vec::new() };
        let known = |kind, period| self.known.get(&(batch.run, kind, period)).copied();
        let pieces = run.pieces(batch).into_iter();
        pieces.filter_map(|(rows, period, class)| Some((rows, known(SeriesKind::of(batch, class), period)?))).collect()
    }

    /// What the steps of the files of each run are.
    #[must_use]
    pub fn steps(&self, runs: &[String]) -> Vec<StepInfo> {
        let mut found: Vec<StepInfo> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for resolution in &self.list {
            let Resolution { run, format, series, step, basis, .. } = resolution;
            if seen.insert((*run, *format, series.clone(), *step, *basis)) {
                found.push(resolution.info(runs));
            }
        }
        found
    }

    /// What had to be assumed of steps.
    #[must_use]
    pub fn assumed(&self, runs: &[String]) -> Vec<StepAssumption> {
        let mut found: Vec<StepAssumption> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for resolution in &self.list {
            if let Some(assumption) = resolution.assumption(runs)
                && seen.insert((resolution.run, resolution.series.clone(), resolution.step))
            {
                found.push(assumption);
            }
        }
        found
    }
}

impl RunPeriods {
    /// Cuts a batch into records of one period and one class.
    pub(super) fn pieces(&self, batch: &ColumnBatch) -> Vec<(BatchRows, usize, u16)> {
        let periods = self.periods(batch);
        let Some(classes) = self.classes.of(batch) else {
            return periods.into_iter().map(|(range, period)| (BatchRows::Range(range), period, 0)).collect();
        };
        let mut pieces: Vec<(BatchRows, usize, u16)> = Vec::new();
        for (range, period) in periods {
            let mut by_class: HashMap<u16, Vec<usize>> = HashMap::new();
            for index in range {
                by_class.entry(classes[index]).or_default().push(index);
            }
            let mut by_class: Vec<(u16, Vec<usize>)> = by_class.into_iter().collect();
            by_class.sort_unstable_by_key(|(class, _)| *class);
            pieces.extend(by_class.into_iter().map(|(class, indices)| (BatchRows::Indices(indices), period, class)));
        }
        pieces
    }

    /// The period of each record. A record without a time belongs to the period of its session if the log shows sessions,
    /// else to the last period.
    fn periods(&self, batch: &ColumnBatch) -> Vec<(Range<usize>, usize)> {
        let last = self.begins.len() - 1;
        if !self.sessions.is_empty() {
            let before = self.sessions.partition_point(|session| *session <= batch.session);
            return vec![(0..batch.len(), before.saturating_sub(1))];
        }
        if self.of_ledger && last > 0 && batch.wall_time.is_some() {
            return vec![(0..batch.len(), usize::try_from(batch.session).unwrap_or(last).min(last))];
        }
        let Some(times) = batch.wall_time.as_ref().filter(|_| last > 0) else {
            let shown = batch.session > 0 || batch.superseded_from.is_some();
            let session = usize::try_from(batch.session).unwrap_or(last);
            return vec![(0..batch.len(), if shown { session.min(last) } else { last })];
        };
        let mut parts: Vec<(Range<usize>, usize)> = Vec::new();
        for (index, &time) in times.iter().enumerate() {
            let period = if time.is_nan() {
                last
            } else {
                self.begins.partition_point(|begin| *begin <= time).saturating_sub(1)
            };
            match parts.last_mut() {
                Some((range, same)) if *same == period => range.end = index + 1,
                _ => parts.push((index..index + 1, period)),
            }
        }
        parts
    }
}
