//! Times as seconds since 1970.

/// A time in milliseconds.
#[expect(clippy::cast_precision_loss, reason = "a time of the next 280,000 years is below 2^53 milliseconds")]
pub(crate) fn milliseconds(time: i64) -> f64 {
    time as f64 / 1000.0
}

/// A time as `2025-08-01T12:34:56.789+00:00`. `None` if it names no time zone: then it is not known when that was.
pub(crate) fn iso(text: &str) -> Option<f64> {
    let (date, time) = text.split_once(['T', ' '])?;
    let (time, offset) = if let Some(time) = time.strip_suffix('Z') {
        (time, 0)
    } else {
        let at = time.rfind(['+', '-'])?;
        let (hours, minutes) = time[at + 1..].split_once(':')?;
        let offset = 60 * number(hours, 24)? + number(minutes, 60)?;
        (&time[..at], if time[at..].starts_with('-') { -offset } else { offset })
    };
    let mut date = date.splitn(3, '-');
    let (year, month, day) = (number(date.next()?, 10_000)?, number(date.next()?, 13)?, number(date.next()?, 32)?);
    let mut time = time.splitn(3, ':');
    let (hour, minute) = (number(time.next()?, 24)?, number(time.next()?, 60)?);
    let seconds: f64 = time.next()?.parse().ok().filter(|seconds| (0.0..61.0).contains(seconds))?;
    if month == 0 || day == 0 {
        return None;
    }
    // Days since 1970 in the calendar of today: years begin in March, so that a leap day is their last.
    let year = if month < 3 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    #[expect(clippy::cast_precision_loss, reason = "minutes of 10,000 years")]
    let minutes = (days * 1440 + hour * 60 + minute - offset) as f64;
    Some(minutes * 60.0 + seconds)
}

/// A number of digits alone, below a bound.
fn number(text: &str, below: i64) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|number| *number < below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_a_zone_are_known() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0.0)),
            ("2000-02-29T23:59:59.5+00:00", Some(951_868_799.5)),
            ("2025-08-01T14:00:00+02:00", Some(1_754_049_600.0)),
            ("2025-08-01 12:00:00-00:30", Some(1_754_051_400.0)),
            ("2025-08-01T12:00:00", None),
            ("2025-13-01T12:00:00Z", None),
            ("2025-00-01T12:00:00Z", None),
            ("today", None),
            ("", None),
        ] {
            assert_eq!(iso(text), expected, "{text}");
        }
    }
}
