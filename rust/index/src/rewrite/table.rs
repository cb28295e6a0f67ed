//! Tables as event files.

use std::path::{Path, PathBuf};

use stepbridge_io::parallel;
use stepbridge_io::progress::Progress;

use super::error::RewriteError;
use super::files::FileWriter;
use super::folder::OutputFolder;
use super::{Axis, NewSteps};
use crate::logs::Logs;
use crate::reindex::place::Placer;
use crate::reindex::{ReindexOptions, Resolutions};
use crate::table::Table;

impl Table {
    /// Writes the rows that have a place on the axis into event files in a folder: all files, or none. Rows that a later
    /// session superseded are left out.
    ///
    /// The rows are placed once more, by what the table was made by: its columns say which batch closed a step, and not how much was
    /// done after it.
    pub fn write_events(
        &self,
        output: &Path,
        axis: Axis,
        progress: &Progress,
        threads: usize,
    ) -> Result<(), RewriteError> {
        let folder = OutputFolder::at(output, &[input_of(&self.logs)])?;
        let resolutions = self.resolutions_for(axis)?;
        let records = &self.logs.records;
        let mut options = ReindexOptions::default();
        axis.ask(&mut options);
        let placer = Placer::new(records, resolutions, &options);
        let mut steps: Vec<NewSteps> =
            parallel::map(records.batches.len(), threads, |index| axis.steps(&placer.all(&records.batches[index]).0));
        self.leave_out(&mut steps);
        if self.rows() > 0 && steps.iter().flatten().all(Option::is_none) {
            return Err(RewriteError::Nothing { axis: axis.name(), reason: axis.remedy().to_owned() });
        }
        progress.expect(steps.iter().map(|steps| steps.iter().flatten().count() as u64).sum());
        FileWriter::new(&self.logs, &folder, progress, 1).numbers(&steps, &records.runs)?;
        folder.complete().map(drop)
    }

    /// What is known of the rows, if the table has the column that says that they are on the axis.
    fn resolutions_for(&self, axis: Axis) -> Result<&Resolutions, RewriteError> {
        const REINDEX: &str = "make the table with reindex(), and do not pivot it";
        let (column, remedy) = match axis {
            Axis::Epoch | Axis::Step => ("epoch_float", REINDEX),
            Axis::Sample => ("sample", "make it with reindex(sample=True)"),
            Axis::Token => ("token", "make it with reindex(token=True)"),
            Axis::Batch => ("batch", "make it with reindex(batch=True)"),
        };
        let missing = |column, remedy| RewriteError::NoColumn { axis: axis.name(), column, remedy };
        let has = |column: &str| self.schema().column_with_name(column).is_some();
        for column in ["value", "epoch_float"] {
            if !has(column) {
                return Err(missing(column, REINDEX));
            }
        }
        if !has(column) {
            return Err(missing(column, remedy));
        }
        self.resolutions.as_deref().ok_or_else(|| missing(column, REINDEX))
    }

    /// Takes the new steps away from the records that are not rows of the table, and from the superseded ones.
    fn leave_out(&self, steps: &mut [NewSteps]) {
        let has_superseded = self.schema().column_with_name("superseded").is_some();
        let mut left = self.rows();
        for (batch, steps) in self.logs.records.batches.iter().zip(steps) {
            for (index, step) in steps.iter_mut().enumerate() {
                let superseded = batch.superseded_from.is_some() && batch.is_superseded(index);
                let is_row = left > 0 && (has_superseded || !superseded);
                left -= usize::from(is_row);
                if superseded || !is_row {
                    *step = None;
                }
            }
        }
    }
}

/// The folder that logs were read from; the file, if they are one file.
fn input_of(logs: &Logs) -> PathBuf {
    match logs.files.as_slice() {
        [one] if one.path.folder.is_empty() => one.path.path.to_path_buf(),
        [first, ..] => {
            first.path.path.ancestors().nth(first.path.folder.len() + 1).unwrap_or(Path::new("/")).to_owned()
        }
        [] => PathBuf::new(),
    }
}
