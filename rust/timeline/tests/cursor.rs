//! One number everywhere: what a cursor shows, what its timeline says, and what a cursor shows that begins there.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod random;

use proptest::prelude::*;
use random::{Event, events, timelines};
use stepbridge_timeline::{Answer, Cursor, End, Error, Quantity, Ratio, Timeline, Unit};

/// Steps and samples after so many batches.
fn counts(timeline: &Timeline, batches: u64) -> (u64, Option<u64>) {
    let at = Quantity::new(Ratio::whole(batches), Unit::Batch).unwrap();
    let number = |unit| match timeline.convert(at, unit).unwrap() {
        Answer::Exact(exact) => Some(exact.value.num()),
        Answer::Between(lower, _) => Some(lower.value.num()),
        _ => None,
    };
    (number(Unit::Step).unwrap(), number(Unit::Sample))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn one_number_everywhere(timeline in timelines(), events in events()) {
        let mut cursor = Cursor::new(&timeline, 0, 0).unwrap();
        cursor.begin_epoch().unwrap();
        for event in events {
            let before = cursor.step();
            let done = match event {
                Event::Begin => cursor.begin_epoch().map(|_| ()),
                Event::Count(batches) => cursor.advance_many(batches).map(|_| ()),
                Event::Change(change) => {
                    let _ = cursor.change(&change);
                    Ok(())
                }
                Event::End(cut) => {
                    cursor.end_epoch(if cut { End::Cut } else { End::Exhausted }).map(|_| ())
                }
            };
            match done {
                Err(Error::Overflow { .. } | Error::Invalid(_)) => return Ok(()),
                done => done.unwrap(),
            }
            prop_assert!(cursor.step() >= before, "a step was taken back");
            let Ok(seen) = cursor.timeline() else { return Ok(()) };
            let (steps, samples) = counts(&seen, cursor.batch());
            prop_assert_eq!(cursor.step(), steps, "after {:?}: {:?}", event, seen.segments());
            prop_assert_eq!(cursor.sample(), samples, "after {:?}: {:?}", event, seen.segments());
            let fresh = Cursor::new(&seen, cursor.batch(), cursor.position().epoch).unwrap();
            prop_assert_eq!(fresh.step(), steps);
            prop_assert_eq!(fresh.position(), cursor.position());
            prop_assert_eq!(fresh.timeline(), Ok(seen));
        }
    }
}
