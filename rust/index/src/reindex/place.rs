//! Places the records of a batch on a timeline, in blocks that stay in the processor's cache.

use stepbridge_timeline::{Invalid, MASKED, Mapper, Timeline, Unit};

use super::options::ReindexOptions;
use super::part::{PlaceTallies, PlacedPart, StepTimeline};
use super::places::Places;
use super::run::ResolvedRun;
use super::{compare, logged_positions};
use stepbridge_records::{ColumnBatch, EpochColumn, EpochMeaning, Records, StepMeaning, StepScope, epoch_tag};

/// How many numbers a block has. A few of its columns fit into the cache of a core.
const BLOCK: usize = 1 << 13;

/// Places batches.
pub(crate) struct Placer {
    options: ReindexOptions,
    /// For each of [`Records::tags`], whether its values are epochs. Empty if no tag has epochs.
    epoch_tags: Vec<bool>,
}

impl Placer {
    pub(crate) fn new(records: &Records, options: ReindexOptions) -> Self {
        let is_epoch: Vec<bool> = records.tags.iter().map(|tag| epoch_tag(tag).is_some()).collect();
        Self { options, epoch_tags: if is_epoch.contains(&true) { is_epoch } else { Vec::new() } }
    }

    /// Locates the records of a batch, each part on its own timeline.
    pub(crate) fn all<'a>(&self, batch: &ColumnBatch, run: &ResolvedRun<'a>) -> (Places, Vec<PlacedPart<'a>>) {
        let ranges = run.parts(batch);
        let whole = ranges.len() == 1;
        let mut all = Places::default();
        let mut parts = Vec::with_capacity(ranges.len());
        for (range, period) in ranges {
            let (clock, basis) = run.clock(batch, period, self.options);
            let (places, seen) =
                if whole { self.on_one(batch, clock) } else { self.on_one(&batch.slice(range.clone()), clock) };
            let seen = seen.from(range.start);
            let refutation = run.refutation(clock, basis, period, self.options);
            parts.push(PlacedPart { range, period, clock, basis, seen, refutation, refuted: false });
            if whole {
                all = places;
            } else {
                all.append(places);
            }
        }
        (all, parts)
    }

    /// Locates the records of a batch on one timeline.
    fn on_one(&self, batch: &ColumnBatch, clock: StepTimeline) -> (Places, PlaceTallies) {
        let length = batch.len();
        let mut places = Places::nowhere(length);
        let mut seen = PlaceTallies::default();
        match (clock.step, clock.timeline) {
            _ if batch.step.is_none() => logged_positions::rows(batch, clock, &mut places, &mut seen),
            (StepMeaning { scope: StepScope::Epoch, .. }, _) => {
                logged_positions::inside(batch, clock, &mut places, &mut seen);
            }
            (StepMeaning { unit: Unit::Epoch, base, .. }, timeline) => {
                by_epoch(batch, base, timeline, &mut places, &mut seen);
            }
            (step, Some(timeline)) => {
                by_timeline(batch, step, timeline, &mut places, &mut seen);
                compare::check(batch, timeline, clock.epoch, &self.epoch_tags, &places, &mut seen);
            }
            (_, None) => by_statement(batch, clock.epoch, &mut places),
        }
        let ReindexOptions { batch, sample, .. } = self.options;
        if let Some(timeline) = clock.timeline {
            places.batch = batch.then(|| indices(timeline, Unit::Batch, &places));
            places.sample = sample.then(|| indices(timeline, Unit::Sample, &places));
        }
        for (asked, column) in [(batch, &mut places.batch), (sample, &mut places.sample)] {
            if asked {
                column.get_or_insert_with(|| vec![MASKED; length]);
            }
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
        (0..batch.len()).for_each(|index| places.set(index, MASKED, f64::NAN));
        return;
    };
    let mut indices = if base == 0 { Vec::new() } else { vec![0; BLOCK.min(steps.len())] };
    places.complete = true;
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
        let known = timeline.epoch_floats(epoch, iter, &mut places.epoch_float[block.clone()]);
        places.complete &= masked == 0 && known && batch.step_missing.is_none();
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
        places.set(index, MASKED, f64::NAN);
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

/// Places records without a timeline: only a logged epoch that is an integer is known.
fn by_statement(batch: &ColumnBatch, epoch: Option<EpochMeaning>, places: &mut Places) {
    let base = epoch.and_then(EpochMeaning::base);
    places.epoch.fill(MASKED);
    places.iter.fill(MASKED);
    places.epoch_float.fill(f64::NAN);
    for (range, stated) in batch.epoch.iter().flat_map(EpochColumn::ranges) {
        let epoch = stated.zip(base).and_then(|(stated, base)| logged_positions::index_of(stated, base));
        places.epoch[range].fill(epoch.unwrap_or(MASKED));
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
