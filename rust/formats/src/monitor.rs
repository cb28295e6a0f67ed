//! Stable-Baselines3's `monitor.csv` (and that of gym before it): a row an episode, after a line of JSON about the environment.
//!
//! `r` is the episode's reward, `l` its length in steps of the environment, `t` the seconds since the start that the first line
//! names. So the step of a row is the sum of the lengths so far: steps of the environment, no unit of a training loop. It is not
//! known any more after a row that cannot be read. A process that goes on with the file counts its time anew, so times are not
//! known after `t` has gone back.

use std::io;

use stepbridge_io::json::{JsonCursor, JsonValue};
use stepbridge_records::{FormatDescription, Problem, ProblemKind, TagTable, TaggedBatch};

use crate::shared::example::{Example, Examples};
use crate::shared::head::FileHead;
use crate::shared::input::Input;
use crate::shared::line_cutter::{CutLine, each_line};
use crate::shared::reader::FormatReader;
use crate::shared::record_builder::{RecordBuilder, RowPlace};
use crate::shared::sink::Sink;

/// Among how many lines the names are sought.
const LINES_BEFORE: usize = 4;

/// How many records a batch has at most, about.
const PIECE: usize = 100_000;

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "monitor",
        title: "Stable-Baselines3 monitor.csv",
        writer: Some("Stable-Baselines3"),
        ..FormatDescription::UNKNOWN
    },
    claims_name: |name| name.ends_with("monitor.csv"),
    matches: |head| {
        // One of the two lines may be damaged where the name says what it is.
        let named = (READER.claims_name)(head.name);
        let begins = head.lines().next().is_some_and(|line| line.starts_with("#{"));
        (begins || named) && head.lines().take(LINES_BEFORE).any(|names| columns(names).is_some())
    },
    explain_mismatch: |head: &FileHead| {
        // A table of anybody's may be called so.
        let reason = "it begins as a monitor.csv does, and has no line of names with 'r', 'l' and 't'";
        (head.text().starts_with(b"#{")).then_some((ProblemKind::MissingColumn, reason)).or(Some((
            ProblemKind::NotALog,
            "it is called monitor.csv and does not begin with a line '#{...}' about the environment",
        )))
    },
    read,
    examples: Examples::rows(
        "0.monitor.csv",
        &[Example::text("#{\"t_start\": 1589500000.0, \"env_id\": \"CartPole-v1\"}\nr,l,t\n", |i, one, _| {
            format!("{one},{},{i}.5", 10 + i)
        })],
    ),
    ..FormatReader::NONE
};

/// The names of the columns, if they are those of an episode.
fn columns(line: &str) -> Option<Vec<&str>> {
    let names: Vec<&str> = line.trim().split(',').collect();
    ["r", "l", "t"].iter().all(|name| names.contains(name)).then_some(names)
}

/// When the process started.
fn started(line: &str) -> Option<f64> {
    let mut cursor = JsonCursor::new(line.trim().strip_prefix('#')?.as_bytes(), 0);
    cursor.expect(b'{').ok()?;
    loop {
        let name = cursor.name().ok()?;
        let value = cursor.value().ok()?;
        match value {
            JsonValue::Number { value, .. } if name == "t_start" => return Some(value),
            _ => cursor.expect(b',').ok()?,
        }
    }
}

/// A file as far as it was read.
#[derive(Default)]
struct Episodes {
    tags: TagTable,
    /// The names of the columns, each with its tag; empty before they are known.
    columns: Vec<(String, u32)>,
    /// When `t` is 0, if it is known.
    started: Option<f64>,
    last_time: Option<f64>,
    /// The sum of the lengths; `None` once it is not known.
    steps: Option<i64>,
    records: RecordBuilder,
    /// How many rows came before.
    rows: u64,
}

fn read(input: &mut Input, sink: &mut Sink) -> io::Result<()> {
    let mut window = input.window();
    let mut episodes = Episodes { steps: Some(0), ..Episodes::default() };
    let file = input.file;
    let rest = each_line(&mut window, 0, sink, |line, sink| episodes.line(line, file, sink))?;
    if rest < window.size() {
        let reason =
            "the file ends inside a line: it is still being written, or its writer was stopped; the line was left out";
        let problem = Problem::new(file, ProblemKind::Truncated, reason).at(rest, window.size() - rest);
        sink.problem(problem.of_record(episodes.rows));
    } else if episodes.columns.is_empty() {
        sink.report(ProblemKind::NotALog, 0, input.size, "no line in it names the columns 'r', 'l' and 't'");
    }
    episodes.emit(sink)
}

impl Episodes {
    fn line(&mut self, line: CutLine, file: &str, sink: &mut Sink) -> io::Result<()> {
        let bytes = line.bytes.unwrap_or(b"\xff");
        let text = std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
        let text = text.map_or("\u{fffd}", str::trim);
        if text.is_empty() {
        } else if text.starts_with('#') {
            // A process that goes on writes its own start.
            (self.started, self.last_time) = (started(text), None);
        } else if let Some(names) = columns(text) {
            let column = |name: &&str| ((*name).to_owned(), self.tags.number(name.as_bytes()));
            self.columns = names.iter().map(column).collect();
        } else {
            if let Some(texts) = self.row(text) {
                sink.facts.records_ok += 1;
                sink.facts.non_numeric += texts.len() as u64;
                if texts.contains(&"r") {
                    let reason = "the reward 'r' of a row is not a number; it was left out";
                    let problem = Problem::new(file, ProblemKind::NotANumber, reason);
                    sink.problem(problem.at(line.begin, line.end - line.begin).of_record(self.rows));
                }
            } else {
                let reason = if self.columns.is_empty() {
                    "this line comes before the names 'r', 'l' and 't', and is not about the environment; it was left out"
                } else {
                    "this is not a row of numbers under names with 'r', 'l' and 't'; it was left out, and the rows after it \
                     have no step"
                };
                let problem = Problem::new(file, ProblemKind::Corrupt, reason).at(line.begin, line.end - line.begin);
                sink.problem(problem.of_record(self.rows));
                // There are no episodes before the line of names.
                self.steps = self.steps.filter(|_| self.columns.is_empty());
            }
            self.rows += 1;
            if self.records.len() >= PIECE {
                self.emit(sink)?;
            }
        }
        Ok(())
    }

    fn emit(&mut self, sink: &mut Sink) -> io::Result<()> {
        let columns = std::mem::take(&mut self.records).into_columns(READER.format());
        sink.emit(TaggedBatch::new(self.tags.clone().into_names()?, columns));
        Ok(())
    }

    /// Takes a row, and returns the names of its cells that hold something else than a number; `None` if it is not a row.
    fn row(&mut self, text: &str) -> Option<Vec<&str>> {
        let cells: Vec<&str> = text.split(',').map(str::trim).collect();
        let values: Vec<Option<f64>> = cells.iter().map(|cell| cell.parse().ok()).collect();
        let cell = |name: &str| *values.get(self.columns.iter().position(|(known, _)| known == name)?)?;
        let (length, time) = (cell("l")?, cell("t")?);
        let length = whole(length).filter(|_| cells.len() == self.columns.len())?;
        self.steps = self.steps.and_then(|steps| steps.checked_add(length));
        if self.last_time.is_some_and(|last| time < last) {
            self.started = None;
        }
        self.last_time = Some(time);
        for ((name, tag), value) in self.columns.iter().zip(&values) {
            if let Some(value) = value.filter(|_| name != "t") {
                self.records.push(*tag, value);
            }
        }
        let wall_time = self.started.map_or(f64::NAN, |started| started + time);
        self.records.end_row(RowPlace { step: self.steps, epoch: None, wall_time });
        let is_text = |(cell, value): (&&str, &Option<f64>)| value.is_none() && !cell.is_empty();
        let found = self.columns.iter().zip(cells.iter().zip(&values)).filter(|(_, cell)| is_text(*cell));
        Some(found.map(|((name, _), _)| &**name).collect())
    }
}

/// The length of an episode.
fn whole(length: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
    ((0.0..9e15).contains(&length) && length.fract() == 0.0).then_some(length as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::contents::FileContents;
    use crate::shared::options::ReadOptions;
    use crate::test_reading::read_for_test;

    const HEAD: &str = "#{\"t_start\": 1000.5, \"env_id\": \"CartPole-v1\"}\nr,l,t\n";

    fn read_text(text: &str) -> FileContents {
        read_for_test(&READER, "monitor.csv", text.as_bytes(), &ReadOptions::default(), 1)
    }

    /// The step and the time of each reward.
    fn rewards(read: &FileContents) -> Vec<(Option<i64>, f64, f64)> {
        let columns = &read.batches[0].columns;
        let time =
            |i: usize| columns.wall_time.as_ref().map_or(-1.0, |times| if times[i].is_nan() { -1.0 } else { times[i] });
        let is_reward = |i: &usize| read.batches[0].tags[columns.tag[*i] as usize] == "r";
        (0..columns.len()).filter(is_reward).map(|i| (columns.step_of(i), time(i), columns.value[i])).collect()
    }

    #[test]
    fn steps_are_the_lengths_of_the_episodes_so_far() {
        let read = read_text(&format!("{HEAD}11.0,11,0.5\n12.0,12,1.5\n7.5,8,2\n"));
        assert_eq!(rewards(&read), [(Some(11), 1001.0, 11.0), (Some(23), 1002.0, 12.0), (Some(31), 1002.5, 7.5)]);
        assert_eq!((read.problems.len(), read.facts.records_ok), (0, 3));
        assert_eq!(read.batches[0].columns.meaning.step, None);
    }

    #[test]
    fn after_what_cannot_be_read_nothing_is_guessed() {
        let read = read_text(&format!("{HEAD}11.0,11,5\n12.0,x,6\n7.5,8,7\n"));
        assert_eq!(rewards(&read), [(Some(11), 1005.5, 11.0), (None, 1007.5, 7.5)]);
        assert_eq!(read.problems.len(), 1);
        let read = read_text(&format!("{HEAD}11.0,11,5\n12.0,12,1\n12.0,1"));
        assert_eq!(rewards(&read), [(Some(11), 1005.5, 11.0), (Some(23), -1.0, 12.0)]);
        assert_eq!(read.problems[0].kind, ProblemKind::Truncated);
    }
}
