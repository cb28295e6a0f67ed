//! Files compressed with gzip or zstd, as what they hold.
//!
//! What was unpacked is in memory up to a bound, beyond it in a temporary file that has no name, so that every reader works
//! on it as on any file; offsets in problems are then those of the unpacked content. A file that is torn or damaged gives
//! what could be unpacked before that. One that opens to far more than any log is a bomb, and is left there.

use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::ops::ControlFlow;

use flate2::bufread::GzDecoder;
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};
use zstd::zstd_safe::DParameter;

use crate::bytes::ReadAt;
use crate::problem::{Problem, ProblemKind};
use crate::segments::Segments;

/// How much is kept in memory.
const MEMORY: usize = 64 << 20;
/// More than [`MEMORY`], and more than so many times its compressed size: that is no log. gzip makes at most 1032 of it,
/// out of nothing but zeros.
const MOST: u64 = 200;
/// The largest window that a zstd frame may ask for, as a power of two: what the format's own tool takes, 128 MB. Of it
/// only what was unpacked takes memory, so that together with [`MEMORY`] it is 192 MB at most.
const WINDOW: u32 = 27;
/// How much is unpacked in one go. Where gzip's data is damaged, the last so many bytes before are lost.
const STEP: usize = 16 << 10;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Zstd,
}

/// The content of a compressed file.
pub(crate) struct Unpacked {
    store: Store,
    size: u64,
    /// Why it is not all of it.
    pub(crate) stop: Option<Stop>,
}

enum Store {
    Memory(Segments),
    File(File),
}

/// Where unpacking ended early, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stop {
    /// How far in the compressed file.
    at: u64,
    kind: ProblemKind,
    reason: String,
}

/// The name of a file without the ending that says that it is compressed.
pub(crate) fn plain_name(name: &str) -> &str {
    [".gz", ".zst", ".zstd"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .filter(|name| !name.is_empty())
        .unwrap_or(name)
}

impl Packing {
    /// How a file that begins so is compressed.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        match *head {
            // Deflate is the only method there is.
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            // A frame of data, or one to be skipped, as tools that unpack in parallel put first.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The first bytes of the content.
    pub(crate) fn head(self, source: &dyn ReadAt, length: usize) -> io::Result<(Vec<u8>, Option<Stop>)> {
        let mut head = Vec::new();
        let stop = self.pour(source, &mut |bytes| {
            head.extend_from_slice(&bytes[..bytes.len().min(length - head.len())]);
            Ok(if head.len() < length { ControlFlow::Continue(()) } else { ControlFlow::Break(None) })
        })?;
        Ok((head, stop))
    }

    /// All of the content, or `None` where it is more than `bound`, or not sound; `check` is asked now and then whether
    /// to go on.
    pub(crate) fn small(
        self,
        source: &dyn ReadAt,
        bound: u64,
        check: &dyn Fn() -> io::Result<()>,
    ) -> io::Result<Option<Unpacked>> {
        let (mut content, mut more) = (Segments::default(), false);
        let stop = self.pour(source, &mut |bytes| {
            check()?;
            more = (content.len() + bytes.len()) as u64 > bound;
            if more {
                return Ok(ControlFlow::Break(None));
            }
            content.extend(bytes);
            Ok(ControlFlow::Continue(()))
        })?;
        let size = content.len() as u64;
        let whole = !more && stop.is_none();
        Ok(whole.then_some(Unpacked { store: Store::Memory(content), size, stop: None }))
    }

    /// All of the content, as far as it can be unpacked.
    pub(crate) fn unpack(
        self,
        source: &dyn ReadAt,
        packed: u64,
        check: &dyn Fn() -> io::Result<()>,
    ) -> io::Result<Unpacked> {
        self.bounded(source, packed, MEMORY, check)
    }

    fn bounded(
        self,
        source: &dyn ReadAt,
        packed: u64,
        memory: usize,
        check: &dyn Fn() -> io::Result<()>,
    ) -> io::Result<Unpacked> {
        let most = packed.saturating_mul(MOST).max(memory as u64);
        let (mut store, mut size) = (Store::Memory(Segments::default()), 0_u64);
        let stop = self.pour(source, &mut |bytes| {
            check()?;
            if size + bytes.len() as u64 > most {
                // What is read of it costs no more memory than a small file does.
                size = size.min(memory as u64);
                let reason = format!(
                    "it opens to more than {MOST} times its size, as no log does; the first {size} bytes were read"
                );
                return Ok(ControlFlow::Break(Some((ProblemKind::TooLarge, reason))));
            }
            store.add(bytes, memory)?;
            size += bytes.len() as u64;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(Unpacked { store, size, stop })
    }

    /// Hands the content on, piece by piece, until it ends or `take` has enough. Gives where and why it ended early.
    fn pour(self, source: &dyn ReadAt, take: &mut Take) -> io::Result<Option<Stop>> {
        let mut feed = Feed { source, at: 0, buffer: vec![0; 1 << 16], taken: 0, filled: 0, failed: false };
        match self {
            Self::Gzip => gzip(&mut feed, take),
            Self::Zstd => zstd(&mut feed, take),
        }
    }
}

/// Takes a piece of the content, and says whether it wants more; and if not, why not, where that is a fault of the file.
type Take<'a> = dyn FnMut(&[u8]) -> io::Result<ControlFlow<Option<(ProblemKind, String)>>> + 'a;

/// Every member of a gzip file. Zeros behind the last one are a filling, as in its own tool.
fn gzip(feed: &mut Feed, take: &mut Take) -> io::Result<Option<Stop>> {
    let mut block = vec![0; STEP];
    loop {
        let mut member = GzDecoder::new(&mut *feed);
        loop {
            match member.read(&mut block) {
                Ok(0) => break,
                Ok(count) => {
                    if let ControlFlow::Break(why) = take(&block[..count])? {
                        return Ok(why.map(|(kind, reason)| Stop { at: feed.offset(), kind, reason }));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if feed.failed => return Err(error),
                Err(error) => return Ok(Some(Stop::fault(feed.offset(), &error))),
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
            return Ok(Some(Stop::behind(feed.offset())));
        }
    }
}

/// Every frame of a zstd file.
///
/// The decoder is given what it asks for, a header or a block, so that what stands before a damaged block is not lost.
fn zstd(feed: &mut Feed, take: &mut Take) -> io::Result<Option<Stop>> {
    /// The shortest beginning of a frame from which its header's length is known.
    const BEGINNING: usize = 5;
    let mut decoder = Decoder::new()?;
    decoder.set_parameter(DParameter::WindowLogMax(WINDOW))?;
    let mut block = vec![0; zstd::zstd_safe::DCtx::out_size()];
    let (mut wanted, mut inside, mut frames) = (BEGINNING, false, 0_u64);
    loop {
        let there = feed.fill_buf()?;
        if there.is_empty() {
            let torn = inside || frames == 0;
            return Ok(torn.then(|| Stop::torn(feed.offset())));
        }
        let mut input = InBuffer::around(&there[..there.len().min(wanted)]);
        loop {
            let mut output = OutBuffer::around(&mut block[..]);
            wanted = match decoder.run(&mut input, &mut output) {
                Ok(wanted) => wanted,
                Err(_) if !inside && frames > 0 => return Ok(Some(Stop::behind(feed.offset()))),
                Err(error) => return Ok(Some(Stop::fault(feed.offset(), &error))),
            };
            let full = output.pos() == output.capacity();
            if let ControlFlow::Break(why) = take(output.as_slice())? {
                return Ok(why.map(|(kind, reason)| Stop { at: feed.offset(), kind, reason }));
            }
            // Asked once more, a decoder that came to a frame's end begins the next one.
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

impl Stop {
    fn torn(at: u64) -> Self {
        let reason =
            "it ends inside the compressed data: it is still being written, or was not copied whole".to_owned();
        Self { at, kind: ProblemKind::Truncated, reason }
    }

    fn behind(at: u64) -> Self {
        let reason = "bytes stand behind its compressed data that are none; they were left out".to_owned();
        Self { at, kind: ProblemKind::Corrupt, reason }
    }

    fn fault(at: u64, error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Self::torn(at);
        }
        let reason = format!(
            "its compressed data is damaged, about here or shortly before ({error}); what could be unpacked was read, and the \
             last of it may be wrong"
        );
        Self { at, kind: ProblemKind::Corrupt, reason }
    }

    /// The problem of a file of `packed` bytes, of which `unpacked` bytes came out.
    pub(crate) fn problem(&self, file: &str, packed: u64, unpacked: u64) -> Problem {
        let Self { at, kind, reason } = self;
        let reason = format!("at byte {at} of the compressed file, {unpacked} bytes of content further: {reason}");
        Problem::new(file, *kind, reason).at(*at, packed.saturating_sub(*at))
    }
}

impl Unpacked {
    pub(crate) fn size(&self) -> u64 {
        self.size
    }
}

impl ReadAt for Unpacked {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let room = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = &mut buffer[..room];
        match &self.store {
            Store::Memory(segments) => segments.read_at(buffer, offset),
            Store::File(file) => ReadAt::read_at(file, buffer, offset),
        }
    }
}

impl Store {
    /// Appends; what no longer fits in `memory` goes to a file, with all that was there.
    fn add(&mut self, bytes: &[u8], memory: usize) -> io::Result<()> {
        if let Self::Memory(held) = self {
            if held.len() + bytes.len() <= memory {
                held.extend(bytes);
                return Ok(());
            }
            let mut file = tempfile::tempfile()?;
            held.parts().try_for_each(|part| file.write_all(part))?;
            *self = Self::File(file);
        }
        if let Self::File(file) = self {
            file.write_all(bytes)?;
        }
        Ok(())
    }
}

/// A file from its beginning on, that knows how far it was used.
struct Feed<'a> {
    source: &'a dyn ReadAt,
    /// Where the buffer ends in the file.
    at: u64,
    buffer: Vec<u8>,
    taken: usize,
    filled: usize,
    /// Whether the system did not give a part.
    failed: bool,
}

impl Feed<'_> {
    fn offset(&self) -> u64 {
        self.at - (self.filled - self.taken) as u64
    }
}

impl Read for Feed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Feed<'_> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::whole;
    use proptest::prelude::*;

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        writer.write_all(bytes).expect("in memory");
        writer.finish().expect("in memory")
    }

    fn zstandard(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).expect("in memory")
    }

    /// Numbers, as logs have them: they do not compress to nothing.
    fn lines(count: u32) -> Vec<u8> {
        (0..count).flat_map(|i| format!("{i} {}\n", i.wrapping_mul(2_654_435_761)).into_bytes()).collect()
    }

    fn unpack(packed: &[u8], memory: usize) -> (Vec<u8>, Option<Stop>) {
        let packing = Packing::of(packed).expect("compressed");
        let content = packing.bounded(&packed, packed.len() as u64, memory, &|| Ok(())).expect("in memory");
        let stop = content.stop.clone();
        let bytes = whole(&content).expect("readable");
        assert_eq!(bytes.len() as u64, content.size());
        (bytes, stop)
    }

    #[test]
    fn both_kinds_in_memory_and_in_a_file_and_several_in_a_row() {
        let text = lines(50_000);
        for pack in [gzipped, zstandard] {
            for memory in [MEMORY, 10_000] {
                assert_eq!(unpack(&pack(&text), memory), (text.clone(), None));
                let several = [pack(&text[..1000]), pack(b""), pack(&text[1000..]), pack(b"")].concat();
                assert_eq!(unpack(&several, memory), (text.clone(), None));
            }
            assert_eq!(unpack(&pack(b""), MEMORY), (Vec::new(), None));
        }
        // Zeros behind gzip's last member, and a frame that zstd skips.
        assert_eq!(unpack(&[gzipped(&text), vec![0; 100_000]].concat(), MEMORY), (text.clone(), None));
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstandard(&text)].concat();
        assert_eq!(unpack(&skipped, MEMORY), (text.clone(), None));
        let unpacked = Packing::Gzip.small(&&gzipped(&text)[..], 1000, &|| Ok(())).expect("in memory");
        assert!(unpacked.is_none());
        let unpacked = Packing::Zstd.small(&&zstandard(&text)[..], 10 << 20, &|| Ok(())).expect("in memory");
        assert_eq!(unpacked.expect("small").size(), text.len() as u64);
    }

    #[test]
    fn content_may_end_where_a_block_does() {
        let size = zstd::zstd_safe::DCtx::out_size();
        for length in [size - 1, size, size + 1, 2 * size, 9 * size, STEP, 2 * STEP] {
            let text = lines(200_000)[..length].to_vec();
            for pack in [gzipped, zstandard] {
                let packed = pack(&text);
                assert_eq!(unpack(&packed, MEMORY), (text.clone(), None), "{length}");
                let twice = [&packed[..], &packed].concat();
                assert_eq!(unpack(&twice, MEMORY), ([&text[..], &text].concat(), None), "{length}");
                let (_, stop) = unpack(&packed[..packed.len() - 1], MEMORY);
                assert_eq!(stop.map(|stop| stop.kind), Some(ProblemKind::Truncated), "{length}");
            }
        }
    }

    #[test]
    fn a_torn_file_gives_what_is_there() {
        let text = lines(100_000);
        for (pack, least) in [(gzipped as fn(&[u8]) -> Vec<u8>, 9), (zstandard, 3)] {
            let packed = pack(&text);
            for cut in [20, packed.len() / 3, packed.len() / 2, packed.len() - 1] {
                let (bytes, stop) = unpack(&packed[..cut], MEMORY);
                assert_eq!(bytes, text[..bytes.len()], "cut at {cut}");
                let stop = stop.expect("torn");
                assert_eq!((stop.kind, stop.at), (ProblemKind::Truncated, cut as u64));
                // Whatever was whole: a block is at most 128 KB of the content.
                assert!(
                    bytes.len() + (128 << 10) >= text.len() * cut / packed.len() * least / 10,
                    "cut at {cut}: {}",
                    bytes.len()
                );
            }
        }
    }

    #[test]
    fn a_damaged_file_gives_what_stands_before() {
        let text = lines(100_000);
        for pack in [gzipped, zstandard] {
            let packed = pack(&text);
            for at in [packed.len() / 2, packed.len() - 2] {
                let mut damaged = packed.clone();
                damaged[at] ^= 0x55;
                let (bytes, stop) = unpack(&damaged, MEMORY);
                let stop = stop.expect("damaged");
                assert_eq!(stop.kind, ProblemKind::Corrupt);
                let same = bytes.iter().zip(&text).take_while(|(one, other)| one == other).count();
                assert!(same + (256 << 10) >= text.len() * at / packed.len(), "{at}: {same}");
            }
            let (bytes, stop) = unpack(&[&packed[..], b"more"].concat(), MEMORY);
            assert_eq!((bytes, stop), (text.clone(), Some(Stop::behind(packed.len() as u64))));
        }
    }

    #[test]
    fn a_bomb_is_left() {
        let zeros = vec![0; 3_000_000];
        for pack in [gzipped, zstandard] {
            let packed = pack(&zeros);
            let (bytes, stop) = unpack(&packed, 100_000);
            let stop = stop.expect("a bomb");
            assert_eq!(stop.kind, ProblemKind::TooLarge);
            assert!(bytes.len() <= 100_000);
            assert!(stop.at <= packed.len() as u64);
            // What fits is no bomb, however well it was packed.
            assert_eq!(unpack(&packed, 4_000_000).1, None);
        }
    }

    #[test]
    fn names() {
        for (name, plain) in
            [("a.csv.gz", "a.csv"), ("a.zst", "a"), ("a.zstd", "a"), ("a.csv", "a.csv"), (".gz", ".gz"), ("gz", "gz")]
        {
            assert_eq!(plain_name(name), plain);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..300), gzip in any::<bool>()) {
            let head: &[u8] = if gzip { &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3] } else { &[0x28, 0xb5, 0x2f, 0xfd] };
            unpack(&[head, &bytes].concat(), 1000);
        }

        #[test]
        fn any_damage_ends(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(), gzip in any::<bool>()) {
            let mut packed = if gzip { gzipped(&lines(500)) } else { zstandard(&lines(500)) };
            let at = at.index(packed.len() - 4) + 4;
            packed[at] = byte;
            packed.truncate(packed.len() - cut.index(50));
            unpack(&packed, 1000);
        }
    }
}
