//! The content of files that are compressed with gzip or zstd.
//!
//! Content is kept in memory up to a bound; beyond it, in a temporary file without a name. So every reader works on it as on
//! any file, and offsets in problems are those of the decompressed content. A file that is torn or damaged gives what could
//! be decompressed before the damage. A file that expands to far more than any log does is a bomb; the rest of it is not read.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::ops::ControlFlow;

use flate2::bufread::GzDecoder;
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};
use zstd::zstd_safe::DParameter;

use crate::bytes::ReadAt;
use crate::chunked_buffer::ChunkedBuffer;

/// How many bytes are kept in memory.
const MEMORY: usize = 64 << 20;
/// A file whose content is larger than [`MEMORY`] and than this many times its compressed size is not a log. The most that
/// gzip reaches is 1032, for content that is all zeros.
const MOST: u64 = 200;
/// The largest window that a zstd frame may ask for, as a power of two: 128 MB, the limit of the format's own tool. Only the
/// part of it that is decompressed takes memory, so together with [`MEMORY`] that is 192 MB at most.
const WINDOW: u32 = 27;
/// How much is decompressed in one go. If the data of a gzip file is damaged, up to this many bytes before the damage are lost.
const STEP: usize = 16 << 10;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// With gzip.
    Gzip,
    /// With zstd.
    Zstd,
}

/// The content of a compressed file.
pub struct Decompressed {
    store: DecompressedStore,
    size: u64,
    /// Why the content is not complete; `None` if it is.
    pub stop: Option<DecompressStop>,
}

enum DecompressedStore {
    Memory(ChunkedBuffer),
    File(File),
}

/// Where decompression ended early, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecompressStop {
    /// The offset in the compressed file.
    pub at: u64,
    /// What kind of fault ended it.
    pub kind: DecompressStopKind,
    /// One clause for people.
    pub reason: String,
}

/// The kinds of faults that end decompression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecompressStopKind {
    /// The compressed data ends early.
    Truncated,
    /// The compressed data is damaged.
    Corrupt,
    /// The content is larger than a log can be.
    TooLarge,
}

/// The name of a file without the suffix that says that it is compressed.
#[must_use]
pub fn plain_name(name: &str) -> &str {
    [".gz", ".zst", ".zstd"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .filter(|name| !name.is_empty())
        .unwrap_or(name)
}

impl Compression {
    /// How a file with these first bytes is compressed.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        match *head {
            // Deflate, 8, is the only method of gzip.
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            // A frame of data, or a frame to skip, which tools that decompress in parallel put first.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The first `length` bytes of the content, and why there are fewer if a fault ended it.
    pub fn head(self, source: &dyn ReadAt, length: usize) -> io::Result<(Vec<u8>, Option<DecompressStop>)> {
        let mut head = Vec::new();
        let stop = self.stream(source, &mut |bytes| {
            head.extend_from_slice(&bytes[..bytes.len().min(length - head.len())]);
            Ok(if head.len() < length { ControlFlow::Continue(()) } else { ControlFlow::Break(None) })
        })?;
        Ok((head, stop))
    }

    /// All of the content, or `None` if it is larger than `bound` or damaged. `check` is called now and then; its error ends
    /// the work.
    pub fn decompress_small(
        self,
        source: &dyn ReadAt,
        bound: u64,
        check: &dyn Fn() -> io::Result<()>,
    ) -> io::Result<Option<Decompressed>> {
        let (mut content, mut more) = (ChunkedBuffer::default(), false);
        let stop = self.stream(source, &mut |bytes| {
            check()?;
            more = (content.len() + bytes.len()) as u64 > bound;
            if more {
                return Ok(ControlFlow::Break(None));
            }
            content.extend(bytes);
            Ok(ControlFlow::Continue(()))
        })?;
        let size = content.len() as u64;
        let complete = !more && stop.is_none();
        Ok(complete.then_some(Decompressed { store: DecompressedStore::Memory(content), size, stop: None }))
    }

    /// All of the content of a file of `compressed` bytes, as far as it can be decompressed.
    pub fn decompress(
        self,
        source: &dyn ReadAt,
        compressed: u64,
        check: &dyn Fn() -> io::Result<()>,
    ) -> io::Result<Decompressed> {
        self.bounded(source, compressed, MEMORY, check)
    }

    fn bounded(
        self,
        source: &dyn ReadAt,
        compressed: u64,
        memory: usize,
        check: &dyn Fn() -> io::Result<()>,
    ) -> io::Result<Decompressed> {
        let most = compressed.saturating_mul(MOST).max(memory as u64);
        let (mut store, mut size) = (DecompressedStore::Memory(ChunkedBuffer::default()), 0_u64);
        let stop = self.stream(source, &mut |bytes| {
            check()?;
            if size + bytes.len() as u64 > most {
                // The part that is read takes no more memory than a small file.
                size = size.min(memory as u64);
                let reason = format!(
                    "it opens to more than {MOST} times its size, as no log does; the first {size} bytes were read"
                );
                return Ok(ControlFlow::Break(Some((DecompressStopKind::TooLarge, reason))));
            }
            store.add(bytes, memory)?;
            size += bytes.len() as u64;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(Decompressed { store, size, stop })
    }

    /// Passes the content to `take`, block by block, until it ends or `take` breaks off. Returns where and why a fault ended
    /// it.
    fn stream(self, source: &dyn ReadAt, take: &mut Take) -> io::Result<Option<DecompressStop>> {
        let mut feed = CompressedFeed { source, at: 0, buffer: vec![0; 1 << 16], taken: 0, filled: 0, failed: false };
        match self {
            Self::Gzip => gzip(&mut feed, take),
            Self::Zstd => zstd(&mut feed, take),
        }
    }
}

/// Takes a block of the content. It breaks off when it has enough, with a fault if the file is the reason.
type Take<'a> = dyn FnMut(&[u8]) -> io::Result<ControlFlow<Option<(DecompressStopKind, String)>>> + 'a;

/// Decompresses every member of a gzip file. Zeros after the last one are padding, as for the format's own tool.
fn gzip(feed: &mut CompressedFeed, take: &mut Take) -> io::Result<Option<DecompressStop>> {
    let mut block = vec![0; STEP];
    loop {
        let mut member = GzDecoder::new(&mut *feed);
        loop {
            match member.read(&mut block) {
                Ok(0) => break,
                Ok(count) => {
                    if let ControlFlow::Break(why) = take(&block[..count])? {
                        return Ok(why.map(|(kind, reason)| DecompressStop { at: feed.offset(), kind, reason }));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if feed.failed => return Err(error),
                Err(error) => return Ok(Some(DecompressStop::damaged(feed.offset(), &error))),
            }
        }
        loop {
            let next = feed.fill_buf()?;
            let zeros = next.iter().take_while(|&&byte| byte == 0).count();
            if next.is_empty() {
                return Ok(None);
            }
            let all = zeros == next.len();
            feed.consume(zeros);
            if !all {
                break;
            }
        }
        if !feed.fill_buf()?.starts_with(&[0x1f]) {
            return Ok(Some(DecompressStop::trailing(feed.offset())));
        }
    }
}

/// Decompresses every frame of a zstd file.
///
/// The decoder gets exactly what it asks for, a header or a block, so that the blocks before a damaged one are not lost.
fn zstd(feed: &mut CompressedFeed, take: &mut Take) -> io::Result<Option<DecompressStop>> {
    /// How many bytes of a frame tell the length of its header.
    const BEGINNING: usize = 5;
    let mut decoder = Decoder::new()?;
    decoder.set_parameter(DParameter::WindowLogMax(WINDOW))?;
    let mut block = vec![0; zstd::zstd_safe::DCtx::out_size()];
    let (mut wanted, mut inside, mut frames) = (BEGINNING, false, 0_u64);
    loop {
        let next = feed.fill_buf()?;
        if next.is_empty() {
            let torn = inside || frames == 0;
            return Ok(torn.then(|| DecompressStop::torn(feed.offset())));
        }
        let mut input = InBuffer::around(&next[..next.len().min(wanted)]);
        loop {
            let mut output = OutBuffer::around(&mut block[..]);
            wanted = match decoder.run(&mut input, &mut output) {
                Ok(wanted) => wanted,
                Err(_) if !inside && frames > 0 => return Ok(Some(DecompressStop::trailing(feed.offset()))),
                Err(error) => return Ok(Some(DecompressStop::damaged(feed.offset(), &error))),
            };
            let full = output.pos() == output.capacity();
            if let ControlFlow::Break(why) = take(output.as_slice())? {
                return Ok(why.map(|(kind, reason)| DecompressStop { at: feed.offset(), kind, reason }));
            }
            // At the end of a frame the decoder must not be called again: it would begin the next frame.
            if wanted == 0 || input.pos == input.src.len() && !full {
                break;
            }
        }
        let taken = input.pos;
        feed.consume(taken);
        inside = wanted > 0;
        if !inside {
            frames += 1;
            wanted = BEGINNING;
        }
    }
}

impl DecompressStop {
    fn torn(at: u64) -> Self {
        let reason =
            "it ends inside the compressed data: it is still being written, or was not copied whole".to_owned();
        Self { at, kind: DecompressStopKind::Truncated, reason }
    }

    fn trailing(at: u64) -> Self {
        let reason = "trailing bytes after its compressed data were ignored".to_owned();
        Self { at, kind: DecompressStopKind::Corrupt, reason }
    }

    fn damaged(at: u64, error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Self::torn(at);
        }
        let reason = format!(
            "its compressed data is damaged, about here or shortly before ({error}); what could be unpacked was read, and the \
             last of it may be wrong"
        );
        Self { at, kind: DecompressStopKind::Corrupt, reason }
    }
}

impl Decompressed {
    /// How many bytes of content there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl ReadAt for Decompressed {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let room = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = &mut buffer[..room];
        match &self.store {
            DecompressedStore::Memory(content) => content.read_at(buffer, offset),
            DecompressedStore::File(file) => ReadAt::read_at(file, buffer, offset),
        }
    }
}

impl DecompressedStore {
    /// Appends bytes. If the content no longer fits in `memory` bytes, all of it moves to a file.
    fn add(&mut self, bytes: &[u8], memory: usize) -> io::Result<()> {
        if let Self::Memory(held) = self {
            if held.len() + bytes.len() <= memory {
                held.extend(bytes);
                return Ok(());
            }
            let mut file = tempfile::tempfile()?;
            held.chunks().try_for_each(|chunk| file.write_all(chunk))?;
            *self = Self::File(file);
        }
        if let Self::File(file) = self {
            file.write_all(bytes)?;
        }
        Ok(())
    }
}

/// A compressed file, read from its beginning on.
struct CompressedFeed<'a> {
    source: &'a dyn ReadAt,
    /// The offset in the file of the end of the buffer.
    at: u64,
    buffer: Vec<u8>,
    taken: usize,
    filled: usize,
    /// Whether the system refused to read.
    failed: bool,
}

impl CompressedFeed<'_> {
    /// How many bytes of the file were used.
    fn offset(&self) -> u64 {
        self.at - (self.filled - self.taken) as u64
    }
}

impl Read for CompressedFeed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for CompressedFeed<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.taken == self.filled {
            match self.source.read_at(&mut self.buffer, self.at) {
                Ok(0) => break,
                Ok(count) => {
                    self.at += count as u64;
                    (self.taken, self.filled) = (0, count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = true;
                    return Err(error);
                }
            }
        }
        Ok(&self.buffer[self.taken..self.filled])
    }

    fn consume(&mut self, count: usize) {
        self.taken = (self.taken + count).min(self.filled);
    }
}
