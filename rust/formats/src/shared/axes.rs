//! Series whose step is the value of another series in the same row, as W&B and Trackio have them.
//!
//! Their own step counts the calls of the logger. A writer may say which series is the axis of which (`define_metric`), and two
//! writers always log the number of updates in the same row: Hugging Face's Trainer and Lightning. An axis that is called `epoch` holds
//! the epoch that its series are in, which is no step.

use std::collections::HashMap;

use stepbridge_records::{ColumnBatch, Decimal, EpochMeaning, Format, SeriesMeaning, StepMeaning, TagTable, Unit};

use super::record_builder::{RecordBuilder, RowPlace};

/// Series that hold the number of updates, and what it is.
const KNOWN: [(&str, StepMeaning); 2] = [
    // Hugging Face: how many updates were done.
    ("train/global_step", StepMeaning::of_run(Unit::Step, 1)),
    // Lightning: the index of the update.
    ("trainer/global_step", StepMeaning::of_run(Unit::Step, 0)),
];

/// What a writer says of the axis of some series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AxisDefinition {
    /// The name of the series, or a pattern of names, which ends with `*`.
    pub(crate) series: String,
    /// The name of the series that is their axis; `None` if it is the logger's own step.
    pub(crate) axis: Option<String>,
    /// Whether a row without the axis has the value that the axis had last.
    pub(crate) carried: bool,
}

/// The axes of a file, and the values that they had last.
#[derive(Debug, Clone, Default)]
pub(crate) struct AxisTable {
    definitions: Vec<AxisDefinition>,
    last: HashMap<String, i64>,
    /// The first value of each axis that is an epoch.
    first: HashMap<String, i64>,
}

/// A row of a logger: where its values end, and its own counters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoggedRow {
    pub(crate) upto: usize,
    pub(crate) step: Option<i64>,
    pub(crate) wall_time: f64,
}

/// One axis of some rows.
struct Axis {
    name: String,
    /// The tag of its values, if it has any here.
    tag: Option<u32>,
    carried: bool,
    meaning: Option<StepMeaning>,
    is_epoch: bool,
    /// Its value in the current row.
    current: Option<i64>,
    records: RecordBuilder,
}

impl AxisTable {
    /// Takes a definition; a later one of the same series replaces it.
    pub(crate) fn define(&mut self, definition: AxisDefinition) {
        self.definitions.retain(|known| known.series != definition.series);
        self.definitions.push(definition);
    }

    /// The axis of a series, and whether its value is carried over. A name counts more than a pattern, a longer pattern more
    /// than a shorter one.
    fn axis_of<'a>(&'a self, series: &'a str) -> Option<(&'a str, bool)> {
        // An axis is its own. The epoch is a value of its row as well: it shows which epoch a step is in.
        if !is_epoch(series) && self.definitions.iter().any(|known| known.axis.as_deref() == Some(series)) {
            return Some((series, false));
        }
        let fits = |known: &&AxisDefinition| match known.series.strip_suffix('*') {
            Some(begin) => series.starts_with(begin),
            None => known.series == series,
        };
        let found = self
            .definitions
            .iter()
            .filter(fits)
            .max_by_key(|known| (!known.series.ends_with('*'), known.series.len()))?;
        Some((found.axis.as_deref()?, found.carried)).filter(|(axis, _)| *axis != series)
    }

    /// The records of rows, a batch for each axis and one of those whose step is the logger's own.
    pub(crate) fn place(
        &mut self,
        tags: &TagTable,
        (tag, value): (Vec<u32>, Vec<f64>),
        rows: &[LoggedRow],
        format: Format,
    ) -> Vec<ColumnBatch> {
        let known: Vec<&str> =
            KNOWN.iter().map(|(name, _)| *name).filter(|name| tags.find(name.as_bytes()).is_some()).collect();
        if self.definitions.is_empty() && known.is_empty() {
            let mut records = RecordBuilder::of_values(tag, value);
            for row in rows {
                records.end_row_at(row.upto, RowPlace { step: row.step, epoch: None, wall_time: row.wall_time });
            }
            return vec![records.into_columns(format)];
        }
        let (mut axes, axis_of) = self.axes(tags, &known);
        let mut own = RecordBuilder::default();
        let mut from = 0;
        for row in rows {
            let values = from..row.upto;
            from = row.upto;
            for axis in &mut axes {
                let here = values.clone().rev().find(|&index| Some(tag[index]) == axis.tag);
                axis.current = here.and_then(|index| whole(value[index]));
                if let Some(current) = axis.current {
                    self.last.insert(axis.name.clone(), current);
                    if axis.is_epoch {
                        self.first.entry(axis.name.clone()).or_insert(current);
                    }
                } else if axis.carried && here.is_none() {
                    axis.current = self.last.get(&axis.name).copied();
                }
            }
            // What is known of all rows of two writers holds where they say nothing.
            let usual = axes.iter().position(|axis| !axis.carried && axis.meaning.is_some() && axis.current.is_some());
            for index in values {
                let axis = match axis_of[tag[index] as usize] {
                    Some(axis) => Some(axis),
                    None if self.definitions.is_empty() => usual,
                    None => None,
                };
                axis.map_or(&mut own, |axis| &mut axes[axis].records).push(tag[index], value[index]);
            }
            let place = RowPlace { step: row.step, epoch: None, wall_time: row.wall_time };
            own.end_row(place);
            for axis in &mut axes {
                let (step, epoch) = if axis.is_epoch { (None, axis.current) } else { (axis.current, None) };
                axis.records.end_row(RowPlace { step, epoch: epoch.map(Decimal::integer), ..place });
            }
        }
        let first = &self.first;
        let of_axis = |axis: Axis| {
            // Which number the first epoch has shows only if it is there.
            let base = first.get(&axis.name).and_then(|first| u8::try_from(*first).ok()).filter(|first| *first < 2);
            let epoch = if axis.is_epoch { base.map(EpochMeaning::In) } else { format.meaning().epoch };
            let meaning = SeriesMeaning { step: axis.meaning, epoch };
            ColumnBatch { meaning, ..axis.records.into_columns(format) }
        };
        let mut batches: Vec<ColumnBatch> = axes.into_iter().map(of_axis).collect();
        batches.push(own.into_columns(format));
        batches.retain(|batch| !batch.is_empty());
        batches
    }

    /// The axes of some tags, and for each tag which of them it has.
    fn axes(&self, tags: &TagTable, known: &[&str]) -> (Vec<Axis>, Vec<Option<usize>>) {
        let mut axes: Vec<Axis> = Vec::new();
        let mut number = |name: &str, carried: bool| {
            axes.iter().position(|axis| axis.name == name && axis.carried == carried).unwrap_or_else(|| {
                axes.push(Axis {
                    name: name.to_owned(),
                    tag: tags.find(name.as_bytes()),
                    carried,
                    is_epoch: is_epoch(name),
                    meaning: KNOWN.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning),
                    current: None,
                    records: RecordBuilder::default(),
                });
                axes.len() - 1
            })
        };
        if self.definitions.is_empty() {
            for name in known {
                number(name, false);
            }
        }
        let axis_of = (0..)
            .take(tags.len())
            .map(|tag| {
                let series = String::from_utf8_lossy(tags.name(tag)).into_owned();
                self.axis_of(&series).map(|(name, carried)| number(name, carried))
            })
            .collect();
        (axes, axis_of)
    }
}

/// Whether an axis with this name holds epochs.
fn is_epoch(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case("epoch"))
}

/// A value as a step.
fn whole(value: f64) -> Option<i64> {
    const MOST: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole, and below 2^53")]
    let step = value as i64;
    (value.fract() == 0.0 && value.abs() < MOST).then_some(step)
}

#[cfg(test)]
mod tests {
    use stepbridge_records::FormatDescription;

    use super::*;

    static UNKNOWN: FormatDescription = FormatDescription::UNKNOWN;

    fn definition(series: &str, axis: &str, carried: bool) -> AxisDefinition {
        AxisDefinition { series: series.to_owned(), axis: (!axis.is_empty()).then(|| axis.to_owned()), carried }
    }

    /// The records of rows, each with its number as its own step: (tag, step, base of the step).
    fn placed(definitions: &[AxisDefinition], rows: &[&[(&str, f64)]]) -> Vec<(String, Option<i64>, Option<u8>)> {
        let (mut table, mut tags) = (AxisTable::default(), TagTable::default());
        for definition in definitions {
            table.define(definition.clone());
        }
        let (mut tag, mut value, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for (step, row) in (0..).zip(rows) {
            for (name, number) in *row {
                tag.push(tags.number(name.as_bytes()));
                value.push(*number);
            }
            ends.push(LoggedRow { upto: value.len(), step: Some(step), wall_time: f64::NAN });
        }
        let batches = table.place(&tags, (tag, value), &ends, Format::of(&UNKNOWN));
        let names = tags.into_names().expect("few tags");
        let rows = |batch: &ColumnBatch| -> Vec<_> {
            let base = batch.meaning.step.map(|step| step.base);
            (0..batch.len()).map(|i| (names[batch.tag[i] as usize].clone(), batch.step_of(i), base)).collect()
        };
        batches.iter().flat_map(rows).collect()
    }

    fn row(tag: &str, step: impl Into<Option<i64>>, base: Option<u8>) -> (String, Option<i64>, Option<u8>) {
        (tag.to_owned(), step.into(), base)
    }

    #[test]
    fn a_call_is_the_step_if_nobody_says_otherwise() {
        let found = placed(&[], &[&[("loss", 0.5)], &[("loss", 0.25), ("epoch", 1.0)]]);
        assert_eq!(found, [row("loss", 0, None), row("loss", 1, None), row("epoch", 1, None)]);
    }

    #[test]
    fn updates_that_a_known_writer_logs_are_the_steps_of_their_row() {
        let rows: &[&[(&str, f64)]] = &[
            &[("train/loss", 0.5), ("train/global_step", 10.0)],
            &[("mine", 1.0)],
            &[("eval/loss", 2.0), ("train/global_step", 20.0)],
        ];
        let found = placed(&[], rows);
        let expected = [
            row("train/loss", 10, Some(1)),
            row("train/global_step", 10, Some(1)),
            row("eval/loss", 20, Some(1)),
            row("train/global_step", 20, Some(1)),
            row("mine", 1, None),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_definition_names_the_axis_of_each_series() {
        let definitions = [
            definition("*", "trainer/global_step", true),
            definition("val/*", "epoch", false),
            definition("lr", "", false),
        ];
        let rows: &[&[(&str, f64)]] = &[
            &[("loss", 0.5), ("trainer/global_step", 9.0), ("lr", 0.1)],
            &[("val/acc", 0.5), ("epoch", 0.0)],
            &[("loss", 0.25), ("val/acc", 0.75)],
            &[("loss", 0.125), ("trainer/global_step", 9.5)],
        ];
        let mut found = placed(&definitions, rows);
        found.sort();
        let mut expected = vec![
            row("loss", 9, Some(0)),
            row("trainer/global_step", 9, Some(0)),
            row("lr", 0, None),
            // An epoch is not a step, and is a value of the row that it is in.
            row("val/acc", None, None),
            row("epoch", 9, Some(0)),
            row("loss", 9, Some(0)),
            row("val/acc", None, None),
            row("loss", None, Some(0)),
            row("trainer/global_step", None, Some(0)),
        ];
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn an_axis_called_epoch_holds_the_epoch_of_its_series() {
        for (first, base) in [(0, Some(0)), (1, Some(1)), (5, None)] {
            let (mut table, mut tags) = (AxisTable::default(), TagTable::default());
            table.define(definition("val/*", "epoch", true));
            let (tag, mut rows) = (tags.number(b"val/acc"), Vec::new());
            let epoch = tags.number(b"epoch");
            let mut columns = (Vec::new(), Vec::new());
            for call in 0..3 {
                columns.0.extend([tag, epoch]);
                columns.1.extend([0.5, f64::from(first + call)]);
                rows.push(LoggedRow { upto: columns.1.len(), step: Some(i64::from(call)), wall_time: f64::NAN });
            }
            let batches = table.place(&tags, columns, &rows, Format::of(&UNKNOWN));
            let [of_epoch, own] = &batches[..] else { panic!("two batches") };
            assert_eq!((of_epoch.step.is_none(), of_epoch.meaning.epoch), (true, base.map(EpochMeaning::In)));
            let epochs: Vec<_> = (0..3).map(|index| of_epoch.epoch_of(index)).collect();
            assert_eq!(epochs, [0, 1, 2].map(|call| Some(Decimal::integer(i64::from(first + call)))));
            // The epoch itself is a value at the step of its row.
            assert_eq!((own.len(), own.step_of(2), own.epoch_of(2)), (3, Some(2), None));
        }
    }
}
