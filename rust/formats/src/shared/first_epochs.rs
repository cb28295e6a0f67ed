//! The first epochs of a file show whether epochs are numbered or counted in fractions.

use stepbridge_records::Decimal;

/// What the first epochs of a file are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FirstEpochs {
    seen: usize,
    fractions: usize,
    fraction: Option<Decimal>,
}

impl FirstEpochs {
    /// So many are looked at.
    pub(crate) const MOST: u64 = 50;

    /// Among so many numbers a lone fraction is damage.
    const NUMBERS_PER_FRACTION: usize = 4;

    pub(crate) fn take(&mut self, epoch: Decimal) {
        self.seen += 1;
        if epoch.whole().is_none() {
            self.fractions += 1;
            self.fraction = self.fraction.or(Some(epoch));
        }
    }

    /// One with a fraction, if they count in fractions: `0.0`, `0.25`, `0.5`. Then a whole one is how many are done.
    pub(crate) fn fraction(self) -> Option<Decimal> {
        self.fraction.filter(|_| self.fractions * Self::NUMBERS_PER_FRACTION >= self.seen)
    }
}
