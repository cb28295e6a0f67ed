//! Why a timeline cannot answer: what it would have to know.

use crate::error::Error;

/// Why epochs of a stream have no place.
pub(crate) const NO_PASS: &str =
    "the epochs of the stream are not known: give samples=, the samples of one pass over the data";

/// Why tokens have no number.
pub(crate) const NO_TOKENS: &str = "tokens are known only if the plan states tokens_per_sample, or the run counts them";

/// `what` is not known, because no batch size is stated there.
pub(crate) fn sizes_unknown(what: &str) -> Error {
    Error::Undetermined(format!("{what} is not known: the timeline has no batch_size there"))
}

/// Why a token has no place: the run has not counted so many.
pub(crate) fn not_counted(token: u64, reached: u64) -> String {
    format!("token {token} is past the {reached} that are counted")
}
