//! The words that counters of training have, and those that its measurements have.

use std::ops::Range;

/// A counter in a line: a word with a number.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Counter {
    pub(super) word: Range<usize>,
    pub(super) number: Range<usize>,
    pub(super) value: i64,
    /// What comes after a slash.
    pub(super) total: Option<Range<usize>>,
    pub(super) total_value: Option<i64>,
    pub(super) slot: CounterSlot,
    /// Whether the word is one for a batch of data.
    pub(super) of_data: bool,
}

/// What a counter may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CounterSlot {
    Epoch,
    /// A batch, in its epoch or of the run.
    Batch,
    /// An update, of the run or in its epoch.
    Step,
}

impl Counter {
    pub(super) fn field(&self) -> &'static str {
        match self.slot {
            CounterSlot::Epoch => "{epoch:1}",
            CounterSlot::Batch => "{iter:1}",
            CounterSlot::Step => "{step:1}",
        }
    }

    pub(super) fn total_field(&self) -> &'static str {
        match self.slot {
            CounterSlot::Epoch => "{epochs}",
            CounterSlot::Batch => "{iters}",
            CounterSlot::Step => "{steps}",
        }
    }
}

const WORDS: [(&str, CounterSlot, bool); 13] = [
    ("epoch", CounterSlot::Epoch, false),
    ("ep", CounterSlot::Epoch, false),
    ("batch", CounterSlot::Batch, true),
    ("minibatch", CounterSlot::Batch, true),
    ("iter", CounterSlot::Batch, false),
    ("iters", CounterSlot::Batch, false),
    ("itr", CounterSlot::Batch, false),
    (MARKED, CounterSlot::Batch, false),
    ("iteration", CounterSlot::Batch, false),
    ("step", CounterSlot::Step, false),
    ("global_step", CounterSlot::Step, false),
    ("globalstep", CounterSlot::Step, false),
    ("update", CounterSlot::Step, false),
];

/// A word of English that counts only with a mark after it: `it: 20`.
const MARKED: &str = "it";

/// The counters of a line, from left to right.
pub(super) fn counters(line: &[u8]) -> Vec<Counter> {
    let mut all = Vec::new();
    let mut at = 0;
    while at < line.len() {
        let letters = line[at..].iter().take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'_').count();
        if letters == 0 {
            // A number is passed as a whole, so that `3epoch` is not a word.
            let digits = line[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            at += digits.max(1);
            continue;
        }
        let word = at..at + letters;
        at = word.end;
        // `3epoch` has no counter of its own, nor have the parameters of an address (`?step=3&epoch=1`).
        let before = word.start.checked_sub(1).map(|at| line[at]);
        if letters > 11 || before.is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'?' | b'&')) {
            continue;
        }
        let name = &line[word.clone()];
        let Some((_, slot, of_data)) = WORDS.iter().find(|(known, ..)| name.eq_ignore_ascii_case(known.as_bytes()))
        else {
            continue;
        };
        if let Some(counter) = counter(line, word, *slot, *of_data) {
            at = counter.total.as_ref().unwrap_or(&counter.number).end;
            all.push(counter);
        }
    }
    all
}

/// Whether a line has a counter.
pub(super) fn has_counter(text: &[u8]) -> bool {
    !counters(text).is_empty()
}

fn counter(line: &[u8], word: Range<usize>, slot: CounterSlot, of_data: bool) -> Option<Counter> {
    let rest = &line[word.end..];
    let mark = |byte: &&u8| matches!(byte, b' ' | b'\t' | b':' | b'=' | b'#' | b'[' | b'(' | b'\'' | b'"');
    let marks = rest.iter().take(12).take_while(mark).count();
    (marks > 0).then_some(())?;
    let blanks_alone = rest[..marks].iter().all(|byte| matches!(byte, b' ' | b'\t'));
    if blanks_alone && line[word.clone()].eq_ignore_ascii_case(MARKED.as_bytes()) {
        return None;
    }
    let digits = |at: usize| line[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let begin = word.end + marks;
    let length = digits(begin);
    (1..=15).contains(&length).then_some(())?;
    let number = begin..begin + length;
    let value = std::str::from_utf8(&line[number.clone()]).ok()?.parse().ok()?;
    let mut slash = number.end + line[number.end..].iter().take_while(|byte| **byte == b' ').count();
    let mut total = None;
    if line.get(slash) == Some(&b'/') {
        slash += 1;
        slash += line[slash..].iter().take_while(|byte| **byte == b' ').count();
        let length = digits(slash);
        (1..=15).contains(&length).then_some(())?;
        total = Some(slash..slash + length);
    }
    let end = total.as_ref().unwrap_or(&number).end;
    // `1.5`, `1,234`, `10:30`, `3x` and `2024-01` are other numbers.
    let digit = |at: usize| line.get(at).is_some_and(u8::is_ascii_digit);
    let other = match line.get(end) {
        Some(byte) if byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'%' | b'/') => true,
        Some(b'.' | b',' | b':' | b'-') => digit(end + 1),
        _ => false,
    };
    let total_value = total.clone().and_then(|total| std::str::from_utf8(&line[total]).ok()?.parse().ok());
    (!other).then_some(Counter { word, number, value, total, total_value, slot, of_data })
}

/// Words in the names of what training is judged by.
const JUDGED: [&str; 34] = [
    "acc",
    "top1",
    "top5",
    "lr",
    "ppl",
    "grad",
    "gnorm",
    "psnr",
    "ssim",
    "dice",
    "iou",
    "miou",
    "auc",
    "f1",
    "bleu",
    "wer",
    "cer",
    "mse",
    "mae",
    "rmse",
    "nll",
    "elbo",
    "entropy",
    "fid",
    "map",
    "return",
    "precision",
    "recall",
    "bce",
    "kl",
    "ce",
    "xent",
    "bpc",
    "bpb",
];

/// Parts of them.
const JUDGED_PARTS: [&str; 6] = ["loss", "accuracy", "perplexity", "reward", "learning rate", "learning_rate"];

/// Whether a name is of something that training is judged by.
pub(super) fn is_judged(key: &[u8]) -> bool {
    let key = String::from_utf8_lossy(key).to_ascii_lowercase();
    // A name is a few words; what is longer, or holds the end of one, is a sentence.
    key.split_whitespace().count() <= 4
        && !key.contains(". ")
        && (JUDGED_PARTS.iter().any(|part| key.contains(part))
            || key.split(|char: char| !char.is_ascii_alphanumeric()).any(|word| JUDGED.contains(&word)))
}
