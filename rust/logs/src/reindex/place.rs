//! One batch's records on one timeline, in blocks that stay in the processor's cache.

use stepbridge_timeline::{Error, Invalid, MASKED, Mapper, Timeline, Unit};

use super::run::{Basis, Run};
use super::{Options, check, stated};
use stepbridge_records::{ColumnBatch, EpochColumn, EpochMeaning, Records, StepMeaning, StepScope, epoch_tag};

/// Numbers a block: a few of its columns fit into a core's own cache.
const BLOCK: usize = 1 << 13;

/// Where the records of one batch are: columns as long as the batch's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Places {
    /// Indices of epochs; -1 where there is none.
    pub epoch: Vec<i64>,
    /// Indices of batches in their epochs; -1 where there is none.
    pub iter: Vec<i64>,
    /// The position after the step, in epochs; NaN where it is not known.
    pub epoch_float: Vec<f64>,
    /// Indices of batches in the run; -1 where there is none.
    pub batch: Option<Vec<i64>>,
    /// Indices of the first samples of those batches; -1 where they are not known.
    pub sample: Option<Vec<i64>>,
    /// True only where every record has an epoch, an iter and a position: nobody needs to look for those that have none.
    pub complete: bool,
}

/// Records of a batch next to each other that are on one timeline.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) range: std::ops::Range<usize>,
    /// Index of the run's period.
    pub(super) period: usize,
    pub(super) clock: Clock<'a>,
    /// What the clock's step rests on.
    pub(super) basis: Basis,
    /// Indices count in the batch.
    pub(super) seen: Seen,
    /// What of it would refute the run's ledger.
    pub(super) refutation: Option<Refutation>,
    /// Whether it did, so that the records have no place.
    pub(super) refuted: bool,
}

/// What refutes a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refutation {
    /// A step 0.
    pub(super) zero: bool,
    /// One past the end.
    pub(super) past_end: bool,
}

/// What a batch's steps are, and on which timeline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock<'a> {
    pub(super) timeline: Option<&'a Timeline>,
    pub(super) step: StepMeaning,
    /// What the epochs beside them are, as far as it is known.
    pub(super) epoch: Option<EpochMeaning>,
}

impl Clock<'_> {
    /// Whether records have a place only on a timeline.
    pub(super) fn needs_timeline(&self, batch: &ColumnBatch) -> bool {
        batch.step.is_some() && self.step.unit != Unit::Epoch && self.step.scope == StepScope::Run
    }
}

/// Records of one kind: how many, and the first of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) count: usize,
    pub(super) first: Option<usize>,
}

impl Tally {
    pub(super) fn add(&mut self, index: usize) {
        self.count += 1;
        self.first.get_or_insert(index);
    }
}

/// What is to be reported of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) past_end: Tally,
    pub(super) before_start: Tally,
    pub(super) disagrees: Tally,
    /// Steps 0 where steps count from 1: a count before the first one.
    pub(super) zero: Tally,
}

impl Seen {
    pub(super) fn tallies(&self) -> [Tally; 4] {
        [self.past_end, self.before_start, self.disagrees, self.zero]
    }

    pub(super) fn tallies_mut(&mut self) -> [&mut Tally; 4] {
        [&mut self.past_end, &mut self.before_start, &mut self.disagrees, &mut self.zero]
    }

    /// The same, where the records begin at `begin` of a batch.
    fn from(mut self, begin: usize) -> Self {
        for tally in self.tallies_mut() {
            tally.first = tally.first.map(|first| first + begin);
        }
        self
    }
}

/// Refuses a unit of which no record could be located.
pub(super) fn check_unit(timeline: &Timeline, unit: Unit, options: Options) -> Result<(), Error> {
    let asked = if options.sample { Unit::Sample } else { unit };
    for unit in [unit, asked] {
        if unit != Unit::Epoch
            && let Err(error @ (Error::Invalid(_) | Error::Unknown(_))) = timeline.locate(unit, 0)
        {
            return Err(error);
        }
    }
    Ok(())
}

/// What all batches are placed with.
pub(super) struct Placer {
    options: Options,
    /// Of each of [`Records::tags`], whether its values are epochs.
    epoch_tags: Vec<bool>,
}

impl Placer {
    pub(super) fn new(records: &Records, options: Options) -> Self {
        let is_epoch: Vec<bool> = records.tags.iter().map(|tag| epoch_tag(tag).is_some()).collect();
        Self { options, epoch_tags: if is_epoch.contains(&true) { is_epoch } else { Vec::new() } }
    }

    /// Locates the records of a batch, each part on its own timeline.
    pub(super) fn all<'a>(&self, batch: &ColumnBatch, run: &Run<'a>) -> (Places, Vec<Part<'a>>) {
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
            parts.push(Part { range, period, clock, basis, seen, refutation, refuted: false });
            if whole {
                all = places;
            } else {
                all.append(places);
            }
        }
        (all, parts)
    }

    /// Locates the records of a batch on one timeline.
    fn on_one(&self, batch: &ColumnBatch, clock: Clock) -> (Places, Seen) {
        let length = batch.len();
        let mut places = Places::nowhere(length);
        let mut seen = Seen::default();
        match (clock.step, clock.timeline) {
            _ if batch.step.is_none() => stated::rows(batch, clock, &mut places, &mut seen),
            (StepMeaning { scope: StepScope::Epoch, .. }, _) => stated::inside(batch, clock, &mut places, &mut seen),
            (StepMeaning { unit: Unit::Epoch, base, .. }, timeline) => {
                by_epoch(batch, base, timeline, &mut places, &mut seen);
            }
            (step, Some(timeline)) => {
                by_timeline(batch, step, timeline, &mut places, &mut seen);
                check::check(batch, timeline, clock.epoch, &self.epoch_tags, &places, &mut seen);
            }
            (_, None) => by_statement(batch, clock.epoch, &mut places),
        }
        let Options { batch, sample, .. } = self.options;
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

impl Places {
    fn nowhere(length: usize) -> Self {
        // All of it is written once more, by whoever locates; zeros come from the system for nothing.
        Self { epoch: vec![0; length], iter: vec![0; length], epoch_float: vec![0.0; length], ..Self::default() }
    }

    fn append(&mut self, mut more: Self) {
        self.complete = more.complete && (self.complete || self.epoch.is_empty());
        self.epoch.append(&mut more.epoch);
        self.iter.append(&mut more.iter);
        self.epoch_float.append(&mut more.epoch_float);
        for (mine, more) in [(&mut self.batch, more.batch), (&mut self.sample, more.sample)] {
            if let Some(mut more) = more {
                mine.get_or_insert_default().append(&mut more);
            }
        }
    }

    pub(super) fn set(&mut self, index: usize, epoch: i64, epoch_float: f64) {
        (self.epoch[index], self.iter[index], self.epoch_float[index]) = (epoch, MASKED, epoch_float);
    }
}

fn by_timeline(batch: &ColumnBatch, step: StepMeaning, timeline: &Timeline, places: &mut Places, seen: &mut Seen) {
    // Everything is counted from 0 inside: one pass over a block in cache turns the n-th into an index.
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

/// Sorts out the records of a block that have no place.
fn explain(
    batch: &ColumnBatch,
    steps: &[i64],
    base: i64,
    block: std::ops::Range<usize>,
    places: &mut Places,
    seen: &mut Seen,
) {
    for index in block {
        if batch.step_of(index).is_none() {
            places.set(index, MASKED, f64::NAN);
        } else if places.epoch[index] == MASKED {
            if steps[index] >= base {
                seen.past_end.add(index);
            } else if steps[index] == 0 {
                // A count of 0: nothing happened yet.
                places.epoch_float[index] = 0.0;
                seen.zero.add(index);
            } else {
                seen.before_start.add(index);
            }
        }
    }
}

/// A step that is an epoch: it needs no timeline, which only says where the last one is.
fn by_epoch(batch: &ColumnBatch, base: u8, timeline: Option<&Timeline>, places: &mut Places, seen: &mut Seen) {
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

/// Without a timeline: the whole epoch that the log states is all that is known.
fn by_statement(batch: &ColumnBatch, epoch: Option<EpochMeaning>, places: &mut Places) {
    let base = epoch.and_then(EpochMeaning::base);
    places.epoch.fill(MASKED);
    places.iter.fill(MASKED);
    places.epoch_float.fill(f64::NAN);
    for (range, stated) in batch.epoch.iter().flat_map(EpochColumn::ranges) {
        let epoch = stated.zip(base).and_then(|(stated, base)| stated::index_of(stated, base));
        places.epoch[range].fill(epoch.unwrap_or(MASKED));
    }
}

/// The index of the batch at each place, or of its first sample.
fn indices(timeline: &Timeline, unit: Unit, places: &Places) -> Vec<i64> {
    let mut out = vec![MASKED; places.epoch.len()];
    if timeline.index_all(unit, 0, &places.epoch, &places.iter, &mut out, Invalid::Mask).is_err() {
        out.fill(MASKED);
    }
    out
}
