//! A run that continues otherwise than planned: what is done stays, what is to come is planned anew.

use super::Cursor;
use super::planned::{Planned, RunLength, of_unknown_length};
use super::running_part::RunningPart;
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
        if changed == now { Ok(()) } else { self.move_to(&changed, change.batch_size, change.accumulate) }
    }

    /// Continues by another plan from here on; see [`Timeline::resume`].
    pub fn replan(&mut self, plan: &Timeline, pending: Option<Pending>) -> Result<(), Error> {
        let (epochs, _) = self.now.position();
        let changed = self.timeline()?.resume(self.now.batch, epochs, plan, pending)?;
        let next = plan.segments().first().filter(|next| next.stream.is_none());
        self.move_to(&changed, next.and_then(|next| next.batch_size), next.map(|next| next.accumulate))
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
            next.record.running = self.running();
            next.record.ended = std::mem::take(&mut self.record.ended);
            next.now.token = self.now.token;
            (next.before, next.event, next.skipped) = (self.before, self.event, self.skipped);
            *self = next;
        }
        self.window.closes = closes || self.now.step > steps;
        if self.before.epoch == self.now.epoch {
            (self.before.length, self.before.epoch_samples) = (self.now.length, self.now.epoch_samples);
        }
        Ok(())
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
            end_window(&mut self.record.history, boundary);
            if let Some(last) = self.record.history.last_mut() {
                (last.samples, last.cut) = (samples, cut);
            }
        }
        part.segment = Segment { samples, boundary, cut, batches: Some(part.done), ..part.observed() };
        self.part = Some(part);
    }

    /// Begins the running epoch again, as its loader does: the batches that are done stay in the epoch, and the whole data
    /// follows once more, by the sizes that hold now. An epoch of unknown length only goes on.
    pub fn restart_epoch(&mut self) -> Result<(), Error> {
        if self.is_stream() {
            return Err(Error::invalid("a stream has no epoch that could begin again: its loader continues"));
        }
        let Some(part) = self.part.filter(|_| self.now.iter > 0) else { return Ok(()) };
        let data = part.segment.samples.or(self.now.epoch_samples).zip(part.segment.batch_size);
        let (batches, last) = match (data, self.now.length) {
            (_, None) => return Ok(()),
            (Some((samples, size)), Some(_)) => {
                let shape = EpochShape::new(Some(samples), None, Some(size), part.segment.drop_last)?;
                (shape.batches, shape.last)
            }
            (None, length) => (length, part.segment.last_batch_size),
        };
        if part.done > 0 {
            self.record.add_part(Segment { cut: false, ..part.observed() })?;
        }
        while self.planned.segments.continues_epoch() {
            self.planned.segments.take_epoch();
        }
        // What a change decided for the open window at this point stays decided.
        let entry = if part.done == 0 { part.segment.entry } else { self.window.ended_early };
        let whole =
            Segment { epochs: Some(1), batches, last_batch_size: last, joins: true, cut: false, entry, ..part.segment };
        self.planned.extra = None;
        self.now.length = batches.and_then(|batches| self.now.iter.checked_add(batches));
        self.now.epoch_samples =
            self.now.sample_in_epoch.zip(whole.sized()).and_then(|(done, more)| done.checked_add(more));
        self.window.enter(&whole);
        self.part = Some(RunningPart::begin(whole, self.now.sample));
        self.planned.run = RunLength::of(&self.timeline()?);
        Ok(())
    }
}
