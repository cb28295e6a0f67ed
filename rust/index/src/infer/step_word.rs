//! What the caller says of the steps of a run.

use stepbridge_records::StepMeaning;
use stepbridge_timeline::Unit;

/// What the caller says of the steps of a run. It comes before what the log says, in inference as in re-indexing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepWord {
    /// What they count.
    pub unit: Option<Unit>,
    /// 0 if a step is an index, 1 if it is the n-th.
    pub base: Option<u8>,
}

impl StepWord {
    /// The word on a run, among those on all runs.
    pub(crate) fn of(words: &[Self], run: u32) -> Self {
        words.get(run as usize).copied().unwrap_or_default()
    }

    /// The meaning of steps that a log declares, as the caller corrects it; `None` if that is not all that is to know.
    pub(crate) fn of_step(self, declared: Option<StepMeaning>) -> Option<StepMeaning> {
        match (self.unit, self.base.or(declared.map(|step| step.base))) {
            // A caller who says what steps count means a count over the run.
            (Some(unit), base) => base.map(|base| StepMeaning::of_run(unit, base)),
            (None, _) => declared.map(|step| StepMeaning { base: self.base.unwrap_or(step.base), ..step }),
        }
    }
}
