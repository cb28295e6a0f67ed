//! `_core.find_files`: the files below the paths, and what each of them is.

use std::collections::BTreeMap;
use std::ffi::OsString;

use pyo3::prelude::*;
use stepbridge_index::{FileRole, FoundFile};

use crate::interruptible::interruptible;
use crate::logs::{read_error, threads};
use crate::request::{PathsRequest, ReadRequest};
use crate::rows::{ProblemRow, problem_rows};

/// File, path, size, e-tag, role, how many folders above its run is, its problem.
type FoundRow = (String, OsString, u64, String, &'static str, usize, Option<ProblemRow>);

/// Calls `watch` a few times a second with how many bytes are read. `known` holds e-tags by file; a file that still has its own is
/// not opened.
#[pyfunction]
#[pyo3(signature = (paths, options, known, watch=None))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 hands over")]
fn find_files(
    py: Python<'_>,
    paths: PathsRequest,
    options: ReadRequest,
    known: BTreeMap<String, String>,
    watch: Option<Bound<'_, PyAny>>,
) -> PyResult<(Vec<FoundRow>, Vec<ProblemRow>)> {
    let (paths, options) = (paths.into_core(), options.into_core()?);
    let found = interruptible(py, watch.as_ref(), |progress| {
        stepbridge_index::find_files(&paths, &options, &known, progress, threads())
    })?;
    let (files, problems) = found.map_err(read_error)?;
    Ok((files.into_iter().map(found_row).collect(), problem_rows(&problems)))
}

fn found_row(found: FoundFile) -> FoundRow {
    let FoundFile { file, path, size, e_tag, role, above } = found;
    let (role, problem) = match role {
        // The caller may name the columns of such a log.
        FileRole::Log(reader) if reader.description.options.columns => ("table", None),
        FileRole::Log(_) => ("log", None),
        FileRole::Ledger => ("ledger", None),
        FileRole::Config => ("config", None),
        FileRole::Other => ("other", None),
        FileRole::Known => ("known", None),
        FileRole::Broken(problem) => ("broken", problem_rows(&[problem]).pop()),
    };
    (file, path.into_os_string(), size, e_tag, role, above, problem)
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(find_files, module)?)
}
