//! Which ledger is which run's: the one in the run's folder, else in the nearest folder above it.

use std::collections::BTreeMap;

use crate::read::FoundLedger;
use stepbridge_ledger::NAME;
use stepbridge_records::{Problem, ProblemKind};

/// For each run the index of its ledger, and the folders with several of which none is the one.
pub(crate) fn ledgers(runs: &[String], found: &[FoundLedger]) -> (Vec<Option<usize>>, Vec<Problem>) {
    let mut folders: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, ledger) in found.iter().enumerate() {
        folders.entry(above(&ledger.file)).or_default().push(index);
    }
    let mut problems = Vec::new();
    let mut chosen = BTreeMap::new();
    for (folder, ledgers) in folders {
        let named = ledgers.iter().find(|&&index| name(&found[index].file) == NAME);
        match (named, ledgers.as_slice()) {
            (Some(&index), _) | (None, &[index]) => {
                chosen.insert(folder, Some(index));
            }
            (None, several) => {
                // Nor is one of further up the run's.
                chosen.insert(folder, None);
                let names: Vec<&str> = several.iter().map(|&index| name(&found[index].file)).collect();
                let reason = format!(
                    "its folder holds several ledgers ({}) and none of them is called {NAME}: none was used",
                    names.join(", ")
                );
                problems.push(Problem::new(&*found[several[0]].file, ProblemKind::NoTimeline, reason));
            }
        }
    }
    (runs.iter().map(|run| nearest(run, &chosen)).collect(), problems)
}

fn nearest(run: &str, chosen: &BTreeMap<&str, Option<usize>>) -> Option<usize> {
    let mut folder = run;
    loop {
        if let Some(ledger) = chosen.get(folder) {
            return *ledger;
        }
        if folder == "." {
            return None;
        }
        folder = above(folder);
    }
}

fn name(file: &str) -> &str {
    file.rsplit_once('/').map_or(file, |(_, name)| name)
}

/// The folder that holds a file or a folder; `.` is the outermost.
fn above(path: &str) -> &str {
    path.rsplit_once('/').map_or(".", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stepbridge_ledger::Ledger;

    fn of(runs: &[&str], files: &[&str]) -> (Vec<Option<usize>>, usize) {
        let found: Vec<FoundLedger> =
            files.iter().map(|file| FoundLedger { file: (*file).into(), ledger: Ledger::default() }).collect();
        let runs: Vec<String> = runs.iter().map(|run| (*run).into()).collect();
        let (ledgers, problems) = ledgers(&runs, &found);
        (ledgers, problems.len())
    }

    #[test]
    fn the_nearest_one_is_the_runs() {
        let files = ["a/stepclock.jsonl", "a/b/stepclock.jsonl", "c/one.jsonl"];
        let runs = [".", "a", "a/b", "a/x/y", "c", "d"];
        assert_eq!(of(&runs, &files), (vec![None, Some(0), Some(1), Some(0), Some(2), None], 0));
        assert_eq!(of(&[".", "a/b"], &["stepclock.jsonl"]), (vec![Some(0), Some(0)], 0));
    }

    #[test]
    fn of_several_the_one_with_the_name() {
        assert_eq!(of(&["a"], &["a/one.jsonl", "a/stepclock.jsonl"]), (vec![Some(1)], 0));
        assert_eq!(of(&["a", "a/b"], &["stepclock.jsonl", "a/one.jsonl", "a/two.jsonl"]), (vec![None, None], 1));
    }
}
