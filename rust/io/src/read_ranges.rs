//! Remembers which bytes of a file were read, so that a later reading can tell whether they are still the same.
//!
//! The size and the time of a file do not show it: a writer may replace a file by a longer one, or change bytes in place.

use std::collections::BTreeMap;
use std::hash::Hasher as _;
use std::io;
use std::sync::{Mutex, PoisonError};

use twox_hash::xxhash3_64::Hasher as XxHash3;

use crate::bytes::{ReadAt, read_up_to};

/// How many bytes are read at a time to check them.
const BLOCK: usize = 256 << 10;

/// The ranges of a file that were read, with a checksum of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadRanges(Vec<ReadRange>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ReadRange {
    begin: u64,
    end: u64,
    checksum: u64,
}

impl ReadRanges {
    /// Whether these ranges of `source` still hold the bytes that were read.
    pub fn still_hold(&self, source: &dyn ReadAt) -> io::Result<bool> {
        let mut buffer = Vec::new();
        for range in &self.0 {
            let (mut checksum, mut at) = (Checksum::default(), range.begin);
            while at < range.end {
                let length = usize::try_from(range.end - at).map_or(BLOCK, |left| left.min(BLOCK));
                buffer.resize(length.max(buffer.len()), 0);
                if read_up_to(source, at, &mut buffer[..length], 0)? < length {
                    return Ok(false);
                }
                checksum.add(&buffer[..length]);
                at += length as u64;
            }
            if checksum.value() != range.checksum {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Records what several threads read of one file.
#[derive(Debug, Default)]
pub struct ReadRecorder {
    /// By the beginning of each range: its end, and its checksum once that is known.
    ranges: Mutex<BTreeMap<u64, (u64, u64)>>,
}

impl From<ReadRanges> for ReadRecorder {
    /// A recorder that knows these ranges already.
    fn from(ranges: ReadRanges) -> Self {
        let known = ranges.0.into_iter().map(|ReadRange { begin, end, checksum }| (begin, (end, checksum)));
        Self { ranges: Mutex::new(known.collect()) }
    }
}

impl ReadRecorder {
    /// Records bytes that were read at `offset`. What was recorded before is left as it is.
    pub fn add(&self, offset: u64, bytes: &[u8]) {
        let end = offset + bytes.len() as u64;
        let mut at = offset;
        while at < end {
            let Some(until) = self.claim(&mut at, end) else { continue };
            // Both are inside the buffer.
            let part = usize::try_from(at - offset).ok().zip(usize::try_from(until - offset).ok());
            let mut checksum = Checksum::default();
            checksum.add(part.and_then(|(from, to)| bytes.get(from..to)).unwrap_or_default());
            self.lock().insert(at, (until, checksum.value()));
            at = until;
        }
    }

    /// The ranges that were read.
    #[must_use]
    pub fn into_ranges(self) -> ReadRanges {
        let ranges = self.ranges.into_inner().unwrap_or_else(PoisonError::into_inner);
        let ranges = ranges.into_iter().map(|(begin, (end, checksum))| ReadRange { begin, end, checksum });
        // A collected vector has room for more.
        ReadRanges(ranges.collect::<Box<[ReadRange]>>().into_vec())
    }

    /// Claims the range from `at` on that is not recorded yet, and returns its end. If `at` is recorded, moves it to the end
    /// of what is.
    fn claim(&self, at: &mut u64, end: u64) -> Option<u64> {
        let mut ranges = self.lock();
        if let Some((_, &(until, _))) = ranges.range(..=*at).next_back()
            && until > *at
        {
            *at = until;
            return None;
        }
        let until = ranges.range(*at..end).next().map_or(end, |(next, _)| *next);
        ranges.insert(*at, (until, 0));
        Some(until)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, (u64, u64)>> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A checksum of bytes that come in pieces of any length. It finds changes by chance, not by intent. It takes far less time
/// than reading does.
#[derive(Default)]
struct Checksum(XxHash3);

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    fn value(&self) -> u64 {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn recorded(bytes: &[u8], reads: &[(usize, usize)]) -> ReadRanges {
        let recorder = ReadRecorder::default();
        for &(begin, length) in reads {
            let begin = begin.min(bytes.len());
            recorder.add(begin as u64, &bytes[begin..(begin + length).min(bytes.len())]);
        }
        recorder.into_ranges()
    }

    proptest! {
        #[test]
        fn every_change_of_what_was_read_is_found(
            mut bytes in prop::collection::vec(any::<u8>(), 1..1000),
            reads in prop::collection::vec((0..1000_usize, 0..400_usize), 0..8),
            at in any::<prop::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let ranges = recorded(&bytes, &reads);
            prop_assert!(ranges.still_hold(&&bytes[..]).unwrap());
            let mut longer = bytes.clone();
            longer.extend_from_slice(b"more");
            prop_assert!(ranges.still_hold(&&longer[..]).unwrap());
            let at = at.index(bytes.len());
            let read = reads.iter().any(|&(begin, length)| (begin..begin + length).contains(&at));
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(ranges.still_hold(&&bytes[..]).unwrap(), !read);
            bytes.truncate(at);
            prop_assert_eq!(ranges.still_hold(&&bytes[..]).unwrap(), !reads.iter().any(|&(begin, length)| {
                length > 0 && begin < longer.len() - 4 && (begin + length).min(longer.len() - 4) > at
            }));
        }
    }
}
