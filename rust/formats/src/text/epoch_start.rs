//! From where epochs are counted, as the numbers of a log show it.

/// The epochs of a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct EpochStart {
    lowest: Option<i64>,
    /// Whether the last epoch of `n/N` was seen.
    last: bool,
}

impl EpochStart {
    /// Takes an epoch. `total`: how many there are to be, if the line says that of its epochs and of its batches. Of epochs
    /// alone some programs print the number of the last one there (`Epoch 0/24`).
    pub(super) fn take(&mut self, epoch: i64, total: Option<i64>) {
        self.lowest = Some(self.lowest.map_or(epoch, |lowest| lowest.min(epoch)));
        self.last |= total == Some(epoch);
    }

    /// Takes the epochs of other lines.
    pub(super) fn join(&mut self, other: Self) {
        if let Some(lowest) = other.lowest {
            self.take(lowest, None);
        }
        self.last |= other.last;
    }

    /// 0 or 1, as the first one is; 1 if the last of N is N. A log that begins later, after a resume, shows it by nothing else.
    pub(super) fn base(self) -> Option<u8> {
        match self.lowest {
            Some(0) => Some(0),
            None | Some(1) => Some(1),
            Some(_) => self.last.then_some(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_show_from_where_they_are_counted() {
        for (epochs, base) in [
            (&[][..], Some(1)),
            (&[(1, None), (0, None)], Some(0)),
            (&[(0, Some(1)), (1, Some(1))], Some(0)),
            (&[(1, Some(3)), (2, Some(3))], Some(1)),
            (&[(4, None), (5, None)], None),
            (&[(4, Some(6)), (5, Some(6))], None),
            (&[(4, Some(6)), (6, Some(6))], Some(1)),
        ] {
            let mut start = EpochStart::default();
            for &(epoch, total) in epochs {
                start.take(epoch, total);
            }
            assert_eq!(start.base(), base, "{epochs:?}");
        }
    }
}
