//! Sessions by the ledger of a run: a record belongs to the session that was in force when it was written.

use std::collections::HashMap;

use stepbridge_ledger::{Counts, Ledger, Session};
use stepbridge_records::{ColumnBatch, EpochMeaning, OrderKey, SeriesMeaning, StepMeaning, StepScope};
use stepbridge_timeline::{Answer, Location, Quantity, Unit};

use super::layout::{SessionLayout, SessionSpan, SessionStart};

/// Finds the sessions of one run's files of one format, attempt by attempt. `None` if the records have no times.
pub(super) fn find(batches: &[ColumnBatch], of_run: &[usize], ledger: &Ledger) -> Option<Vec<SessionLayout>> {
    if of_run.iter().any(|&index| batches[index].wall_time.is_none()) {
        return None;
    }
    let attempts = attempts(ledger);
    let mut layouts: Vec<SessionLayout> = Vec::new();
    layouts.resize_with(attempts.last().map_or(1, |last| last + 1), SessionLayout::default);
    // The records of a file with one meaning are in the order in which they were written.
    let mut groups: Vec<((u32, SeriesMeaning), Vec<usize>)> = Vec::new();
    for &index in of_run {
        let of = (batches[index].source, batches[index].meaning);
        match groups.iter_mut().find(|(known, _)| *known == of) {
            Some((_, group)) => group.push(index),
            None => groups.push((of, vec![index])),
        }
    }
    for ((_, meaning), group) in &groups {
        let starts: Vec<Option<OrderKey>> = (0..ledger.sessions.len()).map(|k| start_of(ledger, k, *meaning)).collect();
        let records = GroupRecords::of(batches, group);
        let begins = records.begins(ledger, &starts);
        let mut first = 0;
        for &index in group {
            add_spans(&mut layouts, &attempts, index, first, batches[index].len(), &begins);
            first += batches[index].len();
        }
    }
    for layout in &mut layouts {
        layout.spans.sort_by_key(|span| (span.batch, span.range.start));
    }
    let mut meanings: Vec<SeriesMeaning> = Vec::new();
    for ((_, meaning), _) in &groups {
        if !meanings.contains(meaning) {
            meanings.push(*meaning);
        }
    }
    for ((number, session), of_records) in ledger.sessions.iter().enumerate().zip(0..).skip(1) {
        if done_before(session).is_none() || attempts[number] != attempts[number - 1] {
            continue;
        }
        let keys = meanings.iter().filter_map(|&meaning| Some((meaning, start_of(ledger, number, meaning)?)));
        layouts[attempts[number]].starts.insert(of_records, SessionStart::Ledger(keys.collect()));
    }
    Some(layouts)
}

/// The attempt of each session: a session that began when nothing was done begins another one.
fn attempts(ledger: &Ledger) -> Vec<usize> {
    let mut attempt = 0;
    let sessions = ledger.sessions.iter().enumerate();
    let of_session = sessions.map(|(number, session)| {
        let anew = done_before(session).is_some_and(|done| (done.batch, done.epochs) == (0, 0));
        attempt += usize::from(number > 0 && anew);
        attempt
    });
    of_session.collect()
}

/// The key of the first record of a session that was not done before it, if the ledger says it.
fn start_of(ledger: &Ledger, number: usize, meaning: SeriesMeaning) -> Option<OrderKey> {
    let session = ledger.sessions.get(number).filter(|_| number > 0)?;
    start_key(session, done_before(session)?, meaning, ledger.logged_step(number + 1).step)
}

/// Adds the spans of one batch, whose first record is number `first` of its group.
fn add_spans(
    layouts: &mut [SessionLayout],
    attempts: &[usize],
    batch: usize,
    first: usize,
    length: usize,
    begins: &[usize],
) {
    let mut add = |range, session| {
        let layout = &mut layouts[attempts.get(session).copied().unwrap_or(0)];
        // Each session took memory when its line was read, so there are never 2^32.
        let session = u32::try_from(session).unwrap_or(u32::MAX);
        layout.spans.push(SessionSpan { batch, range, session });
    };
    if length == 0 {
        return add(0..0, 0);
    }
    let mut at = first;
    while at < first + length {
        let session = begins.partition_point(|begin| *begin <= at).saturating_sub(1);
        let next = begins.get(session + 1).copied().unwrap_or(usize::MAX).min(first + length);
        add(at - first..next - first, session);
        at = next;
    }
}

/// The records of a file with one meaning, in order.
struct GroupRecords {
    times: Vec<f64>,
    keys: Vec<Option<OrderKey>>,
    tags: Vec<u32>,
}

impl GroupRecords {
    fn of(batches: &[ColumnBatch], group: &[usize]) -> Self {
        let mut records = Self { times: Vec::new(), keys: Vec::new(), tags: Vec::new() };
        for batch in group.iter().map(|&index| &batches[index]) {
            let keys = batch.order_keys();
            records.times.extend(batch.wall_time.as_deref().unwrap_or_default());
            records.keys.extend((0..batch.len()).map(|at| keys.at(at)));
            records.tags.extend(&batch.tag);
        }
        records
    }

    /// The first record of each session: the sessions of a ledger follow each other in a file, whatever the clocks of their
    /// machines say.
    fn begins(&self, ledger: &Ledger, starts: &[Option<OrderKey>]) -> Vec<usize> {
        let sessions = &ledger.sessions;
        let mut begins = vec![0; sessions.len()];
        let mut end = self.times.len();
        let unsteady = self.clock_went_back(sessions);
        for number in (1..sessions.len()).rev() {
            let time = sessions[number].time;
            // Where a clock went back, times prove nothing if the steps are known.
            let by_steps = unsteady && starts[number].is_some() && self.keys[..end].iter().all(Option::is_some);
            // A record before the session's start, by its time or its step, is an earlier session's.
            let may = |at: usize| {
                let late = by_steps || self.times[at].is_nan() || self.times[at] >= time;
                late && self.keys[at].zip(starts[number]).is_none_or(|(key, start)| key >= start)
            };
            let mut begin = end;
            while begin > 0 && may(begin - 1) {
                begin -= 1;
            }
            let set_back = sessions[..number].iter().any(|before| before.time.max(before.last_time) >= time);
            begins[number] = match self.last_return(begin, end, by_steps) {
                Some(back) => back,
                // Only where the clock was set back does a time that goes back show where the session begins.
                None if set_back && !by_steps => {
                    (begin + 1..end).rev().find(|&at| self.times[at] < self.times[at - 1]).unwrap_or(begin)
                }
                None => begin,
            };
            end = begins[number];
        }
        begins
    }

    /// Whether the wall clock of a machine went back while a session wrote.
    fn clock_went_back(&self, sessions: &[Session]) -> bool {
        self.times.windows(2).any(|pair| pair[1] < pair[0])
            || sessions.iter().any(|session| session.last_time < session.time)
    }

    /// Where, in a range of records, the last record of a series is that has a smaller step than one before it: there another
    /// session repeats what was done. `equal`: so does one that has the same step again, at another time.
    fn last_return(&self, begin: usize, end: usize, equal: bool) -> Option<usize> {
        let mut smallest: HashMap<u32, (OrderKey, f64)> = HashMap::new();
        let before = (begin..end).rev().find(|&at| {
            let Some(key) = self.keys[at] else { return false };
            let (least, time) = smallest.entry(self.tags[at]).or_insert((key, self.times[at]));
            let back = key > *least || (equal && key == *least && self.times[at].to_bits() != time.to_bits());
            (*least, *time) = (key.min(*least), self.times[at]);
            back
        })?;
        // The records of one row belong together.
        let mut at = before + 1;
        while at < end && self.keys[at] == self.keys[before] && self.times[at].to_bits() == self.times[before].to_bits()
        {
            at += 1;
        }
        Some(at)
    }
}

/// What was done when a session began; `None` if the line that says it is lost.
fn done_before(session: &Session) -> Option<Counts> {
    match &session.supersedes {
        Some(supersedes) => Some(supersedes.from),
        None if session.damaged && session.start == Counts::default() => None,
        None => Some(session.start),
    }
}

/// The key of the first record that was not done before the session, for records with this meaning.
fn start_key(session: &Session, done: Counts, meaning: SeriesMeaning, logged: StepMeaning) -> Option<OrderKey> {
    let signed = |count: u64, base: u8| Some(i64::try_from(count).ok()?.saturating_add(i64::from(base)));
    let step = meaning.step.unwrap_or(logged);
    let epoch_base = meaning.epoch.and_then(EpochMeaning::base).unwrap_or(0);
    if meaning.step.is_none() && meaning.epoch.is_some() {
        // Epochs without steps: an epoch that had begun and not ended is done again.
        return Some(OrderKey { epoch: signed(done.epochs, epoch_base)?, step: 0 });
    }
    if step.scope == StepScope::Epoch {
        let first = session.timeline.index(Unit::Batch, Location { epoch: done.epochs, iter: 0 }).unwrap_or(done.batch);
        let iter = done.batch.saturating_sub(first);
        return Some(OrderKey { epoch: signed(done.epochs, epoch_base)?, step: signed(iter, step.base)? });
    }
    let count = match step.unit {
        Unit::Batch => done.batch,
        Unit::Step => done.step,
        Unit::Epoch => done.epochs,
        Unit::Sample => done.sample?,
        Unit::Token => match session.timeline.convert(Quantity::whole(done.batch, Unit::Batch), Unit::Token) {
            Ok(Answer::Exact(tokens)) => tokens.value.num(),
            _ => return None,
        },
        Unit::Duration => return None,
    };
    Some(OrderKey { epoch: 0, step: signed(count, step.base)? })
}
