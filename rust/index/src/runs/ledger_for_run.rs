//! Finds the ledger of each run: the one in the run's folder, else the one in the nearest folder above it.

use std::collections::BTreeMap;

use stepbridge_ledger::NAME;
use stepbridge_records::{Problem, ProblemKind};

use crate::logs::LedgerFile;

/// The index of the ledger of each run. Folders with several ledgers of which none has the default name are problems.
pub(super) fn assign(runs: &[String], found: &[LedgerFile]) -> (Vec<Option<usize>>, Vec<Problem>) {
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
                // A ledger further up does not belong to the run either.
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

/// The folder that holds a file or a folder; `.` for the outermost.
fn above(path: &str) -> &str {
    path.rsplit_once('/').map_or(".", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stepbridge_ledger::Ledger;

    fn of(runs: &[&str], files: &[&str]) -> (Vec<Option<usize>>, usize) {
        let found: Vec<LedgerFile> =
            files.iter().map(|file| LedgerFile { file: (*file).into(), ledger: Ledger::default() }).collect();
        let runs: Vec<String> = runs.iter().map(|run| (*run).into()).collect();
        let (ledgers, problems) = assign(&runs, &found);
        (ledgers, problems.len())
    }

    #[test]
    fn the_nearest_ledger_is_the_one_of_the_run() {
        let files = ["a/stepclock.jsonl", "a/b/stepclock.jsonl", "c/one.jsonl"];
        let runs = [".", "a", "a/b", "a/x/y", "c", "d"];
        assert_eq!(of(&runs, &files), (vec![None, Some(0), Some(1), Some(0), Some(2), None], 0));
        assert_eq!(of(&[".", "a/b"], &["stepclock.jsonl"]), (vec![Some(0), Some(0)], 0));
    }

    #[test]
    fn of_several_ledgers_the_one_with_the_default_name_is_taken() {
        assert_eq!(of(&["a"], &["a/one.jsonl", "a/stepclock.jsonl"]), (vec![Some(1)], 0));
        assert_eq!(of(&["a", "a/b"], &["stepclock.jsonl", "a/one.jsonl", "a/two.jsonl"]), (vec![None, None], 1));
    }
}
