//! The ledger, `stepclock.jsonl`: what a clock recorded while it counted, read back into timelines.
//!
//! Every line is read or reported as a problem. A torn last line leaves the state before it. A damaged line in the middle may
//! have been of any kind: the epochs around it still follow from their counts, but the plan does not, so the timeline ends
//! there until a later line of the ledger states the plan again.

#![forbid(unsafe_code)]

mod ledger;
mod lines;
mod logged_step;
mod notes;
mod reader;
mod schema;
mod session;
#[cfg(test)]
mod tests;

pub use ledger::{Ledger, LedgerError, NAME, is_ledger};
pub use logged_step::LoggedStep;
pub use notes::{EntryLine, EpochEntered, MarkLine, SeriesLine, SeriesStep};
pub use schema::{
    ChangeLine, Counts, EndOf, EpochLine, LineKind, LoggedAs, LoggedAsLine, SessionLine, StopLine, Supersedes, VERSION,
    parse_segments, write_line,
};
pub use session::{PlanChange, Session};
