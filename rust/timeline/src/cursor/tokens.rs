//! Tokens that the loop counts: their marks, and which multiples of them the last event crossed.
//!
//! A loop adds the tokens of a batch after the batch was counted. So a mark is made where the next batch is counted, and a trigger
//! that is asked before the tokens of its batch were added sees them in the next batch.

use super::Cursor;
use crate::error::{Error, count};
use crate::marks::{Mark, Marks};
use crate::quantity::Quantity;

/// What a cursor keeps of counted tokens, apart from their number.
#[derive(Debug, Clone, Default)]
pub(super) struct TokenMarks {
    pub(super) marks: Marks,
    /// Whether the end of the batch at hand becomes a mark.
    pub(super) due: bool,
    /// How many of the marks are in the ledger.
    recorded: usize,
    /// The number of the last event.
    pub(super) event: u64,
    asks: Vec<TokenAsk>,
}

/// A trigger in tokens, as it was last asked.
#[derive(Debug, Clone, Copy)]
struct TokenAsk {
    quantity: Quantity,
    /// In which event.
    event: u64,
    /// The tokens from which on that event counts.
    begin: u64,
    /// The tokens when it was asked.
    end: u64,
}

/// More triggers than a loop has. Texts that are made anew in each batch must not fill the memory.
const MOST_ASKS: usize = 64;

impl TokenMarks {
    pub(super) fn new(marks: Marks) -> Self {
        Self { recorded: marks.all().len(), marks, ..Self::default() }
    }
}

impl Cursor {
    /// Sets the tokens counted so far, as a saved state has them. Where the plan states them, that counts.
    pub fn set_tokens(&mut self, tokens: u64) -> Result<(), Error> {
        if let Some(last) = self.tokens.marks.last().filter(|last| last.token > tokens) {
            return Err(Error::invalid(format!(
                "token={tokens} is less than the {} that were counted in the first {} batches",
                last.token, last.batch
            )));
        }
        self.now.token = tokens;
        Ok(())
    }

    /// Adds tokens of the last batch.
    pub fn add_tokens(&mut self, tokens: u64) -> Result<(), Error> {
        if let Some(each) = self.tokens_per_sample {
            return Err(Error::invalid(format!(
                "the plan states tokens_per_sample={each}, so that tokens are counted with the samples: take it out to count them"
            )));
        }
        self.now.token = count(u128::from(self.now.token) + u128::from(tokens), || "the number of tokens".into())?;
        if self.tokens.marks.last().is_some_and(|last| last.batch == self.now.batch) {
            // They come after the mark at this batch, which they correct.
            self.tokens.recorded = self.tokens.recorded.min(self.tokens.marks.all().len() - 1);
            self.mark();
        }
        Ok(())
    }

    /// Makes the end of the last batch a mark: all its tokens were added.
    pub fn mark(&mut self) {
        self.tokens.due = false;
        if self.tokens_per_sample.is_none() {
            // Batches and tokens only grow, so that no mark is refused.
            let _ = self.tokens.marks.push(Mark { batch: self.now.batch, token: self.now.token });
        }
    }

    /// Makes the end of the batch at hand a mark, when all its tokens were added.
    pub fn mark_next(&mut self) {
        self.tokens.due = true;
    }

    /// Whether there are marks that [`Cursor::take_new_marks`] has not given.
    #[must_use]
    pub fn has_new_marks(&self) -> bool {
        self.tokens.recorded < self.tokens.marks.all().len()
    }

    /// The marks that were made since this was last asked.
    pub fn take_new_marks(&mut self) -> Vec<Mark> {
        let all = self.tokens.marks.all();
        let new = all.get(self.tokens.recorded..).unwrap_or_default().to_vec();
        self.tokens.recorded = all.len();
        new
    }

    /// The marks so far, and the count of now.
    pub(super) fn marks_until_now(&self) -> Marks {
        let mut marks = self.tokens.marks.clone();
        if self.now.token > 0 && self.tokens_per_sample.is_none() {
            let _ = marks.push(Mark { batch: self.now.batch, token: self.now.token });
        }
        marks
    }

    /// The tokens from which on the last event counts for a trigger. If the trigger was asked in the event before, it counts on
    /// from there: tokens may have been added since.
    pub(super) fn tokens_asked_from(&mut self, quantity: Quantity) -> u64 {
        let (event, now, before) = (self.tokens.event, self.now.token, self.before.token);
        let asks = &mut self.tokens.asks;
        if let Some(ask) = asks.iter_mut().find(|ask| ask.quantity == quantity) {
            if ask.event != event {
                ask.begin = if ask.event + 1 == event { ask.end } else { before };
                ask.event = event;
            }
            ask.end = now;
            return ask.begin;
        }
        if asks.len() == MOST_ASKS {
            asks.clear();
        }
        asks.push(TokenAsk { quantity, event, begin: before, end: now });
        before
    }
}
