//! From the payload of a frame, an `Event`, straight into columns.

use super::hparams;
use super::tags::{Plugin, Tags};
use super::tensor::{self, Tensor};
use crate::shared::config::Setting;
use crate::shared::proto::{FieldValue, MalformedMessage, MessageFields, varint};
use crate::shared::record_builder::RecordBuilder;

/// The numbers of the fields that are read.
pub(super) mod field {
    pub(in super::super) const EVENT_WALL_TIME: u64 = 1;
    pub(in super::super) const EVENT_STEP: u64 = 2;
    pub(in super::super) const EVENT_SUMMARY: u64 = 5;
    pub(in super::super) const EVENT_SESSION_LOG: u64 = 7;
    pub(in super::super) const SESSION_LOG_STATUS: u64 = 1;
    pub(in super::super) const SUMMARY_VALUE: u64 = 1;
    pub(in super::super) const VALUE_TAG: u64 = 1;
    pub(in super::super) const VALUE_SIMPLE: u64 = 2;
    pub(in super::super) const VALUE_HISTOGRAM_OLD: u64 = 3;
    pub(in super::super) const VALUE_AUDIO: u64 = 6;
    pub(in super::super) const VALUE_TENSOR: u64 = 8;
    pub(in super::super) const VALUE_METADATA: u64 = 9;
    pub(in super::super) const METADATA_PLUGIN_DATA: u64 = 1;
    pub(in super::super) const METADATA_DATA_CLASS: u64 = 4;
    pub(in super::super) const PLUGIN_DATA_NAME: u64 = 1;
    pub(in super::super) const PLUGIN_DATA_CONTENT: u64 = 2;
    /// Of the messages of the plugin for hyperparameters.
    pub(in super::super) const HPARAMS_SESSION_START: u64 = 3;
    pub(in super::super) const SESSION_HPARAMS: u64 = 1;
    pub(in super::super) const ENTRY_KEY: u64 = 1;
    pub(in super::super) const ENTRY_VALUE: u64 = 2;
    pub(in super::super) const VALUE_NUMBER: u64 = 2;
    pub(in super::super) const VALUE_STRING: u64 = 3;
}

/// `SessionLog.START`.
const STATUS_START: u64 = 1;
/// `DataClass.DATA_CLASS_SCALAR`.
const CLASS_SCALAR: u64 = 1;

/// The scalars of a part of a file, as columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventColumns {
    pub(crate) tags: Tags,
    pub(crate) records: RecordBuilder,
    /// Values that are not scalars: images, histograms, texts, ...
    pub(crate) others: u64,
    /// Where a session says that it starts: the number of scalars before it, and its step.
    pub(crate) starts: Vec<(u64, i64)>,
    /// The values that are not scalars, if they are wanted.
    pub(crate) kept: Option<Vec<OtherValue>>,
    /// The hyperparameters that are whole numbers.
    pub(crate) settings: Vec<Setting>,
}

/// A value that is not a scalar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OtherValue {
    pub(crate) tag: u32,
    pub(crate) step: i64,
    pub(crate) wall_time: f64,
    /// How many scalars come before it.
    pub(crate) before: u64,
}

/// What an event held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventVerdict {
    Sound,
    /// A value whose tag says that it is a scalar is not a number.
    NotANumber,
}

/// An event of one float, in the one way in which every writer puts it: time, step, a summary of one value of a tag and a
/// float. Nearly all events of nearly all files are these, and are read five times as fast when they are looked for first.
struct Plain<'a> {
    wall_time: f64,
    step: i64,
    /// What is between step and float; see [`Tags::number_of_label`].
    label: &'a [u8],
    value: f32,
}

impl<'a> Plain<'a> {
    /// `None` where anything else is there: it may still be an event.
    #[inline]
    fn of(payload: &'a [u8]) -> Option<Self> {
        let (&[0x09, time @ ..], mut rest) = payload.split_first_chunk::<9>()? else {
            return None;
        };
        let mut step = 0;
        if let [0x10, behind @ ..] = rest {
            rest = behind;
            step = varint(&mut rest).ok()?.cast_signed();
        }
        let (label, number) = rest.split_last_chunk::<4>()?;
        Some(Self { wall_time: f64::from_le_bytes(time), step, label, value: f32::from_le_bytes(*number) })
    }
}

/// What a summary's value holds; the last one counts where there are several.
enum Content<'a> {
    Nothing,
    Simple(f32),
    Tensor(&'a [u8]),
    Other,
}

impl EventColumns {
    /// Columns for a part of a file before which `known` was learned. `keeps` says whether other values are wanted.
    pub(crate) fn knowing(known: Tags, keeps: bool) -> Self {
        Self { tags: known, kept: keeps.then(Vec::new), ..Self::default() }
    }

    /// Appends the scalars of one event; of an event that is malformed, none.
    #[expect(clippy::inline_always, reason = "a call for each of millions of records")]
    #[inline(always)]
    pub(crate) fn event(&mut self, payload: &[u8]) -> Result<EventVerdict, MalformedMessage> {
        if let Some(plain) = Plain::of(payload)
            && let Some(tag) = self.tags.number_of_label(plain.label)
        {
            self.records.push_timed(tag, plain.step, plain.wall_time, f64::from(plain.value));
            return Ok(EventVerdict::Sound);
        }
        self.any_event(payload)
    }

    /// Any event, field by field. Not inlined: the loop over those that are plain stays short.
    #[inline(never)]
    fn any_event(&mut self, payload: &[u8]) -> Result<EventVerdict, MalformedMessage> {
        let before = (self.records.len(), self.others, self.kept.as_ref().map_or(0, Vec::len), self.settings.len());
        let verdict = self.fields(payload);
        if verdict.is_err() {
            self.records.truncate(before.0);
            self.others = before.1;
            self.kept.iter_mut().for_each(|kept| kept.truncate(before.2));
            self.settings.truncate(before.3);
        }
        verdict
    }

    fn fields(&mut self, payload: &[u8]) -> Result<EventVerdict, MalformedMessage> {
        let (mut wall_time, mut step) = (f64::NAN, 0);
        let (mut summary, mut several, mut session) = (None, false, None);
        let mut fields = MessageFields::of(payload);
        while let Some((number, value)) = fields.next()? {
            match number {
                field::EVENT_WALL_TIME => wall_time = value.double()?,
                field::EVENT_STEP => step = value.varint()?.cast_signed(),
                field::EVENT_SUMMARY => {
                    several |= summary.is_some();
                    summary = summary.or(Some(value.bytes()?));
                }
                field::EVENT_SESSION_LOG => session = Some(value.bytes()?),
                _ => {}
            }
        }
        let mut verdict = EventVerdict::Sound;
        if let Some(summary) = summary {
            verdict = self.summary(summary, step, wall_time)?;
        }
        if several {
            verdict = self.further_summaries(payload, step, wall_time, verdict)?;
        }
        if let Some(session) = session {
            self.session(session, step)?;
        }
        Ok(verdict)
    }

    /// The summaries of an event after its first: protobuf lets a writer split a message in two.
    #[cold]
    fn further_summaries(
        &mut self,
        payload: &[u8],
        step: i64,
        wall_time: f64,
        mut verdict: EventVerdict,
    ) -> Result<EventVerdict, MalformedMessage> {
        let mut fields = MessageFields::of(payload);
        let mut first = true;
        while let Some((number, value)) = fields.next()? {
            if number == field::EVENT_SUMMARY && !std::mem::take(&mut first) {
                verdict = worse(verdict, self.summary(value.bytes()?, step, wall_time)?);
            }
        }
        Ok(verdict)
    }

    fn summary(&mut self, summary: &[u8], step: i64, wall_time: f64) -> Result<EventVerdict, MalformedMessage> {
        let mut verdict = EventVerdict::Sound;
        let mut fields = MessageFields::of(summary);
        while let Some((number, value)) = fields.next()? {
            if number == field::SUMMARY_VALUE {
                verdict = worse(verdict, self.value(value.bytes()?, step, wall_time)?);
            }
        }
        Ok(verdict)
    }

    fn value(&mut self, message: &[u8], step: i64, wall_time: f64) -> Result<EventVerdict, MalformedMessage> {
        let (mut name, mut metadata, mut content) = (&[][..], None, Content::Nothing);
        let mut fields = MessageFields::of(message);
        while let Some((number, value)) = fields.next()? {
            match number {
                field::VALUE_TAG => name = value.bytes()?,
                field::VALUE_SIMPLE => content = Content::Simple(value.float()?),
                field::VALUE_TENSOR => content = Content::Tensor(value.bytes()?),
                field::VALUE_METADATA => metadata = Some(value.bytes()?),
                field::VALUE_HISTOGRAM_OLD..=field::VALUE_AUDIO => content = Content::Other,
                _ => {}
            }
        }
        if let Some(metadata) = metadata.filter(|_| name == hparams::SESSION_START) {
            // What is not as the plugin has it says nothing.
            let _ = hparams::take(metadata, &mut self.settings);
        }
        let number = match content {
            Content::Simple(number) => f64::from(number),
            Content::Tensor(message) => match self.tensor(name, message, metadata)? {
                Ok(number) => number,
                Err(EventVerdict::NotANumber) if self.kept.is_none() => return Ok(EventVerdict::NotANumber),
                Err(_) => return Ok(self.other(name, step, wall_time)),
            },
            Content::Other | Content::Nothing => return Ok(self.other(name, step, wall_time)),
        };
        let tag = self.tags.number(name);
        self.records.push_timed(tag, step, wall_time, number);
        Ok(EventVerdict::Sound)
    }

    /// Counts a value that is not a scalar, and keeps it if it is wanted.
    fn other(&mut self, name: &[u8], step: i64, wall_time: f64) -> EventVerdict {
        self.others += 1;
        if let Some(kept) = &mut self.kept {
            let (tag, before) = (self.tags.number(name), self.records.len() as u64);
            kept.push(OtherValue { tag, step, wall_time, before });
        }
        EventVerdict::Sound
    }

    /// The number in a tensor, if its tag holds scalars.
    fn tensor(
        &mut self,
        name: &[u8],
        message: &[u8],
        metadata: Option<&[u8]>,
    ) -> Result<Result<f64, EventVerdict>, MalformedMessage> {
        let tag = self.tags.number(name);
        if let Some(plugin) = metadata.map(plugin_of).transpose()? {
            self.tags.declare(tag, plugin);
        }
        let tensor = tensor::read(message);
        let alone = matches!(tensor, Ok(Tensor::Number { rank: 0, .. }));
        if !self.tags.takes(tag, alone) {
            return Ok(Err(EventVerdict::Sound));
        }
        match tensor? {
            Tensor::Number { value, .. } => Ok(Ok(value)),
            Tensor::Other => Ok(Err(EventVerdict::NotANumber)),
        }
    }

    #[cold]
    fn session(&mut self, message: &[u8], step: i64) -> Result<(), MalformedMessage> {
        let mut fields = MessageFields::of(message);
        while let Some((number, value)) = fields.next()? {
            if number == field::SESSION_LOG_STATUS && value == FieldValue::Varint(STATUS_START) {
                self.starts.push((self.records.len() as u64, step));
            }
        }
        Ok(())
    }
}

fn worse(one: EventVerdict, other: EventVerdict) -> EventVerdict {
    if one == EventVerdict::Sound { other } else { one }
}

/// What a `SummaryMetadata` says about its tag.
fn plugin_of(metadata: &[u8]) -> Result<Plugin, MalformedMessage> {
    let (mut name, mut class) = (&[][..], 0);
    let mut fields = MessageFields::of(metadata);
    while let Some((number, value)) = fields.next()? {
        match number {
            field::METADATA_DATA_CLASS => class = value.varint()?,
            field::METADATA_PLUGIN_DATA => {
                let mut plugin = MessageFields::of(value.bytes()?);
                while let Some((number, value)) = plugin.next()? {
                    if number == field::PLUGIN_DATA_NAME {
                        name = value.bytes()?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(match (name, class) {
        (b"scalars", _) | (_, CLASS_SCALAR) => Plugin::Scalars,
        (b"", 0) => Plugin::Unsaid,
        _ => Plugin::Other,
    })
}
