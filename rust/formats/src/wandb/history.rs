//! From a record into columns: what a call of `wandb.log` wrote.
//!
//! A `Record` holds one of many sorts of things; those of `history` hold items, each a key (or the parts of a nested one)
//! with a value as JSON. The keys that begin with an underscore are the library's own.

use std::mem;

use crate::shared::axes::{AxisDefinition, AxisTable, LoggedRow};
use crate::shared::logged_values::{LoggedValues, NESTED, special};
use crate::shared::proto::{FieldValue, MalformedMessage, MessageFields};
use stepbridge_io::json::JsonCursor;
use stepbridge_records::{Decimal, TagTable, TaggedBatch, TooManyTags};

/// The numbers of the fields that are read.
mod field {
    pub(super) const RECORD_HISTORY: u64 = 2;
    pub(super) const RECORD_CONFIG: u64 = 5;
    pub(super) const RECORD_METRIC: u64 = 12;
    pub(super) const RECORD_RUN: u64 = 17;
    pub(super) const RUN_CONFIG: u64 = 4;
    pub(super) const CONFIG_UPDATE: u64 = 1;
    pub(super) const METRIC_NAME: u64 = 1;
    pub(super) const METRIC_GLOB_NAME: u64 = 2;
    pub(super) const METRIC_STEP_METRIC: u64 = 4;
    pub(super) const METRIC_OPTIONS: u64 = 6;
    pub(super) const OPTIONS_STEP_SYNC: u64 = 1;
    pub(super) const HISTORY_ITEM: u64 = 1;
    pub(super) const HISTORY_STEP: u64 = 2;
    pub(super) const STEP_NUMBER: u64 = 1;
    pub(super) const ITEM_KEY: u64 = 1;
    pub(super) const ITEM_NESTED_KEY: u64 = 2;
    pub(super) const ITEM_VALUE_JSON: u64 = 16;
}

/// What a record held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HistoryVerdict {
    Sound,
    /// Its step is not a whole number: its values have none.
    NoStep,
    /// An item's value is not JSON; the others were taken.
    Value,
}

/// The values of a part of a file, as columns.
#[derive(Debug, Default)]
pub(super) struct HistoryRows {
    names: TagTable,
    tag: Vec<u32>,
    value: Vec<f64>,
    rows: Vec<LoggedRow>,
    /// What the file says of the axes of its series.
    pub(super) axes: Vec<AxisDefinition>,
    /// The configuration of the run: keys, joined with points, and their values as JSON.
    pub(super) config: Vec<(String, String)>,
    /// Values that are not numbers: media, texts, lists.
    pub(super) others: u64,
    row: HistoryRow,
}

/// One call's values, before its step is known.
#[derive(Debug, Default)]
struct HistoryRow {
    values: LoggedValues,
    step: Option<i64>,
    wall_time: Option<f64>,
    verdict: Option<HistoryVerdict>,
    /// A nested key, joined.
    joined: Vec<u8>,
}

impl HistoryRows {
    /// Appends what one record holds; of one that is malformed, nothing.
    pub(super) fn record(&mut self, payload: &[u8]) -> Result<HistoryVerdict, MalformedMessage> {
        let mut fields = MessageFields::of(payload);
        let mut verdict = HistoryVerdict::Sound;
        while let Some((number, value)) = fields.next()? {
            match number {
                field::RECORD_HISTORY => verdict = self.history(value.bytes()?)?,
                field::RECORD_METRIC => self.axes.extend(metric(value.bytes()?)?),
                field::RECORD_CONFIG => config(value.bytes()?, &mut self.config)?,
                field::RECORD_RUN => run_config(value.bytes()?, &mut self.config)?,
                _ => {}
            }
        }
        Ok(verdict)
    }

    fn history(&mut self, history: &[u8]) -> Result<HistoryVerdict, MalformedMessage> {
        let row = &mut self.row;
        row.values.clear();
        (row.step, row.wall_time, row.verdict) = (None, None, None);
        let mut beside = None;
        let mut fields = MessageFields::of(history);
        while let Some((number, value)) = fields.next()? {
            match number {
                field::HISTORY_ITEM => row.item(value.bytes()?, &mut self.names)?,
                field::HISTORY_STEP => beside = Some(step(value.bytes()?)?),
                _ => {}
            }
        }
        let stated = row.step.or(beside);
        let wall_time = row.wall_time.unwrap_or(f64::NAN);
        self.tag.extend(row.values.numbers.iter().map(|(tag, _)| tag));
        self.value.extend(row.values.numbers.iter().map(|(_, value)| value));
        self.rows.push(LoggedRow { upto: self.value.len(), step: stated, wall_time });
        self.others += row.values.others;
        Ok(row.verdict.unwrap_or(HistoryVerdict::Sound))
    }

    /// The values as batches of the file. `axes` knows what was said before.
    pub(super) fn into_batches(self, axes: &mut AxisTable) -> Result<Vec<TaggedBatch>, TooManyTags> {
        self.axes.into_iter().for_each(|definition| axes.define(definition));
        let batches = axes.place(&self.names, (self.tag, self.value), &self.rows, super::READER.format());
        let names = self.names.into_names()?;
        Ok(batches.into_iter().map(|columns| TaggedBatch::new(names.clone(), columns)).collect())
    }
}

/// What a `MetricRecord` says of the axis of a series; `None` if it names no series.
fn metric(message: &[u8]) -> Result<Option<AxisDefinition>, MalformedMessage> {
    let text = |value: FieldValue| Ok(String::from_utf8_lossy(value.bytes()?).into_owned());
    let (mut series, mut axis, mut carried) = (String::new(), None, false);
    let mut fields = MessageFields::of(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            field::METRIC_NAME | field::METRIC_GLOB_NAME => series = text(value)?,
            field::METRIC_STEP_METRIC => axis = Some(text(value)?).filter(|axis| !axis.is_empty() && axis != "_step"),
            field::METRIC_OPTIONS => {
                let mut options = MessageFields::of(value.bytes()?);
                while let Some((number, value)) = options.next()? {
                    carried |= number == field::OPTIONS_STEP_SYNC && value == FieldValue::Varint(1);
                }
            }
            _ => {}
        }
    }
    Ok((!series.is_empty()).then_some(AxisDefinition { series, axis, carried }))
}

/// The configuration that a `RunRecord` holds.
fn run_config(message: &[u8], into: &mut Vec<(String, String)>) -> Result<(), MalformedMessage> {
    let mut fields = MessageFields::of(message);
    while let Some((number, value)) = fields.next()? {
        if number == field::RUN_CONFIG {
            config(value.bytes()?, into)?;
        }
    }
    Ok(())
}

/// The items of a `ConfigRecord`. The library's own have an underscore.
fn config(message: &[u8], into: &mut Vec<(String, String)>) -> Result<(), MalformedMessage> {
    let mut fields = MessageFields::of(message);
    while let Some((number, value)) = fields.next()? {
        if number != field::CONFIG_UPDATE {
            continue;
        }
        let (mut key, mut nested, mut json) = (String::new(), Vec::new(), String::new());
        let mut item = MessageFields::of(value.bytes()?);
        while let Some((number, value)) = item.next()? {
            let text = |value: FieldValue| Ok(String::from_utf8_lossy(value.bytes()?).into_owned());
            match number {
                field::ITEM_KEY => key = text(value)?,
                field::ITEM_NESTED_KEY => nested.push(text(value)?),
                field::ITEM_VALUE_JSON => json = text(value)?,
                _ => {}
            }
        }
        let name = if nested.is_empty() { key } else { nested.join(".") };
        if !name.starts_with('_') && into.len() < MOST_CONFIG {
            into.retain(|(known, _)| *known != name);
            into.push((name, json));
        }
    }
    Ok(())
}

/// The number of a `HistoryStep`; protobuf leaves a zero away.
fn step(message: &[u8]) -> Result<i64, MalformedMessage> {
    let (mut step, mut fields) = (0, MessageFields::of(message));
    while let Some((number, value)) = fields.next()? {
        if number == field::STEP_NUMBER {
            step = value.varint()?.cast_signed();
        }
    }
    Ok(step)
}

impl HistoryRow {
    fn item(&mut self, item: &[u8], names: &mut TagTable) -> Result<(), MalformedMessage> {
        let (mut key, mut json) = (None, &b""[..]);
        let mut nested = mem::take(&mut self.joined);
        nested.clear();
        let mut parts = 0;
        let mut fields = MessageFields::of(item);
        while let Some((number, value)) = fields.next()? {
            match (number, value) {
                (field::ITEM_KEY, FieldValue::Bytes(bytes)) => key = Some(bytes),
                (field::ITEM_NESTED_KEY, FieldValue::Bytes(bytes)) => {
                    if parts > 0 {
                        nested.push(b'.');
                    }
                    parts += 1;
                    nested.extend_from_slice(bytes);
                }
                (field::ITEM_VALUE_JSON, FieldValue::Bytes(bytes)) => json = bytes,
                (field::ITEM_KEY | field::ITEM_NESTED_KEY | field::ITEM_VALUE_JSON, _) => return Err(MalformedMessage),
                _ => {}
            }
        }
        // Of a key that is written both ways the nested one says more.
        let name = if parts > 0 { &nested[..] } else { key.unwrap_or_default() };
        self.value(name, json.trim_ascii(), names);
        self.joined = nested;
        Ok(())
    }

    #[inline]
    fn value(&mut self, name: &[u8], json: &[u8], names: &mut TagTable) {
        match name {
            b"_step" => {
                self.step = text(json).and_then(Decimal::parse).and_then(Decimal::whole);
                if self.step.is_none() {
                    self.verdict = Some(HistoryVerdict::NoStep);
                }
            }
            b"_timestamp" => self.wall_time = number(json),
            _ => match number(json) {
                Some(value) => self.values.numbers.push((names.number(name), value)),
                None => self.other(name, json, names),
            },
        }
    }

    /// Anything but a plain number.
    fn other(&mut self, name: &[u8], json: &[u8], names: &mut TagTable) {
        match json.first() {
            Some(b'{') => {
                let mut name = name.to_vec();
                let mut cursor = JsonCursor::new(json, 0);
                let before = self.values.numbers.len();
                if self.values.object(&mut name, &mut cursor, json, names, NESTED).is_err() {
                    self.values.numbers.truncate(before);
                    self.verdict = Some(HistoryVerdict::Value);
                }
            }
            Some(b'"') => match special(json) {
                Some(value) => self.values.numbers.push((names.number(name), value)),
                None => self.values.others += 1,
            },
            Some(b'[' | b't' | b'f') => self.values.others += 1,
            Some(b'n') => {}
            _ => self.verdict = Some(HistoryVerdict::Value),
        }
    }
}

/// How many keys of a configuration are kept.
const MOST_CONFIG: usize = 1000;

fn text(json: &[u8]) -> Option<&str> {
    std::str::from_utf8(json).ok()
}

/// A number, as Python's `json` writes it.
#[inline]
fn number(json: &[u8]) -> Option<f64> {
    match json {
        b"NaN" => Some(f64::NAN),
        [b'0'..=b'9' | b'-', ..] | b"Infinity" => text(json)?.parse().ok(),
        _ => None,
    }
}
