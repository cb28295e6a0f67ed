//! Merges files: names become numbers that all files share.

use stepbridge_formats::FileContents;
use stepbridge_records::{BatchRun, Problem, Records, TagTable, TaggedBatch, TooManyTags};

use super::log_file::LogFile;
use crate::file_path::run_name;
use crate::logs::{Logs, SourceFile};

/// Makes one set of records of all files, in their order. `problems` are those of no file that was read.
///
/// Fails if there are more names than numbers.
pub(super) fn merge(files: Vec<LogFile>, mut problems: Vec<Problem>) -> Result<Logs, TooManyTags> {
    let (mut runs, mut tags) = (TagTable::default(), TagTable::default());
    let mut logs = Logs::default();
    // Of hundreds of thousands of files, room that is not used is as much as the files are.
    let count = files.len();
    logs.refresh.files.reserve_exact(count);
    logs.records.sources.reserve_exact(count);
    logs.files.reserve_exact(count);
    logs.records.batches.reserve_exact(files.iter().map(|file| file.contents.batches.len()).sum());
    for (file, source) in files.into_iter().zip(0..) {
        logs.refresh.files.push(file.refresh_file());
        let FileContents { batches, problems: found, facts, .. } = *file.contents;
        let mut last: Option<(BatchRun, u32)> = None;
        for batch in batches {
            let TaggedBatch { tags: names, mut columns, run: of } = batch;
            let run = match last.take() {
                Some((same, run)) if same == of => run,
                _ => runs.number(run_name(&file.folder, &of).as_bytes()),
            };
            last = Some((of, run));
            if !is_numbered(&names, |tag| tags.find(tag.as_bytes())) {
                renumber(&mut columns.tag, &names, |tag| tags.number(tag.as_bytes()));
            }
            columns.run = run;
            columns.source = source;
            if !columns.is_empty() || !columns.evidence.is_empty() {
                logs.records.batches.push(columns);
            }
        }
        problems.extend(found);
        logs.records.sources.push(file.source);
        let run = match last {
            Some((_, run)) => run,
            None => runs.number(run_name(&file.folder, &BatchRun::Folder).as_bytes()),
        };
        logs.files.push(SourceFile { format: file.format, run, facts, path: file.path, offset: 0, backs: file.backs });
    }
    logs.records = Records { runs: runs.into_names()?, tags: tags.into_names()?, problems, ..logs.records };
    Ok(logs)
}

/// Whether the tags of a batch already have the numbers that all files share, as batches of one file mostly do.
pub(crate) fn is_numbered(names: &[String], known: impl Fn(&str) -> Option<u32>) -> bool {
    (0..).zip(names).all(|(local, name)| known(name) == Some(local))
}

/// Replaces the numbers of the tags of a batch by those that all files share, given by `number`. It is not called for tags
/// without a record.
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
    // Tags without a record have no number. If all others have their number already, nothing changes.
    if (0..).zip(&numbers).all(|(local, number)| number.is_none_or(|number| number == local)) {
        return;
    }
    for tag in column {
        *tag = numbers[*tag as usize].unwrap_or(*tag);
    }
}
