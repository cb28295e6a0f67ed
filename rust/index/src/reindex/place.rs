//! Places the records of a batch on a timeline, in blocks that stay in the processor's cache.

use stepbridge_timeline::{Invalid, MASKED, Mapper, Timeline, Unit};

use super::basis::StepBasis;
use super::options::ReindexOptions;
use super::part::{PlaceTallies, PlacedPart};
use super::places::{CountColumns, Places};
use super::resolution::{BatchRows, Resolution, Resolutions, Withheld};
use super::{compare, done, epochless, logged_positions};
use crate::infer::PrintedRange;
use stepbridge_records::{ColumnBatch, EpochColumn, EpochMeaning, Records, StepMeaning, StepScope, epoch_tag};

/// How many numbers a block has. A few of its columns fit into the cache of a core.
const BLOCK: usize = 1 << 13;

/// Places batches by what is known of their records. It decides nothing.
pub(crate) struct Placer<'a> {
    resolutions: &'a Resolutions,
    columns: CountColumns,
    /// For each of [`Records::tags`], whether its values are epochs. Empty if no tag has epochs.
    epoch_tags: Vec<bool>,
}

impl<'a> Placer<'a> {
    pub(crate) fn new(records: &Records, resolutions: &'a Resolutions, options: &ReindexOptions) -> Self {
        let is_epoch: Vec<bool> = records.tags.iter().map(|tag| epoch_tag(tag).is_some()).collect();
        let epoch_tags = if is_epoch.contains(&true) { is_epoch } else { Vec::new() };
        let &ReindexOptions { batch, sample, token, done, .. } = options;
        let columns = CountColumns { batch, sample, token, done };
        Self { resolutions, columns, epoch_tags }
    }

    /// Locates the records of a batch, each part by what is known of it.
    pub(crate) fn all(&self, batch: &ColumnBatch) -> (Places, Vec<PlacedPart>) {
        let pieces = self.resolutions.parts(batch);
        if let [(BatchRows::Range(range), resolution)] = pieces.as_slice()
            && *range == (0..batch.len())
        {
            let (places, seen) = self.part(batch, *resolution);
            return (places.finish(), vec![PlacedPart { resolution: *resolution, seen }]);
        }
        let mut all = Places::nowhere(batch.len(), self.columns);
        let mut parts = Vec::with_capacity(pieces.len());
        for (rows, resolution) in pieces {
            let part = match &rows {
                BatchRows::Range(range) => batch.slice(range.clone()),
                BatchRows::Indices(indices) => batch.clone().select(indices),
            };
            let (places, seen) = self.part(&part, resolution);
            all.put(&rows, &places);
            parts.push(PlacedPart { resolution, seen: seen.at(&rows) });
        }
        (all.finish(), parts)
    }

    /// Locates records of which the same is known.
    pub(crate) fn part(&self, batch: &ColumnBatch, resolution: usize) -> (Places, PlaceTallies) {
        let known = &self.resolutions.list[resolution];
        let length = batch.len();
        match &known.withheld {
            Some(Withheld::Undecided(_) | Withheld::Unplaced(_) | Withheld::Contradicted(_)) => {
                let mut seen = PlaceTallies::default();
                (0..length).for_each(|index| seen.withheld.add(index));
                (Places::nowhere(length, self.columns), seen)
            }
            // What contradicts the ledger is still counted.
            Some(Withheld::Refuted) => {
                let (mut places, mut seen) = self.located(batch, known);
                places.clear(0..length);
                seen.disagrees = super::part::Tally::default();
                (places, seen)
            }
            None => self.located(batch, known),
        }
    }

    fn located(&self, batch: &ColumnBatch, known: &Resolution) -> (Places, PlaceTallies) {
        let mut places = Places::nowhere(batch.len(), self.columns);
        let mut seen = PlaceTallies::default();
        let timeline = known.timeline.as_deref();
        match (known.step, timeline) {
            _ if batch.step.is_none() => logged_positions::rows(batch, known, &mut places, &mut seen),
            (StepMeaning { scope: StepScope::Epoch, .. }, _) => {
                logged_positions::inside(batch, known, &mut places, &mut seen);
            }
            (StepMeaning { unit: Unit::Epoch, base, .. }, timeline) => {
                by_epoch(batch, base, timeline, &mut places, &mut seen);
            }
            (step, Some(timeline)) if !timeline.has_epochs() => {
                epochless::rows(batch, step, timeline, self.columns, &mut places, &mut seen);
                return (places, seen);
            }
            (step, Some(timeline)) => {
                by_timeline(batch, step, timeline, &mut places, &mut seen);
                compare::check(batch, timeline, known.epoch, &self.epoch_tags, &places, &mut seen);
            }
            (_, None) => by_statement(batch, known, &mut places),
        }
        if let Some(epoch) = known.open_epoch.and_then(|epoch| i64::try_from(epoch).ok()) {
            // An epoch that never ended has no length, so that nothing is a fraction of it.
            for (_, fraction) in places.epoch.iter().zip(&mut places.epoch_float).filter(|(at, _)| **at == epoch) {
                *fraction = f64::NAN;
            }
        }
        if known.ratio_only {
            places.iter.fill(MASKED);
        } else if let Some(timeline) = timeline {
            let found = |asked: bool, unit| asked.then(|| indices(timeline, unit, &places));
            let batch = found(self.columns.batch, Unit::Batch);
            let sample = found(self.columns.sample, Unit::Sample);
            let token = found(self.columns.token, Unit::Token);
            (places.batch, places.sample, places.token) = (batch, sample, token);
            places.done = self.columns.done.map(|unit| done::at_places(timeline, unit, &places));
        } else if known.basis != StepBasis::Nothing {
            places.done = self.columns.done.map(|unit| done::by_steps(batch, known.step, unit));
        }
        (places, seen)
    }
}

fn by_timeline(
    batch: &ColumnBatch,
    step: StepMeaning,
    timeline: &Timeline,
    places: &mut Places,
    seen: &mut PlaceTallies,
) {
    // A mapper counts from 0. One pass over a block in the cache turns the n-th into an index.
    let base = i64::from(step.base);
    let (Some(steps), Ok(mut mapper)) = (&batch.step, Mapper::new(timeline, step.unit, 0, Invalid::Mask)) else {
        return;
    };
    let mut indices = if base == 0 { Vec::new() } else { vec![0; BLOCK.min(steps.len())] };
    for begin in (0..steps.len()).step_by(BLOCK) {
        let block = begin..steps.len().min(begin + BLOCK);
        let values = if base == 0 {
            &steps[block.clone()]
        } else {
            for (index, step) in indices.iter_mut().zip(&steps[block.clone()]) {
                *index = step.saturating_sub(base);
            }
            &indices[..block.len()]
        };
        let (epoch, iter) = (&mut places.epoch[block.clone()], &mut places.iter[block.clone()]);
        let masked = mapper.map(values, epoch, iter).unwrap_or(block.len());
        timeline.epoch_floats(epoch, iter, &mut places.epoch_float[block.clone()]);
        if masked > 0 || batch.step_missing.is_some() {
            explain(batch, steps, base, block, places, seen);
        }
    }
}

/// Counts why records of a block have no place.
fn explain(
    batch: &ColumnBatch,
    steps: &[i64],
    base: i64,
    block: std::ops::Range<usize>,
    places: &mut Places,
    seen: &mut PlaceTallies,
) {
    for index in block {
        if batch.step_of(index).is_none() {
            places.set(index, MASKED, f64::NAN);
        } else if places.epoch[index] == MASKED {
            if steps[index] >= base {
                seen.past_end.add(index);
            } else if steps[index] == 0 {
                // The count is 0: nothing has happened yet.
                places.epoch_float[index] = 0.0;
                seen.zero.add(index);
            } else {
                seen.before_start.add(index);
            }
        }
    }
}

/// Places steps that are epochs. They need no timeline; a timeline only tells which epoch is the last.
fn by_epoch(batch: &ColumnBatch, base: u8, timeline: Option<&Timeline>, places: &mut Places, seen: &mut PlaceTallies) {
    let base = i64::from(base);
    let epochs = timeline.and_then(Timeline::epochs).and_then(|epochs| i64::try_from(epochs).ok());
    for index in 0..batch.len() {
        let Some(step) = batch.step_of(index) else { continue };
        let epoch = step.saturating_sub(base);
        if epoch < 0 {
            if step == 0 {
                places.epoch_float[index] = 0.0;
                seen.zero.add(index);
            } else {
                seen.before_start.add(index);
            }
        } else if epochs.is_some_and(|epochs| epoch >= epochs) {
            seen.past_end.add(index);
        } else {
            #[expect(clippy::cast_precision_loss, reason = "a number to plot")]
            let after = epoch as f64 + 1.0;
            places.set(index, epoch, after);
        }
    }
}

/// Places records without a timeline, by what they state: the number of their epoch, or how many were complete.
fn by_statement(batch: &ColumnBatch, known: &Resolution, places: &mut Places) {
    let counts = matches!(known.step.unit, Unit::Batch | Unit::Step);
    for (range, stated) in batch.epoch.iter().flat_map(EpochColumn::ranges) {
        let Some(stated) = stated else { continue };
        let Some(base) = known.epoch.and_then(EpochMeaning::base) else {
            if known.epoch == Some(EpochMeaning::Elapsed) {
                let epoch = PrintedRange::of(stated).and_then(|span| span.inside());
                places.epoch[range.clone()].fill(epoch.and_then(|epoch| i64::try_from(epoch).ok()).unwrap_or(MASKED));
                places.epoch_float[range].fill(stated.to_f64());
            }
            continue;
        };
        let Some(epoch) = logged_positions::index_of(stated, base) else { continue };
        places.epoch[range.clone()].fill(epoch);
        // In a log that never leaves its first epoch, a step of the run is one of that epoch.
        if known.open_epoch == Some(0) && epoch == 0 && counts {
            for index in range {
                let iter = batch.step_of(index).map(|step| step.saturating_sub(i64::from(known.step.base)));
                places.iter[index] = iter.filter(|iter| *iter >= 0).unwrap_or(MASKED);
            }
        }
    }
}

/// The index of the batch at each place, or of the first sample of that batch.
fn indices(timeline: &Timeline, unit: Unit, places: &Places) -> Vec<i64> {
    let mut out = vec![MASKED; places.epoch.len()];
    if timeline.index_all(unit, 0, &places.epoch, &places.iter, &mut out, Invalid::Mask).is_err() {
        out.fill(MASKED);
    }
    out
}
