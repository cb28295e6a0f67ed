//! Bytes in memory that are never moved while they grow. A vector that grows is moved, and the allocator keeps the memory
//! that it leaves.

use std::io;

use crate::bytes::ReadAt;

/// The length of every chunk but the last.
const LENGTH: usize = 1 << 20;

/// Bytes in chunks of equal length.
#[derive(Default)]
pub(crate) struct ChunkedBuffer(Vec<Vec<u8>>);

impl ChunkedBuffer {
    pub(crate) fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * LENGTH + last.len())
    }

    /// Appends bytes.
    pub(crate) fn extend(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let full = self.0.last().is_none_or(|last| last.len() == LENGTH);
            if full {
                // Most compressed files hold less than one chunk.
                let room = if self.0.is_empty() { bytes.len().min(LENGTH) } else { LENGTH };
                self.0.push(Vec::with_capacity(room));
            }
            let Some(last) = self.0.last_mut() else { return };
            let (now, later) = bytes.split_at(bytes.len().min(LENGTH - last.len()));
            last.extend_from_slice(now);
            bytes = later;
        }
    }

    /// The chunks, in order.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }
}

impl ReadAt for ChunkedBuffer {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let Ok(offset) = usize::try_from(offset) else { return Ok(0) };
        let mut filled = 0;
        let (mut index, mut from) = (offset / LENGTH, offset % LENGTH);
        while let Some(bytes) = self.0.get(index).and_then(|chunk| chunk.get(from..)) {
            let count = bytes.len().min(buffer.len() - filled);
            buffer[filled..filled + count].copy_from_slice(&bytes[..count]);
            filled += count;
            if filled == buffer.len() {
                break;
            }
            (index, from) = (index + 1, 0);
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_at_any_offset() {
        let bytes: Vec<u8> = (0..251).cycle().take(3 * LENGTH + 777).collect();
        for step in [1000, LENGTH - 1, LENGTH, LENGTH + 1, bytes.len()] {
            let mut stored = ChunkedBuffer::default();
            bytes.chunks(step).for_each(|part| stored.extend(part));
            assert_eq!(stored.len(), bytes.len());
            assert_eq!(stored.chunks().flatten().copied().collect::<Vec<u8>>(), bytes);
            let mut buffer = vec![0; LENGTH + 10];
            for offset in [0, 5, LENGTH - 1, LENGTH, 2 * LENGTH - 5, bytes.len() - 7, bytes.len(), bytes.len() + LENGTH]
            {
                let expected = &bytes[offset.min(bytes.len())..];
                let expected = &expected[..expected.len().min(buffer.len())];
                let count = stored.read_at(&mut buffer, offset as u64).expect("in memory");
                assert_eq!(&buffer[..count], expected, "at {offset}");
            }
        }
        assert_eq!(ChunkedBuffer::default().read_at(&mut [0; 4], 0).expect("in memory"), 0);
    }
}
