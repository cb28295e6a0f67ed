//! The column of logged epochs. Neighbours mostly have the same epoch, so it is stored as ranges.

use std::cell::Cell;
use std::ops::Range;

use crate::decimal::Decimal;

/// The epoch that each record states, if it states one, as ranges of records with the same epoch.
///
/// ```
/// use stepbridge_records::{Decimal, EpochColumn};
///
/// let epochs: EpochColumn = [0, 0, 1].map(|epoch| Some(Decimal::integer(epoch))).into_iter().collect();
/// assert_eq!(epochs.get(1), Some(Decimal::integer(0)));
/// assert_eq!(epochs.ranges().count(), 2);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EpochColumn {
    /// The end of each range, and the epoch of its records. No range is empty, and neighbours have different epochs.
    ranges: Vec<(usize, Option<Decimal>)>,
}

impl EpochColumn {
    /// How many records there are.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.ranges.last().map_or(0, |(end, _)| *end)
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether no record states an epoch.
    #[must_use]
    pub fn all_missing(&self) -> bool {
        self.ranges.iter().all(|(_, stated)| stated.is_none())
    }

    /// The epoch of record `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Decimal> {
        self.ranges.get(self.range_of(index))?.1
    }

    fn range_of(&self, index: usize) -> usize {
        self.ranges.partition_point(|(end, _)| *end <= index)
    }

    /// The ranges of records with the same epoch, and that epoch, in order.
    pub fn ranges(&self) -> impl Iterator<Item = (Range<usize>, Option<Decimal>)> + '_ {
        let begins = std::iter::once(0).chain(self.ranges.iter().map(|(end, _)| *end));
        begins.zip(&self.ranges).map(|(begin, (end, stated))| (begin..*end, *stated))
    }

    /// The epoch of each record.
    pub fn iter(&self) -> impl Iterator<Item = Option<Decimal>> + '_ {
        self.ranges().flat_map(|(range, stated)| std::iter::repeat_n(stated, range.len()))
    }

    /// Appends `count` records with this epoch.
    #[inline]
    pub fn push(&mut self, stated: Option<Decimal>, count: usize) {
        self.extend_to(self.len() + count, stated);
    }

    /// Appends records with this epoch until there are `length` records.
    #[inline]
    pub fn extend_to(&mut self, length: usize, stated: Option<Decimal>) {
        if length <= self.len() {
            return;
        }
        match self.ranges.last_mut() {
            Some((end, known)) if *known == stated => *end = length,
            _ => self.ranges.push((length, stated)),
        }
    }

    /// The records of a range.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let mut slice = Self::default();
        for &(end, stated) in self.ranges.get(self.range_of(range.start)..).unwrap_or_default() {
            slice.extend_to(end.min(range.end) - range.start, stated);
            if end >= range.end {
                break;
            }
        }
        slice
    }

    /// The records with these indices.
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        let reader = self.reader();
        indices.iter().map(|&index| reader.get(index)).collect()
    }

    /// A reader for records that are mostly asked for one after the other.
    #[must_use]
    pub fn reader(&self) -> EpochReader<'_> {
        EpochReader { epochs: self, range: Cell::new(0) }
    }
}

impl FromIterator<Option<Decimal>> for EpochColumn {
    fn from_iter<I: IntoIterator<Item = Option<Decimal>>>(all: I) -> Self {
        let mut epochs = Self::default();
        all.into_iter().for_each(|stated| epochs.push(stated, 1));
        epochs
    }
}

/// Looks up records that are mostly asked for one after the other.
pub struct EpochReader<'a> {
    epochs: &'a EpochColumn,
    /// The range that was found last.
    range: Cell<usize>,
}

impl EpochReader<'_> {
    /// How many records there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "the column has it")]
    pub fn len(&self) -> usize {
        self.epochs.len()
    }

    /// The epoch of record `index`.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<Decimal> {
        let ranges = &self.epochs.ranges;
        let begin = |at: usize| at.checked_sub(1).map_or(0, |before| ranges[before].0);
        let holds = |at: usize| ranges.get(at).is_some_and(|(end, _)| begin(at) <= index && index < *end);
        let last = self.range.get();
        let at = [last, last + 1].into_iter().find(|&at| holds(at)).unwrap_or_else(|| self.epochs.range_of(index));
        self.range.set(at.min(ranges.len()));
        ranges.get(at)?.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_are_the_records(numbers in prop::collection::vec(prop::option::of(0_i64..3), 0..40),
            from in 0_usize..40, count in 0_usize..40, asked in prop::collection::vec(0_usize..40, 0..40)) {
            let all: Vec<Option<Decimal>> = numbers.iter().map(|number| number.map(Decimal::integer)).collect();
            let epochs: EpochColumn = all.iter().copied().collect();
            prop_assert_eq!(epochs.len(), all.len());
            prop_assert_eq!(epochs.is_empty(), all.is_empty());
            prop_assert_eq!(epochs.all_missing(), all.iter().all(Option::is_none));
            prop_assert_eq!(epochs.iter().collect::<Vec<_>>(), &all[..]);
            let ranges: Vec<_> = epochs.ranges().collect();
            prop_assert!(ranges.windows(2).all(|two| two[0].1 != two[1].1 && two[0].0.end == two[1].0.start));
            let reader = epochs.reader();
            for &index in &asked {
                let expected = all.get(index).copied().flatten();
                prop_assert_eq!(epochs.get(index), expected);
                prop_assert_eq!(reader.get(index), expected);
            }
            let from = from.min(all.len());
            let range = from..(from + count).min(all.len());
            prop_assert_eq!(epochs.slice(range.clone()), all[range].iter().copied().collect());
            let there: Vec<usize> = asked.into_iter().filter(|index| *index < all.len()).collect();
            prop_assert_eq!(epochs.select(&there), there.iter().map(|&index| all[index]).collect());
        }
    }
}
