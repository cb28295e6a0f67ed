//! Reads files and bytes in memory, for the tests of the formats.

use std::fs::File;
use std::path::Path;

use stepbridge_io::bytes::ReadAt;
use stepbridge_io::progress::Progress;

use crate::shared::contents::FileContents;
use crate::shared::input::Input;
use crate::shared::options::ReadOptions;
use crate::shared::reader::FormatReader;
use crate::shared::sink::Sink;

/// Reads bytes as a file with this name, on this many threads.
pub(crate) fn read_for_test(
    reader: &'static FormatReader,
    name: &str,
    bytes: &[u8],
    options: &ReadOptions,
    threads: usize,
) -> FileContents {
    read(reader, Path::new(name), &bytes, bytes.len() as u64, options, threads)
}

/// Reads a file of the file system.
pub(crate) fn read_file_for_test(reader: &'static FormatReader, path: &Path) -> FileContents {
    let file = File::open(path).expect("the file can be opened");
    let size = file.metadata().expect("the file has a size").len();
    read(reader, path, &file, size, &ReadOptions::default(), 1)
}

fn read(
    reader: &'static FormatReader,
    path: &Path,
    bytes: &dyn ReadAt,
    size: u64,
    options: &ReadOptions,
    threads: usize,
) -> FileContents {
    let progress = Progress::default();
    let mut batches = Vec::new();
    let mut emit = |batch| batches.push(batch);
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
    let mut sink = Sink::new(name, size, &progress, &mut emit);
    let mut input = Input { file: name, path, folder: &[], name, bytes, size, threads, options, mark: None };
    (reader.read)(&mut input, &mut sink).expect("the file can be read");
    let Sink { problems, facts, mark, .. } = sink;
    FileContents { batches, problems, facts, mark }
}
