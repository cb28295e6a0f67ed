//! The formats, and what a step means in each: data, which the mapping starts from.

use stepbridge_timeline::Unit;

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `TensorBoard` event files.
    TfEvents,
    /// Lightning's `metrics.csv`.
    LightningCsv,
    /// Hugging Face's `trainer_state.json`.
    TrainerState,
}

/// What a number in a `step` field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StepMeaning {
    /// What it counts.
    pub unit: Unit,
    /// 0 where it is an index (the first is 0), 1 where it is the n-th.
    pub base: u8,
}

impl Format {
    /// The name that people and programs see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TfEvents => "tfevents",
            Self::LightningCsv => "lightning_csv",
            Self::TrainerState => "trainer_state",
        }
    }

    /// What the format's step is; `None` where the format does not say, and each writer decides.
    #[must_use]
    pub const fn step_meaning(self) -> Option<StepMeaning> {
        match self {
            Self::TfEvents => None,
            Self::LightningCsv => Some(StepMeaning { unit: Unit::Step, base: 0 }),
            Self::TrainerState => Some(StepMeaning { unit: Unit::Step, base: 1 }),
        }
    }
}
