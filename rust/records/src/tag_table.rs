//! Names of tags and their numbers.

use std::collections::HashMap;
use std::fmt;

/// The names of tags, numbered in the order of their first use.
///
/// Names are bytes, as some files have names that are not text. A file repeats its names in one order, so the table guesses
/// the next one before it looks it up.
///
/// ```
/// use stepbridge_records::TagTable;
///
/// let mut tags = TagTable::default();
/// assert_eq!([tags.number(b"loss"), tags.number(b"lr"), tags.number(b"loss")], [0, 1, 0]);
/// assert_eq!(tags.into_names().unwrap(), ["loss", "lr"]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct TagTable {
    numbers: HashMap<Box<[u8]>, u32>,
    names: Vec<Box<[u8]>>,
    /// The number that probably comes next.
    expected: u32,
    /// Whether a name was left without a number.
    full: bool,
}

/// There are more names than numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyTags;

impl TagTable {
    /// The number of a tag. If the table is full the number is no tag's, and [`Self::into_names`] fails.
    #[inline]
    pub fn number(&mut self, name: &[u8]) -> u32 {
        let number = match self.names.get(self.expected as usize) {
            Some(known) if **known == *name => self.expected,
            _ => self.look_up(name),
        };
        self.expected = if number as usize + 1 == self.names.len() { 0 } else { number.saturating_add(1) };
        number
    }

    fn look_up(&mut self, name: &[u8]) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let Ok(number) = u32::try_from(self.names.len()) else {
            self.full = true;
            return u32::MAX;
        };
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }

    /// The number of a tag, if it has one.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// How many tags there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are no tags.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The name of a tag; empty if no tag has this number.
    #[must_use]
    pub fn name(&self, number: u32) -> &[u8] {
        self.names.get(number as usize).map_or(&[], |name| name)
    }

    /// Fails if some name has no number: its records have nothing to refer to.
    pub fn check(&self) -> Result<(), TooManyTags> {
        if self.full { Err(TooManyTags) } else { Ok(()) }
    }

    /// The names by number. Bytes that are not text are replaced.
    ///
    /// Fails if some name has no number.
    pub fn into_names(self) -> Result<Vec<String>, TooManyTags> {
        self.check()?;
        Ok(self.names.into_iter().map(|name| String::from_utf8_lossy(&name).into_owned()).collect())
    }
}

impl fmt::Display for TooManyTags {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "there are more than {} names of series", u32::MAX)
    }
}

impl std::error::Error for TooManyTags {}

impl From<TooManyTags> for std::io::Error {
    fn from(error: TooManyTags) -> Self {
        Self::other(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_order_of_appearance() {
        let mut tags = TagTable::default();
        let numbers = ["a", "b", "a", "c", "a", "b", "b"].map(|name| tags.number(name.as_bytes()));
        assert_eq!(numbers, [0, 1, 0, 2, 0, 1, 1]);
        assert_eq!(tags.number(b"\xff"), 3);
        assert_eq!((tags.len(), tags.is_empty()), (4, false));
        assert_eq!(tags.into_names().unwrap(), ["a", "b", "c", "\u{fffd}"]);
    }

    #[test]
    fn a_full_table_gives_no_names() {
        let full = TagTable { full: true, ..TagTable::default() };
        assert_eq!(full.into_names(), Err(TooManyTags));
        assert_eq!(std::io::Error::from(TooManyTags).to_string(), TooManyTags.to_string());
    }
}
