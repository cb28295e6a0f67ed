//! Files next to each other that repeat each other: `MMEngine` writes each line into `scalars.json` and into a dated file,
//! `RLlib` into `result.json` and, in another order, into `progress.csv`.
//!
//! The other file is left out if the one with the name that its format declares holds all of its records; of one format, in
//! its order.

use std::collections::HashMap;

use stepbridge_formats::FileContents;
use stepbridge_records::{Problem, ProblemKind, RepeatedRecords};

use crate::runs::log_file::LogFile;

/// Removes the copies from `files`, and returns a problem for each.
pub(super) fn remove_copies(files: &mut Vec<LogFile>) -> Vec<Problem> {
    let first_name = |file: &LogFile| match file.format.description().repeats {
        RepeatedRecords::NextTo(name) => Some(name),
        RepeatedRecords::Never | RepeatedRecords::InCheckpoints => None,
    };
    let is_first = |file: &LogFile| first_name(file).is_some_and(|name| name == base_name(&file.source));
    let firsts: HashMap<(&[String], &str), usize> = (files.iter().enumerate().filter(|(_, file)| is_first(file)))
        .map(|(index, file)| ((&file.folder[..], base_name(&file.source)), index))
        .collect();
    let copies: Vec<(usize, Problem)> = (files.iter().enumerate())
        .filter(|(_, file)| first_name(file).is_some() && !is_first(file))
        .filter_map(|(index, file)| {
            let first = &files[*firsts.get(&(&file.folder[..], first_name(file)?))?];
            let one_format = first.format == file.format;
            let holds = if one_format { holds_in_order } else { holds };
            holds(&first.contents, &file.contents).then(|| {
                let reason = format!("{} holds all of its records too, and was read in its place", first.source);
                let problem = Problem::new(file.source.clone(), ProblemKind::Repeated, reason);
                (index, problem.at(0, file.contents.facts.bytes))
            })
        })
        .collect();
    for (index, _) in copies.iter().rev() {
        files.remove(*index);
    }
    copies.into_iter().map(|(_, problem)| problem).collect()
}

/// The name of a file.
fn base_name(source: &str) -> &str {
    source.rsplit_once('/').map_or(source, |(_, name)| name)
}

/// Whether all records of `copy` are among those of `first`.
fn holds(first: &FileContents, copy: &FileContents) -> bool {
    let mut counts: HashMap<(&str, Option<i64>, u64), usize> = HashMap::new();
    for record in records(first) {
        *counts.entry(record).or_default() += 1;
    }
    let mut take = |record| match counts.get_mut(&record) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    };
    records(copy).count() > 0 && records(copy).all(&mut take)
}

/// The same, in the same order.
fn holds_in_order(first: &FileContents, copy: &FileContents) -> bool {
    let mut all = records(first);
    records(copy).all(|record| all.any(|other| other == record))
}

/// The tag, the step and the bits of the value of each record.
fn records(contents: &FileContents) -> impl Iterator<Item = (&str, Option<i64>, u64)> {
    contents.batches.iter().flat_map(|batch| {
        let columns = &batch.columns;
        (0..columns.len()).map(move |index| {
            let tag = &batch.tags[columns.tag[index] as usize][..];
            (tag, columns.step_of(index), columns.value[index].to_bits())
        })
    })
}

#[cfg(test)]
mod tests {
    use stepbridge_formats::ReadOptions;
    use stepbridge_io::progress::Progress;

    use super::*;

    #[test]
    fn a_dated_file_that_repeats_the_other_is_read_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let lines = "{\"loss\": 1.0, \"time\": 1.0, \"data_time\": 0.1, \"step\": 1}\n{\"loss\": 2.0, \"step\": 2}\n";
        let more = lines.to_owned() + "{\"extra\": 2.0, \"step\": 2}\n";
        std::fs::write(folder.path().join("scalars.json"), &more).expect("written");
        std::fs::write(folder.path().join("20230101_000000.json"), lines).expect("written");
        std::fs::write(folder.path().join("20230102_000000.json"), lines.replace("2.0", "3.0")).expect("written");
        let logs =
            crate::runs::read(&folder.path().into(), &ReadOptions::default(), &Progress::default(), 1).expect("logs");
        let kinds: Vec<_> = logs.records.problems.iter().map(|problem| (&problem.file[..], problem.kind)).collect();
        assert_eq!(kinds, [("20230101_000000.json", ProblemKind::Repeated)]);
        assert_eq!((logs.files.len(), logs.records.len()), (2, 9));
    }
}
