//! A live run that goes on otherwise than planned: the history stays, the future is laid out anew.

use super::{Cursor, End, past_the_plan};
use crate::change::{Change, Pending};
use crate::error::Error;
use crate::quantity::Quantity;
use crate::segment::{Entry, Segment, end_window};
use crate::timeline::Timeline;
use crate::unit::Unit;

impl Cursor {
    /// From here on something is different; see [`Timeline::change`].
    pub fn change(&mut self, change: &Change) -> Result<(), Error> {
        let at = Quantity::whole(self.now.batch, Unit::Batch);
        let now = self.timeline()?;
        let changed = now.change(at, change)?;
        // What changes nothing must not divide the running epoch into parts.
        if changed == now { Ok(()) } else { self.move_to(&changed, change.batch_size, change.accumulate) }
    }

    /// From here on another plan is in force; see [`Timeline::resume`].
    pub fn replan(&mut self, plan: &Timeline, pending: Option<Pending>) -> Result<(), Error> {
        let (epochs, _) = self.now.position();
        let changed = self.timeline()?.resume(self.now.batch, epochs, plan, pending)?;
        let next = plan.segments().first();
        self.move_to(&changed, next.and_then(|next| next.batch_size), next.map(|next| next.accumulate))
    }

    /// Goes over to a timeline that differs only from here on, where batches have these sizes and windows (`None`: those
    /// that they had).
    fn move_to(&mut self, timeline: &Timeline, size: Option<u64>, accumulate: Option<u64>) -> Result<(), Error> {
        let (steps, window) = (self.now.step, self.window);
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
            (self.now.step, self.window, self.accumulate) = timeline.window_after(self.now.batch);
            self.now.length = Some(self.now.iter);
            if self.now.step > steps {
                self.short = Entry::Flush;
            } else if window.pending > 0 && self.window.pending == 0 {
                self.short = Entry::Drop;
            }
            let before = self.extra.unwrap_or(part);
            let accumulate = accumulate.unwrap_or(before.accumulate);
            // What was decided for the windows of the next epoch holds for windows as long.
            let decided = after.first().filter(|next| next.accumulate == accumulate).map(|next| next.entry);
            self.extra = Some(Segment {
                batch_size: size.or(before.batch_size),
                accumulate,
                entry: if self.short == Entry::Continue { decided.unwrap_or_default() } else { self.short },
                ..past_the_plan(&before)
            });
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
