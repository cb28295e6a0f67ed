//! The problems of one file, in bounded memory.

use std::collections::BTreeMap;
use std::ops::Deref;

use crate::problem::{Problem, ProblemKind};

/// How many problems of one kind in one file are listed.
pub const LISTED: usize = 100;

/// The problems of one file, in the order in which they were found. After the first hundred of a kind, they are counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProblemList {
    listed: Vec<Problem>,
    kinds: BTreeMap<&'static str, KindOfProblem>,
}

/// The problems of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct KindOfProblem {
    count: u64,
    /// The first that is not listed, the end of the last, and how many they are.
    not_listed: Option<(Problem, u64, u64)>,
}

impl ProblemList {
    /// Adds a problem.
    pub fn push(&mut self, problem: Problem) {
        let kind = self.kinds.entry(problem.kind.name()).or_default();
        kind.count += problem.count;
        if kind.count <= LISTED as u64 {
            self.listed.push(problem);
            return;
        }
        let end = problem.end().unwrap_or_default();
        match &mut kind.not_listed {
            Some((_, last, count)) => (*last, *count) = (end.max(*last), *count + problem.count),
            none => {
                let count = problem.count;
                *none = Some((problem, end, count));
            }
        }
    }

    /// Adds the problem of the file as a whole, which comes first.
    pub fn push_first(&mut self, problem: Problem) {
        self.listed.insert(0, problem);
    }

    /// Whether a problem of this kind would be counted only. Its words need not be made then.
    #[must_use]
    pub fn is_full(&self, kind: ProblemKind) -> bool {
        self.kinds.get(kind.name()).is_some_and(|kind| kind.count >= LISTED as u64)
    }

    /// Removes all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The problems that are listed, and for each kind with more of them, one that says how many.
    #[must_use]
    pub fn into_vec(self) -> Vec<Problem> {
        let mut all = self.listed;
        for (first, end, count) in self.kinds.into_values().filter_map(|kind| kind.not_listed) {
            // One alone says what it is, and so does one that was made here before.
            let reason = if count == first.count { first.reason.clone() } else { more(count, &first) };
            let length = first.offset.map(|offset| end.saturating_sub(offset));
            all.push(Problem { reason, length, count, ..first });
        }
        all
    }
}

fn more(count: u64, first: &Problem) -> String {
    format!(
        "{count} more problems of this kind ({}) up to there; the first of them: {}",
        first.kind.name(),
        first.reason
    )
}

impl Deref for ProblemList {
    type Target = [Problem];

    fn deref(&self) -> &[Problem] {
        &self.listed
    }
}

impl<'a> IntoIterator for &'a ProblemList {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.listed.iter()
    }
}

impl IntoIterator for ProblemList {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

impl Extend<Problem> for ProblemList {
    fn extend<I: IntoIterator<Item = Problem>>(&mut self, problems: I) {
        problems.into_iter().for_each(|problem| self.push(problem));
    }
}

impl FromIterator<Problem> for ProblemList {
    fn from_iter<I: IntoIterator<Item = Problem>>(problems: I) -> Self {
        let mut list = Self::default();
        list.extend(problems);
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(kind: ProblemKind, at: u64) -> Problem {
        Problem::new("log", kind, format!("at {at}")).at(at, 2)
    }

    #[test]
    fn the_first_hundred_of_a_kind_are_listed_and_the_others_counted() {
        let mut list = ProblemList::default();
        (0..1000).for_each(|at| list.push(problem(ProblemKind::Corrupt, 10 * at)));
        list.push(problem(ProblemKind::Truncated, 10_000));
        assert!(list.is_full(ProblemKind::Corrupt) && !list.is_full(ProblemKind::Truncated));
        let all = list.into_vec();
        assert_eq!(all.len(), LISTED + 2);
        let last = &all[LISTED + 1];
        assert_eq!((last.offset, last.length, last.count), (Some(1000), Some(9992 - 1000), 900));
        assert!(last.reason.starts_with("900 more problems"), "{}", last.reason);
        // A list that is read again gives the same.
        assert_eq!(all.iter().cloned().collect::<ProblemList>().into_vec(), all);
    }

    #[test]
    fn few_are_all_listed() {
        let all: Vec<Problem> = (0..=100).map(|at| problem(ProblemKind::Corrupt, 10 * at)).collect();
        assert_eq!(all.iter().cloned().collect::<ProblemList>().into_vec(), all);
    }
}
