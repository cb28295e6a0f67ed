//! Changes of a stream: its batches get another size or accumulation, and its end stays where it was stated.

use crate::change::Change;
use crate::compiled_segment::Window;
use crate::error::{Error, MAX_COUNT};
use crate::segment::{Entry, Segment, StreamEnd};
use crate::timeline::Timeline;

impl Timeline {
    /// The steps that are left after `batch` batches, if the stream ends after a number of steps.
    pub(crate) fn steps_to_keep(&self, batch: u64) -> Option<u64> {
        let ends = self.segments().last().and_then(|last| last.stream);
        let all = self.steps().filter(|_| ends == Some(StreamEnd::Steps))?;
        let done = self.segment_at(batch).map_or(all, |(segment, within)| segment.step0 + segment.steps_within(within));
        Some(all - done)
    }

    /// The window that is open after `batch` batches.
    pub(crate) fn window_at(&self, batch: u64) -> Window {
        self.segment_at(batch).map_or(self.compiled.window, |(segment, within)| segment.window_after(within))
    }

    /// A stream that continues by another one: what is done stays, and the rest is what the other one has after as many samples.
    pub(crate) fn resume_stream(&self, batch: u64, plan: &Self, change: &Change) -> Result<Self, Error> {
        let (before, rest) = self.split(batch, None);
        let samples = self.samples_after(batch)?.unwrap_or_default();
        let mut planned = after_samples(plan.segments(), samples);
        for (at, part) in planned.iter_mut().enumerate() {
            part.joins = batch > 0 || at > 0;
        }
        let entry = self.entry(batch, &rest, change)?;
        let ends = plan.segments().last().and_then(|last| last.stream);
        if let (Some(StreamEnd::Steps), Some(all)) = (ends, plan.steps()) {
            let done = self
                .segment_at(batch)
                .map_or(self.steps().unwrap_or(all), |(segment, within)| segment.step0 + segment.steps_within(within));
            let left = all.checked_sub(done).ok_or_else(|| {
                Error::invalid(format!("the plan ends after {all} steps, but the run has done {done} already"))
            })?;
            keep_steps(&mut planned, left, entry, self.window_at(batch));
        }
        if let Some(StreamEnd::Samples(end)) = ends {
            let last = before.last().and_then(|last| last.batch_size).unwrap_or_default();
            if samples >= end.saturating_add(last.max(1)) {
                return Err(Error::invalid(format!("the plan ends before the {samples} samples that are done")));
            }
            keep_samples(&mut planned, end.saturating_sub(samples));
        }
        if let (Some(first), Some(entry)) = (planned.first_mut(), entry) {
            first.entry = entry;
        }
        Self::from_segments(before.into_iter().chain(planned))
    }
}

/// The parts of a stream that come after so many samples, where its last batch size has no end.
fn after_samples(parts: &[Segment], samples: u64) -> Vec<Segment> {
    let mut left = samples;
    let mut after = Vec::with_capacity(parts.len());
    for (at, part) in parts.iter().enumerate() {
        let size = part.batch_size.unwrap_or(1);
        let done = left.div_ceil(size);
        match part.batches.filter(|_| at + 1 < parts.len()) {
            Some(batches) if done >= batches => left = left.saturating_sub(batches.saturating_mul(size)),
            batches => {
                let batches = batches.map(|batches| batches - done);
                after.push(Segment { batches, last_batch_size: batches.and(part.batch_size), ..*part });
                left = 0;
            }
        }
    }
    after
}

/// The rest of a stream with another batch size, after `done` samples.
pub(crate) fn resize_stream(rest: &[Segment], done: u64, change: &Change) -> Result<Vec<Segment>, Error> {
    if change.batches.is_some() {
        return Err(Error::invalid("a stream has no batches_per_epoch: its epochs are amounts of samples"));
    }
    let first = rest.first().and_then(|first| first.samples);
    if change.samples.is_some() && change.samples != first {
        return Err(Error::invalid("the samples of one pass over the data of a stream cannot change"));
    }
    let Some(size) = change.batch_size else { return Ok(rest.to_vec()) };
    let mut changed: Vec<Segment> = rest
        .iter()
        .map(|part| Segment { batch_size: Some(size), last_batch_size: part.batches.and(Some(size)), ..*part })
        .collect();
    if let Some(Some(StreamEnd::Samples(end))) = rest.last().map(|last| last.stream) {
        keep_samples(&mut changed, end.saturating_sub(done));
    }
    Ok(changed)
}

/// Gives the rest of a stream as many batches as so many samples fill, at its end; the last one is whole.
fn keep_samples(rest: &mut Vec<Segment>, samples: u64) {
    let (mut left, parts) = (samples, rest.len());
    for (at, part) in rest.iter_mut().enumerate() {
        let size = part.batch_size.unwrap_or(1);
        let wanted = left.div_ceil(size);
        let batches = part.batches.filter(|_| at + 1 < parts).map_or(wanted, |batches| batches.min(wanted));
        (part.batches, part.last_batch_size) = (Some(batches), part.batch_size);
        left = left.saturating_sub(batches.saturating_mul(size));
    }
    rest.retain(|part| part.batches != Some(0));
}

/// Gives the rest of a stream as many batches as `steps` steps take, at its end. `window` is open where the rest begins, and
/// `entry` decides what becomes of it.
pub(crate) fn keep_steps(rest: &mut Vec<Segment>, mut steps: u64, entry: Option<Entry>, mut window: Window) {
    let (parts, mut length) = (rest.len(), None);
    for (at, part) in rest.iter_mut().enumerate() {
        match if at == 0 { entry.unwrap_or(part.entry) } else { part.entry } {
            Entry::Flush => {
                steps = steps.saturating_sub(u64::from(window.pending > 0));
                window = Window::default();
            }
            Entry::Drop => window = Window::default(),
            Entry::Phase(phase) => window.phase = phase,
            Entry::Continue if length == Some(part.accumulate) => {}
            Entry::Continue => window.count_towards(part.accumulate),
        }
        length = Some(part.accumulate);
        let wanted = (u128::from(steps) * u128::from(part.accumulate)).saturating_sub(u128::from(window.phase));
        let wanted = u64::try_from(wanted).unwrap_or(MAX_COUNT).min(MAX_COUNT);
        let batches = part.batches.filter(|_| at + 1 < parts).map_or(wanted, |batches| batches.min(wanted));
        (part.batches, part.last_batch_size) = (Some(batches), part.batch_size);
        steps = steps.saturating_sub(window.count(batches, part.accumulate));
    }
    rest.retain(|part| part.batches != Some(0));
}
