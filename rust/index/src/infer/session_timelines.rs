//! Sessions of one run with epochs of other lengths: a batch size that changed on a resume.
//!
//! Whole epochs are counted on. A session that goes on at an epoch's boundary gives one timeline of two lengths, where the
//! boundary can be told: after what was kept of the sessions before, and not after its own first record.
//!
//! Epochs with a fraction are mostly computed anew from the step and the new length (Hugging Face), so that they jump. Then
//! each session is on a timeline of its own, as if its length had been that from the start.

use stepbridge_timeline::{Segment, Timeline, Unit};

use super::failure::InferenceFailure;
use super::fit::{agree, solve_plain, unseen};
use super::hypothesis::{EpochForm, Hypothesis};
use super::inferred::InferenceOutcome;
use super::integer_epochs;
use super::pairs::{Pair, Pairs};
use super::segments::segment;

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
    let mut said = Vec::new();
    let mut checked = 0;
    for &session in sessions {
        let (plain, shown) = pairs.only(|pair| pair.session == session).under(meaning)?;
        let (timeline, evidence, count) = solve_plain(&plain, &shown, EpochForm::Elapsed)?;
        checked += count;
        said.push(format!("session {session}: {evidence}"));
        timelines.push((session, timeline));
    }
    Ok(InferenceOutcome::Sessions { timelines, evidence: said.join("; "), checked })
}

/// One timeline: each session goes on at a boundary of the epochs before it.
fn counted_on(pairs: &Pairs, meaning: Hypothesis, sessions: &[u32]) -> Result<InferenceOutcome, InferenceFailure> {
    let (plain, shown) = pairs.under(meaning)?;
    let first = plain.only(|pair| pair.session == sessions[0]);
    let integer_epochs::EpochLengths::Uniform(mut length) = integer_epochs::solve(&first)? else {
        return Err(InferenceFailure::Resumed { session: sessions[0] });
    };
    let mut segments: Vec<Segment> = Vec::new();
    // Epochs, and steps, that stand before the session at hand.
    let (mut epochs, mut start) = (0, 0);
    let mut said = format!("{length} steps an epoch in session {}", sessions[0]);
    for &session in &sessions[1..] {
        let why = InferenceFailure::Resumed { session };
        let own = plain.only(|pair| pair.session == session);
        let kept =
            plain.list.iter().filter(|pair| pair.session < session && !pair.superseded).map(|pair| pair.step).max();
        let begins = own.list.iter().map(|pair| pair.step).min().ok_or_else(|| why.clone())?;
        let after = kept.map_or(start, |kept| (kept + 1).max(start));
        // Boundaries of the epochs before, from what was kept up to the session's first record.
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
        said = format!("{said}, {next} from epoch {epochs} (step {start}) on, where session {session} began");
    }
    segments.push(segment(None, length));
    let timeline = Timeline::from_segments(segments).map_err(|_| InferenceFailure::TooLarge)?;
    debug_assert!(timeline.locate(Unit::Step, 0).is_ok());
    let kept = plain.only(|pair| !pair.superseded);
    agree(&timeline, EpochForm::Index, &kept)?;
    let all = shown.only(|pair| !pair.superseded).describe_all();
    let evidence = format!("{said}: the only lengths that fit {all}; {}", unseen(&shown));
    Ok(InferenceOutcome::Known { timeline, evidence, checked: kept.list.len() })
}
