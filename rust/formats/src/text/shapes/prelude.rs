//! What every family of shapes is written with.

pub(super) use super::{Example, ShapeKey, ShapeLine, Takes, TextShape, heading, line, setting};
pub(super) use crate::text::pairs::PairStyle::{self, Bar, Colon, Comma, Dash, Free, Object, Sections, Tab, Wide};
pub(super) use stepbridge_records::EpochMeaning::{Elapsed, Ends, In};
pub(super) use stepbridge_records::{ConfigItem, StepMeaning, Unit};
