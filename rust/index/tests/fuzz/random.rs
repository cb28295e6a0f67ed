//! Numbers at random that are the same each time.

/// `SplitMix64`.
pub(crate) struct Random(u64);

impl Random {
    /// The numbers of one round of one beginning.
    pub(crate) fn new(beginning: u64, round: u64) -> Self {
        let mut random = Self(beginning);
        let mixed = random.next();
        Self(mixed ^ round.wrapping_mul(0xa076_1d64_78bd_642f))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One below `count`; 0 where there is none.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        let count = (count as u64).max(1);
        usize::try_from(self.next() % count).expect("below a size")
    }

    /// From 1 to `most`.
    pub(crate) fn some(&mut self, most: usize) -> usize {
        1 + self.below(most)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// A range of at most `most` bytes of so many.
    pub(crate) fn range(&mut self, length: usize, most: usize) -> std::ops::Range<usize> {
        let begin = self.below(length + 1);
        begin..(begin + self.some(most)).min(length)
    }
}
