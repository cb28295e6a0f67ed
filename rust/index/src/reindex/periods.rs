//! The timelines of a run, by the time at which each was in force.

use std::collections::HashMap;
use std::sync::Arc;

use stepbridge_ledger::LoggedStep;
use stepbridge_records::StepMeaning;
use stepbridge_timeline::{Error, Timeline, Unit};

use super::options::{ReindexOptions, Timelines, whole_run};
use super::result::TimelineSource;
use crate::infer::{InferenceOutcome, TimelineInference};
use crate::logs::RunLedger;

/// The timelines of a run.
pub(super) struct RunTimelines {
    /// At least one, in the order of time.
    pub(super) periods: Vec<Period>,
    /// The sessions of these periods, if records are not assigned to them by time.
    pub(super) sessions: Vec<u32>,
    pub(super) source: TimelineSource,
}

/// A time during which one timeline was in force.
#[derive(Default)]
pub(super) struct Period {
    /// When it begins: seconds since 1970.
    pub(super) from: f64,
    pub(super) timeline: Option<Arc<Timeline>>,
    /// Why there is no timeline.
    pub(super) unknown: Option<String>,
    /// What the ledger says of the steps that loggers are given.
    pub(super) ledger: Option<LedgerStep>,
    /// Whether only the ratio of batches to steps is known.
    pub(super) ratio_only: bool,
    /// The epoch whose length is not known, because the log ends in it.
    pub(super) open_epoch: Option<u64>,
    /// What the run's own configuration says otherwise.
    pub(super) contradiction: Option<String>,
}

/// What a ledger says of the steps that loggers are given.
pub(super) struct LedgerStep {
    pub(super) step: StepMeaning,
    pub(super) stated: bool,
    /// Who says so, as a clause.
    pub(super) by: String,
    pub(super) file: String,
    /// Whether the timeline is that of the ledger too.
    pub(super) timeline: bool,
}

impl RunTimelines {
    /// The timelines of the run `name`. Runs of one given timeline share it in `given`.
    pub(super) fn new(
        name: &str,
        timelines: Timelines,
        ledger: Option<RunLedger>,
        inferred: Option<&TimelineInference>,
        given: &mut HashMap<*const Timeline, Arc<Timeline>>,
        options: &ReindexOptions,
    ) -> Self {
        let mut share = |timeline: &Timeline| {
            Arc::clone(given.entry(std::ptr::from_ref(timeline)).or_insert_with(|| Arc::new(timeline.clone())))
        };
        let mut sessions = Vec::new();
        let always = f64::NEG_INFINITY;
        let period = |timeline| Period { from: always, timeline: Some(timeline), ..Period::default() };
        let unknown = |unknown| Period { from: always, unknown, ..Period::default() };
        let ruled = options.rule(name).and_then(|rule| rule.timeline.as_ref());
        let timelines = ruled.map_or(timelines, Timelines::One);
        let (mut periods, source) = match (timelines, ledger, inferred.map(|inferred| &inferred.outcome)) {
            (Timelines::One(timeline), _, _) => (vec![period(share(timeline))], TimelineSource::Given),
            (Timelines::Each(by_run), _, _) => match by_run.get(name).or_else(|| by_run.get(whole_run(name)?)) {
                Some(timeline) => (vec![period(share(timeline))], TimelineSource::Given),
                None => (vec![unknown(None)], TimelineSource::None),
            },
            (Timelines::Own, Some(ledger), _) => {
                let source = TimelineSource::Ledger(ledger.file.to_owned());
                return Self { periods: of_ledger(ledger, options.word(name).unit, options), sessions, source };
            }
            (Timelines::Own, None, Some(InferenceOutcome::Known { timeline, .. })) => {
                let of_run = |from: fn(&TimelineInference) -> Option<String>| inferred.and_then(from);
                let source = of_run(|inferred| inferred.shared_by.clone())
                    .map(TimelineSource::Shared)
                    .or_else(|| of_run(|inferred| inferred.config.clone()).map(TimelineSource::Config))
                    .unwrap_or(TimelineSource::Inferred);
                (vec![period(Arc::new(timeline.clone()))], source)
            }
            (Timelines::Own, None, Some(InferenceOutcome::Sessions { timelines, .. })) => {
                sessions = timelines.iter().map(|(session, _)| *session).collect();
                let periods = timelines.iter().map(|(_, timeline)| period(Arc::new(timeline.clone()))).collect();
                (periods, TimelineSource::Inferred)
            }
            (Timelines::Own, None, Some(InferenceOutcome::Unknown { why })) => {
                match inferred.and_then(|inferred| inferred.likely.as_ref()) {
                    Some((timeline, why)) if options.likely => {
                        (vec![period(Arc::new(timeline.clone()))], TimelineSource::Likely(why.clone()))
                    }
                    Some((_, likely)) => {
                        let why = format!("{why}; one is likely, and taken with likely=True: {likely}");
                        (vec![unknown(Some(why))], TimelineSource::None)
                    }
                    None => (vec![unknown(Some(why.clone()))], TimelineSource::None),
                }
            }
            (Timelines::Own, None, None) => (vec![unknown(None)], TimelineSource::None),
        };
        for period in &mut periods {
            period.ledger = ledger.map(|ledger| logged(ledger, ledger.ledger.sessions.len(), false));
            // What inference found holds of its own timeline alone.
            if let (Some(inferred), Timelines::Own) = (inferred, timelines) {
                period.ratio_only = inferred.ratio_only;
                period.open_epoch = inferred.open_epoch;
                period.contradiction.clone_from(&inferred.contradiction);
            }
        }
        Self { periods, sessions, source }
    }

    pub(super) fn is_of_ledger(&self) -> bool {
        matches!(self.source, TimelineSource::Ledger(_))
    }
}

/// The periods of a ledger: its sessions, by the times at which they were in force.
fn of_ledger(found: RunLedger, unit: Option<Unit>, options: &ReindexOptions) -> Vec<Period> {
    let mut periods: Vec<Period> = Vec::with_capacity(found.ledger.sessions.len());
    for (index, session) in found.ledger.sessions.iter().enumerate() {
        // A record from before the first session belongs to the first session.
        let from = periods.last().map_or(f64::NEG_INFINITY, |before| session.time.max(before.from));
        let ledger = logged(found, index + 1, true);
        let unknown = check_unit(&session.timeline, unit.unwrap_or(ledger.step.unit), options).err();
        let timeline = unknown.is_none().then(|| Arc::new(session.timeline.clone()));
        let unknown = unknown.map(|why| format!("its ledger {} does not tell: {why}", found.file));
        periods.push(Period { from, timeline, unknown, ledger: Some(ledger), ..Period::default() });
    }
    periods
}

/// Refuses a unit in which no record can be located.
pub(super) fn check_unit(timeline: &Timeline, unit: Unit, options: &ReindexOptions) -> Result<(), Error> {
    if unit == Unit::Epoch {
        return Ok(());
    }
    let counts = options.batch || options.sample || options.token || options.done.is_some();
    let first = if counts && !timeline.has_epochs() {
        timeline.batch_with(unit, 0).map(drop)
    } else {
        timeline.locate(unit, 0).map(drop)
    };
    match first {
        Err(Error::Undetermined(why)) if !counts && !timeline.has_epochs() => {
            let counts = "or ask for batch=, sample= or token=, which need no epochs";
            Err(Error::Undetermined(format!("{why}; {counts}")))
        }
        Err(error @ (Error::Invalid(_) | Error::Undetermined(_))) => Err(error),
        _ => Ok(()),
    }
}

/// Refuses columns that no record of a timeline can have: of samples or tokens that are not known.
pub(super) fn check_columns(timeline: &Timeline, options: &ReindexOptions) -> Result<(), Error> {
    let sample = options.sample.then(|| timeline.batch_with(Unit::Sample, 0));
    // A run that counts tokens knows them at its start, and not where each batch is.
    let token = options.token.then(|| timeline.index_of_batch(Unit::Token, 0));
    match [sample, token].into_iter().flatten().find_map(Result::err) {
        Some(error @ (Error::Invalid(_) | Error::Undetermined(_))) => Err(error),
        _ => Ok(()),
    }
}

/// What a ledger says of the steps of the last of its first `sessions` sessions.
fn logged(found: RunLedger, sessions: usize, timeline: bool) -> LedgerStep {
    let LoggedStep { step, stated, by } = found.ledger.logged_step(sessions);
    LedgerStep { step, stated, by: by.to_owned(), file: found.file.to_owned(), timeline }
}
