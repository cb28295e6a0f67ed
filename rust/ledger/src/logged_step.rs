//! What a ledger says of the steps that loggers are given.

use stepbridge_records::{StepMeaning, Unit};

use crate::ledger::Ledger;
use crate::schema::LoggedAs;

/// What the step is that the loggers of a run are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoggedStep<'a> {
    /// Its unit and base.
    pub step: StepMeaning,
    /// Whether somebody stated it; else the ledger assumes it.
    pub stated: bool,
    /// Who states or assumes it, as a clause.
    pub by: &'a str,
}

impl Ledger {
    /// What the first `sessions` sessions say of the steps that loggers are given; the last statement counts. If they say
    /// nothing, it is the n-th step, as an assumption.
    #[must_use]
    pub fn logged_step(&self, sessions: usize) -> LoggedStep<'_> {
        let unsaid = LoggedStep { step: StepMeaning::of_run(Unit::Step, 1), stated: false, by: "it does not say it" };
        let logged_as = self.sessions[..sessions].iter().rev().find_map(|session| session.logged_as.as_ref());
        let Some(LoggedAs { unit, base, stated, by }) = logged_as else { return unsaid };
        match (Unit::parse(unit), base) {
            (Ok(unit), 0 | 1) => LoggedStep { step: StepMeaning::of_run(unit, *base), stated: *stated, by },
            _ => unsaid,
        }
    }
}
