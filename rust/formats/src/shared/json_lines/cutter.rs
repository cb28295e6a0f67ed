//! Cuts a file into blocks. A block has the lines that begin in it.

use std::io;
use std::sync::{Mutex, PoisonError};

use memchr::{memchr, memrchr};

use super::block::ParsedBlock;
use super::dialect::Dialect;
use super::parser::parse;
use super::probe::object;
use stepbridge_io::bytes::{ReadAt, from_before, read_up_to};

/// How a file is cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockSizes {
    /// The size of a block in bytes, not counting the rest of its last line.
    pub(super) size: usize,
    /// The longest line that is read. It is not shorter than a block.
    pub(super) longest: usize,
}

/// The blocks of one file.
pub(super) struct BlockCutter<'a> {
    bytes: &'a dyn ReadAt,
    begin: u64,
    end: u64,
    blocks: BlockSizes,
    /// Buffers of finished blocks, to be used again.
    spare: Mutex<Vec<BlockBuffer>>,
}

/// Bytes of a file. The bytes after the first `filled` are left from an earlier block; clearing them would take time.
#[derive(Default)]
struct BlockBuffer {
    bytes: Vec<u8>,
    filled: usize,
}

impl BlockSizes {
    /// So large that the fixed cost of a block does not matter, and so small that a few waiting blocks take little memory.
    pub(super) const DEFAULT: Self = Self { size: 1 << 20, longest: 16 << 20 };
    /// To look at the beginning of a file.
    pub(super) const SMALL: Self = Self { size: 64 << 10, longest: 16 << 20 };

    /// Cuts the bytes from `begin` up to `end`. A line begins at `begin`.
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
        // The block goes up to the end of the line that contains its last byte.
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
            // Mostly the line ends soon. A longer line is read in growing parts.
            ended = self.fill(buffer, from, looked + (looked - line).clamp(4 << 10, 1 << 20))?;
        };
        if end - line > self.blocks.longest {
            let mut block = parse(&buffer.bytes[first..line], from + first as u64, false, dialect)?;
            block.overlong = Some(from + line as u64);
            return Ok(block);
        }
        let torn = ended && end == buffer.filled;
        Ok(parse(&buffer.bytes[first..end], from + first as u64, torn, dialect)?)
    }

    /// Reads until the buffer has `wanted` bytes; true if the file ends there or before.
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

/// How many lines are tried.
const TRIED: usize = 100;

/// The first line of a file that is an object, up to a limit; the first line if none is.
pub(crate) fn first_line(bytes: &dyn ReadAt, size: u64) -> io::Result<Vec<u8>> {
    let mut buffer = BlockBuffer::default();
    BlockSizes::SMALL.of(bytes, 0, size).fill(&mut buffer, 0, 1 << 20)?;
    let mut lines = buffer.filled().split(|byte| *byte == b'\n');
    // The first line may be damaged.
    let sound = lines.clone().take(TRIED).find(|line| object(line).is_some());
    Ok(sound.or(lines.next()).unwrap_or_default().to_vec())
}
