//! The canonical form of a list of segments: two timelines with equal canonical forms are equal.
//!
//! Neighbours that can be one segment are one segment, and so are the parts of an epoch. What is decided for an open window
//! is decided by the segment with the next batch, not by epochs without batches before it.

use crate::error::{Error, MAX_COUNT};
use crate::segment::{Entry, Segment};
use crate::unit::{Boundary, OnCut};

/// Merges segments into the canonical form.
pub(crate) fn canonical(segments: impl IntoIterator<Item = Segment>) -> Result<Vec<Segment>, Error> {
    let mut merged = Vec::new();
    for segment in segments {
        append(&mut merged, segment)?;
    }
    Ok(merged)
}

/// Adds a segment to a canonical list, which stays canonical.
pub(crate) fn append(merged: &mut Vec<Segment>, mut segment: Segment) -> Result<(), Error> {
    segment.validate()?;
    if merged.last().is_some_and(|last| last.epochs.is_none() || last.batches.is_none()) {
        return Err(Error::invalid("only the last segment may be open-ended or of unknown length"));
    }
    if segment.epochs == Some(0) {
        return Ok(());
    }
    if merged.last().is_some_and(|last| {
        last.stream.is_some() != segment.stream.is_some() || (last.stream.is_some() && !segment.joins)
    }) {
        return Err(Error::invalid("a stream has no epochs before or after it"));
    }
    if merged.last().is_some_and(|last| last.stream.is_some() && last.samples != segment.samples) {
        return Err(Error::invalid("the samples of one pass are the same in the whole stream"));
    }
    if merged.last().is_some_and(|last| last.tokens_per_sample != segment.tokens_per_sample) {
        return Err(Error::invalid("tokens_per_sample is the same in the whole run"));
    }
    if segment.batch_size.is_none() || segment.is_empty() {
        segment.last_batch_size = None;
    } else if segment.batches.is_some() && segment.last_batch_size.is_none() {
        segment.last_batch_size = segment.batch_size;
    }
    if segment.joins {
        join(merged, segment)?;
    } else {
        pass_decisions_on(merged, &mut segment);
        merged.push(segment);
    }
    merge_last_two(merged);
    Ok(())
}

/// Adds a part of an epoch to the part that it continues.
fn join(merged: &mut Vec<Segment>, part: Segment) -> Result<(), Error> {
    let Some(before) = merged.last() else {
        return Err(Error::invalid("the first segment cannot go on inside an epoch before it"));
    };
    if before.cut {
        return Err(Error::invalid("an epoch that was cut cannot go on in a further segment"));
    }
    if part.is_empty() {
        join_nothing(merged, part);
        return Ok(());
    }
    separate_last_epoch(merged);
    let Some(before) = merged.last_mut() else { return Ok(()) };
    if before.is_empty() {
        let entry = combined_decision(before, &part).ok_or_else(|| {
            Error::invalid(
                "a window that begins empty, because the one before it was ended, cannot have pending batches",
            )
        })?;
        *before = Segment { joins: before.joins, entry, ..part };
        return Ok(());
    }
    match (before.batches, part.batches) {
        (Some(done), Some(more)) if continues_alike(before, &part) => {
            let sum = done.checked_add(more).filter(|sum| *sum <= MAX_COUNT);
            before.batches = Some(sum.ok_or_else(|| Error::overflow("the batches of one epoch"))?);
            (before.last_batch_size, before.cut) = (part.last_batch_size, part.cut);
        }
        // The part of an endless stream that is done, and the rest.
        (Some(_), None) if part.stream.is_some() && continues_alike(before, &part) => {
            (before.batches, before.last_batch_size) = (None, None);
        }
        _ => merged.push(part),
    }
    Ok(())
}

/// Whether a part and the one that it continues are one part.
fn continues_alike(before: &Segment, part: &Segment) -> bool {
    let kind =
        |segment: &Segment| Segment { batches: None, last_batch_size: None, joins: false, ..segment.without_ends() };
    let full = before.last_batch_size == before.batch_size;
    // Where only the samples of whole parts are known, the sum of two would not say where the first one ended.
    let sizes_known = part.batch_size.is_some() || part.samples.is_none();
    kind(before) == kind(part) && full && sizes_known && part.entry == Entry::Continue
}

/// Adds a part without batches, which can only say how its epoch ended and what happens to the open window.
fn join_nothing(merged: &mut Vec<Segment>, part: Segment) {
    match part.entry {
        Entry::Flush => end_window(merged, Boundary::Flush),
        Entry::Drop => end_window(merged, Boundary::Drop),
        // It says how full the next window begins, until a segment follows that can say so. Where the end of the epoch
        // closes the window, that does not matter any more.
        Entry::Phase(_) if keeps_window(&part) => merged.push(part),
        Entry::Continue | Entry::Phase(_) => {
            if let Some(last) = merged.last_mut() {
                last.cut = part.cut;
            }
        }
    }
}

/// Whether the window stays open as it is where the epoch of a part ends.
fn keeps_window(part: &Segment) -> bool {
    if part.cut { part.on_cut == OnCut::Carry } else { part.boundary == Boundary::Carry }
}

/// Makes the last epoch a segment of its own, so that it can be continued.
fn separate_last_epoch(merged: &mut Vec<Segment>) {
    let Some(mut last) = merged.pop() else { return };
    if let Some(epochs @ 2..) = last.epochs {
        let mut earlier = last;
        (earlier.epochs, last.epochs) = (Some(epochs - 1), Some(1));
        // A decision belongs to the first batch after it; epochs without batches have none.
        let without = if last.is_empty() { &mut earlier } else { &mut last };
        without.entry = Entry::Continue;
        merged.push(earlier);
        merge_last_two(merged);
    }
    merged.push(last);
}

/// Moves what is decided where epochs without batches begin to where the next epoch begins.
fn pass_decisions_on(merged: &mut Vec<Segment>, segment: &mut Segment) {
    let mut moved = true;
    while moved {
        moved = false;
        let mut next = &mut *segment;
        for empty in merged.iter_mut().rev().take_while(|last| last.is_empty()) {
            if empty.entry != Entry::Continue
                && let Some(entry) = combined_decision(empty, next)
            {
                (empty.entry, next.entry, moved) = (Entry::Continue, entry, true);
            } else if !moved {
                break;
            }
            next = empty;
        }
    }
    if let Some(empty) = merged.pop_if(|last| last.joins && last.is_empty() && last.entry == Entry::Continue)
        && let Some(last) = merged.last_mut()
    {
        last.cut = empty.cut;
    }
    merge_last_two(merged);
}

/// One decision for two segments that begin at the same batch, as the first has no batches. `None`: it takes both.
pub(crate) fn combined_decision(empty: &Segment, next: &Segment) -> Option<Entry> {
    match (empty.entry, next.entry) {
        (Entry::Flush | Entry::Drop, Entry::Phase(1..)) => None,
        (ended @ (Entry::Flush | Entry::Drop), _) => Some(ended),
        // The batches counted towards a window of another length.
        (Entry::Phase(_), Entry::Continue) if empty.accumulate != next.accumulate => Some(Entry::Continue),
        (decision, Entry::Continue) | (_, decision) => Some(decision),
    }
}

/// Makes the last epoch that has batches end its open window by `boundary`.
pub(crate) fn end_window(segments: &mut Vec<Segment>, boundary: Boundary) {
    let Some(at) = segments.iter().rposition(|segment| !segment.is_empty()) else { return };
    let last = segments[at];
    if let Some(epochs @ 2..) = last.epochs {
        segments[at] = Segment { epochs: Some(epochs - 1), cut: false, ..last };
        let own = Segment { epochs: Some(1), boundary, cut: false, entry: Entry::Continue, ..last };
        segments.insert(at + 1, own);
    } else {
        segments[at] = Segment { boundary, cut: false, ..last };
    }
}

/// Merges the last two segments if they are alike.
fn merge_last_two(merged: &mut Vec<Segment>) {
    let [.., before, last] = merged.as_slice() else { return };
    // At epochs without batches, a decision of the later ones is one of the earlier ones as well.
    let one_decision = last.entry == Entry::Continue || (last.is_empty() && before.entry == Entry::Continue);
    let apart = before.cut || before.joins || last.joins || !one_decision;
    if apart || before.without_ends() != last.without_ends() {
        return;
    }
    let entry = if before.entry == Entry::Continue { last.entry } else { before.entry };
    let epochs = match (before.epochs, last.epochs) {
        (Some(first), Some(second)) => match first.checked_add(second) {
            Some(sum) if sum <= MAX_COUNT => Some(sum),
            _ => return, // too many for one segment; the timeline's totals are refused later
        },
        _ => None,
    };
    let whole = Segment { epochs, cut: last.cut, entry, ..*before };
    merged.truncate(merged.len() - 2);
    merged.push(whole);
}
