//! Sessions as files show them: what is superseded, against a loop that compares every record with all later ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fmt::Write as _;

use proptest::prelude::*;
use stepbridge_formats::ReadOptions;
use stepbridge_index::{Logs, read_bytes};

fn read(name: &str, text: &str) -> Logs {
    read_bytes(name, text.as_bytes(), &ReadOptions::default(), 1).expect("a log")
}

/// Session, whether it is superseded, and value of each record.
fn rows(logs: &Logs) -> Vec<(u32, bool, f64)> {
    let rows = logs.records.batches.iter().flat_map(|batch| {
        (0..batch.len()).map(move |index| (batch.session, batch.is_superseded(index), batch.value[index]))
    });
    rows.collect()
}

/// A table of Keras' `CSVLogger`, a row an epoch; the value says which row it is.
fn keras(epochs: &[u32]) -> Logs {
    let mut text = "epoch,loss\n".to_owned();
    for (row, epoch) in epochs.iter().enumerate() {
        writeln!(text, "{epoch},{row}").unwrap();
    }
    let options = ReadOptions { format: stepbridge_formats::named("keras_csv"), ..ReadOptions::default() };
    read_bytes("training.log", text.as_bytes(), &options, 1).expect("a log")
}

#[test]
fn an_epoch_that_goes_back_starts_a_session() {
    let logs = keras(&[0, 1, 2, 3, 2, 3, 4]);
    assert_eq!(logs.files[0].format.name(), "keras_csv");
    let found: Vec<_> = rows(&logs).into_iter().map(|(session, superseded, _)| (session, superseded)).collect();
    let (kept, gone, later) = ((0, false), (0, true), (1, false));
    assert_eq!(found, [kept, kept, gone, gone, later, later, later]);
    assert_eq!(logs.records.sessions(), [(2, 2)]);
}

#[test]
fn a_third_session_takes_the_place_of_both() {
    let found: Vec<_> = rows(&keras(&[0, 1, 2, 3, 4, 2, 3, 1])).into_iter().map(|row| (row.0, row.1)).collect();
    let expected = [false, true, true, true, true, true, true, false];
    assert_eq!(found.iter().map(|row| row.1).collect::<Vec<_>>(), expected);
    assert_eq!(found.iter().map(|row| row.0).collect::<Vec<_>>(), [0, 0, 0, 0, 0, 1, 1, 2]);
}

#[test]
fn equal_numbers_are_data() {
    let logs = keras(&[0, 1, 1, 1, 2]);
    assert!(rows(&logs).iter().all(|row| !row.1 && row.0 == 0));
    assert_eq!(logs.records.batches.len(), 1);
}

#[test]
fn numbers_in_no_order_are_no_sessions() {
    let epochs: Vec<u32> = (0..4000).map(|row| if row % 2 == 0 { 5 } else { 3 }).collect();
    let logs = keras(&epochs);
    assert_eq!(logs.records.sessions(), [(1, 0)]);
    assert_eq!(logs.records.batches.len(), 1);
}

#[test]
fn steps_that_begin_again_with_each_epoch_do_not_go_back() {
    let mut text = String::new();
    for epoch in 1..4 {
        for step in 1..6 {
            writeln!(text, "Epoch [{epoch}/3], Step [{step}/5], Loss: 0.5").unwrap();
        }
    }
    assert_eq!(read("train.log", &text).records.sessions(), [(1, 0)]);
    // Resumed from the beginning of the last epoch.
    let again: String = text.lines().skip(10).flat_map(|line| [line, "\n"]).collect();
    assert_eq!(read("train.log", &(text + &again)).records.sessions(), [(2, 5)]);
}

#[test]
fn a_series_that_is_not_logged_again_stays() {
    let lines = [(1, "loss"), (2, "loss"), (3, "loss"), (3, "test_accuracy"), (2, "loss")];
    let mut text = String::new();
    for (step, tag) in lines {
        writeln!(text, "{{\"step\": {step}, \"{tag}\": 0.5}}").unwrap();
    }
    let logs = read("log.jsonl", &text);
    let tags: Vec<_> = logs.records.batches.iter().flat_map(|batch| batch.tag.clone()).collect();
    let found: Vec<_> =
        tags.iter().zip(rows(&logs)).map(|(&tag, row)| (&*logs.records.tags[tag as usize], row.1)).collect();
    assert_eq!(found.iter().filter(|row| row.1).count(), 2);
    assert!(found.contains(&("test_accuracy", false)));
}

#[test]
fn a_start_from_the_beginning_is_another_attempt() {
    let logs = keras(&[0, 1, 2, 0, 1, 2]);
    assert_eq!(logs.records.runs, [".", ".#2"]);
    assert_eq!(logs.records.sessions(), [(1, 0), (1, 0)]);
    let logs = keras(&[0, 1, 2, 3, 2, 3, 0, 1, 1, 0]);
    assert_eq!(logs.records.runs, [".", ".#2", ".#3"]);
    assert_eq!(logs.records.sessions(), [(2, 2), (1, 0), (1, 0)]);
}

#[test]
fn two_counters_in_a_file_lose_nothing() {
    let mut text = String::new();
    for epoch in 1..7 {
        for step in 10 * epoch - 9..=10 * epoch {
            writeln!(text, "{{\"step\": {step}, \"loss\": 0.5, \"lr\": 0.1}}").unwrap();
        }
        writeln!(text, "{{\"step\": {epoch}, \"val_loss\": 0.5, \"lr\": 0.1}}").unwrap();
    }
    for end in 1..=text.lines().count() {
        let begin: String = text.lines().take(end).flat_map(|line| [line, "\n"]).collect();
        let logs = read("log.jsonl", &begin);
        assert_eq!((logs.records.runs.len(), logs.records.sessions()), (1, vec![(1, 0)]), "{end} lines");
    }
}

#[test]
fn a_row_that_is_logged_once_a_step_shows_another_process() {
    let line = "{\"iteration\": 9, \"total_loss\": 0.5, \"lr\": 0.1}\n";
    let logs = read("metrics.json", &line.repeat(4));
    assert_eq!(logs.records.runs, [".", ".#2", ".#3", ".#4"]);
    assert_eq!(logs.records.sessions(), [(1, 0); 4]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Processes do one epoch after the other; each begins below the last epoch of the one before. One that begins at or
    /// below the first epoch begins another attempt. A row is superseded exactly if a later process of its attempt did its
    /// epoch again.
    #[test]
    fn what_a_later_process_did_again_is_superseded(processes in prop::collection::vec((0_u32..12, 1_u32..9), 1..20)) {
        let mut rows_expected: Vec<(u32, u32, u32)> = Vec::new();
        let (mut attempt, mut session, mut first) = (0, 0, 0);
        for (number, (begin, length)) in processes.into_iter().enumerate() {
            let mut begin = begin;
            if let Some(&(.., last)) = rows_expected.last() {
                if last == 0 {
                    continue;
                }
                begin %= last;
            }
            match (number, begin <= first) {
                (0, _) => first = begin,
                (_, true) => (attempt, session, first) = (attempt + 1, 0, begin),
                (_, false) => session += 1,
            }
            rows_expected.extend((begin..begin + length).map(|epoch| (attempt, session, epoch)));
        }
        let epochs: Vec<u32> = rows_expected.iter().map(|row| row.2).collect();
        // What goes back and forth between two numbers may be two counters as well as short attempts.
        prop_assume!(!epochs.windows(4).any(|four| four[..2] == four[2..] && four[0] != four[1]));
        let logs = keras(&epochs);
        let runs = logs.records.batches.iter().flat_map(|batch| vec![batch.run; batch.len()]);
        let found: Vec<_> = runs.zip(rows(&logs)).map(|(run, row)| (run, row.0, row.1)).collect();
        prop_assert_eq!(found.len(), epochs.len());
        for (row, (run, of, superseded)) in found.into_iter().enumerate() {
            let (attempt, session, epoch) = rows_expected[row];
            let again = rows_expected[row..].iter().any(|later| later.0 == attempt && later.1 > session && later.2 <= epoch);
            prop_assert_eq!((run, of, superseded), (attempt, session, again), "row {} of {:?}", row, epochs);
        }
    }
}
