//! The live position of a loop: it moves over a plan and records what really happened.

mod count;
mod elapsed;
mod enter;
mod live_window;
mod planned;
mod record;
mod replan;
mod running_part;
mod stream_place;
mod tokens;

use crate::compiled_segment::Window;
use crate::error::{Error, total};
use crate::locate::Location;
use crate::segment::Segment;
use crate::timeline::Timeline;
use crate::unit::Unit;
use live_window::LiveWindow;
use planned::Planned;
use record::Record;
use running_part::RunningPart;
use stream_place::StreamPlace;
use tokens::TokenMarks;

/// How an epoch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The loader had no more batches.
    Exhausted,
    /// The loop left the epoch early.
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
    /// Batches of the epoch, if known.
    length: Option<u64>,
    /// Samples of the epoch so far, and of all of it, if the size of every batch is known.
    sample_in_epoch: Option<u64>,
    epoch_samples: Option<u64>,
}

impl Counts {
    /// Complete epochs, and batches of the next one: after an epoch's last batch, none of the next.
    fn position(&self) -> (u64, u64) {
        if self.iter > 0 && self.length == Some(self.iter) { (self.epoch + 1, 0) } else { (self.epoch, self.iter) }
    }
}

/// The live position of a loop on a timeline: what is done is observed, the rest is planned.
#[derive(Debug, Clone)]
pub struct Cursor {
    /// What is done and complete.
    record: Record,
    /// The part of the running epoch in which the loop is; `None` between epochs.
    part: Option<RunningPart>,
    /// What is planned after that part.
    planned: Planned,
    now: Counts,
    /// The counts before the last event.
    before: Counts,
    /// The counts before an event that consists of several advances and is not over.
    event: Option<Counts>,
    /// Where the last batch was.
    last: Option<Location>,
    window: LiveWindow,
    /// Steps that were attempted and not applied.
    skipped: u64,
    /// Where the epochs of a stream are.
    stream: Option<StreamPlace>,
    /// Tokens in each sample, if stated.
    tokens_per_sample: Option<u64>,
    tokens: TokenMarks,
}

impl Cursor {
    /// Starts on a timeline after its first `batch` batches and `epochs` complete epochs.
    pub fn new(timeline: &Timeline, batch: u64, epochs: u64) -> Result<Self, Error> {
        let stream = StreamPlace::of(timeline, batch)?;
        let (history, rest) = timeline.split(batch, if stream.is_some() { None } else { Some(epochs) });
        let (step, window) = timeline.window_after(batch);
        let mut cursor = Self {
            record: Record { history, ..Record::default() },
            part: None,
            planned: Planned::new(rest, timeline),
            now: Counts { batch, step, sample: timeline.samples_after(batch)?, ..Counts::default() },
            before: Counts::default(),
            event: None,
            last: None,
            window,
            skipped: 0,
            stream,
            tokens_per_sample: timeline.tokens_per_sample(),
            tokens: TokenMarks::new(timeline.marks().until(batch)),
        };
        if let Some(last) = batch.checked_sub(1) {
            let (segment, within) = timeline.find(Unit::Batch, last)?;
            cursor.last = Some(segment.location(within));
        }
        if let Some(at) = cursor.last.filter(|_| cursor.planned.segments.continues_epoch()) {
            (cursor.now.epoch, cursor.now.iter) = (at.epoch, at.iter + 1);
            cursor.now.length = if stream.is_some() { timeline.batches() } else { timeline.epoch_length(at.epoch) };
            (cursor.now.sample_in_epoch, cursor.now.epoch_samples) = timeline.samples_of_epoch(at);
            if let Some(part) = cursor.planned.segments.take_epoch() {
                cursor.window.enter(&part);
                cursor.part = Some(RunningPart::begin(part, cursor.now.sample));
            }
        } else {
            cursor.now.epoch = cursor.record.epochs();
            cursor.window.ended_early = cursor.planned.segments.ends_window();
        }
        let complete = cursor.now.position().0;
        if complete != epochs && stream.is_none() {
            return Err(Error::invalid(format!(
                "after {batch} batches {complete} epochs are complete on this timeline, not {epochs}"
            )));
        }
        cursor.now.token = cursor.tokens.marks.last().map_or(0, |mark| mark.token);
        cursor.before = cursor.now;
        Ok(cursor)
    }

    /// The observed part of the run, then the planned one.
    pub fn timeline(&self) -> Result<Timeline, Error> {
        let running = self.part.into_iter().flat_map(|part| {
            // A complete part is observed as planned, also one without batches.
            let done =
                if part.is_complete() { Some(part.segment) } else { Some(part.observed()).filter(|_| part.done > 0) };
            done.into_iter().chain(self.left_over(&part))
        });
        // Nothing after an epoch of unknown length has a place; an endless stream has no end.
        let known = self.part.is_none_or(|part| part.segment.batches.is_some());
        let later = self.planned.segments.iter().copied().filter(|_| known);
        Timeline::from_segments(self.record.history.iter().copied().chain(running).chain(later))?
            .with_marks(&self.marks_until_now())
    }

    /// What is left of the part in which the loop is.
    fn left_over(&self, part: &RunningPart) -> Option<Segment> {
        (!part.is_complete()).then(|| part.left_over(self.planned.segments.unknown_epochs()))
    }

    /// The parts of the last complete epoch: all of them, or those since the cursor was made inside it.
    #[must_use]
    pub fn ended(&self) -> &[Segment] {
        &self.record.ended
    }

    /// The done parts of the running epoch: all of them, or those since the cursor was made inside it.
    #[must_use]
    pub fn running(&self) -> Vec<Segment> {
        let done = self.part.filter(|part| part.done > 0).map(|part| part.observed());
        self.record.running.iter().copied().chain(done).collect()
    }

    /// Those parts, if the running epoch is at the end of its plan or went on past it: then they do not follow from the plan and
    /// the number of batches.
    #[must_use]
    pub fn running_past_plan(&self) -> Option<Vec<Segment>> {
        if self.is_whole() && !self.is_stream() {
            // The last part ends the epoch as planned, also where that is planned as cut.
            let last = self.part.map(|part| part.observed_at_end());
            return Some(self.record.running.iter().copied().chain(last).collect());
        }
        self.record.past_plan.then(|| self.running())
    }

    /// What is planned from here on; the first segment continues the running epoch, if there is one. Later segments are
    /// listed although the length of the running epoch may not be known, so that they have no place on a timeline.
    #[must_use]
    pub fn planned(&self) -> Vec<Segment> {
        // An epoch without a batch so far is to come, also one that is planned without batches.
        let left_over =
            self.part.and_then(|part| self.left_over(&part).or_else(|| (self.now.iter == 0).then_some(part.segment)));
        let left_over = left_over.map(|part| Segment { epochs: Some(1), ..part });
        left_over.into_iter().chain(self.planned.segments.iter().copied()).collect()
    }

    /// Whether nothing more is planned.
    #[must_use]
    pub fn at_end(&self) -> bool {
        self.planned.segments.is_empty() && self.part.is_none_or(|part| part.is_complete())
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

    /// Samples counted, if the size of every batch is known.
    #[must_use]
    pub fn sample(&self) -> Option<u64> {
        self.now.sample
    }

    /// Tokens counted.
    #[must_use]
    pub fn token(&self) -> u64 {
        let stated = self.tokens_per_sample.zip(self.now.sample);
        // `advance` refuses more of them than a count can hold.
        stated.map_or(self.now.token, |(each, samples)| each.saturating_mul(samples))
    }

    /// Whether the last event closed an accumulation window.
    #[must_use]
    pub fn closes_step(&self) -> bool {
        self.window.closes
    }

    /// Where the last batch was.
    #[must_use]
    pub fn location(&self) -> Option<Location> {
        self.last.map(|last| self.stream.map_or(last, |stream| stream.location(last.iter)))
    }

    /// Whether the run is a stream, which has no end of epoch for the loader.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.stream.is_some()
    }

    /// Whether it is a stream whose epochs are not known.
    #[must_use]
    pub fn has_no_epochs(&self) -> bool {
        self.stream.is_some_and(|stream| stream.pass.is_none())
    }

    /// Complete epochs, and batches of the next one.
    #[must_use]
    pub fn position(&self) -> Location {
        if let Some(stream) = self.stream {
            return stream.position(self.now.batch, self.now.sample);
        }
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
}

impl Timeline {
    pub(crate) fn samples_after(&self, batch: u64) -> Result<Option<u64>, Error> {
        let Some((segment, within)) = self.segment_at(batch) else { return Ok(self.compiled.samples) };
        let samples = segment.sample0.zip(segment.samples_within(within));
        samples.map(|(before, within)| total(u128::from(before) + within, Unit::Sample)).transpose()
    }

    /// Steps closed by the first `batch` batches, and the window that is open then, before any decision for that point.
    fn window_after(&self, batch: u64) -> (u64, LiveWindow) {
        let found = batch.checked_sub(1).and_then(|last| self.find(Unit::Batch, last).ok());
        let Some((segment, last)) = found else { return (0, LiveWindow { accumulate: 1, ..LiveWindow::default() }) };
        let open: Window = segment.window_after(last + 1);
        let window = LiveWindow { open, accumulate: segment.accumulate, ..LiveWindow::default() };
        (segment.step0 + segment.steps_within(last + 1), window)
    }
}
