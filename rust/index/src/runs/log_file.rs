//! A file that is a log, before it is merged with the others.

use std::sync::Arc;

use stepbridge_formats::FileContents;
use stepbridge_records::{BatchRun, Format};

use super::refresh_state::RefreshFile;
use super::sessions::SeriesBack;
use crate::file_path::FilePath;

/// A file that is a log, with all that it holds.
pub(crate) struct LogFile {
    /// Its path, as people see it.
    pub(crate) source: String,
    /// The folders that name its run.
    pub(crate) folder: Arc<[String]>,
    pub(crate) format: Format,
    pub(crate) contents: Box<FileContents>,
    pub(crate) path: FilePath,
    /// Where its counters go back, if only some of its records were kept.
    pub(crate) backs: Option<Vec<SeriesBack>>,
}

impl LogFile {
    /// What a later reading needs to know of it; nothing if only some of its records were kept, since then there is none.
    pub(crate) fn refresh_file(&self) -> RefreshFile {
        if self.backs.is_some() {
            return RefreshFile::default();
        }
        let mut runs: Vec<(u64, BatchRun)> = Vec::new();
        let mut records = 0;
        for batch in &self.contents.batches {
            if runs.last().is_none_or(|(_, run)| *run != batch.run) {
                runs.push((records, batch.run.clone()));
            }
            records += batch.columns.len() as u64;
        }
        runs.shrink_to_fit();
        RefreshFile { mark: self.contents.mark.clone(), problems: self.contents.problems.clone(), runs }
    }
}
