//! Entering the running epoch at another point, and later epochs that a timeline cannot hold.

use super::Cursor;
use crate::enter::{EpochEntry, RunningEpoch};
use crate::error::Error;
use crate::segment::{Entry, Segment};
use crate::timeline::Timeline;

impl Cursor {
    /// Batches in the accumulation window that is open.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.window.open.pending
    }

    /// The part of the running epoch in which the loop is, as planned.
    #[must_use]
    pub fn running_part(&self) -> Option<Segment> {
        self.part.map(|part| part.segment)
    }

    /// The running epoch goes on from another point of its data; see [`EpochEntry`]. Its number stays.
    pub fn enter(&mut self, entry: EpochEntry) -> Result<(), Error> {
        if self.part.is_none() {
            return Err(Error::invalid("no epoch is running that could be entered"));
        }
        let ended = if self.is_whole() { self.window.ended_early } else { Entry::Continue };
        let running = RunningEpoch { batch: self.now.batch, epoch: self.now.epoch, iter: self.now.iter, ended };
        let changed = self.timeline()?.enter(running, entry)?;
        let mut next = Self::new(&changed, self.now.batch, self.now.epoch)?;
        if self.now.iter == 0 {
            next.begin_epoch()?;
        }
        let closes = self.window.closes;
        self.go_on_as(next);
        self.window.closes = closes;
        Ok(())
    }

    /// Whether the running epoch has no known length, while later ones have: no timeline can say that.
    #[must_use]
    pub fn hides_later(&self) -> bool {
        self.part.is_some_and(|part| part.segment.batches.is_none())
            && self.planned.segments.iter().next().is_some_and(|next| next.batches.is_some())
    }

    /// The epochs after the running one.
    #[must_use]
    pub fn later(&self) -> Vec<Segment> {
        self.planned.segments.iter().copied().collect()
    }

    /// Plans the epochs after a running one of unknown length; any other epoch has them on its timeline.
    pub fn plan_later(&mut self, later: Vec<Segment>) {
        if self.part.is_some_and(|part| part.segment.batches.is_none()) {
            self.planned.segments = later.into();
        }
    }

    /// Plans them by a plan of equal epochs, which are those of the whole run.
    pub fn plan_later_by(&mut self, plan: &Timeline) {
        let [planned] = plan.segments() else { return };
        if planned.batches.is_none() {
            return;
        }
        let complete = self.now.epoch + 1;
        let later = planned.epochs.map(|all| all.saturating_sub(complete));
        let rest = Segment { epochs: later, entry: Entry::Continue, ..*planned };
        self.plan_later(if later == Some(0) { Vec::new() } else { vec![rest] });
    }
}
