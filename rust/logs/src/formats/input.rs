//! What a reader is given.

use std::any::Any;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::options::ReadOptions;
use stepbridge_io::bytes::{ReadAt, Window, read_all};

/// A file as a reader meets it: unpacked, where it was compressed.
pub(crate) struct Input<'a> {
    /// Its path, relative to the path that was asked for: what problems call it.
    pub(crate) file: &'a str,
    /// The same, as the system knows it.
    pub(crate) path: &'a Path,
    /// The names of the folders above it, below the path that was asked for.
    pub(crate) folder: &'a [String],
    /// Its own name, without the ending of a compressed file.
    pub(crate) name: &'a str,
    pub(crate) bytes: &'a dyn ReadAt,
    /// How many there are, as far as is known: it may turn out shorter.
    pub(crate) size: u64,
    /// How many threads may share the work.
    pub(crate) threads: usize,
    pub(crate) options: &'a ReadOptions,
    /// What this format's reader left in [`super::Sink::mark`] when it read the file before: it takes what was added since.
    pub(crate) mark: Option<Mark>,
}

/// Where a reader stopped: its own business.
pub(crate) type Mark = Arc<dyn Any + Send + Sync>;

impl<'a> Input<'a> {
    /// A window over its bytes.
    pub(crate) fn window(&self) -> Window<'a, dyn ReadAt + 'a> {
        Window::new(self.bytes, self.size)
    }

    /// All its bytes: for formats that are one document.
    pub(crate) fn whole(&self) -> io::Result<Vec<u8>> {
        read_all(self.bytes)
    }
}
