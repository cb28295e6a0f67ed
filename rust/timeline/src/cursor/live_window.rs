//! The accumulation window of a running loop.

use crate::compiled_segment::Window;
use crate::segment::{Entry, Segment};
use crate::unit::Boundary;

/// The open window, and what happened to it with the last event.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LiveWindow {
    pub(super) open: Window,
    /// Batches per step in the part that was entered last.
    pub(super) accumulate: u64,
    /// Whether the last event closed a step.
    pub(super) closes: bool,
    /// Whether the last batch ended the window before it was full, and how: `Flush`, `Drop`, or `Continue` if it did not.
    pub(super) ended_early: Entry,
}

impl LiveWindow {
    /// Goes over to a part with its own accumulation and its own decision about the open window.
    pub(super) fn enter(&mut self, part: &Segment) {
        match part.entry {
            Entry::Phase(phase) => self.open.phase = phase,
            Entry::Flush | Entry::Drop => self.open = Window::default(),
            Entry::Continue if part.accumulate != self.accumulate => {
                self.open.phase = self.open.pending.min(part.accumulate - 1);
            }
            Entry::Continue => {}
        }
        self.accumulate = part.accumulate;
    }

    /// Counts batches of `part` and returns how many steps they close. `ends_epoch` and `ends_part`: they are the last ones of the
    /// epoch, or of the part, after which `planned` may end the window.
    pub(super) fn count(
        &mut self,
        part: &Segment,
        batches: u64,
        ends_epoch: bool,
        ends_part: bool,
        planned: impl FnOnce() -> Entry,
    ) -> u64 {
        debug_assert!(self.open.phase < part.accumulate, "a full window is closed");
        // The first window is closed by the batches that it lacks, each later one by `accumulate` batches.
        let counted = self.open.phase + batches;
        let (full, phase) = (counted / part.accumulate, counted % part.accumulate);
        self.open = Window { pending: if full > 0 { phase } else { self.open.pending + batches }, phase };
        self.ended_early = match part.boundary {
            _ if phase == 0 => Entry::Continue,
            Boundary::Flush if ends_epoch && !part.cut => Entry::Flush,
            Boundary::Drop if ends_epoch && !part.cut => Entry::Drop,
            _ if ends_part => planned(),
            _ => Entry::Continue,
        };
        let flushed = self.ended_early == Entry::Flush;
        if flushed || self.ended_early == Entry::Drop {
            self.open = Window::default();
        }
        let steps = full + u64::from(flushed);
        self.closes = steps > 0;
        steps
    }
}
