//! detectron2's `metrics.json`: an object a line, whose `iteration` is the index of the training step (`JSONWriter`).
//!
//! It has no epochs. Evaluation is in the line of the iteration after which it ran. A resumed run appends.

use crate::shared::config::{ConfigFile, NamedItem};
use crate::shared::example::{Example, Examples};
use crate::shared::json_lines::{self, Dialect, KeyRole, probe};
use crate::shared::reader::FormatReader;
use crate::shared::yaml::yaml_settings;
use stepbridge_records::{ConfigItem, Format, FormatDescription, ResumeSigns, SeriesMeaning, StepMeaning, Unit};

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "detectron2",
        title: "detectron2 metrics.json",
        writer: Some("detectron2"),
        meaning: SeriesMeaning { step: Some(StepMeaning::of_run(Unit::Step, 0)), epoch: None },
        resume_signs: ResumeSigns { once_a_step: true, ..ResumeSigns::APPENDED },
        ..FormatDescription::UNKNOWN
    },
    // Hugging Face writes a file of that name as well, with final values.
    matches: |head| {
        let seen = probe(head);
        seen.all_have("iteration")
            && seen.any_has(&["eta_seconds", "data_time", "rank_data_time", "time", "lr"])
            && !seen.any_has(&["step", "_step", "epoch"])
    },
    read: |input, sink| json_lines::read(&Detectron2, input, sink),
    configs: &[ConfigFile { names: &["config.yaml"], below: None, settings: yaml_settings, item: solver_item }],
    examples: Examples::objects(
        "metrics.json",
        &[
            Example::text("", |i, one, other| {
                format!("{{\"iteration\": {}, \"lr\": {one}, \"total_loss\": {other}}}", 20 * i + 19)
            }),
            Example::text("", |i, one, other| {
                format!(
                    "{{\"bbox/AP\": {one}, \"data_time\": NaN, \"iteration\": {i}, \"total_loss\": {other}, \
                     \"eta_seconds\": 1e5}}"
                )
            }),
        ],
    ),
    ..FormatReader::NONE
};

/// What `config.yaml` says. A batch is that of all devices together, and a step has one.
fn solver_item(key: &str) -> Option<NamedItem> {
    match key {
        "SOLVER.IMS_PER_BATCH" => Some((ConfigItem::StepSamples, true)),
        "SOLVER.MAX_ITER" => Some((ConfigItem::StepLimit, true)),
        _ => None,
    }
}

struct Detectron2;

impl Dialect for Detectron2 {
    fn format(&self) -> Format {
        READER.format()
    }

    fn role(&self, name: &str) -> KeyRole {
        if name == "iteration" { KeyRole::Step } else { KeyRole::Value }
    }

    // Its names have slashes: `bbox/AP`.
    fn separator(&self) -> &'static str {
        "/"
    }

    fn unplaced(&self) -> Option<&'static str> {
        Some("have no 'iteration': their records have no step")
    }
}
