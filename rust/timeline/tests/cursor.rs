//! One number everywhere: what a cursor shows, what its timeline says, and what a cursor shows that begins there.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod random;

use proptest::prelude::*;
use random::{Event, events, timelines};
use stepbridge_timeline::{Answer, Cursor, End, Error, Quantity, Ratio, Replay, Timeline, Unit};

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
            match fresh.timeline() {
                Err(Error::Overflow { .. }) => return Ok(()),
                again => prop_assert_eq!(again, Ok(seen)),
            }
        }
    }

    #[test]
    fn a_replay_of_the_record_is_what_happened(timeline in timelines(), events in events()) {
        let mut cursor = Cursor::new(&timeline, 0, 0).unwrap();
        let mut replay = Replay::new(&timeline, 0, 0);
        cursor.begin_epoch().unwrap();
        for event in events {
            let running = cursor.in_epoch();
            let epoch = cursor.position().epoch;
            let mut ended = false;
            let done = match &event {
                Event::Begin => {
                    ended = running;
                    cursor.begin_epoch().map(|_| ())
                }
                Event::Count(batches) => cursor.advance_many(*batches).map(|planned| {
                    if !planned {
                        // That the epoch goes on past its plan is recorded where it does.
                        let at = cursor.position();
                        assert!(replay.changes_at(at.epoch, at.iter, cursor.batch()));
                        let done = cursor.running_past_plan().unwrap_or_default();
                        replay.change(cursor.batch(), cursor.planned(), &done);
                        let (Ok(replayed), Ok(seen)) = (replay.timeline(), cursor.timeline()) else { return };
                        assert_eq!(replayed, seen, "past the plan");
                    }
                }),
                // After the end of the plan there is nothing that a change could be recorded with.
                Event::Change(_) if !cursor.in_epoch() && cursor.at_end() => continue,
                Event::Change(change) => cursor.change(change).map(|()| {
                    let at = cursor.position();
                    assert!(replay.changes_at(at.epoch, at.iter, cursor.batch()));
                    let done = cursor.running_past_plan().unwrap_or_default();
                    replay.change(cursor.batch(), cursor.planned(), &done);
                    let (Ok(replayed), Ok(seen)) = (replay.timeline(), cursor.timeline()) else { return };
                    assert_eq!(replayed, seen, "after {event:?}");
                }),
                Event::End(cut) => {
                    ended = running;
                    cursor.end_epoch(if *cut { End::Cut } else { End::Exhausted }).map(|_| ())
                }
            };
            match done {
                Err(_) if matches!(event, Event::Change(_)) => continue,
                Err(Error::Overflow { .. } | Error::Invalid(_)) => return Ok(()),
                done => done.unwrap(),
            }
            if ended {
                let parts = cursor.ended();
                prop_assert!(epoch >= replay.position().1, "an epoch was recorded twice");
                if replay.end_epoch(parts).is_err() {
                    return Ok(());
                }
                let (Ok(replayed), Ok(seen)) = (replay.timeline(), cursor.timeline()) else { return Ok(()) };
                prop_assert_eq!(replayed, seen, "after {:?}", event);
            }
        }
    }
}
