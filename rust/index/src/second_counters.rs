//! Second counters: series of a file whose step counts something else than the steps of the other series.
//!
//! Many loops log training by step and validation by epoch into one file, in one column: 1, 2, ... 10, 1, 11, ... 20, 2. Such
//! a series rises by one each time, while the others rise by more between two of its records and are always ahead of it. A
//! process that resumed looks different: its series goes on with the others. Series that have a file each are compared by their
//! times (`alone`).

mod alone;

use std::collections::HashMap;
use std::ops::Range;

use stepbridge_io::parallel;
use stepbridge_records::{ColumnBatch, CounterMark, Records};

/// How many marks of a series are kept.
const MOST_MARKS: usize = 1 << 12;
/// How many records are looked at together: all of them count with the others, or each is looked at.
const BLOCK: usize = 1 << 8;
/// How many series of a file are followed at once.
const MOST_SERIES: usize = 1 << 16;

/// The second counters of all runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct SecondCounters {
    runs: HashMap<u32, HashMap<u32, Vec<CounterMark>>>,
}

impl SecondCounters {
    /// Finds them in records of whole files, on up to `threads` threads.
    pub(crate) fn of(records: &Records, threads: usize) -> Self {
        let mut files: Vec<(u32, Vec<&ColumnBatch>)> = Vec::new();
        let mut known: HashMap<(u32, u32), usize> = HashMap::new();
        // Of a survey only some of the records are here; what all of them showed is in the facts of the files.
        for batch in records.batches.iter().filter(|batch| may_hold(batch) && batch.ordinals.is_none()) {
            let at = *known.entry((batch.run, batch.source)).or_insert_with(|| {
                files.push((batch.run, Vec::new()));
                files.len() - 1
            });
            files[at].1.push(batch);
        }
        let found = parallel::map(files.len(), threads, |file| {
            let mut fold = CounterFold::default();
            files[file].1.iter().for_each(|batch| fold.add(batch));
            fold.finish()
        });
        let mut counters = Self::default();
        for ((run, _), found) in files.iter().zip(found) {
            counters.add(*run, found);
        }
        for (run, tag) in alone::found(records) {
            counters.add(run, vec![(tag, Vec::new())]);
        }
        counters
    }

    /// Adds what a file showed.
    pub(crate) fn add(&mut self, run: u32, found: Vec<(u32, Vec<CounterMark>)>) {
        for (tag, marks) in found {
            self.runs.entry(run).or_default().entry(tag).or_default().extend(marks);
        }
    }

    /// The series of a run that count by a counter of their own, with what they showed; in no order.
    pub(crate) fn of_run(&self, run: u32) -> impl Iterator<Item = (u32, &[CounterMark])> {
        self.runs.get(&run).into_iter().flatten().map(|(tag, marks)| (*tag, marks.as_slice()))
    }

    /// Whether a series of a run counts by a counter of its own.
    pub(crate) fn has(&self, run: u32, tag: u32) -> bool {
        self.runs.get(&run).is_some_and(|tags| tags.contains_key(&tag))
    }

    /// The rows of a batch that count by a second counter: those with a record of its series. `None` if there are none.
    pub(crate) fn rows(&self, batch: &ColumnBatch) -> Option<Vec<Range<usize>>> {
        let tags = self.runs.get(&batch.run).filter(|_| may_hold(batch))?;
        if !batch.tag.iter().any(|tag| tags.contains_key(tag)) {
            return None;
        }
        let mut rows = Vec::new();
        let mut begin = 0;
        while begin < batch.len() {
            let end = row_end(batch, begin);
            if batch.tag[begin..end].iter().any(|tag| tags.contains_key(tag)) {
                rows.push(begin..end);
            }
            begin = end;
        }
        Some(rows)
    }

    /// For each record of a batch, whether it counts by a second counter; `None` if none does.
    pub(crate) fn others(&self, batch: &ColumnBatch) -> Option<Vec<bool>> {
        let rows = self.rows(batch)?;
        let mut others = vec![false; batch.len()];
        for row in rows {
            others[row].fill(true);
        }
        Some(others)
    }
}

/// Whether the steps of a batch may count several things: nobody declares what they are.
pub(crate) fn may_hold(batch: &ColumnBatch) -> bool {
    batch.meaning.step.is_none() && batch.step.is_some()
}

/// Where the row of a record ends: the next records with its step, each of another series.
fn row_end(batch: &ColumnBatch, begin: usize) -> usize {
    let step = batch.step_of(begin);
    let next_to = |index: usize| batch.ordinals.as_ref().is_none_or(|all| all[index] == all[index - 1] + 1);
    let mut end = begin + 1;
    while end < batch.len()
        && batch.step_of(end) == step
        && next_to(end)
        && !batch.tag[begin..end].contains(&batch.tag[end])
    {
        end += 1;
    }
    end
}

/// Finds the second counters of one file, batch by batch.
#[derive(Debug, Default)]
pub(crate) struct CounterFold {
    /// The highest step so far.
    reached: Option<i64>,
    /// By tag.
    series: HashMap<u32, SeriesState>,
    /// By tag, whether the series counts with the others.
    plain: Vec<bool>,
    /// All tags below this number do.
    plain_below: u32,
}

#[derive(Debug)]
struct SeriesState {
    last: i64,
    /// How far the others were at its last rise; `None` if it went back since.
    reached: Option<i64>,
    /// How often it rose.
    rises: usize,
    marks: Vec<CounterMark>,
}

impl CounterFold {
    pub(crate) fn add(&mut self, batch: &ColumnBatch) {
        for begin in (0..batch.len()).step_by(BLOCK) {
            let block = begin..batch.len().min(begin + BLOCK);
            if self.all_plain(&batch.tag[block.clone()]) {
                // Only how far they are matters of series that count with the others.
                self.reached = self.reached.max(batch.highest_step(block));
                continue;
            }
            for index in block {
                let Some(step) = batch.step_of(index) else { continue };
                if !self.is_plain(batch.tag[index]) {
                    self.record(batch.tag[index], step);
                }
                self.reached = Some(self.reached.map_or(step, |reached| reached.max(step)));
            }
        }
    }

    fn record(&mut self, tag: u32, step: i64) {
        let reached = self.reached.filter(|reached| *reached > step);
        let Some(series) = self.series.get_mut(&tag) else {
            if self.series.len() < MOST_SERIES {
                let marks = reached.map(|reached| CounterMark { value: step, reached }).into_iter().collect();
                self.series.insert(tag, SeriesState { last: step, reached: self.reached, rises: 0, marks });
            } else {
                self.set_plain(tag);
            }
            return;
        };
        let rises = step == series.last.saturating_add(1);
        let ahead = |before: i64, now: i64| now >= before.saturating_add(2);
        match reached {
            Some(reached) if rises && series.reached.is_none_or(|before| ahead(before, reached)) => {
                series.rises += 1;
                if series.marks.len() < MOST_MARKS {
                    series.marks.push(CounterMark { value: step, reached });
                }
                (series.last, series.reached) = (step, Some(reached));
            }
            Some(_) if step == series.last => {}
            // A later process repeats some of it.
            Some(_) if step < series.last && series.rises > 0 => (series.last, series.reached) = (step, None),
            _ => {
                self.series.remove(&tag);
                self.set_plain(tag);
            }
        }
    }

    fn all_plain(&self, tags: &[u32]) -> bool {
        // The highest of several is found in one instruction.
        let highest = tags.iter().copied().max().unwrap_or_default();
        highest < self.plain_below || tags.iter().all(|&tag| self.is_plain(tag))
    }

    fn is_plain(&self, tag: u32) -> bool {
        self.plain.get(tag as usize) == Some(&true)
    }

    fn set_plain(&mut self, tag: u32) {
        let tag = tag as usize;
        if tag >= self.plain.len() {
            self.plain.resize(tag + 1, false);
        }
        self.plain[tag] = true;
        while self.is_plain(self.plain_below) {
            self.plain_below += 1;
        }
    }

    /// The tags that count by a counter of their own, and what shows it.
    pub(crate) fn finish(self) -> Vec<(u32, Vec<CounterMark>)> {
        let is_second = |series: &SeriesState| series.rises > 0;
        let mut found: Vec<(u32, Vec<CounterMark>)> = self
            .series
            .into_iter()
            .filter(|(_, series)| is_second(series))
            .map(|(tag, series)| (tag, series.marks))
            .collect();
        found.sort_unstable_by_key(|(tag, _)| *tag);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tags of a log of (tag, step) that have a counter of their own.
    fn found(log: &[(u32, i64)]) -> Vec<u32> {
        let mut fold = CounterFold::default();
        // Pieces of any size give the same.
        for part in log.chunks(3) {
            fold.add(&ColumnBatch {
                tag: part.iter().map(|(tag, _)| *tag).collect(),
                step: Some(part.iter().map(|(_, step)| *step).collect()),
                value: vec![0.0; part.len()],
                ..ColumnBatch::new(0, 0, stepbridge_formats::named("csv").expect("a format").format())
            });
        }
        fold.finish().into_iter().map(|(tag, _)| tag).collect()
    }

    /// Steps of training (tag 0), with a record of tag 1 after every ten of them.
    fn log(validation: impl Fn(i64) -> i64) -> Vec<(u32, i64)> {
        let steps = (1..=40).flat_map(|step| {
            let after = (step % 10 == 0).then(|| (1, validation(step)));
            std::iter::once((0, step)).chain(after)
        });
        steps.collect()
    }

    #[test]
    fn validation_by_epoch_beside_training_by_step_is_a_second_counter() {
        assert_eq!(found(&log(|step| step / 10)), [1]);
        assert_eq!(found(&log(|step| step / 10 - 1)), [1]);
        assert_eq!(found(&log(|step| step / 10 + 6)), [1]);
    }

    #[test]
    fn series_that_go_on_with_the_others_are_not() {
        assert_eq!(found(&log(|step| step)), [0_u32; 0]);
        assert_eq!(found(&log(|step| step - 3)), [0_u32; 0]);
        assert_eq!(found(&log(|_| 0)), [0_u32; 0]);
        // One series after the other.
        let apart: Vec<(u32, i64)> = (0..20).map(|step| (0, step)).chain((0..5).map(|step| (1, step))).collect();
        assert_eq!(found(&apart), [0_u32; 0]);
        // A process that resumed, and logs a new series too.
        let resumed: Vec<(u32, i64)> =
            (0..20).map(|step| (0, step)).chain((10..30).flat_map(|step| [(0, step), (1, step)])).collect();
        assert_eq!(found(&resumed), [0_u32; 0]);
    }

    #[test]
    fn a_validation_that_is_done_again_still_is() {
        let mut again = log(|step| step / 10);
        again.extend(
            (25..=60).flat_map(|step| std::iter::once((0, step)).chain((step % 10 == 0).then_some((1, step / 10)))),
        );
        assert_eq!(found(&again), [1]);
    }

    #[test]
    fn rows_are_told_apart_by_their_series() {
        let rows = [(0, 1), (2, 1), (1, 1), (2, 1), (0, 11), (2, 11), (2, 2), (1, 2)];
        let batch = ColumnBatch {
            tag: rows.iter().map(|(tag, _)| *tag).collect(),
            step: Some(rows.iter().map(|(_, step)| *step).collect()),
            value: vec![0.0; rows.len()],
            ..ColumnBatch::new(0, 0, stepbridge_formats::named("csv").expect("a format").format())
        };
        let mut counters = SecondCounters::default();
        counters.add(0, vec![(1, Vec::new())]);
        assert_eq!(counters.rows(&batch), Some(vec![0..3, 6..8]));
        let rest = ColumnBatch { run: 1, ..batch };
        assert_eq!(counters.rows(&rest), None);
    }
}
