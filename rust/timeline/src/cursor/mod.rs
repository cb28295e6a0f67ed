//! A loop's live position: moves over a plan batch by batch, and writes down what really happened.

mod crossed;
mod replan;

use std::collections::VecDeque;

use crate::error::{Error, count, total};
use crate::locate::Location;
use crate::piece::Window;
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
    /// Samples before it, where known.
    sample0: Option<u64>,
    /// What is still planned.
    rest: VecDeque<Segment>,
    /// What batches past the planned end of the running epoch would be, where a change at its last batch said so.
    extra: Option<Segment>,
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
    /// The open window.
    window: Window,
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
            sample0: None,
            rest: rest.into(),
            extra: None,
            parts: Vec::new(),
            ended: Vec::new(),
            now: Counts { batch, sample: timeline.samples_after(batch)?, ..Counts::default() },
            before: Counts::default(),
            held: None,
            last: None,
            window: Window::default(),
            accumulate: 1,
            closes: false,
            short: Entry::Continue,
            skipped: 0,
            total: timeline.batches(),
        };
        (cursor.now.step, cursor.window, cursor.accumulate) = timeline.window_after(batch);
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
        match cursor.part {
            Some(part) => cursor.enter(&part),
            None => cursor.short = cursor.planned_end(),
        }
        cursor.sample0 = cursor.now.sample;
        // Epochs of no batches may lie behind the last batch as well.
        if cursor.part.is_none() {
            cursor.now.epoch =
                cursor.history.iter().filter(|segment| !segment.joins).filter_map(|segment| segment.epochs).sum();
        }
        let complete = cursor.position().epoch;
        if complete != epochs {
            return Err(Error::invalid(format!(
                "after {batch} batches {complete} epochs are complete on this timeline, not {epochs}"
            )));
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
        self.sample0 = self.now.sample;
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
        self.advance_by(1, last)
    }

    /// Counts several batches that came as one event, so that what they cross together is crossed by one advance. The
    /// time that it takes does not depend on how many they are.
    pub fn advance_many(&mut self, batches: u64) -> Result<bool, Error> {
        self.advance_by(batches, false)
    }

    /// The same for several batches of which the last one is the epoch's, where `last` says so.
    pub fn advance_by(&mut self, batches: u64, last: bool) -> Result<bool, Error> {
        let before = self.now;
        count(u128::from(self.now.batch) + u128::from(batches), || "the number of batches".into())?;
        let (mut left, mut planned, mut closes) = (batches, true, false);
        while left > 0 {
            let Some(part) = self.part else { return Err(Error::invalid("a batch was counted outside an epoch")) };
            if part.batches == Some(self.done) {
                planned &= self.next_part(part)?;
                continue;
            }
            let here = part.batches.map_or(left, |batches| left.min(batches - self.done));
            self.count_in(&part, here, last && here == left)?;
            closes |= self.closes;
            left -= here;
        }
        (self.before, self.closes) = (before, closes);
        Ok(planned)
    }

    /// Counts batches of the part at hand, which has so many left. `last`: the epoch ends with them.
    fn count_in(&mut self, part: &Segment, batches: u64, last: bool) -> Result<(), Error> {
        let done = self.done + batches;
        let ends = last || (part.batches == Some(done) && !self.rest.front().is_some_and(|next| next.joins));
        self.now.sample = self.samples_after(part, batches)?;
        self.done = done;
        self.now.batch += batches;
        self.now.iter += batches;
        if last {
            self.now.length = Some(self.now.iter);
        }
        self.last = Some(Location { epoch: self.now.epoch, iter: self.now.iter - 1 });
        debug_assert!(self.window.phase < part.accumulate, "a full window is closed");
        // The first window is closed by what it lacks, each later one by `accumulate` batches.
        let counted = self.window.phase + batches;
        let (full, phase) = (counted / part.accumulate, counted % part.accumulate);
        self.window = Window { pending: if full > 0 { phase } else { self.window.pending + batches }, phase };
        self.short = Entry::Continue;
        if phase > 0 {
            self.short = match part.boundary {
                Boundary::Flush if ends && !part.cut => Entry::Flush,
                Boundary::Drop if ends && !part.cut => Entry::Drop,
                _ if part.batches == Some(self.done) => self.planned_end(),
                _ => Entry::Continue,
            };
        }
        let flushed = self.short == Entry::Flush;
        self.closes = full > 0 || flushed;
        self.now.step += full + u64::from(flushed);
        if flushed || self.short == Entry::Drop {
            self.window = Window::default();
        }
        Ok(())
    }

    /// Samples after so many more batches of the part at hand, where known.
    fn samples_after(&self, part: &Segment, batches: u64) -> Result<Option<u64>, Error> {
        let whole = part.batches == Some(self.done + batches);
        let more = match part.batch_size {
            Some(size) => {
                let last = if whole { part.last_batch_size.unwrap_or(size) } else { size };
                self.now
                    .sample
                    .map(|before| u128::from(before) + u128::from(batches - 1) * u128::from(size) + u128::from(last))
            }
            // Only what the whole part consumes is known.
            None if whole => {
                self.sample0.zip(part.samples).map(|(before, samples)| u128::from(before) + u128::from(samples))
            }
            None => None,
        };
        more.map(|samples| total(samples, Unit::Sample)).transpose()
    }

    /// What a change planned for after this batch does to the open window.
    fn planned_end(&self) -> Entry {
        let next = self.rest.iter().find(|segment| decides(segment));
        next.map(|next| next.entry).filter(|entry| matches!(entry, Entry::Flush | Entry::Drop)).unwrap_or_default()
    }

    /// Goes over to a part's accumulation.
    fn enter(&mut self, part: &Segment) {
        match part.entry {
            Entry::Phase(phase) => self.window.phase = phase,
            Entry::Flush | Entry::Drop => self.window = Window::default(),
            Entry::Continue if part.accumulate != self.accumulate => {
                self.window.phase = self.window.pending.min(part.accumulate - 1);
            }
            Entry::Continue => {}
        }
        self.accumulate = part.accumulate;
    }

    /// Moves on to the next part of the epoch; false where there is none planned, so that how long it is is not known.
    fn next_part(&mut self, part: Segment) -> Result<bool, Error> {
        // An epoch that goes on was not cut, whatever the plan said of it.
        let whole = Segment { cut: false, ..part };
        append(&mut self.history, whole)?;
        self.parts.push(whole);
        self.done = 0;
        self.sample0 = self.now.sample;
        let planned = self.rest.front().is_some_and(|next| next.joins);
        let next = if planned { self.take_epoch() } else { None };
        let next = next.unwrap_or_else(|| self.past_the_plan(part));
        self.part = Some(next);
        self.enter(&next);
        if !planned {
            self.now.length = None;
            self.total = None;
        }
        Ok(planned)
    }

    /// The part of the running epoch that holds the batches that were not planned.
    fn past_the_plan(&mut self, part: Segment) -> Segment {
        // The epoch seemed to end with the batch before, and its window with it.
        let ended = Segment { entry: self.short, ..past_the_plan(&part) };
        let extra = self.extra.take().unwrap_or(ended);
        // What was decided for the epoch's last batch has happened, and does not happen again where the next epoch begins.
        self.forget_decision(|entry| entry == extra.entry);
        extra
    }

    /// Where the next batch is planned, the open window simply goes on.
    fn forget_decision(&mut self, which: impl Fn(Entry) -> bool) {
        let next = self.rest.iter_mut().find(|segment| decides(segment));
        if let Some(next) = next.filter(|next| which(next.entry)) {
            next.entry = Entry::Continue;
        }
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
        self.extra = None;
        let later = self.rest.iter().take_while(|segment| segment.joins).count();
        let complete = part.batches == Some(self.done);
        let whole = complete && later == 0;
        let short = self.now.length.filter(|length| *length != self.now.iter);
        let mut seen = if complete {
            part
        } else {
            let last_batch_size = part.batch_size.filter(|_| self.done > 0);
            Segment { batches: Some(self.done), last_batch_size, samples: samples_of_a_piece(&part), ..part }
        };
        let flush_missed = part.boundary == Boundary::Flush && self.window.pending > 0;
        if !whole && (end == End::Cut || flush_missed) {
            seen.cut = true;
        } else if part.boundary == Boundary::Drop && !seen.cut && self.now.iter > 0 {
            self.window = Window::default();
        }
        if complete && !whole {
            // What a planned change did to the window after the last batch has happened, though no batch comes after it.
            match self.short {
                Entry::Flush => (seen.boundary, seen.cut) = (Boundary::Flush, false),
                Entry::Drop => (seen.boundary, seen.cut) = (Boundary::Drop, false),
                Entry::Continue | Entry::Phase(_) => {}
            }
        }
        self.rest.drain(..later);
        if !whole && self.window.pending > 0 {
            // What was to become of the window at the planned end did not happen.
            self.forget_decision(|entry| matches!(entry, Entry::Flush | Entry::Drop));
        }
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
        let to_come = Segment { joins: true, entry: Entry::Continue, samples: samples_of_a_piece(&part), ..part };
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
        if part.batches == Some(self.done) {
            return Segment { epochs: Some(1), cut: false, ..part };
        }
        Segment {
            batches: Some(self.done),
            last_batch_size: part.batch_size,
            samples: samples_of_a_piece(&part),
            epochs: Some(1),
            cut: false,
            ..part
        }
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

/// Whether a segment says what becomes of the window that is open before it.
fn decides(segment: &Segment) -> bool {
    segment.batches != Some(0) || segment.entry != Entry::Continue
}

/// The samples that a piece of a part states: the data set's; where the part states what it consumes, a piece consumes less,
/// nobody knows how much.
fn samples_of_a_piece(part: &Segment) -> Option<u64> {
    part.samples.filter(|_| part.batch_size.is_some())
}

/// Batches that go on inside the epoch of `part`, nobody knows how many.
fn past_the_plan(part: &Segment) -> Segment {
    Segment { batches: None, last_batch_size: None, joins: true, epochs: Some(1), cut: false, samples: None, ..*part }
}

impl Timeline {
    fn samples_after(&self, batch: u64) -> Result<Option<u64>, Error> {
        let Some((piece, within)) = self.piece_at(batch) else { return Ok(self.pieces.samples) };
        let samples = piece.sample0.zip(piece.samples_within(within));
        samples.map(|(before, within)| total(u128::from(before) + within, Unit::Sample)).transpose()
    }

    /// Steps closed by the first `batch` batches, the window that is open then (before what is decided for that point), and
    /// how many batches fill it.
    fn window_after(&self, batch: u64) -> (u64, Window, u64) {
        let found = batch.checked_sub(1).and_then(|last| self.find(Unit::Batch, last).ok());
        found.map_or((0, Window::default(), 1), |(piece, last)| {
            (piece.step0 + piece.steps_within(last + 1), piece.window_after(last + 1), piece.accumulate)
        })
    }
}
