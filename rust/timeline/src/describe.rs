//! A timeline as one line of text.

use std::fmt::{self, Write};

use crate::segment::{Entry, Segment};
use crate::timeline::Timeline;
use crate::unit::OnCut;

/// Segments that are shown; the others are only counted.
const SHOWN: usize = 4;

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let segments = self.segments();
        if segments.is_empty() {
            return f.write_str("no epochs");
        }
        for (index, segment) in segments.iter().take(SHOWN).enumerate() {
            if index > 0 {
                f.write_str(if segment.joins { " + " } else { ", then " })?;
            }
            write!(f, "{segment}")?;
        }
        if segments.len() > SHOWN {
            write!(f, ", then {} more segments", grouped((segments.len() - SHOWN) as u64))?;
        }
        let totals = [(self.batches(), "batches"), (self.steps(), "steps"), (self.samples(), "samples")];
        let totals: Vec<_> =
            totals.iter().filter_map(|(total, name)| total.map(|total| format!("{} {name}", grouped(total)))).collect();
        if totals.is_empty() { Ok(()) } else { write!(f, " = {}", totals.join(", ")) }
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.joins, self.epochs) {
            (true, _) => {}
            (false, Some(1)) => f.write_str("1 epoch of ")?,
            (false, Some(epochs)) => write!(f, "{} epochs of ", grouped(epochs))?,
            (false, None) => f.write_str("epochs of ")?,
        }
        match self.batches {
            Some(1) => f.write_str("1 batch")?,
            Some(batches) => write!(f, "{} batches", grouped(batches))?,
            None => f.write_str("unknown length")?,
        }
        let mut notes = String::new();
        if let Some(samples) = self.samples {
            let _ = write!(notes, ", {} samples", grouped(samples));
        }
        if let Some(size) = self.batch_size {
            let _ = write!(notes, "{} batches of {}", if self.samples.is_some() { " in" } else { "," }, grouped(size));
            if let Some(last) = self.last_batch_size.filter(|last| *last != size) {
                let _ = write!(notes, ", the last {}", grouped(last));
            }
        }
        if self.drop_last {
            notes.push_str(", drop_last");
        }
        if self.accumulate > 1 {
            let _ = write!(notes, ", accumulate {} ({})", grouped(self.accumulate), self.boundary.name());
            if self.on_cut != OnCut::Carry {
                let _ = write!(notes, ", on a cut {}", self.on_cut.name());
            }
        }
        match self.entry {
            Entry::Continue => {}
            Entry::Flush => notes.push_str(", the open window flushed"),
            Entry::Drop => notes.push_str(", the open window dropped"),
            Entry::Phase(phase) => {
                let _ = write!(notes, ", the open window at {phase}");
            }
        }
        if self.cut {
            notes.push_str(", the last one cut");
        }
        if self.epochs.is_none() {
            notes.push_str(", open-ended");
        }
        if notes.is_empty() { Ok(()) } else { write!(f, " ({})", &notes[2..]) }
    }
}

/// `12345` as `12,345`.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
