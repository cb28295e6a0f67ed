//! What a line takes from the lines before it: the epoch or the step that a heading gave.

use super::line_place::{LinePlace, Rank};

/// The place that headings gave, for each rank.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Headings {
    ranks: Vec<Heading>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Heading {
    rank: Rank,
    place: LinePlace,
    /// Whether an epoch was given, or taken back.
    whole: bool,
}

impl Headings {
    /// The place for lines of a rank; that of lines without a rank where it has none.
    pub(super) fn of(&self, rank: Rank) -> Option<LinePlace> {
        let find = |rank: Rank| self.ranks.iter().find(|heading| heading.rank == rank).map(|heading| heading.place);
        find(rank).or_else(|| rank.and_then(|_| find(None)))
    }

    /// Takes what a line gives. A new epoch ends the step of the one before.
    pub(super) fn set(&mut self, rank: Rank, given: LinePlace) {
        let heading = self.heading(rank);
        if given.epoch.is_some() {
            (heading.place, heading.whole) = (LinePlace { wall_time: None, ..given }, true);
        } else if given.step.is_some() {
            heading.place.step = given.step;
        }
    }

    /// Forgets what was given.
    pub(super) fn clear(&mut self, rank: Rank) {
        let heading = self.heading(rank);
        (heading.place, heading.whole) = (LinePlace::default(), true);
    }

    /// Takes what a later part of the file gives.
    pub(super) fn then(&mut self, later: &Self) {
        for Heading { rank, place, whole } in &later.ranks {
            if *whole {
                let heading = self.heading(*rank);
                (heading.place, heading.whole) = (*place, true);
            } else {
                self.set(*rank, *place);
            }
        }
    }

    /// Whether lines of a rank get all that a heading can give without what came before.
    pub(super) fn knows(&self, rank: Rank) -> bool {
        self.ranks.iter().any(|heading| heading.rank == rank && heading.whole)
    }

    fn heading(&mut self, rank: Rank) -> &mut Heading {
        let at = self.ranks.iter().position(|heading| heading.rank == rank).unwrap_or_else(|| {
            self.ranks.push(Heading { rank, ..Heading::default() });
            self.ranks.len() - 1
        });
        &mut self.ranks[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stepbridge_records::Decimal;

    #[test]
    fn headings_of_each_rank() {
        let place = |epoch: Option<i64>, step| LinePlace { step, epoch: epoch.map(Decimal::integer), wall_time: None };
        let mut headings = Headings::default();
        assert_eq!(headings.of(None), None);
        headings.set(None, place(Some(1), None));
        headings.set(None, place(None, Some(7)));
        headings.set(Some(1), place(Some(2), None));
        assert_eq!(headings.of(None), Some(place(Some(1), Some(7))));
        assert_eq!(headings.of(Some(0)), headings.of(None));
        assert_eq!(headings.of(Some(1)), Some(place(Some(2), None)));
        headings.set(None, place(Some(2), None));
        assert_eq!(headings.of(None), Some(place(Some(2), None)));
        let mut later = Headings::default();
        later.clear(None);
        headings.then(&later);
        assert_eq!((headings.of(None), headings.of(Some(1))), (Some(place(None, None)), Some(place(Some(2), None))));
        headings.set(None, place(Some(2), None));
        let line = place(None, Some(3)).under(headings.of(None));
        assert_eq!(line, place(Some(2), Some(3)));
        assert_eq!(place(Some(9), None).under(Some(place(Some(2), Some(4)))), place(Some(9), None));
    }
}
