//! What the numbers of a record mean.

use stepbridge_timeline::Unit;

/// What the step and the epoch of a series mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeriesMeaning {
    /// What the step is. `None` if the format does not say it and each writer decides, and if there is no step.
    pub step: Option<StepMeaning>,
    /// What the logged epoch is. `None` if the format does not say it, and if there is none.
    pub epoch: Option<EpochMeaning>,
}

/// What a number in a `step` field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StepMeaning {
    /// What it counts.
    pub unit: Unit,
    /// 0 if it is an index (the first is 0), 1 if it is the n-th.
    pub base: u8,
    /// Where the count begins again.
    pub scope: StepScope,
}

/// Over what a step is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepScope {
    /// The whole run.
    Run,
    /// The epoch of the record.
    Epoch,
}

/// What a number in an `epoch` field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EpochMeaning {
    /// The epoch that the record is in, counted from this base.
    In(u8),
    /// The epoch that the record ends, counted from this base: one row an epoch.
    Ends(u8),
    /// How many epochs were complete after the record's step, with a fraction.
    Elapsed,
}

impl StepMeaning {
    /// A count over the whole run.
    #[must_use]
    pub const fn of_run(unit: Unit, base: u8) -> Self {
        Self { unit, base, scope: StepScope::Run }
    }

    /// A count inside an epoch.
    #[must_use]
    pub const fn of_epoch(unit: Unit, base: u8) -> Self {
        Self { unit, base, scope: StepScope::Epoch }
    }
}

impl StepScope {
    /// The name that people and programs see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Epoch => "epoch",
        }
    }
}

impl EpochMeaning {
    /// The number of the first epoch, if epochs are numbered.
    #[must_use]
    pub const fn base(self) -> Option<u8> {
        match self {
            Self::In(base) | Self::Ends(base) => Some(base),
            Self::Elapsed => None,
        }
    }

    /// The name that programs see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::In(_) => "in",
            Self::Ends(_) => "ends",
            Self::Elapsed => "elapsed",
        }
    }
}

/// What the values of a tag are if they are epochs and all of them whole; `None` if the tag holds something else.
///
/// The names are those of Lightning, and of Hugging Face. A value with a fraction is always how many epochs were complete.
#[must_use]
pub fn epoch_tag(name: &str) -> Option<EpochMeaning> {
    match name {
        "epoch" | "trainer/epoch" => Some(EpochMeaning::In(0)),
        "train/epoch" => Some(EpochMeaning::Elapsed),
        _ => None,
    }
}
