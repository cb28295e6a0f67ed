//! The path of a file below the path that the caller gave.

use std::cmp::Ordering;
use std::path::PathBuf;

/// The path of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilePath {
    /// The path for the system.
    pub(crate) path: PathBuf,
    /// The folders from the root down to the file.
    pub(crate) folder: Vec<String>,
    /// The name of the file.
    pub(crate) name: String,
}

impl FilePath {
    /// The path relative to the root, as people see it.
    pub(crate) fn shown(&self) -> String {
        self.folder.iter().chain([&self.name]).map(String::as_str).collect::<Vec<_>>().join("/")
    }
}

impl Ord for FilePath {
    /// By folder, then by name: the order in which people see files.
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.folder, &self.name, &self.path).cmp(&(&other.folder, &other.name, &other.path))
    }
}

impl PartialOrd for FilePath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
