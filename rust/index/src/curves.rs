//! The series of runs as curves to draw: a few thousand points of each, exact at every point, on every axis at once.
//!
//! The records of a series are cut into parts of equal length, and each part keeps its first, last, lowest and highest record. An
//! axis counts what is complete after the record's step, on the timeline of the session that wrote it.

use std::collections::HashMap;
use std::sync::Arc;

use stepbridge_io::parallel;
use stepbridge_records::{ColumnBatch, EpochMeaning, Records};
use stepbridge_timeline::{Answer, Error, Quantity, Timeline, Unit};

use crate::glob::matches;
use crate::logs::Logs;
use crate::reindex::place::Placer;
use crate::reindex::resolve::resolve;
use crate::reindex::{Places, ReindexOptions, Resolution, Resolutions, TimelineSource, Timelines};

/// A part keeps at most so many records.
const KEPT: usize = 4;
/// A curve may have so many points, however many curves there are.
const LEAST: usize = 100;
/// More epochs than this have no marks of their own.
const MOST_EPOCHS: u64 = 1000;

/// Which curves a caller asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CurveOptions {
    /// The tags, as patterns with `*` and `?`; all if there are none.
    pub tags: Vec<String>,
    /// How many points a curve may have.
    pub points: usize,
    /// How many points all curves of a tag may have together, and how many all curves of all tags, if that is limited.
    pub together: Option<(usize, usize)>,
    /// The weight of what came before in a moving average, from 0 on and below 1; 0 keeps the values.
    pub smooth: f64,
}

/// The curves of all runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curves {
    /// One for each run, tag, session, and whether a later session repeated it.
    pub curves: Vec<Curve>,
    /// The timeline of each run, if it has one.
    pub timelines: Vec<Option<Arc<Timeline>>>,
    /// Where the epochs of each run end, as far as its records go.
    pub epoch_ends: Vec<Vec<Done>>,
}

/// Records of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The index of the run.
    pub run: u32,
    /// The index of the tag.
    pub tag: u32,
    /// The session that wrote it, from 1 on.
    pub session: u32,
    /// Whether a later session repeated it.
    pub superseded: bool,
    /// How many records there are.
    pub records: usize,
    /// Some of them, in file order.
    pub points: Vec<CurvePoint>,
}

/// A record of a curve.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CurvePoint {
    /// Its value, or the average up to it.
    pub value: f64,
    /// Its step as it was logged.
    pub step: Option<i64>,
    /// Seconds since 1970.
    pub wall_time: Option<f64>,
    /// Its epoch, as an index.
    pub epoch: Option<u64>,
    /// Its batch in the epoch, as an index.
    pub iter: Option<u64>,
    /// How many epochs are complete after it.
    pub epoch_float: Option<f64>,
    /// What else is complete after it.
    pub done: Done,
}

/// What is complete after a step; `None` where it is not known exactly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Batches.
    pub batches: Option<u64>,
    /// Samples.
    pub samples: Option<u64>,
    /// Tokens.
    pub tokens: Option<u64>,
}

/// Where a record is: the index of its batch of columns, and its index there.
type RecordAt = (usize, usize);

impl Logs {
    /// The curves of all runs, on up to `threads` threads.
    ///
    /// Fails if no record can be located at all, as re-indexing does.
    pub fn curves(
        &self,
        timelines: Timelines,
        options: &ReindexOptions,
        asked: &CurveOptions,
        threads: usize,
    ) -> Result<Curves, Error> {
        let records = &self.records;
        let options = ReindexOptions { batch: true, ..options.clone() };
        let resolutions = resolve(records, &[], &self.second_counters(), &self.run_ledgers(), timelines, &options, 1)?;
        let placer = Placer::new(records, &resolutions, &options);
        let located = parallel::map(records.batches.len(), threads, |index| {
            let batch = &records.batches[index];
            (placer.all(batch).0, resolution_of_rows(&resolutions, batch))
        });
        let series = series(records, &asked.tags);
        let most = points_of_curves(&series, asked);
        let first = first_sessions(records);
        let curves = parallel::map(series.len(), threads, |index| {
            let (key, rows) = &series[index];
            let values = smoothed(records, rows, asked.smooth);
            let kept = kept(&values, most[&key.tag]);
            let points = kept.iter().map(|&nth| {
                let (batch, index) = rows[nth];
                let (places, known) = &located[batch];
                let known = known.get(index).and_then(|known| resolutions.list.get(*known));
                CurvePoint { value: values[nth], ..point(&records.batches[batch], index, places, known) }
            });
            let session = key.session.saturating_sub(first[key.run as usize]) + 1;
            let SeriesKey { run, tag, superseded, .. } = *key;
            Curve { run, tag, session, superseded, records: rows.len(), points: points.collect() }
        });
        let timelines = timelines_of_runs(&resolutions, records.runs.len());
        let mut last = vec![0.0; records.runs.len()];
        for curve in &curves {
            let last = &mut last[curve.run as usize];
            *last = curve.points.iter().filter_map(|point| point.epoch_float).fold(*last, f64::max);
        }
        let epoch_ends = timelines
            .iter()
            .zip(last)
            .map(|(timeline, last)| timeline.as_deref().map_or_else(Vec::new, |timeline| epoch_ends(timeline, last)));
        Ok(Curves { epoch_ends: epoch_ends.collect(), curves, timelines })
    }
}

/// What distinguishes curves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct SeriesKey {
    run: u32,
    tag: u32,
    session: u32,
    superseded: bool,
}

/// The records of each curve.
fn series(records: &Records, tags: &[String]) -> Vec<(SeriesKey, Vec<RecordAt>)> {
    let asked: Vec<bool> =
        records.tags.iter().map(|tag| tags.is_empty() || tags.iter().any(|asked| matches(asked, tag))).collect();
    let mut known: HashMap<SeriesKey, usize> = HashMap::new();
    let mut found: Vec<(SeriesKey, Vec<RecordAt>)> = Vec::new();
    // The batch that used the tag last, and the curve of its records: a look into the map for each record would take longer than all else.
    let mut slots = vec![[(usize::MAX, 0); 2]; records.tags.len()];
    for (at, batch) in records.batches.iter().enumerate() {
        for (index, &tag) in batch.tag.iter().enumerate() {
            if asked.get(tag as usize) != Some(&true) {
                continue;
            }
            let superseded = batch.superseded_from.is_some() && batch.is_superseded(index);
            let slot = &mut slots[tag as usize][usize::from(superseded)];
            if slot.0 != at {
                let key = SeriesKey { run: batch.run, tag, session: batch.session, superseded };
                let curve = *known.entry(key).or_insert_with(|| {
                    found.push((key, Vec::new()));
                    found.len() - 1
                });
                *slot = (at, curve);
            }
            found[slot.1].1.push((at, index));
        }
    }
    found.sort_unstable_by_key(|(key, _)| *key);
    found
}

/// How many points a curve of each tag may have.
fn points_of_curves(series: &[(SeriesKey, Vec<RecordAt>)], asked: &CurveOptions) -> HashMap<u32, usize> {
    let mut curves: HashMap<u32, usize> = HashMap::new();
    for (key, _) in series {
        *curves.entry(key.tag).or_default() += 1;
    }
    let (of_tag, of_all) = asked.together.unwrap_or((usize::MAX, usize::MAX));
    let share = |curves: usize| (of_tag / curves).min(of_all / series.len()).max(LEAST).min(asked.points);
    for count in curves.values_mut() {
        *count = share(*count);
    }
    curves
}

/// The number of the first session of each run.
fn first_sessions(records: &Records) -> Vec<u32> {
    let mut first = vec![u32::MAX; records.runs.len()];
    for batch in &records.batches {
        if let Some(first) = first.get_mut(batch.run as usize) {
            *first = batch.session.min(*first);
        }
    }
    first
}

/// The index of what is known of each record; past the list for those of which nothing is.
fn resolution_of_rows(resolutions: &Resolutions, batch: &ColumnBatch) -> Vec<usize> {
    let mut known = vec![usize::MAX; batch.len()];
    for (rows, at) in resolutions.parts(batch) {
        for nth in 0..rows.len() {
            known[rows.index(nth)] = at;
        }
    }
    known
}

/// The values of a series, or their moving average. The average begins with the first value, as if nothing came before; values that
/// are not numbers are left as they are.
fn smoothed(records: &Records, rows: &[RecordAt], weight: f64) -> Vec<f64> {
    let values = rows.iter().map(|&(batch, index)| records.batches[batch].value[index]);
    let (mut sum, mut weights) = (0.0, 0.0);
    values
        .map(|value| {
            if weight <= 0.0 || !value.is_finite() {
                return value;
            }
            sum = sum * weight + value * (1.0 - weight);
            weights = weights * weight + (1.0 - weight);
            sum / weights
        })
        .collect()
}

/// Which of the values to keep: of each part the first, the last, the lowest and the highest.
fn kept(values: &[f64], most: usize) -> Vec<usize> {
    if values.len() <= most.max(KEPT) {
        return (0..values.len()).collect();
    }
    let parts = (most / KEPT).max(1);
    let mut kept = Vec::with_capacity(parts * KEPT);
    for part in 0..parts {
        let (begin, end) = (values.len() * part / parts, values.len() * (part + 1) / parts);
        let numbers = || (begin..end).filter(|&index| !values[index].is_nan());
        let by_value = |one: &usize, other: &usize| values[*one].total_cmp(&values[*other]);
        let mut own = [Some(begin), numbers().min_by(by_value), numbers().max_by(by_value), Some(end - 1)];
        own.sort_unstable();
        kept.extend(own.into_iter().flatten());
    }
    kept.dedup();
    kept
}

/// Where a record is.
fn point(batch: &ColumnBatch, index: usize, places: &Places, known: Option<&Resolution>) -> CurvePoint {
    let count = |column: &[i64]| u64::try_from(column[index]).ok();
    let epoch_float = Some(places.epoch_float[index]).filter(|number| !number.is_nan());
    let timeline = known.and_then(|known| known.timeline.as_deref().filter(|_| !known.ratio_only));
    let done = match (timeline, places.batch.as_deref().and_then(count)) {
        (Some(timeline), Some(batch)) => done_after(timeline, Quantity::whole(batch + 1, Unit::Batch)),
        // A row that ends an epoch has no batch, and all of the epoch is done.
        (Some(timeline), None) if known.is_some_and(|known| known.epoch != Some(EpochMeaning::Elapsed)) => epoch_float
            .and_then(whole)
            .map_or_else(Done::default, |epochs| done_after(timeline, Quantity::whole(epochs, Unit::Epoch))),
        _ => Done::default(),
    };
    CurvePoint {
        value: batch.value[index],
        step: batch.step_of(index),
        wall_time: batch.wall_time.as_ref().map(|time| time[index]).filter(|time| !time.is_nan()),
        epoch: count(&places.epoch),
        iter: count(&places.iter),
        epoch_float,
        done,
    }
}

/// A number of epochs without a fraction.
fn whole(epochs: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole, positive and small")]
    let count = epochs as u64;
    (epochs.fract() == 0.0 && (0.0..1e15).contains(&epochs)).then_some(count)
}

fn done_after(timeline: &Timeline, amount: Quantity) -> Done {
    let exact = |unit| match timeline.convert(amount, unit) {
        Ok(Answer::Exact(found)) if found.value.den() == 1 => Some(found.value.num()),
        _ => None,
    };
    Done { batches: exact(Unit::Batch), samples: exact(Unit::Sample), tokens: exact(Unit::Token) }
}

/// The timeline of each run: that of the last period, which knows all of the run if a ledger says it. Runs whose sessions have
/// timelines of their own have none.
fn timelines_of_runs(resolutions: &Resolutions, runs: usize) -> Vec<Option<Arc<Timeline>>> {
    let of_run = |run: usize| {
        let placed = resolutions.list.iter().filter(|known| known.run as usize == run && known.is_placed());
        let mut timelines = placed.filter(|known| !known.ratio_only).filter_map(|known| known.timeline.as_ref());
        let last = timelines.next_back()?;
        let knows_all = matches!(resolutions.sources.get(run), Some(TimelineSource::Ledger(_)));
        (knows_all || timelines.all(|other| other == last)).then(|| Arc::clone(last))
    };
    (0..runs).map(of_run).collect()
}

fn epoch_ends(timeline: &Timeline, last: f64) -> Vec<Done> {
    let ends = (1..=MOST_EPOCHS + 1).take_while(|epoch| {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let end = *epoch as f64;
        end <= last
    });
    let ends: Vec<Done> = ends.map(|epoch| done_after(timeline, Quantity::whole(epoch, Unit::Epoch))).collect();
    if ends.len() as u64 > MOST_EPOCHS { Vec::new() } else { ends }
}

#[cfg(test)]
mod tests {
    use super::kept;

    #[test]
    fn a_part_keeps_its_ends_and_its_extremes() {
        let mut values: Vec<f64> = (0..1000_u32).map(|index| f64::from(index % 7)).collect();
        values[333] = -5.0;
        values[777] = f64::INFINITY;
        values[0] = f64::NAN;
        let kept = kept(&values, 40);
        assert!(kept.len() <= 40);
        assert!(kept.is_sorted());
        for part in 0..10 {
            let own = || (part * 100..part * 100 + 100).filter(|&index| !values[index].is_nan());
            let shown = || kept.iter().copied().filter(|index| (part * 100..part * 100 + 100).contains(index));
            assert_eq!((shown().min(), shown().max()), (Some(part * 100), Some(part * 100 + 99)));
            let extremes = |indices: &mut dyn Iterator<Item = usize>| {
                let values: Vec<f64> = indices.map(|index| values[index]).filter(|value| !value.is_nan()).collect();
                (values.iter().copied().fold(f64::INFINITY, f64::min), values.iter().copied().fold(-5.0, f64::max))
            };
            assert_eq!(extremes(&mut shown()), extremes(&mut own()));
        }
        assert_eq!(super::kept(&[1.0, 2.0], 1), [0, 1]);
    }
}
