//! A log as it was read before, for a second reading.

use std::io;

use stepbridge_io::bytes::ReadAt;
use stepbridge_io::decompress::Compression;
use stepbridge_io::open::open_file;
use stepbridge_io::progress::Progress;

use crate::file_path::FilePath;
use crate::runs::refresh_state::{FileStamp, SeenFile};

/// How many of the first bytes show whether a file is compressed.
const MAGIC: usize = 16;

/// Passes the bytes of a file to `work`, decompressed. Fails if the file no longer holds what was read of it.
pub(super) fn with_bytes<T>(
    path: &FilePath,
    seen: &SeenFile,
    progress: &Progress,
    work: impl FnOnce(&dyn ReadAt) -> io::Result<T>,
) -> io::Result<T> {
    let (file, metadata) = open_file(&path.path)?;
    if FileStamp::of(path, Some(&metadata)) != seen.stamp && !seen.ranges.still_hold(&file)? {
        return Err(io::Error::other("it was changed while it was read"));
    }
    let mut head = [0; MAGIC];
    let held = stepbridge_io::bytes::read_up_to(&file, 0, &mut head, 0)?;
    match Compression::of(&head[..held]) {
        None => work(&file),
        Some(compression) => work(&compression.decompress(&file, metadata.len(), &|| progress.check())?),
    }
}
