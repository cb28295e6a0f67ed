//! Makes a run of its own of each attempt.

use std::collections::{BTreeSet, HashMap};

use crate::logs::Logs;

/// Makes runs of attempts; `attempts` are those of the batches. The first attempt keeps the name of the run, the others get
/// `#2`, `#3` after it, and follow it in the list of runs.
pub(super) fn make_runs(logs: &mut Logs, attempts: Vec<u32>) {
    if attempts.iter().all(|attempt| *attempt == 0) {
        return;
    }
    // Attempts that hold records; a ledger may know others.
    let mut of_run: HashMap<u32, BTreeSet<u32>> = HashMap::new();
    for (batch, &attempt) in logs.records.batches.iter().zip(&attempts) {
        of_run.entry(batch.run).or_default().insert(attempt);
    }
    let names: BTreeSet<&String> = logs.records.runs.iter().collect();
    let mut numbers: HashMap<(u32, u32), u32> = HashMap::new();
    let (mut runs, mut ledgers) = (Vec::new(), Vec::new());
    let mut count = 0..;
    let mut add = |key: (u32, u32), name: String, ledger: Option<usize>| {
        numbers.extend(count.next().map(|number| (key, number)));
        runs.push(name);
        ledgers.push(ledger);
    };
    for (run, name) in (0..).zip(&logs.records.runs) {
        let ledger = logs.ledger_of.get(run as usize).copied().flatten();
        let mut held = of_run.get(&run).into_iter().flatten();
        add((run, held.next().copied().unwrap_or(0)), name.clone(), ledger);
        let mut number = 1;
        for &attempt in held {
            number += 1;
            // A folder may have such a name.
            while names.contains(&format!("{name}#{number}")) {
                number += 1;
            }
            add((run, attempt), format!("{name}#{number}"), ledger);
        }
    }
    let number = |run: u32, attempt: u32| numbers.get(&(run, attempt)).copied().unwrap_or(run);
    let mut first_of: HashMap<u32, u32> = HashMap::new();
    for (batch, attempt) in logs.records.batches.iter_mut().zip(attempts) {
        batch.run = number(batch.run, attempt);
        first_of.entry(batch.source).or_insert(batch.run);
    }
    for (source, file) in (0..).zip(&mut logs.files) {
        file.run = first_of.get(&source).copied().unwrap_or_else(|| number(file.run, 0));
    }
    (logs.records.runs, logs.ledger_of) = (runs, ledgers);
}
