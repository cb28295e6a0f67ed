//! What the meaning of a step rests on.

/// What a step is taken to be rests on this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepBasis {
    /// The caller says it.
    Caller,
    /// The format declares it, or the file does.
    Format,
    /// The epochs that the log states.
    Epochs,
    /// A statement in the ledger.
    LedgerStated,
    /// What the ledger assumes.
    LedgerAssumed,
    /// Nothing.
    Nothing,
}

impl StepBasis {
    /// The name that people and programs see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Format => "format",
            Self::Epochs => "epochs",
            Self::LedgerStated => "ledger",
            Self::LedgerAssumed => "ledger_assumed",
            Self::Nothing => "nothing",
        }
    }
}
