//! The hyperparameters of a run: the event with which the writers of `TensorBoard`'s plugin for them begin a session.

use super::event::field;
use crate::shared::config::{MOST, Setting, whole};
use crate::shared::proto::{MalformedMessage, MessageFields};

/// The tag of that event.
pub(super) const SESSION_START: &[u8] = b"_hparams_/session_start_info";

/// So many are kept of a file.
const MOST_SETTINGS: usize = 1 << 10;

/// Adds the hyperparameters that are whole numbers to those of the file. `metadata` is that of the event's value.
pub(super) fn take(metadata: &[u8], into: &mut Vec<Setting>) -> Result<(), MalformedMessage> {
    // Metadata hold the plugin's data, those its content, and this the start of a session.
    let path = [field::METADATA_PLUGIN_DATA, field::PLUGIN_DATA_CONTENT, field::HPARAMS_SESSION_START];
    let mut start = metadata;
    for wanted in path {
        match nested(start, wanted)? {
            Some(inside) => start = inside,
            None => return Ok(()),
        }
    }
    let mut fields = MessageFields::of(start);
    while let Some((number, entry)) = fields.next()? {
        if number == field::SESSION_HPARAMS
            && into.len() < MOST_SETTINGS
            && let Some(setting) = setting(entry.bytes()?)?
        {
            into.push(setting);
        }
    }
    Ok(())
}

/// The last message in a field of another one.
fn nested(message: &[u8], wanted: u64) -> Result<Option<&[u8]>, MalformedMessage> {
    let mut found = None;
    let mut fields = MessageFields::of(message);
    while let Some((number, value)) = fields.next()? {
        if number == wanted {
            found = Some(value.bytes()?);
        }
    }
    Ok(found)
}

/// A name with its value, if that is a whole number, or the text of one.
fn setting(entry: &[u8]) -> Result<Option<Setting>, MalformedMessage> {
    let (mut name, mut number) = (&[][..], None);
    let mut fields = MessageFields::of(entry);
    while let Some((field, value)) = fields.next()? {
        match field {
            field::ENTRY_KEY => name = value.bytes()?,
            field::ENTRY_VALUE => {
                let mut kinds = MessageFields::of(value.bytes()?);
                while let Some((kind, value)) = kinds.next()? {
                    match kind {
                        field::VALUE_NUMBER => number = whole_float(value.double()?),
                        field::VALUE_STRING => number = std::str::from_utf8(value.bytes()?).ok().and_then(whole),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(number.map(|number| (String::from_utf8_lossy(name).into_owned(), number)))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "it is checked"
)]
fn whole_float(number: f64) -> Option<u64> {
    (number.fract() == 0.0 && (0.0..MOST as f64).contains(&number)).then_some(number as u64)
}
