//! The run's own configuration, as far as it tells how long the run and its epochs are.

/// A number of the configuration of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// What it says.
    pub item: ConfigItem,
    /// Its name in the file.
    pub key: String,
    /// The number.
    pub value: u64,
    /// The file, relative to the path that the caller gave.
    pub file: String,
    /// Whether the name says exactly this. `batch_size` may be that of one rank or of all, so it is not sure.
    pub sure: bool,
}

/// What a number of the configuration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConfigItem {
    /// How many steps the planned epochs take.
    Steps,
    /// At which step the run ends at the latest, whatever its epochs.
    StepLimit,
    /// How many epochs it is planned to have; a part of an epoch counts as one.
    Epochs,
    /// How many steps an epoch has.
    EpochSteps,
    /// How many batches an epoch has.
    EpochBatches,
    /// How many samples an epoch has.
    Samples,
    /// How many samples a batch has, all ranks together.
    Batch,
    /// How many samples a batch of one rank has.
    RankBatch,
    /// How many samples a step has, over all ranks and accumulated batches.
    StepSamples,
    /// How many batches a step accumulates.
    Accumulate,
    /// How many ranks there are.
    Ranks,
}

impl ConfigItem {
    /// The name that people and programs see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Steps => "steps",
            Self::StepLimit => "step_limit",
            Self::Epochs => "epochs",
            Self::EpochSteps => "steps_per_epoch",
            Self::EpochBatches => "batches_per_epoch",
            Self::Samples => "samples",
            Self::Batch => "batch_size",
            Self::RankBatch => "batch_size_per_rank",
            Self::StepSamples => "samples_per_step",
            Self::Accumulate => "accumulate",
            Self::Ranks => "ranks",
        }
    }
}
