//! Lines: where they end, what of them is colour, and which block of a file they belong to.

use std::borrow::Cow;
use std::io;

use stepbridge_io::bytes::{ReadAt, from_before, read_up_to};

/// The lines that begin in one block.
#[derive(Debug, Default, PartialEq)]
pub(super) struct BlockLines {
    /// The bytes from the first line on: whole lines, but for the last one of a file.
    pub(super) bytes: Vec<u8>,
    /// Where they are in the file; `None` where no line begins in the block.
    pub(super) begin: Option<u64>,
    /// Where a line begins that is too long to be looked at; it is not among the bytes.
    pub(super) long: Option<u64>,
}

/// How much is read at a time where the last line of a block continues after it.
const MORE: usize = 64 << 10;

/// Reads the lines that begin in `begin..end`. `first`: a line begins at `begin`, whatever comes before. A line of more
/// than `longest` bytes is left out; `longest` is at least the length of the block.
pub(super) fn block(source: &dyn ReadAt, begin: u64, end: u64, first: bool, longest: usize) -> io::Result<BlockLines> {
    let from = from_before(begin);
    let length = |offset: u64| usize::try_from(offset - from).unwrap_or(usize::MAX);
    let mut buffer = LineBuffer { source, from, bytes: Vec::new(), ended: false };
    buffer.grow(length(end).saturating_add(MORE))?;
    let end = length(end).min(buffer.bytes.len());
    let start = if first { Some(length(begin)) } else { next_line(&buffer.bytes, length(begin) - 1, buffer.ended) };
    let Some(start) = start.filter(|start| *start < end) else { return Ok(BlockLines::default()) };
    // The last line that begins in the block may end after it.
    let mut last = start;
    let mut at = end.saturating_sub(1).max(start);
    while at > start {
        // A line begins after an end of line, unless that continues.
        if is_end(buffer.bytes[at - 1]) && next_line(&buffer.bytes, at - 1, buffer.ended) == Some(at) {
            last = at;
            break;
        }
        at -= 1;
    }
    let mut looked = last;
    let close = loop {
        if let Some(close) = next_line(&buffer.bytes, looked, buffer.ended) {
            break Some(close);
        }
        let held = buffer.bytes.len();
        if buffer.ended || held - last > longest {
            break None;
        }
        // A CR that is the last byte may be followed by its LF.
        looked = held.saturating_sub(1).max(last);
        buffer.grow(held + MORE)?;
    };
    let close = close.unwrap_or(buffer.bytes.len());
    let mut lines = BlockLines { begin: Some(from + start as u64), ..BlockLines::default() };
    if close - last > longest {
        lines.long = Some(from + last as u64);
        buffer.bytes.truncate(last);
    } else {
        buffer.bytes.truncate(close);
    }
    if start > 0 {
        buffer.bytes.drain(..start);
    }
    lines.bytes = buffer.bytes;
    Ok(lines)
}

/// The part of a file from `from` on, as far as it was read.
struct LineBuffer<'a> {
    source: &'a dyn ReadAt,
    from: u64,
    bytes: Vec<u8>,
    /// Whether the file ends with it.
    ended: bool,
}

impl LineBuffer<'_> {
    /// Reads on until it holds so many bytes, or all that there are.
    fn grow(&mut self, wanted: usize) -> io::Result<()> {
        let mut held = self.bytes.len();
        self.bytes.resize(wanted.max(held), 0);
        held = read_up_to(self.source, self.from, &mut self.bytes, held)?;
        self.ended |= held < wanted;
        self.bytes.truncate(held);
        Ok(())
    }
}

const BACKSPACE: u8 = 8;

fn is_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Where the line after the first end of line from `at` on begins. A CR that is the last byte decides nothing while the
/// file goes on: its LF may follow.
fn next_line(bytes: &[u8], at: usize, ended: bool) -> Option<usize> {
    let found = at + memchr::memchr2(b'\n', b'\r', bytes.get(at..)?)?;
    match (bytes[found], bytes.get(found + 1)) {
        (b'\r', Some(b'\n')) => Some(found + 2),
        (b'\r', None) if !ended => None,
        _ => Some(found + 1),
    }
}

/// Each line of some bytes: where it begins, what it holds without its end, and whether it has an end.
pub(super) fn each<'a>(bytes: &'a [u8], mut take: impl FnMut(usize, &'a [u8], bool)) {
    let mut at = 0;
    while at < bytes.len() {
        let Some(found) = memchr::memchr2(b'\n', b'\r', &bytes[at..]) else {
            take(at, &bytes[at..], false);
            return;
        };
        let end = at + found;
        take(at, &bytes[at..end], true);
        at = end + 1 + usize::from(bytes[end] == b'\r' && bytes.get(end + 1) == Some(&b'\n'));
    }
}

/// A line without the codes that colour it or move the cursor, and without a byte order mark.
pub(super) fn plain(line: &[u8]) -> Cow<'_, [u8]> {
    const ESCAPE: u8 = 0x1b;
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    // Files that were joined have one in the middle too.
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
    // Keras goes back to the beginning of its bar byte by byte.
    let back = line.iter().take_while(|byte| **byte == BACKSPACE).count();
    let line = &line[back..];
    let line = &line[..line.len() - line.iter().rev().take_while(|byte| **byte == BACKSPACE).count()];
    let Some(mut at) = memchr::memchr(ESCAPE, line) else { return Cow::Borrowed(line) };
    let mut plain = line[..at].to_vec();
    while at < line.len() {
        let Some(rest) = line[at..].strip_prefix(&[ESCAPE]) else {
            let length = memchr::memchr(ESCAPE, &line[at..]).unwrap_or(line.len() - at);
            plain.extend_from_slice(&line[at..at + length]);
            at += length;
            continue;
        };
        let length = match rest.first() {
            // A control sequence ends with a letter or a mark.
            Some(b'[') => rest[1..].iter().position(|byte| (0x40..0x7f).contains(byte)).map(|end| end + 2),
            // A command of the terminal ends with a bell or a string terminator.
            Some(b']') => rest.iter().position(|byte| *byte == 7 || *byte == ESCAPE).map(|end| end + 1),
            Some(_) => Some(1),
            None => Some(0),
        };
        // A sequence without its end hides nothing.
        at += 1 + length.unwrap_or(0);
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Where each line begins, what it holds and whether it ends.
    type Each = Vec<(u64, Vec<u8>, bool)>;

    /// The lines of a text that is read in blocks, with where they begin and whether they end.
    fn in_blocks(text: &[u8], size: usize, longest: usize) -> (Each, Vec<u64>) {
        let (mut all, mut long) = (Vec::new(), Vec::new());
        let total = text.len() as u64;
        for begin in (0..total).step_by(size) {
            let end = (begin + size as u64).min(total);
            let lines = block(&text, begin, end, begin == 0, longest).expect("in memory");
            if let Some(begin) = lines.begin {
                each(&lines.bytes, |at, line, ended| all.push((begin + at as u64, line.to_vec(), ended)));
            }
            long.extend(lines.long);
        }
        (all, long)
    }

    #[test]
    fn lines_end_at_each_of_three_ends() {
        let mut lines = Vec::new();
        each(b"a\nb\r\nc\rd\n\ne", |at, line, ended| lines.push((at, String::from_utf8_lossy(line), ended)));
        let lines: Vec<_> = lines.iter().map(|(at, line, ended)| (*at, line.as_ref(), *ended)).collect();
        assert_eq!(
            lines,
            [(0, "a", true), (2, "b", true), (5, "c", true), (7, "d", true), (9, "", true), (10, "e", false)]
        );
    }

    #[test]
    fn colours_go() {
        for (line, expected) in [
            ("plain", "plain"),
            ("\x1b[32mINFO\x1b[0m: loss \x1b[1;31m0.5\x1b[0m", "INFO: loss 0.5"),
            ("\x1b]0;title\x07a\x1b(b\x1b", "ab"),
            ("a\x1b[31", "a[31"),
            ("\u{feff}Epoch 1", "Epoch 1"),
            ("\x1b[2K\rx", "\rx"),
            ("\x08\x08 1/32 [=>] - loss: 2\x08\x08\x08", " 1/32 [=>] - loss: 2"),
        ] {
            assert_eq!(String::from_utf8_lossy(&plain(line.as_bytes())), expected, "{line:?}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out_whatever_the_blocks() {
        let text = [b"one\n".as_slice(), &vec![b'x'; 3 * MORE], b"\ntwo\n"].concat();
        for size in [100, 1000, MORE, 2 * MORE, 10 * MORE] {
            let (lines, long) = in_blocks(&text, size, 2 * MORE);
            let expected = [(0, b"one".to_vec(), true), (text.len() as u64 - 4, b"two".to_vec(), true)];
            if size <= 2 * MORE {
                assert_eq!((lines, long), (expected.to_vec(), vec![4]), "{size}");
            }
        }
    }

    proptest! {
        #[test]
        fn blocks_of_any_size_give_the_same_lines(text in "[ab\r\n]{0,60}", size in 1_usize..20) {
            let mut whole = Vec::new();
            each(text.as_bytes(), |at, line, ended| whole.push((at as u64, line.to_vec(), ended)));
            prop_assert_eq!(in_blocks(text.as_bytes(), size, 1000).0, whole);
        }
    }
}
