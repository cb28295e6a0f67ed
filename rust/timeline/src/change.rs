//! A plan that changes on the way: from a point on, other sizes or another accumulation, and not one sample lost.

use crate::error::Error;
use crate::quantity::Quantity;
use crate::segment::{Entry, Segment, end_window};
use crate::timeline::{Shape, Timeline, last_batch, positive};
use crate::unit::Boundary;

/// What becomes of the batches that are pending where the accumulation changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// A short update closes the window there and then.
    Flush,
    /// They are thrown away.
    Drop,
    /// They count on.
    Carry,
    /// The window closes where the run's batch count is a multiple of the new accumulation (Keras).
    Modulo,
    /// The window closes as if so many batches were pending.
    Count(u64),
}

impl Pending {
    /// Reads a rule's name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "flush" => Ok(Self::Flush),
            "drop" => Ok(Self::Drop),
            "carry" => Ok(Self::Carry),
            "modulo" => Ok(Self::Modulo),
            _ => Err(Error::invalid(format!(
                "unknown pending {text:?}: expected \"flush\", \"drop\", \"carry\" or \"modulo\""
            ))),
        }
    }
}

/// What is different from the point on; `batches` and `samples` are new totals of the running epoch and the later ones.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change {
    /// Samples a batch.
    pub batch_size: Option<u64>,
    /// Batches a step.
    pub accumulate: Option<u64>,
    /// Batches an epoch.
    pub batches: Option<u64>,
    /// The data set's samples.
    pub samples: Option<u64>,
    /// What becomes of an open window; needed where a new `accumulate` meets one.
    pub pending: Option<Pending>,
}

impl Change {
    fn resizes(&self) -> bool {
        self.batch_size.is_some() || self.batches.is_some() || self.samples.is_some()
    }
}

/// What the running epoch has done at the point of a change.
#[derive(Debug, Clone, Copy)]
struct Done {
    batches: u64,
    samples: Option<u64>,
}

impl Timeline {
    /// The timeline with a change from `at` on; the part of the running epoch that is left is laid out anew.
    pub fn change(&self, at: Quantity, change: &Change) -> Result<Self, Error> {
        let sizes = [
            ("batch_size", change.batch_size),
            ("accumulate", change.accumulate),
            ("batches_per_epoch", change.batches),
            ("samples", change.samples),
        ];
        for (name, value) in sizes {
            positive(name, value)?;
        }
        let batch = self.exact_batch(at, "at")?;
        let (mut segments, rest) = self.split(batch, None);
        let entry = self.entry(batch, &rest, change)?;
        let mut changed = if change.resizes() { self.resize(batch, &rest, change)? } else { rest.clone() };
        if let Some(accumulate) = change.accumulate {
            for segment in &mut changed {
                // Where a later change of it stood, nothing happens to the window any more.
                (segment.accumulate, segment.entry) = (accumulate, Entry::Continue);
            }
            if let (Some(first), Some(stood)) = (changed.first_mut(), rest.first()) {
                // What was decided for this very point stays decided, but for a phase of another window.
                let other = stood.accumulate != accumulate && matches!(stood.entry, Entry::Phase(_));
                first.entry = if other { Entry::Continue } else { stood.entry };
            }
        }
        // With the new sizes the running epoch may be over.
        let over = changed.first().is_some_and(|first| first.joins && first.batches == Some(0));
        let mut entry = entry;
        if over {
            let none_left = changed.remove(0);
            entry = entry.or(Some(none_left.entry));
            if let Some(last) = segments.last_mut() {
                last.samples = none_left.samples;
            }
        }
        match (changed.first_mut(), entry) {
            (Some(first), Some(entry @ (Entry::Continue | Entry::Phase(_)))) => first.entry = entry,
            (Some(first), Some(entry)) if !over => first.entry = entry,
            // No batch of the epoch comes after the window: how the epoch ended says what became of it.
            (_, Some(Entry::Flush)) => end_window(&mut segments, Boundary::Flush),
            (_, Some(Entry::Drop)) => end_window(&mut segments, Boundary::Drop),
            _ => {}
        }
        if changed == rest && !rest.is_empty() {
            return Ok(self.clone());
        }
        segments.extend(changed);
        Self::from_segments(segments)
    }

    /// The segments before a point, and those after it: the first of them goes on inside an epoch where the point does. Of
    /// epochs without batches at the point so many are before it that `epochs` are complete; `None`: all of them.
    pub(crate) fn split(&self, batch: u64, epochs: Option<u64>) -> (Vec<Segment>, Vec<Segment>) {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        let mut left = batch;
        let mut complete = 0;
        for segment in self.segments() {
            let (Some(batches), true) = (segment.batches, after.is_empty()) else {
                after.push(*segment);
                continue;
            };
            let wanted = epochs.map(|epochs| (epochs + u64::from(segment.joins)).saturating_sub(complete));
            if let (0, 0, Some(all), Some(wanted)) = (left, batches, segment.epochs, wanted)
                && wanted < all
            {
                if wanted > 0 {
                    before.push(Segment { epochs: Some(wanted), cut: false, ..*segment });
                }
                after.push(Segment { epochs: Some(all - wanted), ..*segment });
                continue;
            }
            complete += segment.epochs.filter(|_| !segment.joins).unwrap_or(0);
            let width = segment.epochs.map(|epochs| epochs.saturating_mul(batches));
            if width.is_some_and(|width| width <= left) {
                left -= width.unwrap_or(0);
                before.push(*segment);
                continue;
            }
            let (epochs, iter) = (left / batches, left % batches);
            left = 0;
            let remaining = segment.epochs.map(|all| all - epochs);
            if epochs > 0 {
                before.push(Segment { epochs: Some(epochs), cut: false, ..*segment });
            }
            let rest = Segment {
                epochs: remaining,
                entry: if epochs > 0 { Entry::Continue } else { segment.entry },
                ..*segment
            };
            if iter == 0 {
                after.push(rest);
                continue;
            }
            // Where only the whole epoch's samples are known, its halves' are not.
            let samples = segment.samples.filter(|_| segment.batch_size.is_some());
            let only = remaining == Some(1);
            before.push(Segment {
                epochs: Some(1),
                batches: Some(iter),
                last_batch_size: segment.batch_size,
                samples,
                cut: false,
                ..rest
            });
            after.push(Segment {
                epochs: Some(1),
                batches: Some(batches - iter),
                samples,
                joins: true,
                cut: only && segment.cut,
                entry: Entry::Continue,
                ..*segment
            });
            if !only {
                after.push(Segment { epochs: remaining.map(|all| all - 1), entry: Entry::Continue, ..*segment });
            }
        }
        (before, after)
    }

    /// What becomes of the window that is open at the point; `None`: what already stands there.
    pub(crate) fn entry(&self, batch: u64, rest: &[Segment], change: &Change) -> Result<Option<Entry>, Error> {
        let (open, accumulate) = match (self.piece_at(batch), rest.first()) {
            (Some((piece, within)), Some(first)) => (piece.is_open(within), first.accumulate),
            (None, Some(first)) => (self.pieces.window.pending > 0, first.accumulate),
            (None, None) => (self.pieces.window.pending > 0, self.segments().last().map_or(1, |last| last.accumulate)),
            (Some(_), None) => return Ok(None),
        };
        let new = change.accumulate.unwrap_or(accumulate);
        let counted = match change.pending {
            // By the run's count of batches, whether a window is open or not.
            Some(Pending::Modulo) => Some(batch % new),
            Some(Pending::Count(pending)) => Some(pending),
            _ => None,
        };
        if let Some(counted) = counted {
            return count_anew(batch, rest, open, counted, new);
        }
        if !open {
            return Ok(None);
        }
        match change.pending {
            None if new != accumulate => Err(Error::invalid(format!(
                "accumulate changes from {accumulate} to {new} inside an open window (after batch {batch}): say what becomes of the pending batches with pending=\"flush\", \"drop\" or \"carry\""
            ))),
            None | Some(Pending::Modulo | Pending::Count(_)) => Ok(None), // the latter two are done above
            // In windows as long as before they count on as they do, by whatever counter was decided for this point.
            Some(Pending::Carry) => Ok((new != accumulate).then_some(Entry::Continue)),
            Some(Pending::Flush) => Ok(Some(Entry::Flush)),
            Some(Pending::Drop) => Ok(Some(Entry::Drop)),
        }
    }

    fn resize(&self, batch: u64, rest: &[Segment], change: &Change) -> Result<Vec<Segment>, Error> {
        // Of parts laid out for other sizes one cannot say what is left of each with new ones.
        if rest.iter().skip(1).any(|segment| segment.joins) {
            return Err(Error::invalid(
                "the timeline already changes inside an epoch after this point: make changes of sizes in the order of training",
            ));
        }
        let done = self.done(batch, rest);
        let mut changed = Vec::with_capacity(rest.len());
        let running = rest.iter().take_while(|segment| segment.joins).count();
        if let (Some(first), Some(last), Some(done)) = (rest.first(), rest[..running].last(), done) {
            // The last part says how the epoch ends: cut, or not.
            let left = left_over(first, &rest[..running], done, change)?;
            changed.push(Segment { cut: last.cut && left.epochs.is_some(), ..left });
        }
        for segment in &rest[running..] {
            changed.push(resized(segment, change)?);
        }
        Ok(changed)
    }

    fn done(&self, batch: u64, rest: &[Segment]) -> Option<Done> {
        rest.first().filter(|first| first.joins)?;
        let begun = match self.piece_at(batch) {
            Some((piece, within)) => piece.iter0 + within % piece.batches,
            None => self.pieces.all.last().map_or(0, |piece| piece.iter0 + piece.batches),
        };
        Some(Done { batches: begun, samples: self.samples_between(batch - begun, batch) })
    }

    /// Samples in the batches of a range; earlier ones may be of unknown size.
    fn samples_between(&self, first: u64, end: u64) -> Option<u64> {
        let after = self.pieces.all.partition_point(|piece| piece.batch0 < end);
        let mut sum = 0;
        for piece in self.pieces.all[..after].iter().rev().take_while(|piece| piece.batch0 + piece.width > first) {
            let within = |batch: u64| piece.samples_within(batch.saturating_sub(piece.batch0).min(piece.width));
            sum += within(end)?.checked_sub(within(first)?)?;
        }
        u64::try_from(sum).ok()
    }
}

/// Has `counted` batches count towards the window of `new` batches that is open at the point, or that begins there.
fn count_anew(batch: u64, rest: &[Segment], open: bool, counted: u64, new: u64) -> Result<Option<Entry>, Error> {
    if counted >= new {
        return Err(Error::invalid(format!(
            "pending={counted} batches would fill a window of {new}: give less, or \"flush\" or \"drop\""
        )));
    }
    let decided = rest.first().map(|first| first.entry);
    if let Some(Entry::Flush | Entry::Drop) = decided {
        if counted > 0 {
            return Err(Error::invalid(format!(
                "an earlier change at this very point (after batch {batch}) has ended the open window, so that the next one begins empty: {counted} batches cannot count towards it"
            )));
        }
        return Ok(None);
    }
    // A window that is not open begins empty, whatever an earlier change at this point let count towards it.
    Ok(Some(if open || counted > 0 { Entry::Phase(counted) } else { Entry::Continue }))
}

/// What is left of the running epoch, of which `parts` were still to come, with the new sizes.
fn left_over(first: &Segment, parts: &[Segment], done: Done, change: &Change) -> Result<Segment, Error> {
    let size = change.batch_size.or(first.batch_size);
    let samples = epoch_samples(first, parts, done, change);
    let part = Segment { epochs: Some(1), batch_size: size, joins: true, ..*first };
    match (change.batches, samples, size) {
        (Some(total), _, size) => {
            let left = total
                .checked_sub(done.batches)
                .ok_or_else(|| less_than_done("batches_per_epoch", total, done.batches))?;
            let filled = match (stated(first, change).zip(done.samples), size) {
                (Some((samples, before)), Some(size)) => fill(samples, before, left, size, first.drop_last),
                _ => None,
            };
            if let (None, Some(samples), Some(size)) = (filled, change.samples, size) {
                return Err(Error::invalid(format!(
                    "batches_per_epoch={total} and samples={samples} contradict each other: what is left of the running epoch does not make {left} batches of {size}"
                )));
            }
            // Batches that the data set known so far does not fill are those of another one, and full.
            Ok(Segment {
                batches: Some(left),
                last_batch_size: filled.or(size),
                samples: stated(first, change).filter(|_| filled.is_some()),
                ..part
            })
        }
        (None, Some(samples), Some(size)) => {
            let before = done.samples.ok_or_else(|| {
                Error::Unknown("how many samples are left of the running epoch is not known, since the batch size before the change is not: give batches_per_epoch".into())
            })?;
            let rest = samples.checked_sub(before).ok_or_else(|| less_than_done("samples", samples, before))?;
            let left = if first.drop_last { rest / size } else { rest.div_ceil(size) };
            Ok(Segment {
                batches: Some(left),
                last_batch_size: fill(samples, before, left, size, first.drop_last),
                samples: stated(first, change),
                ..part
            })
        }
        _ if parts.iter().any(|part| part.batches.is_none()) => {
            Ok(Segment { batches: None, last_batch_size: None, epochs: first.epochs, ..part })
        }
        _ => Err(needs_more()),
    }
}

/// The last batch's samples where `left` batches of `size` take what `samples` leave after `before`; `None`: they do not.
fn fill(samples: u64, before: u64, left: u64, size: u64, drop_last: bool) -> Option<u64> {
    let rest = samples.checked_sub(before)?;
    if drop_last { (rest / size == left).then_some(size) } else { last_batch(left, rest, size).ok()? }
}

/// The data set's samples, where somebody stated them.
fn stated(first: &Segment, change: &Change) -> Option<u64> {
    change.samples.or_else(|| first.samples.filter(|_| first.batch_size.is_some()))
}

/// The samples of the running epoch's data set: stated now, before, or added up.
fn epoch_samples(first: &Segment, parts: &[Segment], done: Done, change: &Change) -> Option<u64> {
    stated(first, change)
        .or_else(|| parts.iter().try_fold(done.samples?, |sum, part| sum.checked_add(part.consumed()?)))
}

/// A segment of whole epochs with the new sizes.
fn resized(segment: &Segment, change: &Change) -> Result<Segment, Error> {
    if segment.batches == Some(0) {
        // An epoch that was seen to be empty stays so.
        return Ok(*segment);
    }
    let size = change.batch_size.or(segment.batch_size);
    let known = segment.samples.or_else(|| segment.consumed());
    let (samples, shape) = match (change.batches, change.samples) {
        (Some(batches), None) => {
            // The data set may be the one known so far; where it does not fill these batches it is another one.
            let same = segment
                .samples
                .filter(|_| segment.batch_size.is_some())
                .map(|samples| (samples, Shape::new(Some(samples), Some(batches), size, segment.drop_last)));
            match same {
                Some((samples, Ok(shape))) => (Some(samples), shape),
                _ => (None, Shape::new(None, Some(batches), size, segment.drop_last)?),
            }
        }
        (batches, Some(samples)) => (Some(samples), Shape::new(Some(samples), batches, size, segment.drop_last)?),
        (None, None) if segment.batches.is_none() => (segment.samples, Shape { batches: None, last: None }),
        (None, None) => match (known, size) {
            (Some(samples), Some(_)) => (segment.samples, Shape::new(Some(samples), None, size, segment.drop_last)?),
            _ => return Err(needs_more()),
        },
    };
    Ok(Segment { batches: shape.batches, batch_size: size, last_batch_size: shape.last, samples, ..*segment })
}

fn less_than_done(name: &str, total: u64, done: u64) -> Error {
    Error::invalid(format!("{name}={total} is the new total of the running epoch, but it has already done {done}"))
}

fn needs_more() -> Error {
    Error::invalid(
        "a new batch_size does not say how many batches an epoch has, since its samples are not known: give samples or batches_per_epoch as well",
    )
}
