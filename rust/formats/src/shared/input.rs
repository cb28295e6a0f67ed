//! What a reader gets.

use std::io;
use std::path::Path;

use stepbridge_io::bytes::{ReadAt, Window, read_all};

use super::mark::Mark;
use super::options::ReadOptions;

/// A file as its reader gets it: decompressed if it was compressed.
pub struct Input<'a> {
    /// Its path relative to the path that the caller gave: its name in problems.
    pub file: &'a str,
    /// Its path for the system.
    pub path: &'a Path,
    /// The names of the folders above it, below the path that the caller gave.
    pub folder: &'a [String],
    /// Its own name, without the suffix of a compressed file.
    pub name: &'a str,
    /// Its bytes.
    pub bytes: &'a dyn ReadAt,
    /// How many bytes there are, as far as it is known; the file may turn out shorter.
    pub size: u64,
    /// How many threads may share the work.
    pub threads: usize,
    /// What the caller says about the logs.
    pub options: &'a ReadOptions,
    /// What the reader left in [`super::sink::Sink::mark`] when it read the file before. It then reads only what was added.
    pub mark: Option<Mark>,
}

impl<'a> Input<'a> {
    /// A window over its bytes.
    #[must_use]
    pub fn window(&self) -> Window<'a, dyn ReadAt + 'a> {
        Window::new(self.bytes, self.size)
    }

    /// All its bytes, for formats that are one document.
    pub fn whole(&self) -> io::Result<Vec<u8>> {
        read_all(self.bytes)
    }
}
