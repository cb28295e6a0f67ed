//! What Python gets of Rust's results: tuples, which its classes are made of.

use stepbridge_formats::Lookalike;
use stepbridge_index::UnreadFile;
use stepbridge_index::infer::{InferenceOutcome, TimelineInference};
use stepbridge_index::reindex::{StepAssumption, StepInfo, TimelineSource};
use stepbridge_records::{EpochMeaning, Problem, StepMeaning};

use crate::timeline::PyTimeline;

/// File, offset, record, kind, reason, length.
pub(crate) type ProblemRow = (String, Option<u64>, Option<u64>, &'static str, String, Option<u64>);

/// Source, run, format, bytes, units that were read, values that are not numbers, the shape of its lines, lines without a shape.
pub(crate) type FileRow = (String, String, &'static str, u64, u64, u64, Option<&'static str>, u64);

/// File, what it looks like, what to do, a line of it.
pub(crate) type UnreadRow = (String, &'static str, String, Option<String>);

/// Run, records, tags, the range of its steps, the range of its logged epochs.
pub(crate) type OverviewRow = (String, u64, usize, Option<(i64, i64)>, Option<(f64, f64)>);

/// Unit symbol and base.
type Step = (&'static str, u8);

/// Unit symbol, base, and over what they are counted.
type Scoped = (&'static str, u8, &'static str);

/// The timeline, those of sessions, the sentence that explains it or its absence, how many records it was checked against, the
/// steps, the run whose timeline it is, the configuration that settles it, a likely timeline and why.
pub(crate) type InferenceRow = (
    Option<PyTimeline>,
    Vec<(u32, PyTimeline)>,
    String,
    usize,
    Option<Step>,
    Option<String>,
    Option<String>,
    Option<(PyTimeline, String)>,
);

/// Run, format, series, steps, what that rests on, why, and what a logged epoch is.
pub(crate) type StepsRow =
    (String, &'static str, Option<String>, Option<Scoped>, &'static str, String, Option<&'static str>);

/// Run, series, steps, and why they are assumed to be that.
pub(crate) type AssumptionRow = (String, Option<String>, Scoped, String);

/// Run, where its timeline comes from, and the file of the ledger or the other run that it comes from.
pub(crate) type SourceRow = (String, &'static str, Option<String>);

/// The problems, what was assumed, where the timelines come from, what the steps are.
pub(crate) type ReportRow = (Vec<ProblemRow>, Vec<AssumptionRow>, Vec<SourceRow>, Vec<StepsRow>);

pub(crate) fn assumption_rows(assumed: &[StepAssumption]) -> Vec<AssumptionRow> {
    let row = |assumed: &StepAssumption| {
        (assumed.run.clone(), assumed.series.clone(), scoped(assumed.step), assumed.why.clone())
    };
    assumed.iter().map(row).collect()
}

pub(crate) fn source_rows(runs: &[String], origins: &[TimelineSource]) -> Vec<SourceRow> {
    runs.iter().zip(origins).map(|(run, origin)| source_row(run, origin)).collect()
}

pub(crate) fn source_row(run: &str, origin: &TimelineSource) -> SourceRow {
    let (name, of) = match origin {
        TimelineSource::Given => ("given", None),
        TimelineSource::Ledger(file) => ("ledger", Some(file)),
        TimelineSource::Inferred => ("inferred", None),
        TimelineSource::Shared(lender) => ("shared", Some(lender)),
        TimelineSource::Config(keys) => ("config", Some(keys)),
        TimelineSource::Likely(why) => ("likely", Some(why)),
        TimelineSource::None => ("none", None),
    };
    (run.to_owned(), name, of.cloned())
}

pub(crate) fn problem_rows(problems: &[Problem]) -> Vec<ProblemRow> {
    problems
        .iter()
        .map(|problem| {
            let Problem { file, offset, length, record, kind, reason, count: _ } = problem.clone();
            (file, offset, record, kind.name(), reason, length)
        })
        .collect()
}

pub(crate) fn unread_rows(unread: &[UnreadFile]) -> Vec<UnreadRow> {
    let row = |found: &UnreadFile| {
        let Lookalike { resemblance, remedy, example } = found.lookalike.clone();
        (found.file.clone(), resemblance.name(), remedy, example)
    };
    unread.iter().map(row).collect()
}

fn step(meaning: StepMeaning) -> Step {
    (meaning.unit.symbol(), meaning.base)
}

fn scoped(meaning: StepMeaning) -> Scoped {
    (meaning.unit.symbol(), meaning.base, meaning.scope.name())
}

pub(crate) fn step_rows(found: Vec<StepInfo>) -> Vec<StepsRow> {
    found.into_iter().map(step_row).collect()
}

pub(crate) fn step_row(found: StepInfo) -> StepsRow {
    let StepInfo { run, format, series, step, epoch, basis, why } = found;
    (run, format.name(), series, step.map(scoped), basis.name(), why, epoch.map(EpochMeaning::name))
}

pub(crate) fn inference_row(inferred: TimelineInference) -> InferenceRow {
    let meaning = inferred.step.map(step);
    let (timeline, sessions, text, checked) = match inferred.outcome {
        InferenceOutcome::Known { timeline, evidence, checked } => {
            (Some(PyTimeline { inner: timeline }), Vec::new(), evidence, checked)
        }
        InferenceOutcome::Sessions { timelines, evidence, checked } => {
            let own = timelines.into_iter().map(|(session, inner)| (session, PyTimeline { inner }));
            (None, own.collect(), evidence, checked)
        }
        InferenceOutcome::Unknown { why } => (None, Vec::new(), why, 0),
    };
    let likely = inferred.likely.map(|(inner, why)| (PyTimeline { inner }, why));
    (timeline, sessions, text, checked, meaning, inferred.shared_by, inferred.config, likely)
}
