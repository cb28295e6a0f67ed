//! How far a piece of work is, for the caller who waits for it, and a way to cancel it.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Shared between the threads that work and the caller who waits.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
    cancelled: AtomicBool,
}

impl Progress {
    /// How much is done: for a reading, in bytes. A range that is read twice, because a file is damaged, counts once.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed).min(self.total())
    }

    /// How much there is to do; 0 until it is known.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// Asks the work to stop soon.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the caller cancelled the work.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Adds to what there is to do.
    pub fn expect(&self, amount: u64) {
        self.total.fetch_add(amount, Ordering::Relaxed);
    }

    /// Adds to what is done.
    pub fn add(&self, amount: u64) {
        self.done.fetch_add(amount, Ordering::Relaxed);
    }

    /// Returns an error if the caller cancelled the work.
    pub fn check(&self) -> io::Result<()> {
        if self.is_cancelled() { Err(io::Error::other("reading was ended by its caller")) } else { Ok(()) }
    }
}
