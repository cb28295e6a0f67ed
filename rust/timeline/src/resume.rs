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
        // A data set that stays as it is says nothing of an epoch that began again, which takes more than all of it.
        let same = running.iter().all(|part| part.samples == planned.samples);
        let change = change_to(planned, inside, same, pending);
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
        Self::from_segments(changed.segments().iter().copied().chain([rest]))
    }
}

/// The running epoch alone; it and later ones may be one segment of unknown length.
fn only(part: Segment) -> Segment {
    Segment { epochs: Some(1), ..part }
}

/// What changes in the running epoch.
fn change_to(planned: &Segment, inside: bool, same_data: bool, pending: Option<Pending>) -> Change {
    let (batch_size, samples, batches) = match (planned.batch_size, planned.samples) {
        (Some(_), Some(_)) => (planned.batch_size, planned.samples.filter(|_| !same_data), None),
        _ => (planned.batch_size.filter(|_| planned.batches.is_some()), None, planned.batches),
    };
    let sizes = Change { batch_size, samples, batches, accumulate: Some(planned.accumulate), pending };
    if inside { sizes } else { Change { batch_size: None, samples: None, batches: None, ..sizes } }
}
