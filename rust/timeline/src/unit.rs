//! Units, and the rules for an open accumulation window at the end of an epoch.

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// One training example.
    Sample,
    /// One token; known only if the run counts them.
    Token,
    /// One batch from the loader, all ranks together.
    Batch,
    /// One optimizer update.
    Step,
    /// One pass over the loader.
    Epoch,
    /// The planned run as a whole; amounts are fractions of it.
    Duration,
}

impl Unit {
    /// Every unit, smallest first.
    pub const ALL: [Self; 6] = [Self::Sample, Self::Token, Self::Batch, Self::Step, Self::Epoch, Self::Duration];

    /// The symbol that follows a number: `"3ep"`.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Sample => "sp",
            Self::Token => "tok",
            Self::Batch => "ba",
            Self::Step => "st",
            Self::Epoch => "ep",
            Self::Duration => "dur",
        }
    }

    /// The unit's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Token => "token",
            Self::Batch => "batch",
            Self::Step => "step",
            Self::Epoch => "epoch",
            Self::Duration => "duration",
        }
    }

    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Sample => "samples",
            Self::Token => "tokens",
            Self::Batch => "batches",
            Self::Step => "steps",
            Self::Epoch => "epochs",
            Self::Duration => "durations",
        }
    }

    /// Reads a unit's name, its plural or its symbol, in any case.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let is = |known: &str| text.eq_ignore_ascii_case(known);
        Self::ALL.into_iter().find(|unit| is(unit.name()) || is(unit.symbol()) || is(unit.plural())).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|unit| format!("{} ({})", unit.symbol(), unit.name())).collect();
            Error::invalid(format!("unknown unit {text:?}: expected one of {}", known.join(", ")))
        })
    }

    /// Whether only whole amounts make sense.
    #[must_use]
    pub fn is_counted(self) -> bool {
        !matches!(self, Self::Epoch | Self::Duration)
    }
}

/// What happens to an accumulation window that is still open when its epoch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Boundary {
    /// A short update closes it (Lightning, HF Trainer, Accelerate).
    #[default]
    Flush,
    /// It continues in the next epoch (Keras, optax, Ignite).
    Carry,
    /// It is thrown away; no update happens.
    Drop,
    /// The count starts anew, and the gradients that are left join the next window (streams of Hugging Face's Trainer).
    Spill,
}

/// What happens to an accumulation window that is open when its epoch is left before its data ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum OnCut {
    /// It continues in the next epoch (Accelerate, Ignite, optax, a loop of your own).
    #[default]
    Carry,
    /// It is thrown away (Lightning).
    Drop,
    /// The count starts anew, and the gradients that are left join the next window (Hugging Face's Trainer).
    Spill,
}

impl OnCut {
    /// The rule's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Carry => "carry",
            Self::Drop => "drop",
            Self::Spill => "spill",
        }
    }

    /// Reads a rule's name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        [Self::Carry, Self::Drop, Self::Spill].into_iter().find(|rule| rule.name() == text).ok_or_else(|| {
            Error::invalid(format!("unknown on_cut {text:?}: expected \"carry\", \"drop\" or \"spill\""))
        })
    }
}

impl Boundary {
    /// The rule's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Flush => "flush",
            Self::Carry => "carry",
            Self::Drop => "drop",
            Self::Spill => "spill",
        }
    }

    /// Reads a rule's name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        [Self::Flush, Self::Carry, Self::Drop, Self::Spill].into_iter().find(|rule| rule.name() == text).ok_or_else(
            || {
                Error::invalid(format!(
                    "unknown boundary {text:?}: expected \"flush\", \"carry\", \"drop\" or \"spill\""
                ))
            },
        )
    }
}
