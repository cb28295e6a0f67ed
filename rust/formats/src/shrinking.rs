//! Files that get shorter while they are read, and disks that fail: in every format what comes before is read.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::registry::readers;
use crate::shared::contents::FileContents;
use crate::shared::example::{Example, ExampleUnits, Examples, Framing};
use crate::shared::input::Input;
use crate::shared::options::ReadOptions;
use crate::shared::reader::FormatReader;
use crate::shared::sink::Sink;
use stepbridge_io::bytes::ReadAt;
use stepbridge_io::progress::Progress;

/// What becomes of a file after some reads.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// It ends here.
    Ends(usize),
    /// The system gives nothing from here on.
    Fails(usize),
}

/// A file that is read in small steps, and has its fate after so many of them.
struct Doomed<'a> {
    bytes: &'a [u8],
    reads: AtomicUsize,
    after: usize,
    fate: Fate,
}

impl ReadAt for Doomed<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        const STEP: usize = 1000;
        let step = buffer.len().min(STEP);
        let at = usize::try_from(offset).expect("in memory");
        let end = match self.fate {
            _ if self.reads.fetch_add(1, Ordering::Relaxed) < self.after => self.bytes.len(),
            Fate::Fails(end) if at + step > end => return Err(io::Error::other("the disk is broken")),
            Fate::Fails(end) | Fate::Ends(end) => end,
        };
        ReadAt::read_at(&self.bytes[..end], &mut buffer[..step], offset)
    }
}

/// Reads a file of `size` bytes, as it was said to have before.
fn read(reader: &FormatReader, bytes: &dyn ReadAt, size: usize, threads: usize) -> (FileContents, bool) {
    let name = reader.examples.file;
    let (progress, options, mut batches) = (Progress::default(), ReadOptions::default(), Vec::new());
    let mut emit = |tagged| batches.push(tagged);
    let size = size as u64;
    let mut sink = Sink::new(name, size, &progress, &mut emit);
    let (path, folder) = (Path::new("nowhere"), &[]);
    let mut input = Input { file: name, path, folder, name, bytes, size, threads, options: &options, mark: None };
    let failed = (reader.read)(&mut input, &mut sink).is_err();
    let Sink { problems, facts, mark, .. } = sink;
    (FileContents { batches, problems, facts, mark }, failed)
}

fn values(read: &FileContents) -> HashSet<u64> {
    read.batches.iter().flat_map(|tagged| tagged.columns.value.iter().map(|value| value.to_bits())).collect()
}

/// A file of a format with hundreds of values, each of which occurs once.
fn sample(reader: &FormatReader) -> Vec<u8> {
    let Examples { framing, all, .. } = &reader.examples;
    let Example { head, units, tail } = &all[0];
    let (ending, between) = if *framing == Framing::List { ("", ",\n") } else { ("\n", "") };
    match units {
        ExampleUnits::Text(unit) => {
            let unit = |i: u16| unit(i, f64::from(i) + 0.25, f64::from(i) + 0.5) + ending;
            let units: Vec<String> = (0..300).map(unit).collect();
            [head, units.join(between).as_bytes(), tail.as_bytes()].concat()
        }
        ExampleUnits::Document(document) => document().expect("a document"),
        ExampleUnits::Bytes(_) if *framing == Framing::Events => super::tfevents::tests::twenty().0.repeat(5),
        ExampleUnits::Bytes(_) => super::wandb::tests::several().0,
    }
}

#[test]
fn what_stands_before_is_read() {
    for reader in readers() {
        let (bytes, called) = (sample(reader), reader.description.name);
        let all = values(&read(reader, &&bytes[..], bytes.len(), 1).0);
        assert!(all.len() >= 20, "{called}");
        for tenth in 0..10 {
            let end = bytes.len() * tenth / 10;
            let before = values(&read(reader, &&bytes[..end], end, 1).0);
            for (fate, after, threads) in [0, 1, 2, 3, 7].into_iter().flat_map(|after| {
                [Fate::Ends(end), Fate::Fails(end)]
                    .into_iter()
                    .flat_map(move |fate| [1, 3].map(|threads| (fate, after, threads)))
            }) {
                let doomed = Doomed { bytes: &bytes, reads: AtomicUsize::new(0), after, fate };
                let (read, failed) = read(reader, &doomed, bytes.len(), threads);
                let case =
                    format!("{called} of {} bytes, {fate:?} after {after} reads: {:?}", bytes.len(), read.problems);
                let seen = values(&read);
                assert!(seen.is_subset(&all), "{case}");
                for problem in &read.problems {
                    let end = problem.offset.unwrap_or(0) + problem.length.unwrap_or(0);
                    assert!(end <= bytes.len() as u64, "{case}");
                }
                match fate {
                    // The pages of a database are not read alone.
                    Fate::Ends(_) => {
                        let kept = reader.examples.framing == Framing::Whole || seen.is_superset(&before);
                        assert!(kept && !failed, "{case}");
                    }
                    Fate::Fails(_) => {
                        assert!(failed || !read.problems.is_empty() || seen.len() == all.len(), "{case}");
                    }
                }
            }
        }
    }
}
