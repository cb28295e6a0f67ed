//! A run put together from a record that was written while it ran: epochs as they ended, and plans as they changed.

use crate::canonical::append;
use crate::error::{Error, MAX_COUNT};
use crate::planned_segments::PlannedSegments;
use crate::segment::{Entry, Segment};
use crate::timeline::Timeline;
use crate::unit::{Boundary, OnCut};

/// Follows the record of a run from a position on: observed parts of epochs replace planned ones.
#[derive(Debug, Clone)]
pub struct Replay {
    /// Up to the end of the last recorded epoch, in canonical form.
    observed: Vec<Segment>,
    /// Parts of the running epoch before a change in it, as they were planned.
    running: Vec<Segment>,
    planned: PlannedSegments,
    /// Whether the plan is known.
    known: bool,
    /// Whether something unknown is between the end of `observed` and the begin of `planned`.
    gap: bool,
    batch: u64,
    epochs: u64,
    /// Batches of the running epoch before `batch`.
    iter: u64,
    /// Whether it is a stream, which is one epoch however many its data has.
    stream: bool,
}

impl Replay {
    /// Starts on a timeline after its first `batch` batches and `epochs` complete epochs.
    #[must_use]
    pub fn new(timeline: &Timeline, batch: u64, epochs: u64) -> Self {
        let stream = timeline.is_stream();
        let epochs = if stream { 0 } else { epochs };
        let (observed, planned) = timeline.split(batch, Some(epochs));
        let inside = planned.first().is_some_and(|next| next.joins);
        let iter = if inside { length_of_last(&observed) } else { 0 };
        Self {
            observed,
            running: Vec::new(),
            planned: planned.into(),
            known: true,
            gap: false,
            batch,
            epochs,
            iter,
            stream,
        }
    }

    /// A run without known meaning.
    #[must_use]
    pub fn of_unknown_run() -> Self {
        Self {
            observed: Vec::new(),
            running: Vec::new(),
            planned: PlannedSegments::default(),
            known: false,
            gap: false,
            batch: 0,
            epochs: 0,
            iter: 0,
            stream: false,
        }
    }

    /// Batches and epochs at the end of the last recorded epoch, or where the replay started.
    #[must_use]
    pub fn position(&self) -> (u64, u64) {
        (self.batch, self.epochs)
    }

    /// Whether the epoch with index `epoch` can end next, with these `parts` and `batch` batches in all.
    #[must_use]
    pub fn follows(&self, epoch: u64, batch: u64, parts: &[Segment]) -> bool {
        let length =
            parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.batches.filter(|_| is_one_epoch(part))?));
        let inside = parts.first().is_some_and(|part| part.joins);
        let one_epoch = parts.iter().skip(1).all(|part| part.joins) && parts.iter().rev().skip(1).all(|part| !part.cut);
        let valid = parts.iter().all(|part| part.validate().is_ok());
        epoch == self.epochs
            && one_epoch
            && valid
            && inside == (self.iter > 0)
            && length.and_then(|length| self.batch.checked_add(length)) == Some(batch)
    }

    /// Whether the timeline has the position where the replay started.
    #[must_use]
    pub fn starts_on_timeline(&self) -> bool {
        let (mut batches, mut epochs) = (0_u128, 0_u128);
        for segment in &self.observed {
            batches += u128::from(segment.epochs.unwrap_or(0)) * u128::from(segment.batches.unwrap_or(0));
            epochs += u128::from(segment.epochs.filter(|_| !segment.joins).unwrap_or(0));
        }
        // An epoch that the position is inside has begun and is not complete. A stream is one epoch, also at its end.
        let begun = u128::from(self.epochs) + u128::from(self.iter > 0);
        batches == u128::from(self.batch) && (epochs == begun || self.stream)
    }

    /// Adds an epoch that ended; `parts` are those since it began, or since the replay started. See [`Replay::follows`].
    ///
    /// If the parts do not make a timeline, nothing is known of the run afterwards.
    pub fn end_epoch(&mut self, parts: &[Segment]) -> Result<(), Error> {
        for part in parts {
            if let Err(error) = append(&mut self.observed, *part) {
                *self = Self::of_unknown_run();
                return Err(error);
            }
        }
        let batches = parts.iter().filter_map(|part| part.batches).sum::<u64>();
        self.batch += batches;
        if self.known {
            let begun = self.gap || self.iter > 0 || !self.running.is_empty();
            let first = if begun { None } else { self.planned.take_epoch() };
            let mut before = self.running.iter().chain(&first).map(|part| part.batches);
            let before = before.try_fold(0_u64, |sum, more| sum.checked_add(more?));
            let as_planned = !self.gap && self.planned.epoch_length(before) == Some(batches);
            self.planned.end_epoch(as_planned);
            if let Some(empty) = first.filter(|_| batches == 0) {
                self.planned.take_decision_of(&empty);
            }
        }
        self.running.clear();
        self.gap = false;
        self.epochs = self.epochs.saturating_add(1).min(MAX_COUNT);
        self.iter = 0;
        Ok(())
    }

    /// Whether a change after `batch` batches, at `epoch` and `iter`, can come next.
    #[must_use]
    pub fn changes_at(&self, epoch: u64, iter: u64, batch: u64) -> bool {
        let Some(done) = batch.checked_sub(self.batch) else { return false };
        if self.stream {
            return true;
        }
        let inside = epoch == self.epochs && self.iter.checked_add(done) == Some(iter);
        // After the last batch of an epoch the position is the next epoch, although this one has not ended yet.
        inside || self.epochs.checked_add(1) == Some(epoch) && iter == 0
    }

    /// Sets the plan from `batch` on. If an epoch is running, the first segment continues it, and may be of unknown length
    /// although later ones are not. `done` are the parts of the running epoch, as for `end_epoch`; none where they follow from
    /// the plan before.
    pub fn change(&mut self, batch: u64, planned: Vec<Segment>, done: &[Segment]) {
        if self.follows(self.epochs, batch, done) && !done.is_empty() {
            self.running = done.to_vec();
            (self.planned, self.known, self.gap) = (planned.into(), true, false);
            return;
        }
        let before: u64 = self.running.iter().filter_map(|part| part.batches).sum();
        let mut left = batch.saturating_sub(self.batch).saturating_sub(before);
        let mut begins = self.running.is_empty();
        while left > 0 {
            let planned = self.known && (begins || self.planned.continues_epoch());
            let Some(next) = self.planned.take_epoch().filter(|_| planned) else {
                // There are more batches than planned, or the plan is lost: their size is not known.
                self.gap = true;
                self.running.clear();
                break;
            };
            begins = false;
            let done = next.batches.map_or(left, |batches| batches.min(left));
            left -= done;
            let mut part = Segment { batches: Some(done), cut: false, ..next };
            if next.batches != Some(done) {
                part.last_batch_size = part.batch_size;
                // If only the samples of the whole part are known, those of a piece of it are not.
                part.samples = part.samples.filter(|_| part.batch_size.is_some());
            }
            self.running.push(part);
        }
        self.planned = planned.into();
        self.known = true;
    }

    /// The loop was left inside an epoch; `parts` are what is done of it, as for `end_epoch`. Where that is more than was planned,
    /// or no length was, the rest of the epoch has no known length.
    pub fn leave(&mut self, parts: &[Segment]) -> Result<(), Error> {
        let Some(last) = parts.last().filter(|_| self.known && !self.gap && !self.stream) else { return Ok(()) };
        let batches = |parts: &[Segment]| parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.batches?));
        if !self.running.is_empty() && batches(&self.running) == batches(parts) {
            return Ok(()); // nothing was done since a change, which says what is to come
        }
        let mut planned = self.planned.clone();
        let begun = self.iter > 0 || !self.running.is_empty();
        let first = if begun { None } else { planned.take_epoch() };
        let mut before = self.running.iter().chain(&first).map(|part| part.batches);
        let length = planned.epoch_length(before.try_fold(0_u64, |sum, more| sum.checked_add(more?)));
        let Some(done) = batches(parts).filter(|done| length.is_none_or(|length| *done > length)) else {
            return Ok(());
        };
        for part in parts {
            append(&mut self.observed, *part)?;
        }
        planned.end_epoch(false);
        planned.add_first(Segment {
            epochs: Some(1),
            batches: None,
            last_batch_size: None,
            samples: None,
            joins: true,
            entry: Entry::Continue,
            ..*last
        });
        self.running.clear();
        self.planned = planned;
        (self.batch, self.iter) = (self.batch + done, self.iter + done);
        Ok(())
    }

    /// From here on the plan is not known.
    pub fn forget_plan(&mut self) {
        self.planned.clear();
        self.known = false;
    }

    /// The observed segments, then the plan. What is not known becomes an end of unknown length.
    pub fn timeline(&self) -> Result<Timeline, Error> {
        let running = if self.gap { &[][..] } else { &self.running };
        let mut segments: Vec<Segment> = self.observed.iter().chain(running).copied().collect();
        if self.known && !self.gap {
            segments.extend(with_one_unknown_end(&self.planned));
        } else {
            let joins = !running.is_empty() || self.iter > 0;
            let tokens_per_sample = segments.last().and_then(|last| last.tokens_per_sample);
            segments.push(Segment { joins, tokens_per_sample, ..UNKNOWN_END });
        }
        Timeline::from_segments(segments)
    }
}

/// The plan as a timeline can have it: an epoch of unknown length and all later ones are one segment.
fn with_one_unknown_end(planned: &PlannedSegments) -> impl Iterator<Item = Segment> {
    let known = planned.iter().take_while(|segment| segment.batches.is_some() || segment.stream.is_some()).count();
    let unknown = planned.iter().nth(known).map(|unknown| {
        let later = planned.iter().skip(known + 1).filter(|segment| !segment.joins);
        let epochs = later.fold(unknown.epochs, |sum, later| sum?.checked_add(later.epochs?));
        Segment { epochs: epochs.filter(|epochs| *epochs <= MAX_COUNT), ..*unknown }
    });
    planned.iter().take(known).copied().chain(unknown)
}

/// Epochs without known meaning.
const UNKNOWN_END: Segment = Segment {
    epochs: None,
    batches: None,
    batch_size: None,
    last_batch_size: None,
    samples: None,
    drop_last: false,
    accumulate: 1,
    boundary: Boundary::Flush,
    on_cut: OnCut::Carry,
    joins: false,
    cut: false,
    entry: Entry::Continue,
    stream: None,
    tokens_per_sample: None,
};

fn is_one_epoch(part: &Segment) -> bool {
    part.epochs == Some(1)
}

/// Batches of the last epoch in `segments`, which has not ended.
fn length_of_last(segments: &[Segment]) -> u64 {
    let mut length = 0_u64;
    for segment in segments.iter().rev() {
        length = length.saturating_add(segment.batches.unwrap_or(0));
        if !segment.joins {
            break;
        }
    }
    length
}
