//! Many batches counted as one event are what they are one by one, and take no longer than one.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod random;

use std::time::{Duration, Instant};

use proptest::prelude::*;
use random::{Event, events, timelines};
use stepbridge_timeline::{Change, Cursor, End, Error, Location, Plan, Quantity, Segment, Timeline, Unit};

/// All that a cursor shows.
#[derive(Debug, PartialEq)]
struct Shown {
    counts: (u64, u64, Option<u64>),
    at: (Option<Location>, Location),
    flags: [bool; 4],
    running: Vec<Segment>,
    planned: Vec<Segment>,
    timeline: Result<Timeline, Error>,
}

fn shown(cursor: &Cursor) -> Shown {
    Shown {
        counts: (cursor.batch(), cursor.step(), cursor.sample()),
        at: (cursor.location(), cursor.position()),
        flags: [cursor.in_epoch(), cursor.is_whole(), cursor.looks_ahead(), cursor.at_end()],
        running: cursor.running(),
        planned: cursor.planned(),
        timeline: cursor.timeline(),
    }
}

fn every() -> impl Iterator<Item = Quantity> {
    ["2st", "3ba", "5sp", "1ep", "1/2ep", "10%"].into_iter().map(|text| Quantity::parse(text).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn at_once_is_one_by_one(timeline in timelines(), events in events()) {
        let mut at_once = Cursor::new(&timeline, 0, 0).unwrap();
        at_once.begin_epoch().unwrap();
        for event in events {
            match event {
                Event::Begin => match at_once.begin_epoch() {
                    Err(Error::Overflow { .. }) => return Ok(()),
                    begun => {
                        begun.unwrap();
                    }
                },
                Event::Count(batches) => {
                    let mut singly = at_once.clone();
                    let (mut planned, mut closes, mut crossed) = (true, false, vec![Some(false); every().count()]);
                    let mut failed = None;
                    for _ in 0..batches {
                        match singly.advance(false) {
                            Ok(in_plan) => planned &= in_plan,
                            Err(error) => {
                                failed = Some(error);
                                break;
                            }
                        }
                        closes |= singly.closes_step();
                        for (crossed, quantity) in crossed.iter_mut().zip(every()) {
                            *crossed = crossed.zip(singly.crossed_every(quantity).ok()).map(|(before, now)| before | now);
                        }
                    }
                    match at_once.advance_many(batches) {
                        Err(error) => {
                            // Past a limit, or outside an epoch: it may say so before any of them is counted.
                            prop_assert_eq!(failed, Some(error));
                            return Ok(());
                        }
                        Ok(in_plan) => prop_assert_eq!((in_plan, failed), (planned, None)),
                    }
                    prop_assert_eq!(at_once.closes_step(), closes);
                    prop_assert_eq!(shown(&at_once), shown(&singly));
                    for (crossed, quantity) in crossed.into_iter().zip(every()) {
                        if let (Ok(found), Some(crossed), true) = (at_once.crossed_every(quantity), crossed, planned) {
                            prop_assert_eq!(found, crossed, "{}", quantity);
                        }
                    }
                }
                Event::Change(change) => {
                    let _ = at_once.change(&change);
                }
                Event::End(cut) => match at_once.end_epoch(if cut { End::Cut } else { End::Exhausted }) {
                    Err(Error::Overflow { .. }) => return Ok(()),
                    ended => {
                        ended.unwrap();
                    }
                },
            }
        }
    }
}

#[test]
fn as_many_as_there_can_be_take_no_time() {
    let plan = Plan { batches: Some(1 << 61), batch_size: Some(2), epochs: Some(1), accumulate: 3, ..Plan::default() };
    let ten = |at| Quantity::new(stepbridge_timeline::Ratio::whole(at), Unit::Batch).unwrap();
    let mut timeline = Timeline::plan(&plan).unwrap();
    for at in [10, 1000, 1 << 40] {
        let accumulate = Some(at % 7 + 2);
        let pending = Some(stepbridge_timeline::Pending::Carry);
        timeline = timeline.change(ten(at), &Change { accumulate, pending, ..Change::default() }).unwrap();
    }
    let mut cursor = Cursor::new(&timeline, 0, 0).unwrap();
    cursor.begin_epoch().unwrap();
    let begun = Instant::now();
    assert_eq!(cursor.advance_many(1_000_000_000_000), Ok(true));
    assert_eq!(cursor.advance_many(1 << 61), Ok(false));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(cursor.batch(), (1 << 61) + 1_000_000_000_000);
    assert_eq!(cursor.sample(), Some(2 * cursor.batch()));
}
