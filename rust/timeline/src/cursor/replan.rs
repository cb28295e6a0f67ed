//! A run that continues otherwise than planned: what is done stays, what is to come is planned anew.

use super::planned::{Planned, RunLength, of_unknown_length};
use super::running_part::RunningPart;
use super::{Cursor, End};
use crate::canonical::end_window;
use crate::change::{Change, Pending};
use crate::epoch_shape::EpochShape;
use crate::error::Error;
use crate::quantity::Quantity;
use crate::segment::{Entry, Segment};
use crate::timeline::Timeline;
use crate::unit::Unit;

impl Cursor {
    /// Changes the plan from here on; see [`Timeline::change`].
    pub fn change(&mut self, change: &Change) -> Result<(), Error> {
        let at = Quantity::whole(self.now.batch, Unit::Batch);
        let now = self.timeline()?;
        let changed = now.change(at, change)?;
        // A change that changes nothing must not divide the running epoch into parts.
        if changed == now {
            self.change_extra(change.batch_size, change.accumulate);
            return Ok(());
        }
        let later = if self.hides_later() { Some(self.changed_later(change)?) } else { None };
        self.move_to(&changed, change.batch_size, change.accumulate)?;
        if let Some(later) = later {
            self.set_later(later)?;
        }
        Ok(())
    }

    /// At the end of the run: batches past it, which no plan has, come in the new sizes.
    fn change_extra(&mut self, size: Option<u64>, accumulate: Option<u64>) {
        let Some(part) = self.part.filter(|_| self.is_whole() && self.at_end()) else { return };
        let entry = self.window.ended_early;
        let before = self.planned.extra.unwrap_or(Segment { entry, ..of_unknown_length(&part.segment) });
        let (batch_size, accumulate) = (size.or(before.batch_size), accumulate.unwrap_or(before.accumulate));
        self.planned.extra = Some(Segment { batch_size, accumulate, ..before });
    }

    /// Plans the epochs after the running one. What is decided for the window that is open before them stays.
    fn set_later(&mut self, mut later: Vec<Segment>) -> Result<(), Error> {
        if let (Some(first), Some(next)) = (later.first_mut(), self.planned.segments.first_mut()) {
            first.entry = next.entry;
        }
        self.planned.segments = later.into();
        self.planned.run = RunLength::of(&self.timeline()?);
        Ok(())
    }

    /// The epochs after a running one of unknown length, with a change: no timeline has them.
    fn changed_later(&self, change: &Change) -> Result<Vec<Segment>, Error> {
        let later = Timeline::from_segments(self.later())?;
        let sizes = Change { pending: None, ..*change };
        Ok(later.change(Quantity::whole(0, Unit::Batch), &sizes)?.segments().to_vec())
    }

    /// Continues by another plan from here on; see [`Timeline::resume`].
    /// `longer`: by so much the running epoch is longer than the plan's, as part of it was done again; see [`EpochEntry`].
    pub fn replan(&mut self, plan: &Timeline, pending: Option<Pending>, longer: i64) -> Result<(), Error> {
        let (epochs, _) = self.now.position();
        let changed = self.timeline()?.resume_longer(self.now.batch, epochs, plan, pending, longer)?;
        let next = plan.segments().first().filter(|next| next.stream.is_none());
        self.move_to(&changed, next.and_then(|next| next.batch_size), next.map(|next| next.accumulate))?;
        if !self.is_stream() {
            self.plan_later_by(plan);
        }
        Ok(())
    }

    /// Goes over to a timeline that is equal up to here. From here on batches have `size` samples and windows `accumulate`
    /// batches (`None`: as before).
    fn move_to(&mut self, timeline: &Timeline, size: Option<u64>, accumulate: Option<u64>) -> Result<(), Error> {
        let (steps, closes) = (self.now.step, self.window.closes);
        let epochs = self.now.position().0;
        let (before, after) = timeline.split(self.now.batch, Some(epochs));
        let inside = after.first().is_some_and(|next| next.joins);
        if let Some(part) = self.part.filter(|_| self.now.iter > 0 && !inside) {
            self.move_at_end_of_epoch(part, timeline, before.last(), after, size, accumulate);
        } else {
            let mut next = Self::new(timeline, self.now.batch, epochs)?;
            if self.part.is_some() && !inside {
                // The epoch has begun and has no batch yet.
                next.begin_epoch()?;
            }
            self.go_on_as(next);
        }
        self.tokens.due = true;
        self.window.closes = closes || self.now.step > steps;
        if self.before.epoch == self.now.epoch {
            (self.before.length, self.before.epoch_samples) = (self.now.length, self.now.epoch_samples);
        }
        Ok(())
    }

    /// Becomes a cursor at the same point, which has counted what this one has.
    pub(super) fn go_on_as(&mut self, mut next: Self) {
        next.record.running = self.running();
        next.record.ended = std::mem::take(&mut self.record.ended);
        next.record.past_plan = self.record.past_plan;
        next.now.token = self.now.token;
        next.tokens = std::mem::take(&mut self.tokens);
        next.tokens.due = true;
        (next.before, next.event, next.skipped) = (self.before, self.event, self.skipped);
        *self = next;
    }

    /// The last batch is the last one of its epoch, perhaps only with the new sizes, and the loop is still inside the epoch.
    fn move_at_end_of_epoch(
        &mut self,
        mut part: RunningPart,
        timeline: &Timeline,
        observed: Option<&Segment>,
        planned: Vec<Segment>,
        size: Option<u64>,
        accumulate: Option<u64>,
    ) {
        let (step, window) = (self.now.step, self.window);
        (self.now.step, self.window) = timeline.window_after(self.now.batch);
        (self.now.length, self.now.epoch_samples) = (Some(self.now.iter), self.now.sample_in_epoch);
        self.window.ended_early = match self.window.open.pending {
            _ if self.now.step > step => Entry::Flush,
            0 if window.open.pending > 0 => Entry::Drop,
            // The epoch is complete with the new sizes, and its end lets the count start anew.
            1.. if self.window.open.phase == 0 && window.open.phase > 0 => Entry::Phase(0),
            _ => window.ended_early,
        };
        let before = self.planned.extra.unwrap_or(part.segment);
        let accumulate = accumulate.unwrap_or(before.accumulate);
        // A decision for the windows of the next epoch is one for windows of the same length.
        let decided = planned.first().filter(|next| next.accumulate == accumulate).map(|next| next.entry);
        let ended = self.window.ended_early;
        let entry = if ended == Entry::Continue { decided.unwrap_or_default() } else { ended };
        let batch_size = size.or(before.batch_size);
        self.planned = Planned::new(planned, timeline);
        self.planned.extra = Some(Segment { batch_size, accumulate, entry, ..of_unknown_length(&before) });
        let Segment { samples, boundary, cut, .. } = *observed.unwrap_or(&part.segment);
        if part.done == 0 {
            // How the epoch ends is recorded with the batches before this part.
            // That it is cut is recorded with this part, as nothing can continue an epoch that was cut.
            for parts in [&mut self.record.history, &mut self.record.running] {
                end_window(parts, boundary);
                if let Some(last) = parts.last_mut() {
                    last.samples = samples;
                }
            }
        }
        part.segment = Segment { samples, boundary, cut, batches: Some(part.done), ..part.observed() };
        self.part = Some(part);
    }

    /// Ends the running epoch as cut and plans it once more as a whole, as its loader begins again. `longer`: as for `replan`.
    pub fn restart_epoch(&mut self, longer: i64) -> Result<(), Error> {
        if self.is_stream() {
            return Err(Error::invalid("a stream has no epoch that could begin again: its loader continues"));
        }
        let Some(part) = self.part else { return Ok(()) };
        let Segment { samples, batch_size, drop_last, .. } = part.segment;
        let data = samples.zip(batch_size).and_then(|(samples, size)| {
            let samples = samples.checked_add_signed(-longer)?;
            Some((samples, EpochShape::new(Some(samples), None, Some(size), drop_last).ok()?))
        });
        // In batches of a size that the epoch did not begin with there are others than it would have had.
        let (batches, last, samples) = match data {
            Some((samples, shape)) => (shape.batches, shape.last, Some(samples)),
            None => (
                self.now.length.and_then(|length| length.checked_add_signed(-longer)),
                part.segment.last_batch_size,
                samples,
            ),
        };
        self.end_epoch(End::Cut)?;
        let known = batches.is_some();
        let whole = Segment {
            epochs: Some(1),
            batches,
            samples,
            last_batch_size: last.filter(|_| known),
            joins: false,
            cut: false,
            entry: Entry::Continue,
            ..part.segment
        };
        match self.planned.segments.first_mut() {
            // An epoch of unknown length and all later ones are one segment.
            Some(next) if !known => next.epochs = next.epochs.map(|later| later + 1),
            _ => self.planned.segments.add_first(whole),
        }
        self.planned.run = RunLength::of(&self.timeline()?);
        Ok(())
    }
}
