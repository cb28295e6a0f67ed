//! A file that is a log, before it is merged with the others.

use stepbridge_formats::FileContents;
use stepbridge_records::{BatchRun, Format};

use super::refresh_state::RefreshFile;
use crate::file_path::FilePath;

/// A file that is a log, with all that it holds.
pub(crate) struct LogFile {
    /// Its path, as people see it.
    pub(crate) source: String,
    /// The folders that name its run.
    pub(crate) folder: Vec<String>,
    pub(crate) format: Format,
    pub(crate) contents: FileContents,
    pub(crate) path: FilePath,
}

impl LogFile {
    /// What a later reading needs to know of it.
    pub(crate) fn refresh_file(&self) -> RefreshFile {
        let mut runs: Vec<(u64, BatchRun)> = Vec::new();
        let mut records = 0;
        for batch in &self.contents.batches {
            if runs.last().is_none_or(|(_, run)| *run != batch.run) {
                runs.push((records, batch.run.clone()));
            }
            records += batch.columns.len() as u64;
        }
        RefreshFile { mark: self.contents.mark.clone(), problems: self.contents.problems.clone(), runs }
    }
}
