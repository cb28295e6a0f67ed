//! What is known of a run before its records are looked at: its timelines, and what its steps are.

use std::ops::Range;

use stepbridge_timeline::{Error, Timeline, Unit};

use super::place::{self, Clock, Part, Refutation};
use super::{Options, Origin, RunLedger, Timelines};
use crate::infer::{Hint, Inferred, Outcome, may_restart};
use stepbridge_ledger::LoggedStep;
use stepbridge_records::{ColumnBatch, EpochMeaning, Format, StepMeaning, StepScope};

/// A run.
pub(super) struct Run<'a> {
    pub(super) name: &'a str,
    /// What its stated epochs say of its steps.
    hint: Option<Hint>,
    /// At least one, in the order of time.
    periods: Vec<Period<'a>>,
    /// The sessions whose periods these are, where they are not told apart by time.
    sessions: Vec<u32>,
    pub(super) origin: Origin,
}

/// A time in which one timeline was in force.
pub(super) struct Period<'a> {
    /// Since when: seconds since 1970.
    from: f64,
    pub(super) timeline: Option<&'a Timeline>,
    /// Why there is no timeline.
    pub(super) unknown: Option<String>,
    /// What the ledger says of the steps that the loggers are given.
    pub(super) logged: Option<Logged<'a>>,
}

/// What a ledger says of the steps that loggers are given.
pub(super) struct Logged<'a> {
    step: StepMeaning,
    pub(super) stated: bool,
    /// Who says it, as a clause.
    pub(super) by: &'a str,
    file: &'a str,
    /// Whether the timeline is that of the ledger as well.
    pub(super) timeline: bool,
}

/// What a step is taken to be rests on this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    /// The caller says it.
    Caller,
    /// The format declares it, or the file does.
    Format,
    /// The epochs that the log states.
    Epochs,
    /// A statement in the ledger.
    Decimal,
    /// What the ledger assumes.
    Assumed,
    /// Nothing.
    Nothing,
}

impl Basis {
    /// The name that people and programs see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Format => "format",
            Self::Epochs => "epochs",
            Self::Decimal => "ledger",
            Self::Assumed => "ledger_assumed",
            Self::Nothing => "nothing",
        }
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(
        name: &'a str,
        timelines: Timelines<'a>,
        ledger: Option<RunLedger<'a>>,
        inferred: Option<&'a Inferred>,
        hint: Option<Hint>,
        options: Options,
    ) -> Self {
        let hint = inferred.and_then(Inferred::hint).or(hint);
        let known = |timeline: &'a Timeline| (Some(timeline), None);
        let ((timeline, unknown), origin) = match (timelines, ledger, inferred.map(|inferred| &inferred.outcome)) {
            (Timelines::One(timeline), _, _) => (known(timeline), Origin::Given),
            (Timelines::Each(by_run), _, _) => match by_run.get(name) {
                Some(timeline) => (known(timeline), Origin::Given),
                None => ((None, None), Origin::None),
            },
            (Timelines::Own, Some(ledger), _) => {
                let origin = Origin::Ledger(ledger.file.to_owned());
                return Self { name, hint, periods: periods(ledger, options), sessions: Vec::new(), origin };
            }
            (Timelines::Own, None, Some(Outcome::Known { timeline, .. })) => {
                let lender = inferred.and_then(|inferred| inferred.lent_by.clone());
                (known(timeline), lender.map_or(Origin::Inferred, Origin::Lent))
            }
            (Timelines::Own, None, Some(Outcome::Sessions { timelines, .. })) => {
                let period = |timeline| Period {
                    from: f64::NEG_INFINITY,
                    timeline: Some(timeline),
                    unknown: None,
                    logged: None,
                };
                let periods = timelines.iter().map(|(_, timeline)| period(timeline)).collect();
                let sessions = timelines.iter().map(|(session, _)| *session).collect();
                return Self { name, hint, periods, sessions, origin: Origin::Inferred };
            }
            (Timelines::Own, None, Some(Outcome::Unknown { why })) => ((None, Some(why.clone())), Origin::None),
            (Timelines::Own, None, None) => ((None, None), Origin::None),
        };
        let logged = ledger.map(|ledger| logged(ledger, ledger.ledger.sessions.len(), false));
        let period = Period { from: f64::NEG_INFINITY, timeline, unknown, logged };
        Self { name, hint, periods: vec![period], sessions: Vec::new(), origin }
    }

    pub(super) fn period(&self, index: usize) -> &Period<'a> {
        &self.periods[index]
    }

    /// Records next to each other that one period holds. What has no time belongs to that of its session, where the log
    /// shows sessions, else to the last.
    pub(super) fn parts(&self, batch: &ColumnBatch) -> Vec<(Range<usize>, usize)> {
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

    /// What a step is in a period, and what that rests on. Of records without one it is what their epochs are.
    pub(super) fn step(&self, batch: &ColumnBatch, period: usize, options: Options) -> (StepMeaning, Basis) {
        if batch.step.is_none() {
            let declared = batch.meaning.epoch.and_then(EpochMeaning::base);
            let base = options.base.or(declared).unwrap_or(0);
            let basis = if options.base.is_some() {
                Basis::Caller
            } else if batch.meaning.epoch.is_some() {
                Basis::Format
            } else {
                Basis::Nothing
            };
            return (StepMeaning::of_run(Unit::Epoch, base), basis);
        }
        let logged = self.period(period).logged.as_ref();
        let (likely, basis) = match (batch.meaning.step, logged, self.hint_of(batch)) {
            (Some(_), _, Some(hint)) if hint.step.scope == StepScope::Epoch => (hint.step, Basis::Epochs),
            (Some(declared), _, _) => (declared, Basis::Format),
            (None, Some(logged), _) if logged.stated => (logged.step, Basis::Decimal),
            (None, _, Some(hint)) => (hint.step, Basis::Epochs),
            (None, Some(logged), None) => (logged.step, Basis::Assumed),
            (None, None, None) => (StepMeaning::of_run(Unit::Step, 0), Basis::Nothing),
        };
        let step = StepMeaning {
            unit: options.unit.unwrap_or(likely.unit),
            base: options.base.unwrap_or(likely.base),
            // Who says what it counts speaks of the run.
            scope: if options.unit.is_some() { StepScope::Run } else { likely.scope },
        };
        let said = options.unit.is_some() && options.base.is_some();
        (step, if said { Basis::Caller } else { basis })
    }

    /// What the run's epochs say of a batch. That steps begin again with each of them is said of those beside epochs.
    fn hint_of(&self, batch: &ColumnBatch) -> Option<Hint> {
        self.hint.filter(|hint| hint.step.scope == StepScope::Run || may_restart(batch))
    }

    /// What the epochs of records are.
    fn epoch(&self, batch: &ColumnBatch, options: Options) -> Option<EpochMeaning> {
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

    /// One clause on why the steps of records are taken to be what they are.
    pub(super) fn why(&self, format: Format, basis: Basis, period: usize) -> String {
        let logged = self.period(period).logged.as_ref();
        let (file, by) = logged.map_or(("", ""), |logged| (logged.file, logged.by));
        match basis {
            Basis::Caller => "the caller says it".to_owned(),
            Basis::Format => format!("the format {} declares it", format.name()),
            Basis::Decimal => format!("the ledger {file} states it ({by})"),
            Basis::Epochs if self.hint.is_some_and(|hint| hint.step.scope == StepScope::Epoch) => {
                "they begin again with each epoch (they count from 0 where there is a 0)".to_owned()
            }
            Basis::Epochs => "the epochs among its values count its steps this way".to_owned(),
            Basis::Assumed => format!("the ledger {file} only assumes how its loggers are given the step ({by})"),
            Basis::Nothing if format == Format::TfEvents => {
                "an event file does not say what its step is; the writer decides".to_owned()
            }
            Basis::Nothing => format!("the format {} does not say what its step is; the writer decides", format.name()),
        }
    }

    /// Why the steps of a part are taken to be what they are, where that is an assumption.
    pub(super) fn assumption(&self, batch: &ColumnBatch, part: &Part, options: Options) -> Option<String> {
        let basis = self.step(batch, part.period, options).1;
        let assumed = matches!(basis, Basis::Epochs | Basis::Assumed | Basis::Nothing) && batch.step.is_some();
        assumed.then(|| self.why(batch.format, basis, part.period))
    }

    /// Refuses a unit of which no record could be located on a timeline that the caller answers for.
    pub(super) fn check(&self, batch: &ColumnBatch, options: Options) -> Result<(), Error> {
        if matches!(self.origin, Origin::Ledger(_)) {
            return Ok(());
        }
        let (step, _) = self.step(batch, 0, options);
        if batch.step.is_none() || step.scope == StepScope::Epoch {
            return Ok(());
        }
        self.periods[0].timeline.map_or(Ok(()), |timeline| place::check_unit(timeline, step.unit, options))
    }

    /// What would refute the ledger, as far as the places rest on it.
    pub(super) fn refutation(&self, clock: Clock, basis: Basis, period: usize, options: Options) -> Option<Refutation> {
        let logged = self.period(period).logged.as_ref()?;
        let rests = matches!(basis, Basis::Decimal | Basis::Assumed);
        let bounded = clock.timeline.is_some_and(Timeline::is_bounded);
        rests.then_some(Refutation {
            zero: options.base.is_none() && clock.step.base == 1,
            past_end: logged.timeline && bounded,
        })
    }

    /// The timeline of a period for a batch, and what its steps are.
    pub(super) fn clock(&self, batch: &ColumnBatch, period: usize, options: Options) -> (Clock<'a>, Basis) {
        let (step, basis) = self.step(batch, period, options);
        (Clock { timeline: self.period(period).timeline, step, epoch: self.epoch(batch, options) }, basis)
    }
}

/// The sessions of a ledger by the time when they were in force.
fn periods(found: RunLedger<'_>, options: Options) -> Vec<Period<'_>> {
    let mut periods: Vec<Period> = Vec::with_capacity(found.ledger.sessions.len());
    for (index, session) in found.ledger.sessions.iter().enumerate() {
        // What was written before the first session began is taken to be the first one's.
        let from = periods.last().map_or(f64::NEG_INFINITY, |before: &Period| session.time.max(before.from));
        let logged = logged(found, index + 1, true);
        let unit = options.unit.unwrap_or(logged.step.unit);
        let unknown = place::check_unit(&session.timeline, unit, options).err();
        let timeline = if unknown.is_none() { Some(&session.timeline) } else { None };
        let unknown = unknown.map(|why| format!("its ledger {} does not tell: {why}", found.file));
        periods.push(Period { from, timeline, unknown, logged: Some(logged) });
    }
    periods
}

/// What a ledger says of the steps of the last of its first `sessions` sessions.
fn logged(found: RunLedger<'_>, sessions: usize, timeline: bool) -> Logged<'_> {
    let LoggedStep { step, stated, by } = found.ledger.logged_step(sessions);
    Logged { step, stated, by, file: found.file, timeline }
}
