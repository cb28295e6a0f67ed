//! An epoch that is entered at another point than the one reached: from there on it goes on as if so much of it were done.

use crate::change::{Change, Done, left_over};
use crate::error::Error;
use crate::segment::{Entry, Segment};
use crate::timeline::Timeline;

/// How far an epoch is, in samples of its data where they are known, else in batches, and where it is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEntry {
    /// So much of the data is done.
    pub from: u64,
    /// From here on the data comes.
    pub at: u64,
}

/// The running epoch, as far as it is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunningEpoch {
    /// Batches of the run.
    pub(crate) batch: u64,
    /// Its index.
    pub(crate) epoch: u64,
    /// Batches of it.
    pub(crate) iter: u64,
    /// Whether its end ended the open window already, although it goes on now.
    pub(crate) ended: Entry,
}

impl Timeline {
    /// This timeline, but the running epoch goes on from another point of its data. What is done again makes it longer, what is
    /// left out shorter; its number stays, and so do the later epochs.
    pub(crate) fn enter(&self, running: RunningEpoch, entry: EpochEntry) -> Result<Self, Error> {
        let RunningEpoch { batch, epoch, iter, ended } = running;
        let (mut segments, mut rest) = self.split(batch, Some(epoch));
        // An epoch that is complete and still running is in the segments before the point.
        if iter > 0 && !rest.first().is_some_and(|next| next.joins) {
            (segments, rest) = self.split(batch, None);
        }
        let parts = rest.iter().take_while(|part| part.joins).count();
        let template = match (iter, rest.first(), segments.last()) {
            (0, Some(next), _) => Segment { epochs: Some(1), ..*next },
            (_, Some(next), _) if parts > 0 => *next,
            (_, _, Some(done)) => *done,
            _ => return Err(Error::invalid("no epoch is running that could be entered")),
        };
        let done = Done { batches: iter, samples: self.samples_between(batch - iter, batch) };
        let sized = template.samples.filter(|_| template.batch_size.is_some());
        let total = sized.or(self.epoch_length(epoch));
        let Some(total) = total else { return Err(Error::Undetermined(UNKNOWN.into())) };
        let past =
            || Error::invalid(format!("it has {} in all", total.saturating_add(entry.at).saturating_sub(entry.from)));
        let total = (total.checked_add(entry.from)).and_then(|more| more.checked_sub(entry.at)).ok_or_else(past)?;
        let change = if sized.is_some() {
            Change { samples: Some(total), ..Change::default() }
        } else {
            Change { batches: Some(total), ..Change::default() }
        };
        let first = Segment { batches: template.batches.or(Some(0)), ..template };
        let part = left_over(&first, &rest[..parts], done, &change)?;
        let entry = if parts == 0 && iter > 0 { ended } else { template.entry };
        segments.push(Segment { joins: iter > 0, cut: false, entry, ..part });
        if iter == 0 {
            segments.extend(later(&rest));
        } else {
            segments.extend(&rest[parts..]);
        }
        Self::from_segments(segments)
    }
}

const UNKNOWN: &str = "the length of the epoch is not known";

/// The epochs after the first one.
fn later(rest: &[Segment]) -> Vec<Segment> {
    let mut later = rest.to_vec();
    if let Some(first) = later.first_mut() {
        first.entry = Entry::Continue;
        match first.epochs {
            Some(0 | 1) => {
                later.remove(0);
            }
            Some(more) => first.epochs = Some(more - 1),
            None => {}
        }
    }
    later
}
