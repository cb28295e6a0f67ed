//! Series of a run whose steps mean something else than those of the others.

use std::collections::{BTreeSet, HashMap};

use stepbridge_ledger::SeriesStep;
use stepbridge_records::{ColumnBatch, StepMeaning, TaggingWriter};

use crate::glob::matches;
use crate::second_counters::SecondCounters;
use stepbridge_timeline::Unit;

/// What the caller says of the steps of some series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesRule {
    /// The tags, as a pattern with `*` and `?`.
    pub tags: String,
    /// What their steps count.
    pub unit: Unit,
    /// 0 if a step is an index, 1 if it is the n-th.
    pub base: u8,
}

/// The classes of the series of a run. Class 0 is that of the series that nothing is stated about.
#[derive(Debug, Clone, Default)]
pub(super) struct SeriesClasses {
    /// The classes from 1 on.
    pub(super) list: Vec<SeriesClass>,
    /// The class of each tag that a rule names.
    ruled: HashMap<u32, u16>,
    /// The class of each tag that counts by a counter of its own.
    second: HashMap<u32, u16>,
    counters: SecondCounters,
}

/// Some series of a run.
#[derive(Debug, Clone)]
pub(super) struct SeriesClass {
    /// How people call them: a pattern, or a tag.
    pub(super) name: String,
    pub(super) kind: SeriesClassKind,
}

#[derive(Debug, Clone)]
pub(super) enum SeriesClassKind {
    /// The caller says what their steps are.
    Ruled(StepMeaning),
    /// Their writer says what their steps are: its name.
    Declared(StepMeaning, &'static str),
    /// The ledger says that their step is not the one that loggers are given, what it is if that is known, and who saw it.
    Noted(Option<StepMeaning>, String),
    /// They count by a counter of their own: the tag.
    Second(u32),
}

/// What is known of a run before its series are distinguished.
pub(super) struct SeriesOfRun<'a> {
    pub(super) run: u32,
    /// The names of all tags.
    pub(super) tags: &'a [String],
    /// The writer of the run, and which tags it has.
    pub(super) writer: Option<(TaggingWriter, &'a BTreeSet<u32>)>,
    /// Its tags of values that are not numbers.
    pub(super) others: BTreeSet<u32>,
    /// What its ledger says of single tags.
    pub(super) notes: Vec<&'a SeriesStep>,
}

impl SeriesClasses {
    /// The classes of a run. The first rule that fits a tag counts, then what its ledger says, then its writer.
    pub(super) fn new(of: &SeriesOfRun, rules: &[SeriesRule], counters: &SecondCounters) -> Self {
        let &SeriesOfRun { run, tags, writer, ref others, ref notes } = of;
        let mut classes = Self::default();
        let number = |index: usize| u16::try_from(index + 1).unwrap_or(u16::MAX);
        for (index, rule) in rules.iter().enumerate() {
            let kind = SeriesClassKind::Ruled(StepMeaning::of_run(rule.unit, rule.base));
            classes.list.push(SeriesClass { name: rule.tags.clone(), kind });
            for (tag, _) in (0..).zip(tags).filter(|(_, tag)| matches(&rule.tags, tag)) {
                classes.ruled.entry(tag).or_insert(number(index));
            }
        }
        // The last word about a tag counts.
        for note in notes.iter().rev() {
            let tag = (0..).zip(tags).find(|(_, tag)| **tag == note.tag).map(|(number, _)| number);
            if let Some(tag) = tag.filter(|tag| !classes.ruled.contains_key(tag))
                && classes.list.len() < usize::from(u16::MAX)
            {
                let unit = note.unit.as_deref().and_then(|unit| Unit::parse(unit).ok());
                let step = unit.filter(|_| note.base < 2).map(|unit| StepMeaning::of_run(unit, note.base));
                classes.ruled.insert(tag, number(classes.list.len()));
                let kind = SeriesClassKind::Noted(step, note.by.clone());
                classes.list.push(SeriesClass { name: note.tag.clone(), kind });
            }
        }
        let own = writer.iter().flat_map(|(_, own)| *own).map(|tag| (*tag, false));
        for (tag, is_other) in own.chain(others.iter().map(|tag| (*tag, true))) {
            let name = tags.get(tag as usize).cloned().unwrap_or_default();
            let step = |writer: TaggingWriter| if is_other { writer.others } else { writer.step(&name) };
            let declared = writer.and_then(|(writer, _)| Some((step(writer)?, writer.name)));
            if let Some((step, writer)) = declared
                && !classes.ruled.contains_key(&tag)
                && classes.list.len() < usize::from(u16::MAX)
            {
                classes.ruled.insert(tag, number(classes.list.len()));
                classes.list.push(SeriesClass { name, kind: SeriesClassKind::Declared(step, writer) });
            }
        }
        let mut second: Vec<u32> = counters.of_run(run).map(|(tag, _)| tag).collect();
        second.sort_unstable();
        // A series of which somebody says what it is needs no evidence, nor do other records of its rows.
        for (tag, class) in &classes.ruled {
            if second.contains(tag) {
                classes.second.insert(*tag, *class);
            }
        }
        second.retain(|tag| !classes.ruled.contains_key(tag));
        for tag in second.into_iter().take(usize::from(u16::MAX) - classes.list.len().min(usize::from(u16::MAX))) {
            let name = tags.get(tag as usize).cloned().unwrap_or_default();
            classes.second.insert(tag, number(classes.list.len()));
            classes.list.push(SeriesClass { name, kind: SeriesClassKind::Second(tag) });
        }
        if !classes.second.is_empty() {
            classes.counters = counters.clone();
        }
        classes
    }

    /// The class of each record of a batch; `None` if all are of class 0.
    pub(super) fn of(&self, batch: &ColumnBatch) -> Option<Vec<u16>> {
        if self.list.is_empty() {
            return None;
        }
        let rows = self.counters.rows(batch);
        let ruled = |tag: &u32| self.ruled.get(tag).copied().unwrap_or(0);
        if rows.is_none() && batch.tag.iter().all(|tag| ruled(tag) == 0) {
            return None;
        }
        let mut classes: Vec<u16> = batch.tag.iter().map(ruled).collect();
        for row in rows.into_iter().flatten() {
            let class = batch.tag[row.clone()].iter().find_map(|tag| self.second.get(tag)).copied().unwrap_or(0);
            classes[row].iter_mut().filter(|known| **known == 0).for_each(|known| *known = class);
        }
        Some(classes)
    }

    pub(super) fn class(&self, number: u16) -> Option<&SeriesClass> {
        self.list.get(usize::from(number).checked_sub(1)?)
    }
}
