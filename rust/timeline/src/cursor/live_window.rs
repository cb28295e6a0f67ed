//! The accumulation window of a running loop.

use crate::compiled_segment::Window;
use crate::segment::{Entry, Segment};
use crate::unit::{Boundary, OnCut};

/// The open window, and what happened to it with the last event.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LiveWindow {
    pub(super) open: Window,
    /// Batches per step in the part that was entered last.
    pub(super) accumulate: u64,
    /// Whether the last event closed a step.
    pub(super) closes: bool,
    /// Whether the last batch ended the window before it was full, and how: `Flush`, `Drop`, `Phase(0)` if its count started
    /// anew, or `Continue` if it did not.
    pub(super) ended_early: Entry,
    /// The batches that were spilled before the last event; they are again if the epoch goes on past its planned end.
    pub(super) spilled_before: u64,
}

impl LiveWindow {
    /// Goes over to a part with its own accumulation and its own decision about the open window.
    pub(super) fn enter(&mut self, part: &Segment) {
        match part.entry {
            Entry::Phase(phase) => self.open.phase = phase,
            Entry::Flush | Entry::Drop => self.open = Window::default(),
            Entry::Continue if part.accumulate != self.accumulate => {
                self.open.count_towards(part.accumulate);
            }
            Entry::Continue => {}
        }
        self.accumulate = part.accumulate;
    }

    /// Does to the open window what an epoch that was cut does.
    pub(super) fn cut(&mut self, on_cut: OnCut) {
        match on_cut {
            OnCut::Carry => {}
            OnCut::Drop => self.open = Window::default(),
            OnCut::Spill => self.open = self.open.spill(),
        }
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
        let full = self.open.count(batches, part.accumulate);
        let phase = self.open.phase;
        self.spilled_before = self.open.spilled;
        self.ended_early = match part.boundary {
            _ if phase == 0 => Entry::Continue,
            Boundary::Flush if ends_epoch && !part.cut => Entry::Flush,
            _ if ends_epoch && drops(part) => Entry::Drop,
            // Batches past the planned end of the epoch would begin to count anew as well.
            _ if ends_epoch && spills(part) => match planned() {
                Entry::Continue => Entry::Phase(0),
                ended => ended,
            },
            _ if ends_part => planned(),
            _ => Entry::Continue,
        };
        let flushed = self.ended_early == Entry::Flush;
        match self.ended_early {
            Entry::Flush | Entry::Drop => self.open = Window::default(),
            Entry::Phase(_) => self.open = self.open.spill(),
            Entry::Continue => {}
        }
        let steps = full + u64::from(flushed);
        self.closes = steps > 0;
        steps
    }
}

/// Whether the end of the epoch throws the open window away; a plan may have an epoch that is cut.
fn drops(part: &Segment) -> bool {
    if part.cut { part.on_cut == OnCut::Drop } else { part.boundary == Boundary::Drop }
}

/// Whether the end of the epoch lets the count start anew.
fn spills(part: &Segment) -> bool {
    if part.cut { part.on_cut == OnCut::Spill } else { part.boundary == Boundary::Spill }
}
