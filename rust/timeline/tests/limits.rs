//! Up to the limit of counts and past it: every question has an answer or an error, and no count wraps.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod random;

use proptest::prelude::*;
use random::{changes, counts, timelines};
use stepbridge_timeline::{Answer, Cursor, End, Error, MAX_COUNT, Plan, Quantity, Ratio, Timeline, Unit};

fn quantities() -> impl Strategy<Value = Quantity> {
    let fraction = (counts(), counts(), any::<bool>()).prop_map(|(num, den, epochs)| {
        let unit = if epochs { Unit::Epoch } else { Unit::Duration };
        Quantity::new(Ratio::new(num.into(), den.into()).unwrap(), unit).unwrap()
    });
    let whole = (counts(), prop::sample::select(Unit::ALL.to_vec()));
    prop_oneof![fraction, whole.prop_map(|(value, unit)| Quantity::new(Ratio::whole(value), unit).unwrap())]
}

fn within_limit(quantity: Quantity) -> bool {
    quantity.value.num() <= MAX_COUNT && quantity.value.den() <= MAX_COUNT
}

fn checked_totals(timeline: &Timeline) -> bool {
    let totals = [timeline.epochs(), timeline.batches(), timeline.steps(), timeline.samples()];
    totals.into_iter().flatten().all(|total| total <= MAX_COUNT)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn totals_are_counts(timeline in timelines()) {
        prop_assert!(checked_totals(&timeline));
        if let (Some(batches), Some(samples)) = (timeline.batches(), timeline.samples()) {
            prop_assert!(batches <= samples, "each batch holds a sample");
            let consumed: u128 = timeline.segments().iter()
                .map(|segment| u128::from(segment.epochs.unwrap()) * u128::from(segment.consumed().unwrap()))
                .sum();
            prop_assert_eq!(u128::from(samples), consumed);
        }
    }

    #[test]
    fn a_conversion_answers_or_refuses(timeline in timelines(), left in quantities(), right in quantities()) {
        for unit in Unit::ALL {
            match timeline.convert(left, unit) {
                Ok(Answer::Exact(there)) => {
                    prop_assert!(within_limit(there));
                    if let Ok(Answer::Exact(back)) = timeline.convert(there, left.unit) {
                        prop_assert_eq!(timeline.convert(back, unit), Ok(Answer::Exact(there)));
                    }
                }
                Ok(Answer::Between(lower, upper)) => {
                    prop_assert!(within_limit(lower) && upper.is_none_or(within_limit));
                    prop_assert!(upper.is_none_or(|upper| lower.value < upper.value));
                }
                Ok(Answer::PastEnd(end)) => prop_assert!(within_limit(end)),
                Ok(Answer::Undetermined(_)) | Err(Error::Overflow { .. }) => {}
                Err(error) => prop_assert!(false, "{} to {:?}: {}", left, unit, error),
            }
        }
        let order = timeline.compare(left, right);
        if let Ok(order) = order {
            prop_assert_eq!(timeline.compare(right, left), Ok(order.reverse()));
        }
    }

    #[test]
    fn a_change_makes_a_timeline_or_is_refused(timeline in timelines(), at in quantities(), change in changes()) {
        if let Ok(changed) = timeline.change(at, &change) {
            prop_assert!(checked_totals(&changed));
            prop_assert_eq!(Timeline::from_json(&changed.to_json()), Ok(changed));
        }
    }

    #[test]
    fn a_cursor_counts_or_refuses(
        timeline in timelines(), first in counts(), second in counts(), change in changes(), asked in quantities()
    ) {
        let mut cursor = Cursor::new(&timeline, 0, 0).unwrap();
        for batches in [first, second] {
            if !cursor.begin_epoch().unwrap() {
                break;
            }
            for batches in [batches, batches / 2, 1] {
                if cursor.advance_many(batches).is_ok() {
                    prop_assert!(cursor.batch() <= MAX_COUNT && cursor.step() <= cursor.batch());
                    prop_assert!(cursor.sample().is_none_or(|sample| sample <= MAX_COUNT));
                }
                let _ = (cursor.crossed_every(asked), cursor.crossed_at(asked), cursor.elapsed(asked.unit));
                let _ = cursor.change(&change);
            }
            let _ = cursor.end_epoch(End::Exhausted);
        }
        if let Ok(seen) = cursor.timeline() {
            prop_assert!(checked_totals(&seen));
        }
    }

    #[test]
    fn a_plan_that_passes_the_limit_is_refused(batches in counts(), size in counts(), epochs in prop::option::of(counts())) {
        let plan = Timeline::plan(&Plan { batches: Some(batches), batch_size: Some(size), epochs, ..Plan::default() });
        let epoch = u128::from(batches) * u128::from(size);
        let fits = epoch <= u128::from(MAX_COUNT)
            && epochs.is_none_or(|epochs| u128::from(epochs) * epoch <= u128::from(MAX_COUNT));
        match plan {
            Ok(_) => prop_assert!(fits),
            Err(error) => prop_assert!(!fits && matches!(error, Error::Overflow { .. }), "{}", error),
        }
    }
}
