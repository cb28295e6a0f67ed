//! Parquet tables: Neptune's export (a row a value), W&B's history and others (a column a series), and our own tables.
//!
//! What a step is the author decides. Neptune's is a decimal; one that is not whole is no step. W&B's `_step` counts the calls of
//! `wandb.log`, and the number of updates in the same row is the step of its series, as in its other files. Our own tables are read
//! only if the caller names the format, because one in the folder of the logs holds the same records once more.
//!
//! A page that is damaged costs its row group: from that block of rows on, or all of it if the header of the page is damaged.

mod cells;
mod example;
mod layout;
mod pages;
mod rows;

use std::fs::File;
use std::io;
use std::panic::{self, AssertUnwindSafe};

use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::shared::example::{Example, ExampleUnits, Examples, Framing};
use crate::shared::head::HEAD;
use crate::shared::input::Input;
use crate::shared::on_disk::{copy, is_on_disk};
use crate::shared::options::ReadOptions;
use crate::shared::reader::FormatReader;
use crate::shared::sink::Sink;
use layout::TableLayout;
use pages::PagesVerdict;
use rows::TableRows;
use stepbridge_io::bytes::{ReadAt, read_up_to};
use stepbridge_io::open::open_file;
use stepbridge_records::{FormatDescription, FormatOptions, ProblemKind};

/// The key of the mark in the Arrow and Parquet files that this library writes.
pub const OWN_TABLE: &str = "stepbridge.table";
/// What a file begins and ends with.
const MAGIC: &[u8; 4] = b"PAR1";
/// The size of the end of a file: the size of what it says of itself, and the mark.
const END: usize = 8;
/// How many bytes a file may use to describe itself.
const FOOTER: u64 = 16 << 20;
/// How many rows are held at once.
const ROWS: usize = 16 << 10;
/// A row group above this size, and above this many times the size of the file, is not read. Nor is a compressed file with
/// more content known for a table without `format=`.
const LARGE: u64 = 64 << 20;
const RATIO: u64 = 200;

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "parquet",
        title: "Parquet",
        options: FormatOptions { columns: true, pattern: false },
        ..FormatDescription::UNKNOWN
    },
    // The end of the file says what its columns are. Of a compressed file that takes all of the content.
    head_size: |name| if has_ending(name) { LARGE } else { HEAD as u64 },
    matches_further,
    read,
    reads_own_tables: true,
    examples: Examples {
        file: "run.parquet",
        framing: Framing::Whole,
        all: &[Example { head: b"", units: ExampleUnits::Document(example::example), tail: "" }],
    },
    ..FormatReader::NONE
};

fn has_ending(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("parquet"))
}

fn matches_further(_name: &str, bytes: &dyn ReadAt, size: u64, options: &ReadOptions) -> io::Result<bool> {
    let mut begin = [0; MAGIC.len()];
    let mut end = [0; END];
    let Some(body) = size.checked_sub(END as u64) else { return Ok(false) };
    if read_up_to(bytes, 0, &mut begin, 0)? < begin.len()
        || read_up_to(bytes, body, &mut end, 0)? < end.len()
        || begin != *MAGIC
        || end[4..] != *MAGIC
    {
        return Ok(false);
    }
    let length = u64::from(u32::from_le_bytes([end[0], end[1], end[2], end[3]]));
    let Some(from) = body.checked_sub(length).filter(|_| length <= FOOTER) else { return Ok(false) };
    let mut footer = vec![0; usize::try_from(length).unwrap_or(0)];
    if read_up_to(bytes, from, &mut footer, 0)? < footer.len() {
        return Ok(false);
    }
    let described = guarded(|| ParquetMetaDataReader::decode_metadata(&footer));
    Ok(described.is_ok_and(|described| {
        let described = described.file_metadata();
        let is_own = described.key_value_metadata().into_iter().flatten().any(|entry| entry.key == OWN_TABLE);
        !is_own && TableLayout::of(described.schema_descr(), &options.columns).is_some()
    }))
}

/// Reads what its columns hold. A panic of the library on damaged bytes is an error like others.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    let broken = |_| Err(ParquetError::General("its bytes contradict each other".to_owned()));
    panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(broken)
}

fn read(input: &mut Input, sink: &mut Sink) -> io::Result<()> {
    let (_copy, file): (_, File) = if is_on_disk(input)? {
        (None, open_file(input.path)?.0)
    } else {
        let copy = copy(input)?;
        let file = copy.reopen()?;
        (Some(copy), file)
    };
    let opened = guarded(|| SerializedFileReader::new(file));
    let reader = match opened {
        Ok(reader) => reader,
        Err(error) => {
            let reason = format!("it is not a Parquet file, or its end is missing ({error})");
            sink.report(ProblemKind::NotALog, 0, input.size, reason);
            sink.another = true;
            return Ok(());
        }
    };
    let described = reader.metadata();
    let layout = TableLayout::of(described.file_metadata().schema_descr(), &input.options.columns);
    let Some(layout) = layout else {
        let reason = "it is a Parquet file without columns of steps and values: name the column that holds the step with step_column=";
        sink.report(ProblemKind::MissingColumn, 0, input.size, reason);
        sink.another = true;
        return Ok(());
    };
    let mut rows = TableRows::new(input.file, layout);
    for index in 0..reader.num_row_groups() {
        let (begin, end) = extent(described, index, input.size);
        sink.came_to(begin)?;
        let left_out = match verdict(described, index, input)? {
            PagesVerdict::Sound => None,
            PagesVerdict::TooLarge => Some((ProblemKind::TooLarge, "claims to hold more than its bytes can")),
            PagesVerdict::Damaged => Some((ProblemKind::Corrupt, "is damaged: the header of a page cannot be read")),
        };
        if let Some((kind, what)) = left_out {
            sink.report(kind, begin, end, format!("row group {index} {what}; it was left out"));
            continue;
        }
        let read = guarded(|| {
            let group = reader.get_row_group(index)?;
            rows.group(group.as_ref(), sink)
        });
        if let Err(error) = read {
            sink.came_to(begin)?;
            let reason = format!("row group {index} is damaged ({error}); its rows were left out from there on");
            sink.report(ProblemKind::Corrupt, begin, end, reason);
        }
    }
    rows.finish(sink)
}

/// Where the bytes of a row group begin and end.
fn extent(described: &ParquetMetaData, index: usize, size: u64) -> (u64, u64) {
    let ranges = described.row_group(index).columns().iter().map(|column| pages_of(column, size));
    ranges.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1))).unwrap_or((0, size))
}

/// Where the pages of a column begin and end.
fn pages_of(column: &ColumnChunkMetaData, size: u64) -> (u64, u64) {
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    let start = u64::try_from(start).unwrap_or(0).min(size);
    (start, start.saturating_add(u64::try_from(column.compressed_size()).unwrap_or(0)).min(size))
}

/// Whether a row group may be read: neither it nor a page may claim to hold far more than its bytes could.
fn verdict(described: &ParquetMetaData, index: usize, input: &Input) -> io::Result<PagesVerdict> {
    let bound = LARGE.max(input.size.saturating_mul(RATIO));
    let group = described.row_group(index);
    // A cell has eight bytes here, however few it has in the file.
    let within = |bytes: i64| u64::try_from(bytes).is_ok_and(|bytes| bytes <= bound);
    if !within(group.num_rows().saturating_mul(8)) {
        return Ok(PagesVerdict::TooLarge);
    }
    for column in group.columns() {
        let (begin, end) = pages_of(column, input.size);
        if !within(column.uncompressed_size()) {
            return Ok(PagesVerdict::TooLarge);
        }
        match pages::check(input.bytes, begin, end, bound)? {
            PagesVerdict::Sound => {}
            wrong => return Ok(wrong),
        }
    }
    Ok(PagesVerdict::Sound)
}
