//! Four ways to read a file, which must agree: in memory, streamed, refreshed while the file grows, and on one thread.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use stepbridge_formats::ReadOptions;
use stepbridge_index::reindex::{ReindexOptions, Timelines, reindex};
use stepbridge_index::{Logs, StreamError, Superseded, Survey, Table, read};
use stepbridge_io::progress::Progress;
use stepbridge_timeline::{Timeline, Unit};

use crate::random::Random;
use crate::seeds::Target;

/// Five batches an epoch, without an end.
const PLAN: &str =
    r#"{"format":"stepbridge.timeline","version":1,"segments":[{"batches":5,"accumulate":1,"boundary":"flush"}]}"#;

/// What is wrong with a file, if the ways disagree.
pub(crate) fn check(target: &Target, bytes: &[u8], random: &mut Random) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = folder.path().join("run").join(target.name);
    fs::create_dir(folder.path().join("run"))
        .and_then(|()| fs::write(&path, bytes))
        .map_err(|error| error.to_string())?;
    let options =
        ReadOptions { format: None, columns: target.columns.clone(), pattern: None, ..ReadOptions::default() };
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        let fresh = look(folder.path(), &options, 3);
        same("one thread", &fresh, &look(folder.path(), &options, 1))?;
        if let Ok(logs) = &fresh
            && !is_damaged_database(logs)
        {
            streamed(logs, folder.path(), &options, random)?;
        }
        refreshed(&fresh, &path, folder.path(), bytes, &options, random)
    }));
    caught.unwrap_or_else(|_| Err("a panic".to_owned()))
}

fn look(path: &Path, options: &ReadOptions, threads: usize) -> Result<Logs, String> {
    read(&path.into(), options, &Progress::default(), threads).map_err(|error| error.to_string())
}

/// `SQLite` gives what happens to be in memory for some rows of a damaged page.
fn is_damaged_database(logs: &Logs) -> bool {
    logs.files.iter().any(|file| file.format.name() == "mlflow_db") && !logs.records.problems.is_empty()
}

fn same(what: &str, one: &Result<Logs, String>, other: &Result<Logs, String>) -> Result<(), String> {
    match (one, other) {
        (Ok(one), Ok(other)) if is_damaged_database(one) || is_damaged_database(other) => Ok(()),
        (Ok(one), Ok(other)) => {
            let (one, other) = (parts(one), parts(other));
            for ((name, one), (_, other)) in one.into_iter().zip(other) {
                if one != other {
                    let at = one
                        .iter()
                        .zip(&other)
                        .position(|(one, other)| one != other)
                        .unwrap_or(one.len().min(other.len()));
                    return Err(format!(
                        "{what}: other {name}: {} and {}, from {at} on: {:?} and {:?}",
                        one.len(),
                        other.len(),
                        one.get(at),
                        other.get(at)
                    ));
                }
            }
            Ok(())
        }
        (Err(one), Err(other)) if one == other => Ok(()),
        (one, other) => {
            let text = |it: &Result<Logs, String>| it.as_ref().map(|logs| logs.records.len()).map_err(Clone::clone);
            Err(format!("{what}: {:?} and {:?}", text(one), text(other)))
        }
    }
}

/// All that is known of logs, as text, whatever the batches are.
fn parts(logs: &Logs) -> [(&'static str, Vec<String>); 4] {
    let records = &logs.records;
    let rows = records.batches.iter().flat_map(|batch| {
        (0..batch.len()).map(move |index| {
            let run = &records.runs[batch.run as usize];
            let tag = &records.tags[batch.tag[index] as usize];
            let time = batch.wall_time.as_ref().map(|times| times[index]).filter(|time| !time.is_nan());
            format!(
                "{run} {tag} {:?} {:?} {time:?} {:?} session {} {} {:?}",
                batch.step_of(index),
                batch.epoch_of(index),
                batch.value[index],
                batch.session,
                batch.is_superseded(index),
                batch.meaning,
            )
        })
    });
    [
        ("problems", records.problems.iter().map(|problem| format!("{problem:?}")).collect()),
        ("files", logs.files.iter().map(|file| format!("{:?} {} {:?}", file.format, file.run, file.facts)).collect()),
        ("records", rows.collect()),
        ("names", records.runs.iter().chain(&records.tags).cloned().collect()),
    ]
}

/// The table that is written in two readings is the one that is made in memory.
fn streamed(logs: &Logs, folder: &Path, options: &ReadOptions, random: &mut Random) -> Result<(), String> {
    let plan = Timeline::from_json(PLAN).ok();
    let given = plan.as_ref().filter(|_| random.one_in(3));
    let timelines = || given.map_or(Timelines::Own, Timelines::One);
    let reindexing = ReindexOptions { unit: random.one_in(3).then_some(Unit::Step), ..ReindexOptions::default() };
    let superseded = if random.one_in(2) { Superseded::Kept } else { Superseded::LeftOut };
    let output = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (one, other) = (output.path().join("memory.csv"), output.path().join("streamed.csv"));
    let logs = std::sync::Arc::new(logs.clone());
    let in_memory = reindex(&logs.records, &logs.run_ledgers(), timelines(), &reindexing, 2);
    let survey = Survey::in_pieces(&folder.into(), options, &Progress::default(), 2)
        .map_err(|error| format!("streamed: {error}"))?;
    let written = survey.write(timelines(), &reindexing, superseded, &other, &Progress::default(), 2);
    match (in_memory, written) {
        (Ok(places), Ok(written)) => {
            let places = std::sync::Arc::new(places);
            let table = Table::new(&logs, Some(&places), superseded, 2).map_err(|error| error.to_string())?;
            table.write(&one, &Progress::default()).map_err(|error| error.to_string())?;
            let text = |path: &Path| fs::read_to_string(path).map_err(|error| error.to_string());
            let (one, other) = (text(&one)?, text(&other)?);
            if one != other {
                let differ = one.lines().zip(other.lines()).find(|(one, other)| one != other);
                return Err(format!("streamed: {} and {} bytes: {differ:?}", one.len(), other.len()));
            }
            let reports = (&places.problems, &places.assumed, &places.origins);
            let streamed = (&written.problems, &written.assumed, &written.origins);
            if reports != streamed {
                return Err(format!("streamed: reports {reports:?} and {streamed:?}"));
            }
            Ok(())
        }
        (Err(one), Err(StreamError::Timeline(other))) if one.to_string() == other.to_string() => Ok(()),
        (one, other) => Err(format!("streamed: {:?} and {:?}", one.map(|_| ()), other.map(|_| ()))),
    }
}

/// Logs that are refreshed while their file grows are those of a reading at the end.
fn refreshed(
    fresh: &Result<Logs, String>,
    path: &Path,
    folder: &Path,
    bytes: &[u8],
    options: &ReadOptions,
    random: &mut Random,
) -> Result<(), String> {
    let mut cuts: Vec<usize> = (0..random.some(3)).map(|_| random.below(bytes.len() + 1)).collect();
    cuts.sort_unstable();
    fs::write(path, &bytes[..cuts[0]]).map_err(|error| error.to_string())?;
    let mut logs = look(folder, options, 2);
    let mut from = cuts[0];
    for to in cuts.into_iter().skip(1).chain([bytes.len()]) {
        let appended = OpenOptions::new().append(true).open(path).and_then(|mut file| file.write_all(&bytes[from..to]));
        appended.map_err(|error| error.to_string())?;
        from = to;
        logs = match logs {
            Ok(logs) => match logs.refresh(&folder.into(), options, &Progress::default(), 2) {
                Ok(None) => Ok(logs),
                Ok(Some(logs)) => Ok(logs),
                Err(error) => Err(error.to_string()),
            },
            Err(_) => look(folder, options, 2),
        };
    }
    same("refreshed", fresh, &logs)
}
