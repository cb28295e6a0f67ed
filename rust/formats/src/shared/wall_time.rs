//! Times as seconds since 1970.

/// A time in milliseconds.
#[expect(clippy::cast_precision_loss, reason = "a time of the next 280,000 years is below 2^53 milliseconds")]
pub(crate) fn milliseconds(time: i64) -> f64 {
    time as f64 / 1000.0
}
