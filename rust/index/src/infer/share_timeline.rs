//! Runs that share a plan, because the caller says so.

use std::collections::BTreeMap;

use stepbridge_timeline::Timeline;

use super::EpochEvidence;
use super::fit::agree;
use super::inferred::{InferenceOutcome, TimelineInference};
use super::pairs::Pairs;
use stepbridge_records::Records;

impl EpochEvidence<'_> {
    /// Gives the timeline of the other runs to each run that does not show its own, if all known timelines are the same and
    /// nothing in the log of the run contradicts it. Epochs that end with their log are not a plan.
    pub(crate) fn share_timeline(&self, records: &Records, inferred: &mut BTreeMap<String, TimelineInference>) {
        let known = |(run, found): (&String, &TimelineInference)| match &found.outcome {
            InferenceOutcome::Known { timeline, .. } if timeline.epochs().is_none() => {
                Some((run.clone(), timeline.clone()))
            }
            _ => None,
        };
        let mut lenders = inferred.iter().filter_map(known);
        let Some((lender, plan)) = lenders.next() else { return };
        if let Some((other, _)) = lenders.find(|(_, timeline)| *timeline != plan) {
            let differ = format!("and none was lent, since {lender} and {other} differ");
            refuse(inferred, &differ);
            return;
        }
        drop(lenders);
        let number =
            |name: &str| records.runs.iter().position(|run| run == name).and_then(|run| u32::try_from(run).ok());
        for (run, found) in inferred.iter_mut() {
            let InferenceOutcome::Unknown { why } = &found.outcome else { continue };
            let own = number(run).and_then(|run| self.pairs.get(&run));
            let Some(checked) = own.map_or(Some(0), |own| checked(own, &plan)) else {
                let why =
                    format!("{why}; the timeline of run {lender} is not its own either, for a record contradicts it");
                found.outcome = InferenceOutcome::Unknown { why };
                continue;
            };
            let against = if checked == 0 {
                "nothing that it states could be held against it".to_owned()
            } else {
                format!("it agrees with {checked} statements of the run itself")
            };
            let evidence =
                format!("lent by run {lender}, as was asked for: {against}; its own log does not tell ({why})");
            found.outcome = InferenceOutcome::Known { timeline: plan.clone(), evidence, checked };
            found.shared_by = Some(lender.clone());
        }
    }
}

fn refuse(inferred: &mut BTreeMap<String, TimelineInference>, reason: &str) {
    for found in inferred.values_mut() {
        if let InferenceOutcome::Unknown { why } = &mut found.outcome {
            *why = format!("{why}; {reason}");
        }
    }
}

/// How many statements of a run a timeline agrees with; `None` if it contradicts one.
fn checked(own: &Pairs, plan: &Timeline) -> Option<usize> {
    if own.inside.refuting(plan).is_some() {
        return None;
    }
    let kept = own.only(|pair| !pair.superseded);
    if kept.list.is_empty() {
        return Some(own.inside.len());
    }
    let meanings = kept.candidates.likely.iter().chain(&kept.candidates.others);
    meanings.into_iter().find_map(|meaning| {
        let (plain, _) = kept.under(*meaning).ok()?;
        agree(plan, meaning.form(), &plain).ok()?;
        Some(plain.list.len() + own.inside.len())
    })
}
