//! A file that appears when it is complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// A file that is written under another name in the same folder, and gets its own name when it is complete. It is removed if
/// it is dropped before that.
pub(super) struct AtomicFile {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    complete: bool,
}

impl AtomicFile {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        /// Two threads may write to one path. Each has its own file, and the last one remains.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if path.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}-{number}.part", process::id()));
        let temporary = path.with_file_name(hidden);
        let file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        Ok(Self { file, temporary, path: path.to_owned(), complete: false })
    }

    /// Gives the file its name, after all of it is on the disk.
    pub(super) fn complete(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.temporary, &self.path)?;
        self.complete = true;
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.complete {
            // The failure that led here is reported. A file that cannot be removed must not hide it.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}
