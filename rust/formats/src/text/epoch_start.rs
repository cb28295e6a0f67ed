//! From where epochs are counted, as the numbers of a log show it.

/// The lowest epoch of a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct EpochStart(Option<i64>);

impl EpochStart {
    pub(super) fn take(&mut self, epoch: i64) {
        self.0 = Some(self.0.map_or(epoch, |lowest| lowest.min(epoch)));
    }

    /// Takes the epochs of other lines.
    pub(super) fn join(&mut self, other: Self) {
        if let Some(lowest) = other.0 {
            self.take(lowest);
        }
    }

    /// 0 or 1, as the first one is. A log that begins later, after a resume, does not show it; nor does `n/N`, because some
    /// programs print the number of the last epoch there and others how many there are.
    pub(super) fn base(self) -> Option<u8> {
        match self.0 {
            Some(0) => Some(0),
            None | Some(1) => Some(1),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_epoch_shows_from_where_they_are_counted() {
        for (epochs, base) in [(&[][..], Some(1)), (&[1, 0], Some(0)), (&[1, 2], Some(1)), (&[4, 5], None)] {
            let mut start = EpochStart::default();
            epochs.iter().for_each(|epoch| start.take(*epoch));
            assert_eq!(start.base(), base, "{epochs:?}");
        }
    }
}
