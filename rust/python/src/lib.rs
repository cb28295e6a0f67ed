//! The extension module `stepbridge._core`: arguments in, arrays out, errors mapped. No arithmetic.
#![forbid(unsafe_code)]

mod arrays;
mod asked;
mod clock;
mod errors;
mod ledger;
mod logs;
mod survey;
mod table;
mod timeline;
mod watched;

use pyo3::prelude::*;

/// Columns are large and short-lived: an allocator that keeps their pages saves the system from clearing them each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    timeline::register(module)?;
    clock::register(module)?;
    ledger::register(module)?;
    logs::register(module)?;
    module.add_class::<survey::PySurvey>()?;
    table::register(module)
}
