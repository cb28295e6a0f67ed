use super::*;
use proptest::prelude::*;

fn value(text: &str) -> Result<JsonValue<'_>, JsonFault> {
    JsonCursor::new(text.as_bytes(), 0).value()
}

#[test]
fn values() {
    for (text, expected) in [
        ("1.50 ", Ok(JsonValue::Number { text: "1.50", value: 1.5 })),
        ("-1e-05,", Ok(JsonValue::Number { text: "-1e-05", value: -1e-5 })),
        ("-Infinity]", Ok(JsonValue::Number { text: "-Infinity", value: f64::NEG_INFINITY })),
        (" \"a\\\"b\" ", Ok(JsonValue::Other)),
        ("false ", Ok(JsonValue::Other)),
        ("null ", Ok(JsonValue::Null)),
        ("[1, {\"a\": []}, NaN] ", Ok(JsonValue::Nested)),
        ("{} ", Ok(JsonValue::Nested)),
        ("1.5", Err(JsonFault::End)),
        ("\"abc", Err(JsonFault::End)),
        ("[1, ", Err(JsonFault::End)),
        ("", Err(JsonFault::End)),
        ("nan ", Err(JsonFault::Syntax)),
        ("1.5.2 ", Err(JsonFault::Syntax)),
        ("01 ", Err(JsonFault::Syntax)),
        ("1. ", Err(JsonFault::Syntax)),
        ("+1 ", Err(JsonFault::Syntax)),
        ("1e ", Err(JsonFault::Syntax)),
        ("-x ", Err(JsonFault::Syntax)),
        ("1e", Err(JsonFault::End)),
        ("[1 2] ", Err(JsonFault::Syntax)),
        ("{1: 2} ", Err(JsonFault::Syntax)),
        ("<<<<<<< ", Err(JsonFault::Syntax)),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
    assert_eq!(value(&"[".repeat(1000)), Err(JsonFault::Syntax), "nested too deep");
}

#[test]
fn names() {
    for (text, expected) in [("\"loss\" :1", "loss"), ("\"a\\u00e4\\\"\":", "aä\""), ("\"\\x\":", "\\x")] {
        assert_eq!(JsonCursor::new(text.as_bytes(), 0).name().as_deref(), Ok(expected));
    }
}

#[test]
fn a_value_ends_with_its_line() {
    assert_eq!(JsonCursor::lines(b"[1,\n2]", 0).value(), Err(JsonFault::Syntax));
    assert_eq!(JsonCursor::new(b"[1,\n2]", 0).value(), Ok(JsonValue::Nested));
}

fn float(text: &str) -> u64 {
    JsonCursor::new(format!("{text},").as_bytes(), 0).float().expect("a number").to_bits()
}

#[test]
fn floats_have_the_nearest_bits() {
    for text in [
        "0",
        "-0",
        "-0.0",
        "9007199254740991",
        "9007199254740993",
        "1e22",
        "1e23",
        "123456789012345678901234567890",
        "0.1",
        "2.2250738585072011e-308",
        "5e-324",
        "1e400",
        "-1e400",
        "1e-400",
        "1e99999999999",
        "0e99999999999",
        "0.000000000000000000000000000000000000000000001",
        "1.7976931348623157e308",
        "8.41e+21",
        "00.5e0",
    ] {
        if text.starts_with("00") {
            assert_eq!(JsonCursor::new(text.as_bytes(), 0).float(), Err(JsonFault::Syntax));
            continue;
        }
        assert_eq!(float(text), text.parse::<f64>().expect("a float").to_bits(), "{text}");
    }
}

#[test]
fn numbers_that_a_text_begins_with() {
    for (text, expected) in [
        ("0.6125, lr", Some((0.6125, 6))),
        ("-.5", Some((-0.5, 3))),
        ("+5.x", Some((5.0, 3))),
        ("007 ", Some((7.0, 3))),
        ("4.95e-05}", Some((4.95e-5, 8))),
        ("1e", Some((1.0, 1))),
        ("1e-x", Some((1.0, 1))),
        ("0", Some((0.0, 1))),
        ("12345678.87654321|", Some((12_345_678.876_543_21, 17))),
        ("", None),
        ("-", None),
        (".", None),
        ("-e5", None),
        ("nan", None),
    ] {
        assert_eq!(leading_float(text.as_bytes()), expected, "{text}");
    }
    assert!(leading_float(b"-0.0").is_some_and(|(number, _)| number.is_sign_negative()));
}

#[test]
fn short_integers_are_read_and_others_left() {
    for (text, expected) in [
        ("12,", Some(12)),
        ("-7}", Some(-7)),
        ("0 ", Some(0)),
        ("99999999999999,", Some(99_999_999_999_999)),
        ("100000000000000,", None),
        ("01,", None),
        ("1.0,", None),
        ("1e3,", None),
        ("-,", None),
        ("12", None),
        ("x,", None),
    ] {
        let mut cursor = JsonCursor::new(text.as_bytes(), 0);
        assert_eq!(cursor.short_integer(), expected, "{text}");
        assert_eq!(cursor.at, if expected.is_some() { text.len() - 1 } else { 0 }, "{text}");
    }
}

proptest! {
    #[test]
    fn long_decimals_are_those_of_their_text(mantissa in 10..u64::MAX, half in 1_u64..1 << 53, point in 0_usize..25) {
        // Any digits, and digits that are close to the middle between two floats.
        for number in [u128::from(mantissa), u128::from(half) * 2 + 1, u128::from(half | 1 << 52) * 1000 + 500] {
            let digits = number.to_string();
            let (whole, fraction) = digits.split_at(point.clamp(1, digits.len() - 1));
            let text = format!("{whole}.{fraction}");
            prop_assert_eq!(float(&text), text.parse::<f64>().expect("a float").to_bits(), "{}", text);
            let text = format!("{number}e-{point}");
            prop_assert_eq!(float(&text), text.parse::<f64>().expect("a float").to_bits(), "{}", text);
        }
    }

    #[test]
    fn every_float_is_that_of_its_text(value in any::<f64>().prop_filter("finite", |value| value.is_finite()),
        whole in any::<i64>(), digits in "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][-+]?[0-9]{1,3})?") {
        for text in [format!("{value}"), format!("{value:?}"), format!("{value:e}"), format!("{whole}"), digits] {
            prop_assert_eq!(float(&text), text.parse::<f64>().expect("a float").to_bits(), "{}", text);
        }
    }

    #[test]
    fn a_number_ends_where_its_text_does(
        digits in "[-+]?([0-9]{1,25}(\\.[0-9]{0,25})?|\\.[0-9]{1,25})([eE][-+]?[0-9]{1,5})?",
        after in "([ ,a-dk%]|e[-+]?[ a]|\\.[ .]).{0,9}|",
    ) {
        let text = digits + &after;
        if let Some((number, length)) = leading_float(text.as_bytes()) {
            let expected: f64 = text[..length].parse().expect("a float");
            prop_assert_eq!(number.to_bits(), expected.to_bits(), "{}", text);
            // The longest text that is a number.
            let longer = (length + 1..=text.len()).filter_map(|more| text.get(..more)).find(|more| more.parse::<f64>().is_ok());
            prop_assert_eq!(longer, None, "{}", text);
        }
    }

    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = JsonCursor::new(&bytes, 0).value();
    }

    #[test]
    fn json_of_the_crate_is_read(numbers in prop::collection::vec(any::<f64>(), 0..20)) {
        let text = serde_json::to_string(&numbers).expect("json") + " ";
        prop_assert_eq!(value(&text), Ok(JsonValue::Nested));
    }
}
