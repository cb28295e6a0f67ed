//! Reads all logs below a path.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use stepbridge_formats::{NamedColumns, ReadOptions, check_pattern, config_names};
use stepbridge_io::decompress;
use stepbridge_io::open::open_file;
use stepbridge_io::progress::Progress;
use stepbridge_ledger::NAME;
use stepbridge_records::{Format, Problem};

use super::file_outcome::OpenedFile;
use super::gather::gather;
use super::open::FileOpener;
use super::refresh_state::SeenFile;
use super::walk;
use crate::error::ReadError;
use crate::file_path::FilePath;
use crate::log_paths::LogPaths;
use crate::logs::Logs;
use crate::reindex::whole_run;

/// Reads every log below the paths, or the logs that they are, on up to `threads` threads. The result does not depend on them.
pub fn read(paths: &LogPaths, options: &ReadOptions, progress: &Progress, threads: usize) -> Result<Logs, ReadError> {
    read_paths(paths, &FileOpener { options, progress, threads, survey: false })
}

/// Reads what `read` reads of one run, and no folder of another: the logs below the folder of the run, and the ledgers in those
/// above it. All of `path` is read if that folder is not where the run is, or if the caller chains runs.
pub fn read_run(
    path: &Path,
    run: &str,
    options: &ReadOptions,
    progress: &Progress,
    threads: usize,
) -> Result<Logs, ReadError> {
    check_pattern(options.pattern.as_deref())?;
    let opener = FileOpener { options, progress, threads, survey: false };
    // A later attempt is in the folder of the first.
    let names = [Some(run), whole_run(run)].into_iter().flatten();
    let folders = names.filter(|name| options.chain.is_empty() && *name != "." && walk::is_inside(path, name));
    for folder in folders {
        let (problems, files) = opener.read_all(|emit| walk::files_of_run(path, folder, emit));
        if let Ok(problems) = problems
            && let Ok(logs) = gather(&path.into(), files, problems, options, progress)
            && logs.records.runs.iter().any(|found| found == run)
        {
            return Ok(logs);
        }
    }
    read_paths(&path.into(), &opener)
}

/// In a survey each thread holds a batch of a log in memory, and one thread writes what they all read.
pub(crate) const MOST_THREADS: usize = 4;
/// How many bytes of logs are read into memory as a whole: with their columns they stay within the memory that SECURITY.md states.
pub(crate) const SMALL: u64 = 16 << 20;

/// The same, but keeps only the records that sessions and timelines follow from, unless the logs have less than `small` bytes. Also returns whether
/// all records were kept.
pub(crate) fn survey(
    paths: &LogPaths,
    options: &ReadOptions,
    progress: &Progress,
    threads: usize,
    small: u64,
) -> Result<(Logs, bool), ReadError> {
    let mut size = 0_u64;
    list(paths, &mut |file| {
        let compressed = decompress::plain_name(&file.name) != &*file.name;
        let bytes = fs::metadata(&file.path).map_or(0, |metadata| metadata.len());
        // What a compressed file holds is not known before it is read.
        size = size.saturating_add(if compressed { small } else { bytes });
    })?;
    let small = size < small;
    let threads = if small { threads } else { threads.min(MOST_THREADS) };
    Ok((read_paths(paths, &FileOpener { options, progress, threads, survey: !small })?, small))
}

fn read_paths(paths: &LogPaths, opener: &FileOpener) -> Result<Logs, ReadError> {
    check_pattern(opener.options.pattern.as_deref())?;
    let begin = SystemTime::now();
    let (problems, files) = opener.read_all(|emit| list(paths, emit));
    let logs = gather(paths, files, problems?, opener.options, opener.progress)?;
    check_columns(&paths.root, &logs, opener.options)?;
    logs.refresh.verify(begin);
    Ok(logs)
}

/// Refuses the name of a column if there is no file in which columns are named.
fn check_columns(path: &Path, logs: &Logs, options: &ReadOptions) -> Result<(), ReadError> {
    let NamedColumns { step, epoch, wall_time } = &options.columns;
    let given = [("step_column", step), ("epoch_column", epoch), ("time_column", wall_time)];
    let Some((option, _)) = given.into_iter().find(|(_, name)| name.is_some()) else { return Ok(()) };
    let mut formats: Vec<Format> = Vec::new();
    for file in &logs.files {
        if !formats.contains(&file.format) {
            formats.push(file.format);
        }
    }
    if formats.iter().any(|format| format.description().options.columns) {
        return Ok(());
    }
    let found = formats.iter().map(|format| format.description().title).collect();
    Err(ReadError::NoColumns { option, path: path.to_owned(), found })
}

/// Reads a log that is in memory, as if it were the file `name`.
pub fn read_bytes(name: &str, bytes: &[u8], options: &ReadOptions, threads: usize) -> Result<Logs, ReadError> {
    check_pattern(options.pattern.as_deref())?;
    let progress = Progress::default();
    let opener = FileOpener { options, progress: &progress, threads, survey: false };
    let root = Path::new(name);
    let path = FilePath { path: root.into(), folder: Arc::default(), name: name.into() };
    let unreadable = |source| ReadError::Unreadable { path: root.to_owned(), source };
    let outcome = opener.read_bytes(&path, &bytes, bytes.len() as u64, threads.max(2)).map_err(unreadable)?;
    let opened = vec![OpenedFile { path, seen: SeenFile::default(), outcome }];
    let logs = gather(&root.into(), opened, Vec::new(), options, &progress)?;
    check_columns(root, &logs, options)?;
    Ok(logs)
}

/// Emits the files at or below the paths, in no order and each once. Returns the folders and links that could not be followed.
pub(super) fn list(paths: &LogPaths, emit: &mut dyn FnMut(FilePath)) -> Result<Vec<Problem>, ReadError> {
    if paths.below.is_empty() {
        return list_path(&paths.root, Vec::new(), emit);
    }
    let mut found = HashSet::new();
    let mut once = |file: FilePath| {
        if found.insert(file.path.clone()) {
            emit(file);
        }
    };
    let mut problems = Vec::new();
    for path in &paths.below {
        let outside = |_| ReadError::Outside { path: path.clone(), root: paths.root.clone() };
        let inside = path.strip_prefix(&paths.root).map_err(outside)?;
        let mut folder = paths.root.clone();
        let mut names: Vec<String> = Vec::new();
        for name in inside {
            // A ledger above a run may be its own.
            ledger_in(&folder, &names, &mut once);
            folder.push(name);
            names.push(walk::shown(name));
        }
        problems.extend(list_path(path, names, &mut once)?);
    }
    Ok(problems)
}

fn ledger_in(folder: &Path, names: &[String], emit: &mut dyn FnMut(FilePath)) {
    let ledger = folder.join(NAME);
    if ledger.is_file() {
        emit(FilePath { path: ledger.into(), folder: names.into(), name: NAME.into() });
    }
}

/// Emits the files at or below one path. `names` are the folders from the root down to it, itself included.
fn list_path(path: &Path, mut names: Vec<String>, emit: &mut dyn FnMut(FilePath)) -> Result<Vec<Problem>, ReadError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ReadError::NotFound { path: path.to_owned() },
        _ => ReadError::Unreadable { path: path.to_owned(), source },
    };
    let kind = fs::metadata(path).map_err(unreadable)?;
    if kind.is_dir() {
        return walk::files(path, names, emit).map_err(unreadable);
    }
    if !kind.is_file() {
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a file nor a folder")));
    }
    // A file that cannot be opened is an error here; in a folder it is a problem among others.
    open_file(path).map_err(unreadable)?;
    names.pop();
    let name = path.file_name().map_or_else(String::new, walk::shown);
    // The ledger next to a log belongs to it.
    if name != NAME {
        ledger_in(&path.with_file_name(""), &names, emit);
    }
    // So does the configuration.
    for config in config_names().into_iter().filter(|config| **config != *name) {
        let file = path.with_file_name(config);
        if file.is_file() {
            emit(FilePath { path: file.into(), folder: names[..].into(), name: config.into() });
        }
    }
    emit(FilePath { path: path.into(), folder: names.into(), name: name.into() });
    Ok(Vec::new())
}
