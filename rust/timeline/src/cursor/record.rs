//! What the loop did: complete epochs, and the parts of the running one.

use crate::canonical::append;
use crate::error::Error;
use crate::segment::Segment;

/// The observed part of the run.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    /// All complete parts in canonical form, also those of the running epoch.
    pub(super) history: Vec<Segment>,
    /// The complete parts of the running epoch since the cursor was made.
    pub(super) running: Vec<Segment>,
    /// The parts of the last complete epoch since the cursor was made.
    pub(super) ended: Vec<Segment>,
    /// Whether the running epoch went on past its plan since then, so that no plan says what its parts are.
    pub(super) past_plan: bool,
}

impl Record {
    /// Adds a complete part of the running epoch.
    pub(super) fn add_part(&mut self, part: Segment) -> Result<(), Error> {
        append(&mut self.history, part)?;
        self.running.push(part);
        Ok(())
    }

    /// Adds the last part of the running epoch.
    pub(super) fn end_epoch(&mut self, last: Segment) -> Result<(), Error> {
        self.add_part(last)?;
        self.ended = std::mem::take(&mut self.running);
        self.past_plan = false;
        Ok(())
    }

    /// Complete epochs, if none is running.
    pub(super) fn epochs(&self) -> u64 {
        self.history.iter().filter(|segment| !segment.joins).filter_map(|segment| segment.epochs).sum()
    }
}
