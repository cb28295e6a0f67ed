//! Everything that is known of one step of a run: where it is, on whose word, and what was logged there.
//!
//! A step is placed as re-indexing places a record, so that both always agree.

use stepbridge_records::{ColumnBatch, Decimal, Records, StepScope};
use stepbridge_timeline::{Answer, Error, Location, Quantity, Timeline, Unit};

use crate::logs::Logs;
use crate::reindex::part::PlaceTallies;
use crate::reindex::place::Placer;
use crate::reindex::resolve::resolve;
use crate::reindex::{Places, ReindexOptions, Resolution, TimelineSource, Timelines, Withheld};

/// Which step a caller asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StepQuery {
    /// The step with this number in the log.
    Logged(i64),
    /// The batch that completes this amount, counted from the start of the run.
    Amount(Quantity),
}

/// What is known of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepAnswer {
    /// How many sessions the run has.
    pub sessions: u32,
    /// Where its timeline comes from.
    pub source: TimelineSource,
    /// One for each thing that the number means: series may count differently, and sessions may have other timelines.
    pub readings: Vec<StepReading>,
}

/// What a step is to the series of which the same is known.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReading {
    /// What is known of the series.
    pub resolution: Resolution,
    /// Where the step is, or why that is not known.
    pub place: Result<StepPlace, String>,
    /// What was logged there, in file order.
    pub records: Vec<StepRecord>,
    /// The nearest logged steps below and above.
    pub nearest: (Option<i64>, Option<i64>),
}

/// Where a step is. All are indices from 0.
#[derive(Debug, Clone, PartialEq)]
pub struct StepPlace {
    /// The epoch.
    pub epoch: Option<u64>,
    /// The batch in its epoch.
    pub iter: Option<u64>,
    /// How many epochs are complete after it.
    pub epoch_float: Option<f64>,
    /// The batch in the run.
    pub batch: Option<u64>,
    /// The first sample of the batch.
    pub sample: Option<u64>,
    /// The first token of the batch.
    pub token: Option<u64>,
    /// What is complete after the step, in the unit that is known.
    pub done: Option<Quantity>,
}

/// A record at a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRecord {
    /// The name of its series.
    pub tag: String,
    /// Its value.
    pub value: f64,
    /// Its step as it was logged.
    pub step: Option<i64>,
    /// Its epoch as it was logged.
    pub epoch_logged: Option<f64>,
    /// Seconds since 1970.
    pub wall_time: Option<f64>,
    /// The session that wrote it, from 1 on.
    pub session: u32,
    /// Whether a later session repeated it.
    pub superseded: bool,
    /// Its file.
    pub source: String,
    /// Its epoch, as an index.
    pub epoch: Option<u64>,
    /// Its batch in the epoch, as an index.
    pub iter: Option<u64>,
}

/// What a step is in one reading.
enum Target {
    /// The number that a log has for it.
    Number(i64),
    /// The batch with this index in the run; with the number of epochs that it completes, where records of the series are at ends of
    /// epochs.
    Batch(u64, Option<f64>),
    /// A number of epochs: only records that state such a number are there.
    Epochs(f64),
    /// It is not known what it is.
    Nowhere,
}

impl Logs {
    /// Says what is known of a step of the run with this index.
    ///
    /// Fails if no record can be located at all, as re-indexing does.
    pub fn locate_step(
        &self,
        run: u32,
        query: StepQuery,
        timelines: Timelines,
        options: &ReindexOptions,
    ) -> Result<StepAnswer, Error> {
        let records = &self.records;
        // What is known of samples and tokens is told; they need not be known.
        let options = ReindexOptions { batch: true, ..options.clone() };
        let resolutions = resolve(records, &[], &self.second_counters(), &self.run_ledgers(), timelines, &options, 1)?;
        let options = ReindexOptions { sample: true, token: true, ..options };
        let placer = Placer::new(records, &resolutions, &options);
        let of_run = || records.batches.iter().filter(|batch| batch.run == run && !batch.is_empty());
        let first = of_run().map(|batch| batch.session).min().unwrap_or(0);
        let mut open: Vec<Option<(Target, StepReading)>> = (0..)
            .zip(&resolutions.list)
            .map(|(at, known)| {
                let of_query = known.run == run && (known.has_step || matches!(query, StepQuery::Amount(_)));
                of_query.then(|| reading(&placer, at, known, query))
            })
            .collect();
        for batch in of_run() {
            // Only an amount asks for the places of all records.
            let places = matches!(query, StepQuery::Amount(_)).then(|| placer.all(batch).0);
            for (rows, at) in resolutions.parts(batch) {
                let Some((target, reading)) = &mut open[at] else { continue };
                for index in (0..rows.len()).map(|nth| rows.index(nth)) {
                    if is_at(target, batch, index, places.as_ref()) {
                        let one = batch.slice(index..index + 1);
                        let place = placer.part(&one, at).0;
                        reading.records.push(record(records, &one, &place, first));
                    } else if let (Target::Number(number), Some(step)) = (&*target, batch.step_of(index)) {
                        reading.passes(step, *number);
                    }
                }
            }
        }
        let source = resolutions.sources.get(run as usize).cloned().unwrap_or(TimelineSource::None);
        let found = open.into_iter().flatten().map(|(_, reading)| reading).collect();
        let sessions = records.sessions().get(run as usize).map_or(1, |(sessions, _)| *sessions);
        Ok(StepAnswer { sessions, readings: in_force(merged(found), &source), source })
    }
}

impl StepReading {
    /// Remembers a logged step that is not the one asked for.
    fn passes(&mut self, step: i64, number: i64) {
        let (below, above) = &mut self.nearest;
        if step < number {
            *below = Some(below.map_or(step, |below| below.max(step)));
        } else {
            *above = Some(above.map_or(step, |above| above.min(step)));
        }
    }
}

/// What a step is to the series of a resolution, before its records are found.
fn reading(placer: &Placer, at: usize, known: &Resolution, query: StepQuery) -> (Target, StepReading) {
    let (target, place) = match query {
        StepQuery::Logged(number) => (Target::Number(number), place_of_number(placer, at, known, number)),
        StepQuery::Amount(amount) => match number_of(known, amount) {
            Some(number) => (Target::Number(number), place_of_number(placer, at, known, number)),
            None => place_of_amount(known, amount),
        },
    };
    let resolution = known.clone();
    (target, StepReading { resolution, place, records: Vec::new(), nearest: (None, None) })
}

/// The number that a log has for an amount in the unit of its steps: the n-th.
fn number_of(known: &Resolution, amount: Quantity) -> Option<i64> {
    let counts = known.has_step && known.step.scope == StepScope::Run && known.step.unit == amount.unit;
    if !counts || amount.value.den() != 1 {
        return None;
    }
    i64::try_from(amount.value.num()).ok()?.checked_add(i64::from(known.step.base))?.checked_sub(1)
}

/// The place of a record that would be logged with this step.
fn place_of_number(placer: &Placer, at: usize, known: &Resolution, number: i64) -> Result<StepPlace, String> {
    let mut one = ColumnBatch::new(known.run, 0, known.format);
    (one.tag, one.value, one.step) = (vec![0], vec![f64::NAN], Some(vec![number]));
    let (places, seen) = placer.part(&one, at);
    let place = StepPlace::of(&places, known);
    if place.epoch.is_some() || place.batch.is_some() || place.epoch_float.is_some() && seen.zero.count == 0 {
        return Ok(place);
    }
    Err(why_nowhere(known, number, &seen))
}

fn why_nowhere(known: &Resolution, number: i64, seen: &PlaceTallies) -> String {
    if let Some(why) = why_without_place(known) {
        return why;
    }
    if known.step.scope == StepScope::Epoch {
        return format!(
            "its {}s are counted anew in each epoch, so that {number} is in all of them",
            known.step.unit.name()
        );
    }
    if seen.zero.count > 0 || number < i64::from(known.step.base) && number >= 0 {
        return format!("a step counts from {}, so that nothing has happened at {number}", known.step.base);
    }
    if seen.before_start.count > 0 {
        return format!("a step counts from {}, so that there is no step {number}", known.step.base);
    }
    match known.timeline.as_deref().map(|timeline| timeline.batch_with(known.step.unit, index_of(known, number))) {
        Some(Err(error)) => error.to_string(),
        _ => format!("the timeline has no place for step {number}"),
    }
}

fn index_of(known: &Resolution, number: i64) -> u64 {
    number.checked_sub(i64::from(known.step.base)).and_then(|index| u64::try_from(index).ok()).unwrap_or(0)
}

/// Why no record of a series has a place that a timeline gives.
fn why_without_place(known: &Resolution) -> Option<String> {
    match &known.withheld {
        Some(Withheld::Undecided(why) | Withheld::Unplaced(why) | Withheld::Contradicted(why)) => {
            return Some(why.clone());
        }
        Some(Withheld::Refuted) => {
            return Some("the log contradicts what the ledger only assumes of its steps".to_owned());
        }
        None => {}
    }
    let lacks = known.timeline.is_none() && known.needs_timeline();
    lacks.then(|| known.unknown.clone().unwrap_or_else(|| "the run has no timeline".to_owned()))
}

/// Where the batch is that completes an amount.
fn place_of_amount(known: &Resolution, amount: Quantity) -> (Target, Result<StepPlace, String>) {
    let stated = |why: String| match amount.unit {
        // Records may state how many epochs are complete, also if batches are not known.
        #[expect(clippy::cast_precision_loss, reason = "compared with a number to plot")]
        Unit::Epoch => (Target::Epochs(amount.value.num() as f64 / amount.value.den() as f64), Err(why)),
        _ => (Target::Nowhere, Err(why)),
    };
    if let Some(why) = why_without_place(known) {
        return stated(why);
    }
    let Some(timeline) = known.timeline.as_deref() else { return stated("the run has no timeline".to_owned()) };
    if known.ratio_only {
        return stated("only the ratio of its batches to its steps is known".to_owned());
    }
    match batch_of(timeline, amount) {
        Ok((at, batch)) => {
            let index = |unit| timeline.index_of_batch(unit, batch).ok();
            let place = StepPlace {
                epoch: at.map(|at| at.epoch),
                iter: at.map(|at| at.iter),
                epoch_float: at.and_then(|at| timeline.epoch_float(at.epoch, at.iter)),
                batch: Some(batch),
                sample: index(Unit::Sample),
                token: index(Unit::Token),
                done: Some(Quantity::whole(batch + 1, Unit::Batch)),
            };
            let ends = known.has_step && known.step.unit == Unit::Epoch;
            (Target::Batch(batch, place.epoch_float.filter(|epochs| ends && epochs.fract() == 0.0)), Ok(place))
        }
        Err(why) => stated(why),
    }
}

/// The batch that completes an amount: where it is, if epochs are known, and its index in the run.
fn batch_of(timeline: &Timeline, amount: Quantity) -> Result<(Option<Location>, u64), String> {
    let done = match timeline.convert(amount, Unit::Batch).map_err(|error| error.to_string())? {
        Answer::Exact(done) => done.value.num(),
        Answer::Between(lower, Some(upper)) if upper.value.num() == lower.value.num() + 1 => upper.value.num(),
        // Tokens are counted at marks, and many batches may be between two of them.
        Answer::Between(lower, Some(upper)) => {
            return Err(format!("{amount} is between {lower} and {upper}, and it is not counted where"));
        }
        Answer::Between(lower, None) => return Err(format!("{amount} is past the end of the run, which has {lower}")),
        Answer::PastEnd(end) => return Err(format!("{amount} is past the end of the run, which has {end}")),
        Answer::Undetermined(why) => return Err(why),
    };
    let batch = done.checked_sub(1).ok_or("nothing has happened yet")?;
    let at = timeline.has_epochs().then(|| timeline.locate(Unit::Batch, batch)).transpose();
    at.map(|at| (at, batch)).map_err(|error| error.to_string())
}

impl StepPlace {
    /// The place of the only record.
    fn of(places: &Places, known: &Resolution) -> Self {
        let first = |column: &[i64]| column.first().and_then(|number| u64::try_from(*number).ok());
        let optional = |column: &Option<Vec<i64>>| column.as_deref().and_then(first);
        let (epoch, iter, batch) = (first(&places.epoch), first(&places.iter), optional(&places.batch));
        let ended = epoch.filter(|_| known.has_step && known.step.unit == Unit::Epoch);
        Self {
            epoch,
            iter,
            epoch_float: places.epoch_float.first().copied().filter(|number| !number.is_nan()),
            batch,
            sample: optional(&places.sample),
            token: optional(&places.token),
            done: batch
                .map(|batch| Quantity::whole(batch + 1, Unit::Batch))
                .or(ended.map(|epoch| Quantity::whole(epoch + 1, Unit::Epoch))),
        }
    }
}

/// Whether a record is the one that is asked for.
fn is_at(target: &Target, batch: &ColumnBatch, index: usize, places: Option<&Places>) -> bool {
    match (target, places) {
        (Target::Number(number), _) => batch.step_of(index) == Some(*number),
        (Target::Batch(at, None), Some(places)) => {
            places.batch.as_deref().is_some_and(|batch| u64::try_from(batch[index]).is_ok_and(|batch| batch == *at))
        }
        #[expect(clippy::float_cmp, reason = "a record states exactly this number, or it is not there")]
        (Target::Epochs(epochs) | Target::Batch(_, Some(epochs)), Some(places)) => places.epoch_float[index] == *epochs,
        _ => false,
    }
}

/// The only record of a batch, and its place.
fn record(records: &Records, one: &ColumnBatch, place: &Places, first_session: u32) -> StepRecord {
    let name = |names: &[String], number: u32| names.get(number as usize).cloned().unwrap_or_default();
    StepRecord {
        tag: name(&records.tags, one.tag[0]),
        value: one.value[0],
        step: one.step_of(0),
        epoch_logged: one.epoch_of(0).map(Decimal::to_f64),
        wall_time: one.wall_time.as_ref().map(|time| time[0]).filter(|time| !time.is_nan()),
        session: one.session.saturating_sub(first_session) + 1,
        superseded: one.is_superseded(0),
        source: name(&records.sources, one.source),
        epoch: u64::try_from(place.epoch[0]).ok(),
        iter: u64::try_from(place.iter[0]).ok(),
    }
}

/// One reading for each thing that is known.
fn merged(found: Vec<StepReading>) -> Vec<StepReading> {
    let mut readings: Vec<StepReading> = Vec::new();
    for next in found {
        let same = |known: &&mut StepReading| known.resolution == next.resolution && known.place == next.place;
        match readings.iter_mut().find(same) {
            Some(known) => {
                known.records.extend(next.records);
                let ((below, above), (other_below, other_above)) = (known.nearest, next.nearest);
                known.nearest = (below.max(other_below), above.into_iter().chain(other_above).min());
            }
            None => readings.push(next),
        }
    }
    readings
}

/// Leaves out what is known of other periods of the run, where a record shows in which of them the step was. If no record does,
/// the last session of a ledger knows the whole run.
fn in_force(readings: Vec<StepReading>, source: &TimelineSource) -> Vec<StepReading> {
    let key = |reading: &StepReading| (reading.resolution.format, reading.resolution.series.clone());
    let kept: Vec<bool> = (0..readings.len())
        .map(|at| {
            let own = key(&readings[at]);
            let alike = || (0..readings.len()).filter(|other| key(&readings[*other]) == own);
            if alike().any(|other| !readings[other].records.is_empty()) {
                return !readings[at].records.is_empty();
            }
            !matches!(source, TimelineSource::Ledger(_)) || alike().next_back() == Some(at)
        })
        .collect();
    readings.into_iter().zip(kept).filter_map(|(reading, kept)| kept.then_some(reading)).collect()
}
