//! The file of an input, for libraries that open files themselves.

use std::io::{self, Write};

use stepbridge_io::bytes::ReadAt;
use stepbridge_io::open::open_file;
use tempfile::NamedTempFile;

use super::input::Input;

/// Whether the bytes are those of the file at the input's path.
pub(crate) fn is_on_disk(input: &Input) -> io::Result<bool> {
    let Ok((file, found)) = open_file(input.path) else { return Ok(false) };
    let same = found.len() == input.size;
    let (mut here, mut there) = ([0; 100], [0; 100]);
    let lengths = (input.bytes.read_at(&mut here, 0)?, ReadAt::read_at(&file, &mut there, 0)?);
    Ok(same && lengths.0 == lengths.1 && here == there)
}

/// A copy of the bytes, which vanishes with its handle.
pub(crate) fn copy(input: &Input) -> io::Result<NamedTempFile> {
    let mut copy = NamedTempFile::new()?;
    let (mut block, mut at) = (vec![0; 1 << 16], 0);
    loop {
        match input.bytes.read_at(&mut block, at) {
            Ok(0) => break,
            Ok(count) => {
                copy.write_all(&block[..count])?;
                at += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    copy.flush()?;
    Ok(copy)
}
