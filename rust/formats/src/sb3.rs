//! Stable-Baselines3's `progress.csv`, and those of `OpenAI`'s loggers that it comes from.
//!
//! The step of a row is how many steps of the environment were taken: no unit of a training loop, as each is trained on
//! several times or never. `time/iterations` (which restarts where the steps go on) and `time/time_elapsed` (seconds since
//! the start) are values. `OpenAI`'s baselines name the same otherwise. guided-diffusion logs with the same writer, and its
//! `step` is the 0-based index of the update, with the number of samples that were trained on after it in `samples`.
//!
//! `RLlib` names it `timesteps_total`.
//!
//! The writer puts its names in the order of their first use, and writes the file anew for one that comes late.

use crate::rllib::RESULT;
use crate::shared::example::{Example, Examples};
use crate::shared::input::Input;
use crate::shared::reader::FormatReader;
use crate::shared::sink::Sink;
use crate::shared::table::{self, PlaceColumns, TableKind, peek, position};
use stepbridge_records::{FormatDescription, ProblemKind, RepeatedRecords, SeriesMeaning, StepMeaning, Unit};

/// Names of the column that counts steps of the environment: of Stable-Baselines3, then of the writers before it.
const OWN: [&str; 2] = ["time/total_timesteps", "time/total timesteps"];
const OTHERS: [&str; 8] = [
    "timesteps_total",
    "total_timesteps",
    "misc/total_timesteps",
    "total/steps",
    "TimestepsSoFar",
    "TotalEnvSteps",
    "TotalEnvInteracts",
    "steps",
];

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "sb3",
        title: "Stable-Baselines3 progress.csv",
        writer: Some("Stable-Baselines3"),
        // RLlib writes a table with these names next to it.
        repeats: RepeatedRecords::NextTo(RESULT),
        ..FormatDescription::UNKNOWN
    },
    claims_name: |name| name == "progress.csv",
    matches: |head| {
        peek(head, Some(b',')).is_some_and(|table| {
            let known = head.name == "progress.csv" && step(&table.names).is_some();
            known || OWN.iter().any(|name| table.has(name))
        })
    },
    explain_mismatch: |_| {
        Some((
            ProblemKind::MissingColumn,
            "it is called progress.csv and has no column that counts steps, as 'time/total_timesteps' does",
        ))
    },
    read: |input: &mut Input, sink: &mut Sink| table::read(&KIND, input, sink),
    examples: Examples::rows(
        "progress.csv",
        &[
            Example::text("rollout/ep_rew_mean,time/total_timesteps,train/loss\n", |i, one, other| {
                format!("{one},{},{other}", 2048 * u32::from(i))
            }),
            Example::text("samples,step,loss\n", |i, one, other| format!("{one},{i},{other}")),
            Example::text("total/steps,reward\n", |i, one, _| format!("{i}.0,{one}")),
        ],
    ),
    ..FormatReader::NONE
};

static KIND: TableKind = TableKind {
    format: READER.format(),
    separator: |_| b',',
    places: |names, _| {
        let mut places = PlaceColumns { step: step(names), ..PlaceColumns::default() };
        if places.step.is_none() {
            places.missing.push("the table has no column 'time/total_timesteps': its records have no step".to_owned());
        }
        places
    },
    blank: None,
    meaning: |names, _| SeriesMeaning {
        step: counts_updates(names).then_some(StepMeaning::of_run(Unit::Step, 0)),
        epoch: None,
    },
    in_folder: table::as_read,
};

/// The column that holds a row's step.
fn step(names: &[String]) -> Option<usize> {
    if counts_updates(names) {
        return position(names, "step");
    }
    OWN.iter().chain(&OTHERS).find_map(|name| position(names, name))
}

/// Whether it is guided-diffusion's: an index of updates together with the samples.
fn counts_updates(names: &[String]) -> bool {
    position(names, "step").is_some() && position(names, "samples").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::head::FileHead;
    use crate::shared::options::ReadOptions;
    use crate::test_reading::read_for_test;

    #[test]
    fn each_writer_has_its_step() {
        for (name, text, steps, meaning) in [
            ("a.csv", "time/iterations,time/total_timesteps,train/loss\n1,2048,\n2,4096,0.5\n", [2048, 4096], None),
            ("progress.csv", "loss,samples,step\n0.5,256,0\n0.25,2816,10\n", [0, 10], Some((Unit::Step, 0))),
            ("progress.csv", "EpRewMean,TimestepsSoFar\n0.5,256\n0.25,2816\n", [256, 2816], None),
        ] {
            assert!((READER.matches)(&FileHead { name, folder: &[], bytes: text.as_bytes() }), "{text}");
            let options = ReadOptions::default();
            let read = read_for_test(&READER, name, text.as_bytes(), &options, 1);
            assert!(read.problems.is_empty());
            let batch = &read.batches[0].columns;
            let mut seen = batch.step.clone().expect("steps");
            seen.dedup();
            assert_eq!(seen, steps);
            assert_eq!(batch.meaning.step.map(|step| (step.unit, step.base)), meaning);
            assert_eq!(batch.wall_time, None);
        }
        let other = FileHead { name: "other.csv", folder: &[], bytes: b"loss,samples,step\n" };
        assert!(!(READER.matches)(&other), "a name that says nothing, and columns that anyone may have");
    }
}
