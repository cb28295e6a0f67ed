//! How the units of a file are put together.

use stepbridge_formats::Framing;

/// The bytes of a block of wandb's `DataStore`.
const BLOCK: usize = 32 << 10;

/// A file of these units.
pub(crate) fn build(framing: Framing, head: &[u8], payloads: &[Vec<u8>], tail: &[u8]) -> Vec<u8> {
    let mut bytes = head.to_vec();
    match framing {
        Framing::List => bytes.extend(payloads.join(&b",\n"[..])),
        Framing::DataStore => payloads.iter().for_each(|payload| store(&mut bytes, payload)),
        _ => payloads.iter().for_each(|payload| bytes.extend(unit(framing, payload))),
    }
    bytes.extend(tail);
    bytes
}

/// A unit as it is in the file.
pub(crate) fn unit(framing: Framing, payload: &[u8]) -> Vec<u8> {
    match framing {
        Framing::Events => event_frame(payload),
        Framing::DataStore => batch(1, payload),
        _ => payload.to_vec(),
    }
}

fn event_frame(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_le_bytes();
    [&length[..], &masked(&length).to_le_bytes(), payload, &masked(payload).to_le_bytes()].concat()
}

fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The length of the intact frame that `bytes` begin with.
pub(crate) fn sound_event_frame(bytes: &[u8]) -> Option<usize> {
    let length = usize::try_from(u64::from_le_bytes(*bytes.first_chunk()?)).ok()?;
    let whole = length.checked_add(16).filter(|whole| *whole <= bytes.len())?;
    (bytes[..whole] == event_frame(&bytes[12..12 + length])).then_some(whole)
}

fn store(bytes: &mut Vec<u8>, mut payload: &[u8]) {
    let mut first = true;
    loop {
        let mut room = BLOCK - bytes.len() % BLOCK;
        if room < 7 {
            bytes.extend(vec![0; room]);
            room = BLOCK;
        }
        let length = payload.len().min(room - 7);
        let (now, later) = payload.split_at(length);
        let part = match (first, later.is_empty()) {
            (true, true) => 1,
            (true, false) => 2,
            (false, false) => 3,
            (false, true) => 4,
        };
        bytes.extend(batch(part, now));
        if later.is_empty() {
            return;
        }
        (payload, first) = (later, false);
    }
}

fn batch(part: u8, data: &[u8]) -> Vec<u8> {
    let checksum = crc32fast::hash(&[&[part], data].concat());
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    [&checksum.to_le_bytes()[..], &length.to_le_bytes(), &[part], data].concat()
}

/// A length-delimited field of a protobuf message.
pub(crate) fn field(number: u64, content: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

pub(crate) fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(u8::try_from(number & 0x7f).expect("7 bits") | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).expect("7 bits"));
    bytes
}
