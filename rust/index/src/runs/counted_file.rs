//! Files as their readers see them: the first bytes are read once, and all bytes are counted.

use std::io;

use stepbridge_io::bytes::{ReadAt, read_up_to};
use stepbridge_io::progress::Progress;
use stepbridge_io::read_ranges::ReadRecorder;

/// A file whose bytes are counted as they are read. After its reading was cancelled, every read fails.
pub(super) struct CountedFile<'a> {
    pub(super) bytes: &'a dyn ReadAt,
    pub(super) progress: &'a Progress,
    /// Records what is read, if the file may be read again later.
    pub(super) recorder: Option<&'a ReadRecorder>,
}

impl ReadAt for CountedFile<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.progress.check()?;
        let count = self.bytes.read_at(buffer, offset)?;
        self.progress.add(count as u64);
        if let Some(recorder) = self.recorder {
            recorder.add(offset, &buffer[..count]);
        }
        Ok(count)
    }
}

/// A file whose first bytes are in memory, so that the system is not asked for them again.
pub(super) struct FileWithHead<'a> {
    pub(super) head: Vec<u8>,
    file: CountedFile<'a>,
}

impl<'a> FileWithHead<'a> {
    pub(super) fn new(file: CountedFile<'a>, length: usize) -> io::Result<Self> {
        let mut head = vec![0; length];
        let held = read_up_to(&file, 0, &mut head, 0)?;
        head.truncate(held);
        Ok(Self { head, file })
    }
}

impl ReadAt for FileWithHead<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self.head.as_slice().read_at(buffer, offset)? {
            0 => self.file.read_at(buffer, offset),
            held => Ok(held),
        }
    }
}
