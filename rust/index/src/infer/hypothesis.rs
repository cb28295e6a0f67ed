//! What the numbers of a log may mean.

use stepbridge_records::{EpochMeaning, epoch_tag};

/// What the numbers of pairs may mean, if their log does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hypothesis {
    /// The number of the first step.
    pub(crate) base: u8,
    /// The meaning of the epoch.
    pub(crate) epoch: EpochMeaning,
}

/// The two forms of logged epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EpochForm {
    /// An integer: the epoch in which the update happened (Lightning).
    Index,
    /// How many epochs were complete after the update (Hugging Face).
    Elapsed,
}

impl Hypothesis {
    /// The index of the epoch in which the update with index `step` happened, as Lightning logs it.
    pub(crate) const INDEX: Self = Self { base: 0, epoch: EpochMeaning::In(0) };
    /// How many epochs were complete after `step` updates, as Hugging Face logs it.
    pub(crate) const ELAPSED: Self = Self { base: 1, epoch: EpochMeaning::Elapsed };

    /// The hypothesis for the values of a tag, if they are epochs and all of them integers.
    pub(crate) fn of_tag(name: &str) -> Option<Self> {
        Some(if epoch_tag(name)? == EpochMeaning::Elapsed { Self::ELAPSED } else { Self::INDEX })
    }

    pub(crate) const fn form(self) -> EpochForm {
        match self.epoch {
            EpochMeaning::Elapsed => EpochForm::Elapsed,
            EpochMeaning::In(_) | EpochMeaning::Ends(_) => EpochForm::Index,
        }
    }
}
