//! LLaMA-Factory's `trainer_log.jsonl`: an object a line, written whenever Hugging Face's Trainer logs.
//!
//! `current_steps` is the n-th update, `epoch` how many epochs are done, rounded. `elapsed_time` and `remaining_time` are texts.

use stepbridge_records::{EpochMeaning, Format, FormatDescription, SeriesMeaning, StepMeaning, Unit};

use crate::shared::example::{Example, Examples};
use crate::shared::json_lines::{self, Dialect, KeyRole, probe};
use crate::shared::reader::FormatReader;

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "llama_factory",
        title: "LLaMA-Factory trainer_log.jsonl",
        writer: Some("LLaMA-Factory"),
        meaning: SeriesMeaning { step: Some(StepMeaning::of_run(Unit::Step, 1)), epoch: Some(EpochMeaning::Elapsed) },
        ..FormatDescription::UNKNOWN
    },
    matches: |head| {
        let seen = probe(head);
        seen.all_have("current_steps") && seen.any_has(&["total_steps"])
    },
    read: |input, sink| json_lines::read(&LlamaFactory, input, sink),
    examples: Examples::objects(
        "trainer_log.jsonl",
        &[Example::text("", |i, one, other| {
            format!(
                "{{\"current_steps\": {i}, \"total_steps\": 12, \"loss\": {one}, \"lr\": {other}, \"epoch\": {}, \
                 \"elapsed_time\": \"0:00:{i}\"}}",
                f64::from(i) / 4.0
            )
        })],
    ),
    ..FormatReader::NONE
};

struct LlamaFactory;

impl Dialect for LlamaFactory {
    fn format(&self) -> Format {
        READER.format()
    }

    fn role(&self, name: &str) -> KeyRole {
        match name {
            "current_steps" => KeyRole::Step,
            "epoch" => KeyRole::Epoch,
            _ => KeyRole::Value,
        }
    }

    fn unplaced(&self) -> Option<&'static str> {
        Some("have no 'current_steps': their records have no step")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::options::ReadOptions;
    use crate::test_reading::read_for_test;
    use stepbridge_records::Decimal;

    #[test]
    fn updates_and_elapsed_epochs() {
        let text = concat!(
            "{\"current_steps\": 5, \"total_steps\": 40, \"loss\": 2.5, \"epoch\": 0.5, \"remaining_time\": \"0:10:00\"}\n",
            "{\"current_steps\": 10, \"total_steps\": 40, \"eval_loss\": 2.25, \"epoch\": 1.0}\n",
        );
        let read = read_for_test(&READER, "trainer_log.jsonl", text.as_bytes(), &ReadOptions::default(), 1);
        let batch = &read.batches[0].columns;
        assert_eq!(read.batches[0].tags, ["total_steps", "loss", "remaining_time", "eval_loss"]);
        assert_eq!(batch.step, Some(vec![5, 5, 10, 10]));
        assert_eq!(batch.epoch_of(0), Decimal::parse("0.5"));
        assert_eq!((read.problems.len(), read.facts.non_numeric), (0, 1));
    }
}
