//! Where the records of each batch are, and what had to be assumed.

use stepbridge_io::parallel;
use stepbridge_records::Records;

use super::contradictions;
use super::options::ReindexOptions;
use super::part::PlacedPart;
use super::place::Placer;
use super::places::Places;
use super::result::StepAssumption;
use super::run::ResolvedRun;

/// Locates the records of each batch. Returns their places, and what placing counted.
pub(crate) fn locate<'a>(
    records: &Records,
    runs: &[ResolvedRun<'a>],
    options: ReindexOptions,
    threads: usize,
) -> (Vec<Places>, Vec<Vec<PlacedPart<'a>>>) {
    let placer = Placer::new(records, options);
    let located = parallel::map(records.batches.len(), threads, |index| {
        let batch = &records.batches[index];
        let run = runs.get(batch.run as usize)?;
        Some(placer.all(batch, run))
    });
    let (mut batches, mut parts): (Vec<Places>, Vec<Vec<PlacedPart>>) =
        located.into_iter().map(Option::unwrap_or_default).unzip();
    let fallen = contradictions::fallen(records, &parts);
    contradictions::refute(records, &fallen, &mut batches, &mut parts);
    (batches, parts)
}

/// What had to be assumed of the steps of records that have a place.
pub(crate) fn assumed(
    records: &Records,
    runs: &[ResolvedRun],
    parts: &[Vec<PlacedPart>],
    options: ReindexOptions,
) -> Vec<StepAssumption> {
    let mut assumed: Vec<StepAssumption> = Vec::new();
    for (batch, parts) in records.batches.iter().zip(parts) {
        let Some(run) = runs.get(batch.run as usize) else { continue };
        for part in parts.iter().filter(|part| !part.refuted) {
            let placed = part.clock.timeline.is_some() || !part.clock.needs_timeline(batch);
            if let (Some(why), true) = (run.assumption(batch, part, options), placed) {
                let found = StepAssumption { run: run.name.to_owned(), step: part.clock.step, why };
                if assumed.iter().all(|known| (&known.run, known.step) != (&found.run, found.step)) {
                    assumed.push(found);
                }
            }
        }
    }
    assumed
}

/// The periods of the parts of each batch.
pub(crate) fn periods<'a>(parts: &'a [Vec<PlacedPart>]) -> impl Iterator<Item = Vec<usize>> + 'a {
    parts.iter().map(|parts| parts.iter().map(|part| part.period).collect())
}
