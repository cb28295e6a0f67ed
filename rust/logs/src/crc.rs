//! CRC-32C of small pieces, and the mask that event files put over it.
//!
//! Event files hold two checksums for each record of some forty bytes. At that length calls cost more than the checksum:
//! the crate `crc32c` takes 25 ns a record, a function with the processor's own instruction 10, the instruction as part of
//! the loop over the records 3. Long pieces, and processors without the instruction, go to the crate.

/// From this length on the crate's three interleaved streams win.
const LONG: usize = 512;

/// A loop over many small pieces.
pub(crate) trait Work {
    type Output;

    /// Must be inlined: only then is the checksum, into it.
    fn with(self, masked: impl Fn(&[u8]) -> u32 + Copy) -> Self::Output;
}

/// Does work with the checksum as event files store it, which is part of the loop where the processor has the instruction.
#[inline]
pub(crate) fn inlined<W: Work>(work: W) -> W::Output {
    hardware::inlined(work).unwrap_or_else(|work| work.with(|bytes| mask(crc32c::crc32c(bytes))))
}

/// The checksum as event files store it.
pub(crate) fn masked(bytes: &[u8]) -> u32 {
    inlined(Once(bytes))
}

/// The checksum of one piece.
struct Once<'a>(&'a [u8]);

impl Work for Once<'_> {
    type Output = u32;

    #[inline]
    fn with(self, masked: impl Fn(&[u8]) -> u32 + Copy) -> u32 {
        masked(self.0)
    }
}

/// The mask over a checksum: a file of checksummed data would otherwise hold checksums of checksums.
#[inline]
pub(crate) fn mask(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The checksum of `bytes` that follow others whose checksum is `crc`.
pub(crate) fn append(crc: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc, bytes)
}

#[cfg(target_arch = "x86_64")]
mod hardware {
    use std::arch::x86_64::{_mm_crc32_u8, _mm_crc32_u32, _mm_crc32_u64};

    use super::{LONG, Work, mask};

    #[inline]
    #[allow(unsafe_code)]
    pub(super) fn inlined<W: Work>(work: W) -> Result<W::Output, W> {
        if !is_x86_feature_detected!("sse4.2") {
            return Err(work);
        }
        // SAFETY: the function needs SSE 4.2 and nothing else, and the processor was just found to have it.
        Ok(unsafe { with_sse42(work) })
    }

    #[target_feature(enable = "sse4.2")]
    fn with_sse42<W: Work>(work: W) -> W::Output {
        work.with(|bytes| mask(if bytes.len() < LONG { short(bytes) } else { crc32c::crc32c(bytes) }))
    }

    #[inline]
    #[target_feature(enable = "sse4.2")]
    fn short(bytes: &[u8]) -> u32 {
        let add = |crc, word: &[u8; 8]| _mm_crc32_u64(crc, u64::from_le_bytes(*word));
        // Four at a time: the compiler then knows that at most three are left.
        let (fours, rest) = bytes.as_chunks::<32>();
        let wide = fours.iter().fold(u64::from(u32::MAX), |crc, four| four.as_chunks().0.iter().fold(crc, add));
        let (words, rest) = rest.as_chunks::<8>();
        let wide = words.iter().fold(wide, add);
        #[expect(clippy::cast_possible_truncation, reason = "the instruction leaves the upper half zero")]
        let mut crc = wide as u32;
        let (words, rest) = rest.as_chunks::<4>();
        for word in words {
            crc = _mm_crc32_u32(crc, u32::from_le_bytes(*word));
        }
        !rest.iter().fold(crc, |crc, byte| _mm_crc32_u8(crc, *byte))
    }
}

#[cfg(target_arch = "aarch64")]
mod hardware {
    use std::arch::aarch64::{__crc32cb, __crc32cd, __crc32cw};
    use std::arch::is_aarch64_feature_detected;

    use super::{LONG, Work, mask};

    #[inline]
    #[allow(unsafe_code)]
    pub(super) fn inlined<W: Work>(work: W) -> Result<W::Output, W> {
        if !is_aarch64_feature_detected!("crc") {
            return Err(work);
        }
        // SAFETY: the function needs the CRC extension and nothing else, and the processor was just found to have it.
        Ok(unsafe { with_crc(work) })
    }

    #[target_feature(enable = "crc")]
    fn with_crc<W: Work>(work: W) -> W::Output {
        work.with(|bytes| mask(if bytes.len() < LONG { short(bytes) } else { crc32c::crc32c(bytes) }))
    }

    #[inline]
    #[target_feature(enable = "crc")]
    fn short(bytes: &[u8]) -> u32 {
        let (words, rest) = bytes.as_chunks::<8>();
        let mut crc = words.iter().fold(u32::MAX, |crc, word| __crc32cd(crc, u64::from_le_bytes(*word)));
        let (words, rest) = rest.as_chunks::<4>();
        for word in words {
            crc = __crc32cw(crc, u32::from_le_bytes(*word));
        }
        !rest.iter().fold(crc, |crc, byte| __crc32cb(crc, *byte))
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod hardware {
    use super::Work;

    pub(super) fn inlined<W: Work>(work: W) -> Result<W::Output, W> {
        Err(work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_crate_at_every_length() {
        let bytes: Vec<u8> = (0..2 * LONG).map(|i| u8::try_from(i * i % 251).expect("below 256")).collect();
        for end in 0..bytes.len() {
            assert_eq!(masked(&bytes[..end]), mask(crc32c::crc32c(&bytes[..end])), "{end} bytes");
        }
    }

    #[test]
    fn masks_as_the_format_says() {
        // The published check value of CRC-32C, and the header of an event file's first record (24 bytes).
        assert_eq!(masked(b"123456789"), mask(0xe306_9283));
        assert_eq!(masked(&24_u64.to_le_bytes()).to_le_bytes(), [0xa3, 0x7f, 0x4b, 0x22]);
    }
}
