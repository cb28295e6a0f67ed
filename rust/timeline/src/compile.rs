//! Lays canonical segments out along the batch axis.

use crate::compiled_segment::{CompiledSegment, Size, Tail, Window};
use crate::error::{Error, MAX_COUNT, total};
use crate::segment::{Entry, Segment};
use crate::unit::{Boundary, OnCut, Unit};

/// All segments of a timeline, and the counts at their end.
#[derive(Debug, Clone, Default)]
pub(crate) struct CompiledSegments {
    pub(crate) all: Vec<CompiledSegment>,
    pub(crate) epochs: u64,
    pub(crate) batches: u64,
    pub(crate) steps: u64,
    pub(crate) samples: Option<u64>,
    /// Whether the size of every batch is known.
    pub(crate) knows_sizes: bool,
    /// Whether the last segment is open-ended; the totals are then the limit of counts.
    pub(crate) open: bool,
    /// The last segment, if its epochs are of unknown length. It has no compiled form.
    pub(crate) unknown: Option<Segment>,
    /// The window that is open at the end.
    pub(crate) window: Window,
    /// The segments whose `entry` decides nothing: the window that is open there is as it says anyway.
    pub(crate) idle_entries: Vec<usize>,
}

impl CompiledSegments {
    /// Compiles segments in canonical form.
    pub(crate) fn compile(segments: &[Segment]) -> Result<Self, Error> {
        let mut compiler = Compiler { sample: Some(0), ..Compiler::default() };
        for (index, segment) in segments.iter().enumerate() {
            if compiler.is_idle(segment) {
                compiler.idle_entries.push(index);
            }
            compiler.add(segment, segments.get(index + 1))?;
        }
        Ok(compiler.finish())
    }
}

/// The counts so far, while segments are added in order.
#[derive(Default)]
struct Compiler {
    done: Vec<CompiledSegment>,
    epoch: u64,
    iter: u64,
    /// Samples of the last epoch; `None` if a batch of it is of unknown size.
    sample_in_epoch: Option<u64>,
    batch: u64,
    step: u64,
    /// `None` after a batch of unknown size.
    sample: Option<u64>,
    accumulate: u64,
    window: Window,
    open: bool,
    unknown: Option<Segment>,
    idle_entries: Vec<usize>,
}

impl Compiler {
    fn add(&mut self, segment: &Segment, next: Option<&Segment>) -> Result<(), Error> {
        self.enter(segment);
        let endless = segment.stream.is_some() && segment.batches.is_none();
        // Every batch of an endless stream up to the limit of counts has a place.
        let Some(batches) = segment.batches.or(endless.then(|| MAX_COUNT - self.batch)) else {
            return self.end_in_unknown(segment, segment.epochs.map(u128::from));
        };
        let continued = next.is_some_and(|next| next.joins);
        let epoch0 = if segment.joins { self.epoch - 1 } else { self.epoch };
        if segment.epochs.is_none() && batches == 0 {
            return Err(Error::invalid("epochs of no batches cannot go on without an end"));
        }
        self.open = segment.epochs.is_none() || endless;
        // The last epoch of an open end may pass the limit of counts, so that every count up to the limit has a place.
        let most = || (MAX_COUNT - self.batch).div_ceil(batches).min(MAX_COUNT - epoch0);
        let epochs = segment.epochs.unwrap_or_else(most);
        self.limited(u128::from(epoch0) + u128::from(epochs), Unit::Epoch)?;
        self.limited(u128::from(self.batch) + u128::from(epochs) * u128::from(batches), Unit::Batch)?;
        let size = match (
            segment.batch_size,
            segment.last_batch_size.or(segment.batch_size.filter(|_| endless)),
            segment.samples,
        ) {
            (Some(batch), Some(last), _) => Size::Batch { batch, last },
            (None, _, Some(samples)) => Size::Epoch(samples),
            _ => Size::Unknown,
        };
        let stays_open = segment.cut || continued;
        let tail = match segment.boundary {
            Boundary::Carry => Tail::Hold,
            Boundary::Flush => Tail::Flush,
            Boundary::Drop => Tail::Drop,
            Boundary::Spill => Tail::Spill,
        };
        let tail_if_open = match segment.on_cut {
            OnCut::Drop if segment.cut => Tail::Drop,
            OnCut::Spill if segment.cut => Tail::Spill,
            _ => Tail::Hold,
        };
        let template = CompiledSegment {
            epochs,
            width: 0,
            batches,
            epoch_length: Some(batches),
            epoch_samples: None,
            sample_in_epoch0: if segment.joins { self.sample_in_epoch } else { Some(0) },
            accumulate: segment.accumulate,
            per_epoch: false,
            tail: Tail::Hold,
            size,
            window0: Window::default(),
            closes_later: false,
            epoch0: 0,
            iter0: if segment.joins { self.iter } else { 0 },
            batch0: 0,
            step0: 0,
            sample0: None,
        };
        self.epoch = epoch0;
        // An open end that begins at the limit of counts has no epoch.
        if batches == 0 || epochs == 0 || segment.accumulate == 1 {
            return self.push(template);
        }
        // A decision for the window at the end is one for the last epoch alone, and so is what a cut does to it.
        let last = u64::from(tail_if_open != Tail::Hold || tail != Tail::Hold && (stays_open || tail == Tail::Spill));
        if tail == Tail::Hold {
            let parts = [
                CompiledSegment { epochs: epochs - last, ..template.clone() },
                CompiledSegment { epochs: last, tail: tail_if_open, ..template },
            ];
            return parts.into_iter().filter(|part| part.epochs > 0).try_for_each(|part| self.push(part));
        }
        let begun = if tail == Tail::Spill { self.window.phase > 0 } else { self.window != Window::default() };
        let first = u64::from(begun && epochs > last);
        let tail_if_last = if stays_open { tail_if_open } else { tail };
        // An epoch that begins with an open window, and one that leaves its window open, differ from those between them.
        let parts = [
            CompiledSegment { epochs: first, tail, ..template.clone() },
            CompiledSegment { epochs: epochs - first - last, tail, per_epoch: true, ..template.clone() },
            CompiledSegment { epochs: last, tail: tail_if_last, ..template },
        ];
        parts.into_iter().filter(|part| part.epochs > 0).try_for_each(|part| self.push(part))
    }

    /// Notes that from `first` on, for so many epochs, nothing has a place.
    fn end_in_unknown(&mut self, first: &Segment, epochs: Option<u128>) -> Result<(), Error> {
        if let Some(epochs) = epochs {
            total(u128::from(self.epoch) + epochs - u128::from(first.joins), Unit::Epoch)?;
        }
        self.unknown = Some(Segment { epochs: epochs.and_then(|epochs| u64::try_from(epochs).ok()), ..*first });
        Ok(())
    }

    /// Refuses a total past the limit of counts; the totals of an open end are the limit.
    fn limited(&self, reached: u128, unit: Unit) -> Result<u64, Error> {
        if self.open { Ok(u64::try_from(reached).unwrap_or(MAX_COUNT).min(MAX_COUNT)) } else { total(reached, unit) }
    }

    /// Decides what happens to the open window where a segment begins.
    fn enter(&mut self, segment: &Segment) {
        match segment.entry {
            Entry::Continue if segment.accumulate != self.accumulate => {
                self.window.count_towards(segment.accumulate);
            }
            Entry::Continue => {}
            Entry::Phase(phase) => self.window.phase = phase,
            Entry::Flush | Entry::Drop => {
                if self.window.pending > 0 {
                    self.close_before(if segment.entry == Entry::Flush { Tail::Flush } else { Tail::Drop });
                }
                self.window = Window::default();
            }
        }
        self.accumulate = segment.accumulate;
    }

    /// Whether a segment begins with a decision that changes nothing.
    fn is_idle(&self, segment: &Segment) -> bool {
        let mut kept = self.window;
        if segment.accumulate != self.accumulate {
            kept.count_towards(segment.accumulate);
        }
        match segment.entry {
            Entry::Continue => false,
            Entry::Phase(phase) => kept.phase == phase,
            Entry::Flush | Entry::Drop => kept == Window::default(),
        }
    }

    /// Ends the open window at the last batch before this point.
    fn close_before(&mut self, tail: Tail) {
        let flushed = u64::from(tail == Tail::Flush);
        self.step += flushed;
        for before in self.done.iter_mut().rev() {
            if before.batches > 0 {
                before.tail = tail;
                break;
            }
            before.step0 += flushed;
            before.window0.pending = 0;
        }
    }

    fn push(&mut self, mut segment: CompiledSegment) -> Result<(), Error> {
        segment.window0 = self.window;
        (segment.epoch0, segment.batch0, segment.step0, segment.sample0) =
            (self.epoch, self.batch, self.step, self.sample);
        self.epoch += segment.epochs;
        let begin = self.batch;
        self.batch =
            self.limited(u128::from(begin) + u128::from(segment.epochs) * u128::from(segment.batches), Unit::Batch)?;
        segment.width = self.batch - begin;
        if segment.is_cut_off() && !segment.per_epoch {
            segment.tail = Tail::Hold;
        }
        if segment.batches > 0 {
            self.step = self.limited(u128::from(self.step) + u128::from(segment.steps()), Unit::Step)?;
            self.window = segment.window_after(segment.width);
        }
        if let Some(reached) = self.sample {
            self.sample = match segment.samples_per_epoch() {
                None => None,
                Some(samples) => {
                    let reached = u128::from(reached) + u128::from(samples) * u128::from(segment.epochs);
                    // An open end is limited in batches: a number of samples past the limit is refused when it is asked for.
                    if self.open {
                        u64::try_from(reached).ok().filter(|reached| *reached <= MAX_COUNT)
                    } else {
                        Some(total(reached, Unit::Sample)?)
                    }
                }
            };
        }
        // Only a segment that continues an epoch reads it, and the part before that is one epoch.
        self.iter = segment.iter0 + segment.batches;
        self.sample_in_epoch = segment.samples_at_end_of_epoch();
        self.done.push(segment);
        Ok(())
    }

    fn finish(mut self) -> CompiledSegments {
        let mut closes_later = false;
        // The parts of an epoch share its length. An epoch that continues for an unknown length has none yet.
        let (mut epoch_length, mut epoch_samples) = (None, None);
        let grows = self.unknown.is_some_and(|tail| tail.joins);
        for index in (0..self.done.len()).rev() {
            let next = self.done.get(index + 1).map(|next| next.iter0 > 0);
            let segment = &mut self.done[index];
            (epoch_length, epoch_samples) = match next {
                Some(true) => (epoch_length, epoch_samples),
                None if grows => (None, None),
                _ => (Some(segment.iter0 + segment.batches), segment.samples_at_end_of_epoch()),
            };
            (segment.epoch_length, segment.epoch_samples) = (epoch_length, epoch_samples);
            if segment.batches > 0 {
                segment.closes_later = closes_later;
                closes_later = match segment.tail {
                    Tail::Drop if !segment.per_epoch => segment.steps() > 0,
                    Tail::Hold | Tail::Spill => segment.steps() > 0 || closes_later,
                    _ => true,
                };
            }
        }
        CompiledSegments {
            epochs: self.epoch,
            batches: self.batch,
            steps: self.step,
            samples: self.sample,
            knows_sizes: self.done.iter().all(CompiledSegment::knows_sizes),
            open: self.open,
            unknown: self.unknown,
            window: self.window,
            idle_entries: self.idle_entries,
            all: self.done,
        }
    }
}
