//! The epochs that a log states beside its records: those next to each other mostly state the same one.

use std::cell::Cell;
use std::ops::Range;

use crate::record::Stated;

/// What each record states, if anything, as runs of records that state the same.
///
/// ```
/// use stepbridge_logs::{Epochs, Stated};
///
/// let epochs: Epochs = [0, 0, 1].map(|epoch| Some(Stated::integer(epoch))).into_iter().collect();
/// assert_eq!(epochs.get(1), Some(Stated::integer(0)));
/// assert_eq!(epochs.runs().count(), 2);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Epochs {
    /// Where each run ends, and what its records state. No two neighbours are the same, and none is empty.
    runs: Vec<(usize, Option<Stated>)>,
}

impl Epochs {
    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.runs.last().map_or(0, |(end, _)| *end)
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether no record states anything.
    #[must_use]
    pub fn say_nothing(&self) -> bool {
        self.runs.iter().all(|(_, stated)| stated.is_none())
    }

    /// What record `index` states.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Stated> {
        self.runs.get(self.run_of(index))?.1
    }

    fn run_of(&self, index: usize) -> usize {
        self.runs.partition_point(|(end, _)| *end <= index)
    }

    /// The records that state the same, and what, in their order.
    pub fn runs(&self) -> impl Iterator<Item = (Range<usize>, Option<Stated>)> + '_ {
        let begins = std::iter::once(0).chain(self.runs.iter().map(|(end, _)| *end));
        begins.zip(&self.runs).map(|(begin, (end, stated))| (begin..*end, *stated))
    }

    /// What each record states.
    pub fn iter(&self) -> impl Iterator<Item = Option<Stated>> + '_ {
        self.runs().flat_map(|(range, stated)| std::iter::repeat_n(stated, range.len()))
    }

    /// Appends records that state the same.
    #[inline]
    pub(crate) fn push(&mut self, stated: Option<Stated>, count: usize) {
        self.fill_to(self.len() + count, stated);
    }

    /// The same, until there are `length` records.
    #[inline]
    pub(crate) fn fill_to(&mut self, length: usize, stated: Option<Stated>) {
        if length <= self.len() {
            return;
        }
        match self.runs.last_mut() {
            Some((end, known)) if *known == stated => *end = length,
            _ => self.runs.push((length, stated)),
        }
    }

    /// The records of a range.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        let mut part = Self::default();
        for &(end, stated) in self.runs.get(self.run_of(range.start)..).unwrap_or_default() {
            part.fill_to(end.min(range.end) - range.start, stated);
            if end >= range.end {
                break;
            }
        }
        part
    }

    /// Some of the records, in their order.
    pub(crate) fn taken(&self, indices: &[usize]) -> Self {
        let reader = self.reader();
        indices.iter().map(|&index| reader.get(index)).collect()
    }

    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader { epochs: self, run: Cell::new(0) }
    }
}

impl FromIterator<Option<Stated>> for Epochs {
    fn from_iter<I: IntoIterator<Item = Option<Stated>>>(all: I) -> Self {
        let mut epochs = Self::default();
        all.into_iter().for_each(|stated| epochs.push(stated, 1));
        epochs
    }
}

/// Looks records up that are mostly asked for one after the other.
pub(crate) struct Reader<'a> {
    epochs: &'a Epochs,
    /// The run that was found last.
    run: Cell<usize>,
}

impl Reader<'_> {
    pub(crate) fn len(&self) -> usize {
        self.epochs.len()
    }

    pub(crate) fn get(&self, index: usize) -> Option<Stated> {
        let runs = &self.epochs.runs;
        let begin = |run: usize| run.checked_sub(1).map_or(0, |before| runs[before].0);
        let holds = |run: usize| runs.get(run).is_some_and(|(end, _)| begin(run) <= index && index < *end);
        let run = self.run.get();
        let run = [run, run + 1].into_iter().find(|&run| holds(run)).unwrap_or_else(|| self.epochs.run_of(index));
        self.run.set(run.min(runs.len()));
        runs.get(run)?.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn runs_are_the_records(numbers in prop::collection::vec(prop::option::of(0_i64..3), 0..40),
            from in 0_usize..40, count in 0_usize..40, asked in prop::collection::vec(0_usize..40, 0..40)) {
            let all: Vec<Option<Stated>> = numbers.iter().map(|number| number.map(Stated::integer)).collect();
            let epochs: Epochs = all.iter().copied().collect();
            prop_assert_eq!(epochs.len(), all.len());
            prop_assert_eq!(epochs.is_empty(), all.is_empty());
            prop_assert_eq!(epochs.say_nothing(), all.iter().all(Option::is_none));
            prop_assert_eq!(epochs.iter().collect::<Vec<_>>(), &all[..]);
            let ranges: Vec<_> = epochs.runs().collect();
            prop_assert!(ranges.windows(2).all(|two| two[0].1 != two[1].1 && two[0].0.end == two[1].0.start));
            let reader = epochs.reader();
            for &index in &asked {
                let expected = all.get(index).copied().flatten();
                prop_assert_eq!(epochs.get(index), expected);
                prop_assert_eq!(reader.get(index), expected);
            }
            let from = from.min(all.len());
            let range = from..(from + count).min(all.len());
            prop_assert_eq!(epochs.part(range.clone()), all[range].iter().copied().collect());
            let there: Vec<usize> = asked.into_iter().filter(|index| *index < all.len()).collect();
            prop_assert_eq!(epochs.taken(&there), there.iter().map(|&index| all[index]).collect());
        }
    }
}
