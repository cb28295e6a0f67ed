//! Keys and values with no separator of their own: `loss: 2.5 (2.6) lr: 0.1, 500/s Batch (t): 0.5`.
//!
//! A key is the words before a mark, or directly before a number; a value is the number or the word after it.

use super::number::{self, PrintedNumber};
use super::pairs::{Pair, PairValue, average, is_key, number_of, trim, trim_start};
use super::pattern::{SHORT, is_blank};
use super::shapes::is_level;

/// The pairs in a text, one after the other.
pub(super) fn each<'a>(text: &'a [u8], mut take: impl FnMut(Pair<'a>)) {
    let mut rest = trim_start(text);
    while !rest.is_empty() {
        rest = trim_start(match next(rest) {
            Some((pair, length)) => {
                if let Some(pair) = pair {
                    take(pair);
                }
                &rest[length.max(1)..]
            }
            None => return,
        });
    }
}

/// The pair at the beginning of a text, if there is one, and how much of the text it takes.
fn next(text: &[u8]) -> Option<(Option<Pair<'_>>, usize)> {
    let (key_end, value_at) = match key(text)? {
        Key::Ends(at) => return Some((None, at + 1)),
        Key::Marked(at) => (at, at + 1),
        Key::Bare(at) => (at, at),
    };
    let key = trim_key(&text[..key_end]);
    let value_at = value_at + text[value_at..].iter().take_while(|byte| is_blank(**byte) || **byte == b'\'').count();
    let value = &text[value_at..];
    let Some((number, length)) = number_of(key, value) else {
        if is_of_logger(key) {
            // `[rank1]: loss 2.0`: the word after it is a name.
            return Some((None, value_at));
        }
        let length = value.iter().take_while(|byte| !(is_blank(**byte) || matches!(byte, b',' | b';' | b'|'))).count();
        let printed = &value[..length];
        let pair = Pair { key, value: PairValue::Text(printed), printed, average: None, section: &[] };
        let is_pair = is_key(key) && !printed.is_empty();
        return Some((is_pair.then_some(pair), value_at + length));
    };
    let mut end = value_at + length;
    let printed = &value[..length];
    let mean = brackets(&text[end..]);
    end += mean.map_or(0, |(_, length)| length);
    end += unit_word(&text[end..]);
    let average = mean.and_then(|(mean, _)| mean);
    let pair = Pair { key, value: PairValue::Number(number), printed, average, section: &[] };
    Some((is_key(key).then_some(pair), end))
}

/// A name without what loggers put before it: `INFO - loss`, `[worker 0] loss`, `INFO loss`.
pub(super) fn name(key: &[u8]) -> &[u8] {
    let key = memchr::memmem::rfind(key, b" - ").map_or(key, |at| &key[at + 3..]);
    // Its first bracket was trimmed.
    let count = |text: &[u8], bracket: u8| memchr::memchr_iter(bracket, text).count();
    let opens_before = |at: &usize| count(&key[..=*at], b']') > count(&key[..*at], b'[');
    let close = memchr::memmem::rfind(key, b"] ").filter(opens_before);
    let key = close.map_or(key, |at| trim_start(&key[at + 2..]));
    match key.iter().position(|byte| is_blank(*byte)) {
        Some(blank) if is_level(&key[..blank]) => trim_start(&key[blank..]),
        _ => key,
    }
}

/// Whether the word before a mark is one of a logger, and so not the name of what comes after it.
fn is_of_logger(key: &[u8]) -> bool {
    key.ends_with(b"]") || key.rsplit(|byte| is_blank(*byte)).next().is_some_and(is_level)
}

enum Key {
    /// A separator comes before any value.
    Ends(usize),
    /// With a mark, which is here.
    Marked(usize),
    /// A number comes after the blank here.
    Bare(usize),
}

/// Where the key at the beginning of a text ends.
fn key(text: &[u8]) -> Option<Key> {
    let digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    let mut named = false;
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b':' if at > 0 && digit(at - 1) && digit(at + 1) => {}
            b':' | b'=' if named => return Some(Key::Marked(at)),
            b':' | b'=' | b';' | b'|' | b'\t' => return Some(Key::Ends(at)),
            b',' if !(at > 0 && digit(at - 1) && digit(at + 1)) => return Some(Key::Ends(at)),
            b' ' => {
                let value = &text[at + 1..];
                let sign = usize::from(matches!(value.first(), Some(b'-' | b'+' | b'.')));
                let begins = value.get(sign).is_some_and(u8::is_ascii_digit) || number::value(value).is_some();
                if named && begins {
                    return Some(Key::Bare(at));
                }
                // What comes before a wide gap, or begins with a digit, is not part of a key.
                if value.first() == Some(&b' ') && !matches!(text.get(at.wrapping_sub(1)), Some(b':' | b'='))
                    || digit(0)
                {
                    return Some(Key::Ends(at));
                }
            }
            _ => named |= byte.is_ascii_alphabetic() || byte >= 0x80,
        }
    }
    None
}

fn trim_key(key: &[u8]) -> &[u8] {
    let key = trim(key);
    let open =
        key.iter().take_while(|byte| matches!(byte, b'(' | b'[' | b']' | b')' | b'-' | b'*' | b'#' | b' ')).count();
    trim(&key[open..])
}

/// What is in brackets directly after a number, and how long that is.
fn brackets(text: &[u8]) -> Option<(Option<PrintedNumber<'_>>, usize)> {
    let blanks = text.iter().take_while(|byte| is_blank(**byte)).count();
    let inside = text[blanks..].strip_prefix(b"(")?;
    let close = memchr::memchr(b')', &inside[..inside.len().min(SHORT)])?;
    let whole = &text[blanks..blanks + close + 2];
    Some((average(whole), blanks + close + 2))
}

/// How long the word for a unit is that comes after a number (`12.3 images/s`).
fn unit_word(text: &[u8]) -> usize {
    let Some(word) = text.strip_prefix(b" ") else { return 0 };
    let length = word.iter().take_while(|byte| !(is_blank(**byte) || matches!(byte, b',' | b';' | b'|'))).count();
    let word = &word[..length];
    let known = [&b"ms"[..], b"s", b"sec", b"secs", b"seconds", b"GB", b"MB", b"GiB", b"MiB", b"%", b"avg", b"it/s"];
    let unit = known.contains(&word) || word.contains(&b'/') && !matches!(word.last(), Some(b':' | b'='));
    if unit && !word.contains(&b'=') { length + 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_their_loggers() {
        for (key, expected) in [
            ("INFO - loss", "loss"),
            ("worker 0] loss", "loss"),
            ("2024][INFO] - train loss", "train loss"),
            ("INFO loss", "loss"),
            ("acc[1] mean", "acc[1] mean"),
            ("INFORMATION gain", "INFORMATION gain"),
            ("loss", "loss"),
        ] {
            assert_eq!(name(key.as_bytes()), expected.as_bytes(), "{key}");
        }
    }

    #[test]
    fn pairs_without_separators() {
        for (text, expected) in [
            ("D_A: 2.308 G_A: 2.268 cycle_A: -2.5 ", &["D_A=2.308", "G_A=2.268", "cycle_A=-2.5"][..]),
            (
                "Data (t): 0.012 Batch (t): 0.512, 500/s, 500/s/gpu LR: 0.000100 Logit Scale: 14.286 Loss: 2.5 (2.6)",
                &["Data (t)=0.012", "Batch (t)=0.512", "LR=0.0001", "Logit Scale=14.286", "Loss=2.5 (2.6)"],
            ),
            ("lr: 0.1 eta: 0:10:00 ips: 12.3 images/s cost: 2", &["lr=0.1", "eta=?", "ips=12.3", "cost=2"]),
            ("loss 2.5469 lr 1.0e-04", &["loss=2.5469", "lr=0.0001"]),
            (" | Loss: 1.5 | LR = 0.001 | lr 5", &["Loss=1.5", "LR=0.001", "lr=5"]),
            (", train loss 0,5, acc: 51.5%, time 3 ms then 5", &["train loss=?", "acc=51.5", "time=3", "then=5"]),
            ("it took 5 minutes and 3 days", &["it took=?"]),
            ("nothing here", &[]),
            // What loggers put before a name is not the name of a text.
            ("[rank1]: loss 2.5 step 0", &["loss=2.5", "step=0"]),
            ("INFO: loss 2.5, acc: high", &["loss=2.5", "acc=?"]),
            ("[2024-01-01 10:00:00,123][INFO]: loss 2.5", &["loss=2.5"]),
        ] {
            let mut all = Vec::new();
            each(text.as_bytes(), |pair| {
                let value = match pair.value {
                    PairValue::Number(number) => number.to_f64().expect("a number").to_string(),
                    PairValue::Text(_) => "?".to_owned(),
                };
                let average = pair.average.and_then(PrintedNumber::to_f64);
                let average = average.map_or_else(String::new, |average| format!(" ({average})"));
                all.push(format!("{}={value}{average}", String::from_utf8_lossy(pair.key)));
            });
            if text.starts_with("it took") {
                assert!(all.iter().all(|pair| pair.ends_with('?')), "{all:?}");
            } else {
                assert_eq!(all, expected, "{text}");
            }
        }
    }
}
