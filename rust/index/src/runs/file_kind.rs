//! What a file is: a log of some format, a ledger, or something else.

use std::io;

use stepbridge_formats::{
    FileHead, FormatReader, HEAD, ReadOptions, SniffedFormat, head_size, placeholder, sniff, sniff_more,
};
use stepbridge_io::bytes::{ReadAt, read_up_to};
use stepbridge_io::decompress::Compression;
use stepbridge_ledger::is_ledger;
use stepbridge_records::ProblemKind;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    /// A log, and what reads it.
    Log(&'static FormatReader),
    /// A ledger.
    Ledger,
    /// Something that is not read.
    Other,
    /// A file that should be a log and is not.
    Broken(ProblemKind, &'static str),
}

/// What a file is, by its first bytes, its name, and what the caller says. `bytes` and `size` are those of the file itself,
/// `head` is decompressed.
pub(super) fn kind_of(
    head: &FileHead,
    options: &ReadOptions,
    bytes: &dyn ReadAt,
    size: u64,
    compression: Option<Compression>,
) -> io::Result<FileKind> {
    let unless_placeholder =
        |kind| placeholder(head.bytes).map_or(kind, |(kind, reason)| FileKind::Broken(kind, reason));
    if let Some(reader) = options.format {
        return Ok(unless_placeholder(FileKind::Log(reader)));
    }
    if is_ledger(head.name, head.bytes) {
        return Ok(unless_placeholder(FileKind::Ledger));
    }
    Ok(match sniff(head, options) {
        SniffedFormat::Log(reader) => FileKind::Log(reader),
        SniffedFormat::Unknown => look_further(head, options, bytes, size, compression)?,
        SniffedFormat::Broken(kind, reason) => FileKind::Broken(kind, reason),
    })
}

/// What a file is of which its head shows nothing: more of it is read if its name says that it may be a log.
fn look_further(
    head: &FileHead,
    options: &ReadOptions,
    bytes: &dyn ReadAt,
    size: u64,
    compression: Option<Compression>,
) -> io::Result<FileKind> {
    let available = compression.map_or(usize::try_from(size).unwrap_or(usize::MAX), |_| usize::MAX);
    let length = head_size(head.name, options).min(available);
    if length <= HEAD {
        return Ok(FileKind::Other);
    }
    let first = if let Some(compression) = compression {
        compression.head(bytes, length)?.0
    } else {
        let mut first = vec![0; length];
        let held = read_up_to(bytes, 0, &mut first, 0)?;
        first.truncate(held);
        first
    };
    Ok(sniff_more(&FileHead { bytes: &first, ..*head }, options).map_or(FileKind::Other, FileKind::Log))
}
