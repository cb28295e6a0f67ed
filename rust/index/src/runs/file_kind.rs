//! What a file is: a log of some format, a ledger, or something else.

use std::io;

use stepbridge_formats::{
    FileHead, HEAD, ReadOptions, SniffedFormat, has_named_columns, has_named_keys, is_text_log as is_text, placeholder,
    sniff, text_head_size,
};
use stepbridge_io::bytes::ReadAt;
use stepbridge_io::decompress::Compression;
use stepbridge_ledger::is_ledger;
use stepbridge_records::{Format, ProblemKind};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    /// A log of this format.
    Log(Format),
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
    if let Some(format) = options.format {
        return Ok(unless_placeholder(FileKind::Log(format)));
    }
    if is_ledger(head.name, head.bytes) {
        return Ok(unless_placeholder(FileKind::Ledger));
    }
    Ok(match sniff(head) {
        SniffedFormat::Log(format) => FileKind::Log(format),
        // The caller names a column of it, so it is a table of records.
        SniffedFormat::Unknown | SniffedFormat::Broken(ProblemKind::MissingColumn, _)
            if has_named_columns(head, &options.columns) =>
        {
            FileKind::Log(Format::Csv)
        }
        SniffedFormat::Unknown if has_named_keys(head, &options.columns) => FileKind::Log(Format::JsonLines),
        // Text may have its shape further on, or a shape that only the caller knows.
        SniffedFormat::Unknown if is_text_log(head, options, bytes, size, compression)? => FileKind::Log(Format::Text),
        SniffedFormat::Unknown => FileKind::Other,
        SniffedFormat::Broken(kind, reason) => FileKind::Broken(kind, reason),
    })
}

/// Whether a file of no other format is a text log. More of it is read than its head if its name says that it may be one.
fn is_text_log(
    head: &FileHead,
    options: &ReadOptions,
    bytes: &dyn ReadAt,
    size: u64,
    compression: Option<Compression>,
) -> io::Result<bool> {
    let length = text_head_size(head.name);
    if length <= HEAD as u64 && options.pattern.is_none() {
        return Ok(false);
    }
    let pattern = options.pattern.as_deref();
    let Some(compression) = compression else { return is_text(head.name, bytes, size, pattern) };
    let first = compression.head(bytes, usize::try_from(length).unwrap_or(HEAD))?.0;
    is_text(head.name, &&first[..], first.len() as u64, pattern)
}
