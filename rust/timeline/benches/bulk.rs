//! What two parts of the array look-up gain: `cargo bench --package stepbridge-timeline`.
//!
//! Each line compares a part with the plain way to do the same, on the same numbers, in turn. Each must be at least 15 %
//! faster in the case that it is for; the program fails otherwise.
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]
#![expect(clippy::unwrap_used, reason = "in a bench a panic is the report")]
#![allow(dead_code, unreachable_pub, reason = "the parts are compiled as they are, without the crate around them")]

#[path = "../src/epoch_starts/bitmap.rs"]
mod bitmap;
#[path = "../src/epoch_starts/buckets.rs"]
mod buckets;
#[path = "../src/bulk/divisor.rs"]
mod divisor;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bitmap::StartBitmap;
use buckets::StartBuckets;
use divisor::Divisor;

const REPEATS: usize = 40;
const GAIN: f64 = 0.15;

/// Random numbers that are the same in each run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Writes two numbers for each value, as an array look-up does.
#[inline(never)]
fn fill(values: &[u64], epoch: &mut [u64], iter: &mut [u64], find: impl Fn(u64) -> (u64, u64)) -> Duration {
    let begun = Instant::now();
    for ((value, epoch), iter) in values.iter().zip(epoch).zip(iter) {
        (*epoch, *iter) = find(*value);
    }
    begun.elapsed()
}

/// Compares the fastest of both ways; true if ours gains enough.
fn compare(what: &str, values: &[u64], ours: impl Fn(u64) -> (u64, u64), plain: impl Fn(u64) -> (u64, u64)) -> bool {
    let (mut epoch, mut iter) = (vec![0; values.len()], vec![0; values.len()]);
    let (mut fast, mut slow) = (Duration::MAX, Duration::MAX);
    for _ in 0..REPEATS {
        fast = fast.min(fill(values, &mut epoch, &mut iter, &ours));
        black_box((&epoch, &iter));
        slow = slow.min(fill(values, &mut epoch, &mut iter, &plain));
        black_box((&epoch, &iter));
    }
    let each = |time: Duration| time.as_secs_f64() * 1e9 / f64::from(u32::try_from(values.len()).unwrap());
    let gain = 1.0 - fast.as_secs_f64() / slow.as_secs_f64();
    println!("{what}: {:.2} ns, the plain way {:.2} ns, {:.0} % faster", each(fast), each(slow), gain * 100.0);
    gain >= GAIN
}

/// Numbers that stay in a core's cache, as the blocks of a log do.
fn division() -> bool {
    let length = black_box(1719);
    let divisor = Divisor::new(length);
    let values: Vec<u64> = (0..1 << 14).collect();
    compare("divisor", &values, |n| divisor.divide(n), |n| (n / length, n % length))
}

/// 800,000 epochs of 1 to 50 batches, looked up in random order.
fn starts() -> bool {
    let mut random = Random(88_172_645_463_325_252);
    let mut edges = vec![0];
    for _ in 0..800_000 {
        edges.push(edges.last().unwrap() + 1 + random.below(50));
    }
    let end = *edges.last().unwrap();
    let values: Vec<u64> = (0..4_000_000).map(|_| random.below(end)).collect();
    let bitmap = StartBitmap::new(&edges).unwrap();
    let buckets = StartBuckets::new(edges).unwrap();
    compare("bitmap", &values, |n| bitmap.find(n), |n| buckets.find_start(n))
}

fn main() -> ExitCode {
    if division() & starts() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
