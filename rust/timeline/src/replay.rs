//! A run put together from what was taken down while it ran: epochs as they ended, and plans as they changed.

use std::collections::VecDeque;

use crate::error::{Error, MAX_COUNT};
use crate::segment::{Entry, Segment, append};
use crate::timeline::Timeline;
use crate::unit::Boundary;

/// Follows a record of a run from a position on: what was observed replaces what was planned, part by part.
#[derive(Debug, Clone)]
pub struct Replay {
    /// Up to the end of the last epoch that is on record, in canonical form.
    observed: Vec<Segment>,
    /// Parts of the running epoch that lie before a change in it, as they were planned.
    running: Vec<Segment>,
    planned: VecDeque<Segment>,
    /// Whether what is planned is known.
    known: bool,
    /// Whether nobody knows what lies between the end of `observed` and the beginning of `planned`.
    hole: bool,
    batch: u64,
    epochs: u64,
    /// Batches of the running epoch before `batch`.
    iter: u64,
}

impl Replay {
    /// Stands on a timeline after its first `batch` batches and `epochs` complete epochs.
    #[must_use]
    pub fn new(timeline: &Timeline, batch: u64, epochs: u64) -> Self {
        let (observed, planned) = timeline.split(batch, Some(epochs));
        let inside = planned.first().is_some_and(|next| next.joins);
        let iter = if inside { length_of_last(&observed) } else { 0 };
        Self { observed, running: Vec::new(), planned: planned.into(), known: true, hole: false, batch, epochs, iter }
    }

    /// A run of which nothing is known but that it goes on.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            observed: Vec::new(),
            running: Vec::new(),
            planned: VecDeque::new(),
            known: false,
            hole: false,
            batch: 0,
            epochs: 0,
            iter: 0,
        }
    }

    /// Batches and epochs at the end of the last epoch on record, or where the replay began.
    #[must_use]
    pub fn position(&self) -> (u64, u64) {
        (self.batch, self.epochs)
    }

    /// Whether an epoch that ended as `parts`, and with it `batch` batches and the epoch of index `epoch`, comes next.
    #[must_use]
    pub fn follows(&self, epoch: u64, batch: u64, parts: &[Segment]) -> bool {
        let length = parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.batches.filter(|_| one(part))?));
        let inside = parts.first().is_some_and(|part| part.joins);
        let one_epoch = parts.iter().skip(1).all(|part| part.joins) && parts.iter().rev().skip(1).all(|part| !part.cut);
        let sound = parts.iter().all(|part| part.validate().is_ok());
        epoch == self.epochs
            && one_epoch
            && sound
            && inside == (self.iter > 0)
            && length.and_then(|length| self.batch.checked_add(length)) == Some(batch)
    }

    /// Whether there is such a position.
    #[must_use]
    pub fn stands(&self) -> bool {
        let (mut batches, mut epochs) = (0_u128, 0_u128);
        for segment in &self.observed {
            batches += u128::from(segment.epochs.unwrap_or(0)) * u128::from(segment.batches.unwrap_or(0));
            epochs += u128::from(segment.epochs.filter(|_| !segment.joins).unwrap_or(0));
        }
        // The epoch that the position is inside has begun, and is not complete.
        (batches, epochs) == (u128::from(self.batch), u128::from(self.epochs) + u128::from(self.iter > 0))
    }

    /// Takes down an epoch that ended; `parts` are those since it began, or since the replay did. It must follow.
    ///
    /// Where the parts make no timeline, nothing is known of the run any more.
    pub fn end_epoch(&mut self, parts: &[Segment]) -> Result<(), Error> {
        for part in parts {
            if let Err(error) = append(&mut self.observed, *part) {
                *self = Self::unknown();
                return Err(error);
            }
        }
        self.batch += parts.iter().filter_map(|part| part.batches).sum::<u64>();
        let begun = self.hole || self.iter > 0 || !self.running.is_empty();
        let inside = self.planned.front().is_some_and(|next| next.joins);
        // What a change left of the running epoch goes; where it left nothing, the next one stands there already.
        if self.known && (inside || !begun) {
            self.take_epoch();
        }
        self.running.clear();
        self.hole = false;
        self.epochs = self.epochs.saturating_add(1).min(MAX_COUNT);
        self.iter = 0;
        Ok(())
    }

    /// Whether a change after `batch` batches, at `epoch` and `iter`, can come next.
    #[must_use]
    pub fn changes_at(&self, epoch: u64, iter: u64, batch: u64) -> bool {
        let Some(done) = batch.checked_sub(self.batch) else { return false };
        let inside = epoch == self.epochs && self.iter.checked_add(done) == Some(iter);
        // After an epoch's last batch the position is the next epoch, though this one has not ended yet.
        inside || self.epochs.checked_add(1) == Some(epoch) && iter == 0
    }

    /// From `batch` on this is planned; the first segment goes on inside the running epoch where there is one, and may be
    /// of unknown length there although the later ones are not.
    pub fn change(&mut self, batch: u64, planned: Vec<Segment>) {
        let before: u64 = self.running.iter().filter_map(|part| part.batches).sum();
        let mut left = batch.saturating_sub(self.batch).saturating_sub(before);
        let mut begins = self.running.is_empty();
        while left > 0 {
            let next = self.planned.pop_front().filter(|next| (begins || next.joins) && self.known);
            let Some(next) = next else {
                // More batches than were planned, or by a plan that is lost: of what size nobody said.
                self.hole = true;
                self.running.clear();
                break;
            };
            begins = false;
            let done = next.batches.map_or(left, |batches| batches.min(left));
            left -= done;
            let mut part = Segment { epochs: Some(1), batches: Some(done), cut: false, ..next };
            if next.batches != Some(done) {
                part.last_batch_size = part.batch_size;
                // Of what a part consumed only the sum of the whole was known.
                part.samples = part.samples.filter(|_| part.batch_size.is_some());
            }
            self.running.push(part);
        }
        self.planned = planned.into();
        self.known = true;
    }

    /// What is planned from here on is not known any more.
    pub fn forget_plan(&mut self) {
        self.planned.clear();
        self.known = false;
    }

    /// What was observed, then what is planned, as far as it is known: what is not is an end of unknown length.
    pub fn timeline(&self) -> Result<Timeline, Error> {
        let running = if self.hole { &[][..] } else { &self.running };
        let mut segments: Vec<Segment> = self.observed.iter().chain(running).copied().collect();
        if self.known && !self.hole {
            segments.extend(placeable(&self.planned));
        } else {
            let joins = !running.is_empty() || self.iter > 0;
            segments.push(Segment { joins, ..UNKNOWN });
        }
        Timeline::from_segments(segments)
    }

    /// Takes one epoch, or what is left of it, off what is planned.
    fn take_epoch(&mut self) {
        if let Some(next) = self.planned.front_mut() {
            match &mut next.epochs {
                Some(0 | 1) => {
                    self.planned.pop_front();
                }
                later => {
                    *later = later.map(|epochs| epochs - 1);
                    (next.entry, next.joins) = (Entry::Continue, false);
                    return;
                }
            }
        }
        while self.planned.front().is_some_and(|next| next.joins) {
            let several = self.planned.front().is_some_and(|next| next.epochs != Some(1));
            if several {
                self.take_epoch();
                return;
            }
            self.planned.pop_front();
        }
    }
}

/// What can be placed: nothing behind an epoch of unknown length can, so that it and the later ones are one segment.
fn placeable(planned: &VecDeque<Segment>) -> impl Iterator<Item = Segment> {
    let known = planned.iter().take_while(|segment| segment.batches.is_some()).count();
    let unknown = planned.get(known).map(|unknown| {
        let epochs = planned
            .iter()
            .skip(known + 1)
            .filter(|segment| !segment.joins)
            .try_fold(unknown.epochs.unwrap_or(MAX_COUNT), |sum, later| {
                sum.checked_add(later.epochs.unwrap_or(MAX_COUNT))
            });
        Segment { epochs: epochs.filter(|epochs| *epochs < MAX_COUNT), ..*unknown }
    });
    planned.iter().take(known).copied().chain(unknown)
}

/// Epochs of which nothing is known.
const UNKNOWN: Segment = Segment {
    epochs: None,
    batches: None,
    batch_size: None,
    last_batch_size: None,
    samples: None,
    drop_last: false,
    accumulate: 1,
    boundary: Boundary::Flush,
    joins: false,
    cut: false,
    entry: Entry::Continue,
};

fn one(part: &Segment) -> bool {
    part.epochs == Some(1)
}

/// Batches of the last epoch of `segments`, which has not ended.
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
