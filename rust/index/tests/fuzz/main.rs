//! Damage at random, for each format: intact files, broken in all the ways that files get broken, never make a
//! reader panic, hang, answer twice differently, or lose anything in silence ([`oracle`]).
//!
//! `make fuzz SECONDS=60` runs longer, from another beginning each time. A file that fails is made as small as it goes,
//! and written next to the path that is printed with it; `STEPBRIDGE_FUZZ_INPUT` tries it again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod frames;
mod made_up;
mod mutate;
mod oracle;
mod random;
mod seeds;
mod ways;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use stepbridge_formats::{FormatReader, readers};

use oracle::{How, check};
use random::Random;
use seeds::{Target, target};

/// How long one format is tried, where is not stated otherwise: about half a minute for all of them.
const SECONDS: f64 = 2.0;
/// One file in so many is read in every way, where is not stated otherwise: from disk, which takes longer.
const WAYS: u64 = 8;
/// Nothing that is made here takes a reader longer than this, on the slowest machine.
const HANGS: Duration = Duration::from_secs(120);
/// One in so many is larger than the blocks that readers share out.
const LARGE: u64 = 51;

fn setting<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    env::var(name).ok().map_or(otherwise, |text| text.parse().ok().unwrap_or_else(|| panic!("{name}={text}")))
}

/// Breaks files of one format for a while.
fn fuzz(reader: &'static FormatReader) {
    let (target, name) = (target(reader), reader.description.name);
    if let Ok(path) = env::var("STEPBRIDGE_FUZZ_INPUT") {
        let bytes = fs::read(&path).expect("the input can be read");
        for how in How::ALL {
            assert_eq!(check(&target, &bytes, how), Ok(()), "{path}, {how:?}");
        }
        return;
    }
    for seed in &target.seeds {
        let bytes = frames::build(target.framing, &seed.head, &seed.payloads(), &seed.tail);
        assert_eq!(oracle::sound(&target, seed, &bytes), Ok(()), "{name}: {}", String::from_utf8_lossy(&bytes));
    }
    let beginning: u64 = setting("STEPBRIDGE_FUZZ_SEED", 1);
    let (begun, seconds) = (Instant::now(), Duration::from_secs_f64(setting("STEPBRIDGE_FUZZ_SECONDS", SECONDS)));
    // 0 leaves that out.
    let ways: u64 = setting("STEPBRIDGE_FUZZ_WAYS", WAYS);
    let watch = Watch::begin(name);
    for round in 0.. {
        let mut random = Random::new(beginning, round);
        let large = round % LARGE == LARGE - 1;
        let bytes = mutate::file(&target, &mut random, large);
        let how = How::ALL[random.below(How::ALL.len())];
        watch.look_at(&bytes);
        if ways > 0
            && round % ways == 0
            && let Err(fault) = ways::check(&target, &bytes, &mut random)
        {
            let path = kept(name, &bytes);
            panic!("{fault}\nSTEPBRIDGE_FUZZ_SEED={beginning}, round {round}; the file is {}", path.display());
        }
        if let Err(fault) = check(&target, &bytes, how) {
            let small = smaller(&target, bytes, how);
            let path = kept(name, &small);
            let last = check(&target, &small, how).err().unwrap_or(fault);
            panic!(
                "{last}\n{how:?}, STEPBRIDGE_FUZZ_SEED={beginning}, round {round}; again with\n  STEPBRIDGE_FUZZ_INPUT={} \
                 STEPBRIDGE_FUZZ_FORMAT={} cargo test --profile quick -p stepbridge-index --test fuzz\n{:?}",
                path.display(),
                name,
                String::from_utf8_lossy(&small[..small.len().min(2000)])
            );
        }
        if begun.elapsed() > seconds {
            break;
        }
    }
    watch.end();
}

/// Where a failing file is put.
fn kept(format: &str, bytes: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{format}.bin"));
    fs::write(&path, bytes).expect("a file can be written");
    path
}

/// Takes away whatever is not needed to fail, for some seconds at most.
fn smaller(target: &Target, mut bytes: Vec<u8>, how: How) -> Vec<u8> {
    let begun = Instant::now();
    let mut width = bytes.len() / 2;
    while width > 0 {
        let mut at = 0;
        while at < bytes.len() {
            if begun.elapsed() > Duration::from_secs(10) {
                return bytes;
            }
            let mut less = bytes.clone();
            less.drain(at..(at + width).min(bytes.len()));
            if check(target, &less, how).is_err() {
                bytes = less;
            } else {
                at += width;
            }
        }
        width /= 2;
    }
    bytes
}

/// Since when a file is read, and the file; `None` once all were.
type Watched = Option<(Instant, Vec<u8>)>;

/// Ends the process where a reader hangs; the file that it hangs on is kept.
struct Watch(Arc<Mutex<Watched>>);

impl Watch {
    fn begin(format: &'static str) -> Self {
        let shared = Arc::new(Mutex::new(Some((Instant::now(), Vec::new()))));
        let seen = Arc::clone(&shared);
        thread::spawn(move || {
            loop {
                thread::sleep(Duration::from_millis(500));
                let Some((since, bytes)) = &*seen.lock().expect("no panic under the lock") else { return };
                if since.elapsed() > HANGS {
                    #[expect(clippy::print_stderr, reason = "the only way out")]
                    {
                        eprintln!("{format} hangs on {}", kept(format, bytes).display());
                    }
                    process::abort();
                }
            }
        });
        Self(shared)
    }

    fn look_at(&self, bytes: &[u8]) {
        *self.0.lock().expect("no panic under the lock") = Some((Instant::now(), bytes.to_vec()));
    }

    fn end(&self) {
        *self.0.lock().expect("no panic under the lock") = None;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}

/// The formats that are tried: all, or those that `STEPBRIDGE_FUZZ_FORMAT` names.
fn tried() -> Vec<&'static FormatReader> {
    let chosen: String = setting("STEPBRIDGE_FUZZ_FORMAT", String::new());
    readers().into_iter().filter(|reader| chosen.is_empty() || chosen == reader.description.name).collect()
}

#[test]
fn every_format_survives_damage() {
    // As many threads as a test runner would use.
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let left = Mutex::new(tried());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = left.lock().expect("no panic under the lock").pop();
                    let Some(reader) = next else { return };
                    fuzz(reader);
                }
            });
        }
    });
}
