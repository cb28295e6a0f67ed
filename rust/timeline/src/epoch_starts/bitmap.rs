//! Where epochs start, as one bit per batch: a look-up reads one line of memory.

use std::hint::select_unpredictable;

/// 64 batches.
#[derive(Debug, Clone, Copy)]
struct Word {
    /// A bit is set where an epoch starts.
    bits: u64,
    /// Epochs that start before these batches.
    before: u32,
    /// How many batches before these the last of them starts.
    back: u32,
}

/// The starts of many short epochs, none of which is empty.
#[derive(Debug)]
pub(crate) struct StartBitmap {
    words: Vec<Word>,
}

/// Words per epoch, on average, up to which the bitmap is worth its memory: epochs of 256 batches.
const WORDS: u64 = 4;

/// Epochs from which on the bitmap is faster: the table of fewer starts fits in a core's cache.
const MANY: usize = 1 << 16;

impl StartBitmap {
    /// Takes the start of each epoch, ascending from 0, and the end. `None` where the bitmap would not be faster.
    pub(crate) fn new(edges: &[u64]) -> Option<Self> {
        let empty = || edges.windows(2).any(|pair| pair[0] == pair[1]);
        let long = edges.last()?.div_ceil(64) > WORDS * edges.len() as u64;
        if edges.len() <= MANY || long || empty() { None } else { Self::of_any(edges) }
    }

    /// The same for any number of epochs; `None` only where a count does not fit.
    pub(crate) fn of_any(edges: &[u64]) -> Option<Self> {
        let (&end, starts) = edges.split_last()?;
        let mut starts = starts.iter().copied().peekable();
        let (mut before, mut last) = (0_u32, 0);
        let word = |word: u64| {
            let first = word * 64;
            let mut made = Word { bits: 0, before, back: u32::try_from(first - last).ok()? };
            while let Some(start) = starts.next_if(|start| *start < first + 64) {
                made.bits |= 1 << (start - first);
                before = before.checked_add(1)?;
                last = start;
            }
            Some(made)
        };
        Some(Self { words: (0..end.div_ceil(64)).map(word).collect::<Option<_>>()? })
    }

    /// The epoch of batch `value`, which must be below the end, and the epoch's start.
    #[inline]
    pub(crate) fn find(&self, value: u64) -> (u64, u64) {
        let first = value & !63;
        let word = self.words[usize::try_from(value / 64).unwrap_or(usize::MAX)];
        let upto = word.bits & (u64::MAX >> (63 - (value & 63)));
        let epoch = u64::from(word.before) + u64::from(upto.count_ones()) - 1;
        // Whether the epoch starts in this word cannot be predicted.
        let here = first + u64::from((upto | 1).ilog2());
        (epoch, select_unpredictable(upto == 0, first - u64::from(word.back), here))
    }
}
