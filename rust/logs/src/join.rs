//! Files put together: names become numbers that all files share.

use std::collections::HashMap;

use crate::piece::Piece;
use crate::problem::Problem;
use crate::read::{LogFile, Logs, Source};
use crate::record::Records;

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
        let name = if file.folder.is_empty() { ".".to_owned() } else { file.folder.join("/") };
        let run = runs.number(&name);
        for piece in file.read.pieces {
            let Piece { tags: names, mut chunk } = piece;
            renumber(&mut chunk.tag, &names, &mut tags);
            chunk.run = run;
            chunk.source = source;
            if !chunk.is_empty() || !chunk.evidence.is_empty() {
                logs.records.chunks.push(chunk);
            }
        }
        problems.extend(file.read.problems);
        logs.records.sources.push(file.source);
        logs.files.push(Source { format: file.format, run, facts: file.read.facts });
    }
    logs.records = Records { runs: runs.names, tags: tags.names, problems, ..logs.records };
    logs
}

/// Gives every tag its number among those of all files; tags without a record get none.
fn renumber(column: &mut [u32], names: &[String], tags: &mut Names) {
    let mut numbers = vec![None; names.len()];
    for tag in column {
        let local = *tag as usize;
        *tag = match numbers[local] {
            Some(number) => number,
            None => *numbers[local].insert(tags.number(&names[local])),
        };
    }
}
