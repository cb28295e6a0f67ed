//! Progress bars: one state is drawn several times, each drawing over the last. The last drawing has all that its writer
//! knew of the state, so it is the record.

use super::line_place::{LinePlace, Rank};
use super::rows::RankRows;
use stepbridge_records::Decimal;

/// A state of a bar, as it was drawn last.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BarState {
    pub(super) rank: Rank,
    /// Which line of the plan it is.
    pub(super) index: usize,
    pub(super) place: LinePlace,
    /// Whether a heading of an earlier block gives the rest of its place.
    pub(super) early: bool,
    /// How many batches the epoch has, if the bar says it.
    pub(super) length: Option<u64>,
    /// How many lines draw it.
    pub(super) drawings: u64,
    /// The names of the values, one after the other; where each ends, and the value.
    names: Vec<u8>,
    values: Vec<(usize, f64)>,
}

impl BarState {
    pub(super) fn new(rank: Rank, index: usize, place: LinePlace, early: bool) -> Self {
        Self { rank, index, place, early, length: None, drawings: 1, names: Vec::new(), values: Vec::new() }
    }

    pub(super) fn push(&mut self, tag: &[u8], value: f64) {
        self.names.extend_from_slice(tag);
        self.values.push((self.names.len(), value));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether another drawing is of the same state.
    pub(super) fn is_state_of(&self, other: &Self) -> bool {
        let of =
            |state: &Self| (state.rank, state.index, state.place.step, state.place.epoch, state.early, state.length);
        of(self) == of(other)
    }

    /// Draws another state over this one if it is the same.
    pub(super) fn redraw(&mut self, mut next: Self) -> Option<Self> {
        if !self.is_state_of(&next) {
            return Some(next);
        }
        next.drawings += self.drawings;
        *self = next;
        None
    }

    /// Adds its values to the rows of its rank, for a plan of so many lines.
    pub(super) fn push_to(&self, rows: &mut Vec<RankRows>, lines: usize) {
        let rows = RankRows::of(rows, self.rank, lines).line(self.index);
        let mut begin = 0;
        for &(end, value) in &self.values {
            let tag = rows.tags.number(&self.names[begin..end]);
            rows.push(tag, self.place, value);
            begin = end;
        }
        if let (Some(length), true) = (self.length, self.place.epoch.is_some()) {
            rows.length(self.place.epoch.and_then(Decimal::whole), length);
        }
    }
}

/// How far the bars under a heading are. Keras draws the bar of an evaluation after those of training, in the same form.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct BarProgress(Vec<Progress>);

#[derive(Debug, Clone, PartialEq)]
struct Progress {
    rank: Rank,
    epoch: Option<Decimal>,
    length: Option<u64>,
    step: Option<i64>,
}

impl BarProgress {
    /// Whether a state is a further one of the training under its heading.
    pub(super) fn goes_on(&mut self, state: &BarState) -> bool {
        let BarState { rank, place, length, .. } = state;
        let next = Progress { rank: *rank, epoch: place.epoch, length: *length, step: place.step };
        match self.0.iter_mut().find(|progress| progress.rank == *rank) {
            Some(progress) if progress.epoch == next.epoch => {
                // The length of the first epoch of a stream is known at its end.
                let same = progress.length.is_none() || next.length.is_none() || progress.length == next.length;
                let further = progress.step <= next.step;
                if same && further {
                    *progress = next;
                }
                same && further
            }
            Some(progress) => {
                *progress = next;
                true
            }
            None => {
                self.0.push(next);
                true
            }
        }
    }
}
