//! What every reader needs: bytes of files, decompression, parallel work, progress, checksums, and a cursor over JSON.
//!
//! Nothing here knows what a log is.

#![deny(unsafe_code)]

pub mod bytes;
mod chunked_buffer;
pub mod crc;
pub mod decompress;
pub mod json;
pub mod open;
pub mod parallel;
pub mod progress;
pub mod read_ranges;
