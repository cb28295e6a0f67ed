//! The axes that runs have in common.

use stepbridge_timeline::Unit;

use crate::reindex::{Places, ReindexOptions};

/// What the new steps count: how much is done after what was logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Axis {
    /// Millionths of an epoch.
    Epoch,
    /// Samples.
    Sample,
    /// Tokens.
    Token,
    /// Batches.
    Batch,
    /// Optimizer updates.
    Step,
}

/// How many steps an epoch is: `TensorBoard` has whole steps, and writes 2M for two million.
const OF_EPOCH: f64 = 1e6;

impl Axis {
    /// Every axis, with its name.
    pub const ALL: [(&'static str, Self); 5] = [
        ("epoch", Self::Epoch),
        ("sample", Self::Sample),
        ("token", Self::Token),
        ("batch", Self::Batch),
        ("step", Self::Step),
    ];

    /// The axis with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, axis)| *axis)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, axis)| *axis == self).map_or("", |(name, _)| name)
    }

    /// Why nothing may have a place on it, and what to do.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::Epoch => "no run states which part of its epoch is done; give batches_per_epoch=",
            Self::Sample => "no run states its batch size; give batch_size=",
            Self::Token => "no run states its tokens; give tokens_per_sample= and batch_size=",
            Self::Batch | Self::Step => "no run states its batches; give batches_per_epoch=",
        }
    }

    fn unit(self) -> Option<Unit> {
        match self {
            Self::Epoch => None,
            Self::Sample => Some(Unit::Sample),
            Self::Token => Some(Unit::Token),
            Self::Batch => Some(Unit::Batch),
            Self::Step => Some(Unit::Step),
        }
    }

    /// Asks for what it needs of each place.
    pub(super) fn ask(self, options: &mut ReindexOptions) {
        options.done = self.unit();
    }

    /// The new steps of records at these places.
    pub(super) fn steps(self, places: &Places) -> Vec<Option<i64>> {
        match &places.done {
            Some(done) if self != Self::Epoch => done.iter().map(|done| (*done >= 0).then_some(*done)).collect(),
            _ if self == Self::Epoch => places.epoch_float.iter().map(|epochs| micro_epochs(*epochs)).collect(),
            _ => vec![None; places.epoch.len()],
        }
    }
}

/// Epochs as millionths, rounded to the nearest.
fn micro_epochs(epochs: f64) -> Option<i64> {
    const MOST: f64 = 9.0e18;
    let scaled = (epochs * OF_EPOCH).round();
    #[expect(clippy::cast_possible_truncation, reason = "a whole number in the range of the integers")]
    (0.0..MOST).contains(&scaled).then_some(scaled as i64)
}
