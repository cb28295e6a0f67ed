//! What our own parser of numbers gains over the standard library's: `cargo bench --package stepbridge-io`.
//!
//! Both read the same text: the numbers of JSON lines, as Python prints floats and as loggers round them. The plain way
//! looks for the end of a number and parses it with `str::parse`. Ours must be at least 15 % faster on what loggers write most,
//! floats of 16 to 18 digits; the program fails otherwise.
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]
#![expect(clippy::unwrap_used, reason = "in a bench a panic is the report")]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use stepbridge_io::json::JsonCursor;

const NUMBERS: u32 = 1 << 16;
const REPEATS: usize = 40;
const GAIN: f64 = 0.15;

/// Numbers with a comma after each, as a JSON line has them.
fn text(print: impl Fn(f64) -> String) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut text = String::new();
    for _ in 0..NUMBERS {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text += &print(f64::from_bits(state >> 12 | 1023 << 52) - 1.0);
        text.push(',');
    }
    text.push('}');
    text.into_bytes()
}

/// The sum of all numbers by our cursor.
fn ours(text: &[u8]) -> f64 {
    let mut cursor = JsonCursor::lines(text, 0);
    let mut sum = 0.0;
    for _ in 0..NUMBERS {
        sum += cursor.float().unwrap();
        cursor.expect(b',').unwrap();
    }
    sum
}

/// The sum of all numbers by the standard library.
fn plain(text: &[u8]) -> f64 {
    let mut sum = 0.0;
    let mut rest = text;
    for _ in 0..NUMBERS {
        let end = rest.iter().position(|byte| matches!(byte, b',' | b'}' | b' ')).unwrap();
        sum += std::str::from_utf8(&rest[..end]).unwrap().parse::<f64>().unwrap();
        rest = &rest[end + 1..];
    }
    sum
}

/// Compares the fastest of both; true if ours gains enough.
fn compare(what: &str, text: &[u8]) -> bool {
    assert_eq!(ours(text).to_bits(), plain(text).to_bits(), "both read the same numbers");
    let (mut fast, mut slow) = (Duration::MAX, Duration::MAX);
    for _ in 0..REPEATS {
        for (best, read) in [(&mut fast, ours as fn(&[u8]) -> f64), (&mut slow, plain)] {
            let begun = Instant::now();
            black_box(read(black_box(text)));
            *best = begun.elapsed().min(*best);
        }
    }
    let each = |time: Duration| time.as_secs_f64() * 1e9 / f64::from(NUMBERS);
    let gain = 1.0 - fast.as_secs_f64() / slow.as_secs_f64();
    println!("{what}: {:.1} ns, the plain way {:.1} ns, {:.0} % faster", each(fast), each(slow), gain * 100.0);
    gain >= GAIN
}

fn main() -> ExitCode {
    let whole = compare("floats with all digits", &text(|number| format!("{number}")));
    compare("rounded to 4 digits", &text(|number| format!("{number:.4}")));
    compare("with an exponent", &text(|number| format!("{:e}", number * 1e-5)));
    compare("integers", &text(|number| format!("{}", (number * 1e6).floor())));
    if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
