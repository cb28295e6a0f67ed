//! Which format a file is in, found from its first bytes; the name only says what to expect of it.

use crate::format::Format;
use crate::ledger;
use crate::lightning_csv;
use crate::problem::ProblemKind;
use crate::tfevents;

/// How many of a file's first bytes are looked at.
pub(crate) const HEAD: usize = 4096;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sniffed {
    Log(Format),
    /// A clock's record of a run; it holds no values.
    Ledger,
    /// Nothing that is read, and nothing that says it is.
    Unknown,
    /// It says that it is a log.
    Broken(ProblemKind, &'static str),
}

/// What `head`, the first bytes of a file called `name`, shows.
pub(crate) fn sniff(name: &str, head: &[u8]) -> Sniffed {
    let promised = promised(name);
    let ledger = name == ledger::NAME;
    if promised.is_some() || ledger {
        if head.is_empty() {
            return Sniffed::Broken(ProblemKind::Empty, "the file has no bytes");
        }
        if head.starts_with(b"version https://git-lfs") {
            let reason = "a Git LFS pointer stands in its place; fetch the file with `git lfs pull`";
            return Sniffed::Broken(ProblemKind::LfsPointer, reason);
        }
    }
    if ledger || head.starts_with(ledger::BEGINS) {
        return Sniffed::Ledger;
    }
    if tfevents::looks_like_event_file(head) {
        return Sniffed::Log(Format::TfEvents);
    }
    if is_trainer_state(head) {
        return Sniffed::Log(Format::TrainerState);
    }
    if is_lightning(head) {
        return Sniffed::Log(Format::LightningCsv);
    }
    match promised {
        None => Sniffed::Unknown,
        // Damaged at its beginning, as far as can be seen here.
        Some(Format::TfEvents) => Sniffed::Log(Format::TfEvents),
        Some(Format::TrainerState) if text(head).trim_ascii_start().first() == Some(&b'{') => {
            Sniffed::Log(Format::TrainerState)
        }
        Some(Format::TrainerState) => {
            Sniffed::Broken(ProblemKind::NotALog, "it is called trainer_state.json and is not a JSON object")
        }
        Some(Format::LightningCsv) => lacking_columns(head),
    }
}

/// What a file of this name should be.
fn promised(name: &str) -> Option<Format> {
    match name {
        "metrics.csv" => Some(Format::LightningCsv),
        "trainer_state.json" => Some(Format::TrainerState),
        _ if name.contains("tfevents") => Some(Format::TfEvents),
        _ => None,
    }
}

/// The bytes behind a byte order mark.
fn text(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head)
}

fn is_trainer_state(head: &[u8]) -> bool {
    let name = b"\"log_history\"";
    text(head).trim_ascii_start().first() == Some(&b'{') && head.windows(name.len()).any(|window| window == name)
}

fn is_lightning(head: &[u8]) -> bool {
    first_line(head).is_some_and(|names| lightning_csv::is_header(&names))
}

/// The names in a table's first line; `None` where it is no line of text.
fn first_line(head: &[u8]) -> Option<Vec<&str>> {
    let line = text(head).split(|byte| matches!(byte, b'\n' | b'\r')).next()?;
    let line = std::str::from_utf8(line).ok().filter(|line| !line.contains('\0'))?;
    Some(line.split(',').map(|name| name.trim().trim_matches('"')).collect())
}

/// A `metrics.csv` without one of its counters is read, as far as that goes; without both it is something else.
fn lacking_columns(head: &[u8]) -> Sniffed {
    match first_line(head) {
        Some(names) if names.contains(&"step") || names.contains(&"epoch") => Sniffed::Log(Format::LightningCsv),
        Some(_) => Sniffed::Broken(
            ProblemKind::MissingColumn,
            "the table has neither a column 'step' nor a column 'epoch': its rows cannot be placed",
        ),
        None => {
            Sniffed::Broken(ProblemKind::NotALog, "it is called metrics.csv and does not begin with a line of text")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_and_names_only_promise() {
        let events = b"\x18\0\0\0\0\0\0\0\xa3\x7fK\"\x09\0\0\xc0\x9c\x1f\xe0\xd5A\x1a\x0dbrain.Event:2\xec\xa1\xd7\xbe";
        for (name, head, expected) in [
            ("events.out.tfevents.1.host", &events[..], Sniffed::Log(Format::TfEvents)),
            ("renamed.bin", events, Sniffed::Log(Format::TfEvents)),
            ("events.out.tfevents.1.host", b"damaged", Sniffed::Log(Format::TfEvents)),
            ("state.json", b" {\"epoch\": 1, \"log_history\": [", Sniffed::Log(Format::TrainerState)),
            ("trainer_state.json", b"{", Sniffed::Log(Format::TrainerState)),
            ("metrics.csv", b"step,epoch,loss\n", Sniffed::Log(Format::LightningCsv)),
            ("copy.csv", b"loss,\"epoch\",step\r\n1", Sniffed::Log(Format::LightningCsv)),
            ("metrics.csv", b"epoch,loss\n", Sniffed::Log(Format::LightningCsv)),
            ("results.csv", b"epoch,loss\n", Sniffed::Unknown),
            ("stepclock.jsonl", b"damaged", Sniffed::Ledger),
            ("run.jsonl", b"{\"stepclock\":1,", Sniffed::Ledger),
            ("run.jsonl", b"{\"step\":1,", Sniffed::Unknown),
            ("notes.json", b"{\"a\": 1}", Sniffed::Unknown),
            ("empty.txt", b"", Sniffed::Unknown),
        ] {
            assert_eq!(sniff(name, head), expected, "{name}");
        }
        for (name, head, kind) in [
            ("x.tfevents.y", &b""[..], ProblemKind::Empty),
            ("stepclock.jsonl", &b""[..], ProblemKind::Empty),
            ("x.tfevents.y", b"version https://git-lfs.github.com/spec/v1\n", ProblemKind::LfsPointer),
            ("trainer_state.json", b"[]", ProblemKind::NotALog),
            ("metrics.csv", b"a,b\n", ProblemKind::MissingColumn),
            ("metrics.csv", b"\xff\xfe\0", ProblemKind::NotALog),
        ] {
            assert!(matches!(sniff(name, head), Sniffed::Broken(found, _) if found == kind), "{name}");
        }
    }
}
