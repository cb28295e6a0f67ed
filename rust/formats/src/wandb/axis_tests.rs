//! What a file says of the axes of its series, and of its run's configuration.

use stepbridge_records::Unit;

use super::tests::{field, file, history, read};
use crate::shared::contents::FileContents;

/// A record of `define_metric`.
fn metric(field_of_name: u64, name: &str, axis: &str, synced: bool) -> Vec<u8> {
    let options = if synced { field(6, &[0x08, 1, 0x18, 1]) } else { Vec::new() };
    field(12, &[field(field_of_name, name.as_bytes()), field(4, axis.as_bytes()), options].concat())
}

/// A record as (tag, step, unit and base of the step).
type Placed = (String, Option<i64>, Option<(Unit, u8)>);

fn placed(read: &FileContents) -> Vec<Placed> {
    let mut records = Vec::new();
    for tagged in &read.batches {
        let columns = &tagged.columns;
        let meaning = columns.meaning.step.map(|step| (step.unit, step.base));
        let tag = |index: usize| tagged.tags[columns.tag[index] as usize].clone();
        records.extend((0..columns.len()).map(|index| (tag(index), columns.step_of(index), meaning)));
    }
    records
}

fn record(tag: &str, step: i64, meaning: Option<(Unit, u8)>) -> Placed {
    (tag.to_owned(), Some(step), meaning)
}

#[test]
fn the_updates_that_hugging_face_logs_are_the_steps_of_its_rows() {
    let update = Some((Unit::Step, 1));
    let whole = |call: u8, update: u8| {
        let item = |key: &[u8], json: String| field(1, &[field(1, key), field(16, json.as_bytes())].concat());
        let items = [
            item(b"train/loss", "0.5".to_owned()),
            item(b"train/global_step", update.to_string()),
            item(b"_step", call.to_string()),
        ];
        field(2, &items.concat())
    };
    let (bytes, _) = file(&[whole(0, 10), history(&[("mine", "1"), ("_step", "1")]), whole(2, 20)]);
    let expected = [
        record("train/loss", 10, update),
        record("train/global_step", 10, update),
        record("train/loss", 20, update),
        record("train/global_step", 20, update),
        record("mine", 1, None),
    ];
    assert_eq!(placed(&read(&bytes)), expected);
}

#[test]
fn a_definition_names_the_axis() {
    let (bytes, _) = file(&[
        metric(1, "batch", "", false),
        metric(2, "v*", "batch", true),
        history(&[("v", "1"), ("batch", "7"), ("_step", "0")]),
        history(&[("v", "2"), ("w", "3"), ("_step", "1")]),
    ]);
    let expected = [record("batch", 7, None), record("v", 7, None), record("v", 7, None), record("w", 1, None)];
    let mut found = placed(&read(&bytes));
    found.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
    assert_eq!(found, expected);
}

#[test]
fn the_configuration_of_a_run_is_kept() {
    let item = |key: &str, json: &str| field(1, &[field(1, key.as_bytes()), field(16, json.as_bytes())].concat());
    let run = field(17, &field(4, &[item("_wandb", "{}"), item("batch_size", "32")].concat()));
    let later = field(5, &[item("lr", "0.1"), item("batch_size", "64")].concat());
    let (bytes, _) = file(&[run, later, history(&[("loss", "1"), ("_step", "0")])]);
    let config = [("lr", "0.1"), ("batch_size", "64")].map(|(key, json)| (key.to_owned(), json.to_owned()));
    assert_eq!(read(&bytes).facts.config, config);
}
