//! Records whose log states their position: a step inside an epoch, or one row an epoch. They need no timeline.
//!
//! If there is a timeline, they are checked against it. The timeline, or a length that the log states, also tells which
//! fraction of its epoch a step is at.

use stepbridge_timeline::{Location, MASKED, Timeline, Unit};

use super::part::PlaceTallies;
use super::places::Places;
use super::resolution::Resolution;
use crate::infer::PrintedRange;
use stepbridge_records::{ColumnBatch, Decimal, EpochColumn, EpochMeaning};

/// The index of a logged epoch that is an integer from `base` on.
pub(super) fn index_of(stated: Decimal, base: u8) -> Option<i64> {
    let epoch = stated.count()?.checked_sub(u64::from(base))?;
    i64::try_from(epoch).ok()
}

/// Locates steps inside their logged epochs.
pub(super) fn inside(batch: &ColumnBatch, known: &Resolution, places: &mut Places, seen: &mut PlaceTallies) {
    let lengths = LoggedLengths::of(batch);
    let base = known.epoch.and_then(EpochMeaning::base).unwrap_or(0);
    let epochs = batch.epoch.as_ref().map(EpochColumn::reader);
    for index in 0..batch.len() {
        let stated = epochs.as_ref().and_then(|epochs| epochs.get(index));
        let Some(epoch) = stated.and_then(|stated| index_of(stated, base)) else {
            if stated.is_some() {
                seen.before_start.add(index);
            }
            continue;
        };
        if known.timeline.as_deref().is_some_and(|timeline| is_past(timeline, epoch)) {
            seen.past_end.add(index);
            continue;
        }
        let step = batch.step_of(index).map(|step| step.saturating_sub(i64::from(known.step.base)));
        let iter = match known.step.unit {
            // Samples inside the epoch: the batch that holds the sample, if the batch size is known.
            Unit::Sample if step.is_none_or(|step| step >= 0) => {
                let found =
                    step.zip(known.timeline.as_deref()).map(|(step, timeline)| iter_of_sample(timeline, epoch, step));
                if found == Some(None) {
                    seen.disagrees.add(index);
                }
                found.flatten()
            }
            _ => step,
        };
        if iter.is_some_and(|iter| iter < 0) {
            seen.before_start.add(index);
            continue;
        }
        places.epoch[index] = epoch;
        let Some(iter) = iter else { continue };
        places.iter[index] = iter;
        let planned = known.timeline.as_deref().and_then(|timeline| timeline.epoch_length(u64::try_from(epoch).ok()?));
        let stated_length = lengths.of_epoch(stated.and_then(Decimal::count));
        let is_in = |length: u64| u64::try_from(iter).is_ok_and(|iter| iter < length);
        // A step past the planned length disagrees, and so does another length in the log.
        if planned
            .is_some_and(|length| !is_in(length) || stated_length.is_some_and(|stated_length| stated_length != length))
        {
            seen.disagrees.add(index);
        }
        if let Some(length) = planned.or(stated_length).filter(|length| is_in(*length)) {
            places.epoch_float[index] = planned
                .and_then(|_| {
                    known.timeline.as_deref()?.epoch_float(u64::try_from(epoch).ok()?, u64::try_from(iter).ok()?)
                })
                .unwrap_or_else(|| fraction(epoch, iter, length));
        }
    }
}

/// The batch of an epoch that holds the sample with this index in the epoch.
fn iter_of_sample(timeline: &Timeline, epoch: i64, sample: i64) -> Option<i64> {
    let (epoch, sample) = (u64::try_from(epoch).ok()?, u64::try_from(sample).ok()?);
    let first = timeline.index(Unit::Sample, Location { epoch, iter: 0 }).ok()?;
    let found = timeline.locate(Unit::Sample, first.checked_add(sample)?).ok()?;
    (found.epoch == epoch).then(|| i64::try_from(found.iter).ok())?
}

/// Locates rows with an epoch and no step: rows that end an epoch, or that are somewhere in it.
pub(super) fn rows(batch: &ColumnBatch, known: &Resolution, places: &mut Places, seen: &mut PlaceTallies) {
    let epochs = batch.epoch.as_ref().map(EpochColumn::reader);
    for index in 0..batch.len() {
        let Some(stated) = epochs.as_ref().and_then(|epochs| epochs.get(index)) else { continue };
        let base = match known.epoch {
            Some(EpochMeaning::Elapsed) => {
                places.epoch_float[index] = stated.to_f64();
                // A printed number that may be on either side of a boundary does not name an epoch.
                let epoch = PrintedRange::of(stated).and_then(|span| span.inside());
                places.epoch[index] = epoch.and_then(|epoch| i64::try_from(epoch).ok()).unwrap_or(MASKED);
                continue;
            }
            Some(EpochMeaning::In(base) | EpochMeaning::Ends(base)) => base,
            None => continue,
        };
        match index_of(stated, base) {
            Some(epoch) if known.timeline.as_deref().is_some_and(|timeline| is_past(timeline, epoch)) => {
                seen.past_end.add(index);
            }
            Some(epoch) => {
                places.epoch[index] = epoch;
                if matches!(known.epoch, Some(EpochMeaning::Ends(_))) {
                    places.epoch_float[index] = fraction(epoch, 0, 1);
                }
            }
            None => seen.before_start.add(index),
        }
    }
}

fn is_past(timeline: &Timeline, epoch: i64) -> bool {
    timeline.epochs().is_some_and(|epochs| u64::try_from(epoch).is_ok_and(|epoch| epoch >= epochs))
}

#[expect(clippy::cast_precision_loss, reason = "a number to plot")]
fn fraction(epoch: i64, iter: i64, length: u64) -> f64 {
    epoch as f64 + (iter as f64 + 1.0) / length as f64
}

/// The lengths of epochs that a log states.
struct LoggedLengths {
    /// The length of all epochs.
    all: Option<u64>,
    /// The lengths of single epochs, by their logged numbers, in order.
    each: Vec<(u64, u64)>,
}

impl LoggedLengths {
    fn of(batch: &ColumnBatch) -> Self {
        let mut each: Vec<(u64, u64)> = Vec::new();
        let mut all = None;
        for &(epoch, length) in &batch.lengths {
            match epoch {
                None => all = Some(length),
                Some(epoch) => each.extend(u64::try_from(epoch).ok().map(|epoch| (epoch, length))),
            }
        }
        each.sort_by_key(|(epoch, _)| *epoch);
        Self { all, each }
    }

    fn of_epoch(&self, stated: Option<u64>) -> Option<u64> {
        let stated = stated?;
        let at = self.each.partition_point(|(epoch, _)| *epoch <= stated);
        let found = at.checked_sub(1).map(|at| self.each[at]).filter(|(epoch, _)| *epoch == stated);
        found.map(|(_, length)| length).or(self.all)
    }
}
