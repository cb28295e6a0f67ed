//! `RLlib`'s `result.json`: an object a line, one for each training iteration.
//!
//! The step of a line is how many steps of the environment were taken, as in `progress.csv`: no unit of a training loop.
//! `training_iteration` and `time_total_s` are values. Newer versions leave `timesteps_total` empty and write
//! `num_env_steps_sampled_lifetime`. A trial that was restored appends, from its checkpoint on.

use stepbridge_records::{Format, FormatDescription, RepeatedRecords};

use crate::shared::example::{Example, Examples};
use crate::shared::json_lines::{self, Dialect, KeyRole, first_line, probe};
use crate::shared::reader::FormatReader;

/// The file of a trial.
pub(super) const RESULT: &str = "result.json";

/// Names of the key that counts steps of the environment, the oldest first.
const STEPS: [&str; 3] = ["timesteps_total", "num_env_steps_sampled_lifetime", "num_env_steps_sampled"];

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "rllib",
        title: "RLlib result.json",
        writer: Some("RLlib"),
        // It writes `progress.csv` too.
        repeats: RepeatedRecords::NextTo(RESULT),
        ..FormatDescription::UNKNOWN
    },
    matches: |head| {
        let seen = probe(head);
        seen.all_have("training_iteration") && STEPS.iter().any(|name| seen.all_have(name))
    },
    read: |input, sink| {
        let first = first_line(input.bytes, input.size)?;
        // A number follows the name that is in use.
        let counts = |name: &&&str| {
            let key = format!("\"{name}\":");
            memchr::memmem::find(&first, key.as_bytes())
                .and_then(|at| first[at + key.len()..].trim_ascii_start().first())
                .is_some_and(u8::is_ascii_digit)
        };
        let step = STEPS.iter().find(counts).unwrap_or(&STEPS[0]);
        json_lines::read(&Rllib { step }, input, sink)
    },
    examples: Examples::objects(
        RESULT,
        &[Example::text("", |i, one, other| {
            format!(
                "{{\"episode_reward_mean\": {one}, \"timesteps_total\": {}, \"training_iteration\": {i}, \
                 \"info\": {{\"learner\": {{\"loss\": {other}}}}}, \"config\": {{\"env\": \"CartPole\"}}}}",
                4000 * u32::from(i)
            )
        })],
    ),
    ..FormatReader::NONE
};

struct Rllib {
    step: &'static str,
}

impl Dialect for Rllib {
    fn format(&self) -> Format {
        READER.format()
    }

    fn role(&self, name: &str) -> KeyRole {
        match name {
            "timestamp" => KeyRole::WallTime,
            _ if name == self.step => KeyRole::Step,
            _ => KeyRole::Value,
        }
    }

    // As in the names of its `progress.csv`.
    fn separator(&self) -> &'static str {
        "/"
    }

    fn unplaced(&self) -> Option<&'static str> {
        Some("do not say how many steps of the environment were taken: their records have no step")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{SniffedFormat, sniff};
    use crate::shared::head::FileHead;
    use crate::shared::options::ReadOptions;
    use crate::test_reading::read_for_test;

    #[test]
    fn old_and_new_versions_have_their_step() {
        for text in [
            "{\"timesteps_total\": 400, \"training_iteration\": 1, \"info\": {\"loss\": 0.5}, \"timestamp\": 1700000000}\n",
            "{\"timesteps_total\": null, \"num_env_steps_sampled_lifetime\": 400, \"training_iteration\": 1, \
             \"info\": {\"loss\": 0.5}, \"timestamp\": 1700000000}\n",
        ] {
            let options = ReadOptions::default();
            let head = FileHead { name: "result.json", folder: &[], bytes: text.as_bytes() };
            assert_eq!(sniff(&head, &options), SniffedFormat::Log(&READER), "{text}");
            let read = read_for_test(&READER, "result.json", text.as_bytes(), &options, 1);
            let batch = &read.batches[0].columns;
            let tags: Vec<&str> = batch.tag.iter().map(|&tag| &read.batches[0].tags[tag as usize][..]).collect();
            assert_eq!(tags, ["training_iteration", "info/loss"], "{text}");
            assert_eq!(batch.step, Some(vec![400; 2]));
            assert_eq!(batch.wall_time, Some(vec![1.7e9; 2]));
            assert_eq!(batch.meaning.step, None);
        }
    }
}
