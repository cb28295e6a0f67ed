//! Epochs that a log states, compared with those that were found.

use stepbridge_timeline::{MASKED, Timeline};

use super::place::{Places, Seen};
use crate::infer::{Span, meaning_of_tag, stated_of, states_index, whole};
use crate::record::{Chunk, Records, Stated};

/// What a stated epoch may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The epoch's index.
    Index,
    /// What was completed.
    Elapsed,
    /// The one or the other.
    Either,
}

/// Counts the records whose stated epoch is another one than theirs. Records without a place state nothing that could be
/// compared, except before the first step, where nothing is completed.
pub(super) fn check(records: &Records, chunk: &Chunk, timeline: &Timeline, places: &Places, seen: &mut Seen) {
    let mut checker = Checker { timeline, last: None };
    if let Some(stated) = &chunk.epoch {
        let form = if states_index(chunk.format) { Form::Index } else { Form::Elapsed };
        for (index, stated) in stated.iter().enumerate() {
            if let Some(stated) = *stated
                && !checker.agrees(places, index, stated, form)
            {
                seen.disagrees.add(index);
            }
        }
    }
    // Event files state epochs as the values of a tag.
    if chunk.meaning.step.is_none() {
        let is_epoch: Vec<bool> = records.tags.iter().map(|tag| meaning_of_tag(tag).is_some()).collect();
        if !is_epoch.contains(&true) {
            return;
        }
        // How a number was printed is dear to find out, and an epoch is stated once a step.
        let mut known: Option<(u64, Option<Stated>)> = None;
        for (index, &tag) in chunk.tag.iter().enumerate() {
            if is_epoch.get(tag as usize) != Some(&true) {
                continue;
            }
            let value = chunk.value[index];
            let stated = match known {
                Some((bits, stated)) if bits == value.to_bits() => stated,
                _ => stated_of(value),
            };
            known = Some((value.to_bits(), stated));
            if let Some(stated) = stated
                && !checker.agrees(places, index, stated, Form::Either)
            {
                seen.disagrees.add(index);
            }
        }
    }
}

struct Checker<'a> {
    timeline: &'a Timeline,
    /// The comparison before, which the metrics of one row repeat.
    last: Option<(i64, i64, Stated, bool)>,
}

impl Checker<'_> {
    fn agrees(&mut self, places: &Places, index: usize, stated: Stated, form: Form) -> bool {
        let (epoch, iter) = (places.epoch[index], places.iter[index]);
        if epoch == MASKED {
            // Nothing is completed, or there is no place at all.
            return places.epoch_float[index].is_nan() || contains(stated, 0, 0, 1);
        }
        if let Some((last_epoch, last_iter, last_stated, agrees)) = self.last
            && (last_epoch, last_iter, last_stated) == (epoch, iter, stated)
        {
            return agrees;
        }
        let agrees = self.compare(epoch, iter, stated, form);
        self.last = Some((epoch, iter, stated, agrees));
        agrees
    }

    fn compare(&self, epoch: i64, iter: i64, stated: Stated, form: Form) -> bool {
        let (Ok(epoch), Ok(iter)) = (u64::try_from(epoch), u64::try_from(iter)) else { return false };
        let same = form != Form::Elapsed && whole(stated) == Some(epoch);
        same || form != Form::Index
            && self.timeline.epoch_length(epoch).is_some_and(|length| contains(stated, epoch, iter + 1, length))
    }
}

/// Whether `whole + num / den` may have been printed like this.
fn contains(stated: Stated, whole: u64, num: u64, den: u64) -> bool {
    Span::of(stated).and_then(|span| span.holds(whole, num, den)).unwrap_or(false)
}
