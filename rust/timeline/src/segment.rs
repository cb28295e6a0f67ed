//! The public building block: a run of identical epochs; and the one merged form in which two timelines are compared.

use serde::{Deserialize, Serialize};

use crate::error::{Error, MAX_COUNT, count};
use crate::unit::Boundary;

/// What became of the window that was open where a segment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Entry {
    /// The pending batches count on; a smaller `accumulate` closes the window at the next batch once enough are pending.
    #[default]
    Continue,
    /// A short update closed it there and then.
    Flush,
    /// It was thrown away.
    Drop,
    /// The pending gradients stay, but the window closes as if this many batches were pending (Keras: its counter modulo
    /// the new `accumulate`).
    Phase(u64),
}

impl Entry {
    fn is_continue(&self) -> bool {
        *self == Self::Continue
    }
}

/// A run of identical epochs, or a part of one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// How many epochs; `None`: open-ended, legal in the last segment only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u64>,
    /// Batches an epoch (of this part of one, where a batch size changed inside it); `None`: not known, legal in the last
    /// segment only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batches: Option<u64>,
    /// Samples a batch, over all ranks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<u64>,
    /// Samples in the last batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_batch_size: Option<u64>,
    /// The data set's samples. Without a `batch_size`: what each epoch consumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<u64>,
    /// Whether a partial last batch is left out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub drop_last: bool,
    /// Batches a step.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub accumulate: u64,
    /// What becomes of an open window at the end of an epoch.
    #[serde(default)]
    pub boundary: Boundary,
    /// Whether it goes on inside the epoch of the segment before it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub joins: bool,
    /// Whether its last epoch was cut short: nothing was flushed or dropped there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cut: bool,
    /// What became of the window that was open where it begins.
    #[serde(default, skip_serializing_if = "Entry::is_continue")]
    pub entry: Entry,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_one(value: &u64) -> bool {
    *value == 1
}

fn one() -> u64 {
    1
}

impl Segment {
    /// Samples that one epoch (or part) consumes, where known.
    #[must_use]
    pub fn consumed(&self) -> Option<u64> {
        let batches = self.batches?;
        match (self.batch_size, self.last_batch_size) {
            (Some(size), Some(last)) if batches > 0 => (batches - 1).checked_mul(size)?.checked_add(last),
            _ if batches == 0 => Some(0),
            (None, _) => self.samples,
            _ => None,
        }
    }

    /// The same segment without what a merge may differ in.
    fn plan(&self) -> Self {
        Self { epochs: None, cut: false, entry: Entry::Continue, ..*self }
    }

    /// Checks what a hand-written or stored segment may get wrong.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let wrong = |text: String| Err(Error::invalid(text));
        let counts = [
            ("epochs", self.epochs),
            ("batches", self.batches),
            ("batch_size", self.batch_size),
            ("last_batch_size", self.last_batch_size),
            ("samples", self.samples),
            ("accumulate", Some(self.accumulate)),
        ];
        for (name, value) in counts {
            if value.is_some_and(|value| value > MAX_COUNT) {
                return Err(Error::overflow(name));
            }
        }
        if self.accumulate == 0 {
            return wrong("accumulate must be at least 1".into());
        }
        if self.batch_size == Some(0) {
            return wrong("batch_size must be at least 1".into());
        }
        if let (Some(size), Some(last)) = (self.batch_size, self.last_batch_size)
            && (last == 0 || last > size)
        {
            return wrong(format!("last_batch_size must be between 1 and batch_size ({size}), not {last}"));
        }
        if let (Some(batches @ 1..), Some(size)) = (self.batches, self.batch_size) {
            let full = u128::from(batches - 1) * u128::from(size);
            let last = u128::from(self.last_batch_size.unwrap_or(size));
            count(full + last, || format!("the number of samples in an epoch of {batches} batches of {size}"))?;
        }
        if self.batch_size.is_none() && self.last_batch_size.is_some() {
            return wrong("last_batch_size needs batch_size".into());
        }
        if self.batch_size.is_none()
            && let (Some(batches), Some(samples)) = (self.batches, self.samples)
            && (samples < batches || (batches == 0 && samples > 0))
        {
            return wrong(format!("{batches} batches cannot hold {samples} samples: each batch holds at least one"));
        }
        if self.joins && self.batches.is_some() && self.epochs != Some(1) {
            return wrong("a segment that goes on inside an epoch holds exactly 1 epoch".into());
        }
        if self.cut && self.epochs.is_none() {
            return wrong("an open-ended segment has no last epoch that could be cut".into());
        }
        if let Entry::Phase(phase) = self.entry
            && phase >= self.accumulate
        {
            return wrong(format!("a window of {} batches cannot begin with {phase} pending", self.accumulate));
        }
        Ok(())
    }
}

/// The canonical form: parts that are one are one part, equal neighbours are one segment, nothing empty stands.
pub(crate) fn canonical(segments: impl IntoIterator<Item = Segment>) -> Result<Vec<Segment>, Error> {
    let mut merged = Vec::new();
    for segment in segments {
        append(&mut merged, segment)?;
    }
    Ok(merged)
}

/// Puts a segment behind those in canonical form, which stay so.
pub(crate) fn append(merged: &mut Vec<Segment>, mut segment: Segment) -> Result<(), Error> {
    segment.validate()?;
    if merged.last().is_some_and(|last| last.epochs.is_none() || last.batches.is_none()) {
        return Err(Error::invalid("only the last segment may be open-ended or of unknown length"));
    }
    if segment.epochs == Some(0) {
        return Ok(());
    }
    if segment.batch_size.is_none() || segment.batches == Some(0) {
        segment.last_batch_size = None;
    } else if segment.batches.is_some() && segment.last_batch_size.is_none() {
        segment.last_batch_size = segment.batch_size;
    }
    if segment.joins {
        join(merged, segment)?;
    } else {
        pass_on(merged, &mut segment);
        merged.push(segment);
    }
    settle(merged);
    Ok(())
}

/// Puts a part behind the one it continues.
fn join(merged: &mut Vec<Segment>, part: Segment) -> Result<(), Error> {
    let Some(before) = merged.last_mut() else {
        return Err(Error::invalid("the first segment cannot go on inside an epoch before it"));
    };
    if before.cut {
        return Err(Error::invalid("an epoch that was cut cannot go on in a further segment"));
    }
    if part.batches == Some(0) {
        match part.entry {
            // Where the epoch's end closes the window, how many batches count towards it does not matter any more.
            Entry::Phase(_) if part.boundary != Boundary::Carry && !part.cut => before.cut = false,
            Entry::Continue => before.cut = part.cut,
            Entry::Flush => end_window(merged, Boundary::Flush),
            Entry::Drop => end_window(merged, Boundary::Drop),
            // It says where the next window begins, until a segment comes next that can say so.
            Entry::Phase(_) => merged.push(part),
        }
        return Ok(());
    }
    if let Some(epochs @ 2..) = before.epochs {
        // The epoch that goes on stands by itself, so that one history has one form.
        let (mut whole, mut last) = (*before, *before);
        (whole.epochs, last.epochs) = (Some(epochs - 1), Some(1));
        if before.batches == Some(0) {
            whole.entry = Entry::Continue;
        } else {
            last.entry = Entry::Continue;
        }
        merged.pop();
        merged.push(whole);
        settle(merged);
        merged.push(last);
    }
    let Some(before) = merged.last_mut() else { return Ok(()) };
    if before.batches == Some(0) {
        let entry = decided_twice(before, &part).ok_or_else(|| {
            Error::invalid(
                "batches cannot count towards a window that begins empty, since the one before it ended there",
            )
        })?;
        *before = Segment { joins: before.joins, entry, ..part };
        return Ok(());
    }
    let one_kind = Segment { batches: None, last_batch_size: None, joins: false, ..before.plan() }
        == Segment { batches: None, last_batch_size: None, joins: false, ..part.plan() };
    let full = before.last_batch_size == before.batch_size;
    // Parts of which only each one's samples are known stay apart: their sum would lose where the first ended.
    let sizes_agree = part.batch_size.is_some() || part.samples.is_none();
    match (before.batches, part.batches) {
        (Some(done), Some(more)) if one_kind && full && sizes_agree && part.entry == Entry::Continue => {
            let batches = done
                .checked_add(more)
                .filter(|sum| *sum <= MAX_COUNT)
                .ok_or_else(|| Error::overflow("the batches of one epoch"))?;
            *before =
                Segment { batches: Some(batches), last_batch_size: part.last_batch_size, cut: part.cut, ..*before };
        }
        _ => merged.push(part),
    }
    Ok(())
}

/// What was decided where epochs without batches begin is decided where the next one begins.
fn pass_on(merged: &mut Vec<Segment>, segment: &mut Segment) {
    let mut moved = true;
    while moved {
        moved = false;
        let mut next = &mut *segment;
        for empty in merged.iter_mut().rev().take_while(|last| last.batches == Some(0)) {
            if empty.entry != Entry::Continue
                && let Some(entry) = decided_twice(empty, next)
            {
                (empty.entry, next.entry, moved) = (Entry::Continue, entry, true);
            } else if !moved {
                break;
            }
            next = empty;
        }
    }
    if let Some(empty) = merged.pop_if(|last| last.joins && last.batches == Some(0) && last.entry == Entry::Continue)
        && let Some(last) = merged.last_mut()
    {
        last.cut = empty.cut;
    }
    settle(merged);
}

/// What becomes of the window that is open at a point for which two segments decide, since the first has no batches.
/// `None`: they decide one thing each.
fn decided_twice(empty: &Segment, next: &Segment) -> Option<Entry> {
    match (empty.entry, next.entry) {
        (Entry::Flush | Entry::Drop, Entry::Phase(1..)) => None,
        (ended @ (Entry::Flush | Entry::Drop), _) => Some(ended),
        // They counted towards a window of another length.
        (Entry::Phase(_), Entry::Continue) if empty.accumulate != next.accumulate => Some(Entry::Continue),
        (decided, Entry::Continue) | (_, decided) => Some(decided),
    }
}

/// Has the last epoch that has batches end its open window by `boundary`; one without batches ends no window.
pub(crate) fn end_window(segments: &mut Vec<Segment>, boundary: Boundary) {
    let Some(at) = segments.iter().rposition(|segment| segment.batches != Some(0)) else { return };
    let last = segments[at];
    if let Some(epochs @ 2..) = last.epochs {
        segments[at] = Segment { epochs: Some(epochs - 1), cut: false, ..last };
        let own = Segment { epochs: Some(1), boundary, cut: false, entry: Entry::Continue, ..last };
        segments.insert(at + 1, own);
    } else {
        segments[at] = Segment { boundary, cut: false, ..last };
    }
}

/// Merges the last segment, now complete, with an equal one before it.
fn settle(merged: &mut Vec<Segment>) {
    let [.., before, last] = merged.as_slice() else { return };
    let here = last.entry == Entry::Continue || (last.batches == Some(0) && before.entry == Entry::Continue);
    if before.cut || before.joins || last.joins || !here || before.plan() != last.plan() {
        return;
    }
    let entry = if before.entry == Entry::Continue { last.entry } else { before.entry };
    let epochs = match (before.epochs, last.epochs) {
        (Some(first), Some(second)) => match first.checked_add(second) {
            Some(sum) if sum <= MAX_COUNT => Some(sum),
            _ => return, // too many for one segment; the totals refuse the timeline
        },
        _ => None,
    };
    let whole = Segment { epochs, cut: last.cut, entry, ..*before };
    merged.truncate(merged.len() - 2);
    merged.push(whole);
}
