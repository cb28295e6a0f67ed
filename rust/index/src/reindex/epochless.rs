//! Records of a stream whose epochs are not known: they have a batch, a sample and a token, and no epoch.

use stepbridge_records::{ColumnBatch, StepMeaning};
use stepbridge_timeline::{MASKED, Timeline, Unit};

use super::done;
use super::part::PlaceTallies;
use super::places::{CountColumns, Places};

/// Counts what the run had done at each step.
pub(super) fn rows(
    batch: &ColumnBatch,
    step: StepMeaning,
    timeline: &Timeline,
    columns: CountColumns,
    places: &mut Places,
    seen: &mut PlaceTallies,
) {
    for index in 0..batch.len() {
        let Some(number) = batch.step_of(index) else { continue };
        let Ok(at) = u64::try_from(number.saturating_sub(i64::from(step.base))) else {
            if number == 0 {
                // The count is 0: nothing has happened yet.
                places.epoch_float[index] = 0.0;
                if let Some(done) = &mut places.done {
                    done[index] = 0;
                }
                seen.zero.add(index);
            } else {
                seen.before_start.add(index);
            }
            continue;
        };
        let Ok(at) = timeline.batch_with(step.unit, at) else {
            seen.past_end.add(index);
            continue;
        };
        let first = |unit| timeline.index_of_batch(unit, at).ok().and_then(|first| i64::try_from(first).ok());
        let counts =
            [(&mut places.batch, Unit::Batch), (&mut places.sample, Unit::Sample), (&mut places.token, Unit::Token)];
        for (column, unit) in counts {
            if let Some(column) = column {
                column[index] = first(unit).unwrap_or(MASKED);
            }
        }
        if let (Some(unit), Some(column)) = (columns.done, &mut places.done) {
            column[index] = done::after_batch(timeline, unit, at).unwrap_or(MASKED);
        }
    }
}
