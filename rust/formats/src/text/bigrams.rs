//! Which pairs of neighbouring bytes a line has: a line without a pair that a pattern has cannot fit the pattern.
//!
//! A file is searched for a hundred patterns at once, and most lines fit none. One pass over a line rules nearly all of
//! them out, where a search for each would take a hundred passes.

/// A set of pairs of bytes. Several pairs share a bit, so a set may seem to hold more than it does, and never less.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bigrams([u64; 4]);

impl Bigrams {
    pub(super) fn of(text: &[u8]) -> Self {
        let mut set = Self::default();
        set.add(text);
        set
    }

    pub(super) fn add(&mut self, text: &[u8]) {
        for pair in text.windows(2) {
            let bit = pair[0].wrapping_mul(37).wrapping_add(pair[1]);
            self.0[usize::from(bit >> 6)] |= 1 << (bit & 63);
        }
    }

    /// Whether all of these pairs are among those of a line.
    pub(super) fn within(self, line: Self) -> bool {
        self.0.iter().zip(line.0).all(|(wanted, there)| wanted & !there == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_within_the_whole() {
        let line = Bigrams::of(b"Epoch 5, Iter 4, Step 24: loss 0.5");
        for part in ["", "E", "Epoch ", ", Iter ", "loss"] {
            assert!(Bigrams::of(part.as_bytes()).within(line), "{part}");
        }
        for other in ["the quick brown fox", "jumps over the lazy dog"] {
            assert!(!Bigrams::of(other.as_bytes()).within(line), "{other}");
        }
    }
}
