//! Finds where the counters of a file go back.
//!
//! Each series is watched on its own. A process that resumed goes back and does the same steps again. If a counter goes back
//! and jumps to where it was, two counters are in the file, as in a log of training steps and validation epochs that have one
//! name; nothing was done again.

use std::collections::HashMap;

use stepbridge_records::{ColumnBatch, Decimal, EpochColumn, OrderKey, SeriesMeaning};

/// If counters go back more often in a file, its numbers are in no order, and do not show processes.
const MOST_BACKS: usize = 1 << 12;
/// How many kinds of rows are distinguished, and how many series such a row may have.
const MOST_KINDS: usize = 1 << 10;
const MOST_SERIES: usize = 64;
/// How many series of one row are looked at, if all go back. The others of a wide table do as these do.
const MOST_IN_ROW: usize = 16;

/// A place where a series goes back because a process resumed or began anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeriesBack {
    /// The index in the file of the first record of the row.
    pub(crate) row: u64,
    /// The index of the record of the series before that.
    pub(crate) before: u64,
}

/// Walks over the records of a file, batch by batch.
#[derive(Default)]
pub(crate) struct CounterWalk {
    series: Vec<SeriesWalk>,
    numbers: HashMap<(SeriesMeaning, u32), usize>,
    backs: Vec<PossibleBack>,
    /// Whether the counters go back so often that this shows nothing.
    disordered: bool,
    /// How many records came before.
    records: u64,
    kinds: RowKinds,
    row: Row,
    /// The number of the last row of each series.
    seen: Vec<u64>,
    /// The epoch that the file stated last.
    epoch: i64,
}

/// What is known of one series.
struct SeriesWalk {
    last: OrderKey,
    /// The index of its last record.
    index: u64,
    /// The kind of the row of its last record.
    kind: Option<u32>,
    /// The longest way that it went forward from one record to the next.
    stride: OrderKey,
    /// The last place where it went back, until it is known why.
    open: Option<usize>,
    /// How often it went back and jumped to where it was.
    jumps: u32,
}

/// A place where a series goes back.
struct PossibleBack {
    at: SeriesBack,
    series: usize,
    /// The highest key before.
    highest: OrderKey,
    /// Whether this row has other series than the row of the record before.
    other_kind: bool,
    verdict: BackVerdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BackVerdict {
    /// The series has not come to where it was.
    Open,
    /// The steps were done again.
    DoneAgain,
    /// The series jumped to where it was: once, this may be a resumed process that logs more rarely.
    Jumped,
    /// It is another counter.
    OtherCounter,
}

/// Records next to each other with one key and different series.
#[derive(Default)]
struct Row {
    key: Option<OrderKey>,
    begin: u64,
    series: Vec<usize>,
    /// Its number in the file.
    number: u64,
    /// How many of its series go back.
    backs: usize,
}

/// The sets of series that rows have.
#[derive(Default)]
struct RowKinds {
    numbers: HashMap<Vec<usize>, u32>,
    sets: Vec<Vec<usize>>,
    last: Option<u32>,
}

impl CounterWalk {
    /// Takes the next records. `tag_of` gives the number of a tag that all batches of the file share. Returns the indices in
    /// the batch of rows in which a series goes back.
    pub(crate) fn take(&mut self, columns: &ColumnBatch, tag_of: impl Fn(u32) -> u32) -> Vec<usize> {
        let before = self.backs.len();
        let begin = self.records;
        let keys = columns.order_keys();
        let once = columns.format.resume_signs().once_a_step;
        // Steps that may begin again with each epoch are compared epoch by epoch.
        let restarts = columns.format.description().step_may_restart;
        let epochs = columns.epoch.as_ref().filter(|_| restarts).map(EpochColumn::reader);
        let mut numbers: HashMap<u32, usize> = HashMap::new();
        for (index, &tag) in columns.tag.iter().enumerate() {
            let ordinal = begin + index as u64;
            let Some(mut key) = keys.at(index) else { continue };
            if let Some(epochs) = &epochs {
                self.epoch = epochs.get(index).and_then(Decimal::whole).unwrap_or(self.epoch);
                key.epoch = self.epoch;
            }
            let series = *numbers.entry(tag).or_insert_with(|| {
                let next = self.numbers.len();
                *self.numbers.entry((columns.meaning, tag_of(tag))).or_insert(next)
            });
            if series >= self.seen.len() {
                self.seen.resize(series + 1, 0);
            }
            if self.row.key != Some(key) || self.seen[series] == self.row.number {
                self.end_row(once);
                let number = self.row.number + 1;
                self.row = Row {
                    key: Some(key),
                    begin: ordinal,
                    number,
                    backs: 0,
                    series: std::mem::take(&mut self.row.series),
                };
            }
            self.seen[series] = self.row.number;
            self.row.series.push(series);
        }
        self.end_row(once);
        self.records = begin + columns.len() as u64;
        let rows = self.backs.get(before..).unwrap_or_default().iter().map(|back| back.at.row.saturating_sub(begin));
        rows.filter_map(|row| usize::try_from(row).ok()).collect()
    }

    /// Takes a row that has ended.
    fn end_row(&mut self, once: bool) {
        let Some(key) = self.row.key.take() else { return };
        let row = std::mem::take(&mut self.row.series);
        let kind = self.kinds.number(&row);
        for (place, &series) in row.iter().enumerate() {
            let index = self.row.begin + place as u64;
            if series == self.series.len() {
                let stride = OrderKey { epoch: 0, step: 0 };
                self.series.push(SeriesWalk { last: key, index, kind, stride, open: None, jumps: 0 });
                continue;
            }
            self.step(series, key, index, kind, once);
        }
        self.row.series = row;
        self.row.series.clear();
    }

    /// Takes a record of a series that is known.
    fn step(&mut self, series: usize, key: OrderKey, index: u64, kind: Option<u32>, once: bool) {
        let known = &mut self.series[series];
        if key < known.last || once && key == known.last {
            let highest = known.open.map_or(known.last, |open| self.backs[open].highest.max(known.last));
            let other_kind = self.kinds.differ(kind, known.kind);
            let at = SeriesBack { row: self.row.begin, before: known.index };
            self.row.backs += 1;
            if self.row.backs > MOST_IN_ROW {
                known.open = None;
            } else if self.backs.len() < MOST_BACKS {
                let verdict = if key == known.last { BackVerdict::DoneAgain } else { BackVerdict::Open };
                known.open = Some(self.backs.len());
                self.backs.push(PossibleBack { at, series, highest, other_kind, verdict });
            } else {
                self.disordered = true;
            }
        } else {
            let jump = distance(known.last, key);
            let back = known.open.map(|open| &mut self.backs[open]).filter(|back| key >= back.highest);
            let Some(back) = back else {
                known.stride = jump.max(known.stride);
                (known.last, known.index, known.kind) = (key, index, kind);
                return;
            };
            known.open = None;
            if jump > known.stride {
                // The other counter goes on where it was.
                let goes_on = known.stride > NO_WAY && distance(back.highest, key) <= known.stride;
                known.jumps += 1;
                back.verdict = if back.other_kind || goes_on { BackVerdict::OtherCounter } else { BackVerdict::Jumped };
            } else {
                back.verdict = BackVerdict::DoneAgain;
            }
        }
        (known.last, known.index, known.kind) = (key, index, kind);
    }

    /// The places where a process resumed or began anew, in the order of the file.
    pub(crate) fn finish(self) -> Vec<SeriesBack> {
        if self.disordered {
            return Vec::new();
        }
        let is_real = |back: &&PossibleBack| {
            let jumps = self.series[back.series].jumps;
            match back.verdict {
                BackVerdict::DoneAgain => true,
                BackVerdict::OtherCounter => false,
                BackVerdict::Jumped => jumps < 2,
                BackVerdict::Open => jumps < 2 && !back.other_kind,
            }
        };
        let mut backs: Vec<SeriesBack> = self.backs.iter().filter(is_real).map(|back| back.at).collect();
        backs.sort_by_key(|back| (back.row, back.before));
        backs
    }
}

const NO_WAY: OrderKey = OrderKey { epoch: 0, step: 0 };

/// The way from a key to a later one.
fn distance(from: OrderKey, to: OrderKey) -> OrderKey {
    let epoch = to.epoch.saturating_sub(from.epoch);
    // Steps of different epochs cannot be compared.
    OrderKey { epoch, step: if epoch == 0 { to.step.saturating_sub(from.step) } else { 0 } }
}

impl RowKinds {
    /// The number of the kind of a row; `None` if there are too many kinds.
    fn number(&mut self, row: &[usize]) -> Option<u32> {
        if row.len() > MOST_SERIES {
            return None;
        }
        if let Some(last) = self.last
            && self.sets.get(last as usize).is_some_and(|set| set == row)
        {
            return Some(last);
        }
        let number = if let Some(&number) = self.numbers.get(row) {
            number
        } else if self.sets.len() < MOST_KINDS {
            let number = u32::try_from(self.sets.len()).ok()?;
            self.sets.push(row.to_vec());
            self.numbers.insert(row.to_vec(), number);
            number
        } else {
            return None;
        };
        self.last = Some(number);
        Some(number)
    }

    /// Whether each of two kinds of rows has series that the other one lacks.
    fn differ(&self, one: Option<u32>, other: Option<u32>) -> bool {
        let set = |kind: Option<u32>| kind.and_then(|kind| self.sets.get(kind as usize));
        if one == other {
            return false;
        }
        let Some((one, other)) = set(one).zip(set(other)) else { return false };
        let lacks = |one: &[usize], other: &[usize]| one.iter().any(|series| !other.contains(series));
        lacks(one, other) && lacks(other, one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows at which rows of these tags and steps show that a process began.
    fn backs(rows: &[(&str, i64)]) -> Vec<u64> {
        let mut columns = ColumnBatch::new(0, 0, stepbridge_formats::named("jsonl").expect("a format").format());
        let mut steps = Vec::new();
        let mut row_of = Vec::new();
        for (row, (tags, step)) in (0..).zip(rows) {
            for tag in tags.bytes() {
                columns.tag.push(u32::from(tag));
                columns.value.push(0.5);
                steps.push(*step);
                row_of.push(row);
            }
        }
        columns.step = Some(steps);
        let mut walk = CounterWalk::default();
        // The result does not depend on the batches.
        walk.take(&columns, |tag| tag);
        walk.finish().into_iter().map(|back| row_of[usize::try_from(back.row).expect("small")]).collect()
    }

    fn steps(tags: &str, steps: impl IntoIterator<Item = i64>) -> Vec<(&str, i64)> {
        steps.into_iter().map(|step| (tags, step)).collect()
    }

    #[test]
    fn a_process_that_did_steps_again_is_found() {
        assert_eq!(backs(&steps("a", [1, 2, 3, 4, 5, 3, 4, 5, 6])), [5]);
        assert_eq!(backs(&steps("a", [1, 2, 3, 1, 2, 3])), [3]);
        assert_eq!(backs(&steps("a", [1, 2, 3, 4, 5, 2, 3, 1])), [5, 7]);
        // It logs one more value, or less often.
        assert_eq!(backs(&[steps("a", 0..50), steps("ab", 30..60)].concat()), [50]);
        assert_eq!(backs(&[steps("a", 0..1050), steps("a", [1000, 1100, 1200])].concat()), [1050]);
    }

    #[test]
    fn two_counters_in_a_file_are_no_process() {
        let mixed = |epochs: i64| -> Vec<(&str, i64)> {
            (1..=epochs)
                .flat_map(|epoch| [steps("al", 10 * epoch - 9..=10 * epoch), steps("vl", [epoch])].concat())
                .collect()
        };
        for epochs in 1..7 {
            assert_eq!(backs(&mixed(epochs)), [0; 0], "{epochs} epochs");
            assert_eq!(backs(&mixed(epochs)[..mixed(epochs).len() - 1]), [0; 0]);
        }
        // All rows have the same series.
        let alike: Vec<_> =
            (1..9).flat_map(|epoch| [steps("l", 5 * epoch - 4..=5 * epoch), steps("l", [epoch])].concat()).collect();
        assert_eq!(backs(&alike), [0; 0]);
        // There is one row of each between two of the other.
        let sparse: Vec<_> = (1..9).flat_map(|epoch| [("l", 10 * epoch), ("l", epoch)]).collect();
        assert_eq!(backs(&sparse), [0; 0]);
        // They were resumed.
        assert_eq!(backs(&[mixed(4), mixed(6)[22..].to_vec()].concat()).first(), Some(&44));
    }

    #[test]
    fn steps_that_may_begin_again_with_each_epoch_are_compared_in_it() {
        let backs = |rows: &[(i64, i64)]| {
            let mut columns =
                ColumnBatch::new(0, 0, stepbridge_formats::named("lightning_csv").expect("known").format());
            columns.tag = vec![0; rows.len()];
            columns.value = vec![0.5; rows.len()];
            columns.step = Some(rows.iter().map(|(_, step)| *step).collect());
            columns.epoch = Some(rows.iter().map(|(epoch, _)| Some(Decimal::integer(*epoch))).collect());
            let mut walk = CounterWalk::default();
            walk.take(&columns, |tag| tag);
            walk.finish().into_iter().map(|back| back.row).collect::<Vec<_>>()
        };
        let fit = [(0, 0), (0, 5), (1, 10), (1, 15)];
        assert_eq!(backs(&[fit, fit].concat()), [4]);
        assert_eq!(backs(&[(0, 0), (0, 5), (1, 0), (1, 5), (2, 0)]), [0; 0]);
        assert_eq!(backs(&[&fit[..], &[(1, 10), (1, 15), (2, 20)]].concat()), [4]);
    }

    #[test]
    fn a_record_out_of_order_is_no_process() {
        assert_eq!(backs(&steps("a", [10, 11, 12, 9, 13, 14])), [0; 0]);
        assert_eq!(backs(&[("a", 1), ("b", 1), ("b", 0), ("a", 2)]).len(), 1);
    }
}
