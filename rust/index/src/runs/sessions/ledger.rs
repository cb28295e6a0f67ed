//! Sessions by the ledger of a run: a record belongs to the session that was in force when it was written.

use stepbridge_ledger::{Counts, Ledger, Session};
use stepbridge_records::{ColumnBatch, EpochMeaning, OrderKey, SeriesMeaning, StepMeaning, StepScope};
use stepbridge_timeline::{Location, Unit};

use super::layout::{SessionLayout, SessionSpan, SessionStart};

/// Finds the sessions of one run's files of one format, attempt by attempt. `None` if the records have no times.
pub(super) fn find(batches: &[ColumnBatch], of_run: &[usize], ledger: &Ledger) -> Option<Vec<SessionLayout>> {
    if of_run.iter().any(|&index| batches[index].wall_time.is_none()) {
        return None;
    }
    let mut begins: Vec<f64> = Vec::with_capacity(ledger.sessions.len());
    for session in &ledger.sessions {
        let from = begins.last().map_or(f64::NEG_INFINITY, |before| session.time.max(*before));
        begins.push(from);
    }
    let last = begins.len() - 1;
    let session_at = |time: f64| {
        if time.is_nan() { last } else { begins.partition_point(|begin| *begin <= time).saturating_sub(1) }
    };
    let attempts = attempts(ledger);
    let mut layouts: Vec<SessionLayout> = Vec::new();
    layouts.resize_with(attempts.last().map_or(1, |last| last + 1), SessionLayout::default);
    let layout_of = |session: usize| attempts.get(session).copied().unwrap_or(0);
    let mut meanings: Vec<SeriesMeaning> = Vec::new();
    for &index in of_run {
        let batch = &batches[index];
        if !meanings.contains(&batch.meaning) {
            meanings.push(batch.meaning);
        }
        let mut begin = 0;
        let times = batch.wall_time.as_deref().unwrap_or_default();
        for at in 1..=times.len() {
            let session = session_at(times[at - 1]);
            if at == times.len() || session_at(times[at]) != session {
                let layout = &mut layouts[layout_of(session)];
                let session = u32::try_from(session).unwrap_or(u32::MAX);
                layout.spans.push(SessionSpan { batch: index, range: begin..at, session });
                begin = at;
            }
        }
        if times.is_empty() {
            layouts[0].spans.push(SessionSpan { batch: index, range: 0..0, session: 0 });
        }
    }
    for (number, session) in ledger.sessions.iter().enumerate().skip(1) {
        let Some(done) = done_before(session).filter(|_| attempts[number] == attempts[number - 1]) else { continue };
        let logged = ledger.logged_step(number + 1).step;
        let keys = meanings.iter().filter_map(|&meaning| Some((meaning, start_key(session, done, meaning, logged)?)));
        layouts[attempts[number]]
            .starts
            .insert(u32::try_from(number).unwrap_or(u32::MAX), SessionStart::Ledger(keys.collect()));
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
        _ => return None,
    };
    Some(OrderKey { epoch: 0, step: signed(count, step.base)? })
}
