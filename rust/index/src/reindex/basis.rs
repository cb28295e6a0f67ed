//! What the meaning of a step rests on.

/// What the meaning of a step rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepBasis {
    /// The caller says it.
    Caller,
    /// The format or the file declares it.
    Format,
    /// The logged epochs show it.
    Epochs,
    /// The ledger states it.
    LedgerStated,
    /// The ledger assumes it.
    LedgerAssumed,
    /// Nothing: it is assumed.
    Nothing,
    /// Nothing: two meanings fit, so that none is taken.
    Undecided,
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
            Self::Undecided => "undecided",
        }
    }
}
