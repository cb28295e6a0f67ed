//! Where a record stands in its run, as far as that can be compared with others of the same meaning.

use crate::epochs::{Epochs, Reader};
use crate::formats::{Scope, StepMeaning};
use crate::record::{Chunk, Stated};

/// Numbers as they were logged: compared, and never computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The epoch, where the step begins again with each; else 0.
    pub(crate) epoch: i64,
    /// The step; of an epoch without one its fraction.
    pub(crate) step: i64,
}

/// How many digits of a fraction are compared.
const DIGITS: u32 = 9;

impl Position {
    /// Where a record stands; `None` where it does not say.
    pub(crate) fn of(chunk: &Chunk, index: usize) -> Option<Self> {
        Positions::of(chunk).at(index)
    }

    /// An epoch with a fraction.
    fn of_epoch(stated: Stated) -> Option<Self> {
        if stated.scale == 0 {
            return Some(Self { epoch: stated.mantissa, step: 0 });
        }
        let scale = u32::try_from(stated.scale).ok()?;
        let unit = 10_i64.checked_pow(scale)?;
        let rest = stated.mantissa.rem_euclid(unit);
        let step = match scale.checked_sub(DIGITS) {
            None => rest * 10_i64.pow(DIGITS - scale),
            Some(more) => rest / 10_i64.checked_pow(more)?,
        };
        Some(Self { epoch: stated.mantissa.div_euclid(unit), step })
    }
}

/// The positions of a chunk's records.
pub(crate) enum Positions<'a> {
    /// Steps over the whole run.
    Steps(&'a Chunk, &'a [i64]),
    /// Steps in an epoch, or steps that nobody says anything of, with an epoch beside them.
    Both(&'a Chunk, &'a [i64], &'a Epochs, Reader<'a>),
    /// Epochs alone.
    Epochs(Reader<'a>),
    Nothing,
}

impl<'a> Positions<'a> {
    pub(crate) fn of(chunk: &'a Chunk) -> Self {
        let in_run = matches!(chunk.meaning.step, Some(StepMeaning { scope: Scope::Run, .. }));
        match (&chunk.step, &chunk.epoch) {
            (Some(steps), Some(epochs)) if !in_run => Self::Both(chunk, steps, epochs, epochs.reader()),
            (Some(steps), _) => Self::Steps(chunk, steps),
            (None, Some(epochs)) => Self::Epochs(epochs.reader()),
            (None, None) => Self::Nothing,
        }
    }

    pub(crate) fn at(&self, index: usize) -> Option<Position> {
        let there = |chunk: &Chunk| chunk.step_missing.as_ref().is_none_or(|missing| !missing[index]);
        match self {
            Self::Steps(chunk, steps) => there(chunk).then(|| Position { epoch: 0, step: steps[index] }),
            Self::Both(chunk, steps, _, epochs) => {
                let epoch = Position::of_epoch(epochs.get(index)?)?.epoch;
                there(chunk).then(|| Position { epoch, step: steps[index] })
            }
            Self::Epochs(epochs) => Position::of_epoch(epochs.get(index)?),
            Self::Nothing => None,
        }
    }

    /// Whether no position is below one before it, nor below the highest so far, which this sets to its own.
    pub(crate) fn ascend(&self, highest: &mut Option<Position>) -> bool {
        let mut follows = |first: Position, last: Position| {
            let before = highest.replace(last);
            before.is_none_or(|before| first >= before)
        };
        match self {
            Self::Steps(chunk, steps) if chunk.step_missing.is_none() => ends(steps).is_none_or(|(first, last)| {
                let at = |step| Position { epoch: 0, step };
                steps.is_sorted() && follows(at(first), at(last))
            }),
            Self::Both(chunk, steps, epochs, _) if chunk.step_missing.is_none() => {
                epochs.runs().all(|(range, stated)| {
                    let Some(Position { epoch, .. }) = stated.and_then(Position::of_epoch) else { return true };
                    let steps = &steps[range];
                    let at = |step| Position { epoch, step };
                    ends(steps).is_none_or(|(first, last)| steps.is_sorted() && follows(at(first), at(last)))
                })
            }
            Self::Steps(chunk, _) | Self::Both(chunk, ..) => self.each_follows(chunk.len(), follows),
            Self::Epochs(epochs) => self.each_follows(epochs.len(), follows),
            Self::Nothing => true,
        }
    }

    fn each_follows(&self, count: usize, mut follows: impl FnMut(Position, Position) -> bool) -> bool {
        (0..count).filter_map(|index| self.at(index)).all(|at| follows(at, at))
    }
}

/// The first and the last of some numbers.
fn ends(numbers: &[i64]) -> Option<(i64, i64)> {
    Some((*numbers.first()?, *numbers.last()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_compared_digit_by_digit() {
        let at = |text: &str| Position::of_epoch(Stated::parse(text).unwrap()).unwrap();
        for (less, more) in [("0.9", "1"), ("1.05", "1.5"), ("2.231362160654889", "2.231362161"), ("-0.5", "0")] {
            assert!(at(less) < at(more), "{less} {more}");
        }
        assert_eq!(at("3.50"), at("3.5"));
    }
}
