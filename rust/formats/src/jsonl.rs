//! JSON lines of no known writer: which keys hold the step, the epoch and the time, the caller says, or their names do.
//!
//! What the step counts, and from where, is not known. A line with an epoch and no step closes its epoch; epochs count from
//! the first such line's, if that is 0 or 1.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use crate::csv::are_metrics;
use crate::shared::example::{Example, Examples};
use crate::shared::first_epochs::FirstEpochs;
use crate::shared::head::FileHead;
use crate::shared::json_lines::{
    self, Dialect, JsonRow, KeyRole, ProbedKeys, ProbedLines, RecordKind, RowPlacement, RowsBefore, first_line, probe,
};
use crate::shared::options::NamedColumns;
use crate::shared::reader::FormatReader;
use stepbridge_io::json::JsonCursor;
use stepbridge_records::{Decimal, EpochMeaning, Format, FormatDescription, FormatOptions, SeriesMeaning};

/// Names that say that a key holds the step; one that counts over the whole run first.
const STEPS: [&str; 4] = ["global_step", "step", "iteration", "iter"];
const EPOCH: &str = "epoch";

/// Lines with a step.
const TIMED_BY_STEP: usize = 0;
/// Lines with an epoch alone, which they close. Epochs count from 0 or from 1, or so much of them is done.
const CLOSING_FROM_0: usize = 1;
const CLOSING_FROM_1: usize = 2;
const ELAPSED: usize = 3;
/// So many lines are searched for epochs alone before the file is read.
const LOOKED: usize = 10_000;

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "jsonl",
        title: "JSON lines",
        writer: None,
        options: FormatOptions { columns: true, pattern: false },
        ..FormatDescription::UNKNOWN
    },
    matches: is_log,
    matches_options: |head, options| has_named_keys(head, &options.columns),
    read: |input, sink| {
        let first = first_line(input.bytes, input.size)?;
        let mut lines = JsonLines::new(&input.options.columns, &first);
        let (mut epochs, mut rows, mut closing) = (FirstEpochs::default(), 0, 0);
        json_lines::look(&lines, input, |row| {
            rows += 1;
            if let Some(epoch) = row.epoch.filter(|_| row.step.is_none() && !row.odd) {
                closing += 1;
                epochs.take(epoch);
            }
            if rows < LOOKED && closing < FirstEpochs::MOST {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        lines.fractions = (closing > 0).then(|| epochs.fraction().is_some());
        json_lines::read(&lines, input, sink)?;
        // The next lines may show something else as long as these are so few; then the file is read anew.
        if rows < LOOKED && (1..FirstEpochs::MOST).contains(&closing) {
            sink.mark = None;
        }
        Ok(())
    },
    examples: Examples::objects(
        "log.jsonl",
        &[
            Example::text("", |i, one, other| {
                format!("{{\"step\": {i}, \"epoch\": {}.5, \"loss\": {one}, \"acc\": {other}}}", i / 4)
            }),
            Example::text("", |i, one, other| {
                let odd = ["Infinity", "null", "\"text \\u00e9 \\\" {\"", "[1, {\"a\": []}]", "false", "1e-400"];
                let odd = odd[usize::from(i % 6)];
                format!(
                    "{{\"n\\u00e4me\": {{\"deep\": {{\"er\": {one}}}}}, \"odd\": {odd}, \"x\": {other}, \
                     \"global_step\": {i}}}"
                )
            }),
            Example::text("", |i, one, other| format!("{{\"epoch\":{i},\"loss\":{one},\"acc\":{other}}} ")),
        ],
    ),
    ..FormatReader::NONE
};

/// Whether every line that is seen is an object with a step or an epoch, and a number next to it.
fn is_log(head: &FileHead) -> bool {
    let counters = || STEPS.into_iter().chain([EPOCH]);
    lines(head).is_some_and(|seen| {
        let all = seen.objects.iter().all(|keys| {
            let counted = counters().filter(|name| keys.numbers.contains_key(*name)).count();
            counted > 0 && keys.numbers.len() > counted
        });
        all && (has_metrics(&seen) || counts_upwards(&seen))
    })
}

/// Whether keys of the objects are named as those of metrics are.
fn has_metrics(seen: &ProbedLines) -> bool {
    let names: BTreeSet<&String> = seen.objects.iter().flat_map(|keys| keys.numbers.keys()).collect();
    are_metrics(&names.into_iter().cloned().collect::<Vec<_>>())
}

/// Whether the steps of the objects, in their epochs, seldom go back: the steps of a data set begin again all the time.
fn counts_upwards(seen: &ProbedLines) -> bool {
    const OBJECTS_PER_FALL: usize = 8;
    let place = |keys: &ProbedKeys| {
        let step = STEPS.into_iter().find_map(|name| keys.numbers.get(name)).copied();
        (keys.numbers.get(EPOCH).copied(), step)
    };
    let places: Vec<_> = seen.objects.iter().map(place).collect();
    let falls = places.windows(2).filter(|pair| pair[1] < pair[0]).count();
    falls * OBJECTS_PER_FALL <= places.len()
}

/// What is seen of a file of lines that are all objects.
fn lines(head: &FileHead) -> Option<ProbedLines> {
    let seen = probe(head);
    // A single object may be a configuration; only the name shows that more are to come.
    let several = seen.objects.len() > 1 || matches!(head.name.rsplit_once('.'), Some((_, "jsonl" | "ndjson")));
    (several && !seen.strange && !seen.objects.is_empty()).then_some(seen)
}

/// Whether every line is an object, and one of them has a key that the caller named for its step or its epoch.
fn has_named_keys(head: &FileHead, columns: &NamedColumns) -> bool {
    // A key of a nested object has the names of both.
    let has = |keys: &ProbedKeys, name: &str| {
        keys.numbers.contains_key(name) || name.split_once('.').is_some_and(|(outer, _)| keys.others.contains(outer))
    };
    columns.counters().next().is_some()
        && lines(head)
            .is_some_and(|seen| columns.counters().any(|name| seen.objects.iter().any(|keys| has(keys, name))))
}

struct JsonLines<'a> {
    /// Whether the epochs of lines with an epoch alone are counted in fractions; `None` if no such line is among the first.
    fractions: Option<bool>,
    step: Option<&'a str>,
    epoch: &'a str,
    wall_time: Option<&'a str>,
    named: &'a NamedColumns,
}

impl<'a> JsonLines<'a> {
    /// By what the caller said, and by the keys of the first object.
    fn new(named: &'a NamedColumns, first: &[u8]) -> Self {
        let keys = top_keys(first);
        let plain = || STEPS.into_iter().find(|name| keys.iter().any(|key| key == name)).or(Some("step"));
        Self {
            fractions: None,
            step: named.step.as_deref().or_else(plain),
            epoch: named.epoch.as_deref().unwrap_or(EPOCH),
            wall_time: named.wall_time.as_deref(),
            named,
        }
    }
}

/// The keys of the object that a line begins with.
fn top_keys(line: &[u8]) -> Vec<String> {
    let mut keys = Vec::new();
    let mut cursor = JsonCursor::lines(line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line), 0);
    if cursor.expect(b'{').is_ok() {
        while let Ok(name) = cursor.name() {
            keys.push(name.into_owned());
            if cursor.value().is_err() || cursor.expect(b',').is_err() {
                break;
            }
        }
    }
    keys
}

/// How the first line with an epoch alone is placed: by the number that its epochs begin with. If such lines were not looked for
/// so far on, nothing says whether a `1.0` is a number or so much of the epochs.
fn first_closing(epoch: Decimal, damaged_before: bool, looked: bool) -> RowPlacement {
    match epoch.whole() {
        Some(_) if !looked && epoch.scale > 0 => RowPlacement::Unplaced(TIMED_BY_STEP),
        Some(0) => RowPlacement::Kind(CLOSING_FROM_0),
        // After a line that is damaged, a 1 may be the second epoch.
        Some(1) if !damaged_before => RowPlacement::Kind(CLOSING_FROM_1),
        Some(_) => RowPlacement::Unplaced(TIMED_BY_STEP),
        None => RowPlacement::Kind(ELAPSED),
    }
}

impl Dialect for JsonLines<'_> {
    fn format(&self) -> Format {
        READER.format()
    }

    fn role(&self, name: &str) -> KeyRole {
        if self.step == Some(name) {
            KeyRole::Step
        } else if self.epoch == name {
            KeyRole::Epoch
        } else if self.wall_time == Some(name) {
            KeyRole::WallTime
        } else {
            KeyRole::Value
        }
    }

    // A line with an epoch and no step closes its epoch, as a row of a table does.
    fn kinds(&self) -> Vec<RecordKind> {
        let closing = [EpochMeaning::Ends(0), EpochMeaning::Ends(1), EpochMeaning::Elapsed];
        let closing = closing.map(|epoch| SeriesMeaning { step: None, epoch: Some(epoch) });
        let all = [self.format().meaning()].into_iter().chain(closing);
        all.map(|meaning| RecordKind { meaning, prefix: "" }).collect()
    }

    fn settle(&self, before: &mut RowsBefore, row: &mut JsonRow) -> RowPlacement {
        if row.step.is_some() || row.odd {
            return RowPlacement::Kind(TIMED_BY_STEP);
        }
        let Some(epoch) = row.epoch else { return RowPlacement::Unplaced(TIMED_BY_STEP) };
        if self.fractions == Some(true) {
            return RowPlacement::Kind(ELAPSED);
        }
        let (damaged, looked) = (before.damaged, self.fractions.is_some());
        match *before.closing.get_or_insert_with(|| first_closing(epoch, damaged, looked)) {
            RowPlacement::Kind(CLOSING_FROM_0 | CLOSING_FROM_1) if epoch.whole().is_none() => {
                RowPlacement::Unplaced(TIMED_BY_STEP)
            }
            closing => closing,
        }
    }

    fn named(&self) -> Vec<(KeyRole, &str)> {
        let NamedColumns { step, epoch, wall_time } = self.named;
        let all = [(KeyRole::Step, step), (KeyRole::Epoch, epoch), (KeyRole::WallTime, wall_time)];
        all.into_iter().filter_map(|(role, name)| Some((role, name.as_deref()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::options::ReadOptions;
    use crate::test_reading::read_for_test;
    use stepbridge_records::ProblemKind;

    fn named(step: &str, wall_time: &str) -> ReadOptions {
        let columns = NamedColumns { step: Some(step.into()), epoch: None, wall_time: Some(wall_time.into()) };
        ReadOptions { columns, ..ReadOptions::default() }
    }

    #[test]
    fn keys_are_named_by_the_caller_or_by_themselves() {
        let text = "{\"step\": 1, \"global_step\": 101, \"n\": {\"it\": 7}, \"at\": 9.5, \"epoch\": 0.5}\n";
        let plain = read_for_test(&READER, "x", text.as_bytes(), &ReadOptions::default(), 1);
        assert_eq!(plain.batches[0].columns.step_of(0), Some(101));
        assert_eq!(plain.batches[0].columns.value, [1.0, 7.0, 9.5]);
        let read = read_for_test(&READER, "x", text.as_bytes(), &named("n.it", "at"), 1);
        let batch = &read.batches[0].columns;
        assert_eq!((batch.step_of(0), batch.wall_time.as_deref()), (Some(7), Some(&[9.5; 2][..])));
        assert_eq!((&batch.value[..], read.problems.len()), (&[1.0, 101.0][..], 0));
    }

    #[test]
    fn a_line_with_an_epoch_alone_closes_it() {
        for (text, steps, epochs) in [
            (
                "{\"epoch\": 0, \"loss\": 1}\n{\"epoch\": 1, \"loss\": 2}\n",
                vec![None],
                vec![Some(EpochMeaning::Ends(0))],
            ),
            (
                "{\"epoch\": 1, \"loss\": 1}\n{\"epoch\": 2, \"loss\": 2}\n",
                vec![None],
                vec![Some(EpochMeaning::Ends(1))],
            ),
            ("{\"epoch\": 6, \"loss\": 1}\n{\"epoch\": 7, \"loss\": 2}\n", vec![None], vec![None]),
            (
                "{\"epoch\": 0.5, \"loss\": 1}\n{\"epoch\": 1.0, \"loss\": 2}\n",
                vec![None],
                vec![Some(EpochMeaning::Elapsed)],
            ),
            (
                "{\"step\": 9, \"epoch\": 0, \"loss\": 1}\n{\"epoch\": 0, \"val\": 2}\n",
                vec![Some(9), None],
                vec![None, Some(EpochMeaning::Ends(0))],
            ),
        ] {
            let read = read_for_test(&READER, "log.txt", text.as_bytes(), &ReadOptions::default(), 1);
            let found: Vec<_> =
                read.batches.iter().map(|it| (it.columns.step_of(0), it.columns.meaning.epoch)).collect();
            assert_eq!(found, steps.into_iter().zip(epochs).collect::<Vec<_>>(), "{text}");
            assert!(read.problems.is_empty(), "{text}: {:?}", read.problems);
        }
    }

    #[test]
    fn an_epoch_alone_that_comes_late_is_a_number_if_it_is_printed_as_one() {
        let begin = "{\"step\": 1, \"loss\": 1}\n".repeat(LOOKED);
        for (epochs, expected) in [
            (["0", "1"], Some(EpochMeaning::Ends(0))),
            (["0.5", "1.0"], Some(EpochMeaning::Elapsed)),
            (["0.0", "0.5"], None),
        ] {
            let lines = epochs.map(|epoch| format!("{{\"epoch\": {epoch}, \"val\": 2}}\n")).concat();
            let text = begin.clone() + &lines;
            let read = read_for_test(&READER, "log.txt", text.as_bytes(), &ReadOptions::default(), 1);
            let last = &read.batches.last().unwrap().columns;
            assert_eq!((last.step_of(last.len() - 1), last.meaning.epoch), (None, expected), "{lines}");
        }
    }

    #[test]
    fn data_is_no_log() {
        let objects = |object: &dyn Fn(u32) -> String| (0..30).map(object).collect::<Vec<_>>().join("\n") + "\n";
        for (text, expected) in [
            (objects(&|i| format!("{{\"step\": {i}, \"x\": 0.5}}")), true),
            (objects(&|i| format!("{{\"step\": {}, \"x\": 0.5}}", i % 20)), true),
            (objects(&|i| format!("{{\"step\": {}, \"loss\": 0.5}}", i % 4)), true),
            (objects(&|i| format!("{{\"epoch\": {}, \"step\": {}, \"x\": 0.5}}", i / 4, i % 4)), true),
            (objects(&|i| format!("{{\"id\": {i}, \"step\": {}, \"price\": 0.5, \"val\": 1}}", i % 4)), false),
            (objects(&|i| format!("{{\"question\": \"q\", \"step\": {}, \"length\": 5}}", i % 3)), false),
        ] {
            assert_eq!(is_log(&FileHead { name: "a.jsonl", folder: &[], bytes: text.as_bytes() }), expected, "{text}");
        }
    }

    #[test]
    fn a_named_key_that_never_occurs_is_told_with_those_that_do() {
        let text = "{\"it\": 1, \"loss\": 0.5}\n";
        let read = read_for_test(&READER, "x", text.as_bytes(), &named("iter", "it"), 1);
        assert_eq!(read.problems.len(), 1);
        assert_eq!(read.problems[0].kind, ProblemKind::MissingColumn);
        assert_eq!(read.problems[0].reason, "no object has the key 'iter'; there are 'it', 'loss'");
    }
}
