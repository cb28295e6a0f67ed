//! What logs state of their epochs, folded file by file.
//!
//! Of records next to each other that state one epoch, inference needs the first, the lowest and the highest step: what lies
//! between them follows. The fold depends on the order of the records alone, not on how a reader cut them into batches, so
//! that logs give the same answer whether they are in memory or were only surveyed.

use std::collections::HashMap;

use stepbridge_io::parallel;
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

/// What tells one piece of evidence of a file from another.
#[derive(PartialEq, Eq, Hash)]
struct EvidenceKey {
    run: u32,
    session: u32,
    meaning: SeriesMeaning,
    may_restart: bool,
    has_epochs: bool,
    tag: Option<u32>,
}

/// Folds the records of all files, each file on one of up to `threads` threads, without those that count by another counter
/// than the steps of their run.
pub(crate) fn gather(records: &Records, counters: &SecondCounters, threads: usize) -> Vec<FileEvidence> {
    let named: Vec<(u32, Hypothesis)> =
        (0..).zip(&records.tags).filter_map(|(tag, name)| Some((tag, Hypothesis::of_tag(name)?))).collect();
    let files = batches_by_file(records);
    let found = parallel::map(files.len(), threads, |file| {
        let mut fold = FileFold { named: &named, found: Vec::new(), known: HashMap::new(), stretches: 0 };
        files[file].iter().for_each(|&index| fold.add(index, &records.batches[index], counters));
        fold.found
    });
    let mut found: Vec<(usize, FileEvidence)> = found.into_iter().flatten().collect();
    // In the order of the batches, which may alternate between files.
    found.sort_by_key(|(first, _)| *first);
    found.into_iter().map(|(_, evidence)| evidence).collect()
}

/// The indices of the batches of each file.
fn batches_by_file(records: &Records) -> Vec<Vec<usize>> {
    let mut files: Vec<Vec<usize>> = Vec::new();
    let mut known: HashMap<u32, usize> = HashMap::new();
    for (index, batch) in records.batches.iter().enumerate() {
        let at = *known.entry(batch.source).or_insert(files.len());
        if at == files.len() {
            files.push(Vec::new());
        }
        files[at].push(index);
    }
    files
}

/// Folds the batches of one file.
struct FileFold<'a> {
    /// The tags whose values are epochs, and what their names say.
    named: &'a [(u32, Hypothesis)],
    /// With the index of the first batch of each.
    found: Vec<(usize, FileEvidence)>,
    known: HashMap<EvidenceKey, usize>,
    /// How many stretches there are.
    stretches: usize,
}

impl FileFold<'_> {
    fn add(&mut self, index: usize, batch: &ColumnBatch, counters: &SecondCounters) {
        let others = counters.others(batch);
        let is_other = |index: usize| others.as_ref().is_some_and(|others| others[index]);
        let at = self.evidence(index, batch, None);
        let evidence = &mut self.found[at].1;
        evidence.outside.extend(&batch.evidence);
        evidence.lengths.extend(&batch.lengths);
        evidence.config.extend(batch.config.iter().cloned());
        if batch.epoch.is_some() {
            self.column(at, batch, &is_other);
        } else if batch.meaning.epoch.is_none() && batch.evidence.is_empty() {
            for &named in self.named {
                self.tag(index, batch, named, &is_other);
            }
        }
    }

    fn evidence(&mut self, index: usize, batch: &ColumnBatch, named: Option<(u32, Hypothesis)>) -> usize {
        let &ColumnBatch { run, source, session, format, meaning, .. } = batch;
        let may_restart = may_restart(batch);
        let has_epochs = named.is_none() && (batch.epoch.is_some() || !batch.evidence.is_empty());
        let tag = named.map(|(tag, _)| tag);
        let key = EvidenceKey { run, session, meaning, may_restart, has_epochs, tag };
        *self.known.entry(key).or_insert_with(|| {
            let evidence = FileEvidence {
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
            };
            self.found.push((index, evidence));
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
            let mut ends = None;
            for index in range.filter(|&index| !is_other(index)) {
                if let Some(step) = batch.step_of(index) {
                    StretchEnds::add(&mut ends, index, step);
                }
            }
            self.stretch(at, batch, ends, stated);
        }
    }

    /// Takes the values of a tag, which are epochs.
    fn tag(&mut self, first: usize, batch: &ColumnBatch, named: (u32, Hypothesis), is_other: &impl Fn(usize) -> bool) {
        let (mut last, mut ends, mut kept) = (None, None, false);
        for (index, _) in batch.tag.iter().enumerate().filter(|(index, tag)| **tag == named.0 && !is_other(*index)) {
            let Some(step) = batch.step_of(index) else { continue };
            let bits = batch.value[index].to_bits();
            if last.is_some_and(|last| last != bits) {
                self.named_stretch(first, batch, named, last, kept, ends.take());
                kept = false;
            }
            last = Some(bits);
            kept = kept || !batch.is_superseded(index);
            StretchEnds::add(&mut ends, index, step);
        }
        self.named_stretch(first, batch, named, last, kept, ends);
    }

    /// Takes records next to each other that have one value; `kept` says whether no later session superseded one of them. Finding out how it was printed is expensive, and epochs repeat.
    fn named_stretch(
        &mut self,
        first: usize,
        batch: &ColumnBatch,
        named: (u32, Hypothesis),
        bits: Option<u64>,
        kept: bool,
        ends: Option<StretchEnds>,
    ) {
        if let Some(stated) = bits.and_then(|bits| Decimal::of_float(f64::from_bits(bits))) {
            let at = self.evidence(first, batch, Some(named));
            if kept {
                self.reach(at, stated);
            }
            self.stretch(at, batch, ends, stated);
        }
    }

    /// Takes records next to each other that state one epoch.
    fn stretch(&mut self, at: usize, batch: &ColumnBatch, ends: Option<StretchEnds>, stated: Decimal) {
        for (index, step) in ends.into_iter().flat_map(StretchEnds::in_order) {
            self.record(at, StatedEpoch { step, stated, superseded: batch.is_superseded(index) });
        }
    }

    /// Takes an epoch that the run reached.
    fn reach(&mut self, at: usize, stated: Decimal) {
        let highest = &mut self.found[at].1.highest;
        if highest.is_none_or(|highest| highest.to_f64() < stated.to_f64()) {
            *highest = Some(stated);
        }
    }

    fn record(&mut self, at: usize, record: StatedEpoch) {
        let stated = record.stated;
        let stretches = &mut self.found[at].1.stretches;
        if let Some(open) = stretches.last_mut().filter(|open| open.first.stated == stated) {
            return open.add(record);
        }
        let coarse = self.stretches > MOST_STRETCHES;
        if let Some(open) = stretches.last_mut().filter(|open| coarse && same_epoch(open.first.stated, stated)) {
            return open.add(record);
        }
        self.stretches += 1;
        stretches.push(EpochStretch::of(record));
    }
}

/// Of records next to each other that state one epoch, those that matter: index and step.
#[derive(Debug, Clone, Copy)]
struct StretchEnds {
    first: (usize, i64),
    low: (usize, i64),
    high: (usize, i64),
}

impl StretchEnds {
    fn add(ends: &mut Option<Self>, index: usize, step: i64) {
        let record = (index, step);
        let Self { low, high, .. } = ends.get_or_insert(Self { first: record, low: record, high: record });
        // Mostly steps rise.
        if step > high.1 {
            *high = record;
        } else if step < low.1 {
            *low = record;
        }
    }

    fn in_order(self) -> [(usize, i64); 3] {
        let mut records = [self.first, self.low, self.high];
        records.sort_unstable();
        records
    }
}

fn same_epoch(one: Decimal, other: Decimal) -> bool {
    one.to_f64().floor().to_bits() == other.to_f64().floor().to_bits()
}
