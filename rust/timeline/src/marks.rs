//! Counted tokens: how many the run had counted at some of its batches. Between two marks their number only has bounds.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, MAX_COUNT};
use crate::unit::Unit;

/// After the first `batch` batches, `token` tokens were counted. In JSON it is a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub struct Mark {
    /// Batches done.
    pub batch: u64,
    /// Tokens counted in them.
    pub token: u64,
}

impl From<(u64, u64)> for Mark {
    fn from((batch, token): (u64, u64)) -> Self {
        Self { batch, token }
    }
}

impl From<Mark> for (u64, u64) {
    fn from(mark: Mark) -> Self {
        (mark.batch, mark.token)
    }
}

/// The marks of a run, in the order of its batches. None of them says that nothing was counted before the first token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks(Arc<Vec<Mark>>);

/// What is known of the tokens at a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TokenBounds {
    /// At least so many are done.
    pub(crate) lower: u64,
    /// At most so many; `None`: they are not counted so far.
    pub(crate) upper: Option<u64>,
}

/// Where a number of tokens was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenPlace {
    /// After so many batches.
    At(u64),
    /// After more batches than the first number, and fewer than the second.
    Within(u64, u64),
    /// Past the last mark, which has so many tokens.
    Past(u64),
}

impl Marks {
    /// Reads marks, which must be in order.
    pub fn new(marks: impl IntoIterator<Item = Mark>) -> Result<Self, Error> {
        let mut made = Self::default();
        for mark in marks {
            if made.0.last().is_some_and(|last| last.batch == mark.batch) {
                return Err(Error::invalid(format!("two marks count the tokens of {} batches", mark.batch)));
            }
            made.push(mark)?;
        }
        Ok(made)
    }

    /// Adds a mark. One at the batch of the last mark replaces it.
    pub fn push(&mut self, mark: Mark) -> Result<(), Error> {
        for (value, unit) in [(mark.batch, Unit::Batch), (mark.token, Unit::Token)] {
            if value > MAX_COUNT {
                return Err(Error::overflow(format!("the number of {} in a mark", unit.plural())));
            }
        }
        let marks = Arc::make_mut(&mut self.0);
        let same = marks.pop_if(|last| last.batch == mark.batch);
        if let Some(last) = marks.last().or(same.as_ref())
            && (mark.batch < last.batch || mark.token < last.token)
        {
            return Err(Error::invalid(format!(
                "tokens go back: {} were counted in {} batches, then {} in {}",
                last.token, last.batch, mark.token, mark.batch
            )));
        }
        // Before the first token, nothing says that tokens are counted at all.
        if mark.token > 0 || !marks.is_empty() {
            marks.push(mark);
        }
        Ok(())
    }

    /// The marks, in order.
    #[must_use]
    pub fn all(&self) -> &[Mark] {
        &self.0
    }

    /// Whether no token was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The last mark.
    #[must_use]
    pub fn last(&self) -> Option<Mark> {
        self.0.last().copied()
    }

    /// The marks of the first `batches` batches.
    #[must_use]
    pub fn until(&self, batches: u64) -> Self {
        let kept = self.0.partition_point(|mark| mark.batch <= batches);
        if kept == self.0.len() { self.clone() } else { Self(Arc::new(self.0[..kept].to_vec())) }
    }

    /// The tokens between the ends of two batches: after `begin` batches at least, after `end` batches at most.
    pub(crate) fn around(&self, begin: u64, end: u64) -> TokenBounds {
        let before = self.0.partition_point(|mark| mark.batch <= begin);
        let after = self.0.partition_point(|mark| mark.batch < end);
        let lower = before.checked_sub(1).and_then(|at| self.0.get(at)).map_or(0, |mark| mark.token);
        // No token comes before the first batch.
        let upper = if end == 0 && before == 0 { Some(0) } else { self.0.get(after).map(|mark| mark.token) };
        TokenBounds { lower, upper }
    }

    /// The tokens after `batch` batches, where a mark says it.
    pub(crate) fn exact(&self, batch: u64) -> Option<u64> {
        let TokenBounds { lower, upper } = self.around(batch, batch);
        upper.filter(|upper| *upper == lower)
    }

    /// Where so many tokens were reached.
    pub(crate) fn place(&self, token: u64) -> TokenPlace {
        if token == 0 {
            return TokenPlace::At(0);
        }
        let after = self.0.partition_point(|mark| mark.token < token);
        match self.0.get(after) {
            None => TokenPlace::Past(self.last().map_or(0, |mark| mark.token)),
            Some(mark) if mark.token == token => TokenPlace::At(mark.batch),
            Some(mark) => {
                let before = after.checked_sub(1).and_then(|at| self.0.get(at));
                TokenPlace::Within(before.map_or(0, |mark| mark.batch), mark.batch)
            }
        }
    }

    /// The batch, an index, that has the token with an index; `None` where the marks leave several.
    pub(crate) fn batch_of(&self, token: u64) -> Option<u64> {
        let after = self.0.partition_point(|mark| mark.token <= token);
        let before = after.checked_sub(1).and_then(|at| self.0.get(at)).map_or(0, |mark| mark.batch);
        self.0.get(after).filter(|mark| mark.batch == before + 1).map(|_| before)
    }
}

#[cfg(test)]
mod tests {
    use super::{Mark, Marks, TokenBounds, TokenPlace};

    fn marks(pairs: &[(u64, u64)]) -> Marks {
        Marks::new(pairs.iter().copied().map(Mark::from)).expect("marks in order")
    }

    #[test]
    fn between_two_marks_tokens_have_bounds() {
        let marks = marks(&[(2, 30), (5, 90), (6, 100)]);
        assert_eq!(marks.around(2, 2), TokenBounds { lower: 30, upper: Some(30) });
        assert_eq!(marks.around(3, 3), TokenBounds { lower: 30, upper: Some(90) });
        assert_eq!(marks.around(5, 6), TokenBounds { lower: 90, upper: Some(100) });
        assert_eq!(marks.around(7, 7), TokenBounds { lower: 100, upper: None });
        assert_eq!(marks.around(0, 0), TokenBounds { lower: 0, upper: Some(0) });
        assert_eq!((marks.exact(1), marks.exact(5)), (None, Some(90)));
    }

    #[test]
    fn a_token_is_placed_between_two_marks() {
        let marks = marks(&[(2, 30), (5, 90), (6, 100)]);
        assert_eq!(marks.place(30), TokenPlace::At(2));
        assert_eq!(marks.place(31), TokenPlace::Within(2, 5));
        assert_eq!(marks.place(1), TokenPlace::Within(0, 2));
        assert_eq!(marks.place(101), TokenPlace::Past(100));
        assert_eq!(
            (marks.batch_of(90), marks.batch_of(99), marks.batch_of(89), marks.batch_of(100)),
            (Some(5), Some(5), None, None)
        );
    }

    #[test]
    fn marks_that_go_back_are_refused_and_the_last_one_may_be_corrected() {
        assert!(Marks::new([(2, 30), (1, 40)].map(Mark::from)).is_err());
        assert!(Marks::new([(2, 30), (3, 20)].map(Mark::from)).is_err());
        assert!(Marks::new([(2, 30), (2, 40)].map(Mark::from)).is_err());
        let mut corrected = marks(&[(2, 30), (5, 90)]);
        assert!(corrected.push(Mark { batch: 5, token: 95 }).is_ok());
        assert_eq!(corrected, marks(&[(2, 30), (5, 95)]));
        assert_eq!(marks(&[(1, 0), (2, 0)]), Marks::default());
    }
}
