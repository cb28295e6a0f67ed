//! The path of a file below the path that the caller gave.

use std::cmp::Ordering;
use std::path::Path;
use std::sync::Arc;

use stepbridge_records::BatchRun;

/// The path of a file. There may be hundreds of thousands, and several lists hold each, so its parts are shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilePath {
    /// The path for the system.
    pub(crate) path: Arc<Path>,
    /// The folders from the root down to the file.
    pub(crate) folder: Arc<[String]>,
    /// The name of the file.
    pub(crate) name: Box<str>,
}

impl FilePath {
    /// The path relative to the root, as people see it.
    pub(crate) fn shown(&self) -> String {
        self.folder.iter().map(String::as_str).chain([&*self.name]).collect::<Vec<_>>().join("/")
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

/// The name of a run: its folder below the path that the caller gave.
pub(crate) fn run_name(folder: &[String], of: &BatchRun) -> String {
    let above = match of {
        BatchRun::Above(count) => &folder[..folder.len().saturating_sub(*count)],
        BatchRun::Folder | BatchRun::Named(_) => folder,
    };
    let own = if let BatchRun::Named(name) = of { Some(name) } else { None };
    let name = above.iter().chain(own).map(String::as_str).collect::<Vec<_>>().join("/");
    if name.is_empty() { ".".to_owned() } else { name }
}
