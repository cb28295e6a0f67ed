//! The allocator of all columns: they are large and short-lived, and who reads logs mostly reads them again soon.

use std::ffi::{c_int, c_long};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc.h.
const PURGE_DELAY: c_int = 15;
/// How long freed pages wait for the next reading, as jemalloc has it too. To clear them again takes longer than to read what
/// is in them.
const MILLISECONDS: c_long = 10_000;

// SAFETY: the function is that of mimalloc.h, `void mi_option_set_default(mi_option_t, long)`, whose first type is an enum.
// It checks the number of the option, writes one number, and may be called at any time.
#[allow(unsafe_code)]
unsafe extern "C" {
    safe fn mi_option_set_default(option: c_int, value: c_long);
}

/// Keeps freed pages a while, unless `MIMALLOC_PURGE_DELAY` says otherwise.
pub(crate) fn keep_pages() {
    mi_option_set_default(PURGE_DELAY, MILLISECONDS);
}
