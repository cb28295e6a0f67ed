//! Cuts a file into lines, in pieces of bounded memory.

use std::io;

use memchr::memchr;
use stepbridge_io::bytes::{ReadAt, Window};

use super::sink::Sink;

/// How much of a file is looked at in one go.
const BLOCK: usize = 256 << 10;
/// A longer line is not one of a log, and costs no more memory than this.
pub(crate) const LONGEST: usize = 1 << 20;

/// A line with an end, and where it is in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CutLine<'a> {
    pub(crate) begin: u64,
    /// Where the next line begins.
    pub(crate) end: u64,
    /// Its bytes, without the end; `None` if the line is too long to be one.
    pub(crate) bytes: Option<&'a [u8]>,
}

/// Passes every line from `at` on that has an end. Returns where the rest begins, which has none.
pub(crate) fn each_line(
    window: &mut Window<dyn ReadAt + '_>,
    mut at: u64,
    sink: &mut Sink,
    mut take: impl FnMut(CutLine, &mut Sink) -> io::Result<()>,
) -> io::Result<u64> {
    let mut wanted = BLOCK;
    loop {
        let bytes = window.at(at, wanted)?;
        let Some(last) = bytes.iter().rposition(|&byte| byte == b'\n') else {
            if bytes.len() < wanted {
                return Ok(at);
            }
            if wanted < LONGEST {
                wanted *= 2;
                continue;
            }
            wanted = BLOCK;
            let Some(end) = end_of_line(window, at + LONGEST as u64, sink)? else { return Ok(at) };
            take(CutLine { begin: at, end, bytes: None }, sink)?;
            at = end;
            continue;
        };
        for line in bytes[..last].split(|&byte| byte == b'\n') {
            let begin = at;
            at += line.len() as u64 + 1;
            take(CutLine { begin, end: at, bytes: Some(line) }, sink)?;
        }
        wanted = BLOCK;
        sink.came_to(at)?;
    }
}

/// Where the line ends that goes on at `from`; `None` where the file ends before.
fn end_of_line(window: &mut Window<dyn ReadAt + '_>, from: u64, sink: &mut Sink) -> io::Result<Option<u64>> {
    let mut at = from;
    loop {
        let bytes = window.at(at, BLOCK)?;
        if let Some(end) = memchr(b'\n', bytes) {
            return Ok(Some(at + end as u64 + 1));
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        at += bytes.len() as u64;
        sink.came_to(at)?;
    }
}
