//! Steps inside their epochs. They do not show the length of an epoch, only that it has at least as many batches as the
//! highest step; but a log that says "step 10 of 1549" states it.

use std::collections::BTreeMap;

use stepbridge_timeline::{Timeline, Unit};

use super::evidence::FileEvidence;
use super::failure::InferenceFailure;
use super::segment::segment;

/// What the records of a run show of the lengths of its epochs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StepsInEpochs {
    /// For each logged epoch, by its index: how many batches it has at least, and the length that the log states.
    epochs: BTreeMap<u64, (u64, Option<u64>)>,
    /// The length of all epochs, if the log states it.
    all: Option<u64>,
    /// The first epoch for which the log states two lengths.
    contradicted: Option<u64>,
}

impl StepsInEpochs {
    /// Takes a file whose steps count from `first`, and its epochs from `base`.
    pub(super) fn add(&mut self, file: &FileEvidence, first: u8, base: u8) {
        for record in file.stretches.iter().map(|stretch| stretch.high).filter(|record| !record.superseded) {
            let epoch = record.stated.count().and_then(|epoch| epoch.checked_sub(u64::from(base)));
            let iter = record.step.checked_sub(i64::from(first)).and_then(|iter| u64::try_from(iter).ok());
            if let Some((epoch, iter)) = epoch.zip(iter) {
                let (least, _) = self.epochs.entry(epoch).or_default();
                *least = (iter + 1).max(*least);
            }
        }
        for &(epoch, length) in &file.lengths {
            match epoch {
                None if self.all.is_some_and(|all| all != length) => self.contradicted = Some(0),
                None => self.all = Some(length),
                Some(epoch) => {
                    let Some(epoch) = u64::try_from(epoch).ok().and_then(|epoch| epoch.checked_sub(u64::from(base)))
                    else {
                        continue;
                    };
                    let (_, known) = self.epochs.entry(epoch).or_default();
                    if known.is_some_and(|known| known != length) {
                        self.contradicted.get_or_insert(epoch);
                    }
                    *known = Some(length);
                }
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.epochs.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.epochs.is_empty() && self.all.is_none()
    }

    /// The first epoch that contradicts a timeline, if there is one.
    pub(super) fn refuting(&self, timeline: &Timeline) -> Option<u64> {
        let mut epochs = self.epochs.iter();
        let wrong = epochs.find(|(epoch, (least, stated))| {
            timeline
                .epoch_length(**epoch)
                .is_none_or(|length| length < *least || stated.is_some_and(|stated| stated != length))
        });
        wrong.map(|(epoch, _)| *epoch)
    }

    /// The timeline that the log states, its evidence, and how many epochs it was checked against.
    pub(super) fn solve(&self) -> Result<(Timeline, String, usize), InferenceFailure> {
        if let Some(epoch) = self.contradicted {
            return Err(InferenceFailure::TwoLengths { epoch });
        }
        let least = self.epochs.values().map(|(least, _)| *least).max().unwrap_or(0);
        let mut lengths: Vec<(u64, u64)> =
            self.epochs.iter().filter_map(|(epoch, (_, stated))| Some((*epoch, (*stated).or(self.all)?))).collect();
        if let (true, Some(all)) = (lengths.is_empty(), self.all) {
            lengths.push((0, all));
        }
        let (Some(&(first, length)), Some(&(last, _))) = (lengths.first(), lengths.last()) else {
            return Err(InferenceFailure::AtLeast { least });
        };
        if let Some((epoch, _)) = self
            .epochs
            .iter()
            .find(|(epoch, (least, _))| lengths.iter().any(|(of, length)| of == *epoch && length < least))
        {
            return Err(InferenceFailure::Outside { epoch: *epoch });
        }
        let checked = self.epochs.len();
        if lengths.iter().all(|(_, other)| *other == length) {
            if self.epochs.values().any(|(least, _)| *least > length) {
                return Err(InferenceFailure::Outside { epoch: last });
            }
            let timeline = Timeline::from_segments([segment(None, length)]).map_err(|_| InferenceFailure::TooLarge)?;
            let of = if self.all.is_some() { "its epochs" } else { "each epoch that it logs" };
            return Ok((timeline, format!("the log itself says that {of} has {length} batches"), checked));
        }
        // The lengths change: they are known if the log states that of each epoch from the first one on.
        if first != 0 || last + 1 != lengths.len() as u64 {
            return Err(InferenceFailure::Gaps);
        }
        let open = lengths.len() - 1;
        let segments = (0..).zip(&lengths).map(|(index, (_, length))| segment((index < open).then_some(1), *length));
        let timeline = Timeline::from_segments(segments).map_err(|_| InferenceFailure::TooLarge)?;
        debug_assert!(timeline.locate(Unit::Batch, 0).is_ok());
        let changes = lengths.windows(2).filter(|pair| pair[0].1 != pair[1].1).count();
        let times = if changes == 1 { "once".to_owned() } else { format!("{changes} times") };
        Ok((timeline, format!("the log itself says how many batches each epoch has; that changes {times}"), checked))
    }
}
