//! A loop's live position: moves over a plan batch by batch, and writes down what really happened.

mod crossed;
mod replan;

use std::collections::VecDeque;

use crate::error::{Error, MAX_COUNT, count};
use crate::locate::Location;
use crate::segment::{Entry, Segment, append};
use crate::timeline::Timeline;
use crate::unit::{Boundary, Unit};

/// How an epoch came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The loader had no more.
    Exhausted,
    /// The loop left it.
    Cut,
}

/// The counts at one moment.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    batch: u64,
    step: u64,
    sample: Option<u64>,
    token: u64,
    epoch: u64,
    iter: u64,
    /// Batches of the epoch, where known.
    length: Option<u64>,
}

/// The live position on a timeline that becomes, batch by batch, what was observed.
#[derive(Debug, Clone)]
pub struct Cursor {
    /// What is complete, in canonical form; the running epoch's earlier parts among it.
    history: Vec<Segment>,
    /// The part of the running epoch at hand; `None` between epochs.
    part: Option<Segment>,
    /// Batches of it that are done.
    done: u64,
    /// What is still planned.
    rest: VecDeque<Segment>,
    /// Parts of the running epoch that are done, as far as this cursor saw them, and those of the one that ended last.
    parts: Vec<Segment>,
    ended: Vec<Segment>,
    now: Counts,
    /// Before the last advance.
    before: Counts,
    /// Where one event began that is several advances.
    held: Option<Counts>,
    /// Where the last batch was.
    last: Option<Location>,
    /// Batches in the open window, and how many of them count towards its end.
    pending: u64,
    phase: u64,
    /// Batches a step in the part that was entered last.
    accumulate: u64,
    closes: bool,
    /// How a window that was not full ended with the last batch, if one did.
    short: Entry,
    skipped: u64,
    /// Planned batches in all.
    total: Option<u64>,
}

impl Cursor {
    /// Stands on a timeline after its first `batch` batches and `epochs` complete epochs.
    pub fn new(timeline: &Timeline, batch: u64, epochs: u64) -> Result<Self, Error> {
        let (history, rest) = timeline.split(batch, Some(epochs));
        let mut cursor = Self {
            history,
            part: None,
            done: 0,
            rest: rest.into(),
            parts: Vec::new(),
            ended: Vec::new(),
            now: Counts { batch, sample: timeline.samples_after(batch), ..Counts::default() },
            before: Counts::default(),
            held: None,
            last: None,
            pending: 0,
            phase: 0,
            accumulate: 1,
            closes: false,
            short: Entry::Continue,
            skipped: 0,
            total: timeline.batches(),
        };
        (cursor.now.step, cursor.pending, cursor.phase) = timeline.window_after(batch);
        if let Some(last) = batch.checked_sub(1) {
            let at = timeline.locate(Unit::Batch, last)?;
            cursor.last = Some(at);
            (cursor.now.epoch, cursor.now.iter) = (at.epoch + 1, 0);
            if cursor.rest.front().is_some_and(|next| next.joins) {
                (cursor.now.epoch, cursor.now.iter) = (at.epoch, at.iter + 1);
                cursor.now.length = timeline.epoch_length(at.epoch);
                cursor.part = cursor.take_epoch();
            }
        }
        let next = cursor.part.or_else(|| cursor.rest.front().copied());
        cursor.accumulate = next.map_or(1, |next| next.accumulate);
        // Epochs of no batches may lie behind the last batch as well.
        if cursor.part.is_none() {
            cursor.now.epoch =
                cursor.history.iter().filter(|segment| !segment.joins).filter_map(|segment| segment.epochs).sum();
        }
        cursor.before = cursor.now;
        Ok(cursor)
    }

    /// Begins the next epoch; false where the plan has no more. An epoch that was left open is closed as cut.
    pub fn begin_epoch(&mut self) -> Result<bool, Error> {
        if self.part.is_some() {
            self.end_epoch(End::Cut)?;
        }
        let Some(part) = self.take_epoch() else { return Ok(false) };
        let parts = self.rest.iter().take_while(|segment| segment.joins);
        self.now.length = parts
            .map(|segment| segment.batches)
            .fold(part.batches, |sum, more| sum.zip(more).and_then(|(sum, more)| sum.checked_add(more)));
        self.now.iter = 0;
        self.done = 0;
        self.parts.clear();
        self.part = Some(part);
        self.enter(&part);
        Ok(true)
    }

    /// Takes one epoch (or what is left of it) off what is planned.
    fn take_epoch(&mut self) -> Option<Segment> {
        let next = self.rest.front_mut()?;
        let part = Segment { epochs: Some(1), cut: next.cut && next.epochs == Some(1), ..*next };
        match &mut next.epochs {
            Some(1) => {
                self.rest.pop_front();
            }
            later => {
                *later = later.map(|epochs| epochs - 1);
                // Only the first of them enters with what was open before, or goes on inside an epoch.
                (next.entry, next.joins) = (Entry::Continue, false);
            }
        }
        Some(part)
    }

    /// Whether an epoch has begun and not ended.
    #[must_use]
    pub fn in_epoch(&self) -> bool {
        self.part.is_some()
    }

    /// Whether the next batch must be known to be the last, or not, before it is counted: a short update may close there.
    #[must_use]
    pub fn looks_ahead(&self) -> bool {
        self.part.is_some_and(|part| part.batches.is_none() && part.accumulate > 1 && part.boundary == Boundary::Flush)
    }

    /// Counts one more batch; `last` says that the loader has no more after it, where `looks_ahead` asks for it. False
    /// where the plan has no such batch: it is counted all the same, and the epoch's length is no longer known.
    pub fn advance(&mut self, last: bool) -> Result<bool, Error> {
        let before = self.now;
        let planned = self.count_one(last)?;
        self.before = before;
        Ok(planned)
    }

    /// Counts several batches that came as one event, so that what they cross together is crossed by one advance.
    pub fn advance_many(&mut self, batches: u64) -> Result<bool, Error> {
        let before = self.now;
        let mut planned = true;
        let mut closes = false;
        for _ in 0..batches {
            planned &= self.count_one(false)?;
            closes |= self.closes;
        }
        (self.before, self.closes) = (before, closes);
        Ok(planned)
    }

    fn count_one(&mut self, last: bool) -> Result<bool, Error> {
        let Some(mut part) = self.part else { return Err(Error::invalid("a batch was counted outside an epoch")) };
        if self.now.batch == MAX_COUNT {
            return Err(Error::overflow("the number of batches"));
        }
        let mut planned = true;
        if part.batches == Some(self.done) {
            (part, planned) = self.next_part(part)?;
        }
        self.done += 1;
        let ends = last || (part.batches == Some(self.done) && !self.rest.front().is_some_and(|next| next.joins));
        self.now.batch += 1;
        self.now.iter += 1;
        if last {
            self.now.length = Some(self.now.iter);
        }
        let size = if ends { part.last_batch_size.or(part.batch_size) } else { part.batch_size };
        self.now.sample = self.now.sample.zip(size).and_then(|(sum, size)| sum.checked_add(size));
        self.last = Some(Location { epoch: self.now.epoch, iter: self.now.iter - 1 });
        self.pending += 1;
        self.phase += 1;
        self.short = Entry::Continue;
        let full = self.phase >= part.accumulate;
        if !full {
            self.short = match part.boundary {
                Boundary::Flush if ends && !part.cut => Entry::Flush,
                Boundary::Drop if ends && !part.cut => Entry::Drop,
                _ if part.batches == Some(self.done) => self.planned_end(),
                _ => Entry::Continue,
            };
        }
        self.closes = full || self.short == Entry::Flush;
        self.now.step += u64::from(self.closes);
        if self.closes || self.short == Entry::Drop {
            (self.pending, self.phase) = (0, 0);
        }
        Ok(planned)
    }

    /// What a change planned for after this batch does to the open window.
    fn planned_end(&self) -> Entry {
        let next = self.rest.iter().find(|segment| segment.batches != Some(0));
        next.map_or(Entry::Continue, |next| next.entry)
    }

    /// Goes over to a part's accumulation.
    fn enter(&mut self, part: &Segment) {
        match part.entry {
            Entry::Phase(phase) => self.phase = phase,
            _ if part.accumulate != self.accumulate => self.phase = self.pending.min(part.accumulate - 1),
            _ => {}
        }
        self.accumulate = part.accumulate;
    }

    /// Moves on to the next part of the epoch; false where there is none planned, so that how long it is is not known.
    fn next_part(&mut self, part: Segment) -> Result<(Segment, bool), Error> {
        append(&mut self.history, part)?;
        self.parts.push(part);
        self.done = 0;
        let planned = self.rest.front().is_some_and(|next| next.joins);
        let next = if planned { self.rest.pop_front() } else { None };
        // The epoch seemed to end with the batch before, and its window with it.
        let beyond = Segment {
            batches: None,
            last_batch_size: None,
            joins: true,
            epochs: Some(1),
            cut: false,
            entry: self.short,
            samples: None,
            ..part
        };
        let next = next.unwrap_or(beyond);
        self.part = Some(next);
        self.enter(&next);
        if !planned {
            self.now.length = None;
            self.total = None;
        }
        Ok((next, planned))
    }

    /// What follows until `release` counts as one advance, over the ends of epochs too.
    pub fn hold(&mut self) {
        self.held = Some(self.now);
    }

    /// Ends what `hold` began.
    pub fn release(&mut self) {
        self.before = self.held.take().unwrap_or(self.before);
    }

    /// Whether the batch at hand is the last one of its epoch.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.part.is_some() && self.now.iter > 0 && self.now.length == Some(self.now.iter)
    }

    /// Ends the running epoch. Returns the batches that it was planned to have where it had fewer.
    pub fn end_epoch(&mut self, end: End) -> Result<Option<u64>, Error> {
        let Some(part) = self.part.take() else { return Ok(None) };
        let later = self.rest.iter().take_while(|segment| segment.joins).count();
        let whole = part.batches == Some(self.done) && later == 0;
        let short = self.now.length.filter(|length| *length != self.now.iter);
        let mut seen = if whole {
            part
        } else {
            Segment { batches: Some(self.done), last_batch_size: part.batch_size.filter(|_| self.done > 0), ..part }
        };
        let flush_missed = part.boundary == Boundary::Flush && self.pending > 0;
        if !whole && (end == End::Cut || flush_missed) {
            seen.cut = true;
        } else if part.boundary == Boundary::Drop && !seen.cut {
            (self.pending, self.phase) = (0, 0);
        }
        if !whole && part.batch_size.is_none() {
            // What a shorter epoch consumed nobody said.
            seen.samples = None;
        }
        self.rest.drain(..later);
        append(&mut self.history, seen)?;
        self.ended = std::mem::take(&mut self.parts);
        self.ended.push(seen);
        if self.now.length != Some(self.now.iter) {
            // Between this moment and the last batch the epoch turned out to be over.
            self.before = self.now;
        }
        self.now.epoch = count(u128::from(self.now.epoch) + 1, || "the number of epochs".into())?;
        (self.now.iter, self.now.length, self.done) = (0, None, 0);
        if short.is_some() {
            self.total = self.timeline()?.batches();
        }
        Ok(short)
    }

    /// What was observed, then what is planned.
    pub fn timeline(&self) -> Result<Timeline, Error> {
        let running = self.part.into_iter().flat_map(|part| self.laid_out(part));
        Timeline::from_segments(self.history.iter().copied().chain(running).chain(self.later()))
    }

    /// The running epoch: what is done of it, and what is still to come.
    fn laid_out(&self, part: Segment) -> Vec<Segment> {
        let to_come = Segment { joins: true, entry: Entry::Continue, ..part };
        match (self.done, part.batches) {
            (0, Some(_)) => vec![part],
            (done, Some(all)) if done == all => vec![part],
            (_, Some(all)) => vec![self.done_of(part), Segment { batches: Some(all - self.done), ..to_come }],
            (0, None) => vec![Segment { epochs: self.unknown_epochs(), ..part }],
            (_, None) => vec![self.done_of(part), Segment { epochs: self.unknown_epochs(), ..to_come }],
        }
    }

    /// The batches of a part that are done, as a part.
    fn done_of(&self, part: Segment) -> Segment {
        Segment { batches: Some(self.done), last_batch_size: part.batch_size, epochs: Some(1), cut: false, ..part }
    }

    /// Nothing after an epoch of unknown length can be placed: it and the later ones are one segment.
    fn unknown_epochs(&self) -> Option<u64> {
        self.rest.front().map_or(Some(0), |rest| rest.epochs).map(|later| later + 1)
    }

    /// What is planned after the running epoch, where it can be placed.
    fn later(&self) -> impl Iterator<Item = Segment> {
        let known = self.part.is_none_or(|part| part.batches.is_some());
        self.rest.iter().copied().filter(move |_| known)
    }

    /// The parts of the epoch that ended last: all of them, or those since the cursor stood inside it.
    #[must_use]
    pub fn ended(&self) -> &[Segment] {
        &self.ended
    }

    /// What is done of the running epoch, in parts: all of it, or what was done since the cursor stood inside it.
    #[must_use]
    pub fn running(&self) -> Vec<Segment> {
        let done = self.part.filter(|_| self.done > 0).map(|part| self.done_of(part));
        self.parts.iter().copied().chain(done).collect()
    }

    /// What is planned from here on: the first of it goes on inside the running epoch, if one runs. Where that one's length
    /// is not known, the later ones stand behind it all the same, though a timeline could not place them.
    #[must_use]
    pub fn planned(&self) -> Vec<Segment> {
        let to_come =
            self.part.filter(|part| part.batches != Some(self.done)).and_then(|part| self.laid_out(part).pop());
        to_come.map(|part| Segment { epochs: Some(1), ..part }).into_iter().chain(self.rest.iter().copied()).collect()
    }

    /// Whether nothing more is planned.
    #[must_use]
    pub fn at_end(&self) -> bool {
        self.rest.is_empty() && self.part.is_none_or(|part| part.batches == Some(self.done))
    }

    /// Batches counted.
    #[must_use]
    pub fn batch(&self) -> u64 {
        self.now.batch
    }

    /// Steps attempted.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.now.step
    }

    /// Steps that really happened.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.now.step.saturating_sub(self.skipped)
    }

    /// Samples counted, as long as every batch's size is known.
    #[must_use]
    pub fn sample(&self) -> Option<u64> {
        self.now.sample
    }

    /// Tokens counted.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.now.token
    }

    /// Whether the last batch closed an accumulation window.
    #[must_use]
    pub fn closes_step(&self) -> bool {
        self.closes
    }

    /// Where the last batch was.
    #[must_use]
    pub fn location(&self) -> Option<Location> {
        self.last
    }

    /// Epochs complete, and batches of the next one.
    #[must_use]
    pub fn position(&self) -> Location {
        let (epoch, iter) = self.now.position();
        Location { epoch, iter }
    }

    /// Marks steps that were attempted and not applied.
    pub fn skip(&mut self, steps: u64) -> Result<(), Error> {
        let skipped = self.skipped.saturating_add(steps);
        if skipped > self.now.step {
            return Err(Error::invalid(format!(
                "{skipped} skipped steps are more than the {} attempted",
                self.now.step
            )));
        }
        self.skipped = skipped;
        Ok(())
    }

    /// Counts tokens of the last batch.
    pub fn count_tokens(&mut self, tokens: u64) -> Result<(), Error> {
        self.now.token = count(u128::from(self.now.token) + u128::from(tokens), || "the number of tokens".into())?;
        Ok(())
    }
}

impl Timeline {
    fn samples_after(&self, batch: u64) -> Option<u64> {
        match self.piece_at(batch) {
            Some((piece, within)) => piece
                .sample0
                .zip(piece.samples_within(within))
                .and_then(|(before, within)| u64::try_from(u128::from(before) + within).ok()),
            None => self.pieces.samples,
        }
    }

    /// Steps closed by the first `batch` batches; batches pending then, and how many of them count towards the window.
    fn window_after(&self, batch: u64) -> (u64, u64, u64) {
        match self.piece_at(batch) {
            None => (self.pieces.steps, self.pieces.pending.0, self.pieces.pending.1),
            Some((piece, within)) => {
                let steps = piece.step0 + piece.steps_within(within);
                if !piece.is_open(within) {
                    // A window that nothing is pending in may begin part full all the same (Keras).
                    return (steps, 0, if within == 0 { piece.phase } else { 0 });
                }
                let counted = if piece.per_epoch { within % piece.batches } else { piece.phase + within };
                let phase = counted % piece.accumulate;
                // Where gradients are pending that do not count (Keras), at least one batch is.
                (steps, phase.max(1), phase)
            }
        }
    }
}
