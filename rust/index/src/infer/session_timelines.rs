//! Sessions of a run with epochs of different lengths, because the batch size changed on a resume.
//!
//! Epochs that are integers go on counting. A session that resumes at the boundary of an epoch gives one timeline with two
//! lengths, if the boundary is known: it is after the records that remain of the earlier sessions, and not after the
//! session's first record.
//!
//! Epochs with a fraction are mostly computed again from the step and the new length (Hugging Face), so they jump. Then each
//! session has a timeline of its own, as if its length had been that from the start.

use stepbridge_timeline::{Segment, Timeline, Unit};

use super::failure::InferenceFailure;
use super::fit::{Fit, agree, solve_plain, unseen};
use super::hypothesis::{EpochForm, Hypothesis};
use super::inferred::InferenceOutcome;
use super::integer_epochs;
use super::pairs::{Pair, Pairs};
use super::segment::segment;

/// Finds the timelines of the sessions.
pub(super) fn solve(pairs: &Pairs, meaning: Hypothesis) -> Result<InferenceOutcome, InferenceFailure> {
    let mut sessions: Vec<u32> = pairs.list.iter().map(|pair| pair.session).collect();
    sessions.sort_unstable();
    sessions.dedup();
    if sessions.len() < 2 {
        return Err(InferenceFailure::NoPairs);
    }
    match meaning.form() {
        EpochForm::Index => counted_on(pairs, meaning, &sessions),
        EpochForm::Elapsed => each_alone(pairs, meaning, &sessions),
    }
}

/// Each session on a timeline of its own.
fn each_alone(pairs: &Pairs, meaning: Hypothesis, sessions: &[u32]) -> Result<InferenceOutcome, InferenceFailure> {
    let mut timelines: Vec<(u32, Timeline)> = Vec::new();
    let mut stated = Vec::new();
    let mut checked = 0;
    for &session in sessions {
        let (plain, shown) = pairs.only(|pair| pair.session == session).under(meaning)?;
        let Fit { timeline, evidence, checked: count, .. } = solve_plain(&plain, &shown, EpochForm::Elapsed)?;
        checked += count;
        stated.push(format!("session {session}: {evidence}"));
        timelines.push((session, timeline));
    }
    Ok(InferenceOutcome::Sessions { timelines, evidence: stated.join("; "), checked })
}

/// One timeline: each session resumes at a boundary of the earlier epochs.
fn counted_on(pairs: &Pairs, meaning: Hypothesis, sessions: &[u32]) -> Result<InferenceOutcome, InferenceFailure> {
    let (plain, shown) = pairs.under(meaning)?;
    let first = plain.only(|pair| pair.session == sessions[0]);
    let integer_epochs::EpochLengths::Uniform(mut length) = integer_epochs::solve(&first)? else {
        return Err(InferenceFailure::Resumed { session: sessions[0] });
    };
    let mut segments: Vec<Segment> = Vec::new();
    // The epochs and the steps before this session.
    let (mut epochs, mut start) = (0, 0);
    let mut stated = format!("{length} steps an epoch in session {}", sessions[0]);
    for &session in &sessions[1..] {
        let why = InferenceFailure::Resumed { session };
        let own = plain.only(|pair| pair.session == session);
        let kept =
            plain.list.iter().filter(|pair| pair.session < session && !pair.superseded).map(|pair| pair.step).max();
        let begins = own.list.iter().map(|pair| pair.step).min().ok_or_else(|| why.clone())?;
        let after = kept.map_or(start, |kept| (kept + 1).max(start));
        // The boundaries of earlier epochs between the last record that remains of them and the first record of this session.
        let low = (after - start).div_ceil(length);
        let high = begins.checked_sub(start).ok_or_else(|| why.clone())? / length;
        if low != high {
            return Err(why);
        }
        let (count, steps) = (low, low * length);
        let shift = |pair: &Pair| {
            let epoch = pair.stated.count()?.checked_sub(epochs + count)?;
            let stated = stepbridge_records::Decimal::integer(i64::try_from(epoch).ok()?);
            Some(Pair { step: pair.step.checked_sub(start + steps)?, stated, ..*pair })
        };
        if own.list.iter().any(|pair| shift(pair).is_none()) {
            return Err(why);
        }
        let shifted = own.map(|pair| shift(pair).unwrap_or(*pair));
        let integer_epochs::EpochLengths::Uniform(next) = integer_epochs::solve(&shifted)? else { return Err(why) };
        if count > 0 {
            segments.push(segment(Some(count), length));
        }
        (epochs, start, length) = (epochs + count, start + steps, next);
        stated = format!("{stated}, {next} from epoch {epochs} (step {start}) on, where session {session} began");
    }
    segments.push(segment(None, length));
    let timeline = Timeline::from_segments(segments).map_err(|_| InferenceFailure::TooLarge)?;
    debug_assert!(timeline.locate(Unit::Step, 0).is_ok());
    let kept = plain.only(|pair| !pair.superseded);
    agree(&timeline, EpochForm::Index, &kept)?;
    let all = shown.only(|pair| !pair.superseded).describe_all();
    let evidence = format!("{stated}: the only lengths that fit {all}; {}", unseen(&shown));
    Ok(InferenceOutcome::Known { timeline, evidence, checked: kept.list.len() })
}
