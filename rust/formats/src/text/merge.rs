//! What the blocks of a file say together, in their order.

use std::collections::{HashMap, HashSet};

use super::bar::{BarProgress, BarState};
use super::block::{OpenLine, PlannedLine, ShapePlan, TextBlock};
use super::context::Headings;
use super::line_place::Rank;
use super::rows::{RankRows, TextRows};
use super::shapes::Takes;
use crate::shared::config::MOST;
use crate::shared::sink::Sink;
use crate::shared::value_tally::ValueTally;
use stepbridge_records::{BatchRun, ConfigEntry, ProblemKind, TaggedBatch, TooManyTags};

/// What the blocks of a file gave so far.
pub(super) struct BlockMerge<'a, 'b> {
    pub(super) plan: &'a ShapePlan<'a>,
    run: String,
    pub(super) sink: &'a mut Sink<'b>,
    pub(super) inside: OpenLine,
    /// The headings that the next block begins under.
    pub(super) headings: Headings,
    /// The state of a progress bar that was drawn last.
    pub(super) bar: Option<BarState>,
    pub(super) progress: BarProgress,
    /// Where a line begins that is too long, and whose end is not known yet.
    pub(super) long: Option<u64>,
    texts: HashMap<String, ValueTally>,
    /// The tags that have numbers.
    numbers: HashSet<String>,
    /// The epoch that is running, the step before its first one, and whether all its lines agree.
    start: Option<(i64, i64, bool)>,
}

impl<'a, 'b> BlockMerge<'a, 'b> {
    pub(super) fn new(
        plan: &'a ShapePlan<'a>,
        run: String,
        sink: &'a mut Sink<'b>,
        inside: OpenLine,
        headings: Headings,
        progress: BarProgress,
    ) -> Self {
        Self {
            plan,
            run,
            sink,
            inside,
            headings,
            bar: None,
            progress,
            long: None,
            texts: HashMap::new(),
            numbers: HashSet::new(),
            start: None,
        }
    }

    pub(super) fn take(&mut self, mut block: TextBlock) -> Result<(), TooManyTags> {
        let file = self.sink.file();
        for (item, key, value) in block.settings.drain(..).filter(|(.., value)| (1..MOST).contains(value)) {
            self.sink.config.push(ConfigEntry { item, key, value, file: file.to_owned(), sure: true });
        }
        self.orphans(&mut block)?;
        self.lengths(&mut block);
        if block.inside != OpenLine::Unknown {
            self.inside = block.inside;
        }
        self.sink.facts.records_ok += block.sound;
        self.sink.facts.plain_lines += block.prose;
        self.sink.facts.plain_tail = block.prose_is_torn;
        for fault in block.faults {
            self.sink.report(fault.kind, fault.range.start, fault.range.end, fault.reason);
        }
        for (tag, texts) in block.texts {
            match self.texts.get_mut(&tag) {
                Some(known) => known.add(&texts),
                None => drop(self.texts.insert(tag, texts)),
            }
        }
        self.bars(block.bars)?;
        self.rank_rows(block.early, true)?;
        self.rank_rows(block.rows, false)?;
        self.headings.then(&block.headings);
        Ok(())
    }

    /// Ends the file.
    pub(super) fn finish(&mut self) -> Result<(), TooManyTags> {
        if let Some(state) = &self.bar {
            let mut over = Vec::new();
            state.push_to(&mut over, self.plan.lines.len());
            self.rank_rows(over, false)?;
        }
        self.report_texts();
        Ok(())
    }

    /// Takes the states of progress bars: those that are complete are records.
    fn bars(&mut self, states: Vec<BarState>) -> Result<(), TooManyTags> {
        let plan = self.plan;
        let mut over = Vec::new();
        for mut state in states {
            let line = &plan.lines[state.index].compiled.line;
            if std::mem::take(&mut state.early) {
                state.place = state.place.under(self.headings.of(state.rank).map(|heading| line.given(heading)));
            }
            let drawings = state.drawings;
            let next = match &mut self.bar {
                Some(bar) => bar.redraw(state),
                None => Some(state),
            };
            let Some(next) = next else { continue };
            if line.takes != Takes::Nothing && !self.progress.goes_on(&next) {
                self.sink.facts.records_ok = self.sink.facts.records_ok.saturating_sub(drawings);
                self.sink.facts.plain_lines += drawings;
                continue;
            }
            if let Some(complete) = self.bar.replace(next) {
                complete.push_to(&mut over, plan.lines.len());
            }
        }
        self.rank_rows(over, false)
    }

    fn rank_rows(&mut self, all: Vec<RankRows>, early: bool) -> Result<(), TooManyTags> {
        let plan = self.plan;
        for rows in all {
            let rank = rows.rank;
            for (mut rows, sought) in rows.into_lines().zip(&plan.lines) {
                if early && sought.compiled.line.takes != Takes::Nothing {
                    let heading = self.headings.of(rank);
                    rows.fill(heading.map(|heading| sought.compiled.line.given(heading)));
                }
                self.emit(rows, sought, rank)?;
            }
        }
        Ok(())
    }

    fn emit(&mut self, mut rows: TextRows, sought: &PlannedLine, rank: Rank) -> Result<(), TooManyTags> {
        let mut tags = std::mem::take(&mut rows.tags).into_names()?;
        for tag in &mut tags {
            tag.insert_str(0, sought.compiled.line.prefix);
            if !self.numbers.contains(tag) {
                self.numbers.insert(tag.clone());
            }
        }
        if !rows.is_empty() {
            // Each rank counts for itself; the first one is the run.
            let run = match rank {
                Some(rank) if rank > 0 => format!("{}/rank{rank}", self.run),
                _ => self.run.clone(),
            };
            let columns = rows.into_columns(sought.meaning, super::READER.format());
            self.sink.emit(TaggedBatch { tags, columns, run: BatchRun::Named(run) });
        }
        Ok(())
    }

    /// Gives the values of lines that belong to one of an earlier block their place.
    fn orphans(&mut self, block: &mut TextBlock) -> Result<(), TooManyTags> {
        let OpenLine::Line(index, place) = self.inside else {
            block.prose += block.orphan_lines;
            return Ok(());
        };
        block.sound += block.orphan_lines;
        let mut rows = TextRows::default();
        for (tag, value) in block.orphans.drain(..) {
            let tag = rows.tags.number(tag.as_bytes());
            rows.push(tag, place, value);
        }
        if let Some(sought) = self.plan.lines.get(index) {
            self.emit(rows, sought, None)?;
        }
        Ok(())
    }

    /// Where lines count in the epoch and in the run, the difference says where each epoch begins, and two of them how long
    /// the first is.
    fn lengths(&mut self, block: &mut TextBlock) {
        let plan = self.plan;
        for (epoch, start) in block.starts.drain(..) {
            let next = match self.start {
                Some((same, first, agree)) if same == epoch => (epoch, first, agree && first == start),
                Some((before, first, true)) if before.checked_add(1) == Some(epoch) => {
                    if let Some(length) = start.checked_sub(first).and_then(|length| u64::try_from(length).ok()) {
                        let rows = RankRows::of(&mut block.rows, None, plan.lines.len());
                        rows.line(0).length(Some(before), length);
                    }
                    (epoch, start, true)
                }
                _ => (epoch, start, true),
            };
            self.start = Some(next);
        }
    }

    /// Reports a line that is too long, now that it is known where it ends.
    pub(super) fn long_ends(&mut self, end: u64, longest: usize) {
        if let Some(begin) = self.long.take() {
            let reason = format!("a line of more than {longest} bytes, which no logger prints; it was left out");
            self.sink.report(ProblemKind::Corrupt, begin, end, reason);
        }
    }

    /// Counts the values that are not numbers, and reports those of tags that have numbers elsewhere.
    fn report_texts(&mut self) {
        let mut texts: Vec<(String, ValueTally)> = std::mem::take(&mut self.texts).into_iter().collect();
        texts.sort_unstable_by(|a, b| (a.1.range.start, &a.0).cmp(&(b.1.range.start, &b.0)));
        for (tag, tally) in texts {
            self.sink.facts.non_numeric += tally.count;
            // A text is not damage; a number in another notation is a value that is missing.
            if self.numbers.contains(&tag) || super::number::is_other_notation(tally.example.as_bytes()) {
                self.sink.problem(tally.problem(self.sink.file(), "value", &format!("of '{tag}'"), "number"));
            }
        }
    }
}
