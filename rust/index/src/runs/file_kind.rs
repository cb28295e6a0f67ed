//! What a file is: a log of some format, a ledger, or something else.

use std::io;

use stepbridge_formats::{
    FileHead, FormatReader, HEAD, ReadOptions, SniffedFormat, head_size, placeholder, sniff, sniff_further,
};
use stepbridge_io::bytes::ReadAt;
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
    let length = head_size(head.name);
    if length <= HEAD as u64 && options.pattern.is_none() {
        return Ok(FileKind::Other);
    }
    let found = match compression {
        None => sniff_further(head.name, bytes, size, options)?,
        Some(compression) => {
            let first = compression.head(bytes, usize::try_from(length).unwrap_or(HEAD))?.0;
            sniff_further(head.name, &&first[..], first.len() as u64, options)?
        }
    };
    Ok(found.map_or(FileKind::Other, FileKind::Log))
}
