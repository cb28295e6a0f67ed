//! The serialised form: versioned JSON, read back into an equal timeline.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::marks::{Mark, Marks};
use crate::segment::Segment;
use crate::timeline::Timeline;
use crate::unit::{Boundary, OnCut};

/// Raised when an older version could misread what a newer one writes. What version 1 can say is written as version 1.
const VERSION: u32 = 2;

/// The version that a reader needs for these segments.
#[must_use]
pub fn segments_version(segments: &[Segment]) -> u32 {
    let new = |segment: &Segment| {
        segment.boundary == Boundary::Spill
            || segment.on_cut != OnCut::Carry
            || segment.stream.is_some()
            || segment.tokens_per_sample.is_some()
    };
    if segments.iter().any(new) { VERSION } else { 1 }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    version: u32,
    segments: Vec<Segment>,
    /// Tokens that were counted: pairs of batches and tokens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tokens: Vec<Mark>,
}

/// Is read first, so that a newer document is refused because of its version and not because of a new field.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

const FORMAT: &str = "stepbridge.timeline";

/// Writes segments as a timeline's JSON has them: a list of objects, on one line.
#[must_use]
pub fn segments_json(segments: &[Segment]) -> String {
    // Integers, booleans and strings always serialise.
    serde_json::to_string(segments).unwrap_or_default()
}

impl Timeline {
    /// Writes the timeline as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.json_with(self.marks().all())
    }

    /// The same, without the tokens that were counted.
    #[must_use]
    pub fn to_json_without_tokens(&self) -> String {
        self.json_with(&[])
    }

    fn json_with(&self, marks: &[Mark]) -> String {
        let document = Document {
            format: FORMAT.into(),
            version: if marks.is_empty() { segments_version(self.segments()) } else { VERSION },
            segments: self.segments().to_vec(),
            tokens: marks.to_vec(),
        };
        // Integers, booleans and strings always serialise.
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// Writes the tokens that were counted as one line of JSON. `None` if there are none.
    #[must_use]
    pub fn tokens_to_json(&self) -> Option<String> {
        let marks = self.marks().all();
        // Integers always serialise.
        (!marks.is_empty()).then(|| serde_json::to_string(marks).unwrap_or_default())
    }

    /// The same timeline with the counted tokens that [`Self::tokens_to_json`] wrote.
    pub fn with_tokens_json(self, text: &str) -> Result<Self, Error> {
        let unreadable = |error: &dyn std::fmt::Display| Error::Json(format!("these are not counted tokens: {error}"));
        let marks: Vec<Mark> = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
        Marks::new(marks).and_then(|marks| self.with_marks(&marks)).map_err(|error| unreadable(&error))
    }

    /// Reads what `to_json` wrote.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let unreadable = |error: serde_json::Error| Error::Json(format!("this is not a timeline's JSON: {error}"));
        let header: Header = serde_json::from_str(text).map_err(unreadable)?;
        if header.format != FORMAT {
            return Err(Error::Json(format!(
                "this is not a timeline's JSON: its format is {:?}, not {FORMAT:?}",
                header.format
            )));
        }
        if header.version > VERSION {
            return Err(Error::Json(format!(
                "this timeline was written by a newer stepbridge (version {} of the format, this one reads up to {VERSION}): upgrade stepbridge",
                header.version
            )));
        }
        let document: Document = serde_json::from_str(text).map_err(unreadable)?;
        let read =
            Marks::new(document.tokens).and_then(|marks| Self::from_segments(document.segments)?.with_marks(&marks));
        read.map_err(|error| match error {
            Error::Invalid(text) => Error::Json(format!("this is not a timeline's JSON: {text}")),
            other => other,
        })
    }
}
