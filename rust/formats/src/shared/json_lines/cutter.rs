//! The blocks of a file: each has the lines that begin in it.

use std::io;
use std::sync::{Mutex, PoisonError};

use memchr::{memchr, memrchr};

use super::block::ParsedBlock;
use super::dialect::Dialect;
use super::parser::parse;
use stepbridge_io::bytes::{ReadAt, from_before, read_up_to};

/// How a file is cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockSizes {
    /// How many bytes a block has, up to the last line's end.
    pub(super) size: usize,
    /// The longest line that is read; not shorter than a block.
    pub(super) longest: usize,
}

/// The blocks of one file.
pub(super) struct BlockCutter<'a> {
    bytes: &'a dyn ReadAt,
    begin: u64,
    end: u64,
    blocks: BlockSizes,
    /// Buffers of blocks that are done with, to be filled again.
    spare: Mutex<Vec<BlockBuffer>>,
}

/// Bytes that were read, in front of others that are left of what was read before: to clear those would take time.
#[derive(Default)]
struct BlockBuffer {
    bytes: Vec<u8>,
    filled: usize,
}

impl BlockSizes {
    /// So large that what a block costs, whatever is in it, does not count; so small that the few that wait take little
    /// memory.
    pub(super) const DEFAULT: Self = Self { size: 1 << 20, longest: 16 << 20 };
    /// For a look at a file's beginning.
    pub(super) const SMALL: Self = Self { size: 64 << 10, longest: 16 << 20 };

    /// Cuts what stands from `begin` up to `end`. A line begins at `begin`.
    pub(super) fn of(self, bytes: &dyn ReadAt, begin: u64, end: u64) -> BlockCutter<'_> {
        BlockCutter { bytes, begin, end, blocks: self, spare: Mutex::default() }
    }
}

impl BlockCutter<'_> {
    pub(super) fn count(&self) -> usize {
        let length = self.end.saturating_sub(self.begin);
        usize::try_from(length.div_ceil(self.blocks.size as u64)).unwrap_or(usize::MAX)
    }

    /// Parses the lines that begin in a block.
    pub(super) fn parse(&self, index: usize, dialect: &dyn Dialect) -> io::Result<ParsedBlock> {
        let spare = || self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = spare().pop();
        let mut buffer = kept.unwrap_or_default();
        buffer.filled = 0;
        let block = self.parse_into(&mut buffer, index, dialect);
        spare().push(buffer);
        block
    }

    fn parse_into(&self, buffer: &mut BlockBuffer, index: usize, dialect: &dyn Dialect) -> io::Result<ParsedBlock> {
        let begin = self.begin + index as u64 * self.blocks.size as u64;
        let from = from_before(begin);
        let before = usize::try_from(begin - from).unwrap_or(0);
        let mut ended = self.fill(buffer, from, before + self.blocks.size)?;
        let own = buffer.filled;
        let first = if index == 0 {
            before
        } else {
            let above = buffer.bytes[..own.saturating_sub(1)].get(before - 1..).unwrap_or_default();
            memchr(b'\n', above).map_or(own, |at| before + at)
        };
        if first >= own {
            return Ok(ParsedBlock::empty(begin.max(from + own as u64)));
        }
        // Up to the end of the line that the block's last byte is in.
        let line = memrchr(b'\n', &buffer.bytes[..own - 1]).map_or(first, |at| (at + 1).max(first));
        let mut looked = own - 1;
        let end = loop {
            if let Some(found) = memchr(b'\n', &buffer.filled()[looked..]) {
                break looked + found + 1;
            }
            looked = buffer.filled;
            if ended || looked - line > self.blocks.longest {
                break looked;
            }
            // A line ends soon, as a rule; a longer one is read in growing parts.
            ended = self.fill(buffer, from, looked + (looked - line).clamp(4 << 10, 1 << 20))?;
        };
        if end - line > self.blocks.longest {
            let mut block = parse(&buffer.bytes[first..line], from + first as u64, false, dialect);
            block.overlong = Some(from + line as u64);
            return Ok(block);
        }
        let torn = ended && end == buffer.filled;
        Ok(parse(&buffer.bytes[first..end], from + first as u64, torn, dialect))
    }

    /// Reads on until the buffer has `wanted` bytes; true where the file ends with them, or before.
    fn fill(&self, buffer: &mut BlockBuffer, from: u64, wanted: usize) -> io::Result<bool> {
        let room = usize::try_from(self.end - from).unwrap_or(usize::MAX);
        let most = wanted.min(room);
        if buffer.bytes.len() < most {
            buffer.bytes.resize(most, 0);
        }
        buffer.filled = read_up_to(self.bytes, from, &mut buffer.bytes[..most], buffer.filled)?;
        Ok(buffer.filled < wanted || buffer.filled == room)
    }
}

impl BlockBuffer {
    fn filled(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

/// The first line of a file, or as much of it as there is room for.
pub(crate) fn first_line(bytes: &dyn ReadAt, size: u64) -> io::Result<Vec<u8>> {
    let mut buffer = BlockBuffer::default();
    BlockSizes::SMALL.of(bytes, 0, size).fill(&mut buffer, 0, 1 << 20)?;
    let end = memchr(b'\n', buffer.filled()).unwrap_or(buffer.filled);
    buffer.bytes.truncate(end);
    Ok(buffer.bytes)
}
