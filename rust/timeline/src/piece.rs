//! Segments compiled to pieces inside which every counter is closed form, with the counts reached where each begins.

use crate::error::{Error, MAX_COUNT, total};
use crate::segment::{Entry, Segment};
use crate::unit::{Boundary, Unit};

/// What becomes of the window that is open at the end of a piece (of each of its epochs, where they stand alone).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// It goes on.
    Hold,
    /// A short update closes it.
    Flush,
    /// It is thrown away.
    Drop,
}

/// How many samples a batch holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Unknown,
    /// Only what a whole epoch consumed.
    Epoch(u64),
    /// `batch` samples each, the last one of an epoch `last`.
    Batch {
        batch: u64,
        last: u64,
    },
}

/// The window that is open at a point of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Window {
    /// Batches in it: none where it is closed.
    pub(crate) pending: u64,
    /// As many of them count towards its end. A closed window may begin part full all the same (Keras).
    pub(crate) phase: u64,
}

/// A stretch of the run with one epoch length, one batch size and one accumulation.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) epochs: u64,
    /// Batches in the piece. Where the end is open they stop at the limit of counts, inside the last epoch.
    pub(crate) width: u64,
    /// Batches an epoch (a part of one, where `iter0 > 0` or the next piece goes on inside it).
    pub(crate) batches: u64,
    /// Batches of the whole epoch that the piece lies in, where that is known.
    pub(crate) epoch_length: Option<u64>,
    pub(crate) accumulate: u64,
    /// Batches that count as pending where the piece begins.
    pub(crate) phase: u64,
    /// Each epoch has windows of its own; otherwise they run through the whole piece.
    pub(crate) per_epoch: bool,
    pub(crate) tail: Tail,
    pub(crate) size: Size,
    /// Batches in the window that is open where the piece begins; they need not all count towards its end.
    pub(crate) pending: u64,
    /// The window that is open at the piece's end closes in a later piece.
    pub(crate) closes_later: bool,
    // Counts reached where the piece begins.
    pub(crate) epoch0: u64,
    pub(crate) iter0: u64,
    pub(crate) batch0: u64,
    pub(crate) step0: u64,
    pub(crate) sample0: Option<u64>,
}

impl Piece {
    /// Whether the limit of counts lies inside its last epoch, whose end therefore has no number.
    pub(crate) fn is_cut_off(&self) -> bool {
        u128::from(self.width) < u128::from(self.epochs) * u128::from(self.batches)
    }

    /// Steps in an epoch of a piece whose epochs stand alone.
    pub(crate) fn steps_per_epoch(&self) -> u64 {
        match self.tail {
            Tail::Flush => self.batches.div_ceil(self.accumulate),
            Tail::Drop | Tail::Hold => self.batches / self.accumulate,
        }
    }

    /// Steps closed by the first `batches` of the piece's batches.
    pub(crate) fn steps_within(&self, batches: u64) -> u64 {
        if self.per_epoch {
            let (epoch, iter) = (batches / self.batches, batches % self.batches);
            return epoch * self.steps_per_epoch() + iter / self.accumulate;
        }
        let closed = (self.phase + batches) / self.accumulate;
        closed + u64::from(batches == self.width && self.flushes())
    }

    pub(crate) fn steps(&self) -> u64 {
        if self.batches == 0 { 0 } else { self.steps_within(self.width) }
    }

    /// Whether a short update ends a piece whose windows run through.
    fn flushes(&self) -> bool {
        self.tail == Tail::Flush && self.left_open(self.width).pending > 0
    }

    /// The window that the full ones leave open after `batches` of a piece whose windows run through.
    fn left_open(&self, batches: u64) -> Window {
        let counted = self.phase + batches;
        let phase = counted % self.accumulate;
        let closed_none = counted < self.accumulate;
        Window { pending: if closed_none { self.pending + batches } else { phase }, phase }
    }

    /// The window that is open after the first `batches` of the piece's batches, and after what its end does.
    pub(crate) fn window_after(&self, batches: u64) -> Window {
        if self.per_epoch && batches > 0 {
            let phase = batches % self.batches % self.accumulate;
            return Window { pending: phase, phase };
        }
        if batches == self.width && self.tail != Tail::Hold {
            return Window::default();
        }
        self.left_open(batches)
    }

    /// Whether a window is open after the first `batches` of the piece's batches (fewer than its width).
    pub(crate) fn is_open(&self, batches: u64) -> bool {
        self.window_after(batches).pending > 0
    }

    /// The batch (counted inside the piece) that closes its step number `step`.
    pub(crate) fn closing_batch(&self, step: u64) -> u64 {
        if self.per_epoch {
            let (epoch, step) = (step / self.steps_per_epoch(), step % self.steps_per_epoch());
            return epoch * self.batches + self.closing_iter(step);
        }
        ((step + 1).saturating_mul(self.accumulate) - self.phase).min(self.width) - 1
    }

    /// The iter of a batch that closes step number `step` of an epoch with windows of its own.
    pub(crate) fn closing_iter(&self, step: u64) -> u64 {
        (step + 1).saturating_mul(self.accumulate).min(self.batches) - 1
    }

    /// The step (counted inside the piece) that a batch contributes to; `None` where its window never closes.
    pub(crate) fn contributes_to(&self, batch: u64) -> Option<u64> {
        if self.per_epoch {
            let (epoch, iter) = (batch / self.batches, batch % self.batches);
            let step = iter / self.accumulate;
            return (step < self.steps_per_epoch()).then(|| epoch * self.steps_per_epoch() + step);
        }
        let step = (self.phase + batch) / self.accumulate;
        let closes = step < self.steps() || (self.tail == Tail::Hold && self.closes_later);
        closes.then_some(step)
    }

    /// Samples in an epoch of the piece.
    pub(crate) fn samples_per_epoch(&self) -> Option<u64> {
        match self.size {
            _ if self.batches == 0 => Some(0),
            Size::Unknown => None,
            Size::Epoch(samples) => Some(samples),
            // It fits: `Segment::validate` refuses an epoch of more samples than can be counted.
            Size::Batch { batch, last } => Some((self.batches - 1) * batch + last),
        }
    }

    /// Samples in the first `batches` of the piece's batches; an open-ended piece may hold more than a count may.
    pub(crate) fn samples_within(&self, batches: u64) -> Option<u128> {
        if batches == 0 {
            return Some(0);
        }
        let (epoch, iter) = (batches / self.batches, batches % self.batches);
        let whole = u128::from(epoch) * u128::from(self.samples_per_epoch()?);
        match self.size {
            _ if iter == 0 => Some(whole),
            Size::Batch { batch, .. } => Some(whole + u128::from(iter) * u128::from(batch)),
            Size::Unknown | Size::Epoch(_) => None,
        }
    }

    /// The batch (counted inside the piece) that holds its sample number `sample`; `None` where the sizes are not known.
    pub(crate) fn batch_of_sample(&self, sample: u64) -> Option<u64> {
        let per_epoch = self.samples_per_epoch()?;
        let (epoch, rest) = (sample.checked_div(per_epoch)?, sample.checked_rem(per_epoch)?);
        let iter = match self.size {
            Size::Batch { batch, .. } => rest / batch,
            Size::Epoch(_) if rest == 0 || self.batches == 1 => 0,
            Size::Epoch(_) | Size::Unknown => return None,
        };
        Some(epoch * self.batches + iter)
    }
}

/// The pieces of a timeline, and what is reached at their end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pieces {
    pub(crate) all: Vec<Piece>,
    pub(crate) epochs: u64,
    pub(crate) batches: u64,
    pub(crate) steps: u64,
    pub(crate) samples: Option<u64>,
    /// The last segment is open-ended: the totals are where counting has to end.
    pub(crate) open: bool,
    /// After the pieces come epochs of unknown length.
    pub(crate) unknown: Option<Segment>,
    /// The window that is open at the end.
    pub(crate) window: Window,
}

impl Pieces {
    /// Lays canonical segments out along the batch axis.
    pub(crate) fn compile(segments: &[Segment]) -> Result<Self, Error> {
        let mut builder = Builder { sample: Some(0), ..Builder::default() };
        for (index, segment) in segments.iter().enumerate() {
            builder.add(segment, segments.get(index + 1))?;
        }
        Ok(builder.finish())
    }
}

#[derive(Default)]
struct Builder {
    pieces: Vec<Piece>,
    epoch: u64,
    iter: u64,
    batch: u64,
    step: u64,
    /// As long as every size is known.
    sample: Option<u64>,
    accumulate: u64,
    window: Window,
    open: bool,
    unknown: Option<Segment>,
}

impl Builder {
    fn add(&mut self, segment: &Segment, next: Option<&Segment>) -> Result<(), Error> {
        self.enter(segment);
        let Some(batches) = segment.batches else {
            if let Some(epochs) = segment.epochs {
                total(u128::from(self.epoch) + u128::from(epochs - u64::from(segment.joins)), Unit::Epoch)?;
            }
            self.unknown = Some(*segment);
            return Ok(());
        };
        let goes_on = next.is_some_and(|next| next.joins);
        let epoch0 = if segment.joins { self.epoch - 1 } else { self.epoch };
        if segment.epochs.is_none() && batches == 0 {
            return Err(Error::invalid("epochs of no batches cannot go on without an end"));
        }
        self.open = segment.epochs.is_none();
        // Where the end is open, the last epoch reaches past the limit, so that every count up to it has its place.
        let most = || (MAX_COUNT - self.batch).div_ceil(batches).min(MAX_COUNT - epoch0);
        let epochs = segment.epochs.unwrap_or_else(most);
        self.within_limit(u128::from(epoch0) + u128::from(epochs), Unit::Epoch)?;
        self.within_limit(u128::from(self.batch) + u128::from(epochs) * u128::from(batches), Unit::Batch)?;
        let size = match (segment.batch_size, segment.last_batch_size, segment.samples) {
            (Some(batch), Some(last), _) => Size::Batch { batch, last },
            (None, _, Some(samples)) => Size::Epoch(samples),
            _ => Size::Unknown,
        };
        let ends_held = segment.cut || goes_on;
        let tail = match segment.boundary {
            Boundary::Carry => Tail::Hold,
            Boundary::Flush => Tail::Flush,
            Boundary::Drop => Tail::Drop,
        };
        let template = Piece {
            epochs,
            width: 0,
            batches,
            epoch_length: Some(batches),
            accumulate: segment.accumulate,
            phase: 0,
            per_epoch: false,
            tail: Tail::Hold,
            size,
            pending: 0,
            closes_later: false,
            epoch0: 0,
            iter0: if segment.joins { self.iter } else { 0 },
            batch0: 0,
            step0: 0,
            sample0: None,
        };
        self.epoch = epoch0;
        // An open end at the limit of counts has no epoch.
        if batches == 0 || epochs == 0 || segment.accumulate == 1 || tail == Tail::Hold {
            return self.push(template);
        }
        let first = u64::from(self.window != Window::default() && !(epochs == 1 && ends_held));
        let last = u64::from(ends_held);
        // An epoch that begins with a window open, and one that ends with it open, stand by themselves.
        let parts = [
            Piece { epochs: first, tail, ..template.clone() },
            Piece { epochs: epochs - first - last, tail, per_epoch: true, ..template.clone() },
            Piece { epochs: last, ..template },
        ];
        for part in parts.into_iter().filter(|part| part.epochs > 0) {
            self.push(part)?;
        }
        Ok(())
    }

    /// Refuses a total past the limit; an open end counts up to the limit.
    fn within_limit(&self, reached: u128, unit: Unit) -> Result<u64, Error> {
        if self.open { Ok(u64::try_from(reached).unwrap_or(MAX_COUNT).min(MAX_COUNT)) } else { total(reached, unit) }
    }

    /// Settles what becomes of the open window where a segment begins.
    fn enter(&mut self, segment: &Segment) {
        match segment.entry {
            Entry::Continue if segment.accumulate != self.accumulate => {
                self.window.phase = self.window.pending.min(segment.accumulate - 1);
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

    /// Closes the open window at the last batch before this point.
    fn close_before(&mut self, tail: Tail) {
        let flushed = u64::from(tail == Tail::Flush);
        self.step += flushed;
        for piece in self.pieces.iter_mut().rev() {
            if piece.batches > 0 {
                piece.tail = tail;
                break;
            }
            piece.step0 += flushed;
            piece.pending = 0;
        }
    }

    fn push(&mut self, mut piece: Piece) -> Result<(), Error> {
        (piece.phase, piece.pending) = (self.window.phase, self.window.pending);
        (piece.epoch0, piece.batch0, piece.step0, piece.sample0) = (self.epoch, self.batch, self.step, self.sample);
        self.epoch += piece.epochs;
        let begin = self.batch;
        self.batch =
            self.within_limit(u128::from(begin) + u128::from(piece.epochs) * u128::from(piece.batches), Unit::Batch)?;
        piece.width = self.batch - begin;
        if piece.is_cut_off() && !piece.per_epoch {
            piece.tail = Tail::Hold;
        }
        if piece.batches > 0 {
            self.step = self.within_limit(u128::from(self.step) + u128::from(piece.steps()), Unit::Step)?;
            self.window = piece.window_after(piece.width);
        }
        if let Some(reached) = self.sample {
            self.sample = match piece.samples_per_epoch() {
                None => None,
                Some(samples) => {
                    let reached = u128::from(reached) + u128::from(samples) * u128::from(piece.epochs);
                    // Where the end is open, the cap is on batches: a sample count past the limit is refused when asked for.
                    if self.open {
                        u64::try_from(reached).ok().filter(|reached| *reached <= MAX_COUNT)
                    } else {
                        Some(total(reached, Unit::Sample)?)
                    }
                }
            };
        }
        // Only a segment that joins reads it, and the part before it is one epoch.
        self.iter = piece.iter0 + piece.batches;
        self.pieces.push(piece);
        Ok(())
    }

    fn finish(mut self) -> Pieces {
        let mut closes_later = false;
        // What the parts of one epoch share; a last epoch that goes on for nobody knows how long has no length yet.
        let mut epoch_length = None;
        let grows = self.unknown.is_some_and(|tail| tail.joins);
        for index in (0..self.pieces.len()).rev() {
            let next = self.pieces.get(index + 1).map(|next| next.iter0 > 0);
            let piece = &mut self.pieces[index];
            epoch_length = match next {
                Some(true) => epoch_length,
                None if grows => None,
                _ => Some(piece.iter0 + piece.batches),
            };
            piece.epoch_length = epoch_length;
            if piece.batches > 0 {
                piece.closes_later = closes_later;
                closes_later = match piece.tail {
                    Tail::Drop if !piece.per_epoch => piece.steps() > 0,
                    Tail::Hold => piece.steps() > 0 || closes_later,
                    _ => true,
                };
            }
        }
        Pieces {
            epochs: self.epoch,
            batches: self.batch,
            steps: self.step,
            samples: self.sample,
            open: self.open,
            unknown: self.unknown,
            window: self.window,
            all: self.pieces,
        }
    }
}
