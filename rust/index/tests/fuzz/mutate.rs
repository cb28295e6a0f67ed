//! Sound files, broken.

use crate::frames;
use crate::random::Random;
use crate::seeds::{Seed, Target};

/// What numbers and lines are not expected to be.
const WORDS: [&[u8]; 40] = [
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"18446744073709551616",
    b"1e308",
    b"1e-400",
    b"1e999",
    b"-0",
    b"00000000000000000000000001",
    b"0.1234567890123456789012345678901234567890",
    b"NaN",
    b"-inf",
    b"Infinity",
    b"3.5",
    b"-",
    b"\"",
    b"\"\"",
    b",",
    b";",
    b"|",
    b"\t",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"{\"",
    b"\\",
    b"\\ud800",
    b"\0",
    b"\xff\xfe",
    b"\xc3",
    b"\xef\xbb\xbf",
    b"\x1b[31m",
    b"<<<<<<< HEAD\n",
    b"epoch",
];

/// Numbers in frames.
const NUMBERS: [u64; 8] = [0, 1, 0x7f, 0xffff, 1 << 31, u32::MAX as u64, 1 << 63, u64::MAX];

/// A file made of the target's seeds, broken in some places.
pub(crate) fn file(target: &Target, random: &mut Random, large: bool) -> Vec<u8> {
    let seed = &target.seeds[random.below(target.seeds.len())];
    let other = &target.seeds[random.below(target.seeds.len())];
    let mut payloads = seed.payloads();
    if random.one_in(2) {
        for _ in 0..random.some(3) {
            units(&mut payloads, other, random);
        }
    }
    if large {
        many(&mut payloads, random);
    }
    let mut bytes = frames::build(target.framing, &seed.head, &payloads, &seed.tail);
    for _ in 0..random.below(4) {
        damage(&mut bytes, seed, random);
    }
    if random.one_in(10) {
        let other = frames::build(target.framing, &other.head, &other.payloads(), &other.tail);
        let begin = random.below(other.len() + 1);
        bytes.truncate(random.below(bytes.len() + 1));
        bytes.extend(&other[begin..]);
    }
    bytes
}

/// Repeats all units until they are more than what one thread takes.
fn many(payloads: &mut Vec<Vec<u8>>, random: &mut Random) {
    const LARGE: usize = (4 << 20) + (1 << 19);
    let size = payloads.iter().map(Vec::len).sum::<usize>().max(1);
    let wanted = if random.one_in(2) { LARGE } else { LARGE / 4 };
    *payloads = vec![&payloads[..]; (wanted / size).clamp(1, 1 << 18)].concat();
}

/// Breaks the order of the units, or what one of them holds.
fn units(payloads: &mut Vec<Vec<u8>>, other: &Seed, random: &mut Random) {
    if payloads.is_empty() {
        return;
    }
    let at = random.below(payloads.len());
    match random.below(6) {
        0 => drop(payloads.remove(at)),
        1 => payloads.insert(at, payloads[at].clone()),
        2 => {
            let with = random.below(payloads.len());
            payloads.swap(at, with);
        }
        3 if !other.units.is_empty() => {
            payloads.insert(at, other.units[random.below(other.units.len())].payload.clone());
        }
        // A frame whose checksum holds, and what it holds does not.
        _ => bytes(&mut payloads[at], random),
    }
}

/// Breaks a file.
fn damage(whole: &mut Vec<u8>, seed: &Seed, random: &mut Random) {
    match random.below(10) {
        0 => whole.truncate(random.below(whole.len() + 1)),
        1 => {
            let at = random.below(whole.len() + 1);
            whole.splice(at..at, seed.head.iter().copied());
        }
        2 => {
            let range = random.range(whole.len(), 3000);
            whole.drain(range);
        }
        3 => {
            let range = random.range(whole.len(), 3000);
            let copy = whole[range].to_vec();
            let at = random.below(whole.len() + 1);
            whole.splice(at..at, copy);
        }
        4 => {
            let filling = if random.one_in(2) { 0 } else { random.byte() };
            let range = random.range(whole.len(), 3000);
            whole[range].fill(filling);
        }
        5 => {
            // Deep, or long.
            let at = random.below(whole.len() + 1);
            let word = WORDS[random.below(WORDS.len())];
            let filling = word.repeat(random.some(4000));
            whole.splice(at..at, filling);
        }
        _ => bytes(whole, random),
    }
}

/// Breaks some bytes.
fn bytes(whole: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(whole.len() + 1);
    match random.below(7) {
        0 | 1 => {
            if let Some(byte) = whole.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        2 => {
            if let Some(byte) = whole.get_mut(at) {
                *byte = random.byte();
            }
        }
        3 => {
            let noise: Vec<u8> = (0..random.some(16)).map(|_| random.byte()).collect();
            whole.splice(at..at, noise);
        }
        4 => {
            let range = random.range(whole.len(), 20);
            whole.drain(range);
        }
        5 => {
            let number = NUMBERS[random.below(NUMBERS.len())].to_le_bytes();
            let number = &number[..random.some(8)];
            let end = (at + number.len()).min(whole.len());
            whole.splice(at..end, number.iter().copied());
        }
        _ => {
            // In place of the next number, if there is one.
            let is_digit = |byte: &u8| byte.is_ascii_digit();
            let begin = at + whole[at..].iter().take(40).position(is_digit).unwrap_or(0);
            let end = begin + whole[begin..].iter().take_while(|byte| is_digit(byte)).count();
            whole.splice(begin..end, WORDS[random.below(WORDS.len())].iter().copied());
        }
    }
}
