//! What logs state of their epochs, folded file by file.
//!
//! Of records next to each other that state one epoch, inference needs the first, the lowest and the highest step: what lies
//! between them follows. The fold depends on the order of the records alone, not on how a reader cut them into batches, so
//! that logs give the same answer whether they are in memory or were only surveyed.

use std::collections::HashMap;

use stepbridge_records::{ColumnBatch, ConfigEntry, Decimal, EpochColumn, Format, Records, SeriesMeaning};

use super::hypothesis::Hypothesis;
use super::step_resets::may_restart;
use crate::second_counters::SecondCounters;

/// How many stretches of a file are distinguished by every digit. Beyond that, only integers are.
pub(crate) const MOST_STRETCHES: usize = 1 << 18;

/// A record that states an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StatedEpoch {
    pub(crate) step: i64,
    pub(crate) stated: Decimal,
    /// Whether a later session superseded the record.
    pub(crate) superseded: bool,
}

/// Records next to each other that state one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EpochStretch {
    pub(crate) first: StatedEpoch,
    pub(crate) low: StatedEpoch,
    pub(crate) high: StatedEpoch,
    /// Whether the highest step comes before the lowest.
    descends: bool,
}

impl EpochStretch {
    fn of(record: StatedEpoch) -> Self {
        Self { first: record, low: record, high: record, descends: false }
    }

    fn add(&mut self, record: StatedEpoch) {
        if record.step < self.low.step {
            (self.low, self.descends) = (record, true);
        } else if record.step > self.high.step {
            (self.high, self.descends) = (record, false);
        }
    }

    /// Its lowest and its highest record, in the order of the file; one record if they are the same.
    pub(crate) fn ends(&self) -> impl Iterator<Item = StatedEpoch> {
        let (one, other) = if self.descends { (self.high, self.low) } else { (self.low, self.high) };
        std::iter::once(one).chain((one != other).then_some(other))
    }
}

/// What one session wrote to one file with one meaning.
#[derive(Debug, Clone)]
pub(crate) struct FileEvidence {
    pub(crate) run: u32,
    pub(crate) source: u32,
    pub(crate) session: u32,
    pub(crate) format: Format,
    pub(crate) meaning: SeriesMeaning,
    /// Whether its steps may begin again with each epoch.
    pub(crate) may_restart: bool,
    /// What the name of the tag says, if the epochs are the values of a tag.
    pub(crate) named: Option<Hypothesis>,
    pub(crate) stretches: Vec<EpochStretch>,
    /// The highest epoch that its records state, with or without a step, but for those that a later session superseded.
    pub(crate) highest: Option<Decimal>,
    /// Pairs of step and epoch that the file states outside its records.
    pub(crate) outside: Vec<(i64, Decimal)>,
    /// Lengths of epochs that the file states.
    pub(crate) lengths: Vec<(Option<i64>, u64)>,
    /// Numbers of the run's own configuration.
    pub(crate) config: Vec<ConfigEntry>,
}

/// What tells one piece of evidence from another.
#[derive(PartialEq, Eq, Hash)]
struct EvidenceKey {
    run: u32,
    source: u32,
    session: u32,
    meaning: SeriesMeaning,
    may_restart: bool,
    has_epochs: bool,
    tag: Option<u32>,
}

/// Folds the records of all files, without those that count by another counter than the steps of their run.
pub(crate) fn gather(records: &Records, counters: &SecondCounters) -> Vec<FileEvidence> {
    let mut fold = EvidenceFold::default();
    let named: Vec<(u32, Hypothesis)> =
        (0..).zip(&records.tags).filter_map(|(tag, name)| Some((tag, Hypothesis::of_tag(name)?))).collect();
    for batch in &records.batches {
        let others = counters.others(batch);
        let is_other = |index: usize| others.as_ref().is_some_and(|others| others[index]);
        let at = fold.evidence(batch, None);
        fold.found[at].outside.extend(&batch.evidence);
        fold.found[at].lengths.extend(&batch.lengths);
        fold.found[at].config.extend(batch.config.iter().cloned());
        if batch.epoch.is_some() {
            fold.column(at, batch, &is_other);
        } else if batch.meaning.epoch.is_none() && batch.evidence.is_empty() {
            for &(tag, meaning) in &named {
                fold.tag(batch, tag, meaning, &is_other);
            }
        }
    }
    fold.found
}

#[derive(Default)]
struct EvidenceFold {
    found: Vec<FileEvidence>,
    known: HashMap<EvidenceKey, usize>,
    /// How many stretches each file has.
    counts: HashMap<u32, usize>,
}

impl EvidenceFold {
    fn evidence(&mut self, batch: &ColumnBatch, named: Option<(u32, Hypothesis)>) -> usize {
        let &ColumnBatch { run, source, session, format, meaning, .. } = batch;
        let may_restart = may_restart(batch);
        let has_epochs = named.is_none() && (batch.epoch.is_some() || !batch.evidence.is_empty());
        let tag = named.map(|(tag, _)| tag);
        let key = EvidenceKey { run, source, session, meaning, may_restart, has_epochs, tag };
        *self.known.entry(key).or_insert_with(|| {
            self.found.push(FileEvidence {
                run,
                source,
                session,
                format,
                meaning,
                may_restart,
                named: named.map(|(_, meaning)| meaning),
                stretches: Vec::new(),
                highest: None,
                outside: Vec::new(),
                lengths: Vec::new(),
                config: Vec::new(),
            });
            self.found.len() - 1
        })
    }

    /// Takes the column of epochs.
    fn column(&mut self, at: usize, batch: &ColumnBatch, is_other: &impl Fn(usize) -> bool) {
        for (range, stated) in batch.epoch.iter().flat_map(EpochColumn::ranges) {
            let Some(stated) = stated else { continue };
            if range.clone().any(|index| !batch.is_superseded(index) && !is_other(index)) {
                self.reach(at, stated);
            }
            let mut ends: Option<(usize, usize, usize)> = None;
            for index in range {
                let Some(step) = batch.step_of(index) else { continue };
                if is_other(index) {
                    continue;
                }
                let (_, low, high) = ends.get_or_insert((index, index, index));
                if batch.step_of(*low).is_some_and(|lowest| step < lowest) {
                    *low = index;
                } else if batch.step_of(*high).is_some_and(|highest| step > highest) {
                    *high = index;
                }
            }
            if let Some((first, low, high)) = ends {
                let mut indices = [first, low, high];
                indices.sort_unstable();
                for index in indices {
                    self.record(at, batch, index, stated);
                }
            }
        }
    }

    /// Takes the values of a tag, which are epochs.
    fn tag(&mut self, batch: &ColumnBatch, tag: u32, meaning: Hypothesis, is_other: &impl Fn(usize) -> bool) {
        let mut last: Option<(u64, Option<Decimal>)> = None;
        let mut found = None;
        for index in (0..batch.len()).filter(|&index| batch.tag[index] == tag) {
            let value = batch.value[index];
            // Finding out how a number was printed is expensive, and epochs repeat.
            let stated = match last {
                Some((bits, stated)) if bits == value.to_bits() => stated,
                _ => Decimal::of_float(value),
            };
            last = Some((value.to_bits(), stated));
            if let (Some(stated), Some(_), false) = (stated, batch.step_of(index), is_other(index)) {
                let at = found.unwrap_or_else(|| self.evidence(batch, Some((tag, meaning))));
                found = Some(at);
                if !batch.is_superseded(index) {
                    self.reach(at, stated);
                }
                self.record(at, batch, index, stated);
            }
        }
    }

    /// Takes an epoch that the run reached.
    fn reach(&mut self, at: usize, stated: Decimal) {
        let highest = &mut self.found[at].highest;
        if highest.is_none_or(|highest| highest.to_f64() < stated.to_f64()) {
            *highest = Some(stated);
        }
    }

    fn record(&mut self, at: usize, batch: &ColumnBatch, index: usize, stated: Decimal) {
        let Some(step) = batch.step_of(index) else { return };
        let record = StatedEpoch { step, stated, superseded: batch.is_superseded(index) };
        let stretches = &mut self.found[at].stretches;
        if let Some(open) = stretches.last_mut().filter(|open| open.first.stated == stated) {
            return open.add(record);
        }
        let count = self.counts.entry(batch.source).or_default();
        let coarse = *count > MOST_STRETCHES;
        if let Some(open) = stretches.last_mut().filter(|open| coarse && same_epoch(open.first.stated, stated)) {
            return open.add(record);
        }
        *count += 1;
        stretches.push(EpochStretch::of(record));
    }
}

fn same_epoch(one: Decimal, other: Decimal) -> bool {
    one.to_f64().floor().to_bits() == other.to_f64().floor().to_bits()
}
