//! The files below a path.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use stepbridge_records::{Problem, ProblemKind};

/// Folders of version control: they hold copies of what stands beside them.
const SKIPPED: [&str; 3] = [".git", ".hg", ".svn"];

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// The folders from the root down to it.
    pub(crate) folder: Vec<String>,
    pub(crate) name: String,
}

impl Ord for Found {
    /// By folder, then by name, as they are shown everywhere.
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.folder, &self.name, &self.path).cmp(&(&other.folder, &other.name, &other.path))
    }
}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Found {
    /// The path relative to the root, as it is shown everywhere.
    pub(crate) fn source(&self) -> String {
        self.folder.iter().chain([&self.name]).map(String::as_str).collect::<Vec<_>>().join("/")
    }
}

/// Hands on all files below a folder as they are found, in no order; gives the folders and links that could not be
/// followed.
pub(crate) fn files(root: &Path, hand_on: &mut dyn FnMut(Found)) -> io::Result<Vec<Problem>> {
    let mut walk = Walk { hand_on, links: Vec::new(), problems: Vec::new(), visited: HashSet::new() };
    let real = fs::canonicalize(root)?;
    walk.visited.insert(real.clone());
    // What cannot be read is an error here, and a problem among others below.
    fs::read_dir(root)?;
    walk.folder(Folder { path: root.to_owned(), real, names: Vec::new() });
    // Links come last, and what was met under its own name is not read again under another.
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

/// A folder that is read once.
struct Folder {
    path: PathBuf,
    /// Where it is really.
    real: PathBuf,
    /// The folders from the root down to it, itself included.
    names: Vec<String>,
}

struct Walk<'a> {
    hand_on: &'a mut dyn FnMut(Found),
    links: Vec<Found>,
    problems: Vec<Problem>,
    /// Real paths of the folders that were read, and of the files that links led to.
    visited: HashSet<PathBuf>,
}

impl Walk<'_> {
    /// Takes all that is below a folder. One folder is open at a time: a process may have fewer files open than there are.
    fn folder(&mut self, first: Folder) {
        let mut below = vec![first];
        while let Some(folder) = below.pop() {
            if let Err(error) = self.entries(&folder, &mut below) {
                self.unreadable(&folder.names.join("/"), &error);
            }
        }
    }

    /// Takes the files and links of a folder, up to the first entry that cannot be read; its folders are for later.
    fn entries(&mut self, folder: &Folder, below: &mut Vec<Folder>) -> io::Result<()> {
        for entry in fs::read_dir(&folder.path)? {
            let entry = entry?;
            let found = Found { path: entry.path(), folder: folder.names.clone(), name: shown(&entry.file_name()) };
            match entry.file_type() {
                Ok(kind) if kind.is_symlink() => self.links.push(found),
                Ok(kind) if kind.is_dir() => {
                    // What is no link is really where it was found.
                    let real = folder.real.join(entry.file_name());
                    if !SKIPPED.contains(&&*found.name) && self.visited.insert(real.clone()) {
                        below.push(Folder { names: inside(&found), path: found.path, real });
                    }
                }
                Ok(kind) if kind.is_file() => (self.hand_on)(found),
                // Sockets, pipes, devices.
                Ok(_) => {}
                Err(error) => self.unreadable(&found.source(), &error),
            }
        }
        Ok(())
    }

    fn link(&mut self, found: Found) {
        let (real, kind) = match fs::canonicalize(&found.path).and_then(|real| Ok((fs::metadata(&real)?, real))) {
            Ok((kind, real)) => (real, kind),
            Err(error) => {
                self.unreadable(&found.source(), &error);
                return;
            }
        };
        if kind.is_dir() {
            let holder = found.path.parent().and_then(|holder| fs::canonicalize(holder).ok());
            if holder.is_some_and(|holder| holder.starts_with(&real)) {
                let reason = "the link leads back to a folder that holds it; it was not followed";
                self.problems.push(Problem::new(found.source(), ProblemKind::SymlinkLoop, reason));
            } else if self.visited.insert(real.clone()) {
                self.folder(Folder { names: inside(&found), path: found.path, real });
            }
        } else if kind.is_file() {
            let below = real.parent().is_some_and(|holder| self.visited.contains(holder));
            if !below && self.visited.insert(real) {
                (self.hand_on)(found);
            }
        }
    }

    fn unreadable(&mut self, source: &str, error: &io::Error) {
        let reason = format!("the system does not let it be read ({error})");
        self.problems.push(Problem::new(source, ProblemKind::Unreadable, reason));
    }
}

fn inside(found: &Found) -> Vec<String> {
    let mut folder = found.folder.clone();
    folder.push(found.name.clone());
    folder
}

/// A name for people: what is no Unicode is replaced.
pub(crate) fn shown(name: &std::ffi::OsStr) -> String {
    name.to_string_lossy().into_owned()
}
