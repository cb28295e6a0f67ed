//! Bytes in memory that grow without being moved: an allocator keeps what a growing vector leaves behind.

use std::io;

use crate::bytes::ReadAt;

/// The length of every segment but the last.
const LENGTH: usize = 1 << 20;

#[derive(Default)]
pub(crate) struct Segments(Vec<Vec<u8>>);

impl Segments {
    pub(crate) fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * LENGTH + last.len())
    }

    pub(crate) fn extend(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let full = self.0.last().is_none_or(|last| last.len() == LENGTH);
            if full {
                // Most files that are read so are shorter than one segment.
                let room = if self.0.is_empty() { bytes.len().min(LENGTH) } else { LENGTH };
                self.0.push(Vec::with_capacity(room));
            }
            let Some(last) = self.0.last_mut() else { return };
            let (now, later) = bytes.split_at(bytes.len().min(LENGTH - last.len()));
            last.extend_from_slice(now);
            bytes = later;
        }
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }
}

impl ReadAt for Segments {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let Ok(offset) = usize::try_from(offset) else { return Ok(0) };
        let mut filled = 0;
        let (mut skipped, mut from) = (offset / LENGTH, offset % LENGTH);
        while let Some(part) = self.0.get(skipped).and_then(|segment| segment.get(from..)) {
            let count = part.len().min(buffer.len() - filled);
            buffer[filled..filled + count].copy_from_slice(&part[..count]);
            filled += count;
            if filled == buffer.len() {
                break;
            }
            (skipped, from) = (skipped + 1, 0);
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_read_at_any_place() {
        let bytes: Vec<u8> = (0..251).cycle().take(3 * LENGTH + 777).collect();
        for step in [1000, LENGTH - 1, LENGTH, LENGTH + 1, bytes.len()] {
            let mut segments = Segments::default();
            bytes.chunks(step).for_each(|part| segments.extend(part));
            assert_eq!(segments.len(), bytes.len());
            assert_eq!(segments.parts().flatten().copied().collect::<Vec<u8>>(), bytes);
            let mut buffer = vec![0; LENGTH + 10];
            for offset in [0, 5, LENGTH - 1, LENGTH, 2 * LENGTH - 5, bytes.len() - 7, bytes.len(), bytes.len() + LENGTH]
            {
                let expected = &bytes[offset.min(bytes.len())..];
                let expected = &expected[..expected.len().min(buffer.len())];
                let count = segments.read_at(&mut buffer, offset as u64).expect("in memory");
                assert_eq!(&buffer[..count], expected, "at {offset}");
            }
        }
        assert_eq!(Segments::default().read_at(&mut [0; 4], 0).expect("in memory"), 0);
    }
}
