//! A run that continues by another plan: what is done stays, the rest of the running epoch is divided into batches anew, and
//! the later epochs are those of the plan.

use crate::canonical::end_window;
use crate::change::{Change, Pending};
use crate::error::Error;
use crate::quantity::Quantity;
use crate::segment::{Entry, Segment};
use crate::timeline::Timeline;
use crate::unit::{Boundary, Unit};

impl Timeline {
    /// This timeline up to a point (`batch` batches, `epochs` complete epochs), then `plan`, whose epochs are those of the whole
    /// run. `pending` says what happens to an open window if the accumulation differs.
    pub fn resume(&self, batch: u64, epochs: u64, plan: &Self, pending: Option<Pending>) -> Result<Self, Error> {
        self.resume_longer(batch, epochs, plan, pending, 0)
    }

    /// The same, where the running epoch is longer than the plan's by so many samples (batches, if they are not known), as part
    /// of it was done again, or shorter.
    pub fn resume_longer(
        &self,
        batch: u64,
        epochs: u64,
        plan: &Self,
        pending: Option<Pending>,
        longer: i64,
    ) -> Result<Self, Error> {
        if self.is_stream() != plan.is_stream() {
            return Err(Error::invalid("a stream continues by a stream, and a run of epochs by epochs"));
        }
        if let (true, Some(first)) = (self.is_stream(), plan.segments().first()) {
            let change = Change { accumulate: Some(first.accumulate), pending, ..Change::default() };
            return self.resume_stream(batch, plan, &change);
        }
        let [planned] = plan.segments() else {
            return Err(Error::invalid(
                "a run can only continue by a plan of equal epochs: make one with Timeline.plan, and change it later with change",
            ));
        };
        let (mut segments, after) = self.split(batch, Some(epochs));
        let next = after.first().copied();
        let running: Vec<Segment> = after.into_iter().take_while(|segment| segment.joins).map(only).collect();
        let complete = epochs + u64::from(!running.is_empty());
        let later = match planned.epochs {
            None => None,
            Some(all) => Some(all.checked_sub(complete).ok_or_else(|| {
                Error::invalid(format!("the plan ends after epochs={all}, but the run is in epoch {complete} already"))
            })?),
        };
        let inside = !running.is_empty();
        segments.extend(&running);
        let mut here = Self::from_segments(segments)?;
        // Between two epochs, an earlier decision for this point is in the segment that the plan replaces.
        let decided = next.filter(|next| !next.joins).map(|next| (next.entry, next.accumulate));
        if let Some((entry @ (Entry::Flush | Entry::Drop), _)) = decided
            && here.compiled.window.pending > 0
        {
            let mut ended = here.segments().to_vec();
            end_window(&mut ended, if entry == Entry::Flush { Boundary::Flush } else { Boundary::Drop });
            here = Self::from_segments(ended)?;
        }
        let mut change = change_to(planned, inside, pending, longer);
        let unknown = running.first().is_some_and(|part| part.batches.is_none());
        if unknown && here.done(batch, &running).is_some_and(|done| change.is_over(done)) {
            // The epoch went on past what is planned: when it ends is still not known.
            (change.samples, change.batches) = (None, None);
        }
        let entry = here.entry(batch, &running, &change)?;
        let changed = here.change(Quantity::whole(batch, Unit::Batch), &change)?;
        // If the running epoch continues, the decision for the window is in its rest already.
        let over = changed.batches() == Some(batch);
        let mut entry = entry.filter(|entry| over && matches!(entry, Entry::Phase(_))).unwrap_or_default();
        if let Some((Entry::Phase(counted), accumulate)) = decided
            && accumulate == planned.accumulate
            && matches!(pending, None | Some(Pending::Carry))
        {
            entry = Entry::Phase(counted);
        }
        let rest = Segment { epochs: later, entry, ..*planned };
        let mut segments = changed.segments().to_vec();
        match segments.last_mut() {
            // Nothing after an epoch of unknown length has a place: that epoch and the later ones are one segment.
            Some(last) if last.batches.is_none() => last.epochs = later.map(|later| later + 1),
            _ => segments.push(rest),
        }
        Self::from_segments(segments)
    }
}

/// The running epoch alone; it and later ones may be one segment of unknown length.
fn only(part: Segment) -> Segment {
    Segment { epochs: Some(1), ..part }
}

/// What changes in the running epoch.
fn change_to(planned: &Segment, inside: bool, pending: Option<Pending>, longer: i64) -> Change {
    let (batch_size, samples, batches) = match (planned.batch_size, planned.samples) {
        (Some(_), Some(_)) => (planned.batch_size, planned.samples, None),
        _ => (planned.batch_size.filter(|_| planned.batches.is_some()), None, planned.batches),
    };
    let here = |total: Option<u64>| total.map(|total| total.saturating_add_signed(longer));
    let (samples, batches) = (here(samples), here(batches));
    let sizes = Change { batch_size, samples, batches, accumulate: Some(planned.accumulate), pending };
    if inside { sizes } else { Change { batch_size: None, samples: None, batches: None, ..sizes } }
}
