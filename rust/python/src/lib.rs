//! The extension module `stepbridge._core`: arguments in, arrays out, errors mapped. No arithmetic.
#![deny(unsafe_code)]

mod allocator;
mod arrays;
mod clock;
mod curves;
mod errors;
mod found_files;
mod interruptible;
mod ledger;
mod logs;
mod remote;
mod request;
mod rewrite;
mod rows;
mod step;
mod survey;
mod table;
mod timeline;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    allocator::keep_pages();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    timeline::register(module)?;
    clock::register(module)?;
    ledger::register(module)?;
    logs::register(module)?;
    found_files::register(module)?;
    module.add_class::<survey::PySurvey>()?;
    remote::register(module)?;
    rewrite::register(module)?;
    table::register(module)
}
