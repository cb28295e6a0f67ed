//! From where updates are counted, as the numbers of a log show it.

/// The numbers of the lines of one form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CountStart {
    zero: bool,
    first: Option<i64>,
    last: i64,
    /// The widest distance of neighbours.
    widest: i64,
}

impl CountStart {
    pub(super) fn take(&mut self, number: i64) {
        self.zero |= number == 0;
        if self.first.is_some() {
            self.widest = self.widest.max(number.saturating_sub(self.last));
        }
        self.first.get_or_insert(number);
        self.last = number;
    }

    /// Whether there is a number.
    pub(super) fn is_seen(self) -> bool {
        self.first.is_some()
    }

    /// Whether a 0 was seen.
    pub(super) fn zero(self) -> bool {
        self.zero
    }

    /// 0 if a 0 was seen. 1 if it would have been seen: the first number is at most as far from it as the others are from one
    /// another. A log that begins later, after a resume, shows it by nothing else.
    pub(super) fn base(self) -> Option<u8> {
        match self.first {
            _ if self.zero => Some(0),
            Some(first) if first > self.widest.max(1) => None,
            _ => Some(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_show_from_where_they_are_counted() {
        for (numbers, base) in [
            (&[][..], Some(1)),
            (&[1], Some(1)),
            (&[0, 10, 20], Some(0)),
            (&[10, 20, 30], Some(1)),
            (&[10, 10, 20], Some(1)),
            (&[5000, 5010, 5020], None),
            (&[5000], None),
            (&[5000, 0, 10], Some(0)),
        ] {
            let mut start = CountStart::default();
            for number in numbers {
                start.take(*number);
            }
            assert_eq!(start.base(), base, "{numbers:?}");
        }
    }
}
