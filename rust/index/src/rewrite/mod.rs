//! Event files of runs on an axis that they have in common, for `TensorBoard`.
//!
//! The new step of every value comes from the same gathering, resolving and placing as a table. From event files every summary
//! is copied with another step ([`stepbridge_formats::CopySummaries`]); of other logs the numbers are written. What a later
//! session superseded, and what has no place on the axis, is left out and counted.

mod axis;
mod error;
mod files;
mod folder;
mod left_out;
mod others;
mod source;
mod table;

use std::path::Path;

use stepbridge_formats::ReadOptions;
use stepbridge_io::parallel;
use stepbridge_io::progress::Progress;
use stepbridge_records::{ColumnBatch, Problem, ProblemKind};

use crate::error::ReadError;
use crate::log_paths::LogPaths;
use crate::logs::Logs;
use crate::reindex::place::Placer;
use crate::reindex::resolve::resolve;
use crate::reindex::{
    Places, ReindexOptions, Resolutions, StepAssumption, StepInfo, TimelineSource, Timelines, report,
};
use crate::runs::read;
use crate::table::superseded;

pub use axis::Axis;
pub use error::RewriteError;
pub use left_out::LeftOut;

use files::FileWriter;
use folder::OutputFolder;
use left_out::LeftOutCounts;

/// What to write.
#[derive(Debug, Clone, Copy)]
pub struct RewriteRequest<'a> {
    /// The folder.
    pub output: &'a Path,
    /// What the new steps count.
    pub axis: Axis,
    /// Whether to write each run a second time with the steps that it logged.
    pub also: bool,
}

/// What was written, and what there is to say about it.
#[derive(Debug, Clone, PartialEq)]
pub struct RewriteResult {
    /// How many values were written.
    pub values: u64,
    /// How many files were written.
    pub files: usize,
    /// The names of the runs that were read.
    pub runs: Vec<String>,
    /// What was left out.
    pub left_out: Vec<LeftOut>,
    /// What could not be read, and what [`crate::reindex::ReindexResult::problems`] has.
    pub problems: Vec<Problem>,
    /// As [`crate::reindex::ReindexResult::assumed`].
    pub assumed: Vec<StepAssumption>,
    /// As [`crate::reindex::ReindexResult::steps`].
    pub steps: Vec<StepInfo>,
    /// As [`crate::reindex::ReindexResult::origins`].
    pub origins: Vec<TimelineSource>,
}

/// The new step of each value of a batch; `None` for those that are left out.
type NewSteps = Vec<Option<i64>>;

/// Reads all logs below the paths, and writes their values on another axis: all files, or none.
pub fn rewrite(
    paths: &LogPaths,
    read_options: &ReadOptions,
    timelines: Timelines,
    options: &ReindexOptions,
    request: &RewriteRequest,
    progress: &Progress,
    threads: usize,
) -> Result<RewriteResult, RewriteError> {
    let RewriteRequest { output, axis, also } = *request;
    let folder = OutputFolder::at(output, paths.all())?;
    let mut logs = read(paths, &ReadOptions { summaries: true, ..read_options.clone() }, progress, threads)?;
    let others = others::batches(&mut logs)
        .map_err(|error| ReadError::Unreadable { path: paths.root.clone(), source: error.into() })?;
    let counters = others::second_counters(&logs, &others);
    let mut options = options.clone();
    axis.ask(&mut options);
    let resolutions = resolve(&logs.records, &others, &counters, &logs.run_ledgers(), timelines, &options, 1)?;
    logs.records.batches.extend(others);
    let records = &logs.records;
    let placer = Placer::new(records, &resolutions, &options);
    let placed = parallel::map(records.batches.len(), threads, |index| {
        let batch = &records.batches[index];
        let (places, parts) = placer.all(batch);
        (new_steps(batch, axis, &places), parts)
    });
    let (mut steps, mut counts, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    for ((new_steps, left_out), placed_parts) in placed {
        steps.push(new_steps);
        counts.push(left_out);
        parts.push(placed_parts);
    }
    let problems = report::problems(records, &resolutions, &parts, &options);
    let left_out = left_out::sum(records, &counts);
    let values = counts.iter().map(|counts: &LeftOutCounts| counts.kept).sum();
    refuse_unplaced(&problems, values, axis, options.strict)?;
    let writer = FileWriter::new(&logs, &folder, progress, threads);
    let names: Vec<String> = records.runs.clone();
    writer.all(&steps, &names)?;
    if also {
        let logged: Vec<NewSteps> = records.batches.iter().map(logged_steps).collect();
        let names: Vec<String> = names.iter().map(|run| original(run)).collect();
        writer.all(&logged, &names)?;
    }
    if progress.is_cancelled() {
        return Err(RewriteError::Cancelled);
    }
    let files = folder.complete()?;
    let (info, assumed) = (resolutions.steps(&records.runs), resolutions.assumed(&records.runs));
    let Resolutions { sources: origins, .. } = resolutions;
    let Logs { records, .. } = logs;
    let problems = records.problems.into_iter().chain(problems).collect();
    Ok(RewriteResult { values, files, runs: records.runs, left_out, problems, assumed, steps: info, origins })
}

/// The name of the run with the steps that were logged.
fn original(run: &str) -> String {
    if run == "." { "original".to_owned() } else { format!("{run}.original") }
}

/// The new steps of a batch, and what is left out of it.
fn new_steps(batch: &ColumnBatch, axis: Axis, places: &Places) -> (NewSteps, LeftOutCounts) {
    let mut steps = axis.steps(places);
    let gone = leave_out_superseded(batch, &mut steps);
    let counts = LeftOutCounts::of(batch, &steps, gone.as_ref());
    (steps, counts)
}

/// The steps of a batch as they were logged.
fn logged_steps(batch: &ColumnBatch) -> NewSteps {
    let mut steps = (0..batch.len()).map(|index| batch.step_of(index)).collect();
    leave_out_superseded(batch, &mut steps);
    steps
}

/// Returns which values a later session superseded, if there are any.
fn leave_out_superseded(batch: &ColumnBatch, steps: &mut NewSteps) -> Option<arrow_buffer::BooleanBuffer> {
    batch.superseded_from.as_ref()?;
    let gone = superseded(batch);
    steps.iter_mut().zip(&gone).filter(|(_, gone)| *gone).for_each(|(step, _)| *step = None);
    Some(gone)
}

fn refuse_unplaced(problems: &[Problem], values: u64, axis: Axis, strict: bool) -> Result<(), RewriteError> {
    let is_lacking =
        |kind| matches!(kind, ProblemKind::NoTimeline | ProblemKind::Undecided | ProblemKind::Contradicted);
    let lacking: Vec<Problem> = problems.iter().filter(|problem| is_lacking(problem.kind)).cloned().collect();
    if values == 0 {
        let reason = lacking.into_iter().next().map_or_else(|| axis.remedy().to_owned(), |problem| problem.reason);
        return Err(RewriteError::Nothing { axis: axis.name(), reason });
    }
    if strict && !lacking.is_empty() { Err(RewriteError::Unplaced(lacking)) } else { Ok(()) }
}
