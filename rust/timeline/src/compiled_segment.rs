//! A segment as the arithmetic uses it: every counter inside it has a closed form, and the counts at its begin are known.

/// What happens to the window that is open at the end of a compiled segment, or of each of its epochs if they have windows
/// of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// It stays open.
    Hold,
    /// A short update closes it.
    Flush,
    /// It is thrown away.
    Drop,
    /// Its gradients stay, and the count starts anew.
    Spill,
}

/// How many samples a batch holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// Not known.
    Unknown,
    /// Only the samples of a whole epoch are known.
    Epoch(u64),
    /// Each batch has `batch` samples, the last one of an epoch `last`.
    Batch { batch: u64, last: u64 },
}

/// The window that is open at a point of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Window {
    /// Batches in it; 0 if no window is open.
    pub(crate) pending: u64,
    /// How many batches count towards its end. In Keras a window may begin part full although it has no batch yet.
    pub(crate) phase: u64,
    /// Of the pending batches, those of earlier epochs that never count towards its end.
    pub(crate) spilled: u64,
}

impl Window {
    /// The window after the epoch ended and its count started anew.
    pub(crate) fn spill(self) -> Self {
        Self { phase: 0, spilled: self.pending, ..self }
    }

    /// Counts batches in windows of `accumulate`; returns how many steps they close.
    pub(crate) fn count(&mut self, batches: u64, accumulate: u64) -> u64 {
        // The first window is closed by the batches that it lacks, each later one by `accumulate` batches.
        let counted = self.phase + batches;
        let (full, phase) = (counted / accumulate, counted % accumulate);
        *self = match full {
            0 => Self { pending: self.pending + batches, phase, spilled: self.spilled },
            _ => Self { pending: phase, phase, spilled: 0 },
        };
        full
    }

    /// Lets the pending batches count towards a window of another length.
    pub(crate) fn count_towards(&mut self, accumulate: u64) {
        self.phase = (self.pending - self.spilled).min(accumulate - 1);
    }
}

/// A part of the run with one epoch length, one batch size and one accumulation.
#[derive(Debug, Clone)]
pub(crate) struct CompiledSegment {
    pub(crate) epochs: u64,
    /// Batches in all. An open end stops at the limit of counts, which may be inside its last epoch.
    pub(crate) width: u64,
    /// Batches per epoch, or in this part of an epoch.
    pub(crate) batches: u64,
    /// Batches of the whole epoch, if known; more than `batches` in a part of an epoch.
    pub(crate) epoch_length: Option<u64>,
    /// Samples of the whole epoch, if the size of each of its batches is known.
    pub(crate) epoch_samples: Option<u64>,
    /// Samples of the epoch before this part of it, if known.
    pub(crate) sample_in_epoch0: Option<u64>,
    pub(crate) accumulate: u64,
    /// Whether each epoch has windows of its own; otherwise they run through all epochs.
    pub(crate) per_epoch: bool,
    pub(crate) tail: Tail,
    pub(crate) size: Size,
    /// The window that is open at the begin.
    pub(crate) window0: Window,
    /// Whether the window that is open at the end closes in a later segment.
    pub(crate) closes_later: bool,
    // Counts at the begin.
    pub(crate) epoch0: u64,
    pub(crate) iter0: u64,
    pub(crate) batch0: u64,
    pub(crate) step0: u64,
    pub(crate) sample0: Option<u64>,
}

impl CompiledSegment {
    /// Whether the limit of counts is inside its last epoch, so that the end of that epoch has no number.
    pub(crate) fn is_cut_off(&self) -> bool {
        u128::from(self.width) < u128::from(self.epochs) * u128::from(self.batches)
    }

    /// Steps per epoch, if each epoch has windows of its own.
    pub(crate) fn steps_per_epoch(&self) -> u64 {
        match self.tail {
            Tail::Flush => self.batches.div_ceil(self.accumulate),
            Tail::Drop | Tail::Hold | Tail::Spill => self.batches / self.accumulate,
        }
    }

    /// Steps closed by the first `batches` batches.
    pub(crate) fn steps_within(&self, batches: u64) -> u64 {
        if self.per_epoch {
            let (epoch, iter) = (batches / self.batches, batches % self.batches);
            return epoch * self.steps_per_epoch() + iter / self.accumulate;
        }
        let closed = (self.window0.phase + batches) / self.accumulate;
        closed + u64::from(batches == self.width && self.flushes())
    }

    pub(crate) fn steps(&self) -> u64 {
        if self.batches == 0 { 0 } else { self.steps_within(self.width) }
    }

    /// Whether a short update ends the segment, if windows run through all epochs.
    fn flushes(&self) -> bool {
        self.tail == Tail::Flush && self.left_open(self.width).pending > 0
    }

    /// The window that is open after `batches` batches, if windows run through all epochs and nothing ends one early.
    fn left_open(&self, batches: u64) -> Window {
        let mut window = self.window0;
        window.count(batches, self.accumulate);
        window
    }

    /// The window that is open after the first `batches` batches. After all of them: what `tail` leaves open.
    pub(crate) fn window_after(&self, batches: u64) -> Window {
        if self.per_epoch && batches > 0 {
            return self.window_in_epoch(batches / self.batches, batches % self.batches);
        }
        match self.tail {
            Tail::Flush | Tail::Drop if batches == self.width => Window::default(),
            Tail::Spill if batches == self.width => self.left_open(batches).spill(),
            _ => self.left_open(batches),
        }
    }

    /// The window that is open after `iter` batches of an epoch that has windows of its own.
    fn window_in_epoch(&self, epoch: u64, iter: u64) -> Window {
        let phase = iter % self.accumulate;
        if self.tail != Tail::Spill || iter >= self.accumulate {
            return Window { pending: phase, phase, spilled: 0 };
        }
        // Nothing has closed in this epoch, so that what earlier ones left is still pending.
        let spilled = match epoch {
            0 => self.window0.pending,
            _ if self.batches < self.accumulate => self.window0.pending + epoch * self.batches,
            _ => self.batches % self.accumulate,
        };
        Window { pending: spilled + iter, phase, spilled }
    }

    /// Whether a window is open after the first `batches` batches.
    pub(crate) fn is_open(&self, batches: u64) -> bool {
        self.window_after(batches).pending > 0
    }

    /// The batch that closes step number `step`. Both are counted from the begin of the segment.
    pub(crate) fn closing_batch(&self, step: u64) -> u64 {
        if self.per_epoch {
            let (epoch, step) = (step / self.steps_per_epoch(), step % self.steps_per_epoch());
            return epoch * self.batches + self.closing_iter(step);
        }
        ((step + 1).saturating_mul(self.accumulate) - self.window0.phase).min(self.width) - 1
    }

    /// The iter of the batch that closes step number `step` of an epoch that has windows of its own.
    pub(crate) fn closing_iter(&self, step: u64) -> u64 {
        (step + 1).saturating_mul(self.accumulate).min(self.batches) - 1
    }

    /// The step that a batch contributes to; `None` if its window never closes. Both are counted from the begin.
    pub(crate) fn contributes_to(&self, batch: u64) -> Option<u64> {
        if self.per_epoch {
            let (epoch, iter) = (batch / self.batches, batch % self.batches);
            let (step, whole) = (iter / self.accumulate, self.steps_per_epoch());
            let run = epoch * whole + step;
            let closes = step < whole || (self.tail == Tail::Spill && (run < self.steps() || self.closes_later));
            return closes.then_some(run);
        }
        let step = (self.window0.phase + batch) / self.accumulate;
        let closes = step < self.steps() || (matches!(self.tail, Tail::Hold | Tail::Spill) && self.closes_later);
        closes.then_some(step)
    }

    /// Whether the size of every batch is known.
    pub(crate) fn knows_sizes(&self) -> bool {
        match self.size {
            Size::Batch { .. } => true,
            Size::Epoch(_) => self.batches <= 1,
            Size::Unknown => self.batches == 0,
        }
    }

    /// Samples per epoch.
    pub(crate) fn samples_per_epoch(&self) -> Option<u64> {
        match self.size {
            _ if self.batches == 0 => Some(0),
            Size::Unknown => None,
            Size::Epoch(samples) => Some(samples),
            // Only an endless stream, which has no end of epoch, has more.
            Size::Batch { batch, last } => (self.batches - 1).checked_mul(batch)?.checked_add(last),
        }
    }

    /// Samples of its epoch up to its end, if the size of every batch is known.
    pub(crate) fn samples_at_end_of_epoch(&self) -> Option<u64> {
        let part = self.samples_per_epoch().filter(|_| self.knows_sizes());
        self.sample_in_epoch0?.checked_add(part?)
    }

    /// Samples in the first `batches` batches; an open end may have more of them than a count can hold.
    pub(crate) fn samples_within(&self, batches: u64) -> Option<u128> {
        if batches == 0 {
            return Some(0);
        }
        let (epoch, iter) = (batches / self.batches, batches % self.batches);
        let whole = if epoch == 0 { 0 } else { u128::from(epoch) * u128::from(self.samples_per_epoch()?) };
        match self.size {
            _ if iter == 0 => Some(whole),
            Size::Batch { batch, .. } => Some(whole + u128::from(iter) * u128::from(batch)),
            Size::Unknown | Size::Epoch(_) => None,
        }
    }

    /// The batch that has sample number `sample`; `None` if sizes are not known. Both are counted from the begin.
    pub(crate) fn batch_of_sample(&self, sample: u64) -> Option<u64> {
        if let (1, Size::Batch { batch, .. }) = (self.epochs, self.size) {
            return Some(sample / batch);
        }
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
