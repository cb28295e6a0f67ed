//! Checkpoints of one training: each `trainer_state.json` repeats what the ones before it held.
//!
//! Of the states in a folder and in its `checkpoint-N` folders, one that holds the beginning of another is not read twice:
//! the longest stays, under the folder's name, with what the others say of themselves as evidence. States that begin
//! otherwise are other runs, and keep the names of their own folders.

use crate::read::LogFile;
use stepbridge_formats::FileContents;
use stepbridge_records::{Format, Problem, ProblemKind, TaggedBatch};

/// Drops the repeated states from `files`, which are in order; gives a problem for each.
pub(crate) fn fold(files: &mut Vec<LogFile>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut dropped = vec![false; files.len()];
    for group in groups(files) {
        let repeats = repeats(files, &group);
        let longest = group.len() - repeats.len();
        for &(repeat, kept) in &repeats {
            let reason = format!("it repeats the beginning of {}, which was read in its place", files[kept].source);
            let problem = Problem::new(files[repeat].source.clone(), ProblemKind::Repeated, reason);
            problems.push(problem.at(0, files[repeat].read.facts.bytes));
            let evidence: Vec<_> =
                files[repeat].read.batches.iter().flat_map(|tagged| tagged.columns.evidence.clone()).collect();
            if let Some(tagged) = files[kept].read.batches.first_mut() {
                tagged.columns.evidence.extend(evidence);
                tagged.columns.evidence.sort_by_key(|(step, stated)| (*step, stated.scale, stated.mantissa));
                tagged.columns.evidence.dedup();
            }
            dropped[repeat] = true;
        }
        if longest == 1 {
            for &index in group.iter().filter(|&&index| !dropped[index]) {
                let folder = home(&files[index].folder).to_vec();
                files[index].folder = folder;
            }
        }
    }
    let mut dropped = dropped.into_iter();
    files.retain(|_| !dropped.next().unwrap_or(false));
    problems.sort_by(|one, other| one.file.cmp(&other.file));
    problems
}

/// The folder that a state's training belongs to: the one that holds its checkpoint.
fn home(folder: &[String]) -> &[String] {
    match folder.split_last() {
        Some((last, above)) if is_checkpoint(last) => above,
        _ => folder,
    }
}

fn is_checkpoint(name: &str) -> bool {
    name == "last-checkpoint"
        || name
            .strip_prefix("checkpoint-")
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

/// States that may be of one training: those of one home, if one of them is a checkpoint.
fn groups(files: &[LogFile]) -> Vec<Vec<usize>> {
    let mut states: Vec<usize> = (0..files.len()).filter(|&i| files[i].format == Format::TrainerState).collect();
    states.sort_by_key(|&index| home(&files[index].folder));
    states
        .chunk_by(|&one, &other| home(&files[one].folder) == home(&files[other].folder))
        .filter(|group| group.iter().any(|&index| home(&files[index].folder) != &files[index].folder[..]))
        .map(<[usize]>::to_vec)
        .collect()
}

/// Which of a group repeat which: pairs of the one that does, and the one that is kept.
fn repeats(files: &[LogFile], group: &[usize]) -> Vec<(usize, usize)> {
    let mut longest_first = group.to_vec();
    longest_first.sort_by_key(|&index| {
        let read = &files[index].read;
        let step = read.batches.first().and_then(|tagged| tagged.columns.evidence.first()).map(|(step, _)| *step);
        let in_checkpoint = home(&files[index].folder) != &files[index].folder[..];
        (std::cmp::Reverse(records(read)), std::cmp::Reverse(step), in_checkpoint, index)
    });
    let mut kept: Vec<usize> = Vec::new();
    let mut repeats = Vec::new();
    for index in longest_first {
        match kept.iter().find(|&&other| begins_with(&files[other].read, &files[index].read)) {
            Some(&other) => repeats.push((index, other)),
            None => kept.push(index),
        }
    }
    repeats
}

fn records(read: &FileContents) -> usize {
    read.batches.iter().map(|tagged| tagged.columns.len()).sum()
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
    let tag = |tagged: &TaggedBatch| tagged.columns.tag[index] as usize;
    one.columns.value[index].to_bits() == other.columns.value[index].to_bits()
        && one.columns.step_of(index) == other.columns.step_of(index)
        && one.columns.epoch_of(index) == other.columns.epoch_of(index)
        && one.tags[tag(one)] == other.tags[tag(other)]
}
