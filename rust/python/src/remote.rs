//! What `stepbridge.remote` asks of files that are elsewhere.

use std::io;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use stepbridge_index::{companion_names, is_read_whole};
use stepbridge_io::bytes::ReadAt;

use crate::request::ReadRequest;

/// Bytes that a function of Python fetches: the offset and how many; fewer only at the end.
struct Fetched {
    fetch: Py<PyAny>,
    size: u64,
}

impl ReadAt for Fetched {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset >= self.size || buffer.is_empty() {
            return Ok(0);
        }
        Python::attach(|py| {
            let bytes = self.fetch.bind(py).call1((offset, buffer.len()))?;
            let bytes = bytes.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes();
            let count = bytes.len().min(buffer.len());
            buffer[..count].copy_from_slice(&bytes[..count]);
            Ok(count)
        })
    }
}

/// Whether all of a file has to be fetched. If not, no later reading looks at other bytes than those that are fetched now.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 hands over")]
fn is_needed_whole(
    py: Python<'_>,
    name: &str,
    folder: Vec<String>,
    size: u64,
    options: ReadRequest,
    fetch: Py<PyAny>,
) -> PyResult<bool> {
    let options = options.into_core()?;
    let bytes = Fetched { fetch, size };
    Ok(py.detach(|| is_read_whole(name, &folder, &bytes, size, &options))?)
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("COMPANIONS", companion_names())?;
    module.add_function(wrap_pyfunction!(is_needed_whole, module)?)
}
