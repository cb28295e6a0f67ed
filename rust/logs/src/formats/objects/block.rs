//! The blocks of a file: each has the lines that begin in it.

use std::io;
use std::sync::{Mutex, PoisonError};

use memchr::{memchr, memrchr};

use super::Dialect;
use super::found::Block;
use super::rows::parse;
use crate::bytes::ReadAt;

/// How a file is cut.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Blocks {
    /// How many bytes a block has, up to the last line's end.
    pub(super) size: usize,
    /// The longest line that is read; not shorter than a block.
    pub(super) longest: usize,
}

/// The blocks of one file.
pub(super) struct Cut<'a> {
    bytes: &'a dyn ReadAt,
    begin: u64,
    end: u64,
    blocks: Blocks,
    /// Buffers of blocks that are done with, to be filled again.
    spare: Mutex<Vec<Vec<u8>>>,
}

impl Blocks {
    /// Small enough to stay in a core's cache, large enough to be worth a thread's while.
    pub(super) const DEFAULT: Self = Self { size: 256 << 10, longest: 16 << 20 };
    /// For a look at a file's beginning.
    pub(super) const SMALL: Self = Self { size: 64 << 10, longest: 16 << 20 };

    /// Cuts what stands from `begin` up to `end`. A line begins at `begin`.
    pub(super) fn of(self, bytes: &dyn ReadAt, begin: u64, end: u64) -> Cut<'_> {
        Cut { bytes, begin, end, blocks: self, spare: Mutex::default() }
    }
}

impl Cut<'_> {
    pub(super) fn count(&self) -> usize {
        let length = self.end.saturating_sub(self.begin);
        usize::try_from(length.div_ceil(self.blocks.size as u64)).unwrap_or(usize::MAX)
    }

    /// Parses the lines that begin in a block.
    pub(super) fn parse(&self, index: usize, dialect: &dyn Dialect) -> io::Result<Block> {
        let spare = || self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = spare().pop();
        let mut buffer = kept.unwrap_or_else(|| Vec::with_capacity(self.blocks.size + (64 << 10)));
        buffer.clear();
        let block = self.parse_into(&mut buffer, index, dialect);
        spare().push(buffer);
        block
    }

    fn parse_into(&self, buffer: &mut Vec<u8>, index: usize, dialect: &dyn Dialect) -> io::Result<Block> {
        let begin = self.begin + index as u64 * self.blocks.size as u64;
        // The byte before shows whether a line begins with the block.
        let before = usize::from(index > 0);
        let from = begin - before as u64;
        let mut ended = self.fill(buffer, from, before + self.blocks.size)?;
        let own = buffer.len();
        let first = match before {
            0 => 0,
            _ => memchr(b'\n', &buffer[..own.saturating_sub(1)]).map_or(own, |at| at + 1),
        };
        if first >= own {
            return Ok(Block::empty(from + own as u64));
        }
        // Up to the end of the line that the block's last byte is in.
        let line = memrchr(b'\n', &buffer[..own - 1]).map_or(first, |at| (at + 1).max(first));
        let mut looked = own - 1;
        let end = loop {
            if let Some(found) = memchr(b'\n', &buffer[looked..]) {
                break looked + found + 1;
            }
            looked = buffer.len();
            if ended || looked - line > self.blocks.longest {
                break looked;
            }
            // A line ends soon, as a rule; a longer one is read in growing parts.
            ended = self.fill(buffer, from, looked + (looked - line).clamp(4 << 10, 1 << 20))?;
        };
        if end - line > self.blocks.longest {
            let mut block = parse(&buffer[first..line], from + first as u64, false, dialect);
            block.overlong = Some(from + line as u64);
            return Ok(block);
        }
        let torn = ended && end == buffer.len();
        Ok(parse(&buffer[first..end], from + first as u64, torn, dialect))
    }

    /// Reads on until the buffer has `wanted` bytes; true where the file ends with them, or before.
    fn fill(&self, buffer: &mut Vec<u8>, from: u64, wanted: usize) -> io::Result<bool> {
        let room = usize::try_from(self.end - from).unwrap_or(usize::MAX);
        let mut filled = buffer.len();
        buffer.resize(wanted.min(room), 0);
        while filled < buffer.len() {
            match self.bytes.read_at(&mut buffer[filled..], from + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let ended = filled < wanted || filled == room;
        buffer.truncate(filled);
        Ok(ended)
    }
}

/// The first line of a file, or as much of it as there is room for.
pub(in super::super) fn first_line(bytes: &dyn ReadAt, size: u64) -> io::Result<Vec<u8>> {
    let mut buffer = Vec::new();
    Blocks::SMALL.of(bytes, 0, size).fill(&mut buffer, 0, 1 << 20)?;
    buffer.truncate(memchr(b'\n', &buffer).unwrap_or(buffer.len()));
    Ok(buffer)
}
