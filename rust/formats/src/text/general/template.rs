//! The form of a line of training: its counters and what is between them.

use super::words::{Counter, counters};
use crate::text::free_pairs;
use crate::text::pairs::PairValue;

/// The form of a line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template {
    /// The line as a pattern: `Epoch {epoch}/{epochs} | Batch {iter}/{iters} |{*}`.
    pub(super) pattern: String,
    /// The word of an evaluation before the first counter.
    pub(super) phase: &'static str,
    pub(super) counters: Vec<Counter>,
    /// How many numbers with names come after, and whether one of them is what training is judged by.
    pub(super) values: usize,
    pub(super) judged: bool,
}

/// A line whose first counter comes later is prose.
const NEAR: usize = 120;

/// Counters of a line.
const MOST: usize = 3;

/// The form of a line; `None` if it has no counter.
pub(super) fn of(line: &[u8]) -> Option<Template> {
    let mut counters = counters(line);
    counters.truncate(MOST);
    let first = counters.first().filter(|counter| counter.word.start <= NEAR)?;
    let mut names = Vec::new();
    for counter in &counters {
        if names.contains(&counter.slot) {
            return None;
        }
        names.push(counter.slot);
    }
    // The word directly before belongs to it: `Train Epoch`, `Validation step`.
    let before = line[..first.word.start].trim_ascii_end();
    let letters = before.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let name = &before[before.len() - letters..];
    let near = first.word.start - before.len() <= 1;
    let phase = phase(&line[..first.word.start]);
    let begin = if letters > 0 && near { before.len() - letters } else { first.word.start };
    let _ = name;
    let mut pattern = String::new();
    let mut at = begin;
    for counter in &counters {
        let gap = &line[at..counter.word.start];
        if at > begin && gap.iter().any(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80) {
            pattern.push_str("{_}");
        } else {
            push_literal(&mut pattern, gap);
        }
        push_literal(&mut pattern, &line[counter.word.start..counter.number.start]);
        pattern.push_str(counter.field());
        at = counter.number.end;
        if let Some(total) = &counter.total {
            push_literal(&mut pattern, &line[at..total.start]);
            pattern.push_str(counter.total_field());
            at = total.end;
        }
    }
    let rest = &line[at..];
    // Something has to be between the last number and the rest.
    let marks =
        rest.iter().take_while(|byte| !(byte.is_ascii_alphanumeric() || **byte >= 0x80 || **byte == b'-')).count();
    let (marks, rest) = rest.split_at(marks);
    let (mut values, mut judged) = (0, false);
    free_pairs::each(rest, |pair| {
        if let PairValue::Number(_) = pair.value {
            values += 1;
            judged |= super::words::is_judged(pair.key);
        }
    });
    if values > 0 {
        if marks.is_empty() {
            return None;
        }
        push_literal(&mut pattern, marks);
        pattern.push_str("{*}");
    } else if !rest.is_empty() {
        // Prose behind a counter.
        pattern.push_str("{_}");
    }
    Some(Template { pattern, phase, counters, values, judged })
}

/// Whether a heading: a line that ends with its counter.
impl Template {
    pub(super) fn is_heading(&self) -> bool {
        self.values == 0 && !self.pattern.ends_with("{_}")
    }
}

/// The evaluation that a line is of.
fn phase(before: &[u8]) -> &'static str {
    let before = &before[before.len().saturating_sub(24)..];
    let text = before.to_ascii_lowercase();
    let word = text.rsplit(|byte| !byte.is_ascii_alphabetic()).find(|word| !word.is_empty()).unwrap_or_default();
    match word {
        b"val" | b"valid" | b"validation" | b"validate" | b"dev" => "val/",
        b"test" | b"testing" => "test/",
        b"eval" | b"evaluation" => "eval/",
        _ => "",
    }
}

fn push_literal(pattern: &mut String, text: &[u8]) {
    for byte in text {
        match byte {
            b'{' => pattern.push_str("{{"),
            b'}' => pattern.push_str("}}"),
            b' ' | b'\t' if pattern.ends_with(' ') => {}
            b' ' | b'\t' => pattern.push(' '),
            byte if byte.is_ascii_graphic() => pattern.push(char::from(*byte)),
            _ => {}
        }
    }
}
