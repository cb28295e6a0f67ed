//! Gives numbers to the sessions and the attempts of a run.
//!
//! A process that resumed is a later session of its attempt. A process that began from the beginning is another attempt, which
//! takes nothing away from the one before.

use std::collections::HashMap;

use super::layout::{SessionLayout, SessionSpan, SessionStart};
use super::starts::{RecordRun, RunStart};
use super::writers::{FileExtent, SeriesKey};
use stepbridge_records::{OrderKey, SeriesMeaning};

/// Gives numbers to sessions.
#[derive(Default)]
pub(super) struct SessionNumbering {
    attempts: Vec<Attempt>,
}

/// A start of a run from its beginning, and the sessions that resumed it.
#[derive(Default)]
struct Attempt {
    layout: SessionLayout,
    /// When its first record was written.
    begin: Option<f64>,
    /// The step at which its first session says that it starts.
    declared: Option<i64>,
    /// The lowest key of each series.
    first: HashMap<SeriesKey, OrderKey>,
    /// For each series, its highest key and the session of that record.
    reached: HashMap<SeriesKey, (OrderKey, u32)>,
    /// When the records of earlier files ended, and their sessions.
    ended: Vec<(Option<f64>, u32)>,
    /// The same for this file.
    ending: Vec<(Option<f64>, u32)>,
}

impl SessionNumbering {
    pub(super) fn end_file(&mut self) {
        for attempt in &mut self.attempts {
            attempt.ended.append(&mut attempt.ending);
        }
    }

    /// The sessions of each attempt.
    pub(super) fn into_layouts(self) -> Vec<SessionLayout> {
        self.attempts.into_iter().map(|attempt| attempt.layout).collect()
    }

    /// Takes the next records. `cursor` is the attempt and the session of the records before them in the file.
    pub(super) fn take(&mut self, run: RecordRun, cursor: &mut Option<(usize, u32)>) {
        let mut at = cursor.map_or_else(|| self.in_force(&run.extent), |(attempt, _)| attempt);
        at += usize::from(self.attempts.get(at).is_some_and(|attempt| attempt.begins_again(&run)));
        if at >= self.attempts.len() {
            self.attempts.push(Attempt::default());
            at = self.attempts.len() - 1;
        }
        let before = cursor.filter(|(attempt, _)| *attempt == at).map(|(_, session)| session);
        *cursor = Some((at, self.attempts[at].take(run, before)));
    }

    /// The attempt to which the first records of a file belong, if they do not begin another one.
    fn in_force(&self, extent: &FileExtent) -> usize {
        let last = self.attempts.len().saturating_sub(1);
        match extent.times {
            Some((from, _)) => {
                let began = |attempt: &Attempt| attempt.begin.is_none_or(|begin| begin <= from);
                self.attempts.iter().rposition(began).unwrap_or(0)
            }
            // A file of other series was written all along.
            None if self.attempts.last().is_some_and(|last| last.shares(extent)) => last,
            None => 0,
        }
    }
}

impl Attempt {
    fn shares(&self, extent: &FileExtent) -> bool {
        extent.series.keys().any(|series| self.first.contains_key(series))
    }

    /// Whether records are those of a start from the beginning: no series goes on, and nothing shows that it was resumed.
    fn begins_again(&self, run: &RecordRun) -> bool {
        if let (RunStart::Declared(step), Some(first)) = (run.start, self.declared)
            && step > first
        {
            return false;
        }
        let lowest = |meaning: SeriesMeaning| {
            self.first.iter().filter(|((of, _), _)| *of == meaning).map(|(_, first)| *first).min()
        };
        let of_run = run.extent.series.iter();
        let shared = of_run.filter_map(|(series, range)| Some((series, *range, *self.first.get(series)?)));
        let shared: Vec<_> = shared.collect();
        let (Some(((meaning, _), ..)), all_begin) =
            (shared.first(), shared.iter().all(|(_, (low, _), first)| low <= first))
        else {
            return false;
        };
        let own = run.extent.series.iter().filter(|((of, _), _)| of == meaning).map(|(_, (low, _))| *low).min();
        // If some series are not logged again, one record of each other series does not tell which way it went.
        let has_gone = |series: &SeriesKey, low: OrderKey, high: OrderKey, first: OrderKey| {
            high > low || self.reached.get(series).is_some_and(|(reached, _)| *reached > first)
        };
        all_begin
            && own <= lowest(*meaning)
            && (run.start == RunStart::Back
                || shared.len() == self.first.len()
                || shared.iter().any(|&(series, (low, high), first)| has_gone(series, low, high, first)))
    }

    /// Takes the next records, and returns their session. `before` is the session of the records before them in the file.
    fn take(&mut self, run: RecordRun, before: Option<u32>) -> u32 {
        let highest = self.ended.iter().chain(&self.ending).map(|(_, session)| *session).max();
        let earlier = self.ended.iter().filter(|(end, _)| run.extent.overlaps(*end) != Some(true));
        let floor = earlier.map(|(_, session)| *session).max().max(before).unwrap_or(0);
        let session = match (run.start, highest) {
            (_, None) => 0,
            (RunStart::Declared(_), Some(highest)) => highest + 1,
            (RunStart::Back, _) => floor.max(before.map_or(0, |before| before + 1)),
            (RunStart::File, _) => {
                let series = run.extent.series.iter();
                let again = series.filter_map(|(series, (low, _))| {
                    self.reached.get(series).filter(|(reached, _)| low <= reached).map(|(_, session)| session + 1)
                });
                again.max().unwrap_or(0).max(floor)
            }
        };
        match run.start {
            RunStart::Declared(step) if highest.is_some() => {
                let start = self.layout.starts.entry(session).or_insert(SessionStart::Step(step));
                if let SessionStart::Step(known) = start {
                    *known = step.min(*known);
                }
            }
            start => {
                if let RunStart::Declared(step) = start {
                    self.declared = Some(step);
                }
                for (&(meaning, tag), &(low, _)) in &run.extent.series {
                    let first = self.layout.first.entry((session, meaning, tag)).or_insert(low);
                    *first = low.min(*first);
                }
            }
        }
        for (series, &(low, high)) in &run.extent.series {
            let first = self.first.entry(*series).or_insert(low);
            *first = low.min(*first);
            let reached = self.reached.entry(*series).or_insert((high, session));
            *reached = if reached.1 == session { (high.max(reached.0), session) } else { (high, session) };
        }
        if let Some((from, _)) = run.extent.times {
            self.begin = Some(self.begin.map_or(from, |begin| begin.min(from)));
        }
        self.ending.push((run.extent.times.map(|(_, to)| to), session));
        let spans = run.parts.into_iter().map(|(batch, range)| SessionSpan { batch, range, session });
        self.layout.spans.extend(spans);
        session
    }
}
