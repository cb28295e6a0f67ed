//! What the numbers of a log may mean.

use stepbridge_records::{EpochMeaning, epoch_tag};

/// What the numbers of pairs are, where their log does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hypothesis {
    /// Where steps count from.
    pub(crate) base: u8,
    /// A number from 0 or 1, or what was completed.
    pub(crate) epoch: EpochMeaning,
}

/// The two ways in which epochs are stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EpochForm {
    /// A whole number: the epoch in which the update happened (Lightning).
    Index,
    /// What was completed after the update, in epochs (Hugging Face).
    Elapsed,
}

impl Hypothesis {
    /// The index of the epoch in which the update with index `step` happened: Lightning's.
    pub(crate) const INDEX: Self = Self { base: 0, epoch: EpochMeaning::In(0) };
    /// What was completed after `step` updates, in epochs: Hugging Face's.
    pub(crate) const ELAPSED: Self = Self { base: 1, epoch: EpochMeaning::Elapsed };

    /// What the values of a tag say if they are epochs, and all of them whole.
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
