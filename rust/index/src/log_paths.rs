//! Where the caller says that logs are.

use std::path::{Path, PathBuf};

/// A folder or a file, or several below one root. The names of runs are relative to the root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogPaths {
    /// The folder or file; the root of several paths.
    pub root: PathBuf,
    /// The folders and files that are read, each below the root; empty: the root itself.
    pub below: Vec<PathBuf>,
}

impl LogPaths {
    /// The folders and files that are read.
    pub(crate) fn all(&self) -> &[PathBuf] {
        if self.below.is_empty() { std::slice::from_ref(&self.root) } else { &self.below }
    }
}

impl<P: AsRef<Path> + ?Sized> From<&P> for LogPaths {
    fn from(path: &P) -> Self {
        Self { root: path.as_ref().to_owned(), below: Vec::new() }
    }
}
