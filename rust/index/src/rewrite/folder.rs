//! The folder of the output: only what this library wrote there is replaced, and all of it at once.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::{NamedTempFile, TempPath};

use super::error::RewriteError;
use crate::output::atomic_file;

/// The file that lists what this library wrote into a folder.
const LIST: &str = ".stepbridge-rewrite";
/// How many bytes the name of a file or folder has at most: less than systems allow, as more is put around it.
const LONGEST: usize = 160;

/// A folder whose event files are written.
pub(super) struct OutputFolder {
    path: PathBuf,
    /// The files that an earlier call wrote, relative to the folder.
    before: BTreeSet<String>,
    state: Mutex<FolderState>,
}

#[derive(Default)]
struct FolderState {
    /// Files that are complete and wait for their names, relative to the folder.
    waiting: Vec<(TempPath, String)>,
    /// The names that are taken.
    names: HashSet<String>,
    /// The folders that were made, outer ones first.
    made: Vec<PathBuf>,
}

impl OutputFolder {
    /// Checks a folder, which need not exist and must not lie in an input. Nothing is written yet.
    pub(super) fn at(path: &Path, inputs: &[PathBuf]) -> Result<Self, RewriteError> {
        inputs.iter().try_for_each(|input| refuse_input(path, input))?;
        let folder = |before| Self { path: path.to_owned(), before, state: Mutex::default() };
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(folder(BTreeSet::new())),
            Err(source) => Err(RewriteError::Io { path: path.to_owned(), source }),
            Ok(_) if !path.is_dir() => Err(RewriteError::NotAFolder { path: path.to_owned() }),
            Ok(_) => {
                let list = fs::read_to_string(path.join(LIST)).unwrap_or_default();
                let before: BTreeSet<String> = list.lines().map(str::to_owned).collect();
                let mut found = Vec::new();
                files_in(path, "", &mut found).map_err(|source| RewriteError::Io { path: path.to_owned(), source })?;
                match found.into_iter().find(|file| file != LIST && !before.contains(file)) {
                    Some(file) => Err(RewriteError::NotEmpty { path: path.to_owned(), file }),
                    None => Ok(folder(before)),
                }
            }
        }
    }

    /// The error where the system refuses to write into it.
    pub(super) fn failed(&self, source: io::Error) -> RewriteError {
        RewriteError::Io { path: self.path.clone(), source }
    }

    fn state(&self) -> MutexGuard<'_, FolderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the file of a run with this name. Two files never have the same.
    pub(super) fn create(&self, run: &str, name: &str) -> Result<OutputFile, RewriteError> {
        let folder: Vec<String> = run.split('/').filter(|part| *part != ".").map(safe_name).collect();
        let whole = folder.iter().cloned().chain([safe_name(name)]).collect::<Vec<_>>().join("/");
        let mut state = self.state();
        let mut relative = whole.clone();
        for number in 2.. {
            if state.names.insert(relative.clone()) {
                break;
            }
            relative = format!("{whole}.{number}");
        }
        let path = self.path.join(&relative);
        let failed = |source| RewriteError::Io { path: path.clone(), source };
        let parent = path.parent().unwrap_or(&self.path);
        make_folders(parent, &mut state.made).map_err(failed)?;
        let file = atomic_file::create(&path).map_err(failed)?;
        Ok(OutputFile { file: BufWriter::with_capacity(1 << 20, file), relative })
    }

    /// Takes a file that is complete.
    pub(super) fn add(&self, file: OutputFile) -> Result<(), RewriteError> {
        let OutputFile { file, relative } = file;
        let path = self.path.join(&relative);
        let file: NamedTempFile =
            file.into_inner().map_err(|error| RewriteError::Io { path, source: error.into_error() })?;
        // A run each may be more files than a process may hold open.
        self.state().waiting.push((file.into_temp_path(), relative));
        Ok(())
    }

    /// Gives all files their names, and removes those of an earlier call that are no longer there. Returns how many there are.
    pub(super) fn complete(self) -> Result<usize, RewriteError> {
        let waiting = std::mem::take(&mut self.state().waiting);
        let names: BTreeSet<String> = waiting.iter().map(|(_, relative)| relative.clone()).collect();
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| RewriteError::Io { path, source }
        };
        make_folders(&self.path, &mut self.state().made).map_err(failed(&self.path))?;
        // The list comes first: whatever ends this, the files are known as ours the next time.
        let list: Vec<&str> = self.before.union(&names).map(String::as_str).collect();
        write_list(&self.path, &list).map_err(failed(&self.path))?;
        let count = waiting.len();
        for (file, relative) in waiting {
            let path = self.path.join(relative);
            put(file, &path).map_err(failed(&path))?;
        }
        for gone in self.before.difference(&names) {
            // It may be gone already.
            let _ = fs::remove_file(self.path.join(gone));
        }
        let list: Vec<&str> = names.iter().map(String::as_str).collect();
        write_list(&self.path, &list).map_err(failed(&self.path))?;
        self.state().made.clear();
        Ok(count)
    }
}

impl Drop for OutputFolder {
    fn drop(&mut self) {
        let mut state = self.state();
        state.waiting.clear();
        for folder in state.made.iter().rev() {
            // A folder that holds something stays.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// A file of the folder while it is written.
pub(super) struct OutputFile {
    file: BufWriter<NamedTempFile>,
    relative: String,
}

impl io::Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn write_list(folder: &Path, names: &[&str]) -> io::Result<()> {
    let path = folder.join(LIST);
    let mut file = atomic_file::create(&path)?;
    let text: String = names.iter().flat_map(|name| [*name, "\n"]).collect();
    io::Write::write_all(&mut file, text.as_bytes())?;
    file.persist(&path).map(drop).map_err(|error| error.error)
}

/// Gives a file its name. If it only adds to the file that has the name, that file is appended to: `TensorBoard` keeps files
/// open, and would not notice another one in their place.
fn put(file: TempPath, path: &Path) -> io::Result<()> {
    if let Some(length) = begins_with(&file, path)? {
        let mut added = File::open(&file)?;
        added.seek(SeekFrom::Start(length))?;
        let mut known = File::options().append(true).open(path)?;
        io::copy(&mut added, &mut known)?;
        return Ok(());
    }
    file.persist(path).map_err(|error| error.error)
}

/// The length of the file at `path` if `file` begins with it.
fn begins_with(file: &Path, path: &Path) -> io::Result<Option<u64>> {
    const BLOCK: usize = 1 << 16;
    let Ok(mut known) = File::open(path) else { return Ok(None) };
    let mut file = File::open(file)?;
    let (mut one, mut other) = (vec![0; BLOCK], vec![0; BLOCK]);
    let mut length = 0;
    loop {
        let count = known.read(&mut one)?;
        if count == 0 {
            return Ok(Some(length));
        }
        if file.read_exact(&mut other[..count]).is_err() || one[..count] != other[..count] {
            return Ok(None);
        }
        length += count as u64;
    }
}

/// Refuses a folder that is one of the inputs, or lies in them.
fn refuse_input(path: &Path, input: &Path) -> Result<(), RewriteError> {
    if input != Path::new("") && real(path).starts_with(real(input)) {
        return Err(RewriteError::InPlace { path: path.to_owned(), input: input.to_owned() });
    }
    Ok(())
}

/// A path without links, as far as it exists.
fn real(path: &Path) -> PathBuf {
    if let Ok(found) = fs::canonicalize(path) {
        return found;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if parent != Path::new("") => real(parent).join(name),
        (Some(_), Some(name)) => real(Path::new(".")).join(name),
        _ => path.to_owned(),
    }
}

/// The files below a folder, relative to it. Links are not followed.
fn files_in(folder: &Path, prefix: &str, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            files_in(&entry.path(), &format!("{name}/"), found)?;
        } else {
            found.push(name);
        }
    }
    Ok(())
}

/// Makes a folder and those above it, and notes those that were made.
fn make_folders(folder: &Path, made: &mut Vec<PathBuf>) -> io::Result<()> {
    if folder == Path::new("") || folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make_folders(parent, made)?;
    }
    fs::create_dir(folder)?;
    made.push(folder.to_owned());
    Ok(())
}

/// A name that stays inside its folder, whatever a log calls a run.
fn safe_name(name: &str) -> String {
    if matches!(name, "" | "." | "..") {
        return "_".repeat(name.len().max(1));
    }
    let is_safe = |letter: char| !letter.is_control() && !matches!(letter, '/' | '\\' | ':');
    let mut safe: String = name.chars().map(|letter| if is_safe(letter) { letter } else { '_' }).collect();
    if safe.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|end| safe.is_char_boundary(*end)).unwrap_or(0);
        safe.truncate(end);
    }
    safe
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn nothing() -> &'static [PathBuf] {
        &[]
    }

    fn written(path: &Path, files: &[(&str, &str, &str)]) -> Result<usize, RewriteError> {
        let folder = OutputFolder::at(path, nothing())?;
        for (run, name, text) in files {
            let mut file = folder.create(run, name)?;
            file.write_all(text.as_bytes()).expect("written");
            folder.add(file)?;
        }
        folder.complete()
    }

    #[test]
    fn only_its_own_files_are_replaced() {
        let outer = tempfile::tempdir().expect("a folder");
        let path = outer.path().join("a/b");
        assert_eq!(written(&path, &[(".", "x", "1"), ("run/one", "x", "2")]).expect("written"), 2);
        assert_eq!(fs::read_to_string(path.join("run/one/x")).expect("text"), "2");
        assert_eq!(written(&path, &[("run/one", "x", "23")]).expect("written"), 1);
        assert_eq!(fs::read_to_string(path.join("run/one/x")).expect("text"), "23");
        assert!(!path.join("x").exists());
        fs::write(path.join("mine"), "").expect("written");
        let error = written(&path, &[(".", "x", "1")]).expect_err("another file");
        assert!(matches!(error, RewriteError::NotEmpty { ref file, .. } if file == "mine"), "{error}");
    }

    #[test]
    fn a_file_that_grows_keeps_its_identity() {
        let outer = tempfile::tempdir().expect("a folder");
        written(outer.path(), &[(".", "x", "12")]).expect("written");
        let mut open = File::open(outer.path().join("x")).expect("a file");
        written(outer.path(), &[(".", "x", "123")]).expect("written");
        let mut text = String::new();
        open.read_to_string(&mut text).expect("text");
        assert_eq!(text, "123");
        written(outer.path(), &[(".", "x", "92")]).expect("written");
        assert_eq!(fs::read_to_string(outer.path().join("x")).expect("text"), "92");
    }

    #[test]
    fn names_of_runs_stay_inside() {
        let outer = tempfile::tempdir().expect("a folder");
        let path = outer.path().join("out");
        let long = "x".repeat(4000);
        let runs = ["../../up", "/etc", "a\0b", "..", &long, ""];
        written(&path, &runs.map(|run| (run, "x", "1"))).expect("written");
        assert_eq!(fs::read_dir(outer.path()).expect("a folder").count(), 1);
        let mut found = Vec::new();
        files_in(&path, "", &mut found).expect("files");
        assert_eq!(found.len(), runs.len() + 1, "{found:?}");
    }

    #[test]
    fn nothing_is_left_of_what_did_not_end() {
        let outer = tempfile::tempdir().expect("a folder");
        let path = outer.path().join("out");
        let folder = OutputFolder::at(&path, nothing()).expect("a new folder");
        let file = folder.create("run", "x").expect("a file");
        folder.add(file).expect("added");
        drop(folder);
        assert!(!path.exists());
    }
}
