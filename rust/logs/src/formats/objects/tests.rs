//! Faults, laws and splits.
