//! The form of a line of training: its counters and what is between them.

use std::ops::Range;

use crate::text::counter_words::{Counter, counters, is_judged};
use crate::text::free_pairs;
use crate::text::pairs::PairValue;

/// The form of a line.
#[expect(clippy::struct_excessive_bools, reason = "each says one thing of the line")]
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template {
    /// The line as a pattern: `Epoch {epoch}/{epochs} | Batch {iter}/{iters} |{*}`.
    pub(super) pattern: String,
    /// The word of an evaluation before the first counter.
    pub(super) phase: &'static str,
    pub(super) counters: Vec<Counter>,
    /// How many numbers with names there are.
    pub(super) values: usize,
    /// Whether some of them come before the last counter.
    pub(super) scattered: bool,
    /// Whether something like `20/391` or a bar comes after, so that it is no summary.
    pub(super) partial: bool,
    /// The first name after them of what training is judged by.
    pub(super) judged: Option<Vec<u8>>,
    /// Whether a number with such a name may be a measurement: it has a fraction, or is a share or a reward.
    pub(super) measured: bool,
    /// Whether all that comes after the counters is how long something took.
    pub(super) timed: bool,
}

/// A line whose first counter comes later is prose.
const NEAR: usize = 120;

/// Counters of a line.
const MOST: usize = 3;

/// The form of a line; `None` if it has no counter.
pub(super) fn of(line: &[u8]) -> Option<Template> {
    let mut counters = counters(line);
    counters.truncate(MOST);
    if counters.first().is_none_or(|counter| counter.word.start > NEAR) {
        return None;
    }
    let mut names = Vec::new();
    let mut doubled = false;
    counters.retain(|counter| {
        let first = !names.contains(&counter.slot);
        // `PPO Epoch: 1` and `best epoch 3` are values, where the line has an epoch.
        doubled |= !first && !has_word_before(line, counter);
        names.push(counter.slot);
        first
    });
    if doubled {
        return None;
    }
    let first = counters.first()?;
    // The word directly before belongs to it: `Train Epoch`, `Validation step`.
    let before = line[..first.word.start].trim_ascii_end();
    let letters = before.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let near = first.word.start - before.len() <= 1;
    let (phase, phase_at) = phase(&line[..first.word.start]);
    let begin = if !phase.is_empty() {
        phase_at
    } else if letters > 0 && near {
        before.len() - letters
    } else {
        first.word.start
    };
    let mut found = Measurements::default();
    if let Some(key_at) = found.take(line, 0..begin)
        && !crate::text::shapes::is_prefix(unquoted(&line[..key_at]))
    {
        return None;
    }
    let mut pattern = String::new();
    let mut at = begin;
    for counter in &counters {
        let gap = &line[at..counter.word.start];
        if at > begin {
            found.take(line, at..counter.word.start);
        }
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
    let before = found.judged.is_some();
    let mut after = Measurements { judged: found.judged, measured: found.measured, ..Measurements::default() };
    after.take(line, line.len() - rest.len()..line.len());
    if after.values > 0 {
        if marks.is_empty() {
            return None;
        }
        push_literal(&mut pattern, marks);
        pattern.push_str("{*}");
    } else if !rest.is_empty() {
        // Prose after a counter.
        pattern.push_str("{_}");
    }
    let Measurements { values, judged, measured } = after;
    let values = if before { values + found.values } else { values };
    let (partial, timed) = (is_partial(rest), is_time(rest));
    Some(Template { pattern, phase, counters, values, scattered: before, partial, judged, measured, timed })
}

/// Whether a counter is called by two words: `PPO Epoch`.
fn has_word_before(line: &[u8], counter: &Counter) -> bool {
    let before = &line[..counter.word.start];
    before.ends_with(b" ") && before.trim_ascii_end().last().is_some_and(u8::is_ascii_alphabetic)
}

/// Whether a text says how long something took, and nothing else: `in 3.21 sec`, `| Epoch Time: 0m 21s`.
fn is_time(text: &[u8]) -> bool {
    const WORDS: [&[u8]; 19] = [
        b"epoch",
        b"train",
        b"training",
        b"time",
        b"elapsed",
        b"in",
        b"took",
        b"h",
        b"hours",
        b"m",
        b"min",
        b"mins",
        b"minutes",
        b"s",
        b"sec",
        b"secs",
        b"seconds",
        b"ms",
        b"and",
    ];
    let mut words = text.split(|byte| !byte.is_ascii_alphabetic()).filter(|word| !word.is_empty()).peekable();
    text.iter().any(u8::is_ascii_digit)
        && words.peek().is_some()
        && words.all(|word| WORDS.iter().any(|known| known.eq_ignore_ascii_case(word)))
}

/// The numbers with names in parts of a line.
#[derive(Default)]
struct Measurements {
    values: usize,
    /// The first name of what training is judged by.
    judged: Option<Vec<u8>>,
    measured: bool,
}

impl Measurements {
    /// Takes a part of a line. Returns where the first name in it is of what training is judged by.
    fn take(&mut self, line: &[u8], part: Range<usize>) -> Option<usize> {
        let mut first = None;
        free_pairs::each(&line[part], |pair| {
            if let PairValue::Number(number) = pair.value {
                self.values += 1;
                if is_judged(pair.key) {
                    self.measured |= is_measured(pair.key, number.to_f64(), pair.printed);
                    self.judged = self.judged.take().or_else(|| Some(pair.key.to_vec()));
                    first = first.or(Some(free_pairs::name(pair.key).as_ptr() as usize - line.as_ptr() as usize));
                }
            }
        });
        first
    }
}

fn unquoted(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"'").or_else(|| text.strip_suffix(b"\"")).unwrap_or(text)
}

/// The form of a line under a heading, which begins with a name of what training is judged by: `train loss: {train loss} {*}`.
pub(super) fn under_heading(line: &[u8]) -> Option<Template> {
    let mut first = None;
    let mut values = 0;
    free_pairs::each(line, |pair| {
        if let PairValue::Number(number) = pair.value {
            values += 1;
            first = first.or(Some((free_pairs::name(pair.key), pair.printed, number)));
        }
    });
    let (key, printed, number) = first.filter(|(key, ..)| is_judged(key))?;
    let offset = |part: &[u8]| part.as_ptr() as usize - line.as_ptr() as usize;
    let (key_at, value_at) = (offset(key), offset(printed));
    if key_at > NEAR || !crate::text::shapes::is_prefix(&line[..key_at]) {
        return None;
    }
    let name = String::from_utf8_lossy(key).replace([':', '{', '}', '*'], "-");
    let mut pattern = String::new();
    push_literal(&mut pattern, &line[key_at..value_at]);
    pattern.push('{');
    pattern.push_str(&name);
    pattern.push('}');
    let rest = &line[value_at + printed.len()..];
    let marks =
        rest.iter().take_while(|byte| !(byte.is_ascii_alphanumeric() || **byte >= 0x80 || **byte == b'-')).count();
    if values > 1 && marks > 0 {
        push_literal(&mut pattern, &rest[..marks]);
        pattern.push_str("{*}");
    }
    Some(Template {
        pattern,
        phase: "",
        counters: Vec::new(),
        values,
        scattered: false,
        partial: is_partial(line),
        judged: Some(key.to_vec()),
        measured: is_measured(key, number.to_f64(), printed),
        timed: false,
    })
}

/// Whether a number is printed as measurements are. Counts of lost files or precise hits have no fraction.
fn is_measured(key: &[u8], number: Option<f64>, printed: &[u8]) -> bool {
    let is_in_key = |word: &[u8]| key.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    let is_reward = is_in_key(b"reward") || is_in_key(b"return");
    is_reward
        || !number.is_some_and(f64::is_finite)
        || printed.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E' | b'%'))
}

impl Template {
    /// Whether it is a line that ends with its counter, or with how long that took.
    pub(super) fn is_heading(&self) -> bool {
        self.timed && !self.scattered || self.values == 0 && !self.pattern.ends_with("{_}")
    }
}

/// Whether a text has a share of something that it does not name (`20/391`), or a bar.
fn is_partial(text: &[u8]) -> bool {
    let mut words = text.split(|byte| matches!(byte, b' ' | b'\t' | b'[' | b']' | b'(' | b')'));
    let share = words.any(|word| {
        let mut parts = word.splitn(2, |byte| *byte == b'/');
        let digits =
            |part: Option<&[u8]>| part.is_some_and(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit));
        digits(parts.next()) && digits(parts.next())
    });
    share || [&b"%|"[..], b"it/s", b"s/it"].iter().any(|bar| memchr::memmem::find(text, bar).is_some())
}

/// The evaluation that a line is of, and where the word for it begins.
fn phase(before: &[u8]) -> (&'static str, usize) {
    let near = before.len().saturating_sub(24);
    let end = before.iter().rposition(u8::is_ascii_alphabetic).map_or(near, |last| last + 1).max(near);
    let begin = before[near..end].iter().rposition(|byte| !byte.is_ascii_alphabetic()).map_or(near, |at| near + at + 1);
    let phase = match &before[begin..end].to_ascii_lowercase()[..] {
        b"val" | b"valid" | b"validation" | b"validate" | b"validating" | b"dev" => "val/",
        b"test" | b"testing" => "test/",
        b"eval" | b"evaluation" | b"evaluate" | b"evaluating" => "eval/",
        _ => "",
    };
    (phase, begin)
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
