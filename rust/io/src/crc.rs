//! CRC-32C of short byte strings, and the mask that event files put over it.
//!
//! An event file holds two checksums for each record of about forty bytes. At that length a call costs more than the checksum:
//! the crate `crc32c` takes 25 ns a record, a function with the processor's own instruction 10, and the instruction inlined
//! into the loop over the records 3. Long strings, and processors without the instruction, use the crate.

/// From this length on the crate is faster, because it computes three interleaved streams.
const LONG: usize = 512;

/// A loop over many short byte strings.
pub trait ChecksumLoop {
    /// What the loop returns.
    type Output;

    /// Runs the loop with the function that computes a masked checksum. Mark it `#[inline]`: only then is the checksum inlined
    /// into the loop.
    fn with(self, masked: impl Fn(&[u8]) -> u32 + Copy) -> Self::Output;
}

/// Runs a loop with the checksum as event files store it, inlined into the loop if the processor has the instruction.
#[inline]
pub fn inlined<L: ChecksumLoop>(work: L) -> L::Output {
    hardware::inlined(work).unwrap_or_else(|work| work.with(|bytes| mask(crc32c::crc32c(bytes))))
}

/// The checksum as event files store it.
#[must_use]
pub fn masked(bytes: &[u8]) -> u32 {
    inlined(Once(bytes))
}

/// The checksum of one byte string.
struct Once<'a>(&'a [u8]);

impl ChecksumLoop for Once<'_> {
    type Output = u32;

    #[inline]
    fn with(self, masked: impl Fn(&[u8]) -> u32 + Copy) -> u32 {
        masked(self.0)
    }
}

/// Masks a checksum. Without the mask, a file of checksummed data would hold checksums of checksums.
#[inline]
#[must_use]
pub fn mask(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The checksum, without the mask, of `bytes` that follow others whose checksum is `crc`.
#[must_use]
pub fn append(crc: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc, bytes)
}

#[cfg(target_arch = "x86_64")]
mod hardware {
    use std::arch::x86_64::{_mm_crc32_u8, _mm_crc32_u32, _mm_crc32_u64};

    use super::{ChecksumLoop, LONG, mask};

    #[inline]
    #[allow(unsafe_code)]
    pub(super) fn inlined<L: ChecksumLoop>(work: L) -> Result<L::Output, L> {
        if !is_x86_feature_detected!("sse4.2") {
            return Err(work);
        }
        // SAFETY: the function needs SSE 4.2 and nothing else, and the line above checks that the processor has it.
        Ok(unsafe { with_sse42(work) })
    }

    #[target_feature(enable = "sse4.2")]
    fn with_sse42<L: ChecksumLoop>(work: L) -> L::Output {
        work.with(|bytes| mask(if bytes.len() < LONG { short(bytes) } else { crc32c::crc32c(bytes) }))
    }

    #[inline]
    #[target_feature(enable = "sse4.2")]
    fn short(bytes: &[u8]) -> u32 {
        let add = |crc, word: &[u8; 8]| _mm_crc32_u64(crc, u64::from_le_bytes(*word));
        // Four words at a time: the compiler then knows that at most three are left.
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

    use super::{ChecksumLoop, LONG, mask};

    #[inline]
    #[allow(unsafe_code)]
    pub(super) fn inlined<L: ChecksumLoop>(work: L) -> Result<L::Output, L> {
        if !is_aarch64_feature_detected!("crc") {
            return Err(work);
        }
        // SAFETY: the function needs the CRC extension and nothing else, and the line above checks that the processor has it.
        Ok(unsafe { with_crc(work) })
    }

    #[target_feature(enable = "crc")]
    fn with_crc<L: ChecksumLoop>(work: L) -> L::Output {
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
    use super::ChecksumLoop;
    pub(super) fn inlined<L: ChecksumLoop>(work: L) -> Result<L::Output, L> {
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
        // The published check value of CRC-32C, and the header of the first record of an event file (24 bytes).
        assert_eq!(masked(b"123456789"), mask(0xe306_9283));
        assert_eq!(masked(&24_u64.to_le_bytes()).to_le_bytes(), [0xa3, 0x7f, 0x4b, 0x22]);
    }
}
