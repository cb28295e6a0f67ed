//! `wandb-history.jsonl`, as versions of Weights & Biases before 0.10 wrote it: an object for each call of `wandb.log`.
//!
//! `_step` counts the calls from 0 unless the caller gave a step; what else it means is not stated. `_timestamp` is the time.
//! An `epoch` or `global_step` of the caller's is a value among others, and so is `_runtime`.

use crate::shared::example::{Example, Examples};
use crate::shared::json_lines::{self, Dialect, KeyRole, probe};
use crate::shared::reader::FormatReader;
use stepbridge_records::{Format, FormatDescription, ProblemKind};

const NAME: &str = "wandb-history.jsonl";

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "wandb_history",
        title: "W&B wandb-history.jsonl",
        writer: Some("W&B"),
        step_counts_calls: true,
        ..FormatDescription::UNKNOWN
    },
    claims_name: |name| name == NAME,
    matches: |head| {
        let seen = probe(head);
        // `wandb-summary.json` is one such object.
        let several = seen.objects.len() > 1 || head.name == NAME;
        several && seen.all_have("_step") && seen.any_has(&["_timestamp", "_runtime"])
    },
    explain_mismatch: |head| {
        let reason = "it is called wandb-history.jsonl and does not begin with a JSON object";
        (!head.begins_with(b'{') && !head.begins_with(b'<')).then_some((ProblemKind::NotALog, reason))
    },
    read: |input, sink| json_lines::read(&WandbHistory, input, sink),
    examples: Examples::objects(
        NAME,
        &[
            Example::text("", |i, one, other| {
                format!(
                    "{{\"loss\": {one}, \"acc\": {other}, \"_runtime\": 5.5, \"_timestamp\": 1700000000.25, \"_step\": {i}}}"
                )
            }),
            Example::text("", |i, one, other| {
                format!(
                    "{{\"image\": {{\"_type\": \"images/separated\", \"count\": 3}}, \"a\": {{\"b\": {one}}}, \
                     \"x\": \"NaN\", \"y\": {other}, \"_step\": {i}}}"
                )
            }),
        ],
    ),
    ..FormatReader::NONE
};

struct WandbHistory;

impl Dialect for WandbHistory {
    fn format(&self) -> Format {
        READER.format()
    }

    fn role(&self, name: &str) -> KeyRole {
        match name {
            "_step" => KeyRole::Step,
            "_timestamp" => KeyRole::WallTime,
            _ => KeyRole::Value,
        }
    }

    // Its own pages join nested names with points.
    fn separator(&self) -> &'static str {
        "."
    }

    fn spells_floats(&self) -> bool {
        true
    }

    fn has_media(&self) -> bool {
        true
    }

    fn unplaced(&self) -> Option<&'static str> {
        Some("have no '_step': their records have no step")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::options::ReadOptions;
    use crate::test_reading::read_for_test;

    #[test]
    fn media_are_others_and_nested_values_have_points() {
        let text = concat!(
            "{\"a\": {\"b\": 1}, \"epoch\": 2, \"loss\": \"NaN\", \"_runtime\": 0.5, \"_timestamp\": 10.5, \"_step\": 0}\n",
            "{\"video\": {\"size\": 3, \"path\": \"x\", \"_type\": \"video-file\", \"width\": 4}, \"_timestamp\": 11, \"_step\": 1}\n",
        );
        let read = read_for_test(&READER, NAME, text.as_bytes(), &ReadOptions::default(), 1);
        let batch = &read.batches[0].columns;
        let tags: Vec<&str> = batch.tag.iter().map(|&tag| &read.batches[0].tags[tag as usize][..]).collect();
        assert_eq!(tags, ["a.b", "epoch", "loss", "_runtime"]);
        assert!(batch.value[2].is_nan());
        assert_eq!(batch.wall_time.as_deref(), Some(&[10.5; 4][..]));
        assert_eq!((read.facts.records_ok, read.facts.non_numeric, read.problems.len()), (2, 1, 0));
    }
}
