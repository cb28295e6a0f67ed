//! Which format a file is in, found from its first bytes; the name only says what to expect of it.

use super::{READERS, Reader};
use stepbridge_records::{Format, ProblemKind};

/// How many of a file's first bytes are looked at.
pub(crate) const HEAD: usize = 16 << 10;

/// What is seen of a file before it is read.
pub(crate) struct Head<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// The names of the folders above it, below the path that was asked for.
    pub(crate) folder: &'a [String],
    /// Its first bytes: [`HEAD`] of them, or all.
    pub(crate) bytes: &'a [u8],
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sniffed {
    Log(Format),
    /// Nothing that is read, and nothing that says it is.
    Unknown,
    /// It says that it is a log.
    Broken(ProblemKind, &'static str),
}

/// What the head of a file shows.
pub(crate) fn sniff(head: &Head) -> Sniffed {
    let promised = READERS.iter().find(|reader| (reader.promised)(head.name)).copied();
    if promised.is_some()
        && let Some((kind, reason)) = placeholder(head.bytes)
    {
        return Sniffed::Broken(kind, reason);
    }
    if let Some(reader) = READERS.iter().find(|reader| (reader.recognised)(head)) {
        return Sniffed::Log(reader.format);
    }
    match promised {
        None => Sniffed::Unknown,
        Some(Reader { format, otherwise, .. }) => match otherwise(head) {
            None => Sniffed::Log(*format),
            Some((kind, reason)) => Sniffed::Broken(kind, reason),
        },
    }
}

/// What stands where a file should be.
pub(crate) fn placeholder(bytes: &[u8]) -> Option<(ProblemKind, &'static str)> {
    if bytes.is_empty() {
        return Some((ProblemKind::Empty, "the file has no bytes"));
    }
    bytes.starts_with(b"version https://git-lfs").then_some((
        ProblemKind::LfsPointer,
        "a Git LFS pointer stands in its place; fetch the file with `git lfs pull`",
    ))
}

impl<'a> Head<'a> {
    /// The bytes behind a byte order mark.
    pub(crate) fn text(&self) -> &'a [u8] {
        self.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(self.bytes)
    }

    /// Whether its first visible byte is this one.
    pub(crate) fn begins_with(&self, byte: u8) -> bool {
        self.text().trim_ascii_start().first() == Some(&byte)
    }

    /// Whether these bytes are anywhere in it.
    pub(crate) fn contains(&self, wanted: &[u8]) -> bool {
        self.bytes.windows(wanted.len()).any(|window| window == wanted)
    }

    /// Its lines, as far as they are text; the last one may be cut.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &'a str> {
        let text = self.text();
        let sound = if text.contains(&0) {
            ""
        } else {
            // The head may end inside a character.
            std::str::from_utf8(text)
                .unwrap_or_else(|error| std::str::from_utf8(&text[..error.valid_up_to()]).unwrap_or_default())
        };
        sound.split(['\n', '\r']).filter(|line| !line.is_empty())
    }

    /// The names in a table's first line, where they are parted by `separator`; `None` where it is no line of text.
    pub(crate) fn columns(&self, separator: char) -> Option<Vec<&'a str>> {
        let line = self.lines().next()?;
        Some(line.split(separator).map(|name| name.trim().trim_matches('"')).collect())
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
            ("run.jsonl", b"{\"step\":1,", Sniffed::Unknown),
            ("notes.json", b"{\"a\": 1}", Sniffed::Unknown),
            ("empty.txt", b"", Sniffed::Unknown),
        ] {
            assert_eq!(sniff(&Head { name, folder: &[], bytes: head }), expected, "{name}");
        }
        for (name, head, kind) in [
            ("x.tfevents.y", &b""[..], ProblemKind::Empty),
            ("x.tfevents.y", b"version https://git-lfs.github.com/spec/v1\n", ProblemKind::LfsPointer),
            ("trainer_state.json", b"[]", ProblemKind::NotALog),
            ("metrics.csv", b"a,b\n", ProblemKind::MissingColumn),
            ("metrics.csv", b"\xff\xfe\0", ProblemKind::NotALog),
        ] {
            assert!(
                matches!(sniff(&Head { name, folder: &[], bytes: head }), Sniffed::Broken(found, _) if found == kind),
                "{name}"
            );
        }
    }
}
