//! Finds the files below a folder.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use stepbridge_io::decompress;
use stepbridge_records::{Problem, ProblemKind};

use crate::file_path::FilePath;

/// How the names of ledgers end.
const LEDGER: &str = ".jsonl";

/// Folders of version control. They hold copies of the files next to them.
const SKIPPED: [&str; 3] = [".git", ".hg", ".svn"];

/// Emits all files below a folder as they are found, in no order; `names` are the folders from the root of all paths down to
/// it, itself included. Returns the folders and links that could not be followed.
pub(super) fn files(root: &Path, names: Vec<String>, emit: &mut dyn FnMut(FilePath)) -> io::Result<Vec<Problem>> {
    let mut walk = FolderWalk { emit, links: Vec::new(), problems: Vec::new(), visited: HashSet::new() };
    let real: Arc<Path> = fs::canonicalize(root)?.into();
    walk.visited.insert(Arc::clone(&real));
    // A root that cannot be read is an error; a folder below it is a problem among others.
    fs::read_dir(root)?;
    walk.folder(WalkedFolder { path: root.into(), real, names: names.into() });
    // Links come last: a file that was found under its own name is not read again under another name.
    while !walk.links.is_empty() {
        let mut links = std::mem::take(&mut walk.links);
        links.sort();
        for link in links {
            walk.link(link);
        }
    }
    walk.problems.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(walk.problems)
}

/// Whether a run's name is that of a folder below `root`.
pub(super) fn is_inside(root: &Path, run: &str) -> bool {
    run.split('/').all(|name| !matches!(name, "" | "." | "..")) && root.join(run).is_dir()
}

/// Emits the files of one run as `files` does: those below its folder, and those in the folders above it that may be its ledger.
pub(super) fn files_of_run(root: &Path, run: &str, emit: &mut dyn FnMut(FilePath)) -> io::Result<Vec<Problem>> {
    let mut names: Vec<String> = Vec::new();
    for name in run.split('/') {
        let above = root.join(names.join("/"));
        for entry in fs::read_dir(&above)? {
            let entry = entry?;
            let file = FilePath {
                path: entry.path().into(),
                folder: names[..].into(),
                name: shown(&entry.file_name()).into(),
            };
            if decompress::plain_name(&file.name).ends_with(LEDGER) && file.path.is_file() {
                emit(file);
            }
        }
        names.push(name.to_owned());
    }
    files(&root.join(run), names, emit)
}

/// A folder to read once.
struct WalkedFolder {
    path: Arc<Path>,
    /// Its real path, without links.
    real: Arc<Path>,
    /// The folders from the root down to it, itself included.
    names: Arc<[String]>,
}

struct FolderWalk<'a> {
    emit: &'a mut dyn FnMut(FilePath),
    links: Vec<FilePath>,
    problems: Vec<Problem>,
    /// Real paths of the folders that were read, and of the files that links lead to.
    visited: HashSet<Arc<Path>>,
}

impl FolderWalk<'_> {
    /// Takes everything below a folder. One folder is open at a time, because a process may have only so many files open.
    fn folder(&mut self, first: WalkedFolder) {
        let mut below = vec![first];
        while let Some(folder) = below.pop() {
            if let Err(error) = self.entries(&folder, &mut below) {
                self.unreadable(&folder.names.join("/"), &error);
            }
        }
    }

    /// Takes the files and links of a folder, up to the first entry that cannot be read. Its folders go to `below`.
    fn entries(&mut self, folder: &WalkedFolder, below: &mut Vec<WalkedFolder>) -> io::Result<()> {
        for entry in fs::read_dir(&folder.path)? {
            let entry = entry?;
            let path = FilePath {
                path: entry.path().into(),
                folder: Arc::clone(&folder.names),
                name: shown(&entry.file_name()).into(),
            };
            match entry.file_type() {
                Ok(kind) if kind.is_symlink() => self.links.push(path),
                Ok(kind) if kind.is_dir() => {
                    // A folder that is not a link has its real path below that of its parent.
                    let real: Arc<Path> = folder.real.join(entry.file_name()).into();
                    if !SKIPPED.contains(&&*path.name) && self.visited.insert(Arc::clone(&real)) {
                        below.push(WalkedFolder { names: names_inside(&path), path: path.path, real });
                    }
                }
                Ok(kind) if kind.is_file() => (self.emit)(path),
                Ok(_) => self.no_file(&path),
                Err(error) => self.unreadable(&path.shown(), &error),
            }
        }
        Ok(())
    }

    /// Follows a link.
    fn link(&mut self, link: FilePath) {
        let (real, kind) = match fs::canonicalize(&link.path).and_then(|real| Ok((fs::metadata(&real)?, real))) {
            Ok((kind, real)) => (Arc::<Path>::from(real), kind),
            Err(error) => {
                self.unreadable(&link.shown(), &error);
                return;
            }
        };
        if kind.is_dir() {
            let holder = link.path.parent().and_then(|holder| fs::canonicalize(holder).ok());
            if holder.is_some_and(|holder| holder.starts_with(&real)) {
                let reason = "the link leads back to a folder that holds it; it was not followed";
                self.problems.push(Problem::new(link.shown(), ProblemKind::SymlinkLoop, reason));
            } else if self.visited.insert(Arc::clone(&real)) {
                self.folder(WalkedFolder { names: names_inside(&link), path: link.path, real });
            }
        } else if !real.parent().is_some_and(|holder| self.visited.contains(holder)) && self.visited.insert(real) {
            if kind.is_file() {
                (self.emit)(link);
            } else {
                self.no_file(&link);
            }
        }
    }

    /// A pipe, a socket or a device: to read it may never end.
    fn no_file(&mut self, path: &FilePath) {
        let reason = "it is neither a file nor a folder (a pipe, a socket or a device); it was not read";
        self.problems.push(Problem::new(path.shown(), ProblemKind::Unreadable, reason));
    }

    fn unreadable(&mut self, file: &str, error: &io::Error) {
        let reason = format!("the system does not let it be read ({error})");
        self.problems.push(Problem::new(file, ProblemKind::Unreadable, reason));
    }
}

/// The folders from the root down to a folder, itself included.
fn names_inside(folder: &FilePath) -> Arc<[String]> {
    folder.folder.iter().cloned().chain([folder.name.to_string()]).collect()
}

/// A name for people. Bytes that are not UTF-8 are escaped, so that names that differ stay different.
pub(super) fn shown(name: &OsStr) -> String {
    let mut shown = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        shown.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}
