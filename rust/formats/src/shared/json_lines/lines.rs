//! Splits lines into objects. Everything else in them is reported.

use memchr::{memchr, memmem};

use super::block::{NonObject, NonObjectKind};
use super::parser::{BlockParser, shown};
use stepbridge_io::json::JsonCursor;

/// How many places in a line are tried for an object after a torn one.
const TRIES: usize = 8;

impl BlockParser<'_> {
    /// Reads the line that begins at `begin`. Returns where the next line begins.
    pub(super) fn line(&mut self, begin: usize, torn: bool) -> usize {
        let mut cursor = JsonCursor::lines(self.bytes, begin);
        let (mut objects, mut tried) = (0, false);
        loop {
            let Ok(next) = cursor.peek() else {
                self.block.end = self.base + self.bytes.len() as u64;
                return self.bytes.len();
            };
            let start = cursor.at;
            match next {
                b'\n' => {
                    self.block.end = self.base + start as u64 + 1;
                    return start + 1;
                }
                b'{' if self.whole(&mut cursor) => {
                    objects += 1;
                    self.block.end = self.base + cursor.at as u64;
                    continue;
                }
                // The file may be an array with one object a line.
                b',' if objects > 0 => {
                    cursor.at += 1;
                    continue;
                }
                _ => {}
            }
            let Some(found) = memchr(b'\n', &self.bytes[start..]) else {
                let sort = if torn { NonObjectKind::Torn } else { NonObjectKind::Text };
                self.junk(sort, start, self.bytes.len());
                return self.bytes.len();
            };
            let stop = start + found + 1;
            if is_marker(&self.bytes[begin..stop]) {
                self.junk(NonObjectKind::Marker, begin, stop);
            } else if let Some(next) = (!tried).then(|| self.resumes(start, stop)).flatten() {
                tried = true;
                self.junk(NonObjectKind::Text, start, next);
                cursor.at = next;
                continue;
            } else {
                self.junk(NonObjectKind::Text, start, stop);
            }
            self.block.end = self.base + stop as u64;
            return stop;
        }
    }

    fn junk(&mut self, sort: NonObjectKind, begin: usize, end: usize) {
        let example = shown(&self.bytes[begin..end]);
        let (begin, end) = (self.base + begin as u64, self.base + end as u64);
        self.block.junk.push(NonObject { sort, begin, end, example });
    }

    /// Where complete objects begin after something torn and fill the rest of the line.
    fn resumes(&self, start: usize, stop: usize) -> Option<usize> {
        let line = &self.bytes[start..stop];
        let places = memmem::find_iter(&line[1..], b"{\"").map(|at| at + 1).filter(|&at| {
            let before = line[..at].trim_ascii_end();
            match before.last() {
                // An object inside another one does not count.
                Some(b':' | b'[') => false,
                // Objects follow a comma only in a list.
                Some(b',' | b'{') => !before.contains(&b'['),
                _ => true,
            }
        });
        places.take(TRIES).map(|at| start + at).find(|&at| {
            let mut cursor = JsonCursor::lines(self.bytes, at);
            loop {
                match cursor.peek() {
                    Ok(b'\n') => return true,
                    Ok(b'{') if cursor.value().is_ok() => {}
                    _ => return false,
                }
            }
        })
    }
}

/// Whether a line is a conflict marker of git.
pub(super) fn is_marker(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    line == b"=======" || [&b"<<<<<<< "[..], b">>>>>>> ", b"||||||| "].iter().any(|marker| line.starts_with(marker))
}
