//! A plan that changes at a point: other sizes or another accumulation from there on. No sample is lost or counted twice.

use crate::canonical::end_window;
use crate::epoch_shape::{EpochShape, last_batch, positive};
use crate::error::Error;
use crate::quantity::Quantity;
use crate::segment::{Entry, Segment};
use crate::stream_change::{keep_steps, resize_stream};
use crate::timeline::Timeline;
use crate::unit::Boundary;

/// What happens to the pending batches of an open window where the accumulation changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// A short update closes the window at once.
    Flush,
    /// They are thrown away.
    Drop,
    /// They keep counting.
    Carry,
    /// The window closes where the number of batches of the run is a multiple of the new accumulation (Keras).
    Modulo,
    /// The window closes as if this many batches were pending.
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

/// What changes; `batches` and `samples` are the new totals of the running epoch and of each later one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change {
    /// Samples per batch.
    pub batch_size: Option<u64>,
    /// Batches per step.
    pub accumulate: Option<u64>,
    /// Batches per epoch.
    pub batches: Option<u64>,
    /// Samples in the data set.
    pub samples: Option<u64>,
    /// What happens to an open window; required if a new `accumulate` begins inside one.
    pub pending: Option<Pending>,
}

impl Change {
    fn resizes(&self) -> bool {
        self.batch_size.is_some() || self.batches.is_some() || self.samples.is_some()
    }

    /// Whether more is done of an epoch than it has by this change.
    pub(crate) fn is_over(&self, done: Done) -> bool {
        self.batches.is_some_and(|batches| batches < done.batches)
            || self.samples.zip(done.samples).is_some_and(|(samples, before)| samples < before)
    }
}

/// How much of the running epoch is done at the point of a change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done {
    pub(crate) batches: u64,
    pub(crate) samples: Option<u64>,
}

impl Timeline {
    /// The timeline with a change from `at` on; the rest of the running epoch is divided into batches anew.
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
        let mut changed = match change.resizes() {
            true if self.is_stream() => resize_stream(&rest, self.samples_after(batch)?.unwrap_or_default(), change)?,
            true => self.resize(batch, &rest, change)?,
            false => rest.clone(),
        };
        if let Some(accumulate) = change.accumulate {
            for segment in &mut changed {
                // A later change of the accumulation is overridden, and what it decided for an open window with it.
                (segment.accumulate, segment.entry) = (accumulate, Entry::Continue);
            }
            if let (Some(first), Some(before)) = (changed.first_mut(), rest.first()) {
                // An earlier decision for this point is kept, unless it counts batches of a window of another length.
                let other = before.accumulate != accumulate && matches!(before.entry, Entry::Phase(_));
                first.entry = if other { Entry::Continue } else { before.entry };
            }
        }
        if self.is_stream()
            && let Some(steps) = self.steps_to_keep(batch)
        {
            keep_steps(&mut changed, steps, entry, self.window_at(batch));
        }
        // With the new sizes, the running epoch may be complete.
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
            // No batch of the epoch comes after the window, so that the rule for the end of the epoch says what happens to it.
            (_, Some(entry @ (Entry::Flush | Entry::Drop))) => match segments.last_mut() {
                Some(empty) if empty.is_empty() && !empty.joins => empty.entry = entry,
                _ => end_window(&mut segments, if entry == Entry::Flush { Boundary::Flush } else { Boundary::Drop }),
            },
            _ => {}
        }
        if changed == rest && !rest.is_empty() {
            return Ok(self.clone());
        }
        segments.extend(changed);
        Self::from_segments(segments)?.with_marks(&self.marks.until(batch))
    }

    /// The segments before a point and those after it. If the point is inside an epoch, the first one after it continues that
    /// epoch. Of epochs without batches at the point, so many are before it that `epochs` are complete (`None`: all of them).
    pub(crate) fn split(&self, batch: u64, epochs: Option<u64>) -> (Vec<Segment>, Vec<Segment>) {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        let mut left = batch;
        let mut complete = 0;
        for segment in self.segments() {
            if after.is_empty() && left > 0 && segment.batches.is_none() && segment.stream.is_some() {
                // An endless stream has any number of batches.
                before.push(Segment { batches: Some(left), last_batch_size: segment.batch_size, ..*segment });
                after.push(Segment { joins: true, entry: Entry::Continue, ..*segment });
                continue;
            }
            let (Some(batches), true) = (segment.batches, after.is_empty()) else {
                after.push(*segment);
                continue;
            };
            let wanted = epochs.map(|epochs| (epochs + u64::from(segment.joins)).saturating_sub(complete));
            if let (0, 0, Some(all), Some(wanted)) = (left, batches, segment.epochs, wanted)
                && wanted < all
            {
                if wanted > 0 {
                    // What is decided for the point is decided by the last of them.
                    before.push(Segment { epochs: Some(wanted), cut: false, entry: Entry::Continue, ..*segment });
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
            // If only the samples of the whole epoch are known, those of its parts are not.
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

    /// What happens to the window that is open at the point; `None`: what was decided for the point before.
    pub(crate) fn entry(&self, batch: u64, rest: &[Segment], change: &Change) -> Result<Option<Entry>, Error> {
        let (open, accumulate) = match (self.segment_at(batch), rest.first()) {
            (Some((segment, within)), Some(first)) => (segment.is_open(within), first.accumulate),
            (None, Some(first)) => (self.compiled.window.pending > 0, first.accumulate),
            (None, None) => {
                (self.compiled.window.pending > 0, self.segments().last().map_or(1, |last| last.accumulate))
            }
            (Some(_), None) => return Ok(None),
        };
        let new = change.accumulate.unwrap_or(accumulate);
        let counted = match change.pending {
            // This depends on the number of batches of the run, whether a window is open or not.
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
            // In windows of the same length they keep counting as they do, also if that was decided for this point before.
            Some(Pending::Carry) => Ok((new != accumulate).then_some(Entry::Continue)),
            Some(Pending::Flush) => Ok(Some(Entry::Flush)),
            Some(Pending::Drop) => Ok(Some(Entry::Drop)),
        }
    }

    fn resize(&self, batch: u64, rest: &[Segment], change: &Change) -> Result<Vec<Segment>, Error> {
        // It is not defined how much of each part of an epoch is left with new sizes.
        if rest.iter().skip(1).any(|segment| segment.joins) {
            return Err(Error::invalid(
                "the timeline already changes inside an epoch after this point: make changes of sizes in the order of training",
            ));
        }
        let done = self.done(batch, rest);
        let mut changed = Vec::with_capacity(rest.len());
        let running = rest.iter().take_while(|segment| segment.joins).count();
        if let (Some(first), Some(last), Some(done)) = (rest.first(), rest[..running].last(), done) {
            // The last part says whether the epoch is cut.
            let left = left_over(first, &rest[..running], done, change)?;
            changed.push(Segment { cut: last.cut && left.epochs.is_some(), ..left });
            if last.batches.is_none() && left.batches.is_some() {
                // The later epochs were in one segment with this one, while its length was not known.
                let later = last.epochs.map(|epochs| epochs.saturating_sub(1));
                let later = Segment { epochs: later, joins: false, entry: Entry::Continue, ..*last };
                changed.push(resized(&later, change)?);
            }
        }
        for segment in &rest[running..] {
            changed.push(resized(segment, change)?);
        }
        Ok(changed)
    }

    pub(crate) fn done(&self, batch: u64, rest: &[Segment]) -> Option<Done> {
        rest.first().filter(|first| first.joins)?;
        let begun = match self.segment_at(batch) {
            Some((segment, within)) => segment.iter0 + within % segment.batches,
            None => self.compiled.all.last().map_or(0, |segment| segment.iter0 + segment.batches),
        };
        Some(Done { batches: begun, samples: self.samples_between(batch - begun, batch) })
    }

    /// Samples in a range of batches; batches before it may be of unknown size.
    pub(crate) fn samples_between(&self, first: u64, end: u64) -> Option<u64> {
        let after = self.compiled.all.partition_point(|segment| segment.batch0 < end);
        let mut sum = 0;
        for segment in
            self.compiled.all[..after].iter().rev().take_while(|segment| segment.batch0 + segment.width > first)
        {
            let within = |batch: u64| segment.samples_within(batch.saturating_sub(segment.batch0).min(segment.width));
            sum += within(end)?.checked_sub(within(first)?)?;
        }
        u64::try_from(sum).ok()
    }
}

/// Lets `counted` batches count towards the window of `new` batches that is open at the point or begins there.
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
                "an earlier change at the same point (after batch {batch}) ended the open window, so that the next one begins empty: {counted} batches cannot count towards it"
            )));
        }
        return Ok(None);
    }
    // A window that is not open begins empty, whatever an earlier change at this point decided.
    Ok(Some(if open || counted > 0 { Entry::Phase(counted) } else { Entry::Continue }))
}

/// The rest of the running epoch with the new sizes; `parts` are the rest with the old ones.
pub(crate) fn left_over(first: &Segment, parts: &[Segment], done: Done, change: &Change) -> Result<Segment, Error> {
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
            // If the data set does not fill these batches, they are full batches of another one.
            Ok(Segment {
                batches: Some(left),
                last_batch_size: filled.or(size),
                samples: stated(first, change).filter(|_| filled.is_some()),
                ..part
            })
        }
        (None, Some(samples), Some(size)) => {
            let before = done.samples.ok_or_else(|| {
                Error::Undetermined("how many samples are left of the running epoch is not known, because the batch size before the change is not known: give batches_per_epoch".into())
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

/// The samples of the last batch, if what is left of `samples` after `before` fills `left` batches of `size`.
fn fill(samples: u64, before: u64, left: u64, size: u64, drop_last: bool) -> Option<u64> {
    let rest = samples.checked_sub(before)?;
    if drop_last { (rest / size == left).then_some(size) } else { last_batch(left, rest, size).ok()? }
}

/// The samples in the data set, if stated.
fn stated(first: &Segment, change: &Change) -> Option<u64> {
    change.samples.or_else(|| first.samples.filter(|_| first.batch_size.is_some()))
}

/// The samples of the running epoch: stated by the change, stated before, or added up.
fn epoch_samples(first: &Segment, parts: &[Segment], done: Done, change: &Change) -> Option<u64> {
    stated(first, change)
        .or_else(|| parts.iter().try_fold(done.samples?, |sum, part| sum.checked_add(part.consumed()?)))
}

/// A segment of whole epochs with the new sizes.
fn resized(segment: &Segment, change: &Change) -> Result<Segment, Error> {
    if segment.batches == Some(0) {
        // An observed epoch without batches stays as it is.
        return Ok(*segment);
    }
    let size = change.batch_size.or(segment.batch_size);
    let known = segment.samples.or_else(|| segment.consumed());
    let (samples, shape) = match (change.batches, change.samples) {
        (Some(batches), None) => {
            // If the data set does not fill these batches, it is another one.
            let same = segment
                .samples
                .filter(|_| segment.batch_size.is_some())
                .map(|samples| (samples, EpochShape::new(Some(samples), Some(batches), size, segment.drop_last)));
            match same {
                Some((samples, Ok(shape))) => (Some(samples), shape),
                _ => (None, EpochShape::new(None, Some(batches), size, segment.drop_last)?),
            }
        }
        (batches, Some(samples)) => (Some(samples), EpochShape::new(Some(samples), batches, size, segment.drop_last)?),
        (None, None) if segment.batches.is_none() => (segment.samples, EpochShape { batches: None, last: None }),
        (None, None) => match (known, size) {
            (Some(samples), Some(_)) => {
                (segment.samples, EpochShape::new(Some(samples), None, size, segment.drop_last)?)
            }
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
        "a new batch_size does not say how many batches an epoch has, because its samples are not known: give samples or batches_per_epoch as well",
    )
}
