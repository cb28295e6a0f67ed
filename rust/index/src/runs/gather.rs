//! Gathers what became of the files: leaves out copies, merges names, assigns ledgers, and marks sessions.

use std::sync::Arc;

use stepbridge_formats::ReadOptions;
use stepbridge_io::progress::Progress;
use stepbridge_records::{ConfigEntry, Problem};

use super::file_outcome::{FileOutcome, OpenedFile};
use super::log_file::LogFile;
use super::refresh_state::SeenFile;
use super::{chain, config_for_run, dedup, ledger_for_run, merge, sessions};
use crate::error::ReadError;
use crate::file_path::FilePath;
use crate::log_paths::LogPaths;
use crate::logs::{LedgerFile, Logs, UnreadFile};

/// Makes logs of files. `problems` are those of no file.
pub(super) fn gather(
    paths: &LogPaths,
    files: Vec<OpenedFile>,
    problems: Vec<Problem>,
    options: &ReadOptions,
    progress: &Progress,
) -> Result<Logs, ReadError> {
    let looked_at = files.len();
    if progress.is_cancelled() {
        return Err(ReadError::Cancelled);
    }
    let SortedFiles { seen, mut logs, configs, ledgers, mut broken, own, unread } = sort_out(files);
    if logs.is_empty() {
        let path = paths.root.clone();
        broken.splice(0..0, problems);
        return Err(if !broken.is_empty() {
            ReadError::NothingReadable { path, problems: broken }
        } else if let Some(found) = ledgers.into_iter().next() {
            ReadError::OnlyLedger { path, ledger: found.file }
        } else if own && seen.is_empty() {
            ReadError::OwnTable { path }
        } else if looked_at == 0 {
            ReadError::EmptyFolder { path }
        } else if path.is_dir() {
            ReadError::NoLogs { path, files: looked_at, unread }
        } else {
            ReadError::NotALog { path, lookalike: unread.into_iter().next().map(|file| file.lookalike) }
        });
    }
    let unfollowed = problems.clone();
    let copies = dedup::remove_copies(&mut logs);
    let merged = merge::merge(logs, [problems, broken, copies].concat());
    let mut logs = merged.map_err(|error| ReadError::Unreadable { path: paths.root.clone(), source: error.into() })?;
    sessions::split_writers(&mut logs);
    for found in &ledgers {
        logs.records.problems.extend(found.ledger.problems.iter().cloned());
    }
    let (ledger_of, ambiguous) = ledger_for_run::assign(&logs.records.runs, &ledgers);
    logs.records.problems.extend(ambiguous);
    (logs.ledgers, logs.ledger_of) = (ledgers, ledger_of);
    logs.unread = unread;
    (logs.refresh.seen, logs.refresh.unfollowed) = (seen, unfollowed);
    sessions::mark(&mut logs);
    config_for_run::assign(&mut logs, &configs);
    chain::chain(&mut logs, &options.chain)?;
    Ok(logs)
}

/// Files by what they are.
struct SortedFiles {
    seen: Vec<SeenFile>,
    logs: Vec<LogFile>,
    /// Files of configuration, each with what it says.
    configs: Vec<(FilePath, Vec<ConfigEntry>)>,
    ledgers: Vec<LedgerFile>,
    broken: Vec<Problem>,
    /// Whether there are tables that this library wrote.
    own: bool,
    unread: Vec<UnreadFile>,
}

fn sort_out(files: Vec<OpenedFile>) -> SortedFiles {
    let (mut logs, mut ledgers, mut broken, mut own) = (Vec::new(), Vec::new(), Vec::new(), false);
    let (mut unread, mut configs) = (Vec::new(), Vec::new());
    let mut all = Vec::with_capacity(files.len());
    for OpenedFile { path, seen, outcome } in files {
        // Such a table in the folder of the logs is written again and again, which changes nothing.
        if matches!(outcome, FileOutcome::OwnTable) {
            own = true;
            continue;
        }
        all.push(seen);
        match outcome {
            FileOutcome::Log(format, contents, backs) => {
                let (source, folder) = (path.shown(), Arc::clone(&path.folder));
                logs.push(LogFile { source, folder, format, contents, path, backs });
            }
            FileOutcome::Config(entries) => configs.push((path, entries)),
            FileOutcome::Ledger(ledger) => ledgers.push(LedgerFile { file: path.shown(), ledger }),
            FileOutcome::Broken(problems) => broken.extend(problems),
            FileOutcome::NoLog(Some(lookalike)) => unread.push(UnreadFile { file: path.shown(), lookalike }),
            FileOutcome::NoLog(None) | FileOutcome::OwnTable | FileOutcome::Large => {}
        }
    }
    SortedFiles { seen: all, logs, configs, ledgers, broken, own, unread }
}
