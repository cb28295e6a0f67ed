//! Lists the files below the paths, and what each of them is, as far as its name and its first bytes show it.
//!
//! It is for those who read the files of a folder in several groups: a group needs all files that are read together.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use stepbridge_formats::{FormatReader, ReadOptions, check_pattern, config_above};
use stepbridge_io::decompress;
use stepbridge_io::parallel;
use stepbridge_io::progress::Progress;
use stepbridge_records::{Problem, RepeatedRecords};

use super::dedup;
use super::file_role::FileRole;
use super::open::FileOpener;
use super::read::list;
use super::refresh_state::FileStamp;
use crate::error::ReadError;
use crate::file_path::FilePath;
use crate::log_paths::LogPaths;

/// A file, and what it is.
#[derive(Debug, Clone)]
pub struct FoundFile {
    /// The file, relative to the path that the caller gave.
    pub file: String,
    /// The path for the system.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// A text that is another one if the file has changed.
    pub e_tag: String,
    /// What it is.
    pub role: FileRole,
    /// How many folders above its own the run is that it belongs to.
    pub above: usize,
}

/// Lists the files below the paths in order, and the folders and links that could not be followed. `known` holds the e-tags of files
/// that an earlier call returned; those that have not changed are not opened.
pub fn find_files(
    paths: &LogPaths,
    options: &ReadOptions,
    known: &BTreeMap<String, String>,
    progress: &Progress,
    threads: usize,
) -> Result<(Vec<FoundFile>, Vec<Problem>), ReadError> {
    check_pattern(options.pattern.as_deref())?;
    let begin = SystemTime::now();
    let mut listed = Vec::new();
    let problems = list(paths, &mut |file| listed.push(file))?;
    listed.sort();
    let opener = FileOpener { options, progress, threads, survey: false };
    let found = parallel::map(listed.len(), threads, |index| found_file(&opener, &listed[index], begin, known));
    if progress.is_cancelled() {
        return Err(ReadError::Cancelled);
    }
    Ok((found, problems))
}

fn found_file(opener: &FileOpener, path: &FilePath, begin: SystemTime, known: &BTreeMap<String, String>) -> FoundFile {
    // The stamp is older than what is read: a change in between shows next time.
    let stamp = FileStamp::now(path);
    let (file, e_tag) = (path.shown(), stamp.e_tag(begin));
    let role = if known.get(&file) == Some(&e_tag) { FileRole::Known } else { opener.role_of(path) };
    let above = match &role {
        FileRole::Log(reader) => folders_above(reader, path),
        FileRole::Config => config_above(decompress::plain_name(&path.name), &path.folder).unwrap_or(0),
        FileRole::Ledger | FileRole::Other | FileRole::Broken(_) | FileRole::Known => 0,
    };
    FoundFile { file, path: path.path.to_path_buf(), size: stamp.size, e_tag, role, above }
}

fn folders_above(reader: &FormatReader, path: &FilePath) -> usize {
    let checkpoint =
        reader.description.repeats == RepeatedRecords::InCheckpoints && dedup::is_in_checkpoint(&path.folder);
    (reader.folders_above)(&path.path, &path.folder).max(usize::from(checkpoint))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_has_not_changed_is_not_looked_at_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log.csv");
        fs::write(&log, "step,loss\n1,0.5\n").expect("written");
        fs::write(folder.path().join("notes.txt"), "nothing").expect("written");
        fs::write(folder.path().join("events.out.tfevents.1.host"), "").expect("written");
        let long_ago = SystemTime::now() - std::time::Duration::from_secs(60);
        fs::File::options().append(true).open(&log).expect("open").set_modified(long_ago).expect("set");
        let find = |known: &BTreeMap<String, String>| {
            let (options, progress) = (ReadOptions::default(), Progress::default());
            find_files(&folder.path().into(), &options, known, &progress, 2).expect("files").0
        };
        let found = find(&BTreeMap::new());
        let names: Vec<&str> = found.iter().map(|found| &found.file[..]).collect();
        assert_eq!(names, ["events.out.tfevents.1.host", "log.csv", "notes.txt"]);
        assert!(matches!(found[0].role, FileRole::Broken(_)) && matches!(found[2].role, FileRole::Other));
        assert!(matches!(found[1].role, FileRole::Log(_)));
        let known: BTreeMap<_, _> = found.into_iter().map(|found| (found.file, found.e_tag)).collect();
        assert!(!known["log.csv"].ends_with('?') && known["notes.txt"].ends_with('?'));
        assert!(matches!(find(&known)[1].role, FileRole::Known));
        fs::write(&log, "step,loss\n1,0.5\n2,0.25\n").expect("written");
        assert!(matches!(find(&known)[1].role, FileRole::Log(_)));
    }
}
