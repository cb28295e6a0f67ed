//! A live run that goes on otherwise than planned: the history stays, the future is laid out anew.

use super::{Cursor, End};
use crate::change::{Change, Pending, end_window};
use crate::error::Error;
use crate::quantity::Quantity;
use crate::segment::{Entry, Segment};
use crate::timeline::Timeline;
use crate::unit::Unit;

impl Cursor {
    /// From here on something is different; see [`Timeline::change`].
    pub fn change(&mut self, change: &Change) -> Result<(), Error> {
        let at = Quantity::whole(self.now.batch, Unit::Batch);
        let now = self.timeline()?;
        let changed = now.change(at, change)?;
        // What changes nothing must not divide the running epoch into parts.
        if changed == now { Ok(()) } else { self.move_to(&changed) }
    }

    /// From here on another plan is in force; see [`Timeline::resume`].
    pub fn replan(&mut self, plan: &Timeline, pending: Option<Pending>) -> Result<(), Error> {
        let (epochs, _) = self.now.position();
        let changed = self.timeline()?.resume(self.now.batch, epochs, plan, pending)?;
        self.move_to(&changed)
    }

    /// Stands at the same moment of a timeline that differs only from here on.
    fn move_to(&mut self, timeline: &Timeline) -> Result<(), Error> {
        let steps = self.now.step;
        let (before, after) = timeline.split(self.now.batch, Some(self.now.position().0));
        let inside = after.first().is_some_and(|next| next.joins);
        if let Some(part) = self.part.filter(|_| self.now.iter > 0 && !inside) {
            // The batch at hand is the epoch's last, perhaps only with the new sizes; the loop is still inside the epoch.
            let (samples, boundary) =
                before.last().map_or((part.samples, part.boundary), |last| (last.samples, last.boundary));
            let last_batch_size = if part.batches == Some(self.done) { part.last_batch_size } else { part.batch_size };
            let batches = Some(self.done);
            if self.done == 0 {
                // The part at hand has nothing: how the epoch ends stands with what was done before it.
                end_window(&mut self.history, boundary);
                if let Some(last) = self.history.last_mut() {
                    last.samples = samples;
                }
            }
            self.part = Some(Segment { batches, last_batch_size, samples, boundary, cut: false, ..part });
            (self.now.step, self.pending, self.phase) = timeline.window_after(self.now.batch);
            (self.now.length, self.short) = (Some(self.now.iter), Entry::Continue);
            (self.rest, self.total) = (after.into(), timeline.batches());
        } else {
            let mut next = Self::new(timeline, self.now.batch, self.now.position().0)?;
            if self.part.is_some() && !inside {
                // It has begun, and has no batch yet.
                next.begin_epoch()?;
            }
            next.parts = self.running();
            (next.ended, next.skipped, next.closes) = (std::mem::take(&mut self.ended), self.skipped, self.closes);
            next.now.token = self.now.token;
            (next.before, next.held) = (self.before, self.held);
            *self = next;
        }
        self.closes |= self.now.step > steps;
        if self.before.epoch == self.now.epoch {
            self.before.length = self.now.length;
        }
        Ok(())
    }

    /// Ends the running epoch as cut, and plans it once more, whole: its loader begins again.
    pub fn restart_epoch(&mut self) -> Result<(), Error> {
        let Some(part) = self.part else { return Ok(()) };
        let batches = self.now.length;
        self.end_epoch(End::Cut)?;
        let known = batches.is_some();
        let last_batch_size = part.last_batch_size.filter(|_| known);
        let whole = Segment {
            epochs: Some(1),
            batches,
            last_batch_size,
            joins: false,
            cut: false,
            entry: Entry::Continue,
            ..part
        };
        match self.rest.front_mut() {
            // Of unknown length: it and the later ones are one segment.
            Some(next) if !known => next.epochs = next.epochs.map(|later| later + 1),
            _ => self.rest.push_front(whole),
        }
        self.total = self.timeline()?.batches();
        Ok(())
    }
}
