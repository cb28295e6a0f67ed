//! A metric of `MLflow`'s file store: `RUN/metrics/NAME`, a line a value, `timestamp value step`.
//!
//! The time is in milliseconds. Older versions wrote no step; newer ones may add the name and the digest of a dataset, and
//! the metrics of a logged model (`models/m-.../metrics/NAME`) name their run. The name of a metric may hold slashes, so
//! that it has folders of its own, one of which may be called `metrics` too.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::shared::config::{ConfigFile, Setting, common_item, whole};
use crate::shared::example::{Example, Examples, Framing};
use crate::shared::head::{FileHead, placeholder};
use crate::shared::input::Input;
use crate::shared::line_cutter::{CutLine, each_line};
use crate::shared::reader::FormatReader;
use crate::shared::record_builder::{RecordBuilder, RowPlace};
use crate::shared::sink::Sink;
use crate::shared::wall_time::milliseconds;
use stepbridge_records::{BatchRun, FormatDescription, Problem, ProblemKind, TaggedBatch};

/// The folder that holds a run's metrics.
const METRICS: &str = "metrics";
/// How many records a batch has at most.
const PIECE: usize = 100_000;

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "mlflow",
        title: "MLflow file store",
        writer: Some("MLflow"),
        ..FormatDescription::UNKNOWN
    },
    // Metrics are called as their author likes.
    matches,
    folders_above,
    read,
    examples: Examples {
        file: "loss",
        framing: Framing::Lines,
        all: &[
            Example::text("", |i, one, _| format!("{} {one} {i}", 1_664_364_007_310_u64 + u64::from(i))),
            Example::text("", |i, one, _| format!("{} {one}\r", 1_664_364_007_310_u64 + u64::from(i))),
            Example::text("", |i, one, _| format!("1664364007310 {one} -{i} iris 0a1b")),
        ],
    },
    configs: &[ConfigFile { names: &[], below: Some("params"), settings: parameter, item: common_item }],
    ..FormatReader::NONE
};

/// A parameter: a file in the folder `params` of its run, which holds the value.
fn parameter(name: &str, text: &str) -> Vec<Setting> {
    whole(text).map(|value| (name.to_owned(), value)).into_iter().collect()
}

/// By the folder that only `MLflow` makes, and one line; or by nothing but lines, if all say a time of this age.
fn matches(head: &FileHead) -> bool {
    if inside_run(head.folder.iter().map(String::as_str)).is_some() {
        return placeholder(head.bytes).is_some() || head.lines().any(|line| MetricLine::of(line).is_some());
    }
    let whole = head.bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let lines = FileHead { bytes: &head.bytes[..whole], ..*head };
    let mut sure = lines.lines().map(|line| MetricLine::of(line).is_some_and(|line| line.is_sure())).peekable();
    sure.peek().is_some() && sure.all(|sure| sure)
}

/// Which of some folders is the `metrics` of a run, found from the run's own name.
fn inside_run<'a>(folders: impl Iterator<Item = &'a str>) -> Option<usize> {
    let mut above = "";
    for (index, folder) in folders.enumerate() {
        let id = above.strip_prefix("m-").unwrap_or(above);
        if folder == METRICS && id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Some(index);
        }
        above = folder;
    }
    None
}

/// What a line says.
struct MetricLine<'a> {
    time: &'a str,
    value: f64,
    step: Option<&'a str>,
}

impl<'a> MetricLine<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let mut parts = text.trim().split(' ');
        let (time, value, step) = (parts.next()?, parts.next()?, parts.next());
        // Behind them the run, and a dataset's name and digest.
        let known = parts.count() <= 3;
        let digits = time.strip_prefix('-').unwrap_or(time);
        let sound = known && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        sound.then_some(Self { time, value: value.parse().ok()?, step })
    }

    /// Whether it would be taken for a metric's line anywhere: its time lies between 2001 and 2286.
    fn is_sure(&self) -> bool {
        self.time.len() == 13 && self.step.is_some_and(|step| step.parse::<i64>().is_ok())
    }
}

/// Where reading can go on.
struct MetricMark {
    at: u64,
    lines: u64,
}

/// The lines that were read and not yet handed on.
struct MetricLines<'a> {
    file: &'a str,
    tag: String,
    run: BatchRun,
    records: RecordBuilder,
    /// Lines that are none of a metric, next to each other: where they begin and end, and which is the first.
    bad: Option<(u64, u64, u64)>,
    count: u64,
}

fn read(input: &mut Input, sink: &mut Sink) -> io::Result<()> {
    let mut window = input.window();
    if let Some((kind, reason)) = placeholder(window.at(0, 64)?) {
        sink.report(kind, 0, input.size, reason);
        return Ok(());
    }
    let mark = input.mark.take().and_then(|mark| mark.downcast::<MetricMark>().ok());
    let (at, count) = mark.map_or((0, 0), |mark| (mark.at, mark.lines));
    let (tag, run) = place(input);
    let mut lines = MetricLines { file: input.file, tag, run, records: RecordBuilder::default(), bad: None, count };
    let at = each_line(&mut window, at, sink, |CutLine { begin, end, bytes }, sink| {
        match bytes {
            Some(line) => lines.line(line, begin, end, sink),
            None => lines.bad(begin, end, sink),
        }
        Ok(())
    })?;
    lines.end_of_bad(sink);
    let size = window.size();
    if at < size {
        let reason = "the file ends inside a line: it is still being written, or its writer was stopped; the line was \
                      left out";
        sink.problem(Problem::new(input.file, ProblemKind::Truncated, reason).at(at, size - at).of_record(lines.count));
    }
    lines.hand_on(sink);
    sink.mark = Some(Arc::new(MetricMark { at, lines: lines.count }));
    Ok(())
}

/// The name of the metric, and whose it is.
fn place(input: &Input) -> (String, BatchRun) {
    let (path, metrics) = metrics_of(input.path, input.folder);
    let Some(metrics) = metrics else { return (input.name.to_owned(), BatchRun::Folder) };
    let names: Vec<&str> = path[metrics + 1..].iter().map(String::as_str).chain([input.name]).collect();
    (names.join("/"), BatchRun::Above((path.len() - metrics).min(input.folder.len())))
}

/// The folders of a file, and which of them is the `metrics` of its run.
fn metrics_of(path: &Path, folder: &[String]) -> (Vec<String>, Option<usize>) {
    let path: Vec<String> =
        path.parent().into_iter().flatten().map(|name| name.to_string_lossy().into_owned()).collect();
    let below = path.len().saturating_sub(folder.len());
    let metrics = inside_run(path.iter().map(String::as_str))
        .or_else(|| folder.iter().position(|folder| folder == METRICS).map(|index| below + index))
        .or_else(|| path.iter().rposition(|folder| folder == METRICS));
    (path, metrics)
}

fn folders_above(path: &Path, folder: &[String]) -> usize {
    let (path, metrics) = metrics_of(path, folder);
    metrics.map_or(0, |metrics| (path.len() - metrics).min(folder.len()))
}

impl MetricLines<'_> {
    fn line(&mut self, line: &[u8], begin: u64, end: u64, sink: &mut Sink) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let said = std::str::from_utf8(line).ok().and_then(MetricLine::of);
        let Some((said, time)) = said.and_then(|said| said.time.parse::<i64>().ok().map(|time| (said, time))) else {
            self.bad(begin, end, sink);
            return;
        };
        let index = self.count;
        self.count += 1;
        self.end_of_bad(sink);
        let step = match said.step.map(str::parse::<i64>) {
            None => None,
            Some(Ok(step)) => Some(step),
            Some(Err(_)) => {
                let reason = format!(
                    "the step of a line is '{}', not a whole number; its value has none",
                    said.step.unwrap_or_default()
                );
                let problem = Problem::new(self.file, ProblemKind::NotANumber, reason);
                sink.problem(problem.at(begin, end - begin).of_record(index));
                None
            }
        };
        self.records.push(0, said.value);
        self.records.end_row(RowPlace { step, epoch: None, wall_time: milliseconds(time) });
        sink.facts.records_ok += 1;
        if self.records.len() >= PIECE {
            self.hand_on(sink);
        }
    }

    /// Takes down a line that is none of a metric.
    fn bad(&mut self, begin: u64, end: u64, sink: &mut Sink) {
        match &mut self.bad {
            Some(bad) if bad.1 == begin => bad.1 = end,
            _ => {
                self.end_of_bad(sink);
                self.bad = Some((begin, end, self.count));
            }
        }
        self.count += 1;
    }

    fn end_of_bad(&mut self, sink: &mut Sink) {
        if let Some((begin, end, index)) = self.bad.take() {
            let reason = "this is not a line of a metric (time, value, step); it was left out";
            let problem = Problem::new(self.file, ProblemKind::Corrupt, reason);
            sink.problem(problem.at(begin, end - begin).of_record(index));
        }
    }

    fn hand_on(&mut self, sink: &mut Sink) {
        let columns = std::mem::take(&mut self.records).into_columns(READER.format());
        sink.emit(TaggedBatch { tags: vec![self.tag.clone()], columns, run: self.run.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{SniffedFormat, sniff};
    use crate::shared::contents::FileContents;
    use crate::shared::line_cutter::LONGEST;
    use crate::shared::options::ReadOptions;
    use crate::test_reading::read_for_test;
    use proptest::prelude::*;
    use std::path::Path;

    const RUN: &str = "cb0096518b0e4c66a94428555f05420b";

    fn read_text(text: &[u8]) -> FileContents {
        read_for_test(&READER, "loss", text, &ReadOptions::default(), 1)
    }

    /// Records as (step, time, value).
    fn records(read: &FileContents) -> Vec<(Option<i64>, f64, f64)> {
        let batches = read.batches.iter().map(|tagged| &tagged.columns);
        batches
            .flat_map(|batch| {
                let time = batch.wall_time.clone().unwrap_or_default();
                (0..batch.len()).map(move |i| (batch.step_of(i), time[i], batch.value[i])).collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn lines_of_every_version() {
        let read = read_text(
            b"1664364007310 0.5 0\n1664364007311 1e-05\n1664364007312 inf 3 iris 0a1b\n1664364007313 -2 -7 run1 iris 0a1b\r\n\n",
        );
        assert_eq!(
            records(&read),
            [
                (Some(0), 1_664_364_007.31, 0.5),
                (None, 1_664_364_007.311, 1e-5),
                (Some(3), 1_664_364_007.312, f64::INFINITY),
                (Some(-7), 1_664_364_007.313, -2.0)
            ]
        );
        assert_eq!((read.facts.records_ok, &read.problems[..]), (4, &[][..]));
        assert!(records(&read_text(b"1 nan 0\n"))[0].2.is_nan());
        assert_eq!(read_text(b"1664364007310 0.5\n").batches[0].columns.step, None);
    }

    #[test]
    fn what_is_no_line_is_reported_and_the_rest_kept() {
        let text = b"1 0.5 0\n<<<<<<< HEAD\n=======\n2 0.25 1\n3 x 2\n4 0.5 1.5\n5 0.125 99999999999999999999\n6 1 2 3 4 5 6\n7 1";
        let read = read_text(text);
        let seen: Vec<_> = records(&read).iter().map(|record| (record.0, record.2)).collect();
        assert_eq!(seen, [(Some(0), 0.5), (Some(1), 0.25), (None, 0.5), (None, 0.125)]);
        let kinds: Vec<_> = read.problems.iter().map(|it| (it.kind, it.offset, it.length, it.record)).collect();
        let at = |what: &str| text.windows(what.len()).position(|window| window == what.as_bytes()).map(|at| at as u64);
        assert_eq!(
            kinds,
            [
                (ProblemKind::Corrupt, at("<<<"), Some(21), Some(1)),
                (ProblemKind::Corrupt, at("3 x"), Some(6), Some(4)),
                (ProblemKind::NotANumber, at("4 0.5"), Some(10), Some(5)),
                (ProblemKind::NotANumber, at("5 0.1"), Some(29), Some(6)),
                (ProblemKind::Corrupt, at("6 1"), Some(14), Some(7)),
                (ProblemKind::Truncated, at("7 1"), Some(3), Some(8)),
            ]
        );
    }

    #[test]
    fn a_line_beyond_measure_is_passed_over() {
        let long = "0".repeat(3 * LONGEST);
        let read = read_text(format!("1 0.5 0\n{long}\n2 0.25 1\n{long}").as_bytes());
        assert_eq!(records(&read).iter().map(|record| record.2).collect::<Vec<_>>(), [0.5, 0.25]);
        let end = 8 + long.len() as u64 + 1;
        let found: Vec<_> = read.problems.iter().map(|it| (it.kind, it.offset, it.length, it.record)).collect();
        assert_eq!(
            found,
            [
                (ProblemKind::Corrupt, Some(8), Some(end - 8), Some(1)),
                (ProblemKind::Truncated, Some(end + 9), Some(long.len() as u64), Some(3)),
            ]
        );
    }

    #[test]
    fn found_by_its_folder_or_by_all_its_lines() {
        let folder = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        for (names, bytes, expected) in [
            (vec!["0", RUN, "metrics"], &b"1 0.5 0\n"[..], true),
            (vec!["0", RUN, "metrics", "val"], b"damaged\n1 0.5\n", true),
            (vec![RUN, "metrics"], b"", true),
            (vec!["0", RUN, "params"], b"0.5", false),
            (vec!["0", RUN, "metrics"], b"\x89PNG\n", false),
            (vec![], b"1664364007310 0.5 0\n1664364007310 0.5 1\n16643", true),
            (vec!["metrics"], b"1664364007310 0.5 0\n1664364007310 0.5\n", false),
            (vec![], b"1664364007310 0.5 0\nhello\n", false),
            (vec!["metrics"], b"1 0.5 0\n", false),
            (vec![], b"", false),
        ] {
            let folder = folder(&names);
            let sniffed = sniff(&FileHead { name: "loss", folder: &folder, bytes }, &ReadOptions::default());
            assert_eq!(sniffed == SniffedFormat::Log(&READER), expected, "{names:?} {bytes:?}");
        }
    }

    #[test]
    fn the_run_is_the_folder_above_metrics_and_the_tag_what_is_below() {
        for (root, folder, name, tag, above) in [
            ("", vec!["mlruns", "0", RUN, "metrics"], "loss", "loss", 1),
            ("", vec!["mlruns", "0", RUN, "metrics", "metrics"], "loss", "metrics/loss", 2),
            ("", vec!["metrics", "0", RUN, "metrics", "val", "a"], "loss", "val/a/loss", 3),
            (RUN, vec!["metrics", "val"], "loss", "val/loss", 2),
            ("/x/metrics/cb0096518b0e4c66a94428555f05420b/metrics", vec!["val"], "loss", "val/loss", 1),
            ("cb0096518b0e4c66a94428555f05420b/metrics/val", vec![], "loss", "val/loss", 0),
            ("", vec!["custom", "metrics", "metrics"], "loss", "metrics/loss", 2),
            ("metrics", vec![], "loss", "loss", 0),
            ("elsewhere", vec![], "loss", "loss", 99),
        ] {
            let path = folder.iter().fold(Path::new(root).to_owned(), |path, folder| path.join(folder)).join(name);
            let folder: Vec<String> = folder.into_iter().map(str::to_owned).collect();
            let options = ReadOptions::default();
            let input = Input {
                file: "",
                path: &path,
                folder: &folder,
                name,
                bytes: &&b""[..],
                size: 0,
                threads: 1,
                options: &options,
                mark: None,
            };
            let run = if above == 99 { BatchRun::Folder } else { BatchRun::Above(above) };
            assert_eq!(place(&input), (tag.to_owned(), run), "{}", path.display());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_reported(
            text in prop::collection::vec(
                prop_oneof![
                    4 => Just(b"1664364007310 0.5 1\n".to_vec()),
                    1 => prop::collection::vec(any::<u8>(), 0..30),
                    1 => "[0-9 .\n-]{0,30}".prop_map(String::into_bytes),
                ],
                0..20,
            )
        ) {
            let text = text.concat();
            let read = read_text(&text);
            let reported: u64 = read
                .problems
                .iter()
                .filter(|it| it.kind != ProblemKind::NotANumber)
                .map(|it| it.length.unwrap_or(0))
                .sum();
            if read.problems.iter().all(|it| it.kind != ProblemKind::Empty && it.kind != ProblemKind::LfsPointer) {
                let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
                let sound: usize = lines
                    .iter()
                    .filter(|line| line.ends_with(b"\n"))
                    .filter(|line| {
                        let text = std::str::from_utf8(&line[..line.len() - 1]).ok();
                        line.trim_ascii().is_empty()
                            || text.and_then(MetricLine::of).is_some_and(|line| line.time.parse::<i64>().is_ok())
                    })
                    .map(|line| line.len())
                    .sum();
                prop_assert_eq!(reported + sound as u64, text.len() as u64);
            }
            prop_assert_eq!(records(&read).len() as u64, read.facts.records_ok);
        }
    }
}
