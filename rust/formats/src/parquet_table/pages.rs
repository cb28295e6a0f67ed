//! Looks at the headers of pages before the library does, which believes the sizes in them and reserves as much memory.
//!
//! A header is a struct in Thrift's compact form. Only three of its numbers are of interest; the rest is stepped over.

use std::io;

use stepbridge_io::bytes::{ReadAt, read_up_to};

/// How many bytes a header has at most: statistics hold the lowest and the highest value of a page.
const HEADER: usize = 16 << 10;
/// The byte that ends a struct.
const END: u8 = 0;
/// How deeply structs are nested, at most.
const DEPTH: u32 = 8;

/// What the header of a page says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct PageHeader {
    /// How many bytes the header has.
    length: u64,
    uncompressed: i64,
    compressed: i64,
    /// How many values its dictionary has.
    entries: i64,
}

/// What the headers of pages show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PagesVerdict {
    /// They may be read.
    Sound,
    /// A page claims to hold more than its bytes can.
    TooLarge,
    /// A header is damaged.
    Damaged,
}

/// Looks at the pages of a column, from `begin` to `end`. None may claim more than `bound` bytes.
pub(super) fn check(bytes: &dyn ReadAt, begin: u64, end: u64, bound: u64) -> io::Result<PagesVerdict> {
    let mut at = begin;
    let mut buffer = vec![0; HEADER];
    while at < end {
        let room = usize::try_from(end - at).unwrap_or(HEADER).min(HEADER);
        let held = read_up_to(bytes, at, &mut buffer[..room], 0)?;
        let Some(header) = PageHeader::of(&buffer[..held]) else { return Ok(PagesVerdict::Damaged) };
        let (Ok(size), Ok(stored), Ok(entries)) =
            (u64::try_from(header.uncompressed), u64::try_from(header.compressed), u64::try_from(header.entries))
        else {
            return Ok(PagesVerdict::Damaged);
        };
        at += header.length + stored;
        if at > end {
            return Ok(PagesVerdict::Damaged);
        }
        if size > bound || entries > size {
            return Ok(PagesVerdict::TooLarge);
        }
    }
    Ok(PagesVerdict::Sound)
}

impl PageHeader {
    fn of(bytes: &[u8]) -> Option<Self> {
        let mut header = Self::default();
        let mut cursor = ThriftCursor { bytes, at: 0 };
        let mut id = 0;
        loop {
            let kind = cursor.field(&mut id)?;
            match (id, kind) {
                (_, END) => break,
                (2, 4..=6) => header.uncompressed = cursor.integer()?,
                (3, 4..=6) => header.compressed = cursor.integer()?,
                (7, 12) => {
                    let mut inner = 0;
                    loop {
                        let kind = cursor.field(&mut inner)?;
                        match (inner, kind) {
                            (_, END) => break,
                            (1, 4..=6) => header.entries = cursor.integer()?,
                            _ => cursor.skip(kind, DEPTH)?,
                        }
                    }
                }
                _ => cursor.skip(kind, DEPTH)?,
            }
        }
        header.length = cursor.at as u64;
        Some(header)
    }
}

/// A position in a struct.
struct ThriftCursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl ThriftCursor<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn integer(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn pass(&mut self, count: u64) -> Option<()> {
        self.at = self.at.checked_add(usize::try_from(count).ok()?).filter(|at| *at <= self.bytes.len())?;
        Some(())
    }

    /// The type of the next field, whose number becomes `id`; 0 at the end of the struct.
    fn field(&mut self, id: &mut i64) -> Option<u8> {
        let byte = self.byte()?;
        if byte == END {
            return Some(END);
        }
        *id = match byte >> 4 {
            0 => self.integer()?,
            more => id.checked_add(more.into())?,
        };
        Some(byte & 0x0f)
    }

    /// Steps over a value of this type.
    fn skip(&mut self, kind: u8, depth: u32) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            1 | 2 => Some(()),
            3 => self.pass(1),
            4..=6 => self.varint().map(drop),
            7 => self.pass(8),
            8 => {
                let length = self.varint()?;
                self.pass(length)
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                // Flags have a byte each in a list.
                let kind = if matches!(head & 0x0f, 1 | 2) { 3 } else { head & 0x0f };
                (0..count).try_for_each(|_| self.skip(kind, depth))
            }
            12 => {
                let mut id = 0;
                loop {
                    match self.field(&mut id)? {
                        END => return Some(()),
                        kind => self.skip(kind, depth)?,
                    }
                }
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of a dictionary: its type, its sizes, and a struct with the number of entries.
    fn page(size: u8, stored: u8, entries: u8) -> Vec<u8> {
        let head = [0x15, 4, 0x15, 2 * size, 0x15, 2 * stored, 0x4c, 0x15, 2 * entries, 0x15, 0, 0, 0];
        [&head[..], &vec![7; stored.into()]].concat()
    }

    #[test]
    fn headers_are_checked_before_they_are_believed() {
        let of = |bytes: &[u8], bound| check(&bytes, 0, bytes.len() as u64, bound).expect("in memory");
        let two = [page(60, 10, 5), page(40, 3, 40)].concat();
        assert_eq!(of(&two, 60), PagesVerdict::Sound);
        assert_eq!(of(&two, 59), PagesVerdict::TooLarge);
        assert_eq!(of(&page(10, 10, 11), 60), PagesVerdict::TooLarge);
        assert_eq!(of(&two[..two.len() - 1], 60), PagesVerdict::Damaged);
        assert_eq!(of(&[0x15, 0xff], 60), PagesVerdict::Damaged);
        assert_eq!(of(&[0x19, 0xf1, 0xff, 0xff, 0xff, 0xff, 0x0f], 60), PagesVerdict::Damaged);
        assert_eq!(of(&[], 0), PagesVerdict::Sound);
    }
}
