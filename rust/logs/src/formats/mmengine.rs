//! `MMEngine`'s `vis_data/scalars.json`, and the dated file beside it that repeats it: an object a line.
//!
//! A line of training has the n-th iteration of the run as `step` (and as `iter`), and its epoch, from 1, unless the run
//! counts by iterations. A line of validation has a `step` alone. `LoggerHook` puts there how many epochs are done
//! (`log_metric_by_epoch`, which is its default) or how many iterations; which of them it is shows beside the last line of
//! training: iterations never go back.

use std::io;
use std::ops::ControlFlow;

use stepbridge_timeline::Unit;

use super::objects::{self, Dialect, Kind, Last, Role, Row, Settled, seen};
use super::{Format, Input, Meaning, Reader, Sink, StepMeaning};
use crate::problem::ProblemKind;
use crate::record::Stated;

const NAME: &str = "scalars.json";

pub(super) static READER: Reader = Reader {
    format: Format::Mmengine,
    promised: |name| name == NAME,
    recognised: |head| {
        let seen = seen(head);
        seen.all_have("step")
            && (head.name == NAME || seen.any_has(&["data_time"]) && seen.any_has(&["time"]))
            && !seen.any_has(&["iteration", "_step", "global_step"])
    },
    otherwise: |_| Some((ProblemKind::NotALog, "it is called scalars.json and holds no JSON objects with a step")),
    read,
};

fn read(input: &mut Input, sink: &mut Sink) -> io::Result<()> {
    let mut by_epoch = true;
    objects::look(&Mmengine { by_epoch }, input, |row| {
        if row.iter.is_none() && row.epoch.is_none() {
            return ControlFlow::Continue(());
        }
        by_epoch = row.epoch.is_some();
        ControlFlow::Break(())
    })?;
    objects::read(&Mmengine { by_epoch }, input, sink)
}

struct Mmengine {
    /// Whether the lines of training state an epoch.
    by_epoch: bool,
}

/// Lines of training, and those of validation that count iterations.
const ITERATIONS: usize = 0;
/// Lines of validation whose step is the number of epochs that are done.
const EPOCHS: usize = 1;

impl Dialect for Mmengine {
    fn format(&self) -> Format {
        Format::Mmengine
    }

    fn role(&self, name: &str) -> Role {
        match name {
            "step" => Role::Step,
            "epoch" => Role::Epoch,
            "iter" => Role::Iter,
            _ => Role::Value,
        }
    }

    // Its names have slashes: `accuracy/top1`.
    fn separator(&self) -> &'static str {
        "/"
    }

    fn kinds(&self) -> Vec<Kind> {
        let epochs = Meaning { step: Some(StepMeaning::of_run(Unit::Epoch, 1)), epoch: None };
        vec![Kind { meaning: self.format().meaning(), prefix: "" }, Kind { meaning: epochs, prefix: "" }]
    }

    fn settle(&self, last: &mut Last, row: &mut Row) -> Settled {
        let Some(step) = row.step else {
            return if row.odd { Settled::Kind(ITERATIONS) } else { Settled::Unplaced(ITERATIONS) };
        };
        if row.iter.is_some() || row.epoch.is_some() {
            *last = Last { step: Some(step), epoch: row.epoch.and_then(Stated::whole) };
            return Settled::Kind(ITERATIONS);
        }
        match last.step {
            None => Settled::Kind(if self.by_epoch { EPOCHS } else { ITERATIONS }),
            // Loops that count iterations leave the number of epochs at 0 for ever.
            Some(_) if step == 0 => {
                row.step = None;
                Settled::Unplaced(ITERATIONS)
            }
            Some(done) if step < done || last.epoch == Some(step) => Settled::Kind(EPOCHS),
            Some(_) => Settled::Kind(ITERATIONS),
        }
    }

    fn unplaced(&self) -> Option<&'static str> {
        Some("do not say where they stand (a step that is missing, or a validation's that stays at 0): their records have no step")
    }
}
