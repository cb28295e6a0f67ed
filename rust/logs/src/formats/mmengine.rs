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
use super::{Input, Reader, Sink};
use stepbridge_records::{Decimal, Format, ProblemKind, SeriesMeaning, StepMeaning};

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
        let epochs = SeriesMeaning { step: Some(StepMeaning::of_run(Unit::Epoch, 1)), epoch: None };
        vec![Kind { meaning: self.format().meaning(), prefix: "" }, Kind { meaning: epochs, prefix: "" }]
    }

    fn settle(&self, last: &mut Last, row: &mut Row) -> Settled {
        let Some(step) = row.step else {
            return if row.odd { Settled::Kind(ITERATIONS) } else { Settled::Unplaced(ITERATIONS) };
        };
        if row.iter.is_some() || row.epoch.is_some() {
            *last = Last { step: Some(step), epoch: row.epoch.and_then(Decimal::whole) };
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
        Some(
            "do not say where they stand (a step that is missing, or a validation's that stays at 0): their records have no step",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::read_for_test;
    use crate::options::ReadOptions;

    /// Each batch as its step's unit and its records' steps and epochs.
    fn batches(text: &str) -> Vec<(Unit, Vec<Option<i64>>, bool)> {
        let read = read_for_test(Format::Mmengine, NAME, text.as_bytes(), &ReadOptions::default(), 1);
        assert_eq!(read.facts.records_ok, text.lines().count() as u64);
        let unit = |meaning: SeriesMeaning| meaning.step.map(|step| step.unit).expect("a unit");
        let steps =
            |batch: &stepbridge_records::ColumnBatch| (0..batch.len()).map(|index| batch.step_of(index)).collect();
        read.batches
            .iter()
            .map(|it| (unit(it.columns.meaning), steps(&it.columns), it.columns.epoch.is_some()))
            .collect()
    }

    #[test]
    fn a_validation_counts_epochs_or_iterations() {
        let train = |epoch: i64, step: i64| {
            format!("{{\"loss\": 1.0, \"epoch\": {epoch}, \"iter\": {step}, \"step\": {step}}}\n")
        };
        let by_iter = |step: i64| format!("{{\"loss\": 1.0, \"iter\": {step}, \"step\": {step}}}\n");
        let val = |step: i64| format!("{{\"acc\": 1.0, \"step\": {step}}}\n");
        for (name, text, expected) in [
            (
                "by epoch",
                train(1, 390) + &val(1) + &train(2, 780),
                vec![
                    (Unit::Batch, vec![Some(390)], true),
                    (Unit::Epoch, vec![Some(1)], false),
                    (Unit::Batch, vec![Some(780)], true),
                ],
            ),
            (
                "log_metric_by_epoch=False",
                train(1, 390) + &val(390),
                vec![(Unit::Batch, vec![Some(390), Some(390)], true)],
            ),
            (
                "every second epoch",
                train(1, 390) + &train(2, 780) + &val(2),
                vec![(Unit::Batch, vec![Some(390), Some(780)], true), (Unit::Epoch, vec![Some(2)], false)],
            ),
            (
                "one iteration an epoch",
                train(5, 5) + &val(5),
                vec![(Unit::Batch, vec![Some(5)], true), (Unit::Epoch, vec![Some(5)], false)],
            ),
            (
                "by iteration",
                by_iter(3) + &val(3) + &val(4),
                vec![(Unit::Batch, vec![Some(3), Some(3), Some(4)], false)],
            ),
            (
                "a number that stays at 0",
                by_iter(3) + &val(0) + &by_iter(6),
                vec![(Unit::Batch, vec![Some(3), None, Some(6)], false)],
            ),
            (
                "validation first, by epoch",
                val(4) + &train(5, 1950),
                vec![(Unit::Epoch, vec![Some(4)], false), (Unit::Batch, vec![Some(1950)], true)],
            ),
            (
                "validation first, by iteration",
                val(4) + &by_iter(5),
                vec![(Unit::Batch, vec![Some(4), Some(5)], false)],
            ),
        ] {
            assert_eq!(batches(&text), expected, "{name}");
        }
    }

    #[test]
    fn a_dated_file_that_repeats_the_other_is_read_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let lines = "{\"loss\": 1.0, \"time\": 1.0, \"data_time\": 0.1, \"step\": 1}\n{\"loss\": 2.0, \"step\": 2}\n";
        let more = lines.to_owned() + "{\"extra\": 2.0, \"step\": 2}\n";
        std::fs::write(folder.path().join(NAME), &more).expect("written");
        std::fs::write(folder.path().join("20230101_000000.json"), lines).expect("written");
        std::fs::write(folder.path().join("20230102_000000.json"), lines.replace("2.0", "3.0")).expect("written");
        let logs =
            crate::read(folder.path(), &ReadOptions::default(), &stepbridge_io::progress::Progress::default(), 1)
                .expect("logs");
        let kinds: Vec<_> = logs.records.problems.iter().map(|problem| (&problem.file[..], problem.kind)).collect();
        assert_eq!(kinds, [("20230101_000000.json", ProblemKind::Repeated)]);
        assert_eq!((logs.files.len(), logs.records.len()), (2, 9));
    }
}
