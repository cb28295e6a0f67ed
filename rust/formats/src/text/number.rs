//! Numbers in text, and what may follow them.

/// The number that a text begins with, and how long it is. A unit may follow (`100ms`, `57.8%`, `1999.00/s`); what shows
/// that it is not a whole number of that sort (`21:12:23`, `0.0.3`, `10/100`) makes it none.
pub(super) fn value(text: &[u8]) -> Option<(f64, usize)> {
    let length = decimal(text).or_else(|| word(text))?;
    let number = std::str::from_utf8(&text[..length]).ok()?.parse().ok()?;
    let unit = unit(&text[length..])?;
    Some((number, length + unit))
}

/// The same, of a number whose thousands are parted by commas.
pub(super) fn grouped(text: &[u8]) -> Option<(f64, usize)> {
    let length = text.iter().take_while(|byte| !matches!(byte, b' ' | b'\t' | b'|' | b';')).count();
    if !text[..length].contains(&b',') {
        return value(text);
    }
    let plain: Vec<u8> = text[..length].iter().copied().filter(|byte| *byte != b',').collect();
    value(&plain).map(|(number, _)| (number, length))
}

/// How long the decimal is that a text begins with.
fn decimal(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let whole = digits(at);
    at += whole;
    let mut fraction = 0;
    if text.get(at) == Some(&b'.') {
        fraction = digits(at + 1);
        if whole + fraction > 0 {
            at += 1 + fraction;
        }
    }
    if whole + fraction == 0 {
        return None;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = if text.len() > at + 1 + sign { digits(at + 1 + sign) } else { 0 };
        if exponent > 0 {
            at += 1 + sign + exponent;
        }
    }
    Some(at)
}

/// How long the word for no number, or for an infinite one, is.
fn word(text: &[u8]) -> Option<usize> {
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let letters = text[sign..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let word = &text[sign..sign + letters];
    let known = ["nan", "inf", "infinity"];
    known.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes())).then_some(sign + letters)
}

/// How long the unit after a number is; `None` where what follows shows that it is not a number.
fn unit(text: &[u8]) -> Option<usize> {
    let mut length = 0;
    while let Some(&byte) = text.get(length) {
        let per = byte == b'/' && text.get(length + 1).is_some_and(u8::is_ascii_alphabetic);
        if !(byte.is_ascii_alphabetic() || byte == b'%' || byte >= 0x80 || per) {
            break;
        }
        length += 1;
    }
    // An exponent without its digits.
    if matches!(&text[..length], b"e" | b"E") {
        return None;
    }
    match text.get(length) {
        None | Some(b' ' | b'\t' | b',' | b';' | b'|' | b'(' | b')' | b'[' | b']' | b'}' | b'\'' | b'"') => {
            Some(length)
        }
        // The end of a sentence.
        Some(b'.') if text.len() == length + 1 => Some(length + 1),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_what_is_none() {
        for (text, expected) in [
            ("0.0490", Some(0.049)),
            ("-1.5E+01 |", Some(-15.0)),
            ("1e-05,", Some(1e-5)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("0.25. ", None),
            ("0.25.", Some(0.25)),
            ("100ms", Some(100.0)),
            ("57.8%)", Some(57.8)),
            ("1999.00/s", Some(1999.0)),
            ("11810M", Some(11810.0)),
            ("10356.65 samples/sec", Some(10356.65)),
            ("inf", Some(f64::INFINITY)),
            ("-Infinity,", Some(f64::NEG_INFINITY)),
            ("21:12:23", None),
            ("0.0.3", None),
            ("10/100", None),
            ("1e-", None),
            ("1e", None),
            ("3-4", None),
            ("infinite", None),
            ("-", None),
            ("", None),
            ("x1", None),
            ("1_000", None),
        ] {
            assert_eq!(value(text.as_bytes()).map(|found| found.0), expected, "{text}");
        }
        assert!(value(b"NaN").is_some_and(|found| found.0.is_nan()));
        assert_eq!(grouped(b"19,049,038"), Some((19_049_038.0, 10)));
        assert_eq!(grouped(b"0.2370"), Some((0.237, 6)));
    }
}
