//! Cells as numbers.

use stepbridge_records::Decimal;

/// An integer of at most this many digits is read without the general parser.
const SHORT: usize = 14;

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell {
    Blank,
    Number(f64),
    Text,
}

/// A cell as a value, with the bits of Python's `float()`. `blank` is what the writer puts into a cell without a value.
#[inline]
pub(super) fn value(cell: &[u8], blank: Option<&str>) -> Cell {
    let cell = cell.trim_ascii();
    if cell.is_empty() {
        return Cell::Blank;
    }
    match std::str::from_utf8(cell).ok().and_then(|text| text.parse().ok()) {
        Some(value) => Cell::Number(value),
        None if blank.is_some_and(|blank| blank.as_bytes() == cell) => Cell::Blank,
        None => Cell::Text,
    }
}

/// A cell as a decimal; `None` if it is not a finite number. The cell must not be blank.
#[inline]
pub(super) fn stated(cell: &[u8]) -> Option<Decimal> {
    if cell.len() <= SHORT && cell.iter().all(u8::is_ascii_digit) && !cell.is_empty() {
        return Some(Decimal::integer(digits(cell)));
    }
    Decimal::parse(std::str::from_utf8(cell).ok()?)
}

/// A cell as an integer, also in the form that pandas may write (`49.0`).
#[inline]
pub(super) fn whole_number(cell: &[u8]) -> Option<i64> {
    stated(cell)?.whole()
}

fn digits(cell: &[u8]) -> i64 {
    cell.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cells_are_numbers_blanks_or_texts() {
        for (cell, expected) in [
            (" 1.5 ", Cell::Number(1.5)),
            ("-inf", Cell::Number(f64::NEG_INFINITY)),
            ("Infinity", Cell::Number(f64::INFINITY)),
            ("+.5e-1", Cell::Number(0.05)),
            ("1e999", Cell::Number(f64::INFINITY)),
            ("", Cell::Blank),
            ("  ", Cell::Blank),
            ("NA", Cell::Blank),
            ("na", Cell::Text),
            ("1_000", Cell::Text),
            ("0x10", Cell::Text),
            ("True", Cell::Text),
        ] {
            assert_eq!(value(cell.as_bytes(), Some("NA")), expected, "{cell}");
        }
        assert_eq!(value(b"NA", None), Cell::Text);
        assert_eq!(value(b"1\xff", None), Cell::Text);
        assert_eq!(value(b"1\0", None), Cell::Text);
        assert!(matches!(value(b"NaN", None), Cell::Number(value) if value.is_nan()));
        for (cell, expected) in
            [("007", Some(7)), ("49.0", Some(49)), ("1e3", Some(1000)), ("0.5", None), ("", None), ("-3", Some(-3))]
        {
            assert_eq!(whole_number(cell.as_bytes()), expected, "{cell}");
        }
    }

    proptest! {
        #[test]
        fn a_short_way_says_what_the_long_one_does(text in "[0-9]{1,20}") {
            prop_assert_eq!(stated(text.as_bytes()), Decimal::parse(&text));
        }

        #[test]
        fn a_float_keeps_its_bits(bits in any::<u64>()) {
            let float = f64::from_bits(bits);
            prop_assume!(!float.is_nan());
            prop_assert_eq!(value(format!("{float:e}").as_bytes(), None), Cell::Number(float));
        }
    }
}
