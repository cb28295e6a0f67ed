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
    bytes
        .starts_with(b"version https://git-lfs")
        .then_some((ProblemKind::LfsPointer, "it is a Git LFS pointer; fetch the file with `git lfs pull`"))
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

    /// Its lines that are text. Damaged ones are left out; of a file of mostly damaged lines, all are. The last line may be cut.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &'a str> {
        let text = self.text();
        let is_whole = std::str::from_utf8(text).is_ok_and(|text| !text.contains('\0'));
        let (sound, damaged): (Vec<_>, Vec<_>) =
            if is_whole { <_>::default() } else { self.raw_lines().partition(|line| text_of(line, text).is_some()) };
        let text = if few(damaged.len(), sound.len()) { text } else { b"" };
        split_lines(text).filter_map(move |line| text_of(line, text)).filter(|line| !line.is_empty())
    }

    /// Its lines, whatever is in them. The last line may be cut.
    pub(crate) fn raw_lines(&self) -> impl Iterator<Item = &'a [u8]> {
        split_lines(self.text()).filter(|line| !line.is_empty())
    }
}

/// Whether so few of some lines are damaged that the others show what the file is.
pub(crate) fn few(damaged: usize, sound: usize) -> bool {
    const SOUND_PER_DAMAGED: usize = 4;
    damaged <= sound.div_ceil(SOUND_PER_DAMAGED)
}

fn split_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| matches!(byte, b'\n' | b'\r'))
}

/// A line of `head` as text; `None` if it is damaged. The last line may be cut inside a character.
fn text_of<'a>(line: &'a [u8], head: &[u8]) -> Option<&'a str> {
    let is_last = head.as_ptr_range().end == line.as_ptr_range().end;
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) if is_last => std::str::from_utf8(&line[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    (!text.contains('\0')).then_some(text)
}
