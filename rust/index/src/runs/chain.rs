//! Runs in several folders that the caller chains into one: `PPO_1` and `PPO_2`, `version_0` and `version_1`.
//!
//! The runs are taken in the order of the numbers in their names. A run whose steps go on is a later session, and what it did again
//! supersedes the earlier records. A run whose steps begin anew needs an offset, which only the caller knows: a log seldom has a
//! record at the very last step.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use stepbridge_formats::ChainOption;
use stepbridge_records::{ColumnBatch, OrderKey, SeriesMeaning, StepScope, SupersededFrom};

use crate::error::ReadError;
use crate::glob::matches;
use crate::logs::{ChainedRun, Logs};

/// The first record of each series.
type FirstRecords = HashMap<(SeriesMeaning, u32), OrderKey>;

/// Chains the runs that the caller names. The sessions of each run are already known.
pub(super) fn chain(logs: &mut Logs, options: &[ChainOption]) -> Result<(), ReadError> {
    for option in options {
        let mut members: Vec<u32> =
            (0..).zip(&logs.records.runs).filter(|(_, name)| matches(&option.runs, name)).map(|(run, _)| run).collect();
        members.sort_by_cached_key(|run| natural(&logs.records.runs[*run as usize]));
        let names: Vec<String> = members.iter().map(|run| logs.records.runs[*run as usize].clone()).collect();
        let fault = |reason: String| ReadError::Chain { runs: option.runs.clone(), reason };
        if members.len() < 2 {
            let found = names.first().map_or_else(|| "no run".to_owned(), |name| format!("only the run {name}"));
            let known = logs.records.runs.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(fault(format!("{found} has a name that fits; the runs are {known}")));
        }
        let offsets = match &option.offsets {
            None => vec![0; members.len()],
            Some(given) if given.len() + 1 == members.len() => {
                std::iter::once(0).chain(given.iter().copied()).collect()
            }
            Some(given) => {
                return Err(fault(format!(
                    "it has {} offsets, and {} runs follow the first one ({})",
                    given.len(),
                    members.len() - 1,
                    names.join(", ")
                )));
            }
        };
        for (&run, &offset) in members.iter().zip(&offsets) {
            shift(logs, run, offset).map_err(fault)?;
        }
        let firsts: Vec<FirstRecords> = members.iter().map(|run| first_records(&logs.records.batches, *run)).collect();
        for at in 1..members.len() {
            let (before, own) = (&firsts[at - 1], &firsts[at]);
            let mut shared = own.iter().filter_map(|(series, first)| Some((first, before.get(series)?))).peekable();
            if shared.peek().is_some() && shared.all(|(first, before)| first <= before) {
                return Err(fault(anew(logs, &option.runs, &members, &names, at)));
            }
        }
        join(logs, &members, &firsts);
        let run = names[0].clone();
        logs.chains.push(ChainedRun { run, parts: names.into_iter().zip(offsets).collect() });
    }
    Ok(())
}

/// A name, with its numbers as numbers of any length: how many digits each has, and which.
fn natural(name: &str) -> Vec<(&str, usize, &str)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest.find(|letter: char| letter.is_ascii_digit()).unwrap_or(rest.len());
        let (before, after) = rest.split_at(text);
        let digits = after.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(after.len());
        let number = after[..digits].trim_start_matches('0');
        parts.push((before, number.len(), number));
        rest = &after[digits..];
    }
    parts
}

/// Adds an offset to the steps of a run. Epochs of its own would no longer fit them.
fn shift(logs: &mut Logs, run: u32, offset: i64) -> Result<(), String> {
    if offset == 0 {
        return Ok(());
    }
    let name = logs.records.runs[run as usize].clone();
    for batch in logs.records.batches.iter_mut().filter(|batch| batch.run == run) {
        let in_epoch = batch.meaning.step.is_some_and(|step| step.scope == StepScope::Epoch);
        if batch.epoch.is_some() || !batch.evidence.is_empty() || in_epoch {
            return Err(format!("the log of {name} states epochs, which an offset of its steps would contradict"));
        }
        let Some(steps) = &mut batch.step else {
            if batch.is_empty() {
                continue;
            }
            return Err(format!("the log of {name} has no steps to which an offset could be added"));
        };
        for step in steps {
            *step = step.checked_add(offset).ok_or_else(|| format!("a step of {name} and its offset are too large"))?;
        }
        logs.files[batch.source as usize].offset = offset;
    }
    Ok(())
}

/// The first record of each series of a run.
fn first_records(batches: &[ColumnBatch], run: u32) -> FirstRecords {
    let mut firsts = FirstRecords::new();
    for batch in batches.iter().filter(|batch| batch.run == run) {
        let keys = batch.order_keys();
        for (index, &tag) in batch.tag.iter().enumerate() {
            if let Some(key) = keys.at(index) {
                let first = firsts.entry((batch.meaning, tag)).or_insert(key);
                *first = key.min(*first);
            }
        }
    }
    firsts
}

/// What to say of a run that begins anew.
fn anew(logs: &Logs, pattern: &str, members: &[u32], names: &[String], at: usize) -> String {
    let steps = |run: u32| {
        let of_run = logs.records.batches.iter().filter(move |batch| batch.run == run);
        of_run.flat_map(|batch| (0..batch.len()).filter_map(|index| batch.step_of(index)))
    };
    let (first, last) = (steps(members[at]).min(), steps(members[at - 1]).max());
    let begins = first.map_or_else(|| "begins anew".to_owned(), |step| format!("begins anew, at step {step}"));
    let ended = last.map_or_else(String::new, |step| format!(" (the last logged step of {} is {step})", names[at - 1]));
    format!(
        "{} {begins}{ended}; say how many steps were done before each run after the first, as in chain={{{:?}: [10_000]}}",
        names[at], pattern
    )
}

/// Makes one run of several.
fn join(logs: &mut Logs, members: &[u32], firsts: &[FirstRecords]) {
    let place: HashMap<u32, usize> = members.iter().enumerate().map(|(at, run)| (*run, at)).collect();
    // From which session on each member counts.
    let mut sessions = vec![0; members.len()];
    for batch in &logs.records.batches {
        if let Some(&at) = place.get(&batch.run) {
            sessions[at] = (batch.session + 1).max(sessions[at]);
        }
    }
    let mut next = 0;
    for own in &mut sessions {
        (*own, next) = (next, next + *own);
    }
    // What later members did again of the records with one meaning.
    let mut later: BTreeMap<usize, HashMap<SeriesMeaning, HashMap<u32, OrderKey>>> = BTreeMap::new();
    let mut again: HashMap<SeriesMeaning, HashMap<u32, OrderKey>> = HashMap::new();
    for (at, first) in firsts.iter().enumerate().rev() {
        later.insert(at, again.clone());
        for (&(meaning, tag), &key) in first {
            let from = again.entry(meaning).or_default().entry(tag).or_insert(key);
            *from = key.min(*from);
        }
    }
    for batch in &mut logs.records.batches {
        let Some(&at) = place.get(&batch.run) else { continue };
        batch.run = members[0];
        batch.session += sessions[at];
        let Some(tags) = later.get(&at).and_then(|later| later.get(&batch.meaning)) else { continue };
        let mut superseded: SupersededFrom = batch.superseded_from.as_deref().cloned().unwrap_or_default();
        for (&tag, &key) in tags {
            let from = superseded.tags.entry(tag).or_insert(key);
            *from = key.min(*from);
        }
        batch.superseded_from = Some(Arc::new(superseded));
    }
    for file in &mut logs.files {
        file.run = if place.contains_key(&file.run) { members[0] } else { file.run };
    }
    remove_runs(logs, &members[1..]);
}

/// Removes runs that no longer have records.
fn remove_runs(logs: &mut Logs, gone: &[u32]) {
    let mut numbers = Vec::with_capacity(logs.records.runs.len());
    let mut next = 0;
    for run in (0..).take(logs.records.runs.len()) {
        numbers.push(next);
        next += u32::from(!gone.contains(&run));
    }
    let keep = |run: usize| !u32::try_from(run).is_ok_and(|run| gone.contains(&run));
    let mut at = 0..;
    logs.records.runs.retain(|_| at.next().is_some_and(keep));
    let mut at = 0..;
    logs.ledger_of.retain(|_| at.next().is_some_and(keep));
    for batch in &mut logs.records.batches {
        batch.run = numbers[batch.run as usize];
    }
    for file in &mut logs.files {
        file.run = numbers[file.run as usize];
    }
}

#[cfg(test)]
mod tests {
    use super::natural;

    #[test]
    fn numbers_in_names_are_in_their_order() {
        let mut names =
            ["PPO_10", "PPO_2", "PPO_1", "a/version_0", "PPO_1#2", "t30000000000000000001", "t030000000000000000000"];
        names.sort_by_cached_key(|&name| natural(name));
        assert_eq!(
            names,
            ["PPO_1", "PPO_1#2", "PPO_2", "PPO_10", "a/version_0", "t030000000000000000000", "t30000000000000000001"]
        );
    }
}
