//! What a loop does: it begins an epoch, takes batches, and ends the epoch.

use super::planned::RunLength;
use super::running_part::RunningPart;
use super::{Counts, Cursor, End};
use crate::compiled_segment::Window;
use crate::error::{Error, count, total};
use crate::locate::Location;
use crate::segment::{Entry, Segment};
use crate::unit::{Boundary, Unit};

impl Cursor {
    /// Begins the next epoch; false if no more is planned. An epoch that is still running is ended as cut.
    pub fn begin_epoch(&mut self) -> Result<bool, Error> {
        if self.is_stream() && self.part.is_some() {
            // A stream is one epoch, however often its loader begins again.
            return Ok(!self.at_end());
        }
        if self.part.is_some() {
            self.end_epoch(End::Cut)?;
        }
        let Some(part) = self.planned.segments.take_epoch() else { return Ok(false) };
        self.now.length = self.planned.segments.epoch_length(part.batches);
        self.now.epoch_samples = self.planned.segments.epoch_samples(&part);
        (self.now.iter, self.now.sample_in_epoch) = (0, Some(0));
        self.record.running.clear();
        self.part = Some(RunningPart::begin(part, self.now.sample));
        self.window.enter(&part);
        Ok(true)
    }

    /// Whether an epoch is running.
    #[must_use]
    pub fn in_epoch(&self) -> bool {
        self.part.is_some()
    }

    /// Whether the caller must know before it counts a batch if it is the epoch's last one, as a short update may close there.
    #[must_use]
    pub fn looks_ahead(&self) -> bool {
        let part = self.part.map(|part| part.segment);
        part.is_some_and(|part| part.batches.is_none() && part.accumulate > 1 && part.boundary == Boundary::Flush)
    }

    /// Counts one batch; `last`: it is the last one of an epoch whose length is not planned. False if no such batch is
    /// planned: it is counted all the same, and the length of the epoch is not known any more.
    pub fn advance(&mut self, last: bool) -> Result<bool, Error> {
        self.advance_by(1, last)
    }

    /// Counts several batches as one event, so that triggers see what they cross together. However many they are, it takes the
    /// same time.
    pub fn advance_many(&mut self, batches: u64) -> Result<bool, Error> {
        self.advance_by(batches, false)
    }

    /// The same for several batches; `last`: the last one of them is that of the epoch.
    pub fn advance_by(&mut self, batches: u64, last: bool) -> Result<bool, Error> {
        if self.tokens.due {
            self.mark();
        }
        if self.event.is_none() {
            self.tokens.event += 1;
        }
        let before = self.now;
        count(u128::from(self.now.batch) + u128::from(batches), || "the number of batches".into())?;
        let (mut left, mut planned, mut closes) = (batches, true, false);
        while left > 0 {
            let Some(mut part) = self.part else { return Err(Error::invalid("a batch was counted outside an epoch")) };
            if part.is_complete() {
                planned &= self.next_part(&part)?;
                continue;
            }
            let here = part.left(left);
            self.count_in(&mut part, here, last && here == left)?;
            self.part = Some(part);
            closes |= self.window.closes;
            left -= here;
        }
        (self.before, self.window.closes) = (before, closes);
        Ok(planned)
    }

    /// Counts batches of one part, which has that many left.
    fn count_in(&mut self, part: &mut RunningPart, batches: u64, last: bool) -> Result<(), Error> {
        let begin = self.now.sample;
        self.now.sample = part.samples_after(batches, begin)?;
        if let Some((each, samples)) = self.tokens_per_sample.zip(self.now.sample) {
            total(u128::from(each) * u128::from(samples), Unit::Token)?;
        }
        if let (Some(stream), Some(sample), Some(size)) = (&mut self.stream, begin, part.segment.batch_size) {
            stream.count(batches, size, self.now.batch, sample);
        }
        self.now.sample_in_epoch = part.samples_in_epoch_after(batches, self.now.sample_in_epoch);
        part.done += batches;
        self.now.batch += batches;
        self.now.iter += batches;
        let last = last && self.now.length.is_none();
        if last {
            // From here on the length of the epoch is known, also to the timeline and to a saved state.
            (self.now.length, self.now.epoch_samples) = (Some(self.now.iter), self.now.sample_in_epoch);
            part.segment = part.observed_at_end();
        }
        self.last = Some(Location { epoch: self.now.epoch, iter: self.now.iter - 1 });
        let ends_part = part.is_complete();
        let ends_epoch = last || (ends_part && !self.planned.segments.continues_epoch());
        let planned = || self.planned.segments.ends_window();
        self.now.step += self.window.count(&part.segment, batches, ends_epoch, ends_part, planned);
        Ok(())
    }

    /// Goes over to the next part of the epoch; false if none is planned, so that the length of the epoch is not known.
    fn next_part(&mut self, part: &RunningPart) -> Result<bool, Error> {
        // An epoch that continues was not cut, whatever was planned.
        self.record.add_part(Segment { cut: false, ..part.segment })?;
        let planned = self.planned.segments.continues_epoch();
        let next = if planned { self.planned.segments.take_epoch() } else { None };
        let next = next.unwrap_or_else(|| {
            if matches!(self.window.ended_early, Entry::Phase(_)) {
                self.window.open.spilled = self.window.spilled_before;
            }
            (self.now.length, self.now.epoch_samples) = (None, None);
            self.record.past_plan = true;
            self.planned.take_extra(&part.segment, self.window.ended_early)
        });
        self.part = Some(RunningPart::begin(next, self.now.sample));
        self.window.enter(&next);
        Ok(planned)
    }

    /// Begins an event that consists of several advances, also over the ends of epochs.
    pub fn begin_event(&mut self) {
        self.event = Some(self.now);
        self.tokens.event += 1;
    }

    /// Ends the event: triggers see what its advances cross together.
    pub fn end_event(&mut self) {
        self.before = self.event.take().unwrap_or(self.before);
    }

    /// Whether the last batch is the last one of its epoch.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.part.is_some() && self.now.iter > 0 && self.now.length == Some(self.now.iter)
    }

    /// Ends the running epoch. Returns the number of batches that it was planned to have, if it had another number.
    ///
    /// A stream goes on after the end of its loader.
    pub fn end_epoch(&mut self, end: End) -> Result<Option<u64>, Error> {
        if self.is_stream() {
            return Ok(None);
        }
        let Some(part) = self.part.take() else { return Ok(None) };
        let complete = part.is_complete();
        let whole = complete && !self.planned.segments.continues_epoch();
        let planned = self.now.length.filter(|length| *length != self.now.iter);
        let mut observed = part.observed_at_end();
        self.end_window(&mut observed, end, complete, whole);
        self.planned.extra = None;
        self.planned.segments.end_epoch(whole);
        if self.now.iter == 0 && self.planned.segments.take_decision_of(&observed) {
            observed.entry = Entry::Continue;
        }
        self.record.end_epoch(observed)?;
        self.mark();
        if self.now.length != Some(self.now.iter) {
            // That the epoch is over became known only after the last batch.
            self.before = self.now;
        }
        let epoch = count(u128::from(self.now.epoch) + 1, || "the number of epochs".into())?;
        self.now = Counts { epoch, iter: 0, length: None, sample_in_epoch: Some(0), epoch_samples: None, ..self.now };
        if planned.is_some() {
            self.planned.run = RunLength::of(&self.timeline()?);
        }
        Ok(planned)
    }

    /// What the end of an epoch that is not `whole` does to the open window, and how that is recorded.
    fn end_window(&mut self, observed: &mut Segment, end: End, complete: bool, whole: bool) {
        let flush_missed = observed.boundary == Boundary::Flush && self.window.open.pending > 0;
        if !whole && (end == End::Cut || flush_missed) {
            observed.cut = true;
        }
        match observed.boundary {
            _ if self.now.iter == 0 || whole => {}
            _ if observed.cut => self.window.cut(observed.on_cut),
            Boundary::Drop => self.window.open = Window::default(),
            Boundary::Spill => self.window.open = self.window.open.spill(),
            Boundary::Flush | Boundary::Carry => {}
        }
        if complete && !whole {
            // A planned change ended the window after the last batch, and no batch follows that would record it.
            match self.window.ended_early {
                Entry::Flush => (observed.boundary, observed.cut) = (Boundary::Flush, false),
                Entry::Drop => (observed.boundary, observed.cut) = (Boundary::Drop, false),
                Entry::Continue | Entry::Phase(_) => {}
            }
        }
    }
}
