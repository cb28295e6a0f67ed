//! Progress bars: one state is drawn several times, each drawing over the last. The last drawing has all that its writer
//! knew of the state, so it is the record.

use super::block::ShapePlan;
use super::context::Rank;
use super::rows::{LinePlace, RankRows};
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
    values: Vec<(Vec<u8>, f64)>,
}

impl BarState {
    pub(super) fn new(rank: Rank, index: usize, place: LinePlace, early: bool) -> Self {
        Self { rank, index, place, early, length: None, values: Vec::new() }
    }

    pub(super) fn push(&mut self, tag: &[u8], value: f64) {
        self.values.push((tag.to_vec(), value));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether another drawing is of the same state.
    fn is_state_of(&self, other: &Self) -> bool {
        let of = |state: &Self| (state.rank, state.index, state.place.step, state.place.epoch);
        of(self) == of(other)
    }

    pub(super) fn push_to(&self, rows: &mut Vec<RankRows>, plan: &ShapePlan<'_>) {
        let prefix = plan.lines.get(self.index).map_or("", |line| line.compiled.line.prefix);
        let rows = RankRows::of(rows, self.rank, plan.lines.len()).line(self.index);
        for (tag, value) in &self.values {
            let tag = rows.names.number(prefix, tag);
            rows.push(tag, self.place, *value);
        }
        if let (Some(length), true) = (self.length, self.early || self.place.epoch.is_some()) {
            rows.length(self.place.epoch.and_then(Decimal::whole), length);
        }
    }
}

/// The states at both ends of a block, which a neighbour may have drawn as well.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct BarStates {
    /// The first state, if no other record comes before it.
    pub(super) first: Option<BarState>,
    /// The state that is drawn at the end, if it is another one.
    pub(super) last: Option<BarState>,
    /// Whether a record came before the state that is drawn now.
    after_record: bool,
}

impl BarStates {
    pub(super) fn is_empty(&self) -> bool {
        self.after_record && self.last.is_none()
    }

    /// Takes a drawing. The state that it ends, if that is complete.
    pub(super) fn draw(&mut self, state: BarState) -> Option<BarState> {
        if let Some(first) = self.first.as_mut().filter(|first| !self.after_record && first.is_state_of(&state)) {
            *first = state;
            return None;
        }
        if self.first.is_none() && !self.after_record {
            self.first = Some(state);
            return None;
        }
        self.after_record = true;
        match &mut self.last {
            Some(last) if last.is_state_of(&state) => {
                *last = state;
                None
            }
            last => last.replace(state),
        }
    }

    /// Another record comes: the state that is drawn is complete.
    pub(super) fn end(&mut self) -> Option<BarState> {
        self.after_record = true;
        self.last.take()
    }

    /// Joins the states of the next block to the one that was drawn last. What is complete goes to `take`.
    pub(super) fn join(self, open: &mut Option<BarState>, mut take: impl FnMut(BarState)) {
        let Self { first, last, after_record } = self;
        match (first, open.take()) {
            (Some(first), Some(before)) => {
                if !before.is_state_of(&first) {
                    take(before);
                }
                *open = Some(first);
            }
            (Some(first), None) => *open = Some(first),
            (None, Some(before)) if after_record => take(before),
            (None, before) => *open = before,
        }
        if after_record {
            if let Some(before) = open.take() {
                take(before);
            }
            *open = last;
        }
    }
}
