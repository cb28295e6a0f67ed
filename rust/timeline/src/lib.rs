//! What does step 12,000 mean? Segments of training, and exact conversion between samples, batches, steps and epochs.
//!
//! Every counter is a staircase over the batches of the run. A [`Timeline`] is a list of [`Segment`]s (`segment`, `plan`), merged
//! (`canonical`) and compiled to closed forms (`compile`, `compiled_segment`). On top of it are single look-ups (`locate`),
//! arrays (`bulk`), conversion between units (`convert`), plans that change (`change`, `resume`, `enter`), other frameworks' counters
//! (`translate`), the live position of a loop (`cursor`) and the replay of a record (`replay`). Counts are integers up to
//! 2^63 - 1 and products have 128 bits; nothing is a float.
#![forbid(unsafe_code)]

mod bulk;
mod canonical;
mod change;
mod compile;
mod compiled_segment;
mod convert;
mod cursor;
mod data;
mod describe;
mod enter;
mod epoch_shape;
mod epoch_starts;
mod error;
mod fraction;
mod json;
mod locate;
mod marks;
mod number;
mod plan;
mod planned_segments;
mod quantity;
mod replay;
mod resume;
mod segment;
mod stream;
mod stream_change;
mod stream_plan;
mod timeline;
mod translate;
mod undetermined;
mod unit;

pub use bulk::{Invalid, MASKED, Mapper};
pub use change::{Change, Pending};
pub use convert::Answer;
pub use cursor::{Cursor, End};
pub use enter::EpochEntry;
pub use error::{Error, MAX_COUNT};
pub use json::{segments_json, segments_version};
pub use locate::Location;
pub use marks::{Mark, Marks};
pub use number::{check_base, index_of, number_of};
pub use plan::{History, Plan};
pub use quantity::{Quantity, Ratio};
pub use replay::Replay;
pub use segment::{Entry, Segment, StreamEnd};
pub use stream_plan::{RampStep, StreamPlan};
pub use timeline::Timeline;
pub use translate::{Counter, Kind, Role};
pub use unit::{Boundary, OnCut, Unit};
