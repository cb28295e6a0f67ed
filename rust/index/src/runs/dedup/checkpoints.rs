//! Checkpoints of one training: each `trainer_state.json` repeats the records of the earlier ones.
//!
//! Of the states in a folder and in its `checkpoint-N` folders, a state that is the beginning of another one is left out. The
//! longest stays, under the folder's name, with the steps and epochs of the others as evidence. States that begin otherwise
//! are other runs, and keep the names of their own folders.

use stepbridge_formats::FileContents;
use stepbridge_records::{Problem, ProblemKind, RepeatedRecords, TaggedBatch};

use crate::runs::log_file::LogFile;

/// Removes the repeated states from `files`, which are in order, and returns a problem for each.
pub(super) fn remove_copies(files: &mut Vec<LogFile>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut dropped = vec![false; files.len()];
    for group in groups(files) {
        let repeats = repeats(files, &group);
        let longest = group.len() - repeats.len();
        for &(repeat, kept) in &repeats {
            let reason = format!("it repeats the beginning of {}, which was read in its place", files[kept].source);
            let problem = Problem::new(files[repeat].source.clone(), ProblemKind::Repeated, reason);
            problems.push(problem.at(0, files[repeat].contents.facts.bytes));
            let evidence: Vec<_> =
                files[repeat].contents.batches.iter().flat_map(|batch| batch.columns.evidence.clone()).collect();
            if let Some(batch) = files[kept].contents.batches.first_mut() {
                batch.columns.evidence.extend(evidence);
                batch.columns.evidence.sort_by_key(|(step, stated)| (*step, stated.scale, stated.mantissa));
                batch.columns.evidence.dedup();
            }
            dropped[repeat] = true;
        }
        if longest == 1 {
            for &index in group.iter().filter(|&&index| !dropped[index]) {
                let folder = home(&files[index].folder).into();
                files[index].folder = folder;
            }
        }
    }
    let mut dropped = dropped.into_iter();
    files.retain(|_| !dropped.next().unwrap_or(false));
    problems.sort_by(|one, other| one.file.cmp(&other.file));
    problems
}

/// The folder of the training that a state belongs to: the one that holds the checkpoint.
fn home(folder: &[String]) -> &[String] {
    match folder.split_last() {
        Some((last, above)) if is_checkpoint(last) => above,
        _ => folder,
    }
}

/// Whether a folder is a checkpoint of the training in the folder above it.
pub(in crate::runs) fn is_in_checkpoint(folder: &[String]) -> bool {
    home(folder) != folder
}

fn is_checkpoint(name: &str) -> bool {
    name == "last-checkpoint"
        || name
            .strip_prefix("checkpoint-")
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

/// States that may belong to one training: those of one home, if one of them is a checkpoint.
fn groups(files: &[LogFile]) -> Vec<Vec<usize>> {
    let mut states: Vec<usize> =
        (0..files.len()).filter(|&i| files[i].format.description().repeats == RepeatedRecords::InCheckpoints).collect();
    states.sort_by_key(|&index| home(&files[index].folder));
    states
        .chunk_by(|&one, &other| home(&files[one].folder) == home(&files[other].folder))
        .filter(|group| group.iter().any(|&index| is_in_checkpoint(&files[index].folder)))
        .map(<[usize]>::to_vec)
        .collect()
}

/// The states of a group that repeat another one: pairs of such a state and the one that is kept.
fn repeats(files: &[LogFile], group: &[usize]) -> Vec<(usize, usize)> {
    let mut longest_first = group.to_vec();
    longest_first.sort_by_key(|&index| {
        let contents = &files[index].contents;
        let step = contents.batches.first().and_then(|batch| batch.columns.evidence.first()).map(|(step, _)| *step);
        let in_checkpoint = is_in_checkpoint(&files[index].folder);
        (std::cmp::Reverse(records(contents)), std::cmp::Reverse(step), in_checkpoint, index)
    });
    let mut kept: Vec<usize> = Vec::new();
    let mut repeats = Vec::new();
    for index in longest_first {
        match kept.iter().find(|&&other| begins_with(&files[other].contents, &files[index].contents)) {
            Some(&other) => repeats.push((index, other)),
            None => kept.push(index),
        }
    }
    repeats
}

fn records(contents: &FileContents) -> usize {
    contents.batches.iter().map(|batch| batch.columns.len()).sum()
}

/// Whether `long` begins with all records of `short`. A state is one batch.
fn begins_with(long: &FileContents, short: &FileContents) -> bool {
    let (Some(long), Some(short)) = (long.batches.first(), short.batches.first()) else {
        return false;
    };
    let count = short.columns.len();
    count <= long.columns.len() && (0..count).all(|index| same(long, short, index))
}

fn same(one: &TaggedBatch, other: &TaggedBatch, index: usize) -> bool {
    let tag = |batch: &TaggedBatch| batch.columns.tag[index] as usize;
    one.columns.value[index].to_bits() == other.columns.value[index].to_bits()
        && one.columns.step_of(index) == other.columns.step_of(index)
        && one.columns.epoch_of(index) == other.columns.epoch_of(index)
        && one.tags[tag(one)] == other.tags[tag(other)]
}
