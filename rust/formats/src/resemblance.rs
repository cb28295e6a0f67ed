//! Files that look like logs of a training and are in no format that is known.
//!
//! They are listed with what the caller can do, so that no log is left out unseen. Nothing is read from them, so a file that is
//! listed by mistake does no harm.

use crate::csv::{is_metric, listed, mostly};
use crate::shared::head::FileHead;
use crate::shared::json_lines::probe;
use crate::shared::table::{is_step, peek};
use crate::text::may_be_log;
use stepbridge_io::json::{JsonCursor, JsonValue};

/// How many lines with a metric make a text look like a log.
const LINES: usize = 3;

/// Parts of the names of files that programs log to.
const LOG_NAMES: [&str; 7] = ["log", "metric", "result", "progress", "hist", "loss", "monitor"];

/// How many lines are searched for rows of numbers.
const LINES_OF_NUMBERS: usize = 50;

/// How much of a line is shown.
const SHOWN: usize = 60;

/// How much of a line is looked at.
const LONGEST: usize = 2 << 10;

/// Words in text logs that place a line.
const PLACES: [&str; 15] = [
    "epoch",
    "epochs",
    "step",
    "steps",
    "iter",
    "iters",
    "iteration",
    "iterations",
    "batch",
    "update",
    "episode",
    "episodes",
    "timesteps",
    "generation",
    "tick",
];

/// Words in text logs that are metrics, when a number follows.
const VALUES: [&str; 23] = [
    "loss",
    "losses",
    "acc",
    "accuracy",
    "lr",
    "ppl",
    "perplexity",
    "reward",
    "error",
    "err",
    "bleu",
    "wer",
    "psnr",
    "rmse",
    "mse",
    "mae",
    "auc",
    "logloss",
    "learn",
    "l1",
    "l2",
    "rew",
    "kimg",
];

/// Those of them that other logs hardly have.
const STRONG: [&str; 14] = [
    "loss",
    "losses",
    "accuracy",
    "perplexity",
    "lr",
    "rmse",
    "mse",
    "mae",
    "auc",
    "logloss",
    "learn",
    "l1",
    "l2",
    "kimg",
];

/// What a file looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resemblance {
    /// A table of metrics.
    Table,
    /// Objects with metrics, one on each line.
    JsonLines,
    /// One JSON value that holds lists of metrics.
    Json,
    /// Lines with metrics.
    Text,
}

impl Resemblance {
    /// The name that people and programs see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::JsonLines => "json_lines",
            Self::Json => "json",
            Self::Text => "text",
        }
    }
}

/// A file of no known format that looks like a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookalike {
    /// What it looks like.
    pub resemblance: Resemblance,
    /// Why it is not read, and what the caller can do, as one clause.
    pub remedy: String,
    /// A line of it, of a text.
    pub example: Option<String>,
}

/// What a file of no known format looks like; `None` if it does not look like a log.
#[must_use]
pub fn lookalike(head: &FileHead) -> Option<Lookalike> {
    if is_document(head.name) {
        return None;
    }
    if let Some(text) = from_utf16(head.bytes) {
        let remedy = "it is written in UTF-16, which no format is; write it in UTF-8 and read that".to_owned();
        return lookalike(&FileHead { bytes: text.as_bytes(), ..*head }).map(|found| Lookalike { remedy, ..found });
    }
    let of = |resemblance| move |remedy| Lookalike { resemblance, remedy, example: None };
    let text = || {
        let remedy = "none of its lines has a shape that is known; give a pattern= that fits them".to_owned();
        text(head).map(|line| Lookalike { resemblance: Resemblance::Text, remedy, example: Some(line) })
    };
    table(head)
        .or_else(|| decimal_commas(head))
        .or_else(|| nameless_table(head))
        .map(of(Resemblance::Table))
        .or_else(|| json_lines(head).map(of(Resemblance::JsonLines)))
        .or_else(|| json(head).map(of(Resemblance::Json)))
        .or_else(text)
        .or_else(|| aligned_table(head).map(of(Resemblance::Table)))
}

/// The text of a file in UTF-16, which shells of Windows write; `None` if it does not begin with that byte order mark.
fn from_utf16(bytes: &[u8]) -> Option<String> {
    let decode: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return None,
    };
    let units: Vec<u16> = bytes[2..].as_chunks().0.iter().copied().map(decode).collect();
    Some(String::from_utf16_lossy(&units))
}

/// Whether its name is that of a document or a program, which may quote a log.
fn is_document(name: &str) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    !may_be_log(name, b"") && !matches!(&*ending, "json" | "csv" | "tsv")
}

fn table(head: &FileHead) -> Option<String> {
    let table = peek(head, None)?;
    let below = table.below();
    let values = table.names.iter().enumerate().filter(|(_, name)| is_metric(name));
    if !mostly(&table, &below) || !values.into_iter().any(|(column, _)| below.is_numeric(column)) {
        return None;
    }
    let has_place = table.names.iter().any(|name| is_step(name) || name.eq_ignore_ascii_case("epoch"));
    Some(if below.is_ragged() {
        format!("many of its rows do not have {} cells as its line of names has; mend them", table.names.len())
    } else if has_place {
        "its names, or the order of its steps, are not those of a log; if it is one all the same, give format=\"csv\""
            .to_owned()
    } else {
        format!(
            "no column is called step or epoch; name the one that holds it with step_column= or epoch_column= (there are {})",
            listed(&table.names)
        )
    })
}

/// A table of numbers whose line of names is damaged or missing, by what is left of that line or by the name of the file.
fn nameless_table(head: &FileHead) -> Option<String> {
    let first = String::from_utf8_lossy(head.raw_lines().next()?).replace('\0', "");
    let of_log = |name: &str| is_metric(name) || is_step(name) || name.eq_ignore_ascii_case("epoch");
    let file = head.name.to_ascii_lowercase();
    let named = first.split([',', ';', '\t', '|', '"']).any(|name| of_log(name.trim()))
        || LOG_NAMES.iter().any(|word| file.contains(word));
    let is_number = |cell: &str| cell.trim().parse::<f64>().is_ok();
    let is_row = |line: &str, by: char| {
        line.contains(by) && line.split(by).all(|cell| is_number(cell) || cell.trim().is_empty())
    };
    let rows = |by: char| head.lines().take(LINES_OF_NUMBERS).filter(|line| is_row(line, by)).count();
    (named && [',', ';', '\t', '|'].into_iter().any(|by| rows(by) >= LINES))
        .then(|| "no line names its columns: it is damaged or missing; put it in before the rows".to_owned())
}

/// A table of metrics whose numbers have a decimal comma.
fn decimal_commas(head: &FileHead) -> Option<String> {
    let names = head.lines().next()?;
    let is_number = |cell: &str| cell.trim().replacen(',', ".", 1).parse::<f64>().is_ok();
    let is_row = |line: &&str| {
        let with_comma = line.split(';').any(|cell| cell.contains(',') && is_number(cell));
        with_comma && line.split(';').filter(|cell| is_number(cell)).count() > 1
    };
    let rows = head.lines().skip(1).take(LINES_OF_NUMBERS).filter(is_row).count();
    (names.split(';').any(is_metric) && rows > 0)
        .then(|| "its numbers have a decimal comma; write them with a point, as 0.5".to_owned())
}

/// Rows of numbers that blanks separate, after a line with the name of a metric.
fn aligned_table(head: &FileHead) -> Option<String> {
    if !may_be_log(head.name, head.bytes) {
        return None;
    }
    let is_number = |word: &&str| word.parse::<f64>().is_ok();
    let is_row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let numbers = words.iter().filter(|word| is_number(word)).count();
        // A time of day or a duration may be among them.
        numbers > 1 && numbers + 1 >= words.len()
    };
    let is_head = |line: &str| {
        let words = || line.split_whitespace();
        words().count() > 1 && !words().any(|word| is_number(&word)) && words().any(is_metric)
    };
    let mut lines = head.lines().skip_while(|line| !is_head(line)).skip(1).take(LINES_OF_NUMBERS);
    (lines.by_ref().filter(|line| is_row(line)).count() >= LINES)
        .then(|| "blanks separate its columns; write it with commas, or give a pattern= that its lines fit".to_owned())
}

fn json_lines(head: &FileHead) -> Option<String> {
    let seen = probe(head);
    let several = seen.objects.len() > 1 || matches!(head.name.rsplit_once('.'), Some((_, "jsonl" | "ndjson")));
    let with_metric = seen.objects.iter().filter(|keys| keys.numbers.keys().any(|key| is_metric(key))).count();
    if !several || 2 * with_metric <= seen.objects.len() {
        return None;
    }
    let keys: Vec<String> = seen.objects.first().map(|keys| keys.numbers.keys().cloned().collect()).unwrap_or_default();
    Some(format!(
        "not every object has a key step or epoch; name the one that holds it with step_column= or epoch_column= (there are {})",
        listed(&keys)
    ))
}

/// A list of objects with metrics, or an object whose metrics are lists.
fn json(head: &FileHead) -> Option<String> {
    let mut cursor = JsonCursor::new(head.text().trim_ascii_start(), 0);
    let of_objects = cursor.take(b'[').ok()?;
    cursor.expect(b'{').ok()?;
    has_metric(&mut cursor, of_objects)?;
    Some("it is one JSON value; write an object with its step or epoch on each line (JSON lines)".to_owned())
}

/// Whether an object has a metric that is a number, or, if `single` is false, a list of several numbers.
fn has_metric(cursor: &mut JsonCursor, single: bool) -> Option<()> {
    loop {
        let name = cursor.name().ok()?.into_owned();
        let fits = if cursor.take(b'[').ok()? {
            // As soon as there are two, the rest of a long list is of no interest.
            let numbers = list(cursor, !single && is_metric(&name))?;
            !single && numbers > 1
        } else {
            matches!(cursor.value().ok()?, JsonValue::Number { .. }) && single
        };
        if fits && is_metric(&name) {
            return Some(());
        }
        cursor.expect(b',').ok()?;
    }
}

/// How many numbers a list has; at most two if `few` is true, and the cursor is then inside it.
fn list(cursor: &mut JsonCursor, few: bool) -> Option<usize> {
    let mut numbers = 0;
    while !cursor.take(b']').ok()? {
        if matches!(cursor.value().ok()?, JsonValue::Number { .. }) {
            numbers += 1;
        }
        if few && numbers > 1 {
            break;
        }
        cursor.take(b',').ok()?;
    }
    Some(numbers)
}

/// A line of a text that looks like a log, the one that shows most.
fn text(head: &FileHead) -> Option<String> {
    if !may_be_log(head.name, head.bytes) {
        return None;
    }
    let (mut placed, mut values, mut strong, mut example) = (0, 0, 0, None::<&str>);
    for line in head.lines() {
        let line = line.get(..LONGEST).unwrap_or(line);
        let has_place = has_word(line, &PLACES);
        let has_value = has_word(line, &VALUES);
        placed += usize::from(has_place);
        values += usize::from(has_value);
        strong += usize::from(has_value && has_word(line, &STRONG));
        if has_value && (has_place || example.is_none()) {
            example = Some(line);
        }
    }
    let example = example.filter(|_| values >= LINES && (placed > 0 || strong >= LINES))?.trim();
    let shown: String = example.chars().take(SHOWN).collect();
    let more = if shown.len() < example.len() { "..." } else { "" };
    Some(format!("{shown}{more}"))
}

/// Whether a line has one of these words, alone or in a name such as `Loss_D`, and a number after it (`loss: 0.5`, `Epoch [3/9]`).
fn has_word(line: &str, words: &[&str]) -> bool {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '/');
    let mut rest = line;
    while let Some(begin) = rest.find(is_name) {
        let name = &rest[begin..];
        let end = name.find(|letter| !is_name(letter)).unwrap_or(name.len());
        let (name, after) = name.split_at(end);
        let mut parts = name.split(|letter: char| !letter.is_ascii_alphabetic()).chain([name]);
        if parts.any(|part| words.iter().any(|word| part.eq_ignore_ascii_case(word)))
            && is_number_next(after.as_bytes())
        {
            return true;
        }
        rest = after;
    }
    false
}

fn is_number_next(text: &[u8]) -> bool {
    // The colon of Chinese and Japanese text.
    let text = text.strip_prefix("\u{ff1a}".as_bytes()).unwrap_or(text);
    let marks =
        |byte: &u8| matches!(byte, b' ' | b'\t' | b':' | b'=' | b'[' | b'(' | b'#' | b'\'' | b'"' | b'-' | b'.' | b'|');
    let skipped = text.iter().take(24).take_while(|byte| marks(byte)).count();
    text.get(skipped).is_some_and(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> Option<Resemblance> {
        lookalike(&FileHead { name, folder: &[], bytes: text.as_bytes() }).map(|found| found.resemblance)
    }

    #[test]
    fn what_looks_like_a_log_and_what_does_not() {
        for (name, text, expected) in [
            ("a.csv", "n,loss\n1,0.5\n2,0.4\n", Some(Resemblance::Table)),
            ("a.csv", "id,step,price,val\n0,0,9.5,1\n1,0,9.25,0\n", Some(Resemblance::Table)),
            ("a.csv", "epoch,loss\n3,0.5\n1,0.4\n", Some(Resemblance::Table)),
            ("a.csv", "name,age\nx,3\ny,4\n", None),
            ("a.csv", "id,loss,text\n1,0.5,x,y\n", None),
            ("a.csv", "st\0ep,loss\n1,0.5\n2,0.4\n3,0.4\n", Some(Resemblance::Table)),
            ("a.csv", "step,loss1,0.5\n2,0.4\n3,0.4\n4,0.3\n", Some(Resemblance::Table)),
            ("a.csv", "price,amount1,0.5\n2,0.4\n3,0.4\n4,0.3\n", None),
            ("a.log", "\0\0\0step 1 loss 0.5\nstep 2 loss=0.4\nstep 3 loss=0.4\nx loss=1\n", Some(Resemblance::Text)),
            ("a.jsonl", "{\"n\": 1, \"loss\": 2}\n{\"n\": 2, \"loss\": 1}\n", Some(Resemblance::JsonLines)),
            ("a.jsonl", "{\"text\": \"a\", \"n\": 1}\n{\"text\": \"b\"}\n", None),
            ("history.json", "{\"lr\": 1, \"loss\": [0.5, 0.4]}", Some(Resemblance::Json)),
            ("history.json", "[{\"loss\": 0.5}, {\"loss\": 0.4}]", Some(Resemblance::Json)),
            ("config.json", "{\"lr\": 0.1, \"betas\": [0.9, 0.99], \"epochs\": 3}", None),
            ("x.log", "pass 1\nstep 1 loss=0.5\nstep 2 loss=0.4\nstep 3 loss=0.4\n", Some(Resemblance::Text)),
            ("x.log", "step 1 of the install\nno error found\nstep 2\nlost 3 files\n", None),
            ("x.md", "step 1 loss=0.5\nstep 2 loss=0.4\nstep 3 loss=0.4\n", None),
            ("x.log", "[0/3] Loss_D: 1.2 Loss_G: 3\n[1/3] Loss_D: 1\n[2/3] Loss_D: 1\n", Some(Resemblance::Text)),
            ("x.log", "", None),
            ("x.log", "epoch train_loss time\n0 0.5 00:10\n1 0.4 00:10\n2 0.4 00:10\n", Some(Resemblance::Table)),
            ("x.log", "name size time\n0 0.5 00:10\n1 0.4 00:10\n2 0.4 00:10\n", None),
            ("x.log", "[1]\ttrain-rmse:0.5\n[2]\ttrain-rmse:0.4\n[3]\ttrain-rmse:0.3\n", Some(Resemblance::Text)),
            ("x.log", "Epoch\u{ff1a}1 loss\u{ff1a}0.5\nloss\u{ff1a}0.4\nloss\u{ff1a}0.4\n", Some(Resemblance::Text)),
            ("a.csv", "epoch;loss\n1;0,5\n2;0,4\n", Some(Resemblance::Table)),
            ("x.log", "[10]\tvalid_0's l2: 5\n[20]\tvalid_0's l2: 4\n[30]\tvalid_0's l2: 3\n", Some(Resemblance::Text)),
            (
                "x.log",
                "Episode 1/9, Reward: 5\nEpisode 2/9, Reward: 4\nEpisode 3/9, Reward: 3\n",
                Some(Resemblance::Text),
            ),
            (
                "x.txt",
                "tick 1 kimg 4.0 time 3s\ntick 2 kimg 8.0 time 3s\ntick 3 kimg 12.0 time 3s\n",
                Some(Resemblance::Text),
            ),
            (
                "x.log",
                "| ep_rew_mean     | 21.5 |\n| total_timesteps | 2048 |\n| ep_rew_mean | 22 |\n| ep_rew_mean | 23 |\n",
                Some(Resemblance::Text),
            ),
        ] {
            assert_eq!(found(name, text), expected, "{name}: {text}");
        }
    }

    #[test]
    fn the_remedy_names_what_the_file_has() {
        let found = |name: &str, text: &str| {
            lookalike(&FileHead { name, folder: &[], bytes: text.as_bytes() }).expect("it looks like a log")
        };
        let table = found("a.csv", "n,loss\n1,0.5\n");
        assert!(table.remedy.ends_with("step_column= or epoch_column= (there are n, loss)"), "{table:?}");
        let text = found("a.log", &"ep 1 | step 10 | loss 0.5\n".repeat(3));
        assert_eq!(text.example.as_deref(), Some("ep 1 | step 10 | loss 0.5"));
    }
}
