//! Files put together: names become numbers that all files share.

use std::collections::HashMap;

use crate::read::{LogFile, Logs, Source, left};
use stepbridge_records::{BatchRun, Problem, Records, TaggedBatch};

/// Names and their numbers, in the order of their first use.
#[derive(Default)]
struct Names {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        // Each name takes memory that was there when it was read; there are never 2^32.
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }
}

/// All files as one set of records, in their order. `problems` are those of no file that was read.
pub(crate) fn join(files: Vec<LogFile>, mut problems: Vec<Problem>) -> Logs {
    let (mut runs, mut tags) = (Names::default(), Names::default());
    let mut logs = Logs::default();
    for (file, source) in files.into_iter().zip(0..) {
        logs.again.files.push(left(&file));
        let mut last: Option<(BatchRun, u32)> = None;
        for tagged in file.read.batches {
            let TaggedBatch { tags: names, columns: mut batch, run: of } = tagged;
            let run = match last.take() {
                Some((same, run)) if same == of => run,
                _ => runs.number(&name(&file.folder, &of)),
            };
            last = Some((of, run));
            if !is_numbered(&names, |tag| tags.numbers.get(tag).copied()) {
                renumber(&mut batch.tag, &names, |tag| tags.number(tag));
            }
            batch.run = run;
            batch.source = source;
            if !batch.is_empty() || !batch.evidence.is_empty() {
                logs.records.batches.push(batch);
            }
        }
        problems.extend(file.read.problems);
        logs.records.sources.push(file.source);
        let run = last.map_or_else(|| runs.number(&name(&file.folder, &BatchRun::Folder)), |(_, run)| run);
        logs.files.push(Source { format: file.format, run, facts: file.read.facts, found: file.found });
    }
    logs.records = Records { runs: runs.names, tags: tags.names, problems, ..logs.records };
    logs
}

/// The name of a run: the folder that it is, below the path that was asked for.
fn name(folder: &[String], of: &BatchRun) -> String {
    let above = match of {
        BatchRun::Above(count) => &folder[..folder.len().saturating_sub(*count)],
        BatchRun::Folder | BatchRun::Named(_) => folder,
    };
    let own = if let BatchRun::Named(name) = of { Some(name) } else { None };
    let name = above.iter().chain(own).map(String::as_str).collect::<Vec<_>>().join("/");
    if name.is_empty() { ".".to_owned() } else { name }
}

/// Whether the tags of a batch have the numbers already that all files share, as batches of one file mostly do.
pub(crate) fn is_numbered(names: &[String], known: impl Fn(&str) -> Option<u32>) -> bool {
    (0..).zip(names).all(|(local, name)| known(name) == Some(local))
}

/// Gives every tag its number among those of all files, as `number` knows it; tags without a record get none.
pub(crate) fn renumber(column: &mut [u32], names: &[String], mut number: impl FnMut(&str) -> u32) {
    let mut numbers = vec![None; names.len()];
    let mut unseen = names.len();
    for &tag in &*column {
        if unseen == 0 {
            break;
        }
        let local = tag as usize;
        if numbers[local].is_none() {
            numbers[local] = Some(number(&names[local]));
            unseen -= 1;
        }
    }
    // Some tags have no record, and no number: those that have may be right as they are.
    if (0..).zip(&numbers).all(|(local, number)| number.is_none_or(|number| number == local)) {
        return;
    }
    for tag in column {
        *tag = numbers[*tag as usize].unwrap_or(*tag);
    }
}
