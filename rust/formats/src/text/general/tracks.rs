//! How the counters of lines go on.

use crate::text::count_start::CountStart;
use crate::text::counter_words::{Counter, CounterSlot};
use crate::text::epoch_start::EpochStart;
use stepbridge_records::{StepMeaning, Unit};

/// What the counters of the lines of one form did.
#[derive(Debug, Default)]
pub(super) struct CounterTracks {
    pub(super) start: EpochStart,
    last_epoch: Option<i64>,
    epoch_rises: usize,
    epoch_falls: usize,
    epoch_stays: usize,
    batch: CountTrack,
    step: CountTrack,
}

/// What one count did.
#[derive(Debug, Default)]
struct CountTrack {
    start: CountStart,
    last: Option<i64>,
    /// The highest number in the epoch that is running.
    highest: i64,
    rises: usize,
    falls: usize,
    /// What comes after the slash of the last number, and how often it began again after that.
    total: Option<i64>,
    ends: usize,
    stays: usize,
    /// Whether it began again when the epoch rose, and whether it went on.
    again: usize,
    on: usize,
    /// The distance of neighbours, and what is left of the numbers by it.
    interval: Option<i64>,
    even: bool,
}

/// Numbers whose distance is this are no index that is printed every so often.
const APART: i64 = 2;

impl CounterTracks {
    pub(super) fn take(&mut self, counters: &[Counter], epoch: Option<i64>) {
        let rose = match (self.last_epoch, epoch) {
            (Some(last), Some(epoch)) => Some(epoch.cmp(&last)),
            _ => None,
        };
        match rose {
            Some(std::cmp::Ordering::Greater) => self.epoch_rises += 1,
            Some(std::cmp::Ordering::Less) => self.epoch_falls += 1,
            Some(std::cmp::Ordering::Equal) => self.epoch_stays += 1,
            None => {}
        }
        self.last_epoch = epoch.or(self.last_epoch);
        if let Some(epoch) = epoch {
            let totals = || counters.iter().filter_map(|counter| Some((counter.slot, counter.total_value?)));
            let of_batches = totals().any(|(slot, _)| slot != CounterSlot::Epoch);
            let total = totals().find(|(slot, _)| *slot == CounterSlot::Epoch).filter(|_| of_batches);
            self.start.take(epoch, total.map(|(_, total)| total));
        }
        for counter in counters {
            let track = match counter.slot {
                CounterSlot::Epoch => continue,
                CounterSlot::Batch => &mut self.batch,
                CounterSlot::Step => &mut self.step,
            };
            track.ends +=
                usize::from(track.total.is_some() && track.total == track.last && Some(counter.value) < track.last);
            track.total = counter.total_value;
            track.take(
                counter.value,
                rose == Some(std::cmp::Ordering::Greater),
                rose == Some(std::cmp::Ordering::Less),
            );
        }
    }

    /// How often the place of a line is before that of the line before.
    pub(super) fn goes_back(&self) -> usize {
        self.epoch_falls + self.batch.falls.max(self.step.falls)
    }

    /// How often the place of a line is after that of the line before.
    pub(super) fn rises(&self) -> usize {
        self.epoch_rises + self.batch.rises.max(self.step.rises)
    }

    /// Whether the lines count on, and seldom back.
    pub(super) fn go_on(&self) -> bool {
        self.rises() >= 2 && self.goes_back() * 4 <= self.rises()
    }

    /// Whether a count begins again after the last of `n/N` although no line has an epoch: it may be that of a batch in an epoch,
    /// or another process may have begun.
    pub(super) fn has_hidden_epochs(&self) -> bool {
        self.last_epoch.is_none() && (self.batch.ends > 0 || self.step.ends > 0)
    }

    /// Whether several lines have one epoch.
    pub(super) fn repeats_epochs(&self) -> bool {
        self.epoch_stays > 0
    }

    /// Whether several batches make one update: the count of updates mostly stays while that of batches rises. Whether it then is
    /// that of updates that are done, or of the one that is going on, does not show.
    pub(super) fn accumulate(&self) -> bool {
        self.batch.rises > 0 && self.step.stays * 2 >= self.batch.rises
    }

    /// What the number that places a line means; `None` where nothing shows it.
    pub(super) fn step(&self, has_epoch: bool, counters: &[Counter]) -> Option<StepMeaning> {
        let counter = |slot: CounterSlot| counters.iter().find(|counter| counter.slot == slot);
        let (track, counter) = match (counter(CounterSlot::Step), counter(CounterSlot::Batch)) {
            (Some(_), Some(batch)) if self.accumulate() => (&self.batch, batch),
            // Of two counts the step is that of the run.
            (Some(step), _) => (&self.step, step),
            (None, batch) => (&self.batch, batch?),
        };
        let base = if track.even { Some(0) } else { track.start.base() };
        let of_run = |unit| base.map(|base| StepMeaning::of_run(unit, base));
        let of_epoch = || Some(StepMeaning::of_epoch(Unit::Batch, u8::from(!(track.start.zero() || track.even))));
        let of_data = counter.of_data || counter.slot == CounterSlot::Batch && self.accumulate();
        if !has_epoch {
            return of_run(if of_data { Unit::Batch } else { Unit::Step });
        }
        match (track.again, track.on) {
            (1.., 0) => of_epoch(),
            (0, 1..) => of_run(if of_data { Unit::Batch } else { Unit::Step }),
            // `Batch 50/391` of an epoch: so many batches the epoch has.
            (0, 0) if of_data && counter.total_value.is_some() => of_epoch(),
            _ => None,
        }
    }
}

impl CountTrack {
    fn take(&mut self, number: i64, epoch_rose: bool, epoch_fell: bool) {
        self.start.take(number);
        if let Some(last) = self.last {
            if epoch_rose {
                self.again += usize::from(number <= last && number <= self.highest);
                self.on += usize::from(number > self.highest);
                self.highest = number;
            } else if epoch_fell {
                self.highest = number;
            } else if number < last {
                self.falls += 1;
                self.highest = number;
            } else {
                self.rises += usize::from(number > last);
                self.stays += usize::from(number == last);
                self.interval = match self.interval {
                    None => (number > last).then(|| number - last),
                    // Several lines may have one number.
                    Some(interval) if number == last || interval == number - last => Some(interval),
                    Some(_) => Some(0),
                };
            }
        }
        self.last = Some(number);
        self.highest = self.highest.max(number);
        // 49, 99, 149: an index that is printed after every 50 updates.
        self.even = self.interval.is_some_and(|interval| interval >= APART && (number + 1) % interval == 0);
    }
}
