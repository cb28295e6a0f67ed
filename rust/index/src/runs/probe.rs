//! Says of a file that is elsewhere whether all of it has to be fetched.

use std::fs::File;
use std::io;

use stepbridge_formats::{FileHead, HEAD, ReadOptions, config_above, config_names};
use stepbridge_io::bytes::{ReadAt, read_up_to};
use stepbridge_io::decompress::{self, Compression};
use stepbridge_ledger::NAME;

use super::file_kind::{FileKind, kind_of};
use super::open::{CONFIG, looks_like};
use crate::output::is_own_table;

/// Whether a file in these folders is read as a whole: it is a log, a ledger, or the configuration of a run. Of any other file,
/// a later reading looks at no bytes but those that this function asks `bytes` for.
pub fn is_read_whole(
    name: &str,
    folder: &[String],
    bytes: &dyn ReadAt,
    size: u64,
    options: &ReadOptions,
) -> io::Result<bool> {
    let plain = decompress::plain_name(name);
    let (first, compression) = first_bytes(bytes)?;
    if !options.format.is_some_and(|reader| reader.reads_own_tables) && is_own_table(&first, bytes, size)? {
        return Ok(false);
    }
    if config_above(plain, folder).is_some() && size <= CONFIG {
        return Ok(true);
    }
    let head = FileHead { name: plain, folder, bytes: &first };
    match kind_of(&head, options, bytes, size, compression)? {
        FileKind::Log(_) | FileKind::Ledger => Ok(true),
        FileKind::Broken(..) => Ok(false),
        FileKind::Other => looks_like(&head, bytes, size, compression).map(|_| false),
    }
}

/// The names of files that are read together with a log next to them, if only the log is asked for.
#[must_use]
pub fn companion_names() -> Vec<&'static str> {
    config_names().into_iter().chain([NAME]).collect()
}

/// Whether a file is a table that this library wrote.
pub(super) fn is_own_file(file: &File, size: u64) -> io::Result<bool> {
    is_own_table(&first_bytes(file)?.0, file, size)
}

/// The first bytes of a file, decompressed.
fn first_bytes(bytes: &dyn ReadAt) -> io::Result<(Vec<u8>, Option<Compression>)> {
    let mut head = vec![0; HEAD];
    let held = read_up_to(bytes, 0, &mut head, 0)?;
    head.truncate(held);
    let compression = Compression::of(&head);
    let first = match compression {
        None => head,
        Some(compression) => compression.head(bytes, HEAD)?.0,
    };
    Ok((first, compression))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Bytes that remember which of them were read.
    struct Remote {
        bytes: Vec<u8>,
        read: Mutex<Vec<bool>>,
    }

    impl ReadAt for Remote {
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            let count = self.bytes.as_slice().read_at(buffer, offset)?;
            let from = usize::try_from(offset).expect("a small file");
            self.read.lock().expect("no panic").iter_mut().skip(from).take(count).for_each(|read| *read = true);
            Ok(count)
        }
    }

    /// Whether a file is read whole; and what that is where every byte that was not asked for is a zero.
    fn probe(name: &str, bytes: &[u8]) -> (bool, bool) {
        let of = |bytes: &[u8]| {
            let remote = Remote { bytes: bytes.to_vec(), read: Mutex::new(vec![false; bytes.len()]) };
            let whole = is_read_whole(name, &[], &remote, bytes.len() as u64, &ReadOptions::default());
            (whole.expect("it is in memory"), remote.read.into_inner().expect("no panic"))
        };
        let (whole, read) = of(bytes);
        let sparse: Vec<u8> = bytes.iter().zip(read).map(|(byte, read)| if read { *byte } else { 0 }).collect();
        (whole, of(&sparse).0)
    }

    #[test]
    fn logs_are_read_whole_and_other_files_are_not() {
        let rows: String =
            (0..200_000).map(|step| format!("{{\"step\": {step}, \"loss\": 0.5}}\n")).collect::<Vec<_>>().concat();
        assert_eq!(probe("log.jsonl", rows.as_bytes()), (true, true));
        let table: String =
            (0..200_000).map(|step| format!("{},{step},0.5\n", step / 100)).collect::<Vec<_>>().concat();
        assert_eq!(probe("metrics.csv", format!("epoch,step,loss\n{table}").as_bytes()), (true, true));
        let weights: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
        for name in ["model.safetensors", "model.bin", "weights.log", "weights.csv", "x.parquet", "x.gz"] {
            assert_eq!(probe(name, &weights), (false, false), "{name}");
        }
        let text: String = (0..200_000).map(|line| format!("line {line} of a book\n")).collect::<Vec<_>>().concat();
        for name in ["book.txt", "book.log", "book.md"] {
            assert_eq!(probe(name, text.as_bytes()), (false, false), "{name}");
        }
    }

    #[test]
    fn little_is_asked_for() {
        let weights: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
        let remote = Remote { read: Mutex::new(vec![false; weights.len()]), bytes: weights };
        assert!(!is_read_whole("model.bin", &[], &remote, 12_000_000, &ReadOptions::default()).expect("in memory"));
        let asked = remote.read.lock().expect("no panic").iter().filter(|read| **read).count();
        assert!(asked <= 4 * HEAD, "{asked}");
    }
}
