//! The one place where errors of the Rust core become Python exceptions.

use pyo3::PyErr;
use pyo3::exceptions::{PyIndexError, PyOverflowError};
use pyo3::import_exception;
use stepbridge_timeline::Error;

import_exception!(stepbridge._errors, NoLogsError);
import_exception!(stepbridge._errors, PatternError);
import_exception!(stepbridge._errors, TimelineError);

/// The exception for an error of a timeline.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
pub(crate) fn timeline_error(error: Error) -> PyErr {
    let text = error.to_string();
    // One element of an array raises what it would raise alone.
    let kind = match &error {
        Error::Element { error, .. } => error,
        alone => alone,
    };
    match kind {
        Error::Overflow { .. } => PyOverflowError::new_err(text),
        Error::OutOfRange(_) | Error::Element { .. } => PyIndexError::new_err(text),
        Error::Invalid(_) | Error::Undetermined(_) | Error::Quantity(_) | Error::Json(_) => {
            TimelineError::new_err(text)
        }
    }
}
