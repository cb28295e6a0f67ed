//! The planned segments of a run that goes on: epochs are taken from the front.

use std::collections::VecDeque;

use crate::canonical::combined_decision;
use crate::error::MAX_COUNT;
use crate::segment::{Entry, Segment};

/// What is planned from a point on; the first segment may continue an epoch that is running there.
#[derive(Debug, Clone, Default)]
pub(crate) struct PlannedSegments(VecDeque<Segment>);

impl From<Vec<Segment>> for PlannedSegments {
    fn from(segments: Vec<Segment>) -> Self {
        Self(segments.into())
    }
}

impl PlannedSegments {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Segment> {
        self.0.iter()
    }

    pub(crate) fn first_mut(&mut self) -> Option<&mut Segment> {
        self.0.front_mut()
    }

    pub(crate) fn add_first(&mut self, segment: Segment) {
        self.0.push_front(segment);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether the first segment continues a running epoch.
    pub(crate) fn continues_epoch(&self) -> bool {
        self.0.front().is_some_and(|next| next.joins)
    }

    /// The batches of an epoch that begins with `first` and continues in the first segments, if planned.
    pub(crate) fn epoch_length(&self, first: Option<u64>) -> Option<u64> {
        let parts = self.0.iter().take_while(|segment| segment.joins);
        parts.map(|part| part.batches).fold(first, |sum, more| sum?.checked_add(more?))
    }

    /// The samples of such an epoch, if the size of every batch of it is known.
    pub(crate) fn epoch_samples(&self, first: &Segment) -> Option<u64> {
        let parts = self.0.iter().take_while(|segment| segment.joins);
        parts.map(Segment::sized).fold(first.sized(), |sum, more| sum?.checked_add(more?))
    }

    /// Takes the next epoch, or the next part of the running one.
    pub(crate) fn take_epoch(&mut self) -> Option<Segment> {
        let next = self.0.front_mut()?;
        if next.stream.is_some() {
            return self.0.pop_front();
        }
        let part = Segment { epochs: Some(1), cut: next.cut && next.epochs == Some(1), ..*next };
        match &mut next.epochs {
            Some(0 | 1) => {
                self.0.pop_front();
            }
            later => {
                *later = later.map(|epochs| epochs - 1);
                // Only the first of them begins with the window that is open before, or continues an epoch.
                (next.entry, next.joins) = (Entry::Continue, false);
            }
        }
        Some(part)
    }

    /// Takes what is left of the running epoch, which ended. If it did not end as planned, what was decided for the open window
    /// at its planned end does not happen.
    pub(crate) fn end_epoch(&mut self, as_planned: bool) {
        while self.continues_epoch() {
            self.take_epoch();
        }
        if !as_planned && let Some(next) = self.0.iter_mut().find(|segment| decides(segment)) {
            next.entry = Entry::Continue;
        }
    }

    /// Lets the next epoch decide what an epoch without batches was to decide. False if it decides something else itself.
    pub(crate) fn take_decision_of(&mut self, empty: &Segment) -> bool {
        let Some(next) = self.0.front_mut() else { return false };
        let decision = combined_decision(empty, next);
        next.entry = decision.unwrap_or(next.entry);
        decision.is_some()
    }

    /// How a change that is planned for this point ends the open window; `Continue` if it does not.
    pub(crate) fn ends_window(&self) -> Entry {
        let next = self.0.iter().find(|segment| decides(segment)).map(|next| next.entry);
        next.filter(|entry| matches!(entry, Entry::Flush | Entry::Drop)).unwrap_or_default()
    }

    /// Epochs in a running epoch of unknown length and all later ones, which are one segment of a timeline.
    pub(crate) fn unknown_epochs(&self) -> Option<u64> {
        let later = self.0.iter().filter(|segment| !segment.joins);
        let sum = later.map(|segment| segment.epochs).try_fold(1_u64, |sum, more| sum.checked_add(more?));
        sum.filter(|epochs| *epochs <= MAX_COUNT)
    }
}

/// Whether a segment decides what happens to the window that is open before it.
fn decides(segment: &Segment) -> bool {
    !segment.is_empty() || segment.entry != Entry::Continue
}
