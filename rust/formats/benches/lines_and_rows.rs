//! What three parts of the readers of text gain: `cargo bench --package stepbridge-formats`.
//!
//! - The template of a JSON line: a line that begins as the one before it is read without looking its keys up. Next to it, the
//!   same values in lines whose keys take turns in two orders, which no template fits.
//! - The cutter of plain rows. Next to it, the same table with one quoted cell in its first row, from which on csv-core cuts
//!   the rows.
//! - The form of a line of a text log: a line that differs from an earlier one in its digits alone is not searched. Next to it,
//!   the same log with a second pattern, which no line has, that begins with a digit: then each digit may matter.
//!
//! Each must be at least 15 % faster; the program fails otherwise.
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]
#![expect(clippy::unwrap_used, reason = "in a bench a panic is the report")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use stepbridge_formats::{Input, ReadOptions, Sink, named};
use stepbridge_io::progress::Progress;

const LINES: u32 = 50_000;
const REPEATS: usize = 20;
const GAIN: f64 = 0.15;

/// Reads a file in memory on one thread. Returns how many records it has.
fn read(name: &str, bytes: &[u8]) -> usize {
    read_with(name.rsplit('.').next().unwrap(), name, bytes, None)
}

fn read_with(format: &str, name: &str, bytes: &[u8], pattern: Option<&str>) -> usize {
    let reader = named(format).unwrap();
    let options = ReadOptions { pattern: pattern.map(str::to_owned), ..ReadOptions::default() };
    let progress = Progress::default();
    let mut records = 0;
    let mut emit = |batch: stepbridge_records::TaggedBatch| records += black_box(batch).columns.len();
    let size = bytes.len() as u64;
    let mut sink = Sink::new(name, size, &progress, &mut emit);
    let path = Path::new(name);
    let mut input =
        Input { file: name, path, folder: &[], name, bytes: &bytes, size, threads: 1, options: &options, mark: None };
    (reader.read)(&mut input, &mut sink).unwrap();
    records
}

fn value(line: u32) -> f64 {
    f64::from(line.wrapping_mul(2_654_435_761)) / f64::from(u32::MAX)
}

/// JSON lines of four values. Each second line has its members in another order if `turns`.
fn json_lines(turns: bool) -> Vec<u8> {
    let mut text = String::new();
    for line in 0..LINES {
        let (loss, rate, norm) = (value(line), value(line + 1), value(line + 2));
        if turns && line % 2 == 1 {
            writeln!(text, "{{\"grad_norm\": {norm}, \"step\": {line}, \"loss\": {loss}, \"learning_rate\": {rate}}}")
        } else {
            writeln!(text, "{{\"step\": {line}, \"loss\": {loss}, \"learning_rate\": {rate}, \"grad_norm\": {norm}}}")
        }
        .unwrap();
    }
    text.into_bytes()
}

/// A table with a step and three values, the first of them in quotes if `quoted`.
fn table(quoted: bool) -> Vec<u8> {
    let mut text = "step,loss,learning_rate,grad_norm\n".to_owned();
    for line in 0..LINES {
        let quote = if quoted && line == 0 { "\"" } else { "" };
        writeln!(text, "{line},{quote}{}{quote},{},{}", value(line), value(line + 1), value(line + 2)).unwrap();
    }
    text.into_bytes()
}

/// A log with a place and three values a line.
fn text_lines() -> Vec<u8> {
    let mut text = String::new();
    for line in 0..LINES {
        let (second, loss, rate, norm) = (line % 60, value(line), value(line + 1), value(line + 2));
        let head = format!("2026-01-01 10:00:{second:02},345 - INFO - Epoch [1][{line}/{LINES}]");
        writeln!(text, "{head}\tlr: {rate:.3e}, eta: 10:00:{second:02}, loss: {loss:.4}, grad_norm: {norm:.4}")
            .unwrap();
    }
    text.into_bytes()
}

/// Compares the fastest of both ways, each of which gives all records; true if ours gains enough.
fn compare(what: &str, ours: impl Fn() -> usize, plain: impl Fn() -> usize) -> bool {
    let (mut fast, mut slow) = (Duration::MAX, Duration::MAX);
    for _ in 0..REPEATS {
        for (best, read) in [(&mut fast, &ours as &dyn Fn() -> usize), (&mut slow, &plain)] {
            let begun = Instant::now();
            assert_eq!(read(), 3 * LINES as usize, "all records are read");
            *best = begun.elapsed().min(*best);
        }
    }
    let each = |time: Duration| time.as_secs_f64() * 1e9 / f64::from(LINES);
    let gain = 1.0 - fast.as_secs_f64() / slow.as_secs_f64();
    println!("{what}: {:.0} ns a line, the plain way {:.0} ns, {:.0} % faster", each(fast), each(slow), gain * 100.0);
    gain >= GAIN
}

fn main() -> ExitCode {
    let (steady, turning) = (json_lines(false), json_lines(true));
    let (plain, quoted) = (table(false), table(true));
    let lines = compare("template of a line", || read("log.jsonl", &steady), || read("log.jsonl", &turning));
    let table = compare("cutter of rows", || read("log.csv", &plain), || read("log.csv", &quoted));
    let log = text_lines();
    let text = |other: &str| {
        read_with("text", "train.log", &log, Some(&format!("Epoch [{{epoch}}][{{iter}}/{{iters}}] {{*}}\n{other}")))
    };
    let forms = compare("form of a text line", || text("x7{step} {never}"), || text("7{step} {never}"));
    if lines & table & forms { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
