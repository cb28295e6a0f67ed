//! `MMEngine`'s `vis_data/scalars.json`, and the dated file next to it that repeats it: an object a line.
//!
//! A line of training has the n-th iteration of the run as `step` (and as `iter`), and its epoch, from 1, unless the run
//! counts by iterations. A line of validation has a `step` alone. `LoggerHook` puts there how many epochs are done
//! (`log_metric_by_epoch`, which is its default) or how many iterations; which of them it is shows in the last line of
//! training: iterations never go back.

use std::io;
use std::ops::ControlFlow;

use stepbridge_records::{
    ConfigItem, Decimal, EpochMeaning, Format, FormatDescription, ProblemKind, RepeatedRecords, ResumeSigns,
    SeriesMeaning, StepMeaning, Unit,
};

use crate::shared::config::{ConfigFile, NamedItem};
use crate::shared::example::{Example, Examples};
use crate::shared::input::Input;
use crate::shared::json_lines::{self, Dialect, JsonRow, KeyRole, RecordKind, RowPlacement, RowsBefore, probe};
use crate::shared::python_calls::python_settings;
use crate::shared::reader::FormatReader;
use crate::shared::sink::Sink;

const NAME: &str = "scalars.json";

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "mmengine",
        title: "MMEngine scalars.json",
        writer: Some("MMEngine"),
        meaning: SeriesMeaning { step: Some(StepMeaning::of_run(Unit::Batch, 1)), epoch: Some(EpochMeaning::In(1)) },
        resume_signs: ResumeSigns::DATED,
        repeats: RepeatedRecords::NextTo(NAME),
        ..FormatDescription::UNKNOWN
    },
    claims_name: |name| name == NAME,
    matches: |head| {
        let seen = probe(head);
        seen.all_have("step")
            && (head.name == NAME || seen.any_has(&["data_time"]) && seen.any_has(&["time"]))
            && !seen.any_has(&["iteration", "_step", "global_step"])
    },
    explain_mismatch: |_| {
        Some((ProblemKind::NotALog, "it is called scalars.json and holds no JSON objects with a step"))
    },
    read,
    configs: &[ConfigFile {
        names: &["config.py"],
        below: Some("vis_data"),
        settings: python_settings,
        item: config_item,
    }],
    examples: Examples::objects(
        NAME,
        &[
            Example::text("", |i, one, other| {
                format!(
                    "{{\"lr\": {one}, \"data_time\": 0.5, \"loss\": {other}, \"time\": 0.25, \"epoch\": {}, \"iter\": {i}, \
                     \"step\": {i}}}",
                    i / 4 + 1
                )
            }),
            Example::text("", |i, one, other| {
                format!("{{\"accuracy/top1\": {one}, \"time\": {other}, \"step\": {i}}}")
            }),
        ],
    ),
    ..FormatReader::NONE
};

/// What the configuration of `MMEngine`, or of mmcv before it, says. Its batch sizes are those of a rank.
pub(crate) fn config_item(key: &str) -> Option<NamedItem> {
    Some(match key {
        "train_dataloader.batch_size" | "data.samples_per_gpu" | "data.imgs_per_gpu" => (ConfigItem::RankBatch, true),
        "train_cfg.max_epochs" | "runner.max_epochs" | "total_epochs" => (ConfigItem::Epochs, true),
        "train_cfg.max_iters" | "runner.max_iters" | "total_iters" => (ConfigItem::StepLimit, true),
        "optim_wrapper.accumulative_counts" | "optimizer_config.cumulative_iters" => (ConfigItem::Accumulate, true),
        _ => return None,
    })
}

fn read(input: &mut Input, sink: &mut Sink) -> io::Result<()> {
    let mut by_epoch = true;
    json_lines::look(&Mmengine { by_epoch }, input, |row| {
        if row.iter.is_none() && row.epoch.is_none() {
            return ControlFlow::Continue(());
        }
        by_epoch = row.epoch.is_some();
        ControlFlow::Break(())
    })?;
    json_lines::read(&Mmengine { by_epoch }, input, sink)
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
        READER.format()
    }

    fn role(&self, name: &str) -> KeyRole {
        match name {
            "step" => KeyRole::Step,
            "epoch" => KeyRole::Epoch,
            "iter" => KeyRole::Iter,
            _ => KeyRole::Value,
        }
    }

    // Its names have slashes: `accuracy/top1`.
    fn separator(&self) -> &'static str {
        "/"
    }

    fn kinds(&self) -> Vec<RecordKind> {
        let epochs = SeriesMeaning { step: Some(StepMeaning::of_run(Unit::Epoch, 1)), epoch: None };
        vec![RecordKind { meaning: self.format().meaning(), prefix: "" }, RecordKind { meaning: epochs, prefix: "" }]
    }

    fn settle(&self, before: &mut RowsBefore, row: &mut JsonRow) -> RowPlacement {
        let Some(step) = row.step else {
            return if row.odd { RowPlacement::Kind(ITERATIONS) } else { RowPlacement::Unplaced(ITERATIONS) };
        };
        if row.iter.is_some() || row.epoch.is_some() {
            (before.step, before.epoch) = (Some(step), row.epoch.and_then(Decimal::whole));
            return RowPlacement::Kind(ITERATIONS);
        }
        match before.step {
            None => RowPlacement::Kind(if self.by_epoch { EPOCHS } else { ITERATIONS }),
            // Loops that count iterations leave the number of epochs at 0 for ever.
            Some(_) if step == 0 => {
                row.step = None;
                RowPlacement::Unplaced(ITERATIONS)
            }
            Some(done) if step < done || before.epoch == Some(step) => RowPlacement::Kind(EPOCHS),
            Some(_) => RowPlacement::Kind(ITERATIONS),
        }
    }

    fn unplaced(&self) -> Option<&'static str> {
        Some("have no usable step (missing, or a validation step stuck at 0): their records have no step")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::options::ReadOptions;
    use crate::test_reading::read_for_test;

    /// Each batch as its step's unit and its records' steps and epochs.
    fn batches(text: &str) -> Vec<(Unit, Vec<Option<i64>>, bool)> {
        let read = read_for_test(&READER, NAME, text.as_bytes(), &ReadOptions::default(), 1);
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
}
