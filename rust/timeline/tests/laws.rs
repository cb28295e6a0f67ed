//! Closed forms against a run that is counted batch by batch, the obvious way.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![expect(clippy::cast_possible_wrap, reason = "the numbers of these runs are small")]

use proptest::prelude::*;
use stepbridge_timeline::{
    Answer, Boundary, Cursor, End, Error, History, Invalid, Location, MASKED, OnCut, Plan, Quantity, Ratio, Timeline,
    Unit,
};

/// What one batch was in the counted run.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Batch {
    at: Location,
    first_sample: u64,
    samples: u64,
    /// The step that it contributes to.
    step: Option<u64>,
    closes: bool,
}

#[derive(Debug, Clone)]
struct Run {
    lengths: Vec<u64>,
    size: u64,
    accumulate: u64,
    boundary: Boundary,
    on_cut: OnCut,
    cut: bool,
}

impl Run {
    fn timeline(&self) -> Timeline {
        Timeline::from_epochs(&History {
            lengths: &self.lengths,
            samples: None,
            batch_size: Some(self.size),
            accumulate: self.accumulate,
            boundary: self.boundary,
            on_cut: self.on_cut,
            tokens_per_sample: None,
            cut: self.cut,
        })
        .unwrap()
    }

    /// Takes batch after batch; keeps the open window as a list.
    fn count(&self) -> Vec<Batch> {
        let (mut batches, mut window, mut step, mut sample) = (Vec::<Batch>::new(), Vec::<usize>::new(), 0, 0);
        let mut counted = 0;
        let mut close = |batches: &mut Vec<Batch>, window: &mut Vec<usize>| {
            for &index in window.iter() {
                batches[index].step = Some(step);
            }
            batches[*window.last().unwrap()].closes = true;
            window.clear();
            step += 1;
        };
        for (epoch, &length) in self.lengths.iter().enumerate() {
            for iter in 0..length {
                let at = Location { epoch: epoch as u64, iter };
                batches.push(Batch { at, first_sample: sample, samples: self.size, step: None, closes: false });
                window.push(batches.len() - 1);
                sample += self.size;
                counted += 1;
                if counted == self.accumulate {
                    close(&mut batches, &mut window);
                    counted = 0;
                }
            }
            let cut = self.cut && epoch + 1 == self.lengths.len();
            if length == 0 || window.is_empty() {
                continue;
            }
            match (cut, self.boundary, self.on_cut) {
                (false, Boundary::Flush, _) => close(&mut batches, &mut window),
                (false, Boundary::Drop, _) | (true, _, OnCut::Drop) => window.clear(),
                (false, Boundary::Carry, _) | (true, _, OnCut::Carry) => continue,
                // The gradients stay, and the count starts anew.
                (false, Boundary::Spill, _) | (true, _, OnCut::Spill) => {}
            }
            counted = 0;
        }
        batches
    }
}

fn runs() -> impl Strategy<Value = Run> {
    let rules = prop_oneof![Just(Boundary::Flush), Just(Boundary::Carry), Just(Boundary::Drop), Just(Boundary::Spill)];
    let cuts = prop_oneof![Just(OnCut::Carry), Just(OnCut::Drop), Just(OnCut::Spill)];
    let lengths = prop::collection::vec(prop_oneof![Just(0), Just(7), 1..12_u64], 0..40);
    (lengths, 1..5_u64, 1..6_u64, rules, cuts, any::<bool>()).prop_map(
        |(lengths, size, accumulate, boundary, on_cut, cut)| Run { lengths, size, accumulate, boundary, on_cut, cut },
    )
}

/// Locations of all numbers below `end`, forwards and then backwards, by the array form.
fn located(timeline: &Timeline, unit: Unit, values: &[i64]) -> (Vec<(i64, i64)>, usize) {
    let (mut epoch, mut iter) = (vec![0; values.len()], vec![0; values.len()]);
    let masked = timeline.locate_all(unit, 0, values, &mut epoch, &mut iter, Invalid::Mask).unwrap();
    (epoch.into_iter().zip(iter).collect(), masked)
}

proptest! {
    #[test]
    fn every_batch_step_and_sample_is_where_it_was_counted(run in runs()) {
        let (timeline, batches) = (run.timeline(), run.count());
        let closing: Vec<_> = batches.iter().filter(|batch| batch.closes).collect();
        prop_assert_eq!(timeline.batches(), Some(batches.len() as u64));
        prop_assert_eq!(timeline.steps(), Some(closing.len() as u64));
        for (index, batch) in batches.iter().enumerate() {
            let index = index as u64;
            prop_assert_eq!(timeline.locate(Unit::Batch, index).unwrap(), batch.at);
            prop_assert_eq!(timeline.index(Unit::Batch, batch.at).unwrap(), index);
            prop_assert_eq!(timeline.index(Unit::Sample, batch.at).unwrap(), batch.first_sample);
            prop_assert_eq!(timeline.index(Unit::Step, batch.at).ok(), batch.step);
            for sample in batch.first_sample..batch.first_sample + batch.samples {
                prop_assert_eq!(timeline.locate(Unit::Sample, sample).unwrap(), batch.at);
            }
        }
        for (step, batch) in closing.iter().enumerate() {
            prop_assert_eq!(timeline.locate(Unit::Step, step as u64).unwrap(), batch.at);
        }
        prop_assert!(matches!(timeline.locate(Unit::Step, closing.len() as u64), Err(Error::OutOfRange(_))));
    }

    #[test]
    fn arrays_say_what_single_numbers_say(run in runs(), shuffle in any::<u64>()) {
        let (timeline, batches) = (run.timeline(), run.count());
        let mut values: Vec<i64> = (-2..batches.len() as i64 + 3).collect();
        let sorted = values.clone();
        // A fixed permutation is disorder enough.
        values.sort_by_key(|value| value.cast_unsigned().wrapping_mul(shuffle | 1).rotate_left(17));
        for (unit, values) in [(Unit::Batch, &sorted), (Unit::Batch, &values), (Unit::Step, &sorted), (Unit::Step, &values)] {
            let (found, masked) = located(&timeline, unit, values);
            let single = |value: &i64| {
                let at = u64::try_from(*value).ok().and_then(|index| timeline.locate(unit, index).ok());
                at.map_or((MASKED, MASKED), |at| (at.epoch as i64, at.iter as i64))
            };
            let expected: Vec<_> = values.iter().map(single).collect();
            prop_assert_eq!(masked, expected.iter().filter(|at| **at == (MASKED, MASKED)).count());
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_cursor_counts_what_the_timeline_says(run in runs()) {
        let (timeline, batches) = (run.timeline(), run.count());
        let mut cursor = Cursor::new(&timeline, 0, 0).unwrap();
        let mut counted = Vec::new();
        for (epoch, &length) in run.lengths.iter().enumerate() {
            prop_assert!(cursor.begin_epoch().unwrap());
            for _ in 0..length {
                prop_assert!(cursor.advance(false).unwrap());
                counted.push((cursor.location().unwrap(), cursor.closes_step()));
            }
            let cut = run.cut && epoch + 1 == run.lengths.len();
            prop_assert_eq!(cursor.end_epoch(if cut { End::Cut } else { End::Exhausted }).unwrap(), None);
        }
        prop_assert!(!cursor.begin_epoch().unwrap());
        let expected: Vec<_> = batches.iter().map(|batch| (batch.at, batch.closes)).collect();
        prop_assert_eq!(counted, expected);
        prop_assert_eq!(cursor.timeline().unwrap(), timeline);
    }

    #[test]
    fn json_gives_back_an_equal_timeline(run in runs()) {
        let timeline = run.timeline();
        prop_assert_eq!(Timeline::from_json(&timeline.to_json()).unwrap(), timeline);
    }

    #[test]
    fn exact_conversions_lead_back(run in runs(), batch in 0..200_u64) {
        let timeline = run.timeline();
        let quantity = |value, unit| Quantity::new(value, unit).unwrap();
        let from = quantity(Ratio::whole(batch), Unit::Batch);
        for unit in [Unit::Sample, Unit::Epoch, Unit::Duration] {
            if let Answer::Exact(there) = timeline.convert(from, unit).unwrap() {
                prop_assert_eq!(timeline.convert(there, Unit::Batch).unwrap(), Answer::Exact(from));
            }
        }
    }

    #[test]
    fn a_quantity_reads_what_it_writes(num in 0..10_000_u64, den in 1..200_u64, epochs in any::<bool>()) {
        let unit = if epochs { Unit::Epoch } else { Unit::Duration };
        let quantity = Quantity::new(Ratio::new(num.into(), den.into()).unwrap(), unit).unwrap();
        prop_assert_eq!(Quantity::parse(&quantity.to_string()).unwrap(), quantity);
    }

    #[test]
    fn a_quantity_never_panics(text in "\\PC{0,12}") {
        let _ = Quantity::parse(&text);
    }

    #[test]
    fn plans_near_the_limit_refuse_or_count(batches in 1..u64::MAX, epochs in 1..u64::MAX, accumulate in 1..u64::MAX) {
        let plan = Plan { batches: Some(batches), epochs: Some(epochs), accumulate, ..Plan::default() };
        match Timeline::plan(&plan) {
            Ok(timeline) => {
                prop_assert_eq!(timeline.batches().map(u128::from), Some(u128::from(batches) * u128::from(epochs)));
                let last = timeline.steps().unwrap() - 1;
                prop_assert_eq!(timeline.locate(Unit::Step, last).unwrap(), Location { epoch: epochs - 1, iter: batches - 1 });
            }
            Err(error) => prop_assert!(matches!(error, Error::Overflow { .. }), "{}", error),
        }
    }
}
