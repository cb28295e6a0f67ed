//! The framing of `.wandb` files, which is that of `LevelDB`'s logs: blocks of 32 KiB, each filled with chunks of a
//! checksum (CRC-32 of the type and the data, not masked), a length, a type and data. A record is one chunk, or several
//! in blocks that follow each other; fewer than seven bytes at a block's end are zeros.
//!
//! Chunks begin anew with every block. So a block is where reading goes on after damage at the latest.

use std::io;

use stepbridge_io::bytes::{ReadAt, Window};

/// How many bytes a block has.
pub(super) const BLOCK: u64 = 32 << 10;
/// How many the file's own header has, and the one before a chunk's data.
pub(super) const HEADER: usize = 7;

/// Which part of a record a chunk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChunkPart {
    Full,
    First,
    Middle,
    Last,
}

impl ChunkPart {
    fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Full,
            2 => Self::First,
            3 => Self::Middle,
            4 => Self::Last,
            _ => return None,
        })
    }
}

/// A range without an intact record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChunkDamage {
    pub(super) begin: u64,
    pub(super) end: u64,
    /// How many intact records of the walk come before it.
    pub(super) records: u64,
    pub(super) kind: ChunkDamageKind,
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChunkDamageKind {
    /// The file ends inside a record.
    Truncated,
    /// A chunk does not match its checksum, or cannot be one.
    Chunk,
    /// Parts of a record whose other parts are missing.
    Parts,
    /// What should be zeros at a block's end is not.
    Padding,
    /// The record is intact, its contents are not what they should be.
    Content,
}

impl ChunkDamage {
    /// Whether what begins here, after so many records, is the same damage.
    fn takes(&self, begin: u64, records: u64, kind: ChunkDamageKind) -> bool {
        let one = |kind| matches!(kind, ChunkDamageKind::Chunk | ChunkDamageKind::Parts | ChunkDamageKind::Padding);
        self.end == begin && self.records == records && one(self.kind) && one(kind)
    }
}

/// How far a walk came.
#[derive(Debug, Default)]
pub(super) struct WalkedRecords {
    /// Behind the last record, or damage, that was seen whole.
    pub(super) end: u64,
    pub(super) records: u64,
    pub(super) damage: Vec<ChunkDamage>,
}

impl WalkedRecords {
    pub(super) fn from(begin: u64) -> Self {
        Self { end: begin, ..Self::default() }
    }

    /// Takes what was seen after it.
    pub(super) fn go_on(&mut self, behind: Self) {
        for ChunkDamage { begin, end, records, kind } in behind.damage {
            let records = self.records + records;
            match self.damage.last_mut() {
                Some(last) if last.takes(begin, records, kind) => last.end = end,
                _ => self.damage.push(ChunkDamage { begin, end, records, kind }),
            }
        }
        self.records += behind.records;
        self.end = behind.end;
    }

    /// Takes down a range; what touches the one before it is the same damage.
    fn damaged(&mut self, begin: u64, end: u64, kind: ChunkDamageKind) {
        match self.damage.last_mut() {
            Some(last) if last.takes(begin, self.records, kind) => last.end = end,
            _ => self.damage.push(ChunkDamage { begin, end, records: self.records, kind }),
        }
    }
}

/// What is at a place.
enum Chunk {
    /// An intact one, with data of this length after its header.
    Sound(ChunkPart, usize),
    /// Zeros up to the block's end.
    Padding,
    /// The file ends here, between two chunks.
    End,
    /// The file ends inside a chunk.
    Torn,
    /// No chunk; the next place where one may be.
    Bad(u64, ChunkDamageKind),
}

/// Walks over the chunks of a file.
pub(super) struct ChunkWalk<'a, S: ReadAt + ?Sized> {
    window: Window<'a, S>,
    /// The checksums of the types alone, on which those of the data build.
    seeds: [u32; 5],
}

impl<'a, S: ReadAt + ?Sized> ChunkWalk<'a, S> {
    pub(super) fn new(window: Window<'a, S>) -> Self {
        Self { window, seeds: [0, 1, 2, 3, 4].map(|part: u8| crc32fast::hash(&[part])) }
    }

    /// Where the file ends, as far as is known.
    pub(super) fn size(&self) -> u64 {
        self.window.size()
    }

    /// Hands every record from `walked.end` on to `take`, up to the first one that begins at or after `until`.
    ///
    /// Of what `take` refuses the range is taken down as damage.
    pub(super) fn walk(
        &mut self,
        until: u64,
        walked: &mut WalkedRecords,
        mut take: impl FnMut(&[u8]) -> bool,
    ) -> io::Result<()> {
        // Of a record in several parts: where it begins, and what was seen of it.
        let mut open: Option<u64> = None;
        let mut record = Vec::new();
        let mut at = walked.end;
        while open.is_some() || at < until {
            let begin = open.unwrap_or(at);
            match self.chunk(at)? {
                Chunk::Sound(part, length) => {
                    let end = at + (HEADER + length) as u64;
                    let data = &self.window.at(at, HEADER + length)?[HEADER..];
                    // What is missing now was there a moment ago: the file is shrinking.
                    let Some(data) = data.get(..length) else { continue };
                    let whole = match (part, open) {
                        (ChunkPart::Full, _) => Some(data),
                        (ChunkPart::First, _) => {
                            record.clear();
                            record.extend_from_slice(data);
                            None
                        }
                        (ChunkPart::Middle | ChunkPart::Last, None) => {
                            walked.damaged(at, end, ChunkDamageKind::Parts);
                            at = end;
                            walked.end = at;
                            continue;
                        }
                        (ChunkPart::Middle, Some(_)) => {
                            record.extend_from_slice(data);
                            None
                        }
                        (ChunkPart::Last, Some(_)) => {
                            record.extend_from_slice(data);
                            Some(&record[..])
                        }
                    };
                    let mut from = begin;
                    if matches!(part, ChunkPart::Full | ChunkPart::First) && open.is_some() {
                        walked.damaged(begin, at, ChunkDamageKind::Parts);
                        from = at;
                    }
                    match whole {
                        Some(whole) => {
                            if !take(whole) {
                                let records = walked.records;
                                walked.damage.push(ChunkDamage {
                                    begin: from,
                                    end,
                                    records,
                                    kind: ChunkDamageKind::Content,
                                });
                            }
                            walked.records += 1;
                            walked.end = end;
                            open = None;
                        }
                        None => open = Some(from),
                    }
                    at = end;
                }
                Chunk::Padding => {
                    at = next_block(at);
                    if open.is_none() {
                        walked.end = at;
                    }
                }
                Chunk::Bad(next, kind) => {
                    walked.damaged(begin, next, kind);
                    open = None;
                    at = next;
                    walked.end = at;
                }
                Chunk::End => {
                    if open.is_some() {
                        walked.damaged(begin, at, ChunkDamageKind::Truncated);
                        walked.end = begin;
                    }
                    return Ok(());
                }
                Chunk::Torn => {
                    walked.damaged(begin, self.size(), ChunkDamageKind::Truncated);
                    walked.end = begin;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Where the first record begins that begins in the block at `boundary` or after it, if all before it is intact;
    /// else `boundary` itself.
    pub(super) fn first_record(&mut self, boundary: u64, until: u64) -> io::Result<u64> {
        let mut at = boundary;
        while at < until {
            match self.chunk(at)? {
                Chunk::Sound(ChunkPart::Middle, length) => at += (HEADER + length) as u64,
                Chunk::Sound(ChunkPart::Last, length) => return Ok(at + (HEADER + length) as u64),
                Chunk::Padding => at = next_block(at),
                Chunk::Sound(..) => return Ok(at),
                Chunk::End | Chunk::Torn | Chunk::Bad(..) => return Ok(boundary),
            }
        }
        Ok(at)
    }

    #[inline]
    fn chunk(&mut self, at: u64) -> io::Result<Chunk> {
        let end = next_block(at);
        let wanted = room(at, end.min(self.window.size()));
        let block = self.window.at(at, wanted)?;
        let block = &block[..block.len().min(wanted)];
        let left = room(at, end);
        if left < HEADER {
            return Ok(match block.iter().all(|&byte| byte == 0) {
                _ if block.is_empty() => Chunk::End,
                // A file may end inside the zeros.
                true if block.len() < left => Chunk::End,
                true => Chunk::Padding,
                false => Chunk::Bad(at + block.len() as u64, ChunkDamageKind::Padding),
            });
        }
        let Some(header) = block.first_chunk::<HEADER>() else {
            return Ok(if block.is_empty() { Chunk::End } else { Chunk::Torn });
        };
        let [length, part] = [usize::from(u16::from_le_bytes([header[4], header[5]])), usize::from(header[6])];
        if let Some(data) = block[HEADER..].get(..length)
            && let (Some(kind), Some(&seed)) = (ChunkPart::of(header[6]), self.seeds.get(part))
            && checksum(seed, data) == stored(*header)
        {
            return Ok(Chunk::Sound(kind, length));
        }
        let fits = HEADER + length <= left;
        let found = resume(&self.seeds, block, left);
        Ok(match found {
            Some(next) => Chunk::Bad(at + next as u64, ChunkDamageKind::Chunk),
            None if fits && HEADER + length > block.len() && ChunkPart::of(header[6]).is_some() => Chunk::Torn,
            None => Chunk::Bad(at + block.len() as u64, ChunkDamageKind::Chunk),
        })
    }
}

/// How far `end` is from `at`; never more than a block.
fn room(at: u64, end: u64) -> usize {
    usize::try_from(end.saturating_sub(at)).unwrap_or(0)
}

fn next_block(at: u64) -> u64 {
    (at / BLOCK + 1) * BLOCK
}

#[inline]
fn checksum(seed: u32, data: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(data);
    hasher.finalize()
}

fn stored(header: [u8; HEADER]) -> u32 {
    u32::from_le_bytes([header[0], header[1], header[2], header[3]])
}

/// Where in its block the chunk after a damaged one begins, if that is certain.
///
/// Either the length was damaged: then another one matches the checksum. Or it was not: then an intact chunk, or the
/// block's end, is where it says. Looking for chunks elsewhere could mistake a payload's contents for one.
#[cold]
fn resume(seeds: &[u32; 5], block: &[u8], left: usize) -> Option<usize> {
    let (header, data) = block.split_first_chunk::<HEADER>()?;
    let length = usize::from(u16::from_le_bytes([header[4], header[5]]));
    let leads_on = |next: usize| {
        next <= block.len() && (left - next < HEADER || next == block.len() || sound(seeds, &block[next..]))
    };
    if let Some(&seed) = seeds.get(usize::from(header[6])) {
        let mut running = crc32fast::Hasher::new_with_initial(seed);
        for end in 0..=data.len() {
            if end != length && running.clone().finalize() == stored(*header) && leads_on(HEADER + end) {
                return Some(HEADER + end);
            }
            if let Some(byte) = data.get(end) {
                running.update(std::slice::from_ref(byte));
            }
        }
    }
    Some(HEADER + length).filter(|&next| leads_on(next))
}

/// Whether a chunk begins here.
fn sound(seeds: &[u32; 5], bytes: &[u8]) -> bool {
    let Some((header, data)) = bytes.split_first_chunk::<HEADER>() else { return false };
    let length = usize::from(u16::from_le_bytes([header[4], header[5]]));
    let (Some(data), Some(_)) = (data.get(..length), ChunkPart::of(header[6])) else { return false };
    checksum(seeds[usize::from(header[6])], data) == stored(*header)
}
