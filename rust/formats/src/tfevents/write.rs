//! Writes event files: frames around payloads, and events of one scalar.

use std::io::{self, Write};

use crate::shared::proto::{delimited, push_varint};
use stepbridge_io::crc;

/// Appends a frame whose payload is what `fill` appends; `masked` computes its checksums.
#[inline]
pub(super) fn push_frame(out: &mut Vec<u8>, masked: impl Fn(&[u8]) -> u32, fill: impl FnOnce(&mut Vec<u8>)) {
    const HEADER: usize = 12;
    let begin = out.len();
    out.extend_from_slice(&[0; HEADER]);
    fill(out);
    let payload = begin + HEADER;
    let length = ((out.len() - payload) as u64).to_le_bytes();
    out[begin..begin + 8].copy_from_slice(&length);
    out[begin + 8..payload].copy_from_slice(&masked(&length).to_le_bytes());
    let checksum = masked(&out[payload..]);
    out.extend_from_slice(&checksum.to_le_bytes());
}

/// Appends the step of an event. A step of 0 is left out, as protobuf does.
#[inline]
pub(super) fn push_step(out: &mut Vec<u8>, step: i64) {
    if step != 0 {
        out.push(0x10);
        push_varint(out, step.cast_unsigned());
    }
}

/// How many bytes are collected before they are written.
const BLOCK: usize = 1 << 18;

/// An event file of scalars.
pub struct ScalarEvents<W: Write> {
    out: W,
    block: Vec<u8>,
    begun: bool,
}

impl<W: Write> ScalarEvents<W> {
    /// An event file that is written to `out`.
    pub fn new(out: W) -> Self {
        Self { out, block: Vec::with_capacity(BLOCK), begun: false }
    }

    /// Appends a scalar. Its value is rounded to 32 bits, as everything that `TensorBoard` draws. A time that is not known is
    /// left out; `TensorBoard` takes it for 0.
    pub fn scalar(&mut self, tag: &str, step: i64, wall_time: Option<f64>, value: f64) -> io::Result<()> {
        if !self.begun {
            self.begun = true;
            let version = delimited(0x1a, b"brain.Event:2");
            push_frame(&mut self.block, crc::masked, |out| {
                push_time(out, wall_time);
                out.extend_from_slice(&version);
            });
        }
        #[expect(clippy::cast_possible_truncation, reason = "scalars of event files have 32 bits")]
        let number = (value as f32).to_le_bytes();
        let content = [&delimited(0x0a, tag.as_bytes())[..], &[0x15], &number].concat();
        let summary = delimited(0x2a, &delimited(0x0a, &content));
        push_frame(&mut self.block, crc::masked, |out| {
            push_time(out, wall_time);
            push_step(out, step);
            out.extend_from_slice(&summary);
        });
        if self.block.len() >= BLOCK {
            self.out.write_all(&self.block)?;
            self.block.clear();
        }
        Ok(())
    }

    /// Writes what is left, and returns the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&self.block)?;
        Ok(self.out)
    }
}

fn push_time(out: &mut Vec<u8>, wall_time: Option<f64>) {
    if let Some(time) = wall_time {
        out.push(0x09);
        out.extend_from_slice(&time.to_le_bytes());
    }
}
