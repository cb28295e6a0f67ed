//! Re-indexes logs of any size into a file, in memory that does not grow with them.
//!
//! Small logs are read once, into memory. Large ones are read twice: the first reading keeps the records that sessions and
//! timelines follow from; in the second reading, each batch gets its places, is written, and is freed. What is known of the
//! records is resolved once, from the first reading, in both cases.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use arrow_schema::ArrowError;
use stepbridge_formats::ReadOptions;
use stepbridge_io::parallel;
use stepbridge_io::progress::Progress;
use stepbridge_records::{ColumnBatch, Problem, ProblemKind, Records, SupersededFrom, TaggedBatch};
use stepbridge_timeline::Error;

use crate::error::ReadError;
use crate::log_paths::LogPaths;
use crate::logs::Logs;
use crate::output::{TableWriter, WriteError, refuse_input};
use crate::reindex::part::{PlacedPart, Tally};
use crate::reindex::place::Placer;
use crate::reindex::resolve::resolve;
use crate::reindex::{
    Places, ReindexOptions, ReindexResult, Resolutions, StepAssumption, StepInfo, TimelineSource, Timelines, report,
};
use crate::runs::merge::{is_numbered, renumber};
use crate::runs::open::FileOpener;
use crate::runs::refresh_state::SeenFile;
use crate::runs::{MOST_THREADS, SMALL, survey};
use crate::table::{Superseded, Table, TableForm, count_without_place};

/// What the first reading found below a path.
pub struct Survey {
    logs: Arc<Logs>,
    /// Whether it holds all records.
    whole: bool,
    options: ReadOptions,
}

/// What was written, and what there is to say about it.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamResult {
    /// How many records were written.
    pub rows: u64,
    /// How many of them have neither an epoch nor a position, by run.
    pub without_place: BTreeMap<String, u64>,
    /// As [`ReindexResult::problems`].
    pub problems: Vec<Problem>,
    /// As [`ReindexResult::assumed`].
    pub assumed: Vec<StepAssumption>,
    /// As [`ReindexResult::steps`].
    pub steps: Vec<StepInfo>,
    /// As [`ReindexResult::origins`].
    pub origins: Vec<TimelineSource>,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// No record can be located in the unit that the caller gave.
    #[error(transparent)]
    Timeline(#[from] Error),
    /// Runs have no place, and the caller wants all, or some, to have one; a problem for each run.
    #[error("{}", first(.0))]
    NoTimeline(Vec<Problem>),
    /// The output cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The records make no table, which is a bug of this library.
    #[error("the records make no table ({0})")]
    Table(#[from] ArrowError),
    /// The caller cancelled.
    #[error("writing was ended before all was there; nothing was left")]
    Cancelled,
    /// A log could not be read a second time.
    #[error("'{file}' cannot be read any more ({source}); nothing was written")]
    Gone {
        /// The output cannot be written.
        file: String,
        /// The error of the system.
        source: io::Error,
    },
}

/// Whether a problem is one of a run that could not be placed.
fn is_lacking(kind: ProblemKind) -> bool {
    matches!(kind, ProblemKind::NoTimeline | ProblemKind::Undecided | ProblemKind::Contradicted)
}

fn first(problems: &[Problem]) -> String {
    let more = match problems.len() {
        0 | 1 => String::new(),
        2 => " (and so for 1 other run)".to_owned(),
        count => format!(" (and so for {} other runs)", count - 1),
    };
    problems.first().map_or_else(String::new, |problem| format!("{}{more}", problem.reason))
}

impl Survey {
    /// Reads all logs below the paths for the first time.
    pub fn new(
        paths: &LogPaths,
        options: &ReadOptions,
        progress: &Progress,
        threads: usize,
    ) -> Result<Self, ReadError> {
        Self::below(SMALL, paths, options, progress, threads)
    }

    /// The same, but reads small logs as large ones are read.
    pub fn in_pieces(
        paths: &LogPaths,
        options: &ReadOptions,
        progress: &Progress,
        threads: usize,
    ) -> Result<Self, ReadError> {
        Self::below(0, paths, options, progress, threads)
    }

    fn below(
        small: u64,
        paths: &LogPaths,
        options: &ReadOptions,
        progress: &Progress,
        threads: usize,
    ) -> Result<Self, ReadError> {
        let (logs, whole) = survey(paths, options, progress, threads, small)?;
        Ok(Self { logs: Arc::new(logs), whole, options: options.clone() })
    }

    /// What is known of the logs. Of large logs they hold only some of the records.
    #[must_use]
    pub fn logs(&self) -> &Arc<Logs> {
        &self.logs
    }

    /// Whether they hold all records.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Writes every record with its place to a file, completely or not at all.
    ///
    /// Records that were added after the first reading are not written.
    pub fn write(
        &self,
        timelines: Timelines,
        options: &ReindexOptions,
        superseded: Superseded,
        output: &Path,
        progress: &Progress,
        threads: usize,
    ) -> Result<StreamResult, StreamError> {
        let records = &self.logs.records;
        let ledgers = self.logs.run_ledgers();
        let resolutions = resolve(records, &[], &self.logs.second_counters(), &ledgers, timelines, options, 1)?;
        let placer = Placer::new(records, &resolutions, options);
        let located = parallel::map(records.batches.len(), threads, |index| placer.all(&records.batches[index]));
        let (batches, parts): (Vec<Places>, Vec<Vec<PlacedPart>>) = located.into_iter().unzip();
        let problems = report::problems(records, &resolutions, &parts, options);
        let lacking: Vec<Problem> = problems.iter().filter(|problem| is_lacking(problem.kind)).cloned().collect();
        let placed = |places: &Places| {
            places.epoch.iter().any(|epoch| *epoch >= 0) || places.epoch_float.iter().any(|epoch| !epoch.is_nan())
        };
        if !lacking.is_empty() && (options.strict || options.some_place && !batches.iter().any(placed)) {
            return Err(StreamError::NoTimeline(lacking));
        }
        refuse_input(&self.logs, output)?;
        let places = Arc::new(ReindexResult { batches, ..ReindexResult::default() });
        let (rows, without_place, problems) = if self.whole {
            let table = Table::new(&self.logs, Some(&places), superseded, threads)?;
            table.write(output, progress)?;
            (table.rows() as u64, table.without_place(), problems)
        } else {
            let form = TableForm::new(&self.logs, Some(&places), superseded)?;
            // Of hundreds of thousands of files they take more than the second reading does, which makes them anew.
            drop(places);
            drop(parts);
            drop(problems);
            let writer = TableWriter::create(output, form.schema())?;
            let tags = (0..).zip(&records.tags).map(|(number, tag)| (tag.as_str(), number)).collect();
            let threads = threads.min(MOST_THREADS);
            let opener = FileOpener { options: &self.options, progress, threads, survey: false };
            let reported = ReportedRecords::default();
            let mut pass = StreamPass {
                logs: &self.logs,
                placer,
                resolutions: &resolutions,
                form,
                tags,
                writer,
                reported,
                rows: 0,
                without_place: BTreeMap::new(),
            };
            pass.all(&opener)?;
            let StreamPass { writer, reported, rows, without_place, .. } = pass;
            writer.complete()?;
            let (reported, parts) = reported.records(records);
            let problems = report::problems(&reported, &resolutions, &parts, options);
            (rows, without_place, problems)
        };
        let (steps, assumed) = (resolutions.steps(&records.runs), resolutions.assumed(&records.runs));
        let Resolutions { sources: origins, .. } = resolutions;
        Ok(StreamResult { rows, without_place, problems, assumed, steps, origins })
    }
}

/// The second reading.
struct StreamPass<'a> {
    logs: &'a Arc<Logs>,
    placer: Placer<'a>,
    resolutions: &'a Resolutions,
    form: TableForm,
    tags: HashMap<&'a str, u32>,
    writer: TableWriter,
    reported: ReportedRecords,
    rows: u64,
    without_place: BTreeMap<String, u64>,
}

/// Records of a file, from one index on, that belong to one run and one session.
struct FileSpan {
    from: u64,
    run: u32,
    session: u32,
    superseded_from: Option<Arc<SupersededFrom>>,
}

impl StreamPass<'_> {
    fn all(&mut self, opener: &FileOpener) -> Result<(), StreamError> {
        let mut batches: Vec<Vec<&ColumnBatch>> = vec![Vec::new(); self.logs.files.len()];
        for batch in &self.logs.records.batches {
            batches[batch.source as usize].push(batch);
        }
        let seen = self.logs.refresh.seen.iter().map(|seen| (&*seen.stamp.path, seen));
        let seen: HashMap<&Path, &SeenFile> = seen.collect();
        for (source, batches) in (0_u32..).zip(batches) {
            let file = &self.logs.files[source as usize];
            let Some(&seen) = seen.get(&*file.path.path) else { continue };
            let stretches = stretches(&batches);
            let (mut before, total) = (0, file.facts.records);
            let mut failed = None;
            let read = opener.stream_file(&file.path, seen, &mut |tagged| {
                let room = total.saturating_sub(before);
                let tagged = up_to(tagged, room);
                let length = tagged.columns.len() as u64;
                let written = self.piece(source, tagged, before, &stretches);
                before += length;
                match written {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        failed = Some(error);
                        ControlFlow::Break(())
                    }
                }
            });
            if let Some(error) = failed {
                return Err(error);
            }
            if opener.progress.is_cancelled() {
                return Err(StreamError::Cancelled);
            }
            let shrunk = || io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter");
            if let Err(source_error) = read.and_then(|()| if before < total { Err(shrunk()) } else { Ok(()) }) {
                return Err(StreamError::Gone {
                    file: self.logs.records.sources[source as usize].clone(),
                    source: source_error,
                });
            }
        }
        Ok(())
    }

    fn piece(
        &mut self,
        source: u32,
        tagged: TaggedBatch,
        before: u64,
        stretches: &[FileSpan],
    ) -> Result<(), StreamError> {
        let mut batch = tagged.columns;
        // Each tag has its number from the first reading.
        let known = |tag: &str| self.tags.get(tag).copied();
        if !is_numbered(&tagged.tags, known) {
            renumber(&mut batch.tag, &tagged.tags, |tag| known(tag).unwrap_or(0));
        }
        batch.source = source;
        let offset = self.logs.files[source as usize].offset;
        batch.step.iter_mut().flatten().for_each(|step| *step = step.saturating_add(offset));
        let end = before + batch.len() as u64;
        let begin = stretches.partition_point(|stretch| stretch.from <= before).saturating_sub(1);
        let mut batches = Vec::new();
        for (at, stretch) in stretches.iter().enumerate().skip(begin).take_while(|(_, stretch)| stretch.from < end) {
            let until = stretches.get(at + 1).map_or(end, |next| next.from.min(end));
            let range = index(stretch.from.max(before) - before)..index(until - before);
            if range.is_empty() {
                continue;
            }
            let mut part = if range == (0..batch.len()) { batch.clone() } else { batch.slice(range) };
            if batches.is_empty() {
                // As when they are in memory, the first part has what is said of the batch as a whole.
                part.lengths.clone_from(&batch.lengths);
            }
            (part.run, part.session, part.superseded_from) =
                (stretch.run, stretch.session, stretch.superseded_from.clone());
            batches.push(part);
        }
        let (places, parts): (Vec<Places>, Vec<Vec<PlacedPart>>) =
            batches.iter().map(|batch| self.placer.all(batch)).unzip();
        self.reported.take(&batches, parts, self.resolutions);
        // The names are those of the first reading.
        let found = Records { batches, ..Records::default() };
        let count = found.batches.len();
        let logs = Arc::new(Logs { records: found, ..Logs::default() });
        let places = Arc::new(ReindexResult { batches: places, ..ReindexResult::default() });
        for batch in 0..count {
            let batch = self.form.batch(&logs, Some(&places), batch)?;
            if batch.num_rows() > 0 {
                self.rows += batch.num_rows() as u64;
                count_without_place(&batch, &mut self.without_place);
                self.writer.write(&batch)?;
            }
        }
        Ok(())
    }
}

/// What to report of records that are already freed: batches with only the first record of each kind.
#[derive(Default)]
struct ReportedRecords {
    batches: Vec<ColumnBatch>,
    parts: Vec<Vec<PlacedPart>>,
    /// The files and resolutions that have a part without a tally, where those are reported.
    bare: HashSet<(u32, usize)>,
}

impl ReportedRecords {
    fn take(&mut self, batches: &[ColumnBatch], parts: Vec<Vec<PlacedPart>>, resolutions: &Resolutions) {
        for (batch, parts) in batches.iter().zip(parts) {
            let parts: Vec<PlacedPart> = parts
                .into_iter()
                .filter(|part| {
                    part.seen.any()
                        || resolutions.list[part.resolution].is_reported()
                            && self.bare.insert((batch.source, part.resolution))
                })
                .collect();
            if parts.is_empty() {
                continue;
            }
            let mut indices: Vec<usize> =
                parts.iter().flat_map(|part| part.seen.tallies().map(|tally| tally.first)).flatten().collect();
            indices.sort_unstable();
            indices.dedup();
            let place = |first: usize| indices.binary_search(&first).ok();
            let moved = parts.into_iter().map(|mut part| {
                for tally in part.seen.tallies_mut() {
                    *tally = Tally { first: tally.first.and_then(place), ..*tally };
                }
                part
            });
            self.parts.push(moved.collect());
            self.batches.push(batch.clone().select(&indices));
        }
    }

    /// These records, with the names of `of`, and their parts.
    fn records(self, of: &Records) -> (Records, Vec<Vec<PlacedPart>>) {
        let Records { runs, tags, sources, .. } = of;
        let (runs, tags, sources) = (runs.clone(), tags.clone(), sources.clone());
        (Records { runs, tags, sources, batches: self.batches, problems: Vec::new() }, self.parts)
    }
}

/// The spans of a file, as the first reading found them.
fn stretches(batches: &[&ColumnBatch]) -> Vec<FileSpan> {
    let mut stretches: Vec<FileSpan> = Vec::new();
    let mut next = 0;
    for batch in batches {
        let from = match &batch.ordinals {
            Some(ordinals) => ordinals.first().copied(),
            None => (!batch.is_empty()).then_some(next),
        };
        next += batch.len() as u64;
        let Some(from) = from else { continue };
        let found =
            FileSpan { from, run: batch.run, session: batch.session, superseded_from: batch.superseded_from.clone() };
        let same = |last: &FileSpan| {
            (last.run, last.session) == (found.run, found.session) && last.superseded_from == found.superseded_from
        };
        if !stretches.last().is_some_and(same) {
            stretches.push(found);
        }
    }
    stretches
}

/// The first records of a batch.
fn up_to(tagged: TaggedBatch, room: u64) -> TaggedBatch {
    match usize::try_from(room) {
        Ok(room) if room < tagged.columns.len() => {
            let batch = tagged.columns.slice(0..room);
            TaggedBatch { columns: batch, ..tagged }
        }
        _ => tagged,
    }
}

fn index(number: u64) -> usize {
    // It is at most the length of a batch.
    usize::try_from(number).unwrap_or(usize::MAX)
}
