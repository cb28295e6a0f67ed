//! Files as random access, and a sliding window over one.
//!
//! Files are read into a buffer and not mapped into memory. A file that shrinks while it is read then ends early and does not
//! kill the process, and memory use does not depend on the file's size.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::ops::Range;

/// Bytes that several threads can read at any offset.
pub trait ReadAt: Sync {
    /// Reads up to `buffer.len()` bytes from `offset` on; returns 0 only at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl ReadAt for File {
    #[cfg(unix)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(self, buffer, offset)
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

impl<S: ReadAt + ?Sized> ReadAt for &S {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        (**self).read_at(buffer, offset)
    }
}

/// Fills `buffer` with the bytes of `source` from offset `from` on. The first `held` bytes of the buffer are already read and
/// are kept. Returns how many bytes the buffer holds then: fewer than its length only if the file ends.
pub fn read_up_to<S: ReadAt + ?Sized>(source: &S, from: u64, buffer: &mut [u8], mut held: usize) -> io::Result<usize> {
    while held < buffer.len() {
        match source.read_at(&mut buffer[held..], from + held as u64) {
            Ok(0) => break,
            Ok(count) => held += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(held)
}

/// Blocks begin at multiples of this in the file, and the reads of a window begin at multiples of it in memory. On a Zen 4,
/// copying takes 2.6 times as long if the source begins 1 to 15 bytes earlier in its page than the target (glibc bug 30994).
/// That is the case for a block that is read from the byte before it on.
const ALIGNMENT: u8 = 64;

/// The offset from which to read a block that begins at `begin`, together with the byte before it. That byte shows whether a
/// line begins at `begin`.
#[must_use]
pub fn from_before(begin: u64) -> u64 {
    let alignment = u64::from(ALIGNMENT);
    begin.saturating_sub(1) / alignment * alignment
}

/// Reads bytes from the first to the last.
pub struct Sequential<'a> {
    source: &'a dyn ReadAt,
    at: u64,
}

impl<'a> Sequential<'a> {
    /// Begins with the first byte.
    #[must_use]
    pub fn new(source: &'a dyn ReadAt) -> Self {
        Self { source, at: 0 }
    }
}

impl io::Read for Sequential<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// Reads all bytes.
pub fn read_all(source: &dyn ReadAt) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut block = vec![0; 1 << 16];
    loop {
        match source.read_at(&mut block, bytes.len() as u64) {
            Ok(0) => return Ok(bytes),
            Ok(count) => bytes.extend_from_slice(&block[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// How many bytes a window reads at a time. They fit into the second-level cache, so the copy costs little.
const BLOCK: usize = 256 * 1024;

thread_local! {
    /// The buffer of the previous window. The next window takes it, because it is in cache and need not be cleared.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A window that slides over the bytes of a file.
pub struct Window<'a, S: ReadAt + ?Sized> {
    source: &'a S,
    /// The size of the file as far as it is known. It decreases if the file turns out to be shorter.
    size: u64,
    buffer: Vec<u8>,
    /// The part of the buffer that holds bytes of the file.
    held: Range<usize>,
    /// The offset in the file of the first of these bytes.
    start: u64,
}

impl<'a, S: ReadAt + ?Sized> Window<'a, S> {
    /// A window over a file of `size` bytes.
    #[must_use]
    pub fn new(source: &'a S, size: u64) -> Self {
        Self { source, size, buffer: SPARE.take(), held: 0..0, start: 0 }
    }

    /// The size of the file as far as it is known.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The bytes from `offset` on: at least `wanted` of them, fewer only if the file ends before.
    ///
    /// The window grows to `wanted` bytes, so `wanted` must not be more than the file is known to hold.
    #[inline]
    pub fn at(&mut self, offset: u64, wanted: usize) -> io::Result<&[u8]> {
        let held = self.held_from(offset).len();
        if held < wanted && offset + (held as u64) < self.size {
            self.slide(offset, wanted)?;
        }
        Ok(&self.buffer[self.held_from(offset)])
    }

    /// The part of the buffer that holds the bytes from `offset` on.
    #[inline]
    fn held_from(&self, offset: u64) -> Range<usize> {
        let before = offset.checked_sub(self.start).and_then(|before| usize::try_from(before).ok());
        match before.filter(|before| *before <= self.held.len()) {
            Some(before) => self.held.start + before..self.held.end,
            None => self.held.end..self.held.end,
        }
    }

    fn slide(&mut self, offset: u64, wanted: usize) -> io::Result<()> {
        let left = self.held_from(offset);
        let rest = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let alignment = usize::from(ALIGNMENT);
        let capacity = wanted.max(BLOCK.min(rest)) + 2 * alignment;
        if self.buffer.len() < capacity {
            self.buffer.resize(capacity, 0);
        }
        // The next read goes to an aligned address; the bytes that are left end there.
        let end = left.len().next_multiple_of(alignment) + self.buffer.as_ptr().align_offset(alignment) % alignment;
        let begin = end - left.len();
        self.buffer.copy_within(left, begin);
        self.start = offset;
        self.held = begin..end;
        while self.held.len() < wanted {
            let at = offset + self.held.len() as u64;
            let room = usize::try_from(self.size.saturating_sub(at)).unwrap_or(usize::MAX);
            let end = self.buffer.len().min(self.held.end.saturating_add(room));
            let count = match self.source.read_at(&mut self.buffer[self.held.end..end], at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if count == 0 {
                self.size = self.size.min(at);
                break;
            }
            self.held.end += count;
        }
        Ok(())
    }
}

impl<S: ReadAt + ?Sized> Drop for Window<'_, S> {
    fn drop(&mut self) {
        // A buffer that grew for a large record is freed.
        if self.buffer.len() <= 2 * BLOCK {
            SPARE.set(std::mem::take(&mut self.buffer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slides_grows_and_ends_early() {
        let bytes: Vec<u8> = (0..3 * BLOCK).map(|i| u8::try_from(i % 251).expect("below 256")).collect();
        // The file is 1000 bytes shorter than its size says, as if it had shrunk.
        let mut window = Window::new(&bytes[..], bytes.len() as u64 + 1000);
        for (offset, wanted) in [(0, 10), (5, 2 * BLOCK), (2 * BLOCK, 12), (3, 1), (3 * BLOCK - 5, 5)] {
            let seen = window.at(offset as u64, wanted).expect("no fault");
            assert!(seen.len() >= wanted);
            assert_eq!(seen, &bytes[offset..offset + seen.len()]);
        }
        assert_eq!(window.at(bytes.len() as u64 - 5, 100).expect("no fault").len(), 5);
        assert_eq!(window.size(), bytes.len() as u64);
        assert!(window.at(bytes.len() as u64, 1).expect("no fault").is_empty());
    }

    /// Bytes that may be read to aligned addresses only.
    struct Aligned(Vec<u8>);

    impl ReadAt for Aligned {
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            assert_eq!(buffer.as_ptr().align_offset(64), 0, "at {offset}");
            self.0.as_slice().read_at(buffer, offset)
        }
    }

    #[test]
    fn reads_are_aligned() {
        for begin in [0, 1, 63, 64, 65, 128, 1 << 20, (1 << 20) + 7] {
            let from = from_before(begin);
            assert!(from.is_multiple_of(64) && from <= begin.saturating_sub(1) && begin - from <= 64, "{begin}");
        }
        let file = Aligned(vec![0; 3 * BLOCK]);
        let mut window = Window::new(&file, file.0.len() as u64);
        // The bytes that are left from the previous read can have any length.
        for offset in (0..3 * BLOCK - 50).step_by(45) {
            assert!(window.at(offset as u64, 45).expect("no fault").len() >= 45);
        }
    }
}
