//! Where epochs start, as one bit a batch: a look-up touches one line of memory.

/// 64 batches.
#[derive(Debug, Clone, Copy)]
struct Word {
    /// A set bit: an epoch starts there.
    bits: u64,
    /// Epochs that start before these batches.
    before: u32,
    /// How far before these batches the last of them starts.
    back: u32,
}

/// The starts of short epochs, none of them empty.
#[derive(Debug)]
pub(crate) struct Marks {
    words: Vec<Word>,
}

/// Words an epoch up to which the bits are worth their memory: epochs of 256 batches on average.
const WORDS: u64 = 4;

impl Marks {
    /// Takes one start an epoch, ascending from 0, then the end; `None` where epochs are empty, or long.
    pub(crate) fn new(edges: &[u64]) -> Option<Self> {
        let (&end, starts) = edges.split_last()?;
        let words = end.div_ceil(64);
        if words > WORDS * starts.len() as u64 || edges.windows(2).any(|pair| pair[0] == pair[1]) {
            return None;
        }
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
        Some(Self { words: (0..words).map(word).collect::<Option<_>>()? })
    }

    /// The epoch that holds `value`, which is below the end, and its start.
    #[inline]
    pub(crate) fn find(&self, value: u64) -> (u64, u64) {
        let first = value & !63;
        let word = self.words[usize::try_from(value / 64).unwrap_or(usize::MAX)];
        let upto = word.bits & (u64::MAX >> (63 - (value & 63)));
        let epoch = u64::from(word.before) + u64::from(upto.count_ones()) - 1;
        let start = if upto == 0 { first - u64::from(word.back) } else { first + u64::from(upto.ilog2()) };
        (epoch, start)
    }
}
