//! The `*.log.json` of mmcv before `MMEngine`: an object a line, the first one about the environment.
//!
//! `mode` parts training from validation; the names of the tags begin with it, as in the event files of mmcv's own
//! `TensorboardLoggerHook`. In training, `iter` counts from 1: inside the epoch, or over the run where the runner goes by
//! iterations. The environment says which, where it holds the configuration; else a new epoch shows it, as `iter` falls
//! back to its beginning or goes on. Both readings are the same as long as the first epoch lasts. The `iter` of a
//! validation is how many batches the validation had, or, in old versions, an iteration; its `epoch` is the one that it closes.

use std::borrow::Cow;
use std::io;
use std::ops::ControlFlow;

use memchr::memmem;
use stepbridge_io::json::{JsonCursor, unescaped};
use stepbridge_records::{
    Decimal, EpochMeaning, Format, FormatDescription, ResumeSigns, SeriesMeaning, StepMeaning, Unit,
};

use crate::mmengine::config_item;
use crate::shared::config::entries;
use crate::shared::example::{Example, Examples};
use crate::shared::input::Input;
use crate::shared::json_lines::{
    self, Dialect, JsonRow, KeyRole, LineMode, RecordKind, RowPlacement, RowsBefore, first_line, probe,
};
use crate::shared::python_calls::python_settings;
use crate::shared::reader::FormatReader;
use crate::shared::sink::Sink;

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "mmcv",
        title: "mmcv log.json",
        writer: Some("MMEngine"),
        meaning: SeriesMeaning { step: Some(StepMeaning::of_epoch(Unit::Batch, 1)), epoch: Some(EpochMeaning::In(1)) },
        resume_signs: ResumeSigns::DATED,
        ..FormatDescription::UNKNOWN
    },
    matches: |head| {
        // A configuration may be longer than what is seen of the file.
        let environment = head.text().starts_with(b"{\"env_info\"") && head.name.ends_with(".log.json");
        let seen = probe(head);
        let of_mode = |keys: &json_lines::ProbedKeys| {
            keys.others.contains("mode") && keys.numbers.contains_key("epoch") && keys.numbers.contains_key("iter")
        };
        environment || seen.objects.iter().any(of_mode) && seen.objects.iter().skip(1).all(of_mode)
    },
    read,
    examples: Examples::objects(
        "20200101_000000.log.json",
        &[
            Example::text(
                "{\"env_info\": \"sys.platform: linux\\nPython: 3.7\", \"config\": \"runner = \
                 dict(type='EpochBasedRunner')\", \"seed\": null}\n",
                |i, one, other| {
                    let (mode, epoch, iter) = (if i % 5 == 4 { "val" } else { "train" }, i / 5 + 1, i % 5 + 1);
                    format!(
                        "{{\"mode\": \"{mode}\", \"epoch\": {epoch}, \"iter\": {iter}, \"lr\": {one}, \"loss\": {other}}}"
                    )
                },
            ),
            Example::text("", |i, one, other| {
                format!(
                    "{{\"mode\": \"train\", \"epoch\": 1, \"iter\": {i}, \"lr\": {{\"a\": {one}, \"b\": [0.5]}}, \
                     \"loss\": {other}}}"
                )
            }),
        ],
    ),
    ..FormatReader::NONE
};

fn read(input: &mut Input, sink: &mut Sink) -> io::Result<()> {
    let environment = first_line(input.bytes, input.size)?;
    let over_run = over_run(&environment, input)?;
    if let Some(program) = configuration(&environment) {
        sink.config = entries(input.file, python_settings(input.name, &program), config_item);
    }
    json_lines::read(&Mmcv { over_run }, input, sink)
}

/// The configuration that the environment holds, which is a program.
fn configuration(environment: &[u8]) -> Option<Cow<'_, str>> {
    let mut cursor = JsonCursor::new(environment, 0);
    cursor.expect(b'{').ok()?;
    loop {
        if cursor.name().ok()? == "config" {
            return cursor.string().ok().map(unescaped);
        }
        cursor.value().ok()?;
        cursor.expect(b',').ok()?;
    }
}

/// Whether `iter` counts over the whole run.
fn over_run(environment: &[u8], input: &Input) -> io::Result<bool> {
    for (name, over_run) in [(&b"IterBasedRunner"[..], true), (b"EpochBasedRunner", false)] {
        if memmem::find(environment, name).is_some() {
            return Ok(over_run);
        }
    }
    let mut found = false;
    let mut before: Option<(i64, i64)> = None;
    json_lines::look(&Mmcv { over_run: false }, input, |row| {
        let (LineMode::Train, Some(iter), Some(epoch)) = (row.mode, row.step, row.epoch.and_then(Decimal::whole))
        else {
            return ControlFlow::Continue(());
        };
        match before.replace((epoch, iter)) {
            // The epoch after this one: the iteration goes on, or it begins again.
            Some((last, done)) if epoch > last => {
                found = iter > done;
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        }
    })?;
    Ok(found)
}

struct Mmcv {
    over_run: bool,
}

const TRAINING: usize = 0;
/// A validation that closes an epoch.
const CLOSING: usize = 1;
/// A validation after an iteration of the run.
const AFTER: usize = 2;

impl Dialect for Mmcv {
    fn format(&self) -> Format {
        READER.format()
    }

    fn role(&self, name: &str) -> KeyRole {
        match name {
            "mode" => KeyRole::Mode,
            "epoch" => KeyRole::Epoch,
            "iter" => KeyRole::Step,
            _ => KeyRole::Value,
        }
    }

    // Rates of several optimizers are an object, which its event files show as `learning_rate/NAME`.
    fn separator(&self) -> &'static str {
        "/"
    }

    fn kinds(&self) -> Vec<RecordKind> {
        let own = self.format().meaning();
        let of_run = SeriesMeaning { step: Some(StepMeaning::of_run(Unit::Batch, 1)), epoch: own.epoch };
        let closing = SeriesMeaning { step: None, epoch: Some(EpochMeaning::Ends(1)) };
        vec![
            RecordKind { meaning: if self.over_run { of_run } else { own }, prefix: "train/" },
            RecordKind { meaning: closing, prefix: "val/" },
            RecordKind { meaning: of_run, prefix: "val/" },
        ]
    }

    fn settle(&self, before: &mut RowsBefore, row: &mut JsonRow) -> RowPlacement {
        match row.mode {
            LineMode::None => RowPlacement::Header,
            LineMode::Train => {
                (before.step, before.epoch) = (row.step, row.epoch.and_then(Decimal::whole));
                RowPlacement::Kind(TRAINING)
            }
            LineMode::Validation if self.over_run => {
                // A number below that of the last iteration counts the batches of the validation.
                row.step = row.step.filter(|step| before.step.is_some_and(|done| *step >= done));
                if row.step.is_none() { RowPlacement::Unplaced(AFTER) } else { RowPlacement::Kind(AFTER) }
            }
            LineMode::Validation => {
                row.step = None;
                RowPlacement::Kind(CLOSING)
            }
        }
    }

    fn unplaced(&self) -> Option<&'static str> {
        Some("of validation say how many batches it had, not after which iteration it ran: their records have no step")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::contents::FileContents;
    use crate::shared::options::ReadOptions;
    use crate::test_reading::read_for_test;
    use stepbridge_records::StepScope;

    fn read_text(text: &str) -> FileContents {
        read_for_test(&READER, "x.log.json", text.as_bytes(), &ReadOptions::default(), 1)
    }

    fn line(mode: &str, epoch: i64, iter: i64) -> String {
        format!("{{\"mode\": \"{mode}\", \"epoch\": {epoch}, \"iter\": {iter}, \"loss\": 1.0}}\n")
    }

    /// The first tag of a batch, the scope of its step, and its steps.
    type ProbedLines<'a> = (&'a str, Option<StepScope>, Vec<Option<i64>>);

    fn batches(read: &FileContents) -> Vec<ProbedLines<'_>> {
        let steps =
            |batch: &stepbridge_records::ColumnBatch| (0..batch.len()).map(|index| batch.step_of(index)).collect();
        (read.batches.iter())
            .map(|it| (&it.tags[0][..], it.columns.meaning.step.map(|step| step.scope), steps(&it.columns)))
            .collect()
    }

    #[test]
    fn an_iteration_is_of_its_epoch_or_of_the_run() {
        let by_epoch = line("train", 1, 50) + &line("train", 1, 100) + &line("val", 1, 20) + &line("train", 2, 50);
        let inside = vec![
            ("train/loss", Some(StepScope::Epoch), vec![Some(50), Some(100)]),
            ("val/loss", None, vec![None]),
            ("train/loss", Some(StepScope::Epoch), vec![Some(50)]),
        ];
        assert_eq!(batches(&read_text(&by_epoch)), inside);
        let environment =
            "{\"env_info\": \"sys\", \"config\": \"runner = dict(type='IterBasedRunner')\", \"seed\": 7}\n";
        let by_run = line("train", 1, 50) + &line("val", 1, 50) + &line("val", 1, 20) + &line("train", 1, 100);
        let over = vec![
            ("train/loss", Some(StepScope::Run), vec![Some(50)]),
            ("val/loss", Some(StepScope::Run), vec![Some(50), None]),
            ("train/loss", Some(StepScope::Run), vec![Some(100)]),
        ];
        let read = read_text(&(environment.to_owned() + &by_run));
        assert_eq!(batches(&read), over);
        // The environment is not a record, and a validation that cannot be placed is reported.
        assert_eq!((read.facts.records_ok, read.facts.non_numeric), (5, 3));
        assert_eq!(read.problems.len(), 1, "{:?}", read.problems);
        // With no environment a second epoch shows it.
        assert_eq!(batches(&read_text(&(by_run + &line("train", 2, 150))))[0].1, Some(StepScope::Run));
    }

    #[test]
    fn rates_of_several_optimizers_are_values_each() {
        let read = read_text("{\"mode\": \"train\", \"epoch\": 1, \"iter\": 5, \"lr\": {\"g\": 0.1, \"d\": 0.2}}\n");
        assert_eq!(read.batches[0].tags[read.batches[0].columns.tag[0] as usize], "train/lr/g");
        assert_eq!(read.batches[0].columns.value, [0.1, 0.2]);
    }
}
