//! An array is answered as each of its numbers would be alone: on every kind of timeline, sorted or not.

mod random;

use proptest::prelude::*;
use random::{counts, timelines};
use stepbridge_timeline::{Error, Invalid, Location, MASKED, MAX_COUNT, Timeline, Unit};

const LOCATED: [Unit; 3] = [Unit::Batch, Unit::Step, Unit::Sample];

/// What one number alone is answered.
fn alone(timeline: &Timeline, unit: Unit, base: i64, value: i64) -> Result<(i64, i64), Error> {
    let index = value
        .checked_sub(base)
        .and_then(|index| u64::try_from(index).ok())
        .ok_or_else(|| Error::OutOfRange(format!("{} {value} is below the base {base}", unit.name())))?;
    let at = timeline.locate_from(unit, index, base.cast_unsigned())?;
    Ok((at.epoch.cast_signed() + base, at.iter.cast_signed() + base))
}

/// Numbers near where something begins or ends on this timeline, and numbers of any size.
fn values(timeline: &Timeline, any: &[i64]) -> Vec<i64> {
    let totals = [timeline.batches(), timeline.steps(), timeline.samples(), Some(MAX_COUNT), Some(0)];
    let mut edges: Vec<i64> = totals.into_iter().flatten().map(u64::cast_signed).collect();
    let mut batches = 0_i64;
    for segment in timeline.segments() {
        let width = segment.epochs.unwrap_or(1).saturating_mul(segment.batches.unwrap_or(1));
        batches = batches.saturating_add(width.min(MAX_COUNT).cast_signed());
        edges.extend([batches, batches.saturating_mul(segment.batch_size.unwrap_or(1).cast_signed())]);
        edges.push(batches / segment.accumulate.cast_signed());
    }
    let near = edges.iter().flat_map(|edge| (-2..3).map(|by| edge.saturating_add(by)));
    near.chain(any.iter().copied()).chain(any.iter().map(|value| value / 2)).chain([i64::MIN, i64::MIN + 1]).collect()
}

fn any_values() -> impl Strategy<Value = Vec<i64>> {
    let one = prop_oneof![-3..40_i64, counts().prop_map(u64::cast_signed), any::<i64>()];
    prop::collection::vec(one, 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn an_array_is_answered_as_its_numbers_alone(
        timeline in timelines(), any in any_values(), base in 0..2_i64, seed in any::<u64>(), sorted in any::<bool>()
    ) {
        let mut values = values(&timeline, &any);
        values.sort_unstable();
        if !sorted {
            values.sort_by_key(|value| value.cast_unsigned().wrapping_mul(seed | 1).rotate_left(17));
        }
        for unit in LOCATED {
            let expected: Vec<_> = values.iter().map(|value| alone(&timeline, unit, base, *value)).collect();
            let (mut epoch, mut iter) = (vec![7; values.len()], vec![7; values.len()]);
            let masked = timeline.locate_all(unit, base, &values, &mut epoch, &mut iter, Invalid::Mask).unwrap();
            let found: Vec<_> = epoch.iter().copied().zip(iter.iter().copied()).collect();
            let places: Vec<_> = expected.iter().map(|place| place.clone().unwrap_or((MASKED, MASKED))).collect();
            prop_assert_eq!(&found, &places, "{:?}", unit);
            prop_assert_eq!(masked, expected.iter().filter(|place| place.is_err()).count());

            let raised = timeline.locate_all(unit, base, &values, &mut epoch, &mut iter, Invalid::Raise);
            let first = expected.iter().position(Result::is_err);
            match (raised, first) {
                (Ok(masked), None) => prop_assert_eq!(masked, 0),
                (Err(Error::Element { index, error }), Some(first)) => {
                    prop_assert_eq!(index, first);
                    prop_assert_eq!(Some(*error), expected[first].clone().err());
                }
                (raised, first) => prop_assert!(false, "{:?}, but the first is {:?}", raised, first),
            }
        }
    }

    #[test]
    fn an_index_leads_back(timeline in timelines(), any in any_values(), base in 0..2_i64) {
        let values = values(&timeline, &any);
        for unit in LOCATED {
            let (mut epoch, mut iter) = (vec![7; values.len()], vec![7; values.len()]);
            timeline.locate_all(unit, base, &values, &mut epoch, &mut iter, Invalid::Mask).unwrap();
            let mut back = vec![7; values.len()];
            timeline.index_all(unit, base, &epoch, &iter, &mut back, Invalid::Mask).unwrap();
            for (((value, epoch), iter), back) in values.iter().zip(&epoch).zip(&iter).zip(&back) {
                let nowhere = (*epoch, *iter) == (MASKED, MASKED);
                // A sample leads back to the first one of its batch.
                let right = if nowhere { *back == MASKED } else if unit == Unit::Sample { back <= value } else { back == value };
                prop_assert!(right, "{:?} {}: at {}, {}, and back {}", unit, value, epoch, iter, back);
            }
        }
    }

    #[test]
    fn positions_of_many_places_are_those_of_each_alone(
        timeline in timelines(), any in any_values(), begin in counts(), sorted in any::<bool>()
    ) {
        // Neighbours too: inside an epoch, positions grow by the same amount with each batch.
        let near = (0..9).map(|by| begin.cast_signed().saturating_add(by)).chain(0..30);
        let mut values: Vec<i64> = values(&timeline, &any).into_iter().chain(near).collect();
        if sorted {
            values.sort_unstable();
        }
        let (mut epoch, mut iter) = (vec![7; values.len()], vec![7; values.len()]);
        timeline.locate_all(Unit::Batch, 0, &values, &mut epoch, &mut iter, Invalid::Mask).unwrap();
        let mut found = vec![0.5; values.len()];
        let known = timeline.epoch_floats(&epoch, &iter, &mut found);
        let alone = |(epoch, iter): (&i64, &i64)| {
            let at = u64::try_from(*epoch).ok().zip(u64::try_from(*iter).ok());
            at.and_then(|(epoch, iter)| timeline.epoch_float(epoch, iter)).unwrap_or(f64::NAN)
        };
        let expected: Vec<f64> = epoch.iter().zip(&iter).map(alone).collect();
        let bits = |floats: &[f64]| floats.iter().map(|float| float.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&found), bits(&expected), "{:?}", values);
        prop_assert_eq!(known, expected.iter().all(|float| !float.is_nan()));
    }

    #[test]
    fn a_place_is_answered_or_refused(timeline in timelines(), epoch in counts(), iter in counts()) {
        for at in [Location { epoch, iter }, Location { epoch: epoch % 9, iter }, Location { epoch, iter: iter % 9 }] {
            for unit in LOCATED {
                if let Ok(index) = timeline.index(unit, at) {
                    prop_assert!(index <= MAX_COUNT);
                    match timeline.locate(unit, index) {
                        Ok(back) => prop_assert!(unit == Unit::Step || back == at, "{:?} {:?}", unit, back),
                        // The first sample of batches of unknown size has a number, and none of them a place.
                        Err(Error::Undetermined(_)) => prop_assert_eq!(unit, Unit::Sample),
                        // The batch that closes the last step of an open end may lie past the limit.
                        Err(Error::Overflow { .. }) => prop_assert_eq!(unit, Unit::Step),
                        Err(error) => prop_assert!(false, "{:?} {}: {}", unit, index, error),
                    }
                }
            }
        }
    }
}
