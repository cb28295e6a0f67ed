//! What is known of a run before its records are placed: its timelines, and the meaning of its steps.

use std::ops::Range;

use stepbridge_timeline::{Error, Timeline, Unit};

use super::basis::StepBasis;
use super::options::{ReindexOptions, Timelines};
use super::part::{PlacedPart, Refutation, StepTimeline};
use super::result::TimelineSource;
use crate::infer::{InferenceOutcome, StepHint, TimelineInference, may_restart};
use crate::logs::RunLedger;
use stepbridge_ledger::LoggedStep;
use stepbridge_records::{ColumnBatch, EpochMeaning, Format, StepMeaning, StepScope};

/// A run.
pub(crate) struct ResolvedRun<'a> {
    pub(crate) name: &'a str,
    /// What its logged epochs show of its steps.
    hint: Option<StepHint>,
    /// At least one, in the order of time.
    periods: Vec<TimelinePeriod<'a>>,
    /// The sessions of these periods, if records are not assigned to them by time.
    sessions: Vec<u32>,
    pub(crate) origin: TimelineSource,
}

/// A time during which one timeline was in force.
pub(crate) struct TimelinePeriod<'a> {
    /// When it begins: seconds since 1970.
    from: f64,
    pub(crate) timeline: Option<&'a Timeline>,
    /// Why there is no timeline.
    pub(crate) unknown: Option<String>,
    /// What the ledger says of the steps that loggers are given.
    pub(crate) logged: Option<LedgerStep<'a>>,
}

/// What a ledger says of the steps that loggers are given.
pub(crate) struct LedgerStep<'a> {
    step: StepMeaning,
    pub(crate) stated: bool,
    /// Who says so, as a clause.
    pub(crate) by: &'a str,
    file: &'a str,
    /// Whether the timeline is that of the ledger too.
    pub(crate) timeline: bool,
}

impl<'a> ResolvedRun<'a> {
    pub(crate) fn new(
        name: &'a str,
        timelines: Timelines<'a>,
        ledger: Option<RunLedger<'a>>,
        inferred: Option<&'a TimelineInference>,
        hint: Option<StepHint>,
        options: ReindexOptions,
    ) -> Self {
        let hint = inferred.and_then(TimelineInference::hint).or(hint);
        let known = |timeline: &'a Timeline| (Some(timeline), None);
        let ((timeline, unknown), origin) = match (timelines, ledger, inferred.map(|inferred| &inferred.outcome)) {
            (Timelines::One(timeline), _, _) => (known(timeline), TimelineSource::Given),
            (Timelines::Each(by_run), _, _) => match by_run.get(name) {
                Some(timeline) => (known(timeline), TimelineSource::Given),
                None => ((None, None), TimelineSource::None),
            },
            (Timelines::Own, Some(ledger), _) => {
                let origin = TimelineSource::Ledger(ledger.file.to_owned());
                return Self { name, hint, periods: periods(ledger, options), sessions: Vec::new(), origin };
            }
            (Timelines::Own, None, Some(InferenceOutcome::Known { timeline, .. })) => {
                let lender = inferred.and_then(|inferred| inferred.shared_by.clone());
                (known(timeline), lender.map_or(TimelineSource::Inferred, TimelineSource::Shared))
            }
            (Timelines::Own, None, Some(InferenceOutcome::Sessions { timelines, .. })) => {
                let period = |timeline| TimelinePeriod {
                    from: f64::NEG_INFINITY,
                    timeline: Some(timeline),
                    unknown: None,
                    logged: None,
                };
                let periods = timelines.iter().map(|(_, timeline)| period(timeline)).collect();
                let sessions = timelines.iter().map(|(session, _)| *session).collect();
                return Self { name, hint, periods, sessions, origin: TimelineSource::Inferred };
            }
            (Timelines::Own, None, Some(InferenceOutcome::Unknown { why })) => {
                ((None, Some(why.clone())), TimelineSource::None)
            }
            (Timelines::Own, None, None) => ((None, None), TimelineSource::None),
        };
        let logged = ledger.map(|ledger| logged(ledger, ledger.ledger.sessions.len(), false));
        let period = TimelinePeriod { from: f64::NEG_INFINITY, timeline, unknown, logged };
        Self { name, hint, periods: vec![period], sessions: Vec::new(), origin }
    }

    pub(crate) fn period(&self, index: usize) -> &TimelinePeriod<'a> {
        &self.periods[index]
    }

    /// Cuts a batch into parts of one period each. A record without a time belongs to the period of its session if the log
    /// shows sessions, else to the last period.
    pub(crate) fn parts(&self, batch: &ColumnBatch) -> Vec<(Range<usize>, usize)> {
        let last = self.periods.len() - 1;
        if !self.sessions.is_empty() {
            let before = self.sessions.partition_point(|session| *session <= batch.session);
            return vec![(0..batch.len(), before.saturating_sub(1))];
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
                self.periods.partition_point(|period| period.from <= time).saturating_sub(1)
            };
            match parts.last_mut() {
                Some((range, same)) if *same == period => range.end = index + 1,
                _ => parts.push((index..index + 1, period)),
            }
        }
        parts
    }

    /// The meaning of a step in a period, and what that rests on. For records without a step, the meaning of their epochs.
    pub(crate) fn step(&self, batch: &ColumnBatch, period: usize, options: ReindexOptions) -> (StepMeaning, StepBasis) {
        if batch.step.is_none() {
            let declared = batch.meaning.epoch.and_then(EpochMeaning::base);
            let base = options.base.or(declared).unwrap_or(0);
            let basis = if options.base.is_some() {
                StepBasis::Caller
            } else if batch.meaning.epoch.is_some() {
                StepBasis::Format
            } else {
                StepBasis::Nothing
            };
            return (StepMeaning::of_run(Unit::Epoch, base), basis);
        }
        let logged = self.period(period).logged.as_ref();
        let (likely, basis) = match (batch.meaning.step, logged, self.hint_of(batch)) {
            (Some(_), _, Some(hint)) if hint.step.scope == StepScope::Epoch => (hint.step, StepBasis::Epochs),
            (Some(declared), _, _) => (declared, StepBasis::Format),
            (None, Some(logged), _) if logged.stated => (logged.step, StepBasis::LedgerStated),
            (None, _, Some(hint)) => (hint.step, StepBasis::Epochs),
            (None, Some(logged), None) => (logged.step, StepBasis::LedgerAssumed),
            (None, None, None) => (StepMeaning::of_run(Unit::Step, 0), StepBasis::Nothing),
        };
        let step = StepMeaning {
            unit: options.unit.unwrap_or(likely.unit),
            base: options.base.unwrap_or(likely.base),
            // A caller who says what steps count means a count over the run.
            scope: if options.unit.is_some() { StepScope::Run } else { likely.scope },
        };
        let said = options.unit.is_some() && options.base.is_some();
        (step, if said { StepBasis::Caller } else { basis })
    }

    /// What the logged epochs of the run show of a batch. That steps begin again with each epoch applies only to steps with
    /// an epoch.
    fn hint_of(&self, batch: &ColumnBatch) -> Option<StepHint> {
        self.hint.filter(|hint| hint.step.scope == StepScope::Run || may_restart(batch))
    }

    /// The meaning of the epochs of records.
    fn epoch(&self, batch: &ColumnBatch, options: ReindexOptions) -> Option<EpochMeaning> {
        let epoch = match self.hint_of(batch) {
            Some(hint) if hint.step.scope == StepScope::Epoch => Some(hint.epoch),
            hint => batch.meaning.epoch.or(hint.map(|hint| hint.epoch)),
        };
        match (epoch, options.base.filter(|_| batch.step.is_none())) {
            (Some(EpochMeaning::In(_)), Some(base)) => Some(EpochMeaning::In(base)),
            (Some(EpochMeaning::Ends(_)), Some(base)) => Some(EpochMeaning::Ends(base)),
            (epoch, _) => epoch,
        }
    }

    /// One clause on why steps are taken to have this meaning.
    pub(crate) fn why(&self, format: Format, basis: StepBasis, period: usize) -> String {
        let logged = self.period(period).logged.as_ref();
        let (file, by) = logged.map_or(("", ""), |logged| (logged.file, logged.by));
        match basis {
            StepBasis::Caller => "the caller says it".to_owned(),
            StepBasis::Format => format!("the format {} declares it", format.name()),
            StepBasis::LedgerStated => format!("the ledger {file} states it ({by})"),
            StepBasis::Epochs if self.hint.is_some_and(|hint| hint.step.scope == StepScope::Epoch) => {
                "they begin again with each epoch (they count from 0 where there is a 0)".to_owned()
            }
            StepBasis::Epochs => "the epochs among its values count its steps this way".to_owned(),
            StepBasis::LedgerAssumed => {
                format!("the ledger {file} only assumes how its loggers are given the step ({by})")
            }
            StepBasis::Nothing => {
                format!("the format {} does not say what its step is; the writer decides", format.name())
            }
        }
    }

    /// Why the steps of a part are taken to have their meaning, if that is an assumption.
    pub(crate) fn assumption(&self, batch: &ColumnBatch, part: &PlacedPart, options: ReindexOptions) -> Option<String> {
        let basis = self.step(batch, part.period, options).1;
        let assumed =
            matches!(basis, StepBasis::Epochs | StepBasis::LedgerAssumed | StepBasis::Nothing) && batch.step.is_some();
        assumed.then(|| self.why(batch.format, basis, part.period))
    }

    /// Refuses a unit in which no record can be located on a timeline that the caller gave.
    pub(crate) fn check(&self, batch: &ColumnBatch, options: ReindexOptions) -> Result<(), Error> {
        if matches!(self.origin, TimelineSource::Ledger(_)) {
            return Ok(());
        }
        let (step, _) = self.step(batch, 0, options);
        if batch.step.is_none() || step.scope == StepScope::Epoch {
            return Ok(());
        }
        self.periods[0].timeline.map_or(Ok(()), |timeline| check_unit(timeline, step.unit, options))
    }

    /// What contradicts the ledger, if the places rest on it.
    pub(crate) fn refutation(
        &self,
        clock: StepTimeline,
        basis: StepBasis,
        period: usize,
        options: ReindexOptions,
    ) -> Option<Refutation> {
        let logged = self.period(period).logged.as_ref()?;
        let rests = matches!(basis, StepBasis::LedgerStated | StepBasis::LedgerAssumed);
        let bounded = clock.timeline.is_some_and(Timeline::is_bounded);
        rests.then_some(Refutation {
            zero: options.base.is_none() && clock.step.base == 1,
            past_end: logged.timeline && bounded,
        })
    }

    /// The timeline of a period, and the meaning of the steps of a batch in it.
    pub(crate) fn clock(
        &self,
        batch: &ColumnBatch,
        period: usize,
        options: ReindexOptions,
    ) -> (StepTimeline<'a>, StepBasis) {
        let (step, basis) = self.step(batch, period, options);
        (StepTimeline { timeline: self.period(period).timeline, step, epoch: self.epoch(batch, options) }, basis)
    }
}

/// The periods of a ledger: its sessions, by the times at which they were in force.
fn periods(found: RunLedger<'_>, options: ReindexOptions) -> Vec<TimelinePeriod<'_>> {
    let mut periods: Vec<TimelinePeriod> = Vec::with_capacity(found.ledger.sessions.len());
    for (index, session) in found.ledger.sessions.iter().enumerate() {
        // A record from before the first session belongs to the first session.
        let from = periods.last().map_or(f64::NEG_INFINITY, |before: &TimelinePeriod| session.time.max(before.from));
        let logged = logged(found, index + 1, true);
        let unit = options.unit.unwrap_or(logged.step.unit);
        let unknown = check_unit(&session.timeline, unit, options).err();
        let timeline = if unknown.is_none() { Some(&session.timeline) } else { None };
        let unknown = unknown.map(|why| format!("its ledger {} does not tell: {why}", found.file));
        periods.push(TimelinePeriod { from, timeline, unknown, logged: Some(logged) });
    }
    periods
}

/// Refuses a unit in which no record can be located.
fn check_unit(timeline: &Timeline, unit: Unit, options: ReindexOptions) -> Result<(), Error> {
    let asked = if options.sample { Unit::Sample } else { unit };
    for unit in [unit, asked] {
        if unit != Unit::Epoch
            && let Err(error @ (Error::Invalid(_) | Error::Undetermined(_))) = timeline.locate(unit, 0)
        {
            return Err(error);
        }
    }
    Ok(())
}

/// What a ledger says of the steps of the last of its first `sessions` sessions.
fn logged(found: RunLedger<'_>, sessions: usize, timeline: bool) -> LedgerStep<'_> {
    let LoggedStep { step, stated, by } = found.ledger.logged_step(sessions);
    LedgerStep { step, stated, by, file: found.file, timeline }
}
