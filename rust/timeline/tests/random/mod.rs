//! Random timelines of every kind: of any size up to the limit of counts, with ends and without, regular and not.
#![allow(dead_code, reason = "each test uses a part of it")]

use proptest::prelude::*;
use stepbridge_timeline::{Boundary, Change, Entry, MAX_COUNT, OnCut, Pending, Segment, Timeline};

/// A count of any magnitude: small ones often, and the neighbours of powers of two and of the limit.
pub(crate) fn counts() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 1..8_u64,
        1 => (0..63_u32, 0..3_u64).prop_map(|(bits, more)| ((1_u64 << bits) + more).min(MAX_COUNT)),
        1 => (0..5_u64).prop_map(|less| MAX_COUNT - less),
    ]
}

fn boundaries() -> impl Strategy<Value = Boundary> {
    prop_oneof![Just(Boundary::Flush), Just(Boundary::Carry), Just(Boundary::Drop), Just(Boundary::Spill)]
}

fn cuts() -> impl Strategy<Value = OnCut> {
    prop_oneof![Just(OnCut::Carry), Just(OnCut::Drop), Just(OnCut::Spill)]
}

fn entries() -> impl Strategy<Value = Entry> {
    prop_oneof![
        4 => Just(Entry::Continue),
        1 => Just(Entry::Flush),
        1 => Just(Entry::Drop),
        1 => (0..6_u64).prop_map(Entry::Phase),
    ]
}

/// What a batch holds: nothing known, so many samples, or what the whole epoch consumed.
#[derive(Debug, Clone, Copy)]
enum Size {
    Unknown,
    Batch(u64, u64),
    Epoch(u64),
}

fn sizes() -> impl Strategy<Value = Size> {
    prop_oneof![
        1 => Just(Size::Unknown),
        3 => (counts(), counts()).prop_map(|(size, last)| Size::Batch(size.max(last), last.min(size))),
        1 => counts().prop_map(Size::Epoch),
    ]
}

fn segments() -> impl Strategy<Value = Segment> {
    let shape = (counts(), prop_oneof![1 => Just(0), 9 => counts()], sizes(), counts());
    let rules = (boundaries(), cuts());
    (shape, rules, entries(), prop::bool::weighted(0.3), prop::bool::weighted(0.1)).prop_map(
        |((epochs, batches, size, accumulate), (boundary, on_cut), entry, joins, cut)| {
            let (batch_size, last_batch_size, samples) = match size {
                Size::Batch(size, last) => (Some(size), Some(last), None),
                Size::Epoch(samples) => (None, None, (batches > 0).then_some(samples.max(batches))),
                Size::Unknown => (None, None, None),
            };
            let entry = match entry {
                _ if batches == 0 => Entry::Continue,
                Entry::Phase(phase) => Entry::Phase(phase % accumulate),
                other => other,
            };
            Segment {
                epochs: Some(if joins { 1 } else { epochs }),
                batches: Some(batches),
                batch_size,
                last_batch_size,
                samples,
                drop_last: false,
                accumulate,
                boundary,
                on_cut,
                joins,
                cut,
                entry,
                stream: None,
                tokens_per_sample: None,
            }
        },
    )
}

/// How the last segment ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Bounded,
    Open,
    Unknown(Option<u64>),
}

/// Timelines; what is refused (too many of something, for one) is left out.
pub(crate) fn timelines() -> BoxedStrategy<Timeline> {
    let ends = prop_oneof![
        2 => Just(End::Bounded),
        2 => Just(End::Open),
        1 => prop::option::of(counts()).prop_map(End::Unknown),
    ];
    let drawn = (prop::collection::vec(segments().boxed(), 1..6), ends);
    drawn
        .prop_filter_map("refused", |(mut segments, end)| {
            segments[0].joins = false;
            for at in 1..segments.len() {
                if segments[at].joins {
                    // An epoch has one rule for its end.
                    segments[at].boundary = segments[at - 1].boundary;
                }
            }
            let last = segments.last_mut()?;
            match end {
                End::Bounded => {}
                End::Open => (last.epochs, last.cut, last.joins) = (None, false, false),
                End::Unknown(epochs) => {
                    (last.epochs, last.batches, last.last_batch_size, last.cut) = (epochs, None, None, false);
                }
            }
            Timeline::from_segments(segments).ok()
        })
        .boxed()
}

/// Changes of any kind; many are refused.
pub(crate) fn changes() -> impl Strategy<Value = Change> {
    let option = || prop::option::weighted(0.4, counts());
    let pending = prop::option::of(prop_oneof![
        Just(Pending::Flush),
        Just(Pending::Drop),
        Just(Pending::Carry),
        Just(Pending::Modulo),
        (0..4_u64).prop_map(Pending::Count),
    ]);
    (option(), option(), option(), option(), pending).prop_map(|(batch_size, accumulate, batches, samples, pending)| {
        Change { batch_size, accumulate, batches, samples, pending }
    })
}

/// What a loop does.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Begin,
    Count(u64),
    Change(Change),
    End(bool),
}

pub(crate) fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        1 => Just(Event::Begin),
        5 => (1..30_u64).prop_map(Event::Count),
        1 => changes().prop_map(Event::Change),
        1 => any::<bool>().prop_map(Event::End),
    ];
    prop::collection::vec(event, 1..12)
}
