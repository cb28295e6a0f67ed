//! What does step 12,000 mean? Segments of training, and exact conversion between samples, batches, steps and epochs.
//!
//! Everything is a monotone staircase over the batch axis. [`Timeline`] lays a run out along it as [`Segment`]s (`segment`),
//! compiled to pieces with closed forms (`piece`). From those follow single look-ups (`locate`), arrays (`bulk`),
//! conversion between units (`convert`), a plan that changes on the way (`change`) or on a resume (`resume`), other frameworks' counters
//! (`translate`) and the live position of a loop (`cursor`). All counts are integers up to 2^63 - 1; products are taken in 128 bits; nothing is ever a float.
#![forbid(unsafe_code)]

mod bulk;
mod change;
mod convert;
mod cursor;
mod describe;
mod error;
mod json;
mod locate;
mod piece;
mod quantity;
mod replay;
mod resume;
mod segment;
mod timeline;
mod translate;
mod unit;

pub use bulk::{Invalid, MASKED, Mapper, check_base};
pub use change::{Change, Pending};
pub use convert::Answer;
pub use cursor::{Cursor, End};
pub use error::{Error, MAX_COUNT};
pub use json::segments_json;
pub use locate::Location;
pub use quantity::{Quantity, Ratio};
pub use replay::Replay;
pub use segment::{Entry, Segment};
pub use timeline::{History, Plan, Timeline};
pub use translate::{Counter, Kind, Role};
pub use unit::{Boundary, Unit};
