//! The first bytes of a file, from which its format is recognised.

use stepbridge_records::ProblemKind;

/// How many of the first bytes of a file are looked at.
pub const HEAD: usize = 16 << 10;

/// What is known of a file before it is read.
pub struct FileHead<'a> {
    /// Its name.
    pub name: &'a str,
    /// The names of the folders above it, below the path that the caller gave.
    pub folder: &'a [String],
    /// Its first bytes: [`HEAD`] of them, or all.
    pub bytes: &'a [u8],
}

/// What is wrong with a file that is empty, or a placeholder for the real file.
#[must_use]
pub fn placeholder(bytes: &[u8]) -> Option<(ProblemKind, &'static str)> {
    if bytes.is_empty() {
        return Some((ProblemKind::Empty, "the file has no bytes"));
    }
    bytes.starts_with(b"version https://git-lfs").then_some((
        ProblemKind::LfsPointer,
        "a Git LFS pointer stands in its place; fetch the file with `git lfs pull`",
    ))
}

impl<'a> FileHead<'a> {
    /// The bytes after a byte order mark.
    pub(crate) fn text(&self) -> &'a [u8] {
        self.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(self.bytes)
    }

    /// Whether this is the first byte that is not white space.
    pub(crate) fn begins_with(&self, byte: u8) -> bool {
        self.text().trim_ascii_start().first() == Some(&byte)
    }

    /// Whether it contains these bytes.
    pub(crate) fn contains(&self, wanted: &[u8]) -> bool {
        self.bytes.windows(wanted.len()).any(|window| window == wanted)
    }

    /// Its lines, as far as they are text. The last line may be cut.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &'a str> {
        let text = self.text();
        let sound = if text.contains(&0) {
            ""
        } else {
            // It may end inside a character.
            std::str::from_utf8(text)
                .unwrap_or_else(|error| std::str::from_utf8(&text[..error.valid_up_to()]).unwrap_or_default())
        };
        sound.split(['\n', '\r']).filter(|line| !line.is_empty())
    }

    /// The names in the first line of a table with this separator; `None` if that is not a line of text.
    pub(crate) fn columns(&self, separator: char) -> Option<Vec<&'a str>> {
        let line = self.lines().next()?;
        Some(line.split(separator).map(|name| name.trim().trim_matches('"')).collect())
    }
}
