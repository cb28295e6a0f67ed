//! Resolves what is known of each run and of its series, once, before any record is placed.
//!
//! What a step means is decided here, in this order: the caller; for series, what the log shows of a counter of their own;
//! the ledger where the format says nothing; the format; the logged epochs; at last an assumption, which is reported.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use stepbridge_io::parallel;
use stepbridge_records::{ColumnBatch, CounterMark, EpochMeaning, Records, StepMeaning, StepScope, TaggingWriter};
use stepbridge_timeline::{Error, Timeline, Unit};

use super::basis::StepBasis;
use super::options::{ReindexOptions, Timelines};
use super::periods::{Period, RunTimelines, check_columns, check_unit};
use super::resolution::{LedgerClaim, Resolution, Resolutions, RunPeriods, SeriesKind, Withheld};
use super::result::TimelineSource;
use super::series::{SeriesClassKind, SeriesClasses, SeriesOfRun, SeriesRule};
use crate::infer::{EpochEvidence, StepHint, StepWord, TimelineInference};
use crate::logs::RunLedger;
use crate::second_counters::{SecondCounters, may_hold};

/// Resolves what is known of records, on up to `threads` threads; `counters` are their second counters. `others` are records without a value, which are
/// placed with them and are evidence of nothing.
///
/// Fails if no record can be located at all: for a unit without locations, or samples of batches of unknown size.
pub(crate) fn resolve(
    records: &Records,
    others: &[ColumnBatch],
    counters: &SecondCounters,
    ledgers: &[Option<RunLedger>],
    timelines: Timelines,
    options: &ReindexOptions,
    threads: usize,
) -> Result<Resolutions, Error> {
    let words: Vec<StepWord> = records.runs.iter().map(|run| options.word(run)).collect();
    let evidence = EpochEvidence::new(records, counters, &words, threads);
    let inferred = inferred(records, &evidence, ledgers, timelines, options);
    let written = undeclared_tags(records, threads);
    let mut given = HashMap::new();
    let runs: Vec<ResolvedRun> = (0..)
        .zip(&records.runs)
        .map(|(number, name)| {
            let ledger = ledger_of(ledgers, number as usize);
            let own = inferred.get(name);
            let timelines = RunTimelines::new(name, timelines, ledger, own, &mut given, options);
            // The caller's word comes before what the logged epochs show.
            let word = StepWord::of(&words, number);
            let by_caller = word.unit.is_some() && word.base.is_some();
            let hint = own.and_then(TimelineInference::hint).or_else(|| evidence.hint(number)).filter(|_| !by_caller);
            let own = options.rule(name).map_or(&[][..], |rule| &rule.series);
            let rules: Vec<SeriesRule> = own.iter().chain(&options.series).cloned().collect();
            let writer = written.get(&number).and_then(|own| {
                let tags = own.iter().filter_map(|tag| records.tags.get(*tag as usize)).map(String::as_str);
                Some((TaggingWriter::of_run(name, &tags)?, own))
            });
            let notes = ledger.iter().flat_map(|found| &found.ledger.sessions).flat_map(|session| &session.series);
            let own = others.iter().filter(|batch| batch.run == number).flat_map(|batch| &batch.tag);
            let others = own.copied().collect();
            let series = SeriesOfRun { run: number, tags: &records.tags, writer, others, notes: notes.collect() };
            let classes = SeriesClasses::new(&series, &rules, counters);
            let agreed = evidence.epoch(number);
            let mut run = ResolvedRun { number, hint, agreed, word, timelines, classes, contradicted: None };
            run.contradicted = run.contradicted_by(&evidence);
            run
        })
        .collect();
    let mut resolutions = Resolutions {
        list: Vec::new(),
        sources: runs.iter().map(|run| run.timelines.source.clone()).collect(),
        runs: runs.iter().map(ResolvedRun::periods).collect(),
        known: HashMap::new(),
    };
    let mut refuted: HashSet<(u32, usize)> = HashSet::new();
    let mut period_of: Vec<usize> = Vec::new();
    let placed = records.batches.iter().map(|batch| (batch, true)).chain(others.iter().map(|batch| (batch, false)));
    for (batch, is_evidence) in placed.filter(|(batch, _)| !batch.is_empty()) {
        let Some(run) = runs.get(batch.run as usize) else { continue };
        for (rows, period, class) in resolutions.runs[batch.run as usize].pieces(batch) {
            let kind = SeriesKind::of(batch, class);
            let at = if let Some(&at) = resolutions.known.get(&(batch.run, kind, period)) {
                at
            } else {
                let mut resolution = run.resolve(kind, period, counters, options);
                run.check(&mut resolution, options)?;
                resolutions.list.push(resolution);
                period_of.push(period);
                resolutions.known.insert((batch.run, kind, period), resolutions.list.len() - 1);
                resolutions.list.len() - 1
            };
            let resolution = &resolutions.list[at];
            let assumes =
                is_evidence && resolution.basis == StepBasis::LedgerAssumed && !refuted.contains(&(batch.run, period));
            if assumes && (0..rows.len()).any(|nth| resolution.contradicts(batch, rows.index(nth))) {
                refuted.insert((batch.run, period));
            }
        }
    }
    for (resolution, period) in resolutions.list.iter_mut().zip(period_of) {
        if resolution.basis == StepBasis::LedgerAssumed && refuted.contains(&(resolution.run, period)) {
            resolution.withheld = Some(Withheld::Refuted);
        }
    }
    Ok(resolutions)
}

/// The tags of each run whose steps no format declares.
fn undeclared_tags(records: &Records, threads: usize) -> HashMap<u32, BTreeSet<u32>> {
    let own = parallel::map(records.batches.len(), threads, |index| {
        let batch = &records.batches[index];
        if may_hold(batch) { tags_of(batch, records.tags.len()) } else { Vec::new() }
    });
    let mut found: HashMap<u32, BTreeSet<u32>> = HashMap::new();
    for (batch, tags) in records.batches.iter().zip(own).filter(|(_, tags)| !tags.is_empty()) {
        found.entry(batch.run).or_default().extend(tags);
    }
    found
}

/// The tags of a batch, each once; `count` are those of all batches.
fn tags_of(batch: &ColumnBatch, count: usize) -> Vec<u32> {
    let mut tags = Vec::new();
    if count > batch.len() {
        tags.extend_from_slice(&batch.tag);
        tags.sort_unstable();
        tags.dedup();
        return tags;
    }
    let mut seen = vec![false; count];
    for &tag in &batch.tag {
        if !seen[tag as usize] {
            seen[tag as usize] = true;
            tags.push(tag);
        }
    }
    tags
}

/// The ledger of a run, if it has any session.
fn ledger_of<'a>(ledgers: &[Option<RunLedger<'a>>], run: usize) -> Option<RunLedger<'a>> {
    ledgers.get(run).copied().flatten().filter(|found| !found.ledger.sessions.is_empty())
}

/// The timelines that the logs show, if there is a run without another one.
fn inferred(
    records: &Records,
    evidence: &EpochEvidence,
    ledgers: &[Option<RunLedger>],
    timelines: Timelines,
    options: &ReindexOptions,
) -> BTreeMap<String, TimelineInference> {
    let own = matches!(timelines, Timelines::Own);
    let alone = (0..records.runs.len()).any(|run| ledger_of(ledgers, run).is_none());
    let mut inferred = if own && alone { evidence.infer(records) } else { BTreeMap::new() };
    if options.share_timeline {
        evidence.share_timeline(records, &mut inferred);
    }
    inferred
}

/// What is known of a run as a whole.
struct ResolvedRun {
    number: u32,
    /// What its logged epochs show of its steps.
    hint: Option<StepHint>,
    /// What its epochs mean, whatever its steps are.
    agreed: Option<EpochMeaning>,
    word: StepWord,
    timelines: RunTimelines,
    classes: SeriesClasses,
    /// Why a timeline that the caller gives is not that of the run.
    contradicted: Option<String>,
}

impl ResolvedRun {
    /// What in the log contradicts a timeline that the caller gives, if most of what it states does.
    fn contradicted_by(&self, evidence: &EpochEvidence) -> Option<String> {
        let given = self.timelines.periods.first()?.timeline.as_deref();
        let given = given.filter(|_| self.timelines.source == TimelineSource::Given)?;
        evidence.contradiction(self.number, given, self.hint)
    }

    fn periods(&self) -> RunPeriods {
        let RunTimelines { periods, sessions, .. } = &self.timelines;
        let begins = periods.iter().map(|period| period.from).collect();
        let of_ledger = self.timelines.is_of_ledger();
        RunPeriods { begins, sessions: sessions.clone(), of_ledger, classes: self.classes.clone() }
    }

    /// What is known of the records of one kind in one period.
    fn resolve(
        &self,
        kind: SeriesKind,
        period: usize,
        counters: &SecondCounters,
        options: &ReindexOptions,
    ) -> Resolution {
        let plain = self.plain(kind, period);
        let Some(class) = self.classes.class(kind.class) else { return plain };
        let series = Some(class.name.clone());
        match class.kind.clone() {
            SeriesClassKind::Ruled(step) => {
                let (basis, why) = (StepBasis::Caller, "the caller says it".to_owned());
                let epoch = plain.epoch.map(|epoch| if kind.has_step { epoch } else { based(epoch, step.base) });
                Resolution { series, step, epoch, basis, why, claim: None, ..plain }
            }
            SeriesClassKind::Declared(step, writer) => {
                let why = format!("{writer} declares it by the tag");
                let timeline =
                    plain.timeline.clone().filter(|timeline| check_unit(timeline, step.unit, options).is_ok());
                Resolution { series, step, basis: StepBasis::Format, why, claim: None, timeline, ..plain }
            }
            SeriesClassKind::Noted(Some(step), by) => {
                let file = self.timelines.periods[period].ledger.as_ref().map_or("", |ledger| &ledger.file);
                let why = format!("the ledger {file} notes it ({by})");
                let timeline =
                    plain.timeline.clone().filter(|timeline| check_unit(timeline, step.unit, options).is_ok());
                Resolution { series, step, basis: StepBasis::LedgerStated, why, claim: None, timeline, ..plain }
            }
            SeriesClassKind::Noted(None, by) => {
                let why = format!("{by} saw that its step is not the clock's, and not what else it counts");
                Resolution { series, withheld: Some(Withheld::Undecided(why)), claim: None, ..plain }
            }
            SeriesClassKind::Second(tag) => {
                let marks = counters.of_run(self.number).find(|(of, _)| *of == tag).map_or(&[][..], |(_, marks)| marks);
                match epochs_of(&plain, marks) {
                    Some(base) => Resolution {
                        series,
                        step: StepMeaning::of_run(Unit::Epoch, base),
                        basis: StepBasis::Epochs,
                        why: "it rises by one with each epoch of the other series".to_owned(),
                        claim: None,
                        ..plain
                    },
                    None => Resolution { series, withheld: Some(undecided(marks)), claim: None, ..plain },
                }
            }
        }
    }

    /// The same, of series that nothing in particular is stated about.
    fn plain(&self, kind: SeriesKind, at: usize) -> Resolution {
        let period = &self.timelines.periods[at];
        let (step, basis) = if kind.has_step { self.step(kind, period) } else { self.without_step(kind) };
        let rests = matches!(basis, StepBasis::LedgerStated | StepBasis::LedgerAssumed);
        let claim = period.ledger.as_ref().filter(|_| rests).map(|ledger| LedgerClaim {
            by: ledger.by.clone(),
            no_zero: self.word.base.is_none() && step.base == 1,
            has_end: ledger.timeline && period.timeline.as_deref().is_some_and(Timeline::is_bounded),
        });
        Resolution {
            run: self.number,
            format: kind.format,
            series: None,
            step,
            epoch: self.epoch(kind),
            basis,
            why: self.why(kind, basis, period),
            timeline: period.timeline.clone(),
            unknown: period.unknown.clone(),
            ratio_only: period.ratio_only,
            open_epoch: period.open_epoch,
            contradiction: period.contradiction.clone(),
            lacks: None,
            has_step: kind.has_step,
            claim,
            withheld: self.contradicted.clone().map(Withheld::Contradicted).or_else(|| self.unplaced(kind, step)),
        }
    }

    /// The meaning of a step, and what that rests on.
    fn step(&self, kind: SeriesKind, period: &Period) -> (StepMeaning, StepBasis) {
        let (likely, basis) = match (kind.meaning.step, &period.ledger, self.hint_of(kind)) {
            (Some(_), _, Some(hint)) if hint.step.scope == StepScope::Epoch => (hint.step, StepBasis::Epochs),
            (Some(declared), _, _) => (declared, StepBasis::Format),
            (None, Some(ledger), _) if ledger.stated => (ledger.step, StepBasis::LedgerStated),
            (None, _, Some(hint)) => (hint.step, StepBasis::Epochs),
            (None, Some(ledger), None) => (ledger.step, StepBasis::LedgerAssumed),
            (None, None, None) => (StepMeaning::of_run(Unit::Step, 0), StepBasis::Nothing),
        };
        let step = StepMeaning {
            unit: self.word.unit.unwrap_or(likely.unit),
            base: self.word.base.unwrap_or(likely.base),
            // A caller who says what steps count means a count over the run.
            scope: if self.word.unit.is_some() { StepScope::Run } else { likely.scope },
        };
        let by_caller = self.word.unit.is_some() && self.word.base.is_some();
        (step, if by_caller { StepBasis::Caller } else { basis })
    }

    /// The meaning of the epochs of records without a step, and what that rests on.
    fn without_step(&self, kind: SeriesKind) -> (StepMeaning, StepBasis) {
        let declared = kind.meaning.epoch.and_then(EpochMeaning::base);
        let base = self.word.base.or(declared).unwrap_or(0);
        let basis = if self.word.base.is_some() {
            StepBasis::Caller
        } else if kind.meaning.epoch.is_some() {
            StepBasis::Format
        } else {
            StepBasis::Nothing
        };
        (StepMeaning::of_run(Unit::Epoch, base), basis)
    }

    /// Why records have no place if nothing says in which epoch they are.
    fn unplaced(&self, kind: SeriesKind, step: StepMeaning) -> Option<Withheld> {
        let why = match (kind.has_step, kind.has_epoch) {
            (true, true) if step.scope == StepScope::Epoch && self.epoch(kind).is_none() => {
                "their epochs do not begin at 0 or 1, and nothing says from which of them they count: say it with a pattern \
                 ({epoch:0} or {epoch:1})"
            }
            (true, _) => return None,
            (false, false) => "they state neither a step nor an epoch",
            (false, true) if self.epoch(kind).is_some() => return None,
            (false, true) => {
                "their epochs do not begin at 0 or 1, and nothing says from which of them they count: say it with base= (0 or 1)"
            }
        };
        Some(Withheld::Unplaced(why.to_owned()))
    }

    /// What the logged epochs of the run show of a series. That steps begin again with each epoch applies only to steps with
    /// an epoch.
    fn hint_of(&self, kind: SeriesKind) -> Option<StepHint> {
        self.hint.filter(|hint| hint.step.scope == StepScope::Run || kind.may_restart)
    }

    /// The meaning of the epochs of records.
    fn epoch(&self, kind: SeriesKind) -> Option<EpochMeaning> {
        let epoch = match self.hint_of(kind) {
            Some(hint) if hint.step.scope == StepScope::Epoch => Some(hint.epoch),
            hint => {
                let agreed = self.agreed.filter(|_| kind.has_step);
                kind.meaning.epoch.or(hint.map(|hint| hint.epoch)).or(agreed)
            }
        };
        match self.word.base.filter(|_| !kind.has_step) {
            // A record with an epoch alone closes it.
            Some(base) => Some(epoch.map_or(EpochMeaning::Ends(base), |epoch| based(epoch, base))),
            None => epoch,
        }
    }

    /// One clause on why steps are taken to have this meaning.
    fn why(&self, kind: SeriesKind, basis: StepBasis, period: &Period) -> String {
        let format = kind.format;
        if basis == StepBasis::Format && !kind.has_step && kind.meaning.epoch == Some(EpochMeaning::Elapsed) {
            return format!(
                "the format {} declares how many epochs are done; one that is printed as a whole number ends an epoch or begins \
                 the next, so that it has epoch_float and no epoch",
                format.name()
            );
        }
        let (file, by) = period.ledger.as_ref().map_or(("", ""), |ledger| (ledger.file.as_str(), ledger.by.as_str()));
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
            StepBasis::Nothing | StepBasis::Undecided => {
                format!("the format {} does not say what its step is; the writer decides", format.name())
            }
        }
    }

    /// Refuses a unit in which no record can be located, and columns that none can have, on a timeline that the caller gave. On
    /// others it is noted: the other runs have their places all the same.
    fn check(&self, resolution: &mut Resolution, options: &ReindexOptions) -> Result<(), Error> {
        let Some(timeline) = resolution.timeline.clone().filter(|_| resolution.needs_timeline()) else { return Ok(()) };
        let (unit, columns) = (check_unit(&timeline, resolution.step.unit, options), check_columns(&timeline, options));
        if self.timelines.source == TimelineSource::Given {
            return unit.and(columns);
        }
        if let (Err(why), None, false) = (&unit, &resolution.withheld, self.timelines.is_of_ledger()) {
            resolution.withheld = Some(Withheld::Unplaced(why.to_string()));
        }
        resolution.lacks = columns.err().map(|why| why.to_string());
        Ok(())
    }
}

impl Resolution {
    /// Whether a record contradicts what the ledger claims.
    fn contradicts(&self, batch: &ColumnBatch, index: usize) -> bool {
        let (Some(claim), Some(step)) = (&self.claim, batch.step_of(index)) else { return false };
        let past_end = |timeline: &Arc<Timeline>| {
            let at = step.checked_sub(i64::from(self.step.base)).and_then(|at| u64::try_from(at).ok());
            at.is_some_and(|at| timeline.locate(self.step.unit, at).is_err())
        };
        claim.no_zero && step == 0 || claim.has_end && self.timeline.as_ref().is_some_and(past_end)
    }
}

/// The same epoch, counted from another base if it is numbered.
fn based(epoch: EpochMeaning, base: u8) -> EpochMeaning {
    match epoch {
        EpochMeaning::In(_) => EpochMeaning::In(base),
        EpochMeaning::Ends(_) => EpochMeaning::Ends(base),
        EpochMeaning::Elapsed => EpochMeaning::Elapsed,
    }
}

/// From what number a second counter counts epochs: `None` if it is not known to. The steps of the other series must be
/// known, and each record must be in the epoch that they had reached.
fn epochs_of(plain: &Resolution, marks: &[CounterMark]) -> Option<u8> {
    let timeline = plain.timeline.as_deref().filter(|_| plain.is_placed())?;
    let known = !matches!(plain.basis, StepBasis::Nothing | StepBasis::LedgerAssumed);
    if !known || marks.is_empty() || plain.step.scope != StepScope::Run {
        return None;
    }
    let fits = |base: u8| {
        marks.iter().all(|mark| {
            let reached = mark.reached.checked_sub(i64::from(plain.step.base)).and_then(|at| u64::try_from(at).ok());
            let at = reached.and_then(|at| timeline.locate(plain.step.unit, at).ok());
            at.is_some_and(|at| {
                i64::try_from(at.epoch).is_ok_and(|epoch| epoch.checked_add(i64::from(base)) == Some(mark.value))
            })
        })
    };
    match (fits(0), fits(1)) {
        (true, false) => Some(0),
        (false, true) => Some(1),
        _ => None,
    }
}

fn undecided(marks: &[CounterMark]) -> Withheld {
    let example = marks
        .last()
        .map_or_else(String::new, |mark| format!(" (it is at {} where they are at {})", mark.value, mark.reached));
    Withheld::Undecided(format!(
        "its step rises by one while those of the other series rise by more{example}, so that it may count epochs, and nothing \
         decides it"
    ))
}
