//! Ledgers by hand: complete, cut at every byte, and damaged at every byte.

use proptest::prelude::*;
use stepbridge_timeline::{Boundary, Entry, OnCut, Segment, Timeline, Unit};

use stepbridge_records::ProblemKind;

use crate::*;

/// `epochs` epochs of `batches` batches of 10 samples.
fn epochs(epochs: Option<u64>, batches: u64) -> Segment {
    Segment {
        epochs,
        batches: Some(batches),
        batch_size: Some(10),
        last_batch_size: None,
        samples: None,
        drop_last: false,
        accumulate: 1,
        boundary: Boundary::Flush,
        on_cut: OnCut::Carry,
        joins: false,
        cut: false,
        entry: Entry::Continue,
        stream: None,
        tokens_per_sample: None,
    }
}

fn part(batches: u64) -> Segment {
    Segment { joins: true, ..epochs(Some(1), batches) }
}

fn at(batch: u64, epochs: u64) -> Counts {
    Counts { batch, epochs, step: batch, sample: Some(10 * batch) }
}

fn session(session: u64, at: Counts, segments: &[Segment]) -> String {
    let supersedes = session.checked_sub(1).map(|before| Supersedes { session: before, from: at });
    write_line(&SessionLine {
        stepclock: VERSION,
        kind: LineKind::Session,
        session,
        time: 1000.5 * (1.0 + session_time(session)),
        name: "clock \"ä\"".into(),
        library: "0.1.0".into(),
        at,
        applied: Some(at.step),
        token: 0,
        padding: 0,
        segments: segments.to_vec(),
        tokens: Vec::new(),
        supersedes,
        after: None,
    })
}

fn session_time(session: u64) -> f64 {
    f64::from(u32::try_from(session).unwrap())
}

fn epoch(session: u64, epoch: u64, batch: u64, segments: &[Segment]) -> String {
    write_line(&EpochLine {
        kind: LineKind::Epoch,
        session,
        n: None,
        time: 1001.0,
        epoch,
        batch,
        step: batch,
        sample: Some(10 * batch),
        applied: Some(batch - 1),
        token: 0,
        padding: 0,
        end: EndOf::Exhausted,
        segments: segments.to_vec(),
        skipped: if epoch == 0 { vec![(2, 1)] } else { Vec::new() },
    })
}

fn change(session: u64, (epoch, iter): (u64, u64), batch: u64, segments: &[Segment]) -> String {
    let segments = segments.to_vec();
    write_line(&ChangeLine {
        kind: LineKind::Change,
        session,
        n: None,
        time: 1002.0,
        batch,
        epoch,
        iter,
        step: batch,
        segments,
        done: Vec::new(),
    })
}

fn logged_as(session: u64, unit: &str, base: u8, stated: bool) -> String {
    let logged = LoggedAs { unit: unit.into(), base, stated, by: "somebody".into() };
    write_line(&LoggedAsLine { kind: LineKind::LoggedAs, session, n: None, time: 1000.0, logged })
}

fn stop(session: u64, at: Counts) -> String {
    write_line(&StopLine {
        kind: LineKind::Stop,
        session,
        n: None,
        time: 1003.0,
        at,
        applied: None,
        token: 0,
        padding: 0,
        segments: Vec::new(),
    })
}

/// A run with all kinds of lines: 4 epochs of 5, a change in the third, a rewind to the second with another batch size.
fn lines() -> Vec<String> {
    vec![
        session(0, at(0, 0), &[epochs(Some(4), 5)]),
        logged_as(0, "st", 1, true),
        epoch(0, 0, 5, &[epochs(Some(1), 5)]),
        epoch(0, 1, 9, &[epochs(Some(1), 4)]),
        change(0, (2, 2), 11, &[part(7), epochs(Some(1), 9)]),
        epoch(0, 2, 18, &[epochs(Some(1), 2), part(7)]),
        stop(0, at(20, 3)),
        session(1, at(7, 1), &[epochs(Some(1), 5), epochs(Some(1), 2), part(3), epochs(Some(2), 8)]),
        epoch(1, 1, 10, &[part(3)]),
        change(1, (2, 0), 10, &[epochs(Some(3), 6)]),
        epoch(1, 2, 16, &[epochs(Some(1), 6)]),
    ]
}

fn read(text: &str) -> Ledger {
    Ledger::read(text.as_bytes(), "ledger").unwrap()
}

fn timeline(segments: &[Segment]) -> Timeline {
    Timeline::from_segments(segments.iter().copied()).unwrap()
}

#[test]
fn a_whole_ledger() {
    let ledger = read(&lines().concat());
    assert_eq!(ledger.problems, []);
    assert!(!ledger.open_line);
    let [first, second] = ledger.sessions.as_slice() else { panic!("two sessions") };
    let observed = [epochs(Some(1), 5), epochs(Some(1), 4), epochs(Some(1), 9), epochs(Some(1), 9)];
    assert_eq!(first.timeline, timeline(&observed));
    assert_eq!(second.timeline, timeline(&[epochs(Some(2), 5), epochs(Some(3), 6)]));
    assert_eq!((first.start, first.end), (at(0, 0), at(20, 3)));
    assert_eq!((second.start, second.end), (at(7, 1), at(16, 3)));
    assert_eq!((first.stopped, second.stopped), (true, false));
    assert_eq!(first.skipped, [(2, 1)]);
    assert_eq!(first.logged_as.as_ref().map(|it| (it.unit.as_str(), it.base, it.stated)), Some(("st", 1, true)));
    assert_eq!(second.supersedes, Some(Supersedes { session: 0, from: at(7, 1) }));
    assert_eq!((first.changes[0].batch, first.changes[0].iter), (11, 2));
    assert_eq!(first.name, "clock \"ä\"");
}

#[test]
fn what_is_planned_is_what_the_last_change_says() {
    let lines = lines();
    // In the third epoch, after the change.
    let first = &read(&lines[..5].concat()).sessions[0];
    let planned = [epochs(Some(1), 5), epochs(Some(1), 4), epochs(Some(2), 9)];
    assert_eq!(first.timeline, timeline(&planned));
    // Before it.
    assert_eq!(
        read(&lines[..4].concat()).sessions[0].timeline,
        timeline(&[epochs(Some(1), 5), epochs(Some(1), 4), epochs(Some(2), 5)])
    );
}

#[test]
fn cut_anywhere_it_is_what_the_whole_lines_say() {
    let lines = lines();
    let text = lines.concat();
    for cut in 0..text.len() {
        let Ok(ledger) = Ledger::read(&text.as_bytes()[..cut], "ledger") else { panic!("cut at {cut}") };
        let mut whole = 0;
        let mut begun = 0;
        for line in &lines {
            // A line is whole without its newline.
            if begun + line.len() - 1 > cut {
                break;
            }
            begun += line.len();
            whole += 1;
        }
        let expected = read(&lines[..whole].concat());
        assert_eq!(ledger.sessions, expected.sessions, "cut at {cut}");
        let torn = cut > begun;
        assert_eq!(ledger.problems.len(), usize::from(torn), "cut at {cut}");
        if torn {
            let problem = &ledger.problems[0];
            assert_eq!(
                (problem.kind, problem.offset),
                (ProblemKind::Truncated, Some(begun as u64)),
                "{cut}: {}",
                problem.reason
            );
            assert_eq!(problem.length, Some((cut - begun) as u64));
            assert!(ledger.open_line);
        }
    }
}

#[test]
fn a_torn_line_and_a_session_behind_it() {
    let lines = lines();
    for keep in 1..lines[3].len() - 1 {
        let text = [&lines[..3].concat(), &lines[3][..keep], "\n", &lines[7..].concat()].concat();
        let ledger = read(&text);
        assert_eq!(ledger.problems.len(), 1, "{keep}");
        assert_eq!(ledger.sessions[1], read(&lines.concat()).sessions[1]);
        if ledger.problems[0].kind == ProblemKind::Truncated {
            assert_eq!(ledger.sessions[0], read(&lines[..3].concat()).sessions[0]);
        } else {
            assert!(ledger.sessions[0].damaged, "{keep}");
        }
    }
}

/// Whatever a damaged ledger still says of a batch is what the complete one says.
fn says_nothing_else(damaged: &Ledger, whole: &Ledger) {
    for session in &damaged.sessions {
        let Some(truth) = whole.sessions.iter().find(|truth| truth.number == session.number) else {
            panic!("there is no session {}", session.number)
        };
        for batch in 0..60 {
            if let Ok(at) = session.timeline.locate(Unit::Batch, batch) {
                assert_eq!(Ok(at), truth.timeline.locate(Unit::Batch, batch), "batch {batch} of {}", session.number);
                let sample = |timeline: &Timeline| timeline.index(Unit::Sample, at);
                assert_eq!(sample(&session.timeline), sample(&truth.timeline));
            }
        }
    }
}

#[test]
fn a_byte_flipped_anywhere_is_reported_and_tells_nothing_wrong() {
    let text = lines().concat();
    let whole = read(&text);
    for at in 0..text.len() {
        for flip in [1, 2, 8, 32, 128, 255] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= flip;
            match Ledger::read(&bytes, "ledger") {
                Err(LedgerError::Newer { .. } | LedgerError::NoLedger { .. }) => {}
                Err(error) => panic!("{error}"),
                Ok(damaged) if damaged.problems.is_empty() => assert_eq!(damaged, whole, "byte {at}, {flip}"),
                Ok(damaged) => says_nothing_else(&damaged, &whole),
            }
        }
    }
}

#[test]
fn a_line_lost_anywhere_is_noticed_where_it_matters() {
    let lines = lines();
    let whole = read(&lines.concat());
    for lost in 0..lines.len() {
        let mut damaged = lines.clone();
        damaged[lost] = "{\"lost\n".into();
        let ledger = read(&damaged.concat());
        assert!(!ledger.problems.is_empty(), "{lost}");
        says_nothing_else(&ledger, &whole);
    }
}

#[test]
fn behind_a_lost_epoch_nothing_is_placed_until_a_session_says_all() {
    let mut lines = lines();
    lines[3] = "garbage\n".into();
    let ledger = read(&lines.concat());
    let kinds: Vec<_> = ledger.problems.iter().map(|problem| (problem.kind, problem.record)).collect();
    assert_eq!(kinds, [(ProblemKind::Corrupt, Some(3)), (ProblemKind::Corrupt, Some(4))]);
    assert!(ledger.problems[0].reason.contains("what session 0 planned is not known"), "{}", ledger.problems[0].reason);
    assert!(ledger.problems[1].reason.contains("5 batches in 1 epochs on record"), "{}", ledger.problems[1].reason);
    assert!(ledger.sessions[0].timeline.locate(Unit::Batch, 4).is_ok());
    assert!(ledger.sessions[0].timeline.locate(Unit::Batch, 5).is_err());
    assert_eq!(ledger.sessions[0].timeline.batches(), None);
    assert_eq!(ledger.sessions[1], read(&self::lines().concat()).sessions[1]);
}

#[test]
fn behind_a_lost_change_the_epochs_stand_and_the_plan_does_not() {
    let mut lines = lines();
    lines[9] = "garbage\n".into();
    let second = read(&lines.concat()).sessions.remove(1);
    assert_eq!(second.timeline.epoch_length(2), Some(6));
    assert_eq!(second.timeline.epochs(), None);
    // A change at a boundary states the plan again.
    lines.push(change(1, (3, 0), 16, &[epochs(Some(2), 6)]));
    assert_eq!(read(&lines.concat()).sessions[1].timeline, timeline(&[epochs(Some(2), 5), epochs(Some(3), 6)]));
}

#[test]
fn unknown_fields_and_kinds_are_passed_over_and_newer_versions_are_not() {
    let mut lines = lines();
    let more = lines[0].replace("\"crc\"", "\"was\"").replace("\"kind\"", "\"new\":[1],\"kind\"");
    lines[0] = more;
    lines.push(write_line(&serde_json::json!({"kind": "note", "session": 1, "time": 0.0})));
    assert_eq!(read(&lines.concat()).sessions, read(&self::lines().concat()).sessions);
    assert_eq!(read(&lines.concat()).problems, []);
    let newer = lines[0].replace("\"stepclock\":2", "\"stepclock\":3");
    let error = Ledger::read(newer.as_bytes(), "ledger").unwrap_err().to_string();
    assert_eq!(
        error,
        "'ledger' was written by a newer stepbridge (version 3 of the ledger, this one reads up to 2): upgrade stepbridge"
    );
}

#[test]
fn two_statements_that_contradict_are_none() {
    let lines = lines();
    let logged = |more: &[String]| read(&[&lines[..1], more].concat().concat()).sessions.remove(0).logged_as.unwrap();
    let stated = logged(&[logged_as(0, "st", 1, false), logged_as(0, "ba", 0, true), logged_as(0, "st", 1, false)]);
    assert_eq!((stated.unit.as_str(), stated.base, stated.stated), ("ba", 0, true));
    let stated = logged(&[logged_as(0, "ba", 0, true), logged_as(0, "st", 1, true)]);
    assert!(!stated.stated);
    assert!(stated.by.contains("states two ways"));
}

#[test]
fn two_writers_at_once_end_what_is_sure() {
    let lines = lines();
    let text = [&lines[..3], &lines[..1], &lines[3..5]].concat().concat();
    let ledger = read(&text);
    assert_eq!(ledger.problems.len(), 1);
    assert!(ledger.problems[0].reason.contains("two processes wrote at once"));
    assert!(ledger.sessions[0].timeline.locate(Unit::Batch, 5).is_err());
}

#[test]
fn lines_without_their_session() {
    let lines = lines();
    let ledger = read(&[&lines[..3], &lines[8..]].concat().concat());
    assert!(ledger.problems[0].reason.contains("the first line of its session, 1, is lost"));
    assert!(ledger.sessions[1].timeline.locate(Unit::Batch, 0).is_err());
    assert!((ledger.sessions[1].time - 1001.0).abs() < 1e-9);
}

#[test]
fn what_is_no_ledger() {
    for text in ["step,loss\n1,2\n", "{\"a\":1}\n"] {
        assert!(matches!(Ledger::read(text.as_bytes(), "x"), Err(LedgerError::NoLedger { .. })), "{text}");
    }
    assert_eq!(Ledger::read(b"", "x").unwrap(), Ledger::default());
}

proptest! {
    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Ledger::read(&bytes, "x");
    }

    #[test]
    fn any_lines_in_any_order_are_read_or_reported(picked in prop::collection::vec((0..11_usize, 0..400_usize), 0..30)) {
        let lines = lines();
        let text: String = picked.iter().map(|(line, cut)| {
            let line = &lines[*line];
            if *cut < line.len() && line.is_char_boundary(*cut) { line[..*cut].to_owned() + "\n" } else { line.clone() }
        }).collect();
        let _ = Ledger::read(text.as_bytes(), "x");
    }
}

#[test]
fn a_ledger_is_known_by_its_name_or_its_first_bytes() {
    for (name, head, expected) in [
        ("stepclock.jsonl", &b"damaged"[..], true),
        ("stepclock.jsonl", b"", true),
        ("run.jsonl", b"{\"stepclock\":1,", true),
        ("run.jsonl", b"{\"step\":1,", false),
    ] {
        assert_eq!(is_ledger(name, head), expected, "{name}");
    }
}
