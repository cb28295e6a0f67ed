//! Copies an event file with other steps: every summary is kept as it is, byte by byte, but for its step and the checksums.
//!
//! An event whose summaries go to different steps is split. The starts of sessions are left out: they tell `TensorBoard` to
//! forget what was logged before, by the old steps.

use std::io::{self, Write};

use super::frame::{self, TakeFrame, WalkedFrames};
use super::write::{push_frame, push_step};
use crate::shared::copy::SummaryCopy;
use crate::shared::proto::{FieldValue, MalformedMessage, MessageFields, delimited, varint};
use stepbridge_io::bytes::Window;
use stepbridge_io::crc;
use stepbridge_io::parallel;

/// The numbers and keys of the fields that matter here.
mod field {
    pub(super) const EVENT_TIME: u64 = 1;
    pub(super) const EVENT_STEP: u64 = 2;
    pub(super) const EVENT_SUMMARY: u64 = 5;
    pub(super) const EVENT_SUMMARY_KEY: u8 = 0x2a;
    pub(super) const EVENT_SESSION_LOG: u64 = 7;
    pub(super) const SESSION_LOG_STATUS: u64 = 1;
    pub(super) const SUMMARY_VALUE: u64 = 1;
    pub(super) const SUMMARY_VALUE_KEY: u8 = 0x0a;
}

/// `SessionLog.START`.
const STATUS_START: u64 = 1;

/// Copies a file, block by block on several threads.
pub(super) fn copy(job: &SummaryCopy, out: &mut dyn Write) -> io::Result<()> {
    let blocks = &job.layout.blocks;
    parallel::in_order(
        blocks.len(),
        job.threads,
        |index| copy_block(job, index),
        |_, copied: io::Result<Vec<u8>>| out.write_all(&copied?),
    )
}

fn copy_block(job: &SummaryCopy, index: usize) -> io::Result<Vec<u8>> {
    let SummaryCopy { bytes, layout, .. } = job;
    let (begin, before) = layout.blocks[index];
    let (end, after) = layout.blocks.get(index + 1).copied().unwrap_or((layout.end, layout.count));
    let changed = || io::Error::other("it was changed while it was read");
    let place = |number: u64| usize::try_from(number).map_err(|_| changed());
    let steps = (job.steps)(place(before)?..place(after)?);
    let mut copier = Copier { steps: &steps, malformed: &layout.malformed, changed: false, out: Vec::new() };
    copier.out.reserve(place(end.saturating_sub(begin))? / 16 * 17);
    let mut walked = WalkedFrames { end: begin, ..WalkedFrames::default() };
    frame::walk(&mut Window::new(*bytes, layout.size), end, &mut walked, &mut copier)?;
    if copier.changed || !copier.steps.is_empty() || walked.end != end {
        return Err(changed());
    }
    Ok(copier.out)
}

/// Copies the frames of a block.
struct Copier<'a> {
    /// The steps of the summaries that are still to come.
    steps: &'a [Option<i64>],
    malformed: &'a [u64],
    /// Whether a frame is not what the reader found.
    changed: bool,
    out: Vec<u8>,
}

impl TakeFrame for Copier<'_> {
    #[expect(clippy::inline_always, reason = "the checksum is inlined only where this is")]
    #[inline(always)]
    fn take(&mut self, payload: &[u8], walked: &mut WalkedFrames, masked: impl Fn(&[u8]) -> u32 + Copy) {
        let copied = match Plain::of(payload) {
            Some(plain) => self.plain(&plain, masked),
            None if self.malformed.binary_search(&walked.end).is_ok() => Ok(()),
            None => self.event(payload),
        };
        self.changed |= copied.is_err();
    }
}

/// An event of one summary, in the one way in which every writer puts it: time, step, summary.
struct Plain<'a> {
    time: &'a [u8],
    summary: &'a [u8],
}

impl<'a> Plain<'a> {
    #[inline]
    fn of(payload: &'a [u8]) -> Option<Self> {
        let (time, mut rest) = payload.split_at_checked(9)?;
        if time[0] != 0x09 {
            return None;
        }
        if let [0x10, after @ ..] = rest {
            rest = after;
            varint(&mut rest).ok()?;
        }
        let summary = rest;
        let value = only(field::EVENT_SUMMARY_KEY, summary)?;
        // A small float after a name: what is in another value may be malformed.
        let mut content = only(field::SUMMARY_VALUE_KEY, value)?.split_first().filter(|(key, _)| **key == 0x0a)?.1;
        let name = usize::try_from(varint(&mut content).ok()?).ok()?;
        let float = content.get(name..)?;
        (float.len() == 5 && float[0] == 0x15).then_some(Self { time, summary })
    }
}

/// The content of a field of bytes, if nothing follows it.
#[inline]
fn only(key: u8, bytes: &[u8]) -> Option<&[u8]> {
    let (_, mut rest) = bytes.split_first().filter(|(first, _)| **first == key)?;
    let length = varint(&mut rest).ok()?;
    (length == rest.len() as u64).then_some(rest)
}

impl Copier<'_> {
    #[expect(clippy::inline_always, reason = "the checksum is inlined only where this is")]
    #[inline(always)]
    fn plain(&mut self, plain: &Plain, masked: impl Fn(&[u8]) -> u32) -> Result<(), MalformedMessage> {
        let (step, rest) = self.steps.split_first().ok_or(MalformedMessage)?;
        self.steps = rest;
        if let Some(step) = *step {
            push_frame(&mut self.out, masked, |out| {
                out.extend_from_slice(plain.time);
                push_step(out, step);
                out.extend_from_slice(plain.summary);
            });
        }
        Ok(())
    }

    /// Any event, field by field.
    #[inline(never)]
    fn event(&mut self, payload: &[u8]) -> Result<(), MalformedMessage> {
        let (mut count, mut starts) = (0, false);
        let mut fields = MessageFields::of(payload);
        while let Some((number, value)) = fields.next()? {
            match number {
                field::EVENT_SUMMARY => count += values(value.bytes()?)?,
                field::EVENT_SESSION_LOG => starts |= is_start(value.bytes()?)?,
                _ => {}
            }
        }
        let (steps, rest) = self.steps.split_at_checked(count).ok_or(MalformedMessage)?;
        self.steps = rest;
        if count == 0 {
            if !starts {
                push_frame(&mut self.out, crc::masked, |out| out.extend_from_slice(payload));
            }
            return Ok(());
        }
        let mut written: Vec<i64> = Vec::new();
        for step in steps.iter().flatten() {
            if !written.contains(step) {
                written.push(*step);
                let event = with_step(payload, steps, *step)?;
                push_frame(&mut self.out, crc::masked, |out| out.extend_from_slice(&event));
            }
        }
        Ok(())
    }
}

/// How many values a summary has.
fn values(summary: &[u8]) -> Result<usize, MalformedMessage> {
    let mut count = 0;
    let mut fields = MessageFields::of(summary);
    while let Some((number, _)) = fields.next()? {
        count += usize::from(number == field::SUMMARY_VALUE);
    }
    Ok(count)
}

fn is_start(session: &[u8]) -> Result<bool, MalformedMessage> {
    let mut fields = MessageFields::of(session);
    while let Some((number, value)) = fields.next()? {
        if number == field::SESSION_LOG_STATUS && value == FieldValue::Varint(STATUS_START) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The event with another step, and with those of its values alone that go to this step.
fn with_step(payload: &[u8], steps: &[Option<i64>], step: i64) -> Result<Vec<u8>, MalformedMessage> {
    let all = steps.iter().all(|known| *known == Some(step));
    let mut steps = steps.iter();
    let mut event = Vec::with_capacity(payload.len() + 10);
    let mut placed = false;
    let mut fields = MessageFields::of(payload);
    loop {
        let before = fields.rest();
        let Some((number, value)) = fields.next()? else { break };
        let raw = &before[..before.len() - fields.rest().len()];
        // Every writer puts the step after the time. Where one does not, the step moves: the order of fields means nothing.
        if number != field::EVENT_TIME && !std::mem::replace(&mut placed, true) {
            push_step(&mut event, step);
        }
        match number {
            field::EVENT_STEP => {}
            field::EVENT_SUMMARY if !all => {
                let summary = chosen(value.bytes()?, &mut steps, step)?;
                event.extend_from_slice(&delimited(field::EVENT_SUMMARY_KEY, &summary));
            }
            _ => event.extend_from_slice(raw),
        }
    }
    Ok(event)
}

/// The summary with those of its values alone that go to a step; `steps` are those of its values and of later ones.
fn chosen<'a>(
    summary: &[u8],
    steps: &mut impl Iterator<Item = &'a Option<i64>>,
    step: i64,
) -> Result<Vec<u8>, MalformedMessage> {
    let mut kept = Vec::with_capacity(summary.len());
    let mut fields = MessageFields::of(summary);
    loop {
        let before = fields.rest();
        let Some((number, _)) = fields.next()? else { break };
        let raw = &before[..before.len() - fields.rest().len()];
        if number != field::SUMMARY_VALUE || steps.next() == Some(&Some(step)) {
            kept.extend_from_slice(raw);
        }
    }
    Ok(kept)
}
