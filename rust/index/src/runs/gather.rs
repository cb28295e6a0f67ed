//! Gathers what became of the files: leaves out copies, merges names, assigns ledgers, and marks sessions.

use std::path::Path;

use stepbridge_io::progress::Progress;
use stepbridge_records::Problem;

use super::file_outcome::{FileOutcome, OpenedFile};
use super::log_file::LogFile;
use super::{dedup, ledger_for_run, merge, sessions};
use crate::error::ReadError;
use crate::logs::{FileStamp, LedgerFile, Logs, UnreadFile};

/// Makes logs of files. `problems` are those of no file.
pub(super) fn gather(
    path: &Path,
    files: Vec<OpenedFile>,
    problems: Vec<Problem>,
    progress: &Progress,
) -> Result<Logs, ReadError> {
    let looked_at = files.len();
    if progress.is_cancelled() {
        return Err(ReadError::Cancelled);
    }
    let SortedFiles { stamps, mut logs, ledgers, mut broken, unread } = sort_out(files);
    if logs.is_empty() {
        let path = path.to_owned();
        broken.splice(0..0, problems);
        return Err(if !broken.is_empty() {
            ReadError::NothingReadable { path, problems: broken }
        } else if let Some(found) = ledgers.into_iter().next() {
            ReadError::OnlyLedger { path, ledger: found.file }
        } else if looked_at == 0 {
            ReadError::EmptyFolder { path }
        } else if path.is_dir() {
            ReadError::NoLogs { path, files: looked_at, unread }
        } else {
            ReadError::NotALog { path, lookalike: unread.into_iter().next().map(|file| file.lookalike) }
        });
    }
    let copies = dedup::remove_copies(&mut logs);
    let mut logs = merge::merge(logs, [problems, broken, copies].concat());
    sessions::split_writers(&mut logs);
    for found in &ledgers {
        logs.records.problems.extend(found.ledger.problems.iter().cloned());
    }
    let (ledger_of, ambiguous) = ledger_for_run::assign(&logs.records.runs, &ledgers);
    logs.records.problems.extend(ambiguous);
    (logs.ledgers, logs.ledger_of) = (ledgers, ledger_of);
    logs.unread = unread;
    logs.refresh.stamps = stamps;
    sessions::mark(&mut logs);
    Ok(logs)
}

/// Files by what they are.
struct SortedFiles {
    stamps: Vec<FileStamp>,
    logs: Vec<LogFile>,
    ledgers: Vec<LedgerFile>,
    broken: Vec<Problem>,
    unread: Vec<UnreadFile>,
}

fn sort_out(files: Vec<OpenedFile>) -> SortedFiles {
    let (mut logs, mut ledgers, mut broken, mut unread) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut stamps = Vec::with_capacity(files.len());
    for OpenedFile { path, stamp, outcome } in files {
        stamps.push(stamp);
        match outcome {
            FileOutcome::Log(format, contents) => {
                logs.push(LogFile { source: path.shown(), folder: path.folder.clone(), path, format, contents });
            }
            FileOutcome::Ledger(ledger) => ledgers.push(LedgerFile { file: path.shown(), ledger }),
            FileOutcome::Broken(problems) => broken.extend(problems),
            FileOutcome::NoLog(Some(lookalike)) => unread.push(UnreadFile { file: path.shown(), lookalike }),
            FileOutcome::NoLog(None) | FileOutcome::Large => {}
        }
    }
    SortedFiles { stamps, logs, ledgers, broken, unread }
}
