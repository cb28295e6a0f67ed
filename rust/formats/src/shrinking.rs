//! Files that get shorter while they are read, and disks that fail: in every format what comes before is read.

use std::collections::HashSet;
use std::fmt::Write;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::registry::reader;
use crate::shared::contents::FileContents;
use crate::shared::input::Input;
use crate::shared::options::ReadOptions;
use crate::shared::sink::Sink;
use stepbridge_io::bytes::ReadAt;
use stepbridge_io::progress::Progress;
use stepbridge_records::Format;

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
fn read(format: Format, name: &str, bytes: &dyn ReadAt, size: usize, threads: usize) -> (FileContents, bool) {
    let (progress, options, mut batches) = (Progress::default(), ReadOptions::default(), Vec::new());
    let mut emit = |tagged| batches.push(tagged);
    let size = size as u64;
    let mut sink = Sink::new(name, size, &progress, &mut emit);
    let (path, folder) = (Path::new("nowhere"), &[]);
    let mut input = Input { file: name, path, folder, name, bytes, size, threads, options: &options, mark: None };
    let failed = (reader(format).read)(&mut input, &mut sink).is_err();
    let Sink { problems, facts, mark, .. } = sink;
    (FileContents { batches, problems, facts, mark }, failed)
}

fn values(read: &FileContents) -> HashSet<u64> {
    read.batches.iter().flat_map(|tagged| tagged.columns.value.iter().map(|value| value.to_bits())).collect()
}

fn lines(head: &str, line: impl Fn(u32) -> String) -> Vec<u8> {
    (0..300)
        .fold(head.to_owned(), |mut text, i| {
            writeln!(text, "{}", line(i)).expect("text");
            text
        })
        .into_bytes()
}

/// A file of each format, each value in it its own.
fn sample(format: Format) -> (&'static str, Vec<u8>) {
    match format {
        Format::TfEvents => ("x.tfevents.y", super::tfevents::tests::twenty().0.repeat(5)),
        Format::Wandb => ("run.wandb", super::wandb::tests::several().0),
        Format::MlflowDb => ("mlflow.db", super::mlflow_db::tests::many(500)),
        Format::LightningCsv => ("metrics.csv", lines("step,epoch,a\n", |i| format!("{i},0,{i}.25"))),
        Format::KerasCsv => ("log.csv", lines("epoch,loss\n", |i| format!("{i},{i}.25"))),
        Format::Ultralytics => ("results.csv", lines("epoch,train/loss,x/lr0\n", |i| format!("{i},{i}.25,{i}.5"))),
        Format::StableBaselines3 => ("progress.csv", lines("loss,steps\n", |i| format!("{i}.25,{i}"))),
        Format::Csv => ("table.csv", lines("step,loss\n", |i| format!("{i},{i}.25"))),
        Format::TrainerState => {
            let mut text = lines("{\"log_history\": [\n", |i| format!("{{\"loss\": {i}.25, \"step\": {i}}},"));
            text.truncate(text.len() - 2);
            text.extend(b"]}");
            ("trainer_state.json", text)
        }
        Format::Mmengine => ("scalars.json", lines("", |i| format!("{{\"loss\": {i}.25, \"step\": {i}}}"))),
        Format::Mmcv => (
            "a.log.json",
            lines("", |i| format!("{{\"mode\": \"train\", \"epoch\": 1, \"iter\": {i}, \"loss\": {i}.25}}")),
        ),
        Format::Detectron2 => {
            ("metrics.json", lines("", |i| format!("{{\"iteration\": {i}, \"total_loss\": {i}.25}}")))
        }
        Format::WandbHistory => ("wandb-history.jsonl", lines("", |i| format!("{{\"_step\": {i}, \"loss\": {i}.25}}"))),
        Format::JsonLines => ("log.jsonl", lines("", |i| format!("{{\"step\": {i}, \"loss\": {i}.25}}"))),
        Format::Mlflow => ("loss", lines("", |i| format!("{} {i}.25 {i}", 1_664_364_007_310_u64 + u64::from(i)))),
        Format::Text => ("train.log", lines("", |i| format!("Epoch 1, Iter {i}, Step {i}: loss {i}.25"))),
    }
}

#[test]
fn what_stands_before_is_read() {
    for format in Format::ALL {
        let (name, bytes) = sample(format);
        let all = values(&read(format, name, &&bytes[..], bytes.len(), 1).0);
        assert!(all.len() >= 20, "{format:?}");
        for tenth in 0..10 {
            let end = bytes.len() * tenth / 10;
            let before = values(&read(format, name, &&bytes[..end], end, 1).0);
            for (fate, after, threads) in [0, 1, 2, 3, 7].into_iter().flat_map(|after| {
                [Fate::Ends(end), Fate::Fails(end)]
                    .into_iter()
                    .flat_map(move |fate| [1, 3].map(|threads| (fate, after, threads)))
            }) {
                let doomed = Doomed { bytes: &bytes, reads: AtomicUsize::new(0), after, fate };
                let (read, failed) = read(format, name, &doomed, bytes.len(), threads);
                let case =
                    format!("{format:?} of {} bytes, {fate:?} after {after} reads: {:?}", bytes.len(), read.problems);
                let seen = values(&read);
                assert!(seen.is_subset(&all), "{case}");
                for problem in &read.problems {
                    let end = problem.offset.unwrap_or(0) + problem.length.unwrap_or(0);
                    assert!(end <= bytes.len() as u64, "{case}");
                }
                match fate {
                    // The pages of a database are not read alone.
                    Fate::Ends(_) => {
                        let kept = format == Format::MlflowDb || seen.is_superset(&before);
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
