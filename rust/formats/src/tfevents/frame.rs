//! The framing of event files: length, checksum of the length, payload, checksum of the payload.
//!
//! An intact length is trusted. Where a length is broken, or leads to where no frame can be, the next frame is
//! searched byte by byte: the first offset at which both checksums hold.

use std::io;

use stepbridge_io::bytes::{ReadAt, Window};
use stepbridge_io::crc;

/// The length and its checksum.
const HEADER: usize = 12;
/// Header and the checksum after the payload.
pub(crate) const AROUND: u64 = 16;
/// Payload bytes that one search may put through the checksum, besides a multiple of what it walks over. Forged lengths,
/// each intact and each reaching far, would otherwise make it quadratic.
const SEARCH_BUDGET: u64 = 1 << 30;

/// A range without an intact frame, or with one that holds nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FrameDamage {
    pub(crate) offset: u64,
    pub(crate) length: u64,
    /// Which frame of those read it is, damaged ones counted.
    pub(crate) frame: u64,
    pub(crate) kind: FrameDamageKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameDamageKind {
    /// The length's checksum does not hold.
    Length,
    /// The payload's checksum does not hold.
    Payload,
    /// The file ends inside the frame.
    Truncated,
    /// An intact length leads to where no frame is.
    Lost,
    /// Both checksums hold, and the payload is not an event.
    Malformed,
    /// A value that its tag says is a scalar is not a number.
    NotANumber,
}

/// Where the frames of a range were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct WalkedFrames {
    /// Where the frame after the last one begins.
    pub(crate) end: u64,
    /// How many frames there were, damaged ranges counted.
    pub(crate) frames: u64,
    pub(crate) damage: Vec<FrameDamage>,
}

/// What a slice begins with.
enum FrameHead {
    Frame {
        payload: usize,
    },
    BadPayload {
        payload: u64,
    },
    BadLength,
    /// The slice ends before the frame does; the frame's whole length where its header is there.
    Short {
        whole: Option<u64>,
    },
}

/// Looks at the frame at the start of `bytes`.
#[inline]
fn head(bytes: &[u8], masked: impl Fn(&[u8]) -> u32) -> FrameHead {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
        return FrameHead::Short { whole: None };
    };
    let Some(length) = sound_length(header, &masked) else {
        return FrameHead::BadLength;
    };
    let whole = length.saturating_add(AROUND);
    if (bytes.len() as u64) < whole {
        return FrameHead::Short { whole: Some(whole) };
    }
    // Below the slice's length.
    let payload = usize::try_from(length).unwrap_or(0);
    let (body, behind) = rest.split_at(payload);
    let stored = behind.first_chunk().map_or(0, |stored| u32::from_le_bytes(*stored));
    if masked(body) == stored { FrameHead::Frame { payload } } else { FrameHead::BadPayload { payload: length } }
}

/// The length in a header whose checksum holds.
#[inline]
fn sound_length(header: &[u8; HEADER], masked: impl Fn(&[u8]) -> u32) -> Option<u64> {
    let (length, rest) = header.split_first_chunk::<8>()?;
    let stored = u32::from_le_bytes(*rest.first_chunk()?);
    (masked(length) == stored).then(|| u64::from_le_bytes(*length))
}

/// Whether `bytes` begin as an event file does: with a header whose checksum holds.
pub(crate) fn looks_like_frame(bytes: &[u8]) -> bool {
    bytes.first_chunk().is_some_and(|header| sound_length(header, crc::masked).is_some())
}

/// What becomes of frames.
pub(crate) trait TakeFrame {
    /// Takes the payload of an intact frame, which begins where the walk is. Called once a frame, so inlined. `masked` is the
    /// checksum of frames.
    fn take(&mut self, payload: &[u8], walked: &mut WalkedFrames, masked: impl Fn(&[u8]) -> u32 + Copy);
}

/// Continues from `walked.end`, where a frame must begin, to the first frame at or after `until`, and hands every intact
/// frame on. Where reading fails, `walked` says how far it came.
pub(crate) fn walk<S: ReadAt + ?Sized>(
    window: &mut Window<'_, S>,
    until: u64,
    walked: &mut WalkedFrames,
    taker: &mut impl TakeFrame,
) -> io::Result<()> {
    crc::inlined(FrameWalk { window, until, walked, taker })
}

struct FrameWalk<'a, 'w, S: ReadAt + ?Sized, T> {
    window: &'a mut Window<'w, S>,
    until: u64,
    walked: &'a mut WalkedFrames,
    taker: &'a mut T,
}

impl<S: ReadAt + ?Sized, T: TakeFrame> crc::ChecksumLoop for FrameWalk<'_, '_, S, T> {
    type Output = io::Result<()>;

    #[expect(clippy::inline_always, reason = "the checksum is inlined only where this is")]
    #[inline(always)]
    fn with(self, masked: impl Fn(&[u8]) -> u32 + Copy) -> io::Result<()> {
        let Self { window, until, walked, taker } = self;
        let mut wanted = HEADER;
        while walked.end < until.min(window.size()) {
            let bytes = window.at(walked.end, wanted)?;
            let mut used = 0;
            wanted = HEADER;
            // The hot loop: frame after frame in what the window holds.
            let stop = loop {
                if walked.end >= until {
                    break None;
                }
                match head(&bytes[used..], masked) {
                    FrameHead::Frame { payload } => {
                        let body = &bytes[used + HEADER..used + HEADER + payload];
                        taker.take(body, walked, masked);
                        let whole = payload + HEADER + 4;
                        used += whole;
                        walked.end += whole as u64;
                        walked.frames += 1;
                    }
                    other => break Some(other),
                }
            };
            let held = (bytes.len() - used) as u64;
            match stop {
                None | Some(FrameHead::Frame { .. }) => {}
                Some(FrameHead::Short { whole }) => {
                    let left = window.size().saturating_sub(walked.end);
                    let whole = whole.unwrap_or(HEADER as u64);
                    if left == 0 {
                        break;
                    }
                    if whole > left {
                        torn(window, walked)?;
                    } else if whole > held {
                        wanted = grow(window, walked, whole)?;
                    }
                }
                Some(FrameHead::BadPayload { payload }) => bad_payload(window, walked, payload + AROUND)?,
                Some(FrameHead::BadLength) => {
                    let offset = walked.end;
                    let next = search(window, offset + 1, offset, u64::MAX)?;
                    damaged(window, walked, next, FrameDamageKind::Length);
                }
            }
        }
        Ok(())
    }
}

/// How many bytes to ask of the window for a frame that it does not hold whole.
///
/// One that would make the window larger than a few blocks is checked piece by piece first: a forged length never makes
/// it allocate.
fn grow<S: ReadAt + ?Sized>(window: &mut Window<'_, S>, walked: &mut WalkedFrames, whole: u64) -> io::Result<usize> {
    const LARGE: u64 = 1 << 20;
    let mut unbounded = u64::MAX;
    if whole > LARGE && sound_frame(window, walked.end, &mut unbounded)?.is_none() {
        bad_payload(window, walked, whole)?;
        return Ok(HEADER);
    }
    usize::try_from(whole).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))
}

/// Reports the frame of `whole` bytes at the walk's end, whose length is intact and whose payload is not, and continues.
fn bad_payload<S: ReadAt + ?Sized>(
    window: &mut Window<'_, S>,
    walked: &mut WalkedFrames,
    whole: u64,
) -> io::Result<()> {
    let offset = walked.end;
    let end = offset + whole;
    let behind = window.at(end, HEADER)?;
    if behind.len() < HEADER || looks_like_frame(behind) {
        damaged(window, walked, Some(end), FrameDamageKind::Payload);
    } else {
        let next = search(window, offset + 1, end, u64::MAX)?;
        damaged(window, walked, next, FrameDamageKind::Lost);
    }
    Ok(())
}

/// Reports what is at the walk's end, where the file ends inside a frame: its tail, or a hole before intact frames.
fn torn<S: ReadAt + ?Sized>(window: &mut Window<'_, S>, walked: &mut WalkedFrames) -> io::Result<()> {
    let (offset, size) = (walked.end, window.size());
    let next = search(window, offset + 1, size, u64::MAX)?;
    damaged(window, walked, next, if next.is_some() { FrameDamageKind::Lost } else { FrameDamageKind::Truncated });
    Ok(())
}

/// Reports the range from the walk's end to `next` (the file's end where there is none) and steps over it.
fn damaged<S: ReadAt + ?Sized>(
    window: &Window<'_, S>,
    walked: &mut WalkedFrames,
    next: Option<u64>,
    kind: FrameDamageKind,
) {
    let end = next.unwrap_or_else(|| window.size());
    walked.damage.push(FrameDamage { offset: walked.end, length: end - walked.end, frame: walked.frames, kind });
    walked.end = end;
    walked.frames += 1;
}

/// The first offset from `from` on, and before `until`, at which an intact frame begins.
///
/// Before `claimed`, which an intact length says is one payload, a frame counts only if another one follows it: a payload
/// may hold a frame, and a torn one may end with it.
pub(crate) fn search<S: ReadAt + ?Sized>(
    window: &mut Window<'_, S>,
    from: u64,
    claimed: u64,
    until: u64,
) -> io::Result<Option<u64>> {
    let mut budget = SEARCH_BUDGET;
    let mut offset = from;
    while offset < until {
        let bytes = window.at(offset, HEADER)?;
        let candidate = bytes.windows(HEADER).position(looks_like_frame);
        let walked = candidate.unwrap_or_else(|| (bytes.len() + 1).saturating_sub(HEADER));
        offset += walked as u64;
        budget = budget.saturating_add(8 * walked as u64);
        if candidate.is_none() {
            if walked == 0 {
                return Ok(None);
            }
            continue;
        }
        if let Some(end) = sound_frame(window, offset, &mut budget)?
            && (offset >= claimed || sound_frame(window, end, &mut budget)?.is_some())
        {
            return Ok((offset < until).then_some(offset));
        }
        offset += 1;
    }
    Ok(None)
}

/// Where the frame at `offset` ends, if both of its checksums hold. Reads it piece by piece, as far as `budget` goes.
fn sound_frame<S: ReadAt + ?Sized>(
    window: &mut Window<'_, S>,
    offset: u64,
    budget: &mut u64,
) -> io::Result<Option<u64>> {
    const PIECE: usize = 64 * 1024;
    let Some(length) = window.at(offset, HEADER)?.first_chunk().and_then(|header| sound_length(header, crc::masked))
    else {
        return Ok(None);
    };
    let begin = offset + HEADER as u64;
    let Some(end) = begin.checked_add(length).filter(|end| end.checked_add(4).is_some_and(|end| end <= window.size()))
    else {
        return Ok(None);
    };
    let Some(rest) = budget.checked_sub(length) else {
        return Ok(None);
    };
    *budget = rest;
    let (mut at, mut checksum) = (begin, 0);
    while at < end {
        let piece = usize::try_from(end - at).map_or(PIECE, |left| left.min(PIECE));
        let bytes = window.at(at, piece)?;
        if bytes.len() < piece {
            return Ok(None);
        }
        checksum = crc::append(checksum, &bytes[..piece]);
        at += piece as u64;
    }
    let stored = window.at(end, 4)?.first_chunk().map(|stored| u32::from_le_bytes(*stored));
    Ok((stored == Some(crc::mask(checksum))).then_some(end + 4))
}
