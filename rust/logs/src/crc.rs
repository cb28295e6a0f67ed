//! CRC-32C of small pieces, and the mask that event files put over it.
//!
//! Event files hold two checksums for each record of some forty bytes. At that length the call overhead of a general
//! crate costs more than the checksum: `crc32c` takes 25 ns a record, the processor's own instruction in a plain loop 9.
//! Long pieces, and processors without the instruction, go to the crate.

/// From this length on the crate's three interleaved streams win.
const LONG: usize = 512;

/// The checksum as event files store it.
#[inline]
pub(crate) fn masked(bytes: &[u8]) -> u32 {
    mask(crc32c(bytes))
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

#[inline]
fn crc32c(bytes: &[u8]) -> u32 {
    if bytes.len() < LONG
        && let Some(crc) = hardware::short(bytes)
    {
        return crc;
    }
    crc32c::crc32c(bytes)
}

#[cfg(target_arch = "x86_64")]
mod hardware {
    use std::arch::x86_64::{_mm_crc32_u8, _mm_crc32_u32, _mm_crc32_u64};

    #[inline]
    #[allow(unsafe_code)]
    pub(super) fn short(bytes: &[u8]) -> Option<u32> {
        // SAFETY: the function needs SSE 4.2 and nothing else, and the processor was just found to have it.
        is_x86_feature_detected!("sse4.2").then(|| unsafe { with_sse42(bytes) })
    }

    #[inline]
    #[target_feature(enable = "sse4.2")]
    fn with_sse42(bytes: &[u8]) -> u32 {
        let (words, rest) = bytes.as_chunks::<8>();
        let wide = words.iter().fold(u64::from(u32::MAX), |crc, word| _mm_crc32_u64(crc, u64::from_le_bytes(*word)));
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

    #[inline]
    #[allow(unsafe_code)]
    pub(super) fn short(bytes: &[u8]) -> Option<u32> {
        // SAFETY: the function needs the CRC extension and nothing else, and the processor was just found to have it.
        is_aarch64_feature_detected!("crc").then(|| unsafe { with_crc(bytes) })
    }

    #[inline]
    #[target_feature(enable = "crc")]
    fn with_crc(bytes: &[u8]) -> u32 {
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
    pub(super) fn short(_bytes: &[u8]) -> Option<u32> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_crate_at_every_length() {
        let bytes: Vec<u8> = (0..2 * LONG).map(|i| u8::try_from(i * i % 251).expect("below 256")).collect();
        for end in 0..bytes.len() {
            assert_eq!(crc32c(&bytes[..end]), crc32c::crc32c(&bytes[..end]), "{end} bytes");
        }
    }

    #[test]
    fn masks_as_the_format_says() {
        // The published check value of CRC-32C, and the header of an event file's first record (24 bytes).
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(masked(&24_u64.to_le_bytes()).to_le_bytes(), [0xa3, 0x7f, 0x4b, 0x22]);
    }
}
