//! Files as random access, and a sliding window over one.
//!
//! Files are read into a buffer, not mapped: a file that shrinks while it is read then ends early instead of killing
//! the process, and memory stays bounded whatever the file's size is.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::ops::Range;

/// Bytes that can be read at any offset by several threads.
pub(crate) trait ReadAt: Sync {
    /// Reads up to `buffer.len()` bytes from `offset` on; 0 only at the end.
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

/// Fills a buffer with what stands at `from`, behind the first `held` bytes, which are there already; gives how many bytes it
/// holds then: fewer than there is room for only where the file ends.
pub(crate) fn fill<S: ReadAt + ?Sized>(source: &S, from: u64, buffer: &mut [u8], mut held: usize) -> io::Result<usize> {
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

/// Blocks begin at multiples of this in the file, and a window's reads in memory. A Zen 4 takes 2.6 times as long to copy what
/// stands 1 to 15 bytes less far into its page than the copy does (glibc bug 30994): a block that is read from the byte
/// before it on.
const ALIGNMENT: u8 = 64;

/// From where on to read what begins at `begin`, and the byte before it, which shows whether a line begins there.
pub(crate) fn from_before(begin: u64) -> u64 {
    let alignment = u64::from(ALIGNMENT);
    begin.saturating_sub(1) / alignment * alignment
}

/// All that there is.
pub(crate) fn whole(source: &dyn ReadAt) -> io::Result<Vec<u8>> {
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

/// How much a window takes at a time: it stays in the second-level cache, so that the copy costs little.
const BLOCK: usize = 256 * 1024;

thread_local! {
    /// The buffer of the window before, which the next one takes: it is in cache, and need not be cleared.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A window that slides over the bytes of a file.
pub(crate) struct Window<'a, S: ReadAt + ?Sized> {
    source: &'a S,
    /// Where the file ends; it comes down when the file turns out shorter.
    size: u64,
    buffer: Vec<u8>,
    /// What the buffer holds of the file.
    held: Range<usize>,
    /// Where that begins in the file.
    start: u64,
}

impl<'a, S: ReadAt + ?Sized> Window<'a, S> {
    pub(crate) fn new(source: &'a S, size: u64) -> Self {
        Self { source, size, buffer: SPARE.take(), held: 0..0, start: 0 }
    }

    /// Where the file ends, as far as is known.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// What the window holds from `offset` on: at least `wanted` bytes, fewer only where the file ends before.
    ///
    /// `wanted` must not exceed what the file is known to hold: the window grows to it.
    pub(crate) fn at(&mut self, offset: u64, wanted: usize) -> io::Result<&[u8]> {
        let held = self.held_from(offset).len();
        if held < wanted && offset + (held as u64) < self.size {
            self.slide(offset, wanted)?;
        }
        Ok(&self.buffer[self.held_from(offset)])
    }

    /// What the buffer holds from `offset` on.
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
        let behind = left.len().next_multiple_of(alignment) + self.buffer.as_ptr().align_offset(alignment) % alignment;
        let begin = behind - left.len();
        self.buffer.copy_within(left, begin);
        self.start = offset;
        self.held = begin..behind;
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
        // One that grew for a large record is let go.
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
        // The file is believed to be longer than it is, as one that shrinks.
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

    /// Memory that is read to aligned addresses alone.
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
        // What is left over from the read before has any length.
        for offset in (0..3 * BLOCK - 50).step_by(45) {
            assert!(window.at(offset as u64, 45).expect("no fault").len() >= 45);
        }
    }
}
